"""A live endpoint judged: the chain that it shows with its name and without, or why it shows none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from whytls.checking.at_hand import AtHand
from whytls.checking.judge import Judge
from whytls.checking.naming import named
from whytls.checking.result import Ask, CheckResult, Problem
from whytls.model import Confidence, Evidence
from whytls.pki.certificate import read
from whytls.pki.readers.live import Address, Shown, ask, is_name
from whytls.pki.store import Entry, Place
from whytls.wire.registry import alert_name

MOST_AUTHORITIES = 5  # shown by name
# Alerts that say by themselves what was minded; for all others the probe has to ask further.
_TELLING = {70: "protocol-mismatch", 112: "sni-unknown"}


def examined(endpoint: Address, asked: Ask) -> CheckResult:
    """What the endpoint shows, judged for the name by which it is called unless another one is expected.

    Raises:
        InputError: the host's name leads nowhere.
    """
    called = asked.host or (endpoint.host if is_name(endpoint.host) else None)
    name = called if called is not None and is_name(called) else None
    shown = ask(endpoint, name)
    if not shown.chain:
        return without_chain(shown, asked)
    entry = Entry("certificate", shown.chain, Place(str(endpoint)))
    begun = CheckResult(str(endpoint), "endpoint", "endpoint", entry.place, asked.at, "server", chain=shown.chain, notes=tuple(_notes(shown)))
    judge = Judge(asked._replace(host=called), str(endpoint), "endpoint", AtHand(asked.given), alone=True)
    result = judge.chain(begun, entry)
    if name is not None:
        result = replace(result, notes=(*result.notes, *_without_name(shown, ask(endpoint, None))))
    return result


def _notes(shown: Shown) -> list[str]:
    told = [f"{shown.address} shows it in {shown.version}" + (f" with {shown.cipher}" if shown.cipher else "")] if shown.version else []
    if shown.client_certificate:
        listed = "; ".join(shown.authorities[:MOST_AUTHORITIES])
        more = f" and {len(shown.authorities) - MOST_AUTHORITIES} more" if len(shown.authorities) > MOST_AUTHORITIES else ""
        told.append(f"it asks for a client certificate, from {listed}{more}" if listed else "it asks for a client certificate and names no CA")
    if not shown.completed and not shown.client_certificate:
        told.append(f"the handshake did not complete: {_happened(shown)}")
    return told


def _without_name(named_one: Shown, other: Shown) -> list[str]:
    """What changes for a client that sends no server_name (R19)."""
    if other.chain and other.chain[0] != named_one.chain[0]:
        return [f"without server_name it shows another certificate: {read(other.chain[0]).subject} (`sni-default-certificate`)"]
    if not other.chain:
        return [f"without server_name: {_happened(other)} (`sni-missing`): clients have to send the name"]
    return []


def without_chain(shown: Shown, asked: Ask) -> CheckResult:
    """Nothing was shown: under the cause that it would have in a recording."""
    slug, confidence, facts, detail = _cause(shown)
    from whytls.causes import load

    where = Evidence(_happened(shown), file=str(shown.asked))
    title = f"{shown.asked} shows no certificate: {_happened(shown)}"
    problem: Problem = named(load(slug), title, confidence, (where,), facts, detail=detail)
    return CheckResult(str(shown.asked), "endpoint", "endpoint", Place(str(shown.asked)), asked.at, "server", problems=(problem,))


def _cause(shown: Shown) -> tuple[str, Confidence, dict[str, Any], str]:
    facts: dict[str, Any] = {
        "address": str(shown.asked), "who": "server", "name": shown.server_name or "", "newest": 0x0303, "count": 1,
        "protocol": _foreign(shown.first),
    }  # fmt: skip
    if shown.problem in ("refused", "unreachable"):
        return "connection-refused", "proven" if shown.problem == "refused" else "likely", facts, ""
    if shown.problem == "timeout":
        return "connection-timeout", "proven", facts, "once"
    if shown.problem == "not-tls":
        mail = _foreign(shown.first) in ("SMTP", "IMAP", "POP3", "FTP")
        return "tls-to-plaintext-port", "proven", facts, "starttls-left-out" if mail else ""
    if shown.problem == "silence":
        return "handshake-timeout", "likely", facts, ""
    if shown.problem == "reset":
        return "connection-reset", "likely", facts, ""
    if shown.problem == "closed":
        return "closed-without-answer", "likely", facts, ""
    slug = _TELLING.get(shown.alert or 0, "unexplained")
    return slug, "likely" if slug != "unexplained" else "possible", facts, ""


def _happened(shown: Shown) -> str:
    if shown.problem == "not-tls":
        begin = shown.first.split(b"\n")[0].decode("latin-1").strip()[:80]
        return f"it does not speak TLS here; it answers in {_foreign(shown.first)}: {begin}"
    if shown.alert is not None and shown.problem == "alert":
        return f"it answers with the alert {alert_name(shown.alert)} ({shown.alert})"
    return {
        "refused": "the connection was refused", "timeout": "no answer to the attempt to connect",
        "unreachable": f"it cannot be reached ({shown.words})", "silence": "it accepts the connection and then says nothing",
        "closed": "it closes the connection without an answer", "reset": "it resets the connection",
    }.get(shown.problem, f"the handshake fails ({shown.words})")  # fmt: skip


_FOREIGN = (
    (b"HTTP/", "HTTP"), (b"<", "HTML"), (b"SSH-", "SSH"), (b"220", "SMTP"), (b"* OK", "IMAP"), (b"+OK", "POP3"), (b"-ERR", "POP3"),
    (b"\x4a\x00\x00\x00", "MySQL"), (b"N", "PostgreSQL"),
)  # fmt: skip


def _foreign(first: bytes) -> str:
    """The protocol that bytes look like."""
    if first.startswith(b"220") and b"FTP" in first.upper():
        return "FTP"
    return next((name for begin, name in _FOREIGN if first.startswith(begin)), "another protocol")
