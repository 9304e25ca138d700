"""The first word: finds the command, imports only that one, and sees that nothing but a plain line ends a failed call.

Exit codes: 0 nothing failed, 1 failures were found, 2 the input or the call was wrong (or we have a bug). A call
that is broken off ends as the shell expects it: 130 after Ctrl-C, 141 when nobody reads the output any more.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from whytls.exceptions import UsageError, WhytlsError

# The only list of commands: module of this package, and its line in the overview.
COMMANDS = {
    "diagnose": "why did TLS fail? reads a capture and names the cause of every failed handshake",
    "probe": "asks a live server: what it accepts, whom it lets through, and why it refuses the others",
    "replay": "sends a recorded ClientHello to the live server again, changes one thing at a time, and proves the cause",
    "check": "certificates, chains, keystores and truststores: what is wrong with them",
    "edge": "a gateway's environment, by its Management API or from files: what is in it, and as a folder",
    "audit": "a gateway's environment before anything fails: every virtual host, target and store, the worst first",
    "gateway": "a gateway on this machine that is set up as Apigee Edge is, fails as Edge does, and says why",
    "fix": "the exact artefact for a verdict on a gateway; applied and undone through its Management API",
    "demo": "the runbook's failures on both hops of that gateway: provoked, explained, mended, and the 200 after it",
    "explain": "what a cause means, how it looks and how it is fixed",
    "completion": "prints a completion script for your shell",
    "version": "prints the version",
}
INTERRUPTED, NOBODY_READS = 130, 141

OVERVIEW = """\
whytls – why did TLS fail?

usage: whytls COMMAND ...

{commands}

examples:
  whytls diagnose edge.pcap
  tcpdump -i any -s 0 -w - host 10.0.9.12 | whytls diagnose -
  whytls replay edge.pcap#4 --to 10.0.9.12:443
  whytls probe api.example.com
  whytls check keystore.p12 --trust truststore.jks
  whytls explain sni-missing

whytls COMMAND --help tells more.
exit codes: 0 nothing failed, 1 failures found, 2 the input or the call was wrong.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the value is the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        _collect_seldom()
    try:
        _prepare_output()
        code = run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _let_go_of_output()
        return NOBODY_READS
    except KeyboardInterrupt:
        return INTERRUPTED
    except WhytlsError as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}")
    except Exception as error:
        return _our_bug(error)


def run(words: Sequence[str]) -> int:
    """Run the command that the first word names."""
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[0] == "help" and words[1] in COMMANDS:
            return run([words[1], "--help"])
        print(overview(), end="")
        return 0 if words else 2
    word = "version" if words[0] in ("--version", "-V") else words[0]
    if word not in COMMANDS:
        raise _unknown(word)
    try:
        code: int = import_module(f"whytls.cli.{word}").run(list(words[1:]))
    except SystemExit as ended:  # argparse, after --help
        return ended.code if isinstance(ended.code, int) else 0
    return code


def overview() -> str:
    """The text of ``whytls --help``."""
    wide = max(len(name) for name in COMMANDS)
    return OVERVIEW.format(commands="\n".join(f"  {name:<{wide}}  {title}" for name, title in COMMANDS.items()))


def complain(problem: str) -> int:
    """One line on stderr; the value is the exit code for it."""
    from whytls.report.visible import visible

    try:
        sys.stdout.flush()
    except OSError:
        _let_go_of_output()  # what cannot be written any more is not tried again when Python ends
    try:
        print(f"whytls: {visible(problem)}", file=sys.stderr)
    except OSError:
        pass
    return 2


def _unknown(word: str) -> UsageError:
    if os.path.exists(word):
        return UsageError(f"{word!r} is no command", hint=f"did you mean: whytls {'check' if _holds_certificates(word) else 'diagnose'} {word}")
    host, _, port = word.rpartition(":")
    if host and port.isdigit():
        return UsageError(f"{word!r} is no command", hint=f"did you mean: whytls probe {word}")
    from difflib import get_close_matches

    near = get_close_matches(word, COMMANDS, 1)
    return UsageError(f"{word!r} is no command", hint=f"did you mean {near[0]}?" if near else "whytls --help lists them")


def _holds_certificates(path: str) -> bool:
    """Whether a file begins like certificates or a store of them, and not like a capture."""
    try:
        with open(path, "rb") as file:
            begin = file.read(4096)
    except OSError:
        return False
    return begin[:1] == b"\x30" or begin[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce") or b"-----BEGIN " in begin


def _our_bug(error: Exception) -> int:
    """Whatever is none of our own errors is a mistake of ours: said shortly, in full where somebody looks for it."""
    if os.environ.get("WHYTLS_DEBUG"):
        import traceback

        traceback.print_exc()
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" in {os.path.basename(frame.tb_frame.f_code.co_filename)}, line {frame.tb_lineno}" if frame else ""
    said = " ".join(str(error).split())[:200]
    return complain(
        f"this is a bug in whytls: {type(error).__name__}{place}{f': {said}' if said else ''} "
        "(run it again with WHYTLS_DEBUG=1 for the details, and please report them)"
    )


def _collect_seldom() -> None:
    # A call makes few cycles and ends soon: looking for them, most of all once more through everything when Python ends, costs 7 % of it.
    gc.set_threshold(100_000, 50, 100)
    atexit.register(gc.freeze)


def _prepare_output() -> None:
    # A name on the wire can hold what the output's encoding cannot: it is written as an escape, and never ends the report.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    # Python flushes stdout once more when it ends, and would complain about the closed pipe (docs.python.org, "SIGPIPE").
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass
