"""What `whytls audit` says on a terminal: one table, the worst first; below each row what it is, where it stands and how it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whytls.edge.audit.result import Concern
from whytls.edge.audit.run import Audit
from whytls.pki.notes import day
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import fix_in_full, fix_line, many
from whytls.report.visible import clipped, visible

MOST_ROWS = 500
MOST_WARNINGS = 10


class AuditReport:
    """Writes one audit."""

    def __init__(self, write: Callable[[str], object], style: Style = PLAIN, *, verbose: bool = False) -> None:
        self._write, self._style, self._verbose = write, style, verbose

    def add(self, audit: Audit) -> None:
        """Write it."""
        concerns = audit.concerns
        for line in [*self._table(concerns), *self._sound(audit), *self._summary(audit)]:
            self._write(self._style.sign(line) + "\n")

    def _table(self, concerns: tuple[Concern, ...]) -> Iterator[str]:
        shown = concerns[:MOST_ROWS]
        cells = [(str(c.subject), c.subject.at, "" if c.hop == "direct" else c.hop, c.rule, c.confidence) for c in shown]
        widths = [min(44, max((len(visible(row[place])) for row in cells), default=0)) for place in range(5)]
        for concern, row in zip(shown, cells, strict=True):
            colour = "red" if concern.level == "failure" else "yellow"
            sign = self._style.paint("✗" if concern.level == "failure" else "!", colour, "bold")
            columns = [f"{clipped(cell, 60):<{width}}" for cell, width in zip(row, widths, strict=True) if width]
            yield f"{sign} {'  '.join(columns).rstrip()}"
            yield from self._style.fit(f"{clipped(concern.title, 400)}.", "  ", "    ")
            yield from self._below(concern)
        if len(concerns) > MOST_ROWS:
            yield f"{len(concerns) - MOST_ROWS:,} more; --format jsonl lists every one."
        if concerns:
            yield ""

    def _below(self, concern: Concern) -> Iterator[str]:
        for said in concern.evidence if self._verbose else concern.evidence[:1]:
            place = f"{said.file}:{said.line}" if said.line is not None else said.file
            yield from self._style.tint(
                self._style.fit(f"{visible(place)}: {visible(said.text)}" if place else visible(said.text), "  ", "    "), "dim"
            )
        if self._verbose and concern.would_decide:
            yield from self._style.fit(f"what would decide: {visible(concern.would_decide)}", "  ", "    ")
        if concern.fix is not None:
            yield from fix_in_full(concern.fix, self._style) if self._verbose else fix_line(concern.fix, self._style)
        for warning in concern.warnings:
            yield from self._style.tint(self._style.fit(f"note: {visible(warning)}", "  ", "    "), "yellow")

    def _sound(self, audit: Audit) -> Iterator[str]:
        sound = [one for one in audit.looked if not one.concerns and one.subject.kind in ("virtual host", "target server", "target endpoint")]
        for one in sound[:20]:
            yield (
                self._style.paint("✓", "green", "bold") + f" {visible(str(one.subject))}  {visible(one.subject.at)}{'  probed' if one.probed else ''}"
            )
        if len(sound) > 20:
            yield f"  and {len(sound) - 20} more without a fault"
        if sound:
            yield ""

    def _summary(self, audit: Audit) -> Iterator[str]:
        concerns, judged = audit.concerns, [one for one in audit.looked if one.subject.kind not in ("keystore", "reference", "setting")]
        hosts = sum(one.subject.kind == "virtual host" for one in judged)
        probed = sum(one.probed for one in judged)
        what = f"{many(hosts, 'virtual host')}, {many(len(judged) - hosts, 'target')}{f' ({probed} probed)' if probed else ''}"
        warned = len(concerns) - audit.failed
        text = f"{audit.environment} for {day(audit.at)}: {what}, {many(len(audit.environment.keystores), 'keystore')}: "
        text += (
            ", ".join([*([many(audit.failed, "failure")] if audit.failed else []), *([many(warned, "warning")] if warned else [])]) or "nothing wrong"
        )
        yield self._style.paint(visible(text) + ".", "bold")
        first = next((c.cause for c in concerns if c.cause is not None), None)
        if first is not None:
            yield f"More about a cause: whytls explain {first}. The exact fixes: --format json, and whytls fix of that file"
        for warning in audit.warnings[:MOST_WARNINGS]:
            yield from self._style.tint(self._style.fit(f"note: {visible(warning)}", "", "      "), "yellow")
        if len(audit.warnings) > MOST_WARNINGS:
            yield f"note: {len(audit.warnings) - MOST_WARNINGS} more notes"
