"""Relays in front of real servers: they count, slow down, refuse, or share out connections; the bytes stay as they are."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager

from lab.live.listener import WAIT, Behaviour, Listening, Visit, listening


def counting(port: int, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """Passes everything on; `connections` says how many there were."""
    return listening(lambda visit: pass_on(visit, port, address))


def dripping(port: int, pause: float = 1.0, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """Passes the server's bytes on one at a time, `pause` seconds apart."""
    return listening(lambda visit: _drip(visit, port, address, pause))


def cutting(port: int, after: int, *, reset: bool = True, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """Passes on `after` bytes of the server's, then ends with RST, or with FIN."""
    return listening(lambda visit: _cut(visit, port, address, after, reset))


def every_second(port: int, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """Resets the first connection, passes the second on, resets the third …"""
    return listening(lambda visit: pass_on(visit, port, address) if visit.number % 2 else visit.reset())


def at_most(port: int, per_second: int, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """Resets a connection that comes when there were already so many within the last second, as rate limits do."""
    recent: deque[float] = deque()
    lock = threading.Lock()

    def behave(visit: Visit) -> None:
        with lock:
            now = time.monotonic()
            while recent and recent[0] <= now - 1:
                recent.popleft()
            if busy := len(recent) >= per_second:
                visit.reset()
            else:
                recent.append(now)
        if not busy:
            pass_on(visit, port, address)

    return listening(behave)


def pool(*ports: int, address: str = "127.0.0.1") -> AbstractContextManager[Listening]:
    """A load balancer: one server after the other."""
    return listening(lambda visit: pass_on(visit, ports[visit.number % len(ports)], address))


def after_words(port: int, words: bytes, address: str = "127.0.0.1") -> Behaviour:
    """A behaviour: says `words` first, then passes everything on."""

    def behave(visit: Visit) -> None:
        visit.send(words)
        pass_on(visit, port, address)

    return behave


def pass_on(visit: Visit, port: int, address: str = "127.0.0.1", first: bytes = b"") -> None:
    """Joins the connection with the server at `port`, until both sides have ended; `first` was read of the visitor already."""
    with _server(port, address) as server, selectors.DefaultSelector() as waiting:
        server.sendall(first)
        other = {visit.connection: server, server: visit.connection}
        for end in other:
            waiting.register(end, selectors.EVENT_READ, end)
        while other and visit.wait(0):
            for key, _ in waiting.select(0.5):
                end = key.data
                data = end.recv(65536)
                if data:
                    other[end].sendall(data)
                    continue
                waiting.unregister(end)
                with contextlib.suppress(OSError):  # the other side may have gone meanwhile
                    other[end].shutdown(socket.SHUT_WR)
                del other[end]


@contextlib.contextmanager
def _server(port: int, address: str) -> Iterator[socket.socket]:
    with socket.create_connection((address, port), WAIT) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield server


def _drip(visit: Visit, port: int, address: str, pause: float) -> None:
    with _server(port, address) as server:
        threading.Thread(target=_forward, args=(visit.connection, server), daemon=True).start()
        while data := server.recv(65536):
            for octet in data:
                visit.send(bytes([octet]))
                if not visit.wait(pause):
                    return


def _cut(visit: Visit, port: int, address: str, after: int, reset: bool) -> None:
    with _server(port, address) as server:
        threading.Thread(target=_forward, args=(visit.connection, server), daemon=True).start()
        left = after
        while left and (data := server.recv(left)):
            visit.send(data)
            left -= len(data)
        visit.wait(0.05)  # what was sent arrives before the RST throws away what has not
    if reset:
        visit.reset()
    else:
        visit.connection.shutdown(socket.SHUT_RDWR)  # also ends the thread that reads here


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
