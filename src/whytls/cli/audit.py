"""``whytls audit``: a few lines over ``whytls.audit``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from whytls.cli.check import number, output
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError
from whytls.report.terminal import style_of

if TYPE_CHECKING:
    from whytls.edge.audit.run import Audit

FORMATS = ("text", "json", "jsonl")
CLEARED = "\r\x1b[K"
EDGE_CONFIG = Option(
    ("--edge-config",), "file with a table [edge]: who we are to the Management API (else: environment, .netrc)", "FILE", completes="file"
)

COMMAND = Command(
    name="audit",
    title="a gateway's environment before anything fails: every virtual host, target and store, the worst first",
    usage="whytls audit GATEWAY [--probe] [options]",
    text="Judges an environment of Apigee Edge: chains, dates and names of what is presented, truststores, protocols and cipher suites, stores\n"
    "that are named and missing, or there and unused. --probe asks the backends what they accept. It only reads from the gateway.",
    argument="GATEWAY",
    argument_help="https://HOST/v1/o/ORG/e/ENV; a folder or file: an export, edge.json, proxy bundle, nginx.conf, properties; #ENV chooses one",
    groups=(
        (
            "what is asked",
            (
                Option(("--probe",), "make handshakes with every backend that a target names, and compare"),
                Option(("--timeout",), "with --probe: seconds to wait for a connection, and for each answer (default: 5)", "SECONDS"),
                Option(("--connections",), "with --probe: at most so many to one backend (default: 100)", "N"),
                Option(("--without-proxies",), "read no proxy bundles; then nothing is said to be unused"),
                Option(("--warn-days",), "what ends within so many days is a warning (default: 30)", "N", default="30"),
                Option(("--at",), "judge certificates for this time instead of now", "TIME"),
            ),
        ),
        (
            "what is known besides",
            (
                EDGE_CONFIG,
                Option(("--keystore",), "client=STORE, backend=STORE: what the far sides present", "SIDE=STORE", repeat=True),
                Option(("--truststore",), "client=STORE, backend=STORE: what the far sides trust", "SIDE=STORE", repeat=True),
                Option(("--password-env",), "client=NAME: the variable that holds the password of that side's stores", "SIDE=NAME", repeat=True),
                Option(("--password-file",), "client=FILE: the file whose first line is that password", "SIDE=FILE", repeat=True),
                Option(("--with",), "other certificates at hand, from which chains are completed", "FILE", repeat=True, completes="file"),
            ),
        ),
        (
            "output",
            (
                Option(("--verbose", "-v"), "all evidence, fixes with what can be copied"),
                Option(("--format",), "text, the default, is for people; jsonl is a line for each concern", choices=FORMATS, default="text"),
                Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file"),
                COLOUR,
                Option(("--fail-on-warning",), "exit code 1 also where there are only warnings"),
            ),
        ),
    ),
    examples=(
        ("whytls audit https://mgmt.example.com/v1/o/acme/e/prod", "by the Management API"),
        ("whytls audit acme-prod --probe", "an exported folder, and the live backends"),
        ("whytls audit acme-prod --truststore client=clients.jks --password-env client=CLIENTS", "would the clients accept the Router?"),
    ),
    several=False,
    completes="file",
)


def run(arguments: Sequence[str]) -> int:
    """Audit an environment; the value is the exit code."""
    values = read(COMMAND, arguments)
    if not values["argument"]:
        raise UsageError("which gateway?", hint="whytls audit https://HOST/v1/o/ORG/e/ENV, or a folder")
    with output(values["output"], values["argument"]) as out:
        found = started(values)
        _reporter(values, out).add(found)
        out.flush()
    return 1 if found.failed or (values["fail_on_warning"] and found.concerns) else 0


def started(values: dict[str, Any]) -> Audit:
    """The audit that a call asks for."""
    from whytls.cli.reaching import number as positive
    from whytls.live import audit

    quiet = not sys.stderr.isatty()
    found = audit(
        values["argument"][0],
        edge_config=values["edge_config"],
        probe=values["probe"],
        keystore=values["keystore"],
        truststore=values["truststore"],
        password_env=values["password_env"],
        password_file=values["password_file"],
        with_=values["with"],
        at=values["at"],
        warn_days=number(values["warn_days"], "--warn-days"),
        proxies=not values["without_proxies"],
        timeout=positive(values["timeout"], "--timeout", 5.0),
        connections=int(positive(values["connections"], "--connections", 100, whole=True)),
        reading=None if quiet else reading,
    )
    if not quiet:
        sys.stderr.write(CLEARED)
    return found


def reading(what: str) -> None:
    """Says on the terminal what is being read from a Management API, in one line that comes and goes."""
    from whytls.report.visible import clipped

    sys.stderr.write(f"{CLEARED}reading {clipped(what, 60)}")
    sys.stderr.flush()


def _reporter(values: dict[str, Any], out: IO[str]) -> Any:
    if values["format"] != "text":
        from whytls.report.audit_json import AuditJson

        return AuditJson(out.write, lines=values["format"] == "jsonl")
    from whytls.report.audit import AuditReport

    return AuditReport(out.write, style_of(out, values["color"]), verbose=values["verbose"])
