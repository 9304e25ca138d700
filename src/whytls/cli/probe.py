"""``whytls probe``: a few lines over ``whytls.probe``: reads the call, picks the report, tells how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from whytls.cli import passwords, reaching
from whytls.cli.check import output
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError, WhytlsError
from whytls.report.terminal import style_of

if TYPE_CHECKING:
    from whytls.surveying.run import Probe

FORMATS = ("text", "json", "jsonl")
PARTS = ("suites", "names", "groups", "alpn", "resumption", "client-certificate", "clients")

COMMAND = Command(
    name="probe",
    title="asks a live server: what it accepts, whom it lets through, and why it refuses the others",
    usage="whytls probe HOST[:PORT]... [options]",
    text="Makes handshakes of its own with a server, as few as the answer allows, and says what it accepts: versions, cipher suites, groups,\n"
    "certificates, names, client certificates; which clients get through; and where none does, why.",
    argument="HOST[:PORT]",
    argument_help="a name or address, [ADDRESS]:PORT, https://HOST, smtp://HOST, unix:/path; without a port 443",
    groups=(
        (
            "how it is reached",
            (
                reaching.NAME,
                *reaching.WAY,
                Option(("--all-addresses",), "every address of the name, not only the first that answers"),
            ),
        ),
        (
            "what is known besides",
            (
                Option(("--cert",), "client certificate to present: a store with its key, or a certificate and --key", "STORE", completes="file"),
                Option(("--cert-alias",), "which of several in that store", "ALIAS"),
                Option(("--key",), "its private key, where it lies in a file of its own", "FILE", completes="file"),
                *passwords.options("", "the client certificate's store"),
                *passwords.options("key-", "its private key, where it has its own"),
                Option(("--trust",), "the clients' anchors: any store; or system, java (else: not judged)", "STORE", completes="file"),
                Option(("--with",), "other certificates at hand, from which chains are completed", "FILE", repeat=True, completes="file"),
                Option(("--at",), "judge certificates for this time instead of now", "TIME"),
            ),
        ),
        (
            "what is asked",
            (
                Option(("--client",), "send this client's hello: java-17, edge.pcap#4, or all (--clients lists them)", "CLIENT", repeat=True),
                Option(("--clients",), "list the clients that are known"),
                Option(("--compare",), "another server: what differs (VIP against backend, staging against production)", "HOST[:PORT]"),
                Option(("--without",), "leave this part out", repeat=True, choices=PARTS),
                *reaching.BOUNDS,
            ),
        ),
        (
            "output",
            (
                Option(("--verbose", "-v"), "every suite and client by name, fixes with what can be copied"),
                Option(("--attempts",), "every attempt, message by message"),
                Option(("--dry-run",), "say what would be contacted and asked, and contact nobody"),
                Option(("--format",), "text, the default, is for people; jsonl is a line for each", choices=FORMATS, default="text"),
                Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file"),
                COLOUR,
                Option(("--no-progress",), "no progress bar"),
                Option(("--fail-on-warning",), "exit code 1 also where there are only warnings"),
            ),
        ),
    ),
    examples=(
        ("whytls probe api.example.com", "what it accepts, and whom it lets through"),
        ("whytls probe 10.0.9.12:8443 --name api.example.com", "by address, with the name that clients send"),
        ("whytls probe api.example.com --client java-8 --client edge.pcap#4", "would these get through?"),
        ("whytls probe api.example.com --cert client.p12 --password-env P12_PASSWORD", "with a client certificate"),
        ("whytls probe api.example.com --compare staging.example.com", "what differs"),
        ("whytls probe smtp://mail.example.com imap://mail.example.com", "STARTTLS; many servers at once"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Probe what the call names; the value is the exit code."""
    values = read(COMMAND, arguments)
    if values["clients"]:
        return _list_clients(values)
    if not values["argument"]:
        raise UsageError("which server?", hint="whytls probe HOST:PORT")
    if values["attempts"] and values["format"] == "text" and len(values["argument"]) > 20:
        raise UsageError("--attempts draws every message of every connection", hint="name fewer servers, or --format json")
    with output(values["output"], ()) as out:
        progress = _progress(values, out)
        try:
            started = _start(values, progress)
            return reaching.told(started.plan(), values, out, "  ") if values["dry_run"] else _report(started, values, out, progress)
        finally:
            if progress is not None:
                progress.close()


def _start(values: dict[str, Any], progress: Any) -> Probe:
    from whytls.live import probe

    return probe(
        *values["argument"],
        **reaching.way(values),
        all_addresses=values["all_addresses"],
        cert=values["cert"],
        key=values["key"],
        cert_alias=values["cert_alias"],
        key_password=passwords.given(values, "key_", "the private key"),
        password=passwords.given(values, "", "the client certificate's store"),
        trust=values["trust"],
        with_=values["with"],
        at=values["at"],
        client=values["client"],
        compare=values["compare"],
        without=values["without"],
        progress=progress,
    )


def _report(started: Probe, values: dict[str, Any], out: IO[str], progress: Any) -> int:
    from whytls.cli.main import INTERRUPTED, complain

    report, stopped, error = _reporter(values, out), False, None
    try:
        for survey in started:
            if progress is not None:
                progress.close()  # what comes now would run through it
            report.add(survey)
            out.flush()
    except KeyboardInterrupt:
        stopped = True
    except WhytlsError as problem:
        error = str(problem)
    if progress is not None:
        progress.close()
    unasked = [*map(str, started.errors), *([error] if error is not None else [])]
    report.close(started.warnings, "; ".join(unasked) or None)
    out.flush()
    for text in unasked:
        complain(text)
    if unasked:
        return 2
    if stopped:
        return INTERRUPTED
    lost = started.named_clients_lost  # who names a client wants to know whether it gets through
    return 1 if report.failed or lost or (values["fail_on_warning"] and report.warned) else 0


def _reporter(values: dict[str, Any], out: IO[str]) -> Any:
    if values["format"] != "text":
        from whytls.report.survey_json import SurveyJson

        return SurveyJson(out.write, lines=values["format"] == "jsonl", attempts=values["attempts"])
    from whytls.report.survey import SurveyReport

    return SurveyReport(out.write, style_of(out, values["color"]), verbose=values["verbose"], attempts=values["attempts"])



def _list_clients(values: dict[str, Any]) -> int:
    from whytls.report.clients import listing

    for line in listing(style_of(sys.stdout, values["color"])):
        print(line)
    return 0


def _progress(values: dict[str, Any], out: IO[str]) -> Any:
    if values["no_progress"] or values["dry_run"] or not sys.stderr.isatty() or (values["format"] != "text" and out.isatty()):
        return None
    from whytls.cli.progress import Progress

    return Progress("asking", counted="servers")
