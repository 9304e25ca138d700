"""What the tests of the way share: servers on loopback in threads, one walk, and what becomes of a socket."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from whytls import verdict
from whytls.model import Context, Diagnosis
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.limits import Limits
from whytls.probing.target import Target, addresses
from whytls.probing.way import Failed, Opened, opened

QUICK = Limits(connect=2.0, answer=0.4, total=3.0)
_Value = TypeVar("_Value")


class Walked(NamedTuple):
    """One walk: its result, what was written down, and what the line said first where it was opened."""

    result: Opened | Failed
    said: Conversation
    heard: bytes = b""

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.said.events]

    @property
    def failed(self) -> Failed:
        assert isinstance(self.result, Failed), self.result
        return self.result

    @property
    def opened(self) -> Opened:
        assert isinstance(self.result, Opened), self.result
        return self.result

    def judged(self) -> Diagnosis:
        """The verdict on a way that failed."""
        found = self.failed
        return verdict.judge(self.said.handshake(Ends(found.local, found.remote), "failed", found.quiet), Context()).diagnosis


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return count


async def walked(wanted: Target, limits: Limits = QUICK, then: Callable[[Opened], Awaitable[bytes]] | None = None) -> Walked:
    """Walks to the target's first address; what ``then`` returns of an open way is what was heard."""
    where = (await addresses(wanted))[0]
    said = Conversation("attempt 1", 100)
    result = await opened(wanted, where, said, limits)
    if isinstance(result, Failed):
        return Walked(result, said)
    try:
        async with asyncio.timeout(30):
            return Walked(result, said, await then(result) if then else b"")
    finally:
        result.line.close()


def walk(wanted: Target, limits: Limits = QUICK, then: Callable[[Opened], Awaitable[bytes]] | None = None) -> Walked:
    """The same, from the beginning to the end of a loop; no task is left over, and no socket is left to the garbage collector."""

    async def alone() -> Walked:
        done = await walked(wanted, limits, then)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return done

    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        done = asyncio.run(alone())
        gc.collect()
    assert [str(one.message) for one in left if one.category is ResourceWarning] == []
    return done


@contextmanager
def serving(handle: Callable[[socket.socket], None], family: int = socket.AF_INET, address: object = ("127.0.0.1", 0)) -> Iterator[Target]:
    """A server that hands every connection to a function in a thread of its own; as a target."""
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.bind(address)  # type: ignore[arg-type]
        listening.listen(50)

        def one(connected: socket.socket) -> None:
            with connected:
                connected.settimeout(10)
                try:
                    handle(connected)
                except OSError:
                    return  # the other end had enough

        def accept() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connected,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        name = listening.getsockname()
        if family == socket.AF_UNIX:
            path = name.decode().replace("\0", "@") if isinstance(name, bytes) else name
            yield Target("", 0, path)
        else:
            yield Target(name[0], name[1])
        listening.shutdown(socket.SHUT_RDWR)


def script(*pieces: bytes, wait: bool = True) -> Callable[[socket.socket], None]:
    """A server that says a piece, waits for an answer, says the next one, ..., and then echoes; or, without ``wait``, closes after an answer."""

    def handle(connected: socket.socket) -> None:
        for number, piece in enumerate(pieces):
            if number and not connected.recv(4096):
                return
            connected.sendall(piece)
        if not wait:
            connected.recv(4096)
            return
        while data := connected.recv(4096):
            connected.sendall(data)

    return handle


def reset(connected: socket.socket) -> None:
    """Ends the connection with a RST."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connected.close()
