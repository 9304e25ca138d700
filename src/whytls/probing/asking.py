"""Asks a target what a dialogue wants to know: offers become hellos, attempts become answers, within the target's bounds.

A refusal is part of the answer. An alert is believed at once; whether a connection that was closed or reset was an answer, or the server had
too many of them, is found out by the gate (``guard.py``). A server that says nothing is asked a second time; if it is silent again, silence
is its manner of refusing, and is believed from then on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

from whytls.exceptions import UsageError
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
_NO_CONNECTION = ("refused-connection", "timeout", "unreachable", "local", "refused-by-proxy", "starttls-refused")


class Ended(Exception):
    """No more questions can be asked; ``str()`` says why. Never leaves this room."""


class Asker:
    """One target while it is asked."""

    def __init__(self, prober: Prober, server_name: str | None, progress: Callable[[Attempt], None] | None = None) -> None:
        self.prober, self.server_name = prober, server_name
        self._progress = progress
        self._begun = len(prober.attempts)
        self._silent = False  # silence is its manner of refusing

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All that were made, by their numbers."""
        return tuple(sorted(self.prober.attempts[self._begun :], key=lambda attempt: attempt.number))

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
        attempt = await self.asked(offer)
        if attempt.end == "silence" and attempt.answer is None and not self._silent:
            attempt = await self.asked(offer._replace(purpose=f"{offer.purpose}, again"))
            self._silent = attempt.end == "silence"
        answer = answer_of(attempt)
        if answer.suite is not None and answer.suite not in offer.suites:
            return Answer(attempt.number, "foreign")  # what was not offered cannot be chosen: this is no TLS that can be talked to
        return answer

    async def asked(self, offer: Offer) -> Attempt:
        """The attempt that an offer makes.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        until: Until = "answer" if offer.versions[0] == TLS13 and not offer.deep else "flight"
        return await self.attempt(hello(offer, self.server_name), offer.purpose, until)

    async def attempt(self, client_hello: ClientHello, purpose: str, until: Until, *, request: bytes = b"", resume: Resume | None = None) -> Attempt:
        """One attempt.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        try:
            made = await self.prober.attempt(client_hello, purpose, until, request=request, resume=resume)
        except UsageError as error:
            raise Ended(error.problem) from error
        if self._progress:
            self._progress(made)
        if made.end in _NO_CONNECTION:
            raise Ended(f"no connection could be had: {made.words or made.end}")
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
    from whytls.probing.seen import protocol

    return Answer(
        attempt.number,
        attempt.end,
        alert_of(attempt.handshake.events),
        chosen.version,
        chosen.cipher_suite,
        exchange.group if exchange else chosen.group,
        attempt.proofs.scheme or (exchange.signature_scheme if exchange else None),
        protocol(attempt),
        exchange.dh_bits if exchange else None,
    )


def alert_of(events: Iterable[Event]) -> int | None:
    """The server's last alert in the clear that is more than a warning."""
    last = None
    for event in events:
        if event.kind == "alert" and event.sender == "server" and isinstance(event.value, Alert) and event.value.fatal:
            last = event.value.description
    return last
