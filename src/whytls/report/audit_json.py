"""An audit for machines: one document, or a line for each concern; the fields are those of schema-audits.json.

A concern has the words of a diagnosis. ``presented`` are the certificates that it is about, in PEM, so that `whytls fix` needs to ask nobody for
them again. Every character outside ASCII is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONEncoder
from typing import Any

from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.run import Audit
from whytls.pki.extract import armoured
from whytls.report.json import fix_as_dict
from whytls.report.moments import iso

SCHEMA = "urn:whytls:audits:1.0"  # within 1 it only grows
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(concern: Concern) -> dict[str, Any]:
    """One concern as plain values."""
    return {
        "level": concern.level,
        "rule": concern.rule,
        "cause": concern.cause,
        "cause_class": concern.cause_class,
        "detail": concern.detail,
        "title": concern.title,
        "hop": concern.hop,
        "subject": _subject(concern.subject),
        "owners": list(concern.owners),
        "confidence": concern.confidence,
        "would_decide": concern.would_decide,
        "evidence": [
            {"file": said.file, "line": said.line, "frames": list(said.frames), "text": said.text, "certificate": said.certificate}
            for said in concern.evidence
        ],
        "fix": None if concern.fix is None else fix_as_dict(concern.fix),
        "purpose": concern.purpose,
        "presented": [armoured(der) for der in concern.chain],
        "warnings": list(concern.warnings),
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {"kind": subject.kind, "name": subject.name, "at": subject.at, "proxy": subject.proxy, "revision": subject.revision}


class AuditJson:
    """Writes ``{schema, gateway, at, concerns, looked, summary}``, or with ``lines`` one concern per line and nothing else."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False) -> None:
        self._write, self._lines = write, lines

    def add(self, audit: Audit) -> None:
        """Write it."""
        concerns = audit.concerns
        if self._lines:
            for concern in concerns:
                self._write(_encode(as_dict(concern)) + "\n")
            return
        environment, rules = audit.environment, dict[str, int]()
        for concern in concerns:
            rules[concern.rule] = rules.get(concern.rule, 0) + 1
        whole = {
            "schema": SCHEMA,
            "gateway": {"source": environment.source, "organization": environment.organization, "environment": environment.name},
            "at": iso(audit.at) or None,
            "concerns": [as_dict(concern) for concern in concerns],
            "looked": [{**_subject(one.subject), "probed": one.probed, "concerns": len(one.concerns)} for one in audit.looked],
            "summary": {
                "failures": audit.failed, "warnings": len(concerns) - audit.failed,
                "rules": dict(sorted(rules.items(), key=lambda item: (-item[1], item[0]))), "notes": list(audit.warnings),
            },
        }  # fmt: skip
        self._write(_encode(whole) + "\n")
