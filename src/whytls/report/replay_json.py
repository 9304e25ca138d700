"""Replays for machines: one document, or a line for each; the fields are those of schema-replays.json, diagnoses as `whytls diagnose` has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json import JSONEncoder
from typing import Any

from whytls.model import Altered, Replayed, Tried
from whytls.report.json import as_dict as diagnosis_as_dict
from whytls.report.survey_json import transcript
from whytls.surveying.replaying import Redone

SCHEMA = "urn:whytls:replays:1.0"  # within 1 it only grows
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(redone: Redone, *, transcripts: bool = False) -> dict[str, Any]:
    """One replay as plain values; ``transcripts``: with every attempt's events."""
    before = redone.before
    return {
        "handshake": redone.name,
        "target": redone.target,
        "verdict": redone.diagnosis.cause,
        "before": {"cause": before.cause, "detail": before.detail, "confidence": before.confidence},
        "diagnosis": diagnosis_as_dict(redone.diagnosis),
        "replay": replay_as_dict(redone.replayed, transcripts=transcripts) if redone.replayed is not None else None,
        "connections": redone.connections,
        "seconds": round(redone.seconds, 4),
        "note": redone.note,
    }


def replay_as_dict(replayed: Replayed, *, transcripts: bool = False) -> dict[str, Any]:
    """What was sent and what came of it."""
    return {
        "stopped": replayed.stopped,
        "controls": replayed.controls,
        "reproduced": replayed.reproduced,
        "minimal": [_altered(change) for change in replayed.minimal],
        "shown_minimal": replayed.shown_minimal,
        "confirmed": replayed.confirmed,
        "contradictions": replayed.contradictions,
        "certain": replayed.certain,
        "alone": [tried.attempt for tried in replayed.alone],
        "also": [tried.attempt for tried in replayed.also],
        "carried_on": replayed.carried_on.attempt if replayed.carried_on is not None else None,
        "attempts": [_tried(tried, transcripts) for tried in replayed.tried],
        "warnings": list(replayed.warnings),
    }


def _altered(change: Altered) -> dict[str, Any]:
    return {"dimension": change.dimension, "text": change.text, "lacked": change.lacked}


def _tried(tried: Tried, transcripts: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "number": tried.attempt, "changes": [_altered(change) for change in tried.changes], "passed": tried.passed, "outcome": tried.outcome,
        "shape": tried.handshake.shape,
    }  # fmt: skip
    if transcripts:
        value["transcript"] = transcript(tried.handshake)
    return value


class ReplayJson:
    """Writes ``{schema, replays, summary}``, or with ``lines`` one replay per line and nothing else."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False, attempts: bool = False) -> None:
        self._write, self._one_per_line, self._attempts = write, lines, attempts
        self._connections = self._proven = 0
        self.shown = self.failed = 0

    def add(self, redone: Redone) -> None:
        """Write one replay."""
        self.failed += redone.diagnosis.cause is not None
        self._proven += redone.diagnosis.confidence == "proven"
        self._connections += redone.connections
        text = _encode(as_dict(redone, transcripts=self._attempts))
        self._write(text + "\n" if self._one_per_line else (",\n" if self.shown else self._opening()) + text)
        self.shown += 1

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Finish the document with its summary."""
        if self._one_per_line:
            return
        summary = {
            "replayed": self.shown, "failed": self.failed, "proven": self._proven, "connections": self._connections, "warnings": list(warnings),
            "error": error,
        }  # fmt: skip
        self._write(("\n" if self.shown else self._opening()) + f'],\n"summary":{_encode(summary)}}}\n')

    def _opening(self) -> str:
        return f'{{"schema":{_encode(SCHEMA)},\n"replays":[\n'
