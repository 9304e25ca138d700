"""Diagnoses as CSV, one row each: for spreadsheets and for a quick look with cut and sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whytls.model import Diagnosis
from whytls.report.moments import iso
from whytls.report.reading import Reading
from whytls.report.visible import visible

COLUMNS = (
    "file", "frame", "started_at", "outcome", "hop", "client_address", "client_port", "server_address", "server_port", "sni",
    "cause", "detail", "cause_class", "confidence", "failing_side", "owners", "who_can_confirm", "title", "alternatives",
    "evidence", "fix_owner", "fix_grade", "fix", "warnings", "related", "shape",
)  # fmt: skip


def row(d: Diagnosis) -> list[str]:
    """One diagnosis as cells; lists are joined by '; '."""
    cells = (
        d.file, str(d.frame), iso(d.started_at) if d.started_at else "", d.outcome, d.hop,
        d.client.address, str(d.client.port), d.server.address, str(d.server.port), d.sni or "",
        d.cause or "", d.detail, d.cause_class or "", d.confidence or "", d.failing_side or "",
        " ".join(d.owners), d.who_can_confirm, d.title, " ".join(a.cause for a in d.alternatives),
        "; ".join(_statement(e.frames, e.text) for e in d.evidence),
        d.fix.owner if d.fix else "", d.fix.grade if d.fix else "", d.fix.text if d.fix else "",
        "; ".join(d.warnings), "; ".join(d.related), d.handshake.shape if d.handshake else "",
    )  # fmt: skip
    return [cell(text) for text in cells]


def _statement(frames: Sequence[int], text: str) -> str:
    return f"{' '.join(f'#{frame}' for frame in frames)} {text}" if frames else text


def cell(text: str) -> str:
    """Text as a cell: on one line, and nothing that a spreadsheet would run."""
    # A spreadsheet runs what begins so as a formula (OWASP, "CSV injection"); names and banners are written by strangers.
    shown = visible(text)
    return "'" + shown if shown[:1] in ("=", "+", "-", "@") else shown


class TableReport:
    """Writes a header line and a row per diagnosis."""

    def __init__(self, write: Callable[[str], object]) -> None:
        import csv

        class _Out:
            def write(self, text: str) -> object:
                return write(text)

        self._writer: Any = csv.writer(_Out(), lineterminator="\n")
        self._writer.writerow(COLUMNS)
        self.shown = 0
        self.failed = 0

    def add(self, diagnosis: Diagnosis) -> None:
        """Write one diagnosis."""
        self.shown += 1
        self.failed += diagnosis.cause is not None
        self._writer.writerow(row(diagnosis))

    def close(self, reading: Reading) -> None:
        """A table has no end of its own."""
