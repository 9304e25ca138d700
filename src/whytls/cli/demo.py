"""``whytls demo``: the runbook's failures, provoked on this machine, explained and mended."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from whytls.cli.options import COLOUR, Command, Option, read
from whytls.exceptions import InputError, UsageError

if TYPE_CHECKING:
    from whytls.demo.play import Played
    from whytls.demo.row import Row
    from whytls.demo.stage import Stage
    from whytls.report.terminal import Style

FAILED = 1

COMMAND = Command(
    name="demo",
    title="every failure of the runbook on both hops of a gateway: provoked, explained, mended, and the 200 after it",
    usage="whytls demo [--row NAME] [--keep FOLDER] [--verbose]",
    text="Starts a gateway, backends and clients on loopback, and plays the runbook: protocol, cipher, host name, chain, expired and unknown\n"
    "certificates of server and client, SNI; northbound and southbound. For each failure: what the caller saw, the cause that the\n"
    "gateway's trace and whytls diagnose on a recording agree on, the fix, carried out, and the answer to the same call after it.\n"
    "What the gateway is to mend goes through its Management API; what clients and backends are to mend is played. Nothing needs root.",
    argument="",
    argument_help="",
    groups=(
        (
            "what is played",
            (
                Option(("--row",), "only this row; they are listed with --list", "NAME", repeat=True),
                Option(("--list",), "list the rows"),
                Option(("--caller",), "who calls: curl, or Python's own TLS; curl where it is installed", choices=("curl", "python")),
                Option(
                    ("--recorder",),
                    "who records: the gateway itself (own), or tcpdump where that is allowed",
                    choices=("own", "tcpdump"),
                    default="own",
                ),
            ),
        ),
        (
            "what is told",
            (
                Option(("--verbose", "-v"), "everything that was seen of a row, evidence and changed resources too"),
                Option(("--keep",), "keep recording, trace, certificates and configuration in this new folder", "FOLDER", completes="directory"),
                COLOUR,
            ),
        ),
    ),
    examples=(
        ("whytls demo", "all rows, a line each"),
        ("whytls demo --row south-sni --verbose", "one row, with evidence, fix and diff"),
        ("whytls demo --keep runbook", "then: whytls diagnose runbook/rows --edge runbook/edge --topology runbook/whytls.toml"),
    ),
    several=False,
)


def run(arguments: Sequence[str]) -> int:
    """Play the rows; the value is 1 if one of them is not right."""
    values = read(COMMAND, arguments)
    try:
        from whytls.demo.caller import kind_here
        from whytls.demo.play import ROWS
        from whytls.demo.stage import staged
        from whytls.gateway import up as _  # noqa: F401 -- all that a gateway needs
    except ModuleNotFoundError as missing:
        raise UsageError(f"the demonstration needs {missing.name}, which is not installed", hint="pip install 'whytls[gateway]'") from None
    if values["list"]:
        for row in ROWS:
            print(f"{row.name:<24}{row.runbook:<8}  {row.hop:<10}  {row.failure}")
        return 0
    rows = _chosen(ROWS, values["row"])
    kind = values["caller"] or kind_here()
    if kind == "curl" and kind_here() != "curl":
        raise UsageError("curl is not installed", hint="--caller python")
    from whytls.report.terminal import style_of

    style = style_of(sys.stdout, values["color"])
    began = time.monotonic()
    with ExitStack() as stack:
        folder = _new(values["keep"]) if values["keep"] else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whytls-demo-")))
        stage = stack.enter_context(staged(folder, kind, lambda text: print(f"whytls: {text}", file=sys.stderr, flush=True), values["recorder"]))
        played = _played(rows, stage, style, verbose=values["verbose"])
        if values["keep"]:
            _kept(stage, played)
    _summed_up(played, time.monotonic() - began)
    if values["keep"]:
        print(f"kept in {folder}: rows/*.pcap up to each failure, logs/gateway.pcap with all, logs/trace.jsonl, edge/ as it was before the fixes")
        print(f"next: whytls diagnose {folder}/rows --edge {folder}/edge --topology {folder}/whytls.toml")
    return FAILED if any(one.wrong for one in played) else 0


def _played(rows: Sequence[Row], stage: Stage, style: Style, *, verbose: bool) -> list[Played]:
    from whytls.demo.play import furnish, play
    from whytls.demo.table import block, header, line

    if not verbose:
        print("\n".join(header(style)), flush=True)
    furnish(stage)
    played = []
    for row in rows:
        played.append(play(row, stage))
        for text in block(played[-1], style) if verbose else (line(played[-1], style),):
            print(style.sign(text), flush=True)
    return played


def _summed_up(played: Sequence[Played], seconds: float) -> None:
    from whytls.demo.table import remarks, summary

    print()
    for one in played:
        for text in remarks(one):
            print(text)
    print(summary(played, seconds))


def _chosen(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    known = {row.name: row for row in rows}
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            raise UsageError(f"{name!r} is no row", hint=f"did you mean {near[0]}?" if near else "whytls demo --list")
    return [known[name] for name in dict.fromkeys(names)] or list(rows)


def _new(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError("there is something in it", file=name, hint="name a folder that is new or empty")
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", file=name) from None
    return folder


def _kept(stage: Stage, played: Sequence[Played]) -> None:
    """The configuration beside the recording is that of the failures: the one after the fixes would explain none of them."""
    from whytls.demo.play import before_the_fixes
    from whytls.edge.export import export

    stage.flushed()
    export(before_the_fixes(played), stage.folder / "edge")
    lines = [f"{key} = [{', '.join(json.dumps(one) for one in values)}]" for key, values in stage.topology().items()]
    (stage.folder / "whytls.toml").write_text("\n".join(["[topology]", *lines, ""]), encoding="ascii")
