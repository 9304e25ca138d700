"""One attempt with a real server, and with ends that are no TLS: what it becomes as a Handshake."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from whytls.exceptions import UsageError
from whytls.model import Context
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.limits import Limits
from whytls.probing.target import Target
from whytls.verdict import judge
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


HELLO = make(suites=(0xC02F,), random=bytes(32))


def test_numbers_are_given_once_whatever_runs_beside() -> None:
    async def many(port: int) -> list[Attempt]:
        prober = Prober(socket.AF_INET, ("127.0.0.1", port), "x", QUICK._replace(rate=200.0))
        return list(await asyncio.gather(*(prober.attempt(HELLO, "one suite") for _ in range(6))))

    with serving(lambda s: (s.recv(9000), s.sendall(b"\x15\x03\x03\0\x02\x02\x28"))[0]) as port:
        made = asyncio.run(many(port))
    assert sorted(one.number for one in made) == [1, 2, 3, 4, 5, 6]
    assert {one.handshake.file for one in made} == {f"x attempt {one.number}" for one in made}


def test_there_are_no_more_connections_than_are_allowed() -> None:
    async def three(port: int) -> None:
        prober = Prober(socket.AF_INET, ("127.0.0.1", port), "x", QUICK._replace(connections=2))
        for _ in range(3):
            await prober.attempt(HELLO, "one suite")

    with serving(lambda s: (s.recv(9000), s.sendall(b"\x15\x03\x03\0\x02\x02\x28"))[0]) as port, pytest.raises(UsageError, match="2 connections"):
        asyncio.run(three(port))


def test_a_server_that_turns_away_what_comes_at_once_is_asked_again_alone() -> None:
    open_now = threading.BoundedSemaphore(1)

    def one_at_a_time(connected: socket.socket) -> None:
        def answer() -> None:
            with connected:
                if not open_now.acquire(blocking=False):
                    return
                try:
                    connected.recv(9000)
                    time.sleep(0.05)
                    connected.sendall(b"\x15\x03\x03\0\x02\x02\x28")
                finally:
                    open_now.release()

        threading.Thread(target=answer, daemon=True).start()

    async def four(port: int) -> tuple[Prober, list[Attempt]]:
        prober = Prober(socket.AF_INET, ("127.0.0.1", port), "x", QUICK)
        return prober, list(await asyncio.gather(*(prober.attempt(HELLO, "one suite") for _ in range(4))))

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    one_at_a_time(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        prober, made = asyncio.run(four(listening.getsockname()[1]))
        listening.shutdown(socket.SHUT_RDWR)
    assert [one.end for one in made] == ["refused"] * 4
    assert prober.gate.strain.relieved
    assert "served when tried again alone" in prober.gate.strain.words
    assert len(prober.attempts) > 4


def test_starttls_that_is_refused_is_told_in_the_servers_words() -> None:
    def mail(connected: socket.socket) -> None:
        connected.sendall(b"220 mail.example ESMTP\r\n")
        connected.recv(1000)
        connected.sendall(b"250-mail.example\r\n250 SIZE 1000\r\n")
        connected.recv(1000)
        connected.sendall(b"502 no TLS here\r\n")

    with serving(mail) as port:
        target = Target("127.0.0.1", port, starttls="smtp")
        prober = Prober(socket.AF_INET, ("127.0.0.1", port), "x", QUICK, target=target)
        made = asyncio.run(prober.attempt(HELLO, "one suite"))
    assert made.end == "starttls-refused"
    assert made.handshake.prelude is not None
    assert (made.handshake.prelude.kind, made.handshake.prelude.upgraded) == ("smtp", False)
    verdict = judge(made.handshake, Context(whole_recording=True)).diagnosis
    assert verdict.cause == "starttls-refused"


def test_a_record_that_is_begun_and_not_ended_is_no_silence() -> None:
    def drip(connected: socket.socket) -> None:
        connected.recv(9000)
        connected.sendall(b"\x16\x03\x03\x40\x00\x0b")
        threading.Event().wait(0.8)

    with serving(drip) as port:
        found = attempt(port)
    assert (found.end, found.handshake.outcome, found.handshake.shape) == ("silence", "failed", "OoCm")
