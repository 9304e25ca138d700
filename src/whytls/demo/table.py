"""What the demonstration prints: a line for each row, and with ``verbose`` everything that was seen of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from whytls.demo.caller import Answer
from whytls.demo.play import Played
from whytls.report.terminal import Style
from whytls.report.text import OWNERS
from whytls.report.visible import clipped, visible

_COLUMNS = (("runbook", 7), ("hop", 5), ("failure", 31), ("the caller saw", 42), ("verdict", 37), ("fix", 59), ("then", 4))
_CURL = re.compile(r"curl: (\(\d+\)) (?:.*::)?(.*)")
_RULE = "─"


def header(style: Style) -> list[str]:
    """The head of the table."""
    names = "  ".join(f"{name:<{wide}}" for name, wide in _COLUMNS)
    return [style.paint(names, "bold"), style.sign("  ".join(_RULE * wide for _, wide in _COLUMNS))]


def line(played: Played, style: Style) -> str:
    """A row of the table."""
    row, traced = played.row, played.traced
    verdict = f"{traced['cause']} ({traced['confidence']})" if traced else "none"
    cells = (
        row.runbook, "north" if row.hop == "northbound" else "south", row.failure, short(played.answer), verdict,
        f"{OWNERS[played.applied.owner].partition(' ')[0]}: {played.applied.text}", str(played.after.status or "none"),
    )  # fmt: skip
    text = "  ".join(f"{visible(cell):<{wide}}" for cell, (_, wide) in zip(cells, _COLUMNS, strict=True))
    sign = style.paint(style.sign("✗"), "red") if played.wrong else style.paint(style.sign("✓"), "green")
    return f"{text} {sign}"


def short(answer: Answer) -> str:
    """What the caller saw, in a few words."""
    found = _CURL.fullmatch(answer.words)
    words = f"curl {found[1]} {found[2]}" if found else answer.words.removeprefix("ssl.").replace("CertVerification", "")
    text = words if answer.status is None else f"{answer.status} {words}"
    wide = dict(_COLUMNS)["the caller saw"]
    return text if len(text) <= wide else f"{text[: wide - 1].rstrip()}…"


def remarks(played: Played) -> Iterator[str]:
    """What has to be said of a row below the table: its note, what happened by default, and whatever was not right."""
    if played.row.note:
        told = ""
        if played.before is not None:
            told = f"; by default the caller got {played.before.answer}, and whytls check warns: {played.before.warning or 'nothing'}"
        yield f"{played.row.name}: {played.row.note}{told}."
    for wrong in played.wrong:
        yield f"{played.row.name}: NOT RIGHT: {wrong}"


def block(played: Played, style: Style) -> Iterator[str]:
    """Everything of a row."""
    row, diagnosis = played.row, played.diagnosis
    yield ""
    yield style.paint(f"{row.runbook}, {row.hop}: {row.failure}  ({row.name})", "bold")
    if played.before is not None:
        yield f"  by default        {played.before.answer}; {played.before.warning}"
    yield f"  the caller saw    {played.answer}"
    if played.answer.body and played.answer.status != 200:
        yield f"                    {clipped(' '.join(played.answer.body.split()), 240)}"
    if played.traced is not None:
        yield f"  the trace         {played.traced['cause']} ({played.traced['confidence']}): {played.traced['title']}"
    if diagnosis is not None:
        yield f"  the recording     {diagnosis.cause} ({diagnosis.confidence}): {diagnosis.title}"
        for evidence in diagnosis.evidence:
            yield f"                    {'#' + str(evidence.frames[0]) if evidence.frames else '':<5} {evidence.text}"
        if diagnosis.fix is not None:
            yield f"  the fix, as told  {OWNERS[diagnosis.fix.owner]}: {diagnosis.fix.text}"
    yield f"  the fix, done     {OWNERS[played.applied.owner]}: {played.applied.text}"
    for change in played.applied.diff:
        yield "                    " + style.paint(change, "green" if change[:1] == "+" else "red" if change[:1] == "-" else "dim")
    yield f"  then              {played.after}"
    for wrong in played.wrong:
        yield "  " + style.paint(f"not right         {wrong}", "red")


def summary(played: Sequence[Played], seconds: float) -> str:
    """The last line."""
    right = sum(not one.wrong for one in played)
    agreed = "what the caller saw, the trace, the recording, the owner of the fix, and the 200 after it"
    return f"{right} of {len(played)} right ({agreed}); {seconds:.0f} s"
