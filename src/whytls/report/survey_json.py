"""Surveys of `whytls probe` for machines: one document, or a line for each server; the fields are those of schema-probes.json.

Problems have the words of `whytls check`. Every statement names the attempts that show it, and the attempts stand below. Every character
outside ASCII is escaped: what a server wrote into its certificate cannot steer the terminal of somebody who looks at the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from json import JSONEncoder
from typing import Any

from whytls.model import Handshake
from whytls.pki.certificate import read
from whytls.probing.attempt import Attempt
from whytls.probing.result import CertificateShown, ClientCertificate, NameAsked, Refused, Resumption, VersionFound
from whytls.report.check_json import as_dict as check_as_dict
from whytls.report.check_json import certificate, problem_as_dict
from whytls.report.moments import iso
from whytls.surveying.result import NamesSaid, Statement, Survey, Through
from whytls.surveying.said import alert_of
from whytls.surveying.survey import authorities
from whytls.wire.registry import alert_name, certificate_type_name, group_name, scheme_name, suite_name, suite_openssl_name, version_name

SCHEMA = "urn:whytls:probes:1.0"  # within 1 it only grows
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


def as_dict(survey: Survey, *, transcripts: bool = False) -> dict[str, Any]:
    """One survey as plain values; ``transcripts``: with every attempt's events."""
    inventory = survey.inventory
    return {
        "target": survey.target,
        "address": inventory.address,
        "server_name": inventory.server_name,
        "at": iso(survey.at) or None,
        "verdict": survey.verdict,
        "level": survey.level,
        "problems": [problem_as_dict(problem) for problem in survey.problems],
        "weaknesses": [_statement(statement) for statement in survey.weaknesses],
        "versions": [_version(found) for found in inventory.versions],
        "groups": [_named(group, group_name) for group in inventory.groups],
        "groups_server_order": inventory.groups_server_order,
        "signature_schemes": [_named(scheme, scheme_name) for scheme in inventory.signature_schemes],
        "alpn": list(inventory.alpn),
        "alpn_refused": _refused(inventory.alpn_refused),
        "compression": inventory.compression,
        "secure_renegotiation": inventory.secure_renegotiation,
        "extended_master_secret": inventory.extended_master_secret,
        "fallback_scsv": inventory.fallback_scsv,
        "resumption": _resumption(inventory.resumption),
        "client_certificate": _client_certificate(inventory.client_certificate),
        "presented": [certificate(read(der)) for der in survey.presented],
        "certificates": [_shown(shown, check_as_dict(result)) for shown, result in zip(inventory.certificates, survey.certificates, strict=True)],
        "names": _names(survey.names, inventory.names),
        "clients": [_client(client) for client in survey.clients],
        "compared_with": survey.compared_with or None,
        "differences": [_statement(statement) for statement in survey.differences],
        "notes": list(survey.notes),
        "connections": len(inventory.attempts),
        "seconds": round(inventory.seconds, 4),
        "attempts": [attempt_as_dict(attempt, transcripts=transcripts) for attempt in inventory.attempts],
    }


def _named(number: int, name: Callable[[int], str]) -> dict[str, Any]:
    return {"number": number, "name": name(number)}


def _suite(number: int) -> dict[str, Any]:
    return {"number": number, "name": suite_name(number), "openssl": suite_openssl_name(number)}


def _refused(refused: Refused | None) -> dict[str, Any] | None:
    if refused is None:
        return None
    alert = alert_name(refused.alert) if refused.alert is not None else None
    return {"attempt": refused.attempt, "end": refused.end, "alert": refused.alert, "alert_name": alert}


def _version(found: VersionFound) -> dict[str, Any]:
    return {
        **_named(found.version, version_name), "accepted": bool(found.suites), "suites": [_suite(suite) for suite in found.suites],
        "server_order": found.server_order, "refused": _refused(found.refused), "dh_bits": list(found.dh_bits),
    }  # fmt: skip


def _resumption(found: Resumption) -> dict[str, Any]:
    return {
        "session_id": found.session_id, "ticket": found.ticket, "psk": found.psk, "early_data": found.early_data, "attempts": list(found.attempts),
    }  # fmt: skip


def _client_certificate(found: ClientCertificate) -> dict[str, Any]:
    return {
        "wanted": found.wanted, "how": found.how, "authorities": authorities(found.authorities),
        "signature_schemes": [_named(scheme, scheme_name) for scheme in found.signature_schemes],
        "certificate_types": [_named(kind, certificate_type_name) for kind in found.certificate_types], "attempts": list(found.attempts),
    }  # fmt: skip


