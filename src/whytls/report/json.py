"""Diagnoses for machines: one JSON document, or JSON lines; the fields are the contract of docs/design.md and schema.json.

Nothing is folded and nothing is kept: each diagnosis is written when it comes, so that any number takes no memory. The
document's summary stands at its end, for it is known only there. Every character outside ASCII is escaped: what a peer wrote
into a certificate cannot steer the terminal of somebody who looks at the output.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONEncoder
from typing import Any

from whytls.model import Diagnosis, Fix
from whytls.report.moments import iso
from whytls.report.reading import Reading

SCHEMA = "urn:whytls:diagnoses:1.0"  # within 1 it only grows

_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(d: Diagnosis) -> dict[str, Any]:
    """One diagnosis as plain values; built by hand, for dataclasses.asdict takes five times as long."""
    return {
        "cause": d.cause,
        "cause_class": d.cause_class,
        "detail": d.detail,
        "title": d.title,
        "outcome": d.outcome,
        "failing_side": d.failing_side,
        "owners": list(d.owners),
        "who_can_confirm": d.who_can_confirm,
        "hop": d.hop,
        "confidence": d.confidence,
        "alternatives": [
            {"cause": a.cause, "cause_class": a.cause_class, "confidence": a.confidence, "would_decide": a.would_decide}
            for a in d.alternatives
        ],
        "client": {"address": d.client.address, "port": d.client.port},
        "server": {"address": d.server.address, "port": d.server.port},
        "sni": d.sni,
        "started_at": (iso(d.started_at) or None) if d.started_at else None,
        "file": d.file,
        "frame": d.frame,
        "shape": d.handshake.shape if d.handshake is not None else "",
        "evidence": [
            {"file": e.file or d.file, "frames": list(e.frames), "text": e.text, "certificate": e.certificate} for e in d.evidence
        ],
        "fix": None if d.fix is None else _fix(d.fix),
        "more_fixes": [_fix(fix) for fix in d.more_fixes],
        "related": list(d.related),
        "warnings": list(d.warnings),
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "owner": fix.owner,
        "text": fix.text,
        "grade": fix.grade,
        "artefacts": [{"kind": a.kind, "place": a.place, "content": a.content} for a in fix.artefacts],
    }


def summary(reading: Reading, causes: dict[str, int]) -> dict[str, Any]:
    """What was read and how it went, as plain values."""
    tally = reading.tally
    return {
        "packets": tally.packets,
        "bytes": tally.bytes,
        "flows": tally.flows,
        "not_tls": tally.not_tls,
        "handshakes": tally.handshakes,
        "completed": tally.completed,
        "failed": tally.failed,
        "unfinished": tally.unfinished,
        "causes": dict(sorted(causes.items(), key=lambda item: (-item[1], item[0]))),
        "stopped": reading.stopped,
        "error": reading.error,
        "warnings": list(reading.warnings),
    }


class JsonReport:
    """Writes ``{schema, diagnoses, summary}``, or with ``lines`` one diagnosis per line and nothing else."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False) -> None:
        self._write, self._one_per_line = write, lines
        self._causes: dict[str, int] = {}
        self.shown = 0
        self.failed = 0

    def add(self, diagnosis: Diagnosis) -> None:
        """Write one diagnosis."""
        if diagnosis.cause is not None:
            self.failed += 1
            self._causes[diagnosis.cause] = self._causes.get(diagnosis.cause, 0) + 1
        text = _encode(as_dict(diagnosis))
        if self._one_per_line:
            self._write(text + "\n")
        else:
            self._write((",\n" if self.shown else self._opening()) + text)
        self.shown += 1

    def close(self, reading: Reading) -> None:
        """Finish the document with its summary."""
        if self._one_per_line:
            return
        told = _encode(summary(reading, self._causes))
        self._write(("\n" if self.shown else self._opening()) + f'],\n"summary":{told}}}\n')

    def _opening(self) -> str:
        return f'{{"schema":{_encode(SCHEMA)},\n"diagnoses":[\n'
