"""``whytls replay``: a few lines over ``whytls.replay``: reads the call, picks the report, tells how it ended."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

from whytls.cli import passwords, reaching
from whytls.cli.check import output
from whytls.cli.diagnose import TOPOLOGY, WHO
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError, WhytlsError
from whytls.report.terminal import style_of

if TYPE_CHECKING:
    from whytls.live import Replay
    from whytls.model import Diagnosis
    from whytls.report.terminal import Style
    from whytls.surveying.replaying import Replays

FORMATS = ("text", "json", "jsonl")
TO = Option(("--to",), "send it to this server, whatever the recording says", "HOST[:PORT]")
ALLOW = Option(("--allow",), "send it to its own server, where that is in this network; repeatable", "NETWORK", repeat=True)

COMMAND = Command(
    name="replay",
    title="sends a recorded ClientHello to the live server again, changes one thing at a time, and proves the cause",
    usage="whytls replay CAPTURE#N (--to HOST:PORT | --allow NETWORK) [options]",
    text="Does a failed handshake of a capture again with the live server: first as it was, to see that it still fails the same way; then with\n"
    "one thing changed at a time, until it goes through. The smallest change that lets it through is the cause, proven. It goes only where\n"
    "--to or --allow points.",
    argument="CAPTURE#N",
    argument_help="a capture and a frame of the handshake (whytls diagnose shows it); without #N every handshake that failed",
    completes="file",
    groups=(
        (
            "where it may go",
            (
                TO,
                ALLOW,
                Option(("--starttls",), "protocol that is spoken before TLS; by default as in the recording", choices=reaching.DIALECTS),
                Option(("--dry-run",), "say what would be sent where, and contact nobody"),
            ),
        ),
        (
            "what is known besides",
            (
                Option(("--name",), "a server name to try; also those that the recording shows are tried", "NAME", repeat=True),
                Option(("--cert",), "client certificate to present: a store with its key, or a certificate and --key", "STORE", completes="file"),
                Option(("--cert-alias",), "which of several in that store", "ALIAS"),
                Option(("--key",), "its private key, where it lies in a file of its own", "FILE", completes="file"),
                *passwords.options("", "the client certificate's store"),
                *passwords.options("key-", "its private key, where it has its own"),
                Option(("--trust",), "truststore of the side that rejected, whichever it is", "STORE", completes="file"),
                Option(("--at",), "judge certificates at this time, not at that of the capture", "TIME"),
            ),
        ),
        WHO,
        (
            "bounds",
            (
                Option(("--connections",), "at most so many for one failure (default: 20)", "N"),
                Option(("--rate",), "at most so many in a second (default: as they come)", "N"),
                Option(("--timeout",), "seconds to wait for a connection, and for each answer (default: 5)", "SECONDS"),
            ),
        ),
        (
            "output",
            (
                Option(("--verbose", "-v"), "all evidence, alternatives and fixes, with what can be copied"),
                Option(("--attempts",), "every attempt, message by message"),
                Option(("--format",), "text, the default, is for people; jsonl is a line for each", choices=FORMATS, default="text"),
                Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file"),
                COLOUR,
            ),
        ),
    ),
    examples=(
        ("whytls replay edge.pcap#4 --to 10.0.9.12:443", "the handshake with frame 4, at that server"),
        ("whytls replay edge.pcap#4 --to 10.0.9.12:443 --dry-run", "what would be sent"),
        ("whytls replay edge.pcap --allow 10.0.9.0/24", "every failure, each at its own server, if it is there"),
        ("whytls diagnose edge.pcap --replay --allow 10.0.9.0/24", "the same, as diagnoses"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Replay what the call names; the value is the exit code."""
    values = read(COMMAND, arguments)
    if not values["argument"]:
        raise UsageError("which failure?", hint="whytls replay edge.pcap#4 --to HOST:PORT")
    started = _start(values)
    path = values["output"]
    if path is not None and any(os.path.exists(path) and _capture(one) == os.path.realpath(path) for one in values["argument"]):
        raise UsageError(f"{path} is the capture itself", hint="--output names the file to be written")
    with output(path, ()) as out:
        return reaching.told(started.plan(), values, out, "    ") if values["dry_run"] else _report(started, values, out)


def _capture(failure: str) -> str:
    capture, _, frame = failure.rpartition("#")
    return os.path.realpath(capture if capture and frame.isdecimal() else failure)


def _start(values: dict[str, Any]) -> Replay:
    from whytls.live import replay

    return replay(
        *values["argument"],
        to=values["to"],
        allow=values["allow"],
        name=values["name"],
        starttls=values["starttls"],
        router=values["router"],
        message_processor=values["message_processor"],
        backend=values["backend"],
        topology=values["topology"] or (TOPOLOGY if os.path.isfile(TOPOLOGY) else None),
        trust=values["trust"],
        at=values["at"],
        cert=values["cert"],
        key=values["key"],
        cert_alias=values["cert_alias"],
        password=passwords.given(values, "", "the client certificate's store"),
        key_password=passwords.given(values, "key_", "the private key"),
        timeout=reaching.number(values["timeout"], "--timeout", 5.0),
        connections=int(reaching.number(values["connections"], "--connections", 20, whole=True)),
        rate=reaching.number(values["rate"], "--rate", 0.0),
    )


def _report(started: Replay, values: dict[str, Any], out: IO[str]) -> int:
    from whytls.cli.main import INTERRUPTED, complain

    report, stopped, error = _reporter(values, out), False, None
    try:
        for redone in started:
            report.add(redone)
            out.flush()
    except KeyboardInterrupt:
        stopped = True
    except WhytlsError as problem:
        error = str(problem)
    report.close(started.warnings, error)
    out.flush()
    if error is not None:
        return complain(error)
    if stopped:
        return INTERRUPTED
    return 1 if report.failed else 0


def _reporter(values: dict[str, Any], out: IO[str]) -> Any:
    if values["format"] != "text":
        from whytls.report.replay_json import ReplayJson

        return ReplayJson(out.write, lines=values["format"] == "jsonl", attempts=values["attempts"])
    from whytls.report.replay import ReplayReport

    return ReplayReport(out.write, style_of(out, values["color"]), verbose=values["verbose"], attempts=values["attempts"])



class _Replays:
    """Replays in the course of ``whytls diagnose``: each failure is done again where that is allowed, and shown as it is then."""

    def __init__(self, replays: Replays) -> None:
        self._replays = replays

    def __enter__(self) -> _Replays:
        self._replays.__enter__()
        return self

    def __exit__(self, *ended: object) -> None:
        self._replays.__exit__(*ended)

    def redone(self, diagnosis: Diagnosis) -> Diagnosis:
        """The diagnosis with what the replay shows; one that cannot be done again says why."""
        if diagnosis.cause is None:
            return diagnosis
        found = self._replays.redo_if_allowed(diagnosis)
        return found.diagnosis if not found.note else diagnosis._replace(warnings=(*diagnosis.warnings, found.note))

    def tell(self, diagnoses: Iterable[Diagnosis], out: IO[str], style: Style) -> int:
        """What would be sent where."""
        from whytls.report.visible import visible

        for diagnosis in diagnoses:
            for line in self._replays.planned_if_allowed(diagnosis) if diagnosis.cause is not None else ():
                out.write(style.sign("\n".join(style.fit(visible(line), "", "    "))) + "\n")
        return 0


def replays_of(values: dict[str, Any]) -> _Replays:
    """What does failures again, as the options of ``whytls diagnose`` say."""
    from whytls.live import replays

    return _Replays(replays(values["to"], values["allow"]))
