"""What is said in one attempt, event by event, and the Handshake that it makes.

An attempt has no frames: its events are numbered as they come, from 1, so that evidence can point at them as it points at frames.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import NamedTuple

from whytls.capture.form import form_of, resumed_of
from whytls.model import Endpoint, Event, EventKind, Handshake, Outcome, Prelude, Side, Transport
from whytls.wire.message import Certificate, CertificateRequest, ClientHello, Message, ServerHello, ServerKeyExchange


class Ends(NamedTuple):
    """Who talks to whom."""

    client: Endpoint
    server: Endpoint


class Conversation:
    """The events of one attempt. ``label`` names the attempt where a capture has a file; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, label: str, most: int, clock: Callable[[], int] = time_ns) -> None:
        self.label, self.events = label, list[Event]()
        self._most, self._clock = most, clock
        self.client_hello: ClientHello | None = None
        self.retried_hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.retry: ServerHello | None = None
        self.server_chain: tuple[bytes, ...] | None = None
        self.client_chain: tuple[bytes, ...] | None = None
        self.certificate_request: CertificateRequest | None = None
        self.server_key_exchange: ServerKeyExchange | None = None
        self.prelude: Prelude | None = None
        self.bytes: dict[Side, int] = {"client": 0, "server": 0}  # on the wire

    @property
    def full(self) -> bool:
        """Whether there are as many events as one attempt may have, but for a last one that says so."""
        return len(self.events) >= self._most - 1

    @property
    def version(self) -> int | None:
        """The version that the server chose."""
        hello = self.server_hello or self.retry
        return hello.version if hello else None

    def add(self, kind: EventKind, sender: Side, value: Message | None = None, length: int = 0) -> Event:
        """What was just said."""
        event = Event(kind, sender, len(self.events) + 1, self._clock(), value, 0, length, self.label)
        self.events.append(event)
        self._note(sender, value)
        return event

    def _note(self, sender: Side, value: Message | None) -> None:
        if isinstance(value, ClientHello):
            if self.client_hello is None:
                self.client_hello = value
            else:
                self.retried_hello = value
        elif isinstance(value, ServerHello):
            if value.is_retry:
                self.retry = self.retry or value
            else:
                self.server_hello = self.server_hello or value
        elif isinstance(value, Certificate):
            if sender == "client":
                self.client_chain = value.chain
            elif self.server_chain is None:
                self.server_chain = value.chain
        elif isinstance(value, CertificateRequest):
            self.certificate_request = value
        elif isinstance(value, ServerKeyExchange):
            self.server_key_exchange = value

    def handshake(self, ends: Ends, outcome: Outcome, quiet: int = 0) -> Handshake:
        """All of it as one value; ``quiet`` are the nanoseconds that were waited after the last event."""
        events, version = self.events, self.version
        shape, state, due = form_of(events, version, False)
        transport = Transport(
            syn_seen=True, syn_ack_seen=any(e.kind == "syn-ack" for e in events), syn_count=1, client_acked=self.bytes["client"],
            server_acked=self.bytes["server"], client_bytes=self.bytes["client"], server_bytes=self.bytes["server"], end_acked=True,
        )  # fmt: skip
        return Handshake(
            ends.client,
            ends.server,
            tuple(events),
            outcome,
            events[0].time if events else 0,
            events[-1].time if events else 0,
            quiet,
            self.label,
            shape=shape,
            version=version,
            client_hello=self.client_hello,
            retried_hello=self.retried_hello,
            server_hello=self.server_hello,
            hello_retry_request=self.retry,
            server_chain=self.server_chain,
            client_chain=self.client_chain,
            certificate_request=self.certificate_request,
            server_key_exchange=self.server_key_exchange,
            resumed=resumed_of(events, self.server_hello),
            state=state,
            expected=due,
            transport=transport,
            prelude=self.prelude,
        )
