"""A hello that is remembered reads as if it were read for the first time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whytls.wire import message
from whytls.wire.hello import make, message_body
from whytls.wire.message import read
from whytls.wire.remembered import Remembered
from whytls.wire.value import ClientHello, Extension, ServerHello

CHOSEN = bytes.fromhex("002b00020304")


def afresh(number: int, body: bytes) -> object:
    """The value that a reader without any memory makes."""
    message._clients, message._servers = Remembered(chosen=False), Remembered(chosen=True)
    return read(number, body)


def server_hello(random: bytes, session_id: bytes, *extensions: bytes) -> bytes:
    blocks = b"".join(extensions)
    return b"\3\3" + random + bytes((len(session_id),)) + session_id + b"\x13\2\0" + len(blocks).to_bytes(2, "big") + blocks


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=32), st.binary(min_size=1, max_size=70), st.booleans())
def test_a_client_hello_with_another_key_is_remembered(random: bytes, session_id: bytes, key: bytes, first: bool) -> None:
    tail = () if first else (Extension(21, bytes(7)),)
    bodies = [
        message_body(make(suites=(0x1301, 0x33), versions=(0x0304,), server_name="a.test", key_shares=[(29, k)], random=r, session_id=s, more=tail))
        for k, r, s in ((bytes(len(key)), bytes(32), b""), (key, random, session_id))
    ]
    expected = [afresh(1, body) for body in bodies]
    message._clients = Remembered(chosen=False)
    assert [read(1, body) for body in bodies] == expected
    hello = expected[1]
    assert isinstance(hello, ClientHello)
    assert dict(hello.extensions)[51].endswith(key)


def test_a_client_hello_that_repeats_is_read_once() -> None:
    bodies = [message_body(make(suites=(0xC02F,), server_name="a.test", random=bytes((n,)) * 32)) for n in (1, 2)]
    message._clients = memory = Remembered(chosen=False)
    first, second = (read(1, body) for body in bodies)
    assert len(memory._said) == 1
    assert isinstance(first, ClientHello)
    assert isinstance(second, ClientHello)
    assert first._replace(random=second.random) == second


def test_what_is_new_each_time_is_not_kept() -> None:
    message._clients = memory = Remembered(chosen=False)
    for number in (35, 41, 0xFE0D):
        read(1, message_body(make(suites=(0x1301,), more=[Extension(number, b"something")])))
    assert not memory._said
    for suite in range(0x4000, 0x4000 + 3000):
        read(1, message_body(make(suites=(suite,))))
    assert 0 < len(memory._said) <= 512


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=32), st.binary(min_size=1, max_size=70), st.booleans())
def test_a_server_hello_with_another_key_is_remembered(random: bytes, session_id: bytes, key: bytes, first: bool) -> None:
    bodies = []
    for k, r, s in ((bytes(len(key)), bytes(32), b""), (key, random, session_id)):
        share = b"\0\x33" + (len(k) + 4).to_bytes(2, "big") + b"\0\x1d" + len(k).to_bytes(2, "big") + k
        bodies.append(server_hello(r, s, *((share, CHOSEN) if first else (CHOSEN, share))))
    expected = [afresh(2, body) for body in bodies]
    message._servers = Remembered(chosen=True)
    assert [read(2, body) for body in bodies] == expected
    assert isinstance(expected[1], ServerHello)
    assert (expected[1].version, expected[1].group) == (0x0304, 29)


@given(st.lists(st.binary(min_size=30, max_size=120), max_size=4), st.integers(1, 2))
def test_no_bytes_read_differently_the_second_time(bodies: list[bytes], number: int) -> None:
    whole = message_body(make(suites=(0x1301, 0x33), versions=(0x0304,), key_shares=[(29, bytes(32))]))
    bodies = [*bodies, whole, *[whole[: 40 + len(b)] + b for b in bodies], *[whole[: 60 + len(b)] + b + whole[60 + 2 * len(b) :] for b in bodies]]
    expected = [afresh(number, body) for body in bodies]
    message._clients, message._servers = Remembered(chosen=False), Remembered(chosen=True)
    assert [read(number, body) for body in bodies + bodies] == expected + expected
