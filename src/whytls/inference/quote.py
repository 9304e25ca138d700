"""Events and defects put into the one line that stands as evidence: names and values as they were on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whytls.model import Context, Event, Evidence, Handshake, Side
from whytls.wire.message import Alert
from whytls.wire.registry import alert_name, version_name

if TYPE_CHECKING:
    from whytls.pki.defect import Defect


def side_name(side: Side, context: Context) -> str:
    """How the side is called on this hop: 'client', 'Router', 'Message Processor', 'backend', 'server'."""
    names = {
        ("northbound", "server"): "Router",
        ("southbound", "client"): "Message Processor",
        ("southbound", "server"): "backend",
    }
    return names.get((context.hop, side), side)


def fatal_alert_text(event: Event, context: Context) -> str:
    """``backend → Message Processor: fatal handshake_failure``."""
    other: Side = "client" if event.sender == "server" else "server"
    level = "alert"
    name = "?"
    if isinstance(event.value, Alert):
        level = "fatal" if event.value.level == 2 else "warning" if event.value.level == 1 else f"level {event.value.level}"
        name = alert_name(event.value.description)
    return f"{side_name(event.sender, context)} → {side_name(other, context)}: {level} {name}"


def quote_event(event: Event, context: Context) -> Evidence:
    """The evidence line that quotes one event of an ending as it stood on the wire."""
    who = side_name(event.sender, context)
    what = {
        "fin": "closed the connection (FIN)",
        "rst": "reset the connection (RST)",
        "syn": "asked for a connection (SYN)",
        "client-hello": "sent its ClientHello",
        "foreign": "sent bytes that are not TLS",
        "encrypted": f"sent one encrypted record of {event.length} bytes",
        "icmp-unreachable": "was reported unreachable (ICMP)",
        "malformed": "sent a malformed message",
    }.get(event.kind, f"sent {event.kind}")
    text = fatal_alert_text(event, context) if event.kind == "alert" else f"{who} {what}"
    return Evidence(text, event.frames[-1:], event.file)


def quote_ending(context: Context, limit: int = 3) -> tuple[Evidence, ...]:
    """The ending quoted, at most ``limit`` events of it."""
    return tuple(quote_event(e, context) for e in context.ending.events[:limit])


def describe_hello(handshake: Handshake, context: Context) -> Evidence:
    """The evidence line on the ClientHello: version, number of suites, server name."""
    hello, event = handshake.client_hello, handshake.first("client-hello")
    if hello is None or event is None:
        return Evidence("no ClientHello was captured")
    name = f"server_name {hello.server_name}" if hello.server_name else "no server_name"
    many = f"{len(hello.cipher_suites)} cipher suite{'s' if len(hello.cipher_suites) != 1 else ''}"
    versions = hello.versions
    offered = version_name(versions[0])
    if hello.supported_versions and len(versions) > 1:
        offered = f"{version_name(versions[-1])} to {version_name(versions[0])}"
    return Evidence(f"ClientHello {offered}, {many}, {name}", event.frames, event.file)


def describe_defect(defect: Defect, chain: tuple[bytes, ...], whose: Side) -> str:
    """What is wrong with which certificate, with the values that show it."""
    from whytls.pki.certificate import read

    facts = defect.facts
    place = f"certificate {defect.index + 1} of {len(chain)}" if defect.index is not None and len(chain) > 1 else "the certificate"
    name = read(chain[defect.index]).subject if defect.index is not None and defect.index < len(chain) else ""
    return f"{whose}'s Certificate: {place}{f' ({name})' if name else ''}: {_defect_words(defect.slug, defect.detail, dict(facts))}"


def _defect_words(slug: str, detail: str, facts: dict[str, object]) -> str:
    words = slug.replace("-", " ") + (f", {detail.replace('-', ' ')}" if detail else "")
    shown = [f"{key.replace('_', ' ')} {_value(value)}" for key, value in facts.items() if value not in (None, "", ()) and key != "position"]
    return f"{words} ({'; '.join(shown[:4])})" if shown else words


def _value(value: object) -> str:
    if isinstance(value, int) and value > 10**15:
        return day(value)
    if isinstance(value, tuple):
        return ", ".join(str(v) for v in value[:4]) + (" …" if len(value) > 4 else "")
    return str(value)


def day(nanoseconds: int) -> str:
    """A time as people write it: 2026-11-23 14:05 UTC."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "a date out of range"