def _shown(shown: CertificateShown, result: dict[str, Any]) -> dict[str, Any]:
    taken = {key: result[key] for key in ("level", "host", "problems", "decisions", "names", "revocation", "repair", "notes")}
    return {
        "server_name": shown.server_name, "key_type": shown.key_type, "attempts": list(shown.attempts), "chain": result["certificates"],
        **taken,
    }  # fmt: skip


def _names(said: NamesSaid, asked: Sequence[NameAsked]) -> dict[str, Any]:
    return {
        "habit": said.habit,
        "unknown": said.unknown,
        "statements": [_statement(statement) for statement in said.statements],
        "asked": [
            {
                "named": name.named, "server_name": name.server_name, "attempt": name.attempt,
                "certificate": certificate(read(name.chain[0])) if name.chain else None, "refused": _refused(name.refused),
                "warning": name.warning,
            }
            for name in asked
        ],
    }  # fmt: skip


def _statement(statement: Statement) -> dict[str, Any]:
    return {"slug": statement.slug, "text": statement.text, "reference": statement.reference, "attempts": list(statement.attempts)}


def _client(client: Through) -> dict[str, Any]:
    return {
        "client": client.client, "title": client.title, "passes": client.passes, "provenance": client.provenance,
        "version": _named(client.version, version_name) if client.version is not None else None,
        "cipher_suite": _suite(client.cipher_suite) if client.cipher_suite is not None else None,
        "group": _named(client.group, group_name) if client.group is not None else None,
        "cause": client.cause or None, "detail": client.detail, "why": client.why, "confidence": client.confidence, "attempt": client.attempt,
        "notes": list(client.notes),
    }  # fmt: skip


def attempt_as_dict(attempt: Attempt, *, transcripts: bool) -> dict[str, Any]:
    """An attempt: what it was for and how it ended; with its transcript what was said."""
    alert, handshake = alert_of(attempt), attempt.handshake
    value: dict[str, Any] = {
        "number": attempt.number, "purpose": attempt.purpose, "end": attempt.end, "alert": alert,
        "alert_name": alert_name(alert) if alert is not None else None, "shape": handshake.shape, "outcome": handshake.outcome,
        "started_at": (iso(handshake.started_at) or None) if handshake.started_at else None,
        "microseconds": max(0, handshake.ended_at - handshake.started_at) // 1000,
    }  # fmt: skip
    if transcripts:
        value["transcript"] = transcript(handshake)
    return value


def transcript(handshake: Handshake) -> list[dict[str, Any]]:
    """All that was said, message by message."""
    from whytls.report.ladder import ladder

    return [
        {
            "event": step.frames[-1], "sender": step.sender, "name": step.name, "facts": [*step.facts, *step.more],
            "microseconds": step.after // 1000,
        }
        for step in ladder(handshake).steps
    ]  # fmt: skip


class SurveyJson:
    """Writes ``{schema, servers, summary}``, or with ``lines`` one server per line and nothing else."""

    def __init__(self, write: Callable[[str], object], *, lines: bool = False, attempts: bool = False) -> None:
        self._write, self._one_per_line, self._attempts = write, lines, attempts
        self._causes: dict[str, int] = {}
        self._connections = 0
        self.shown = self.failed = self.warned = 0

    def add(self, survey: Survey) -> None:
        """Write one survey."""
        self.failed += survey.level == "failure"
        self.warned += survey.level == "warning"
        self._connections += len(survey.inventory.attempts)
        for cause in dict.fromkeys(problem.cause for problem in survey.problems):
            self._causes[cause] = self._causes.get(cause, 0) + 1
        text = _encode(as_dict(survey, transcripts=self._attempts))
        self._write(text + "\n" if self._one_per_line else (",\n" if self.shown else self._opening()) + text)
        self.shown += 1

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Finish the document with its summary."""
        if self._one_per_line:
            return
        summary = {
            "asked": self.shown, "failed": self.failed, "with_warning": self.warned, "healthy": self.shown - self.failed - self.warned,
            "connections": self._connections, "causes": dict(sorted(self._causes.items(), key=lambda item: (-item[1], item[0]))),
            "warnings": list(warnings), "error": error,
        }  # fmt: skip
        self._write(("\n" if self.shown else self._opening()) + f'],\n"summary":{_encode(summary)}}}\n')

    def _opening(self) -> str:
        return f'{{"schema":{_encode(SCHEMA)},\n"servers":[\n'
