"""A listener of ours: a thread per connection, a function that says what becomes of it, and a count.

For servers that no real stack would be: what they do is a page, and everything ends with the block.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

WAIT = 30.0  # seconds for anything that a peer should do; nothing here outlives its block anyway


class Visit:
    """One connection."""

    def __init__(self, connection: socket.socket, number: int, over: threading.Event) -> None:
        self.connection, self.number, self.over = connection, number, over  # number counts from 0

    def send(self, data: bytes) -> None:
        """Sends all of it; OSError when the peer has gone."""
        self.connection.sendall(data)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, or fewer where the peer ends first."""
        data = b""
        while len(data) < size:
            more = self.connection.recv(size - len(data))
            if not more:
                break
            data += more
        return data

    def wait(self, seconds: float = WAIT) -> bool:
        """Waits, no longer than the server lives; whether it still lives."""
        return not self.over.wait(seconds)

    def until_closed(self) -> None:
        """Reads what comes and says nothing, until the peer closes."""
        while self.connection.recv(65536):
            continue

    def reset(self) -> None:
        """Ends with RST: nothing waits to be delivered (SO_LINGER of 0 seconds)."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)  # wakes a thread that reads here: until it lets go, close would send nothing
        self.connection.close()


Behaviour = Callable[[Visit], None]


@dataclass(slots=True)
class Listening:
    """A server of ours, while it runs."""

    address: str
    port: int
    began: list[float] = field(default_factory=list)  # when each connection was accepted, by time.monotonic()

    @property
    def connections(self) -> int:
        """How many it got."""
        return len(self.began)


@contextlib.contextmanager
def listening(behaviour: Behaviour, address: str = "127.0.0.1") -> Iterator[Listening]:
    """Accepts on a free port; `behaviour` gets each connection in a thread of its own and the connection is closed when it returns."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    over = threading.Event()
    open_ones: dict[int, socket.socket] = {}
    threads: list[threading.Thread] = []
    with socket.create_server((address, 0), family=family, backlog=256) as listener:
        server = Listening(address, listener.getsockname()[1])

        def one(visit: Visit) -> None:
            try:
                behaviour(visit)
            except OSError:  # the peer has gone, or the block has ended
                pass
            finally:
                open_ones.pop(visit.number, None)
                visit.connection.close()

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.settimeout(WAIT)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                visit = Visit(connection, server.connections, over)
                server.began.append(time.monotonic())
                open_ones[visit.number] = connection
                thread = threading.Thread(target=one, args=(visit,), daemon=True)
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            over.set()
            for each in (listener, *list(open_ones.values())):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
    for thread in (acceptor, *threads):
        thread.join(WAIT)
