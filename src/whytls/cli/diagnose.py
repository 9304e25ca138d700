"""``whytls diagnose``: a few lines over ``whytls.diagnose``: reads the call, picks the report, tells how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any, get_args

from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError, WhytlsError
from whytls.model import Hop
from whytls.report.reading import Reading
from whytls.report.terminal import Style, style_of

if TYPE_CHECKING:
    from whytls.filters import Filters
    from whytls.model import Diagnosis
    from whytls.report.reading import Report
    from whytls.run import Run

FORMATS = ("text", "json", "jsonl", "csv")
TOPOLOGY = "whytls.toml"

WHO = (
    "which machine is what (address, network 10.0.9.0/24, :port or address:port; repeatable)",
    (
        Option(("--router",), "a Router: what clients connect to", "ADDRESS", repeat=True),
        Option(("--message-processor",), "a Message Processor: what connects to backends", "ADDRESS", repeat=True),
        Option(("--backend",), "a backend server", "ADDRESS", repeat=True),
        Option(("--topology",), "the same from a file, and the stores below (default: ./whytls.toml, if there)", "FILE", completes="file"),
    ),
)

COMMAND = Command(
    name="diagnose",
    title="why did TLS fail? reads a capture and names the cause of every failed handshake",
    usage="whytls diagnose FILE... [options]",
    text="Reads captures and says of every failed TLS handshake why it failed, on which hop, who can fix it and how.",
    argument="FILE",
    argument_help="pcap or pcapng, plain or gzip, zstd, xz; a folder; - for a pipe",
    completes="file",
    groups=(
        WHO,
        (
            "what is known besides",
            (
                Option(("--keystore",), "what a side presents: router=store.p12; PEM, PKCS #12, JKS, nginx.conf, folder", "SIDE=STORE", repeat=True),
                Option(("--truststore",), "what it trusts; also system, java. SIDE: client, router, message-processor, backend; "
                       "or server, where no gateway is known", "SIDE=STORE", repeat=True),
                Option(("--trust",), "truststore of the side that rejected, whichever it is", "STORE", completes="file"),
                Option(("--password-env",), "environment variable with the password of a side's stores", "SIDE=NAME", repeat=True),
                Option(("--password-file",), "file with it in its first line", "SIDE=FILE", repeat=True),
                Option(("--edge",), "the gateway: https://HOST/v1/o/ORG/e/ENV, or what configures it (folder, file); "
                       "gives hop and stores, and verdicts name its resources", "GATEWAY", completes="file"),
                Option(("--edge-config",), "file with a table [edge]: who we are to that API (else: environment, .netrc)", "FILE", completes="file"),
                Option(("--at",), "judge certificates at this time, not at that of the capture", "TIME"),
            ),
        ),
        (
            "which handshakes (several values of one option: any of them)",
            (
                Option(("--host",), "client or server has this address, or is in this network", "ADDRESS", repeat=True),
                Option(("--port",), "client or server has this port", "PORT", repeat=True),
                Option(("--sni",), 'server name, with * and ?; "" is a ClientHello without one', "NAME", repeat=True),
                Option(("--cause",), "this cause (whytls explain lists them)", "CAUSE", repeat=True, completes="slug"),
                Option(("--hop",), "on this hop; direct: no gateway known", repeat=True, choices=get_args(Hop)),
                Option(("--since",), "began then or later: 2026-03-01T09:30 (UTC), or seconds since 1970", "TIME"),
                Option(("--until",), "began before this time", "TIME"),
                Option(("--all",), "also those that did not fail"),
            ),
        ),
        (
            "done again with the live servers (whytls replay tells more)",
            (
                Option(("--replay",), "send every failed ClientHello again and find out which change it takes; only where the next two point"),
                Option(("--to",), "send all of them to this server", "HOST[:PORT]"),
                Option(("--allow",), "send each to its own server, where that is in this network; repeatable", "NETWORK", repeat=True),
                Option(("--dry-run",), "with --replay: say what would be sent where, and contact nobody"),
            ),
        ),
        (
            "output",
            (
                Option(("--verbose", "-v"), "all evidence, alternatives and fixes, with what can be copied"),
                Option(("--show",), "draw the handshake that has frame N, message by message", "N"),
                Option(("--format",), "text, the default, is for people; jsonl is a line for each", choices=FORMATS, default="text"),
                Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file"),
                Option(("--extract-certs",), "write the certificates that each side sent into it", "DIR", completes="directory"),
                COLOUR,
                Option(("--no-progress",), "no progress bar"),
            ),
        ),
    ),
    examples=(
        ("whytls diagnose edge.pcap", "every failure, identical ones folded"),
        ("whytls diagnose edge.pcap --show 4 -v", "one handshake, message by message"),
        ("tcpdump -i any -s 0 -w - host 10.0.9.12 | whytls diagnose -", "while it happens"),
        ("whytls diagnose edge.pcap --router 10.0.1.5 --message-processor 10.0.1.7", "names the hop"),
        ("whytls diagnose edge.pcap --truststore message-processor=trust.jks", "proves that a CA is missing"),
        ("whytls diagnose edge.pcap --edge https://mgmt.example.com/v1/o/acme/e/prod", "names virtual host, keystore and alias"),
        ("whytls diagnose edge.pcap --format jsonl | jq .cause", "for programs"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Diagnose what the call names; the value is the exit code."""
    values = read(COMMAND, arguments)
    paths = _paths(values["argument"])
    filters = _filters(values)
    if values["show"] and values["format"] != "text":
        raise UsageError("--show draws for people", hint="leave --format out")
    if not values["replay"] and (values["to"] or values["allow"] or values["dry_run"]):
        raise UsageError("--to, --allow and --dry-run say where a replay may go", hint="--replay")
    progress = None
    out = _output(values["output"], paths)
    try:
        progress = _progress(values, out, "-" in paths)
        started = _start(values, paths, filters, progress)
        style = style_of(out, values["color"])
        if values["show"]:
            return _show(started, values, style, out.write)
        if values["replay"]:
            from whytls.cli.replay import replays_of

            with replays_of(values) as replays:
                if values["dry_run"]:
                    return replays.tell(started, out, style)
                return _report(started, values, paths, style, out, progress, replays.redone)
        return _report(started, values, paths, style, out, progress)
    finally:
        if progress is not None:
            progress.close()
        if out is not sys.stdout:
            out.close()


