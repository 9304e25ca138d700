"""What a cause is: a declaration, a ``look`` and a ``fix``; and the small helpers that cause files share.

A cause file has, from top to bottom: its page as the module docstring (*What happened · How it looks · Tell it from · Fix ·
References*), ``CAUSE = Cause(...)``, ``look(handshake, context) -> Answer``, ``fix(finding, context) -> Fix``. Its slug is its
file name. It parses nothing and prints nothing. ``phases`` and ``needs`` are checked before ``look`` is called, so that "not
captured" becomes CannotTell in one place (verdict.py) and a cause stays a page of reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Literal

from whytls.model import Answer, CauseClass, Confirmer, Context, Event, Evidence, Finding, Fix, Handshake, Owner, Phase, Side
from whytls.wire.message import Alert

Need = Literal["client-hello", "server-chain", "client-chain", "certificate-request", "server-hello"]

FROM_HELLO: tuple[Phase, ...] = ("client-hello", "retry", "server-flight")
FROM_CERTIFICATE: tuple[Phase, ...] = ("client-turn", "server-turn", "finished")


@dataclass(frozen=True, slots=True)
class Cause:
    """The declaration of a cause; what it decides is in its module's ``look`` and ``fix``."""

    title: str  # one sentence that stands alone; {fact} are the finding's facts
    cause_class: CauseClass
    owners: tuple[Owner, ...]  # cheapest first
    phases: tuple[Phase, ...]  # asked only when the handshake ended there
    needs: tuple[Need, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # by the finding's detail, where one sentence does not fit all
    who_can_confirm: Confirmer = "anyone"
    references: tuple[str, ...] = ()
    completed: bool = False  # also asked of handshakes that completed on the wire


@dataclass(frozen=True, slots=True)
class LoadedCause:
    """A cause file, imported."""

    slug: str
    declaration: Cause
    look: Callable[[Handshake, Context], Answer]
    fix: Callable[[Finding, Context], Fix]
    module: ModuleType

    @property
    def page(self) -> str:
        """The file's docstring: the text that ``whytls explain`` prints."""
        return (self.module.__doc__ or "").strip()


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
    from whytls.wire.registry import alert_name

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
    from whytls.wire.registry import version_name

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


def resolve_owners(owners: tuple[Owner, ...], context: Context) -> tuple[Owner, ...]:
    """Name the owners of this hop: on a gateway's hop 'server' and 'client' are Router, Message Processor or backend."""
    names: dict[Owner, Owner] = {}
    if context.hop == "northbound":
        names = {"server": "gateway"}
    elif context.hop == "southbound":
        names = {"client": "gateway", "server": "backend"}
    resolved: list[Owner] = []
    for owner in owners:
        name = names.get(owner, owner)
        if name not in resolved:
            resolved.append(name)
    return tuple(resolved)
