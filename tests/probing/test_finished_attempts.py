"""What a finished handshake waits for, and how long: OpenSSL behind a socket that then says nothing, too much, or goodbye."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from memory_server import context, hello, identity

from whytls.probing.attempt import Attempt, Prober
from whytls.probing.facts import Until
from whytls.probing.limits import Limits

QUICK = Limits(connect=2, answer=1.0, total=2.0, patience=0.15)
VERSIONS = (0x0303, 0x0304)
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@contextmanager
def serving(server: ssl.SSLContext, then: Callable[[ssl.SSLSocket], object]) -> Iterator[int]:
    """A port at which handshakes are done and then answered by a function."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError, ssl.SSLError), server.wrap_socket(connected, server_side=True) as talking:
                    then(talking)

        threading.Thread(target=run, daemon=True).start()
        yield listening.getsockname()[1]


def attempt(
    port: int, version: int, request: bytes = b"", limits: Limits = QUICK, who: bool = False, until: Until = "finish"
) -> tuple[Attempt, float]:
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", limits)
    began = time.monotonic()
    found = asyncio.run(prober.attempt(hello(version), "test", until, request=request, identity=identity() if who else None))
    return found, time.monotonic() - began


def silent(talking: ssl.SSLSocket) -> None:
    talking.recv(1)


def drip(talking: ssl.SSLSocket) -> None:
    while True:
        talking.send(b".")
        time.sleep(0.02)


def flood(talking: ssl.SSLSocket) -> None:
    while True:
        talking.sendall(bytes(1 << 16))


@pytest.mark.parametrize("version", VERSIONS)
def test_silence_after_the_handshake_is_no_failure(version: int) -> None:
    with serving(context(version), silent) as port:
        found, took = attempt(port, version)
    assert (found.end, found.handshake.outcome, found.accepted) == ("reached", "completed", True)
    assert took < 1.0
    assert found.handshake.quiet == (150_000_000 if version == 0x0303 else 0)  # in TLS 1.3 its ticket was its first word


@pytest.mark.parametrize("version", VERSIONS)
def test_who_wants_a_session_waits_for_no_word_behind_it(version: int) -> None:
    """Nor is our own last word left out where the server's is not the last."""
    heard: list[bytes] = []
    with serving(context(version), lambda talking: heard.append(talking.recv(1))) as port:
        found, _ = attempt(port, version, until="session")
        deadline = time.monotonic() + 2
        while not heard and time.monotonic() < deadline:
            time.sleep(0.005)
    assert (found.end, found.handshake.outcome, found.handshake.quiet) == ("reached", "completed", 0)
    assert found.resume is not None
    assert heard == [b""]  # the handshake came to its end there as well, and then our farewell


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_without_an_answer_is_silence_after_a_completed_handshake(version: int) -> None:
    with serving(context(version), lambda talking: time.sleep(3)) as port:
        found, _ = attempt(port, version, REQUEST)
    assert (found.end, found.handshake.outcome, found.application) == ("silence", "completed", b"")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_drips_is_left(version: int) -> None:
    with serving(context(version), drip) as port:
        found, took = attempt(port, version, REQUEST)
    assert found.handshake.outcome == "completed"
    assert set(found.application) == {ord(".")}
    assert took < 3.0


@pytest.mark.parametrize("version", VERSIONS)
def test_endless_data_is_cut(version: int) -> None:
    with serving(context(version), flood) as port:
        found, took = attempt(port, version, REQUEST)
    assert (found.end, len(found.application)) == ("reached", 16384)
    assert took < 1.5


@pytest.mark.parametrize("version", VERSIONS)
def test_a_goodbye_at_once_is_seen(version: int) -> None:
    with serving(context(version), lambda talking: talking.unwrap()) as port:
        found, _ = attempt(port, version)
    assert (found.completed, found.end) == (True, "closed" if version == 0x0303 else "reached")  # in TLS 1.3 its ticket came first


def test_our_farewell_reaches_the_server() -> None:
    heard: list[bytes] = []
    done = threading.Event()

    def hear(talking: ssl.SSLSocket) -> None:
        heard.extend((talking.recv(100), talking.recv(100)))  # nothing, without an error: close_notify came
        done.set()

    for version in VERSIONS:
        with serving(context(version), hear) as port:
            found, _ = attempt(port, version)
            assert found.completed
            assert done.wait(2)
        assert heard == [b"", b""]
        assert not [e for e in found.handshake.events if e.kind == "alert" and e.sender == "client"]
        heard.clear()
        done.clear()


@pytest.mark.parametrize(("asked", "outcome"), [(True, "failed"), (False, "completed")])
def test_a_server_that_closes_over_our_certificate_refused_it_in_tls13(asked: bool, outcome: str) -> None:
    """Node's way: no alert. The same without having asked is a completed handshake."""
    server = context(0x0304, client_auth=asked)
    server.num_tickets = 0
    with serving(server, lambda talking: socket.socket(fileno=talking.detach()).close()) as port:
        found, _ = attempt(port, 0x0304, who=asked)
    assert (found.end, found.handshake.outcome) == ("closed", outcome)


def test_an_answer_alone_needs_no_cryptography() -> None:
    program = (
        "import sys, asyncio, whytls.probing.attempt as a\nfrom whytls.wire.hello import make\n"
        "from whytls.probing.client import Client\nfrom whytls.probing.conversation import Conversation\n"
        "c = Client(make(suites=(0x1301,), versions=(0x304,), key_shares=((29, bytes(32)),)), Conversation('', 10))\nc.start()\n"
        "c.receive(bytes.fromhex('15030300020228'))\nassert c.end == 'refused'\n"
        "print(*[m for m in ('cryptography', 'ssl', 'zstandard') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"ssl"}  # asyncio's
