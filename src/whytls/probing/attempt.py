"""Attempts: a hello goes to the server, and what comes of it is a Handshake like any other.

A ``Prober`` is one target with its bounds: it counts, it keeps to the rate, and it steps back when the server resets under load.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from whytls.model import Endpoint, Handshake, Outcome
from whytls.probing.client import Client, Until
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.line import Line
from whytls.wire.message import ClientHello, ServerHello


class Attempt(NamedTuple):
    """One connection: what it was for, what was said, and how it ended."""

    number: int  # from 1, in the order in which they were begun
    purpose: str  # for people: "TLS 1.2, 37 cipher suites"
    handshake: Handshake
    end: str  # client.End; and refused-connection, timeout, unreachable where no connection was had
    application: bytes = b""  # the server's first words after the handshake, as far as it was asked for them
    words: str = ""  # of the system, where no connection was had

    @property
    def accepted(self) -> bool:
        """Whether the server took up the hello: it made a choice, and did not break off over it."""
        return self.end == "reached"

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

    async def attempt(self, hello: ClientHello, purpose: str, until: Until = "answer") -> Attempt:
        """Sends this hello on a connection of its own. Never raises for what the server does."""
        async with self._turns:
            self.count += 1
            number = self.count
            said = Conversation(f"{self.label} attempt {number}", self.limits.most_events)
            client = Client(hello, said, until)
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
            return Attempt(number, purpose, said.handshake(Ends(own, server), _outcome(client, until), quiet), client.end)

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
        said = client.said
        try:
            async with asyncio.timeout(self.limits.total):
                await line.send(client.start())
                while not client.end:
                    async with asyncio.timeout(self.limits.answer):
                        data = await line.receive()
                    if not data:
                        said.add("fin", "server")
                        client.end = "closed"
                    elif said.bytes["server"] + len(data) > self.limits.most_bytes:
                        client.end = "endless"
                    else:
                        reply = client.receive(data)
                        if reply:
                            await line.send(reply)
        except TimeoutError:
            client.end = client.end or "silence"
            return int(self.limits.answer * 1e9)
        except OSError:
            said.add("rst", "server")
            client.end = client.end or "reset"
        finally:
            line.drop()
        return 0

    def _unconnected(self, number: int, purpose: str, said: Conversation, server: Endpoint, end: str, words: str) -> Attempt:
        handshake = said.handshake(Ends(Endpoint("", 0), server), "failed", int(self.limits.connect * 1e9) if end == "timeout" else 0)
        return Attempt(number, purpose, handshake, end, words=words)


def _outcome(client: Client, until: Until) -> Outcome:
    """A handshake that we left when we knew enough is unfinished: nobody broke it off."""
    if client.end != "reached":
        return "failed"
    return "completed" if until == "finish" else "unfinished"
