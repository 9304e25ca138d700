"""``whytls fix``: a few lines over ``whytls.fix``, ``apply_fix``, ``verify_fix`` and ``undo_fix``; what is asked on the terminal is asked here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from whytls.cli import passwords
from whytls.cli.audit import EDGE_CONFIG
from whytls.cli.check import output
from whytls.cli.diagnose import WHO
from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import UsageError
from whytls.report.terminal import style_of

if TYPE_CHECKING:
    from whytls.edge.apply import Applied
    from whytls.edge.fixes.plan import Mending

FORMATS = ("text", "json", "jsonl")

COMMAND = Command(
    name="fix",
    title="the exact artefact for a verdict on a gateway; applied and undone through its Management API",
    usage="whytls fix DIAGNOSIS... [--edge GATEWAY] [--apply] [options]\n       whytls fix --undo [--journal FILE]",
    text="Writes out what mends a failure: the body of the call, the repaired chain, the line of the properties file, the restart, the words for\n"
    "each client. --apply shows what would be changed, asks, makes the changes all or none, keeps what they replaced, and asks again.",
    argument="DIAGNOSIS",
    argument_help="what diagnose, probe or audit wrote with --format json or jsonl; - for standard input; CAPTURE#N, or CAPTURE for all of it",
    completes="file",
    groups=(
        (
            "the gateway",
            (
                Option(("--edge",), "https://HOST/v1/o/ORG/e/ENV, or a folder or file that configures one (else: words to fill in)", "GATEWAY"),
                EDGE_CONFIG,
                Option(("--machine",), "router=HOST, message-processor=HOST: one of those that are to be restarted", "SIDE=HOST", repeat=True),
            ),
        ),
        WHO,
        (
            "what is at hand",
            (
                Option(("--certificate",), "the new certificate: a store with its chain and key", "STORE", completes="file"),
                Option(("--key",), "its private key, where it lies in a file of its own", "FILE", completes="file"),
                Option(("--alias",), "which of several in that store", "ALIAS"),
                *passwords.options("", "that store"),
                *passwords.options("key-", "its private key, where it has its own"),
                Option(
                    ("--with",), "other certificates at hand: issuers that are missing, a root to be trusted", "FILE", repeat=True, completes="file"
                ),
                Option(("--probe",), "ask the backends what they accept and show"),
                Option(("--at",), "judge certificates for this time instead of now", "TIME"),
            ),
        ),
        (
            "what is done",
            (
                Option(("--apply",), "make the changes through the Management API, after showing them and asking"),
                Option(("--way",), "apply this way instead of the first that can be", "N"),
                Option(("--yes",), "do not ask"),
                Option(("--verify",), "ask this Router afterwards (backends are asked anyway)", "HOST:PORT"),
                Option(("--undo",), "take back what the last --apply changed, or that of --journal"),
                Option(
                    ("--journal",),
                    "where what was replaced is kept (default: a new file below ~/.local/state/whytls/applied)",
                    "FILE",
                    completes="file",
                ),
            ),
        ),
        (
            "output",
            (
                Option(("--format",), "text, the default, is for people", choices=FORMATS, default="text"),
                Option(("--output",), "write to this file instead of the terminal", "FILE", completes="file"),
                COLOUR,
            ),
        ),
    ),
    examples=(
        ("whytls fix edge.pcap#4 --edge acme-prod", "what belongs into which resource"),
        ("whytls fix audit.json --edge acme-prod --probe", "for everything that an audit found (--format json)"),
        ("whytls fix edge.pcap#4 --edge https://mgmt.example.com/v1/o/acme/e/prod --certificate new.p12 --apply", "and do it"),
        ("whytls fix --undo", "take the last one back"),
    ),
)


def run(arguments: Sequence[str]) -> int:
    """Print fixes, apply one, or undo it; the value is the exit code: 1 where it did not end as it was asked for."""
    values = read(COMMAND, arguments)
    if values["undo"]:
        return _undo(values)
    if values["apply"] and values["format"] != "text":
        raise UsageError("--apply talks to people", hint="leave --format out")
    found = _mendings(values)
    with output(values["output"], [word for word in values["argument"] if word != "-"]) as out:
        report = _reporter(values, out)
        for mending in found:
            report.add(mending)
        report.close()
        out.flush()
    return _apply(found, values) if values["apply"] else 0


def _mendings(values: dict[str, Any]) -> list[Mending]:
    from whytls.mending import fix

    return fix(
        *values["argument"],
        edge=values["edge"],
        edge_config=values["edge_config"],
        certificate=values["certificate"],
        key=values["key"],
        alias=values["alias"],
        password=passwords.given(values, "", "that store"),
        key_password=passwords.given(values, "key_", "the private key"),
        with_=values["with"],
        machine=values["machine"],
        router=values["router"],
        message_processor=values["message_processor"],
        backend=values["backend"],
        topology=values["topology"],
        probe=values["probe"],
        at=values["at"],
    )


def _apply(found: list[Mending], values: dict[str, Any]) -> int:
    """Applies the one that can be; several are applied one by one, by a call each."""
    from whytls.mending import apply_fix, chosen_of, verify_fix
    from whytls.report.mending import shown_changes

    able = [mending for mending in found if mending.first is not None] if values["way"] is None else found
    if len(able) != 1:
        first = f"{found[0].case.cause}: " if len(found) == 1 else ""
        if not able and len(found) == 1:
            chosen_of(found[0], None)  # says what is lacking
        raise UsageError(
            f"{first}{len(able)} of {len(found)} can be applied",
            hint="name one failure: CAPTURE#N, or a document with one (whytls fix shows what is lacking)",
        )
    mending, style = able[0], style_of(sys.stdout, values["color"])
    chosen = chosen_of(mending, _way(values))
    for line in shown_changes(chosen, style):
        print(style.sign(line))
    if chosen.fix.grade == "weakens security":
        print(style.paint("This weakens security.", "red", "bold"))
    if not values["yes"] and not _agreed(f"Make {len(chosen.changes)} changes at {mending.bench.environment.source}?"):
        print("Nothing was done.")
        return 1
    applied = apply_fix(mending, _way(values), edge_config=values["edge_config"], journal=values["journal"])
    _tell(applied)
    if not applied.as_wanted:
        return 1
    verified = verify_fix(mending, edge_config=values["edge_config"], to=values["verify"], at=values["at"])
    for line in verified.told:
        print(f"  {_shown(line)}")
    word = {True: "Verified: it is mended.", False: "Not mended yet.", None: "Applied; nothing could be asked that would tell."}[verified.good]
    print(style.paint(word, {True: "green", False: "red", None: "yellow"}[verified.good], "bold"))
    return 1 if verified.good is False else 0


def _undo(values: dict[str, Any]) -> int:
    from whytls.edge.journal import last
    from whytls.edge.journal import read as read_journal
    from whytls.mending import undo_fix

    if values["argument"] and values["journal"]:
        raise UsageError("one journal is undone at a time", hint="whytls fix --undo --journal FILE")
    path = values["journal"] or (values["argument"][0] if values["argument"] else None)
    journal = read_journal(path) if path else last()
    for step in reversed(journal.steps):
        print(f"  {_shown(step.change)} ({step.state})")
    if not values["yes"] and not _agreed(f"Take this back at {journal.address}?"):
        print("Nothing was done.")
        return 1
    undone = undo_fix(str(journal.path), edge_config=values["edge_config"])
    _tell(undone)
    return 0 if undone.as_wanted else 1


def _tell(applied: Applied) -> None:
    for line in applied.told:
        print(f"  {_shown(line)}")
    if applied.journal is not None and applied.ended in ("applied", "in part"):
        print(f"  what was replaced is kept in {_shown(applied.journal.path)}; whytls fix --undo takes it back")


def _way(values: dict[str, Any]) -> int | None:
    text = values["way"]
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 4):
        raise UsageError(f"--way {text[:20]!r} is no number", hint="--way 2")
    return None if text is None else int(text)


def _agreed(question: str) -> bool:
    """Asks on the terminal.

    Raises:
        UsageError: there is none.
    """
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", hint="--yes, where the changes above are wanted")
    return input(f"{_shown(question)} [y/N] ").strip().lower() in ("y", "yes")


def _shown(value: object) -> str:
    from whytls.report.visible import visible

    return visible(str(value))


def _reporter(values: dict[str, Any], out: IO[str]) -> Any:
    from whytls.report import mending

    if values["format"] != "text":
        return mending.MendingJson(out.write, lines=values["format"] == "jsonl")
    return mending.MendingReport(out.write, style_of(out, values["color"]))