def _start(values: dict[str, Any], paths: list[str], filters: Filters | None, progress: Any) -> Run:
    from whytls.api import diagnose

    return diagnose(
        *paths,
        router=values["router"],
        message_processor=values["message_processor"],
        backend=values["backend"],
        topology=values["topology"] or (TOPOLOGY if os.path.isfile(TOPOLOGY) else None),
        trust=values["trust"],
        keystore=values["keystore"],
        truststore=values["truststore"],
        password_env=values["password_env"],
        password_file=values["password_file"],
        at=values["at"],
        edge=values["edge"],
        edge_config=values["edge_config"],
        all=bool(values["all"] or values["show"] or values["extract_certs"]),
        filters=filters,
        progress=progress,
    )


def _report(
    started: Run, values: dict[str, Any], paths: list[str], style: Style, out: IO[str], progress: Any,
    redone: Callable[[Diagnosis], Diagnosis] | None = None,
) -> int:  # fmt: skip
    live = "-" in paths
    report = _reporter(values, style, out, live, 2 if len(paths) > 1 or os.path.isdir(paths[0]) else 1)
    folder = _folder(values["extract_certs"])
    stopped, error = False, None
    if live:
        _let_the_pipe_end()
    try:
        for diagnosis in started if redone is None else map(redone, started):
            if folder is not None:
                folder.add(diagnosis)
            if diagnosis.cause is not None or values["all"]:
                report.add(diagnosis)
                if live:
                    out.flush()
    except KeyboardInterrupt:
        stopped = True
    except WhytlsError as problem:
        error = str(problem)
    if progress is not None:
        progress.close()
    warnings = [*started.warnings, *(folder.close() if folder is not None else ())]
    nothing = started.tally.packets == 0
    if error is None or not nothing or values["format"] != "text":  # where nothing was read, the error says all
        report.close(Reading(started.tally, warnings, any(values[name] for name in _FILTERS), stopped, error))
    out.flush()
    ending = _ending(report, values, warnings, stopped, error)
    return 2 if ending == 0 and nothing and started.warnings else ending  # damaged before its first packet: nothing was read


