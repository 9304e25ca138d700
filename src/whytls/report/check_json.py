"""Results of `whytls check` and `whytls check pair` for machines: one document, or a line for each; the fields are those of schema-checks.json.

A problem has the words of a diagnosis (cause, detail, title, owners, confidence, evidence, fix, warnings), so that a program that reads
the one reads the other. Every character outside ASCII is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from whytls.checking.result import CheckResult, Problem
from whytls.model import Evidence
from whytls.pki.certificate import Certificate, read
from whytls.report.json import fix_as_dict
from whytls.report.moments import iso

if TYPE_CHECKING:
    from whytls.checking.pairs import PairResult
    from whytls.pki.repair import Repair

SCHEMA = "urn:whytls:checks:1.0"  # within 1 it only grows
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(result: CheckResult) -> dict[str, Any]:
    """One result as plain values."""
    return {
        **_head(result.kind, result.source, str(result.place.file), result.place.line, result.alias, result.purpose, result.host, result.at),
        "format": result.format,
        "role": result.role,
        "level": result.level,
        "subject": result.subject,
        "expires": _moment(result.expires),
        "key": result.key,
        "key_fits": result.key_fits,
        "certificates": [certificate(read(der)) for der in result.chain],
        "problems": [problem_as_dict(problem) for problem in result.problems],
        "decisions": [
            {
                "stack": d.profile, "accepted": d.accepted, "code": d.code, "words": d.words, "alerts": [] if d.accepted else [d.alert],
                "certificate": d.certificate, "condition": "", "measured": d.measured,
            }
            for d in result.decisions
        ],
        "names": [
            {"family": m.family, "accepted": m.accepted, "by": m.by, "why": m.why, "words": m.words, "measured": m.measured} for m in result.names
        ],
        "revocation": [
            {"certificate": s.certificate.sha256, "state": s.state, "reason": s.reason, "revoked_at": _moment(s.revoked_at)} for s in result.statuses
        ],
        "repair": _repair(result.repair),
        "mends": [],
        "notes": list(result.notes),
    }  # fmt: skip


def pair_as_dict(result: PairResult) -> dict[str, Any]:
    """One pair as plain values: the same fields."""
    from whytls.report.pairing import Names as PairNames
    from whytls.report.pairing import mends, verdict

    found, roles = result.pair, result.roles
    names = PairNames(roles.presents, roles.trusts)
    own = read(result.chain[0]) if result.chain else None
    return {
        **_head("pair", result.presents, result.place.file, result.place.line, result.alias, roles.usage, found.host, found.at),
        "format": "pair",
        "role": "",
        "level": "failure" if result.refused else None,
        "subject": own.subject if own else "",
        "expires": _moment(min((c.not_after for c in map(read, result.chain) if c.not_after is not None), default=None)),
        "key": "",
        "key_fits": None,
        "certificates": [certificate(read(der)) for der in result.chain],
        "problems": [problem_as_dict(problem) for problem in result.problems],
        "decisions": [
            {
                "stack": d.stack, "accepted": d.accepts, "code": d.code, "words": d.words,
                "alerts": sorted(found.alerts(d.stack), key=lambda n: (n is None, n or 0)) if d.accepts is False else [],
                "certificate": d.deciding.certificate if d.deciding else None, "condition": d.condition, "measured": True,
            }
            for d in found.decisions
        ],
        "names": [],
        "revocation": [
            {"certificate": s.certificate.sha256, "state": s.state, "reason": s.reason, "revoked_at": _moment(s.revoked_at)} for s in found.statuses
        ],
        "repair": _repair(found.repair),
        "mends": list(mends(found, names)),
        "notes": [verdict(found, names), *result.warnings],
    }  # fmt: skip


def _head(
    kind: str, source: str, file: str, line: int | None, alias: str, purpose: str, host: str | None, at: int,
) -> dict[str, Any]:  # fmt: skip
    return {
        "kind": kind, "source": source, "file": file, "line": line, "alias": alias, "purpose": purpose, "host": host, "at": iso(at) or None,
    }  # fmt: skip


def certificate(c: Certificate) -> dict[str, Any]:
    """A certificate as plain values."""
    return {
        "subject": c.subject, "issuer": c.issuer, "serial": f"{c.serial:x}" if c.serial is not None else "", "sha256": c.sha256,
        "not_before": _moment(c.not_before), "not_after": _moment(c.not_after), "dns_names": list(c.dns_names),
        "ip_addresses": list(c.ip_addresses), "key_type": c.key_type, "key_bits": c.key_bits, "is_ca": bool(c.is_ca),
    }  # fmt: skip


def problem_as_dict(problem: Problem) -> dict[str, Any]:
    """A problem as plain values."""
    return {
        "level": problem.level,
        "cause": problem.cause,
        "cause_class": problem.cause_class,
        "detail": problem.detail,
        "title": problem.title,
        "owners": list(problem.owners),
        "confidence": problem.confidence,
        "evidence": [_evidence(said) for said in problem.evidence],
        "fix": None if problem.fix is None else fix_as_dict(problem.fix),
        "refused_by": list(problem.refused_by),
        "would_decide": problem.would_decide,
        "warnings": list(problem.warnings),
    }


def _evidence(said: Evidence) -> dict[str, Any]:
    return {"file": said.file, "line": said.line, "frames": list(said.frames), "text": said.text, "certificate": said.certificate}


def _repair(repair: Repair | None) -> dict[str, Any] | None:
    if repair is None or not repair.chain:
        return None
    missing = repair.missing
    return {
        "complete": repair.complete, "changed": repair.changed, "chain": [read(der).sha256 for der in repair.chain],
        "added": [change.sha256 for change in repair.added], "dropped": [change.sha256 for change in repair.dropped],
        "moved": [change.sha256 for change in repair.moved],
        "missing": None if missing is None else {"subject": missing.subject, "key_id": missing.key_id, "urls": list(missing.urls)},
    }  # fmt: skip


def _moment(nanoseconds: int | None) -> str | None:
    return (iso(nanoseconds) or None) if nanoseconds is not None else None


class CheckJson:
    """Writes ``{schema, results, summary}``, or with ``lines`` one result per line and nothing else."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False) -> None:
        self._write, self._lines = write, lines
        self._causes: dict[str, int] = {}
        self.shown = self.failed = self.warned = 0

    def add(self, result: CheckResult | PairResult) -> None:
        """Write one result."""
        value = as_dict(result) if isinstance(result, CheckResult) else pair_as_dict(result)
        self.failed += value["level"] == "failure"
        self.warned += value["level"] == "warning"
        for cause in dict.fromkeys(problem.cause for problem in result.problems):
            self._causes[cause] = self._causes.get(cause, 0) + 1
        text = _encode(value)
        self._write(text + "\n" if self._lines else (",\n" if self.shown else self._opening()) + text)
        self.shown += 1

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Finish the document with its summary."""
        if self._lines:
            return
        summary = {
            "checked": self.shown, "failed": self.failed, "with_warning": self.warned, "sound": self.shown - self.failed - self.warned,
            "causes": dict(sorted(self._causes.items(), key=lambda item: (-item[1], item[0]))), "warnings": list(warnings), "error": error,
        }  # fmt: skip
        self._write(("\n" if self.shown else self._opening()) + f'],\n"summary":{_encode(summary)}}}\n')

    def _opening(self) -> str:
        return f'{{"schema":{_encode(SCHEMA)},\n"results":[\n'
