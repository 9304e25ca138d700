"""Attempts: a hello goes to the server, and what comes of it is a Handshake like any other.

A ``Prober`` is one address of a target, with the way there and its bounds: it counts, it keeps to the rate, and it steps back when the
server turns connections away under load (``guard.Gate``).
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from whytls.model import Endpoint, Handshake, Outcome
from whytls.probing.client import Client
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.facts import NOTHING_PROVED, Identity, Proofs, Resume, Until
from whytls.probing.guard import Gate
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.line import Line
from whytls.probing.target import Target, Where
from whytls.probing.way import Failed, opened
from whytls.wire.message import ClientHello, ServerHello
from whytls.wire.registry import is_tls13


class Attempt(NamedTuple):
    """One connection: what it was for, what was said, and how it ended."""

    number: int  # from 1, in the order in which they were begun
    purpose: str  # for people: "TLS 1.2, 37 cipher suites"
    handshake: Handshake
    end: str  # client.End; and, where TLS could not begin: refused-connection, timeout, unreachable, local, refused-by-proxy, starttls-refused
    application: bytes = b""  # the server's first words after the handshake, as far as it was asked for them
    words: str = ""  # why TLS could not begin; why it could not go on, where ``end`` is "beyond" or "foreign"
    proofs: Proofs = NOTHING_PROVED
    resume: Resume | None = None  # what a next attempt can resume

    @property
    def accepted(self) -> bool:
        """Whether the server took up the hello: it made a choice, and did not break off over it."""
        return self.end == "reached" or self.completed

    @property
    def completed(self) -> bool:
        """Whether both sides finished, and the server did not take it back at once."""
        return self.handshake.outcome == "completed"

    @property
    def answer(self) -> ServerHello | None:
        """What the server chose."""
        return self.handshake.server_hello or self.handshake.hello_retry_request


class Prober:
    """Attempts with one address; without a target there is nothing on the way to it."""

    def __init__(
        self, family: int, address: Any, label: str, limits: Limits = DEFAULT, *,
        target: Target | None = None, where: Where | None = None, identity: Identity | None = None,
    ) -> None:  # fmt: skip
        self._where = where or Where(family, address)
        self._target = target or Target(str(address[0]) if isinstance(address, tuple) else "", 0)
        self.label, self.limits, self.identity = label, limits, identity  # shown in every attempt that does not say otherwise
        self.gate = Gate(limits)
        self.attempts: list[Attempt] = []  # all of them, also those that were made again
        self._numbered = 0

    @property
    def count(self) -> int:
        """Connections so far."""
        return self.gate.begun

    async def attempt(
        self, hello: ClientHello, purpose: str, until: Until = "answer", *,
        identity: Identity | None = None, request: bytes = b"", resume: Resume | None = None,
    ) -> Attempt:  # fmt: skip
        """Sends this hello on a connection of its own. Never raises for what the server does.

        Beyond ``answer`` the hello's key shares are exchanged for ours. With ``identity`` a client certificate is shown where one is asked
        for, ``request`` is what is asked once the handshake is finished, ``resume`` what an earlier attempt left.

        Raises:
            UsageError: there have been as many connections as there may be.
            InputError: the proxy's password cannot be had.
        """

        async def once() -> Attempt:
            self._numbered = number = self._numbered + 1
            said = Conversation(f"{self.label} attempt {number}", self.limits.most_events)
            made = await self._made(number, purpose, Client(hello, said, until, identity=identity or self.identity, request=request, resume=resume))
            self.attempts.append(made)
            return made

        return await self.gate.through(once, _turned_away)

    async def _made(self, number: int, purpose: str, client: Client) -> Attempt:
        said = client.said
        way = await opened(self._target, self._where, said, self.limits)
        ends = Ends(way.local, way.remote if self._where.proxies else _endpoint(self._where))
        if isinstance(way, Failed):
            if way.kind in _OURS_TO_LEAVE:
                said.add("fin", "client")
            end = _ENDS.get(way.kind, way.kind) if way.stage == "tcp" or way.kind != "timeout" else "silence"
            return Attempt(number, purpose, said.handshake(ends, "failed", way.quiet), end, words=way.words)
        quiet = await self._talk(way.line, client)
        handshake = said.handshake(ends, _outcome(client), quiet)
        return Attempt(number, purpose, handshake, client.end, bytes(client.application), client.words, client.proofs, client.resume)

    async def _talk(self, line: Line, client: Client) -> int:
        """Carries bytes until the client has heard enough; nanoseconds that were waited in vain."""
        said, quiet = client.said, 0
        try:
            async with asyncio.timeout(self.limits.total):
                await line.send(client.start())
                while not client.end:
                    quiet = await self._heard(line, client)
                await line.send(client.farewell())
        except TimeoutError:
            client.given_up()
            quiet = int(self.limits.total * 1e9)
        except OSError:
            if not client.end:  # else it is our farewell that nobody heard
                said.add("rst", "server")
                client.end = "reset"
        finally:
            if client.settled:
                line.close()
            else:
                line.drop()
        return quiet

    async def _heard(self, line: Line, client: Client) -> int:
        """The next bytes of the server, and what they lead to; nanoseconds that were waited in vain."""
        said = client.said
        wait = self.limits.patience if client.patient else self.limits.answer
        try:
            async with asyncio.timeout(wait):
                data = await line.receive()
        except TimeoutError:
            client.given_up()
            return int(wait * 1e9)
        if not data:
            said.add("fin", "server")
            client.end = "reached" if client.application else "closed"
        elif said.bytes["server"] + len(data) > self.limits.most_bytes:
            client.overwhelmed()
        else:
            reply = client.receive(data)
            if reply:
                await line.send(reply)
        return 0


_ENDS = {"refused": "refused-connection"}
_OURS_TO_LEAVE = frozenset({"starttls-refused", "refused-by-proxy", "foreign", "endless"})  # the other end still listens


def _endpoint(where: Where) -> Endpoint:
    if isinstance(where.address, tuple):
        return Endpoint(str(where.address[0]), int(where.address[1]))
    return Endpoint(str(where.address), 0)


def _turned_away(made: Attempt) -> bool:
    """Whether it was ended before the server had said anything: so does a server that has too many connections."""
    return made.end in ("refused-connection", "reset", "closed", "timeout") and not made.handshake.transport.server_bytes


def _outcome(client: Client) -> Outcome:
    """A handshake that we left when we knew enough, or could not go on with, is unfinished: nobody broke it off."""
    if client.settled:
        return "failed" if _taken_back(client) else "completed"
    return "unfinished" if client.end in ("reached", "beyond") else "failed"


def _taken_back(client: Client) -> bool:
    """Whether the server refused us although we count ourselves finished: with an alert; or, where it had asked for our certificate and
    TLS 1.3 lets it judge that afterwards, by closing without a word (``capture/outcome.py``, "dropped at once")."""
    if client.end == "refused":
        return True
    said = client.said
    asked = said.certificate_request is not None and is_tls13(said.version)
    return asked and client.end in ("closed", "reset") and not client.heard
