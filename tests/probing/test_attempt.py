"""One attempt with a real server, and with ends that are no TLS: what it becomes as a Handshake."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whytls.probing.attempt import Attempt, Prober
from whytls.probing.limits import Limits
from whytls.wire.hello import make

QUICK = Limits(connect=2, answer=0.3, total=1.0)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port at which every connection is answered by a function in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                with connected:
                    try:
                        answer(connected)
                    except OSError:
                        pass

        threading.Thread(target=run, daemon=True).start()
        yield listening.getsockname()[1]


def attempt(port: int, limits: Limits = QUICK) -> Attempt:
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", limits)
    return asyncio.run(prober.attempt(make(suites=(0xC02F,), random=os.urandom(32)), "one suite"))


def test_words_that_are_no_tls_are_foreign() -> None:
    with serving(lambda s: (s.recv(9000), s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))[0]) as port:
        found = attempt(port)
    assert (found.end, found.handshake.outcome, found.handshake.shape) == ("foreign", "failed", "OoCq")


def test_silence_ends_with_the_wait() -> None:
    with serving(lambda s: threading.Event().wait(1.5) or None) as port:
        found = attempt(port)
    assert found.end == "silence"
    assert found.handshake.quiet == 300_000_000


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = attempt(port)
    assert (found.end, found.handshake.outcome) == ("refused-connection", "failed")


def test_endless_warnings_are_bounded() -> None:
    def warn(connected: socket.socket) -> None:
        while True:
            connected.sendall(b"\x15\x03\x03\0\x02\x01\x70" * 1000)

    with serving(warn) as port:
        found = attempt(port)
    assert found.end == "endless"
    assert len(found.handshake.events) <= QUICK.most_events


def test_an_alert_is_a_refusal() -> None:
    with serving(lambda s: (s.recv(9000), s.sendall(b"\x15\x03\x03\0\x02\x02\x28"))[0]) as port:
        found = attempt(port)
    assert (found.end, found.handshake.shape, found.accepted) == ("refused", "OoCl", False)
