"""What `whytls fix` says: for each kind of failure the ways to mend it, each with what can be copied; and the same for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from json import JSONEncoder
from typing import Any

from whytls.edge.fixes.change import difference
from whytls.edge.fixes.plan import Mending
from whytls.edge.fixes.remedy import Remedy
from whytls.report.json import fix_as_dict
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import fix_in_full, many
from whytls.report.visible import clipped, visible

SCHEMA = "urn:whytls:fixes:1.0"  # within 1 it only grows
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


class MendingReport:
    """Writes mendings as text."""

    def __init__(self, write: Callable[[str], object], style: Style = PLAIN) -> None:
        self._write, self._style = write, style
        self.shown = 0

    def add(self, mending: Mending) -> None:
        """Write one."""
        self.shown += 1
        for line in self._lines(mending):
            self._write(self._style.sign(line) + "\n")

    def close(self) -> None:
        """Say it where there was nothing."""
        if not self.shown:
            self._write("Nothing in it failed, so there is nothing to mend.\n")

    def _lines(self, mending: Mending) -> Iterator[str]:
        case, style = mending.case, self._style
        head = [case.cause, case.hop, case.subject, many(mending.times, "time") if mending.times > 1 else ""]
        yield style.paint("✗", "red", "bold") + " " + "   ".join(clipped(word) for word in head if word)
        yield from style.fit(f"{clipped(case.title, 400)}.", "  ", "    ")
        for number, one in enumerate(mending.remedies, 1):
            lines = fix_in_full(one.fix, style)
            yield f"  {number}. {lines[0].strip()}" if not style.colour else f"  {number}.{lines[0][1:]}"
            yield from (f"  {line}" for line in lines[1:])
            for lack in one.lacks:
                yield from style.tint(style.fit(f"lacking: {visible(lack)}", "     ", "       "), "yellow")
            if one.applicable:
                yield f"     whytls fix --apply{'' if number == mending.first else f' --way {number}'} does this: {many(len(one.changes), 'change')}"
        if not mending.remedies:
            yield f"  Nothing is known that mends it: whytls explain {visible(case.cause)}"
        yield ""


def shown_changes(remedy: Remedy, style: Style) -> Iterator[str]:
    """What is to be changed, as a difference from what is there."""
    for change in remedy.changes:
        yield style.paint(visible(str(change)), "bold")
        for line in difference(change):
            colour = {"+": "green", "-": "red"}.get(line[:1], "")
            yield f"  {style.paint(visible(line), *([colour] if colour else []))}"


def as_dict(mending: Mending) -> dict[str, Any]:
    """One as plain values."""
    case = mending.case
    return {
        "cause": case.cause, "detail": case.detail, "hop": case.hop, "title": case.title, "subject": case.subject, "times": mending.times,
        "first": mending.first,
        "ways": [
            {
                **fix_as_dict(one.fix), "applicable": one.applicable, "lacks": list(one.lacks),
                "changes": [{"kind": c.kind, "name": c.name, "inner": c.inner, "text": str(c)} for c in one.changes],
            }
            for one in mending.remedies
        ],
    }  # fmt: skip


class MendingJson:
    """Writes ``{schema, fixes}``, or with ``lines`` one per line."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False) -> None:
        self._write, self._lines, self.shown = write, lines, 0

    def add(self, mending: Mending) -> None:
        """Write one."""
        text = _encode(as_dict(mending))
        self._write(text + "\n" if self._lines else (",\n" if self.shown else self._opening()) + text)
        self.shown += 1

    def close(self) -> None:
        """Finish the document."""
        if not self._lines:
            self._write(("\n" if self.shown else self._opening()) + "]}\n")

    def _opening(self) -> str:
        return f'{{"schema":{_encode(SCHEMA)},"fixes":[\n'
