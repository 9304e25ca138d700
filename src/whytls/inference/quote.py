"""Events and defects put into the one line that stands as evidence: names and values as they were on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from whytls.inference.ending import SILENCE
from whytls.inference.memo import Same, remembered
from whytls.model import Context, Event, EventKind, Evidence, Handshake, Hop, Side
from whytls.wire.message import Alert, EncryptedRecord
from whytls.wire.registry import alert_name, version_name

if TYPE_CHECKING:
    from whytls.pki.defect import Defect


_new = tuple.__new__


def side_name(side: Side, context: Context) -> str:
    """How the side is called on this hop: 'client', 'Router', 'Message Processor', 'backend', 'server'."""
    return _NAMES.get((context.hop, side), side)


_NAMES = {
    ("northbound", "server"): "Router",
    ("southbound", "client"): "Message Processor",
    ("southbound", "server"): "backend",
}


def fatal_alert_text(event: Event, context: Context) -> str:
    """``backend → Message Processor: fatal handshake_failure``."""
    return _alert_text(event.sender, event.value if isinstance(event.value, Alert) else None, context.hop)


@lru_cache(maxsize=1024)
def _alert_text(sender: Side, alert: Alert | None, hop: Hop) -> str:
    other: Side = "client" if sender == "server" else "server"
    level, name = "alert", "?"
    if alert is not None:
        level = "fatal" if alert.level == 2 else "warning" if alert.level == 1 else f"level {alert.level}"
        name = alert_name(alert.description)
    return f"{_NAMES.get((hop, sender), sender)} → {_NAMES.get((hop, other), other)}: {level} {name}"


def quote_event(event: Event, context: Context) -> Evidence:
    """The evidence line that quotes one event of an ending as it stood on the wire."""
    kind, sender, frame, _, value, _, _, file = event
    if kind == "alert":
        text = _alert_text(sender, value if isinstance(value, Alert) else None, context.hop)
    elif kind == "encrypted":
        text = f"{side_name(sender, context)} {_sent(event)}"
    else:
        text = _event_text(kind, sender, context.hop)
    return _new(Evidence, (text, (frame,), file, None, None))


@lru_cache(maxsize=256)
def _event_text(kind: EventKind, sender: Side, hop: Hop) -> str:
    return f"{_NAMES.get((hop, sender), sender)} {_DID.get(kind) or f'sent {kind}'}"


def _sent(event: Event) -> str:
    """Of an encrypted record: what it begins with, where that is HTTP and was opened; else its length."""
    content = event.value.content if isinstance(event.value, EncryptedRecord) else b""
    if content.startswith(b"HTTP/"):
        line = content.partition(b"\r\n")[0][:100]
        return f"answered {str(line, 'ascii', 'backslashreplace')}"
    return f"sent one encrypted record of {event.length} bytes"


def closed_unread(handshake: Handshake, context: Context) -> tuple[Evidence, ...]:
    """That the server closed or reset before a byte of the ClientHello had come to it, where TCP shows it; else nothing.

    One that waited first, or a hello that was sent again, is another matter: the hello was lost, and the server tired of waiting.
    """
    transport = handshake.transport
    close = next((e for e in handshake.events if e.sender == "server" and e.kind in ("fin", "rst")), None)
    if not transport.closed_unread or close is None or transport.client_retransmissions:
        return ()
    up = next((e.time for e in handshake.events if e.kind == "syn-ack"), None)
    if up is None or close.time - up >= SILENCE:
        return ()
    text = f"no byte of the ClientHello had come to the {side_name('server', context)}: its {close.kind.upper()} acknowledges none"
    return (Evidence(text, close.frames, close.file),)


_DID: dict[EventKind, str] = {
    "fin": "closed the connection (FIN)",
    "rst": "reset the connection (RST)",
    "syn": "asked for a connection (SYN)",
    "client-hello": "sent its ClientHello",
    "foreign": "sent bytes that are not TLS",
    "icmp-unreachable": "was reported unreachable (ICMP)",
    "malformed": "sent a malformed message",
}


@remembered
def quote_ending(context: Context, limit: int = 3) -> tuple[Evidence, ...]:
    """The ending quoted, at most ``limit`` events of it."""
    return tuple([quote_event(e, context) for e in context.ending.events[:limit]])


def listed(names: Sequence[str], most: int) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


@remembered
def describe_hello(handshake: Handshake, context: Context) -> Evidence:
    """The evidence line on the ClientHello: version, number of suites, server name."""
    hello, event = handshake.client_hello, handshake.first("client-hello")
    if hello is None or event is None:
        return Evidence("no ClientHello was captured")
    text = _hello_text(hello.versions, bool(hello.supported_versions), len(hello.cipher_suites), hello.server_name)
    return _new(Evidence, (text, event.frames, event.file, None, None))


@lru_cache(maxsize=1024)
def _hello_text(versions: tuple[int, ...], all_named: bool, suites: int, server_name: str | None) -> str:
    name = f"server_name {server_name}" if server_name else "no server_name"
    many = f"{suites} cipher suite{'s' if suites != 1 else ''}"
    offered = version_name(versions[0])
    if all_named and len(versions) > 1:
        offered = f"{version_name(versions[-1])} to {version_name(versions[0])}"
    return f"ClientHello {offered}, {many}, {name}"


def describe_defect(defect: Defect, chain: tuple[bytes, ...], whose: Side, at: int, context: Context) -> str:
    """What is wrong with which certificate at that time (nanoseconds since 1970), with the values that show it."""
    return _described(Same(defect), chain, side_name(whose, context), at // _MINUTE)


@lru_cache(maxsize=1024)  # a server shows one chain, whose defects are found once, to all whom it fails with
def _described(same: Same, chain: tuple[bytes, ...], owner: str, minute: int) -> str:
    from whytls.pki.certificate import read

    defect: Defect = same.value
    index = defect.index
    place = f"certificate {index + 1} of {len(chain)}" if index is not None and len(chain) > 1 else "certificate"
    name = read(chain[index]).subject if index is not None and index < len(chain) else ""
    words = _words(defect.slug, {**defect.facts, "at": minute * _MINUTE}, defect.detail)
    return f"{owner}'s {place}{f' ({name})' if name else ''} {words}"


def _words(slug: str, facts: dict[str, Any], detail: str) -> str:
    """The defect as the rest of a sentence whose subject is the certificate."""
    template = _SENTENCES.get(slug)
    if template is None:
        return f"has a defect: {slug.replace('-', ' ')}{f' ({detail})' if detail else ''}"
    shown = {key: _value(key, value) for key, value in facts.items()}
    return template.format_map(_Known(shown))


class _Known(dict[str, str]):
    """Values for a sentence; one that a certificate does not have is said to be so."""

    def __missing__(self, key: str) -> str:
        return "(none)"


_SENTENCES = {
    "expired": "expired on {not_after}; the handshake was on {at}",
    "not-yet-valid": "is valid from {not_before} on; the handshake was on {at}",
    "name-mismatch": "is for {presented}, not for {host}",
    "cn-only": "names {host} as common name only, without subjectAltName",
    "self-signed-leaf": "is self-signed",
    "missing-intermediate": "was issued by {issuer}, whose certificate was not sent",
    "wrong-intermediate": "was issued by {issuer}, and another CA's certificate was sent in its place",
    "wrong-order": "stands in a chain whose certificates do not follow each other",
    "bad-signature": "carries a signature that the key of {issuer} does not confirm",
    "weak-key": "has a {key_type} key of {key_bits} bits",
    "weak-digest": "is signed with {digest}",
    "wrong-usage": "is for {presented}, not for {wanted}",
    "issuer-not-ca": "issued another one without being a CA",
    "path-length-exceeded": "allows {allowed} CA certificates below it; there are {length}",
    "name-constraints": "holds the name {name}, which its CA {ca} is not permitted to certify (permitted: {permitted})",
    "untrusted-root": "leads to {issuer}, which is not in the truststore given",
    "malformed": "cannot be read: {problems}",
}
_USAGES = {
    "1.3.6.1.5.5.7.3.1": "TLS servers (serverAuth)",
    "1.3.6.1.5.5.7.3.2": "TLS clients (clientAuth)",
    "1.3.6.1.5.5.7.3.3": "code signing",
    "1.3.6.1.5.5.7.3.4": "e-mail",
    "1.3.6.1.5.5.7.3.8": "time stamping",
    "1.3.6.1.5.5.7.3.9": "OCSP signing",
}


def _value(key: str, value: object) -> str:
    if key in ("not_before", "not_after", "at") and isinstance(value, int):
        return day(value)
    if isinstance(value, tuple):
        return ", ".join(_USAGES.get(v, str(v)) for v in value[:4]) + (" …" if len(value) > 4 else "") if value else ""
    return _USAGES.get(value, value) if isinstance(value, str) else str(value)


def day(nanoseconds: int) -> str:
    """A time as people write it: 2026-11-23 14:05 UTC."""
    return _minute(nanoseconds // _MINUTE)


_MINUTE = 60 * 10**9  # nanoseconds; no text here is finer


@lru_cache(maxsize=256)
def _minute(minutes: int) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(minutes * 60, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "a date out of range"
