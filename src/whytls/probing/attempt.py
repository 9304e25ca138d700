"""Attempts: a hello goes to the server, and what comes of it is a Handshake like any other.

A ``Prober`` is one target with its bounds: it counts, it keeps to the rate, and it steps back when the server resets under load.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from whytls.model import Endpoint, Handshake, Outcome
from whytls.probing.client import Client
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.facts import NOTHING_PROVED, Identity, Proofs, Resume, Until
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.line import Line
from whytls.wire.message import ClientHello, ServerHello
from whytls.wire.registry import is_tls13


class Attempt(NamedTuple):
    """One connection: what it was for, what was said, and how it ended."""

    number: int  # from 1, in the order in which they were begun
    purpose: str  # for people: "TLS 1.2, 37 cipher suites"
    handshake: Handshake
    end: str  # client.End; and refused-connection, timeout, unreachable where no connection was had
    application: bytes = b""  # the server's first words after the handshake, as far as it was asked for them
    words: str = ""  # of the system, where no connection was had; why it could not go on, where ``end`` is "beyond" or "foreign"
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
    """Attempts with one target."""

    def __init__(self, family: int, address: tuple[object, ...], label: str, limits: Limits = DEFAULT) -> None:
        self._family, self._address, self.label, self.limits = family, address, label, limits
        self._turns = asyncio.Semaphore(limits.parallel)
        self.count = 0

    async def attempt(
        self, hello: ClientHello, purpose: str, until: Until = "answer", *,
        identity: Identity | None = None, request: bytes = b"", resume: Resume | None = None,
    ) -> Attempt:  # fmt: skip
        """Sends this hello on a connection of its own. Never raises for what the server does.

        Beyond ``answer`` the hello's key shares are exchanged for ours. With ``identity`` a client certificate is shown where one is asked
        for, ``request`` is what is asked once the handshake is finished, ``resume`` what an earlier attempt left.
        """
        async with self._turns:
            self.count += 1
            number = self.count
            said = Conversation(f"{self.label} attempt {number}", self.limits.most_events)
            client = Client(hello, said, until, identity=identity, request=request, resume=resume)
            server = Endpoint(str(self._address[0]), int(str(self._address[1])))
            said.add("syn", "client")
            try:
                connected = await self._connected()
            except TimeoutError:
                return self._unconnected(number, purpose, said, server, "timeout", "")
            except ConnectionRefusedError as error:
                said.add("rst", "server")
                return self._unconnected(number, purpose, said, server, "refused-connection", error.strerror or "")
            except OSError as error:
                said.add("icmp-unreachable", "server")
                return self._unconnected(number, purpose, said, server, "unreachable", error.strerror or "")
            said.add("syn-ack", "server")
            line = Line(connected)
            own = Endpoint(str(line.local[0]), int(line.local[1]))
            quiet = await self._talk(line, client)
            handshake = said.handshake(Ends(own, server), _outcome(client), quiet)
            return Attempt(number, purpose, handshake, client.end, bytes(client.application), client.words, client.proofs, client.resume)

    async def _connected(self) -> socket.socket:
        connected = socket.socket(self._family, socket.SOCK_STREAM)
        connected.setblocking(False)
        try:
            async with asyncio.timeout(self.limits.connect):
                await asyncio.get_running_loop().sock_connect(connected, self._address)
        except BaseException:
            connected.close()
            raise
        return connected

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
            client.end = client.end or ("reached" if client.patient else "silence")
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
            client.end = "reached" if client.patient else "silence"
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

    def _unconnected(self, number: int, purpose: str, said: Conversation, server: Endpoint, end: str, words: str) -> Attempt:
        handshake = said.handshake(Ends(Endpoint("", 0), server), "failed", int(self.limits.connect * 1e9) if end == "timeout" else 0)
        return Attempt(number, purpose, handshake, end, words=words)


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