def _ending(report: Report, values: dict[str, Any], warnings: Sequence[str], stopped: bool, error: str | None) -> int:
    from whytls.cli.main import INTERRUPTED, complain

    if values["format"] in ("jsonl", "csv"):  # these have no place for notes
        for warning in warnings[:20]:
            complain(f"note: {warning}")
    if error is not None:
        return complain(error)
    if stopped:
        return INTERRUPTED
    return 1 if report.failed else 0


def _reporter(values: dict[str, Any], style: Style, out: IO[str], live: bool, files: int) -> Report:
    if values["format"] in ("json", "jsonl"):
        from whytls.report.json import JsonReport

        return JsonReport(out.write, lines=values["format"] == "jsonl")
    if values["format"] == "csv":
        from whytls.report.table import TableReport

        return TableReport(out.write)
    from whytls.report.text import TextReport

    return TextReport(out.write, style, verbose=values["verbose"], follow=live, files=files)


def _show(started: Run, values: dict[str, Any], style: Style, write: Callable[[str], object]) -> int:
    from whytls.report.ladder import draw, find, ladder
    from whytls.report.text import block

    diagnosis = find(started, values["show"])
    lines = draw(ladder(diagnosis.handshake, diagnosis.hop), style, verbose=values["verbose"]) if diagnosis.handshake else []
    for line in [*lines, "", *block(diagnosis, style, verbose=True)]:
        write(style.sign(line) + "\n")
    return 1 if diagnosis.cause is not None else 0


def _paths(given: Sequence[str]) -> list[str]:
    if not given:
        raise UsageError("which capture?", hint="whytls diagnose edge.pcap, or - for a pipe")
    if "-" in given and sys.stdin.isatty():
        raise UsageError("nothing is piped in", hint="tcpdump -i any -s 0 -w - | whytls diagnose -")
    return list(given)


_FILTERS = ("host", "port", "sni", "cause", "hop", "since", "until")


def _filters(values: dict[str, Any]) -> Filters | None:
    if not any(values[name] for name in _FILTERS):
        return None
    from whytls.filters import Filters

    if values["cause"]:
        from whytls.causes import RETIRED, slugs

        known = slugs()
        values["cause"] = [RETIRED.get(slug, slug) for slug in values["cause"]]
        for slug in values["cause"]:
            if slug not in known:
                from difflib import get_close_matches

                near = ", ".join(get_close_matches(slug, known, 3, 0.4))
                hint = f"did you mean {near}?" if near else "whytls explain lists them"
                raise UsageError(f"there is no cause {slug!r}", hint=hint)
    return Filters.of(**{name: values[name] for name in _FILTERS})


def _output(path: str | None, paths: Sequence[str]) -> IO[str]:
    if path is None or path == "-":
        return sys.stdout
    if os.path.exists(path) and any(p != "-" and os.path.exists(p) and os.path.samefile(p, path) for p in paths):
        raise UsageError(f"{path} is the capture itself", hint="--output names the file to be written")
    return open(path, "w", encoding="utf-8", errors="backslashreplace")


def _progress(values: dict[str, Any], out: IO[str], live: bool) -> Any:
    if values["no_progress"] or live or not sys.stderr.isatty():
        return None
    if values["format"] != "text" and out.isatty():  # lines come while it reads, and would run through the bar
        return None
    from whytls.cli.progress import Progress

    return Progress()


def _folder(path: str | None) -> Any:
    if path is None:
        return None
    from whytls.report.certificates import CertificateFolder

    return CertificateFolder(path)


def _let_the_pipe_end() -> None:
    """The first Ctrl-C ends tcpdump in front of the pipe; we read what it still writes, and judge. The second one stops us."""
    import signal

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("whytls: judging what was read; Ctrl-C again stops at once", file=sys.stderr)

    try:
        signal.signal(signal.SIGINT, first)
    except ValueError:  # called from a thread of a Python program, which keeps its own way with signals
        pass
