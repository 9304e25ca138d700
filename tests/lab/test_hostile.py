"""Each misbehaving server misbehaves as it says: seen by a plain socket, and by `openssl s_client` where it is about TLS."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.live import relay
from lab.live.hostile import BEHAVIOURS
from lab.live.listener import Listening, listening
from lab.live.papers import papers
from lab.live.serve import TLS12, Running, Serve, running

from whytls.wire import framing, hello, message
from whytls.wire.record import split
from whytls.wire.value import Certificate, MalformedMessage, ServerHello

OFFER = hello.build(
    hello.make(
        suites=(0x1301, 0xC02F, 0xC02B), versions=(0x0304, 0x0303), key_shares=[(0x1D, X25519PrivateKey.generate().public_key().public_bytes_raw())]
    )
)
OFFER_12 = hello.build(hello.make(suites=(0xC02F, 0xC02B)))
ENDLESS = [name for name in BEHAVIOURS if name.startswith("endless-") and name != "endless-retries"]


def heard(server: Listening, sent: bytes = OFFER_12, most: int = 1 << 16, wait: float = 1.0) -> tuple[bytes, str]:
    """What comes within `wait` seconds, at most so many bytes, and how it ended: closed, reset, silent, or more to come."""
    data = b""
    try:
        with socket.create_connection((server.address, server.port), 5) as connection:
            connection.settimeout(wait)
            connection.sendall(sent)
            while len(data) < most:
                more = connection.recv(65536)
                if not more:
                    return data, "closed"
                data += more
    except TimeoutError:
        return data, "silent"
    except ConnectionError:
        return data, "reset"
    return data, "more"


def messages(data: bytes) -> list[object]:
    """The messages that are all there."""
    found = framing.messages(data, split(data).records)
    return [message.read(one.number, one.body, 0x0303, 0xC02F) for one in found if one.complete]


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("silent", "silent"),
        ("fin-at-once", "closed"),
        ("fin-after-hello", "closed"),
        ("reset-at-accept", "reset"),
        ("reset-after-hello", "reset"),
    ],
)
def test_no_answer(name: str, ending: str) -> None:
    with listening(BEHAVIOURS[name]) as server:
        data, how = heard(server, wait=0.3 if ending == "silent" else 3)
        assert data == b""
        assert how == ending or (name == "fin-at-once" and how == "reset")  # what we wrote into the closed connection
        assert server.connections == 1


@pytest.mark.parametrize("name", ENDLESS)
def test_endless(name: str) -> None:
    with listening(BEHAVIOURS[name]) as server:
        data, how = heard(server, most=4000, wait=5)
        assert how == "more"
        kinds = {found.content_type for found in split(data).records}
        assert kinds == {"warnings": {21}, "change-cipher-spec": {20}}.get(name.removeprefix("endless-"), {22})


def test_endless_certificate_is_one_message() -> None:
    with listening(BEHAVIOURS["endless-certificate"]) as server:
        data, _ = heard(server, most=200_000, wait=5)
    assert [type(found) for found in messages(data)] == [ServerHello]


def test_retries_without_end() -> None:
    with listening(BEHAVIOURS["endless-retries"]) as server, socket.create_connection((server.address, server.port), 5) as connection:
        for group in (0x18, 0x19, 0x18):
            connection.sendall(OFFER)
            data = connection.recv(4096)
            [answer] = messages(data)
            assert isinstance(answer, ServerHello)
            assert answer.is_retry
            assert answer.group == group


def test_huge_certificate_list_is_well_formed() -> None:
    with listening(BEHAVIOURS["huge-certificate-list"]) as server:
        data, how = heard(server, most=1 << 25, wait=3)
    assert how == "silent"
    joined = b"".join(data[one.start : one.end] for one in split(data).records)
    after_hello = joined[4 + int.from_bytes(joined[1:4], "big") :]
    length = int.from_bytes(after_hello[1:4], "big")
    assert length > (1 << 24) - 1000
    chain = message.read(11, after_hello[4 : 4 + length], 0x0303)
    assert isinstance(chain, Certificate)
    assert len(chain.chain) > 30_000
    assert after_hello[4 + length :] == b"\x0e\0\0\0"


@pytest.mark.parametrize(
    ("name", "number"), [("suite-not-offered", "cipher_suite"), ("version-not-offered", "version"), ("version-unknown", "version")]
)
def test_what_was_not_offered(name: str, number: str) -> None:
    with listening(BEHAVIOURS[name]) as server:
        data, _ = heard(server, OFFER, most=40, wait=3)
    [answer] = messages(data)
    assert isinstance(answer, ServerHello)
    offered = {"cipher_suite": (0x1301, 0xC02F, 0xC02B), "version": (0x0304, 0x0303)}[number]
    assert getattr(answer, number) not in offered


def test_not_tls() -> None:
    begins = {"http": b"HTTP/1.1 400", "ssh": b"SSH-2.0-", "smtp": b"220 "}
    for name, start in begins.items():
        with listening(BEHAVIOURS[name]) as server:
            assert heard(server, wait=0.5)[0].startswith(start)
    with listening(BEHAVIOURS["garbage"]) as server:
        first, second = heard(server, most=2000)[0], heard(server, most=2000)[0]
        assert len(first) == 2000
        assert first != second
    with listening(BEHAVIOURS["garbage-record"]) as server:
        data, how = heard(server, wait=0.5)
        assert (data[:3], len(data), how) == (b"\x16\x03\x03", 1205, "silent")


def test_broken_off() -> None:
    with listening(BEHAVIOURS["truncated-record"]) as server:
        data, how = heard(server)
        assert (how, split(data).records) == ("closed", [])
    for name, ending in (("truncated-message", "closed"), ("reset-mid-flight", "reset")):
        with listening(BEHAVIOURS[name]) as server:
            data, how = heard(server)
            assert (how, [type(found) for found in messages(data)]) == (ending, [ServerHello])
    with listening(BEHAVIOURS["lying-lengths"]) as server:
        data, _ = heard(server, most=40)
        assert isinstance(messages(data)[0], MalformedMessage)


def test_never_closes() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with listening(BEHAVIOURS["never-closes"]) as server, socket.create_connection((server.address, server.port), 5) as plain:
        secured = context.wrap_socket(plain)
        secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert secured.recv(100).startswith(b"HTTP/1.0 200")
        raw = secured.unwrap()  # close_notify both ways
        raw.settimeout(0.3)
        with pytest.raises(TimeoutError):
            raw.recv(1)


def test_every_behaviour_ends_with_its_block() -> None:
    for name, behave in BEHAVIOURS.items():
        begin = time.monotonic()
        refused = contextlib.suppress(ConnectionError)  # a reset can come while we still connect or speak
        with listening(behave) as server, refused, socket.create_connection((server.address, server.port), 5) as connection:
            connection.sendall(OFFER)
        assert time.monotonic() - begin < 5, name


# ------------------------------------------------------------------ in front of real servers


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    pair = papers(tmp_path_factory.mktemp("papers")).server("www.maple.test")
    with running(Serve("nginx", (pair,), versions=(TLS12,))) as server:
        yield server


def completes(port: int) -> bool:
    line = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}"]
    done = subprocess.run(line, input=b"", capture_output=True, timeout=10, check=False)
    return b"Cipher is ECDHE" in done.stdout


@pytest.mark.stacks
def test_a_counting_relay(real: Running) -> None:
    with relay.counting(real.port) as server:
        assert [completes(server.port) for _ in range(3)] == [True] * 3
        assert server.connections == 3


@pytest.mark.stacks
def test_dripping(real: Running) -> None:
    with relay.dripping(real.port, pause=0.05) as server:
        data, how = heard(server, most=10, wait=2)
        spent = server.began[0]
        assert how == "more"
        assert time.monotonic() - spent > 0.4
        assert len(data) == 10


@pytest.mark.stacks
def test_cutting(real: Running) -> None:
    for reset, ending in ((True, "reset"), (False, "closed")):
        with relay.cutting(real.port, 100, reset=reset) as server:
            data, how = heard(server)
            assert (len(data), how) == (100, ending)


@pytest.mark.stacks
def test_every_second(real: Running) -> None:
    with relay.every_second(real.port) as server:
        assert [completes(server.port) for _ in range(4)] == [False, True, False, True]


@pytest.mark.stacks
def test_at_most(real: Running) -> None:
    with relay.at_most(real.port, 3) as server:
        endings = [heard(server, most=10)[1] for _ in range(8)]
        assert endings == ["more"] * 3 + ["reset"] * 5
        time.sleep(1.05)
        assert heard(server, most=10)[1] == "more"


@pytest.mark.stacks
def test_a_pool(real: Running) -> None:
    with running(dataclasses.replace(real.serve, stack="openssl", versions=(0x0304,))) as other, relay.pool(real.port, other.port) as server:
        answers = [heard(server, OFFER, most=60)[0] for _ in range(4)]
    versions = [found.version for data in answers for found in messages(data)[:1] if isinstance(found, ServerHello)]
    assert versions == [0x0303, 0x0304, 0x0303, 0x0304]
