"""Diagnoses for machines: one JSON document, or JSON lines; the fields are the contract of docs/design.md and schema.json.

Nothing is folded and nothing is kept: each diagnosis is written when it comes, so that any number takes no memory. The
document's summary stands at its end, for it is known only there. Every character outside ASCII is escaped: what a peer wrote
into a certificate cannot steer the terminal of somebody who looks at the output.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from json import JSONEncoder, loads
from json.encoder import encode_basestring_ascii as _string
from typing import Any

from whytls.model import Alternative, Diagnosis, Fix
from whytls.report.moments import iso
from whytls.report.reading import Reading

SCHEMA = "urn:whytls:diagnoses:1.0"  # within 1 it only grows

_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(d: Diagnosis) -> dict[str, Any]:
    """One diagnosis as plain values."""
    value: dict[str, Any] = loads(as_text(d))
    return value


def as_text(d: Diagnosis) -> str:
    """One diagnosis as JSON.

    A storm of failures has few kinds of them, and the kind is most of the text: that part is written once for each. The rest is put
    together here by hand, at a third of what the encoder takes for a dictionary of dictionaries.
    """
    # Taken apart at once: half the price of asking for each field by its name.
    (
        cause, cause_class, title, outcome, (client, client_port), (server, server_port), hop, detail, failing_side, owners, who_can_confirm,
        confidence, alternatives, sni, started_at, evidence, fix, more_fixes, warnings, related, file, frame, handshake, _,
    ) = d  # fmt: skip
    kind = _kind_text(
        cause, cause_class, detail, outcome, failing_side, owners, who_can_confirm, hop, confidence, alternatives, fix, more_fixes
    )
    started = iso(started_at) if started_at else ""
    own_file = _string(file)
    begin = _begin(file)  # of a line of evidence; nearly all are of the handshake's own file
    lines = ",".join([
        f'{begin if of == file or not of else _begin(of)}{frames[0] if len(frames) == 1 else ",".join(map(str, frames))}],"text":{_string(text)},'
        f'"certificate":{_string(certificate) if certificate else "null"}}}'
        for text, frames, of, certificate, _ in evidence
    ])  # fmt: skip
    return (
        f'{{{kind},"title":{_string(title)},"client":{{"address":{_string(client)},"port":{client_port}}},'
        f'"server":{{"address":{_string(server)},"port":{server_port}}},"sni":{"null" if sni is None else _string(sni)},'
        f'"started_at":{_string(started) if started else "null"},"file":{own_file},"frame":{frame},'
        f'"shape":"{handshake.shape if handshake is not None else ""}","evidence":[{lines}],'
        f'"related":{_encode(related) if related else "[]"},"warnings":{_encode(warnings) if warnings else "[]"}}}'
    )


def _begin(file: str) -> str:
    return f'{{"file":{_string(file)},"frames":['


@lru_cache(maxsize=512)
def _kind_text(
    cause: str | None, cause_class: str | None, detail: str, outcome: str, failing_side: str | None, owners: tuple[str, ...],
    who_can_confirm: str, hop: str, confidence: str | None, alternatives: tuple[Alternative, ...], fix: Fix | None, more_fixes: tuple[Fix, ...],
) -> str:  # fmt: skip
    """What diagnoses of one kind have in common, as JSON without its brackets."""
    kind = {
        "cause": cause,
        "cause_class": cause_class,
        "detail": detail,
        "outcome": outcome,
        "failing_side": failing_side,
        "owners": owners,
        "who_can_confirm": who_can_confirm,
        "hop": hop,
        "confidence": confidence,
        "alternatives": [
            {"cause": a.cause, "cause_class": a.cause_class, "confidence": a.confidence, "would_decide": a.would_decide} for a in alternatives
        ],
        "fix": None if fix is None else fix_as_dict(fix),
        "more_fixes": [fix_as_dict(other) for other in more_fixes],
    }
    return _encode(kind)[1:-1]


def fix_as_dict(fix: Fix) -> dict[str, Any]:
    """A fix as plain values."""
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
        text = as_text(diagnosis)
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
