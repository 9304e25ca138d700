"""Asks a target what a dialogue wants to know: offers become hellos, attempts become answers, within the target's bounds.

A refusal is part of the answer, so its manner matters. An alert is believed at once. A server that closes, resets or says nothing may be
refusing, or be busy: the first refusal of each such manner is asked for a second time, and a manner that was repeated is the server's own.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from whytls.model import Event
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.facts import Resume, Until
from whytls.probing.offer import FALLBACK_SCSV, OWN, RENEGOTIATION_SCSV, Answer, Dialogue, Offer
from whytls.wire.hello import EXTENDED_MASTER_SECRET, KEY_SHARE, RENEGOTIATION_INFO, make
from whytls.wire.message import Alert, ClientHello, Extension
from whytls.wire.registry import SSL2, TLS13

T = TypeVar("T")
_POINT_FORMATS, _SESSION_TICKET, _PSK_MODES = 11, 35, 45
_BASE = (Extension(_POINT_FORMATS, b"\x01\0"), Extension(_SESSION_TICKET, b""), Extension(EXTENDED_MASTER_SECRET, b""),
         Extension(RENEGOTIATION_INFO, b"\0"))  # fmt: skip
_FOR_TLS13 = Extension(_PSK_MODES, b"\x01\x01")
_NO_SHARE = Extension(KEY_SHARE, b"\0\0")  # empty: the server shall choose (RFC 8446 section 4.2.8)
_X25519 = 0x001D
_UNSURE = ("closed", "reset", "silence")


class Ended(Exception):
    """No more questions can be asked; ``str()`` says why. Never leaves this room."""


class Asker:
    """One target while it is asked; the attempts are kept."""

    def __init__(self, prober: Prober, server_name: str | None, progress: Callable[[Attempt], None] | None = None) -> None:
        self.prober, self.server_name = prober, server_name
        self.attempts: dict[int, Attempt] = {}
        self._progress = progress
        self._manners: set[str] = set()  # of refusing, seen twice in a row

    async def carry(self, dialogue: Dialogue[T]) -> T:
        """Asks all that the dialogue asks, and gives what it returns.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        try:
            offer = next(dialogue)
            while True:
                offer = dialogue.send(await self.ask(offer))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def ask(self, offer: Offer) -> Answer:
        """The answer to one offer.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        until: Until = "answer" if offer.versions[0] == TLS13 else "flight"
        attempt = await self.attempt(hello(offer, self.server_name), offer.purpose, until)
        if attempt.end in _UNSURE and attempt.end not in self._manners and attempt.answer is None:
            again = await self.attempt(hello(offer, self.server_name), f"{offer.purpose}, again", until)
            if again.end == attempt.end:
                self._manners.add(again.end)
            attempt = again
        return answer_of(attempt)

    async def attempt(self, client_hello: ClientHello, purpose: str, until: Until, *, request: bytes = b"", resume: Resume | None = None) -> Attempt:
        """One attempt, counted and kept.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        most = self.prober.limits.connections
        if self.prober.count >= most:
            raise Ended(f"stopped after {most} connections, as the limits say")
        made = await self.prober.attempt(client_hello, purpose, until, request=request, resume=resume)
        if made.handshake.server.port and made.end in ("refused-connection", "timeout", "unreachable") and self.attempts:
            await asyncio.sleep(0.2)  # once more: it may have had too much of us
            made = await self.prober.attempt(client_hello, f"{purpose}, again", until, request=request, resume=resume)
        self.attempts[made.number] = made
        if self._progress:
            self._progress(made)
        if made.end in ("refused-connection", "timeout", "unreachable"):
            raise Ended(f"no connection any more ({made.words or made.end})")
        return made


def hello(offer: Offer, server_name: str | None) -> ClientHello:
    """The ClientHello of an offer, with a random of its own."""
    name = server_name if offer.name == OWN else offer.name
    top = offer.versions[0]
    if top == SSL2:
        return ClientHello(SSL2, os.urandom(16), b"", offer.suites, (0,), (), sslv2=True)
    suites = offer.suites + ((FALLBACK_SCSV,) if offer.fallback else ())
    if offer.shape == "bare":
        return make(suites=(*suites, RENEGOTIATION_SCSV), versions=offer.versions, groups=None, signature_algorithms=None,
                    random=os.urandom(32))._replace(compression_methods=(1, 0))  # fmt: skip
    tls13 = top == TLS13
    shares = ((_X25519, os.urandom(32)),) if tls13 and offer.share and _X25519 in offer.groups else ()
    more = [*_BASE, *((_FOR_TLS13,) if tls13 else ()), *((_NO_SHARE,) if tls13 and not shares else ())]
    made = make(
        suites=suites, versions=offer.versions, server_name=name, groups=offer.groups or None, signature_algorithms=offer.schemes or None,
        alpn=offer.alpn or None, key_shares=shares, random=os.urandom(32), session_id=os.urandom(32) if tls13 else b"", more=more,
    )  # fmt: skip
    return made if tls13 else made._replace(compression_methods=(1, 0))  # RFC 8446 section 4.1.2: in TLS 1.3 there is none


def answer_of(attempt: Attempt) -> Answer:
    """What an attempt says of the server."""
    chosen, exchange = attempt.answer, attempt.handshake.server_key_exchange
    if chosen is None:
        return Answer(attempt.number, attempt.end, alert_of(attempt.handshake.events))
    return Answer(
        attempt.number,
        attempt.end,
        alert_of(attempt.handshake.events),
        chosen.version,
        chosen.cipher_suite,
        exchange.group if exchange else chosen.group,
        exchange.signature_scheme if exchange else None,
        chosen.alpn,
        exchange.dh_bits if exchange else None,
    )


def alert_of(events: Iterable[Event]) -> int | None:
    """The server's last alert in the clear that is more than a warning."""
    last = None
    for event in events:
        if event.kind == "alert" and event.sender == "server" and isinstance(event.value, Alert) and event.value.fatal:
            last = event.value.description
    return last
