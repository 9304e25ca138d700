from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.wire.message import ClientHello, MalformedMessage, PlainMessage, ServerHello
from whytls.wire.sslv2 import first_record, read_sslv2

HELLO = bytes.fromhex("01 0301 000c 0000 0010 0700c0 010080 00002f 0000ff") + bytes(range(16))
SERVER = bytes.fromhex("04 00 01 0002 0003 0006 0004") + b"der" + bytes.fromhex("010080 0700c0") + b"conn"


def record(body: bytes) -> bytes:
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def test_a_client_hello() -> None:
    found = read_sslv2(HELLO)
    assert isinstance(found, ClientHello)
    assert (found.sslv2, found.legacy_version, found.versions) == (True, 0x0301, (0x0301, 0x0300))
    assert found.cipher_suites == (0x0700C0, 0x010080, 0x002F, 0x00FF)
    assert (found.random, found.session_id, found.secure_renegotiation, found.problem) == (bytes(range(16)), b"", True, None)
    assert first_record(record(HELLO)) == (0x0301, 2, 2 + len(HELLO))


def test_a_server_hello() -> None:
    found = read_sslv2(SERVER)
    assert isinstance(found, ServerHello)
    assert (found.version, found.cipher_suite, found.random) == (2, 0x010080, b"conn")
    assert first_record(record(SERVER)) == (2, 2, 2 + len(SERVER))


def test_what_is_wrong_is_said() -> None:
    odd = HELLO[:3] + b"\x00\x0b" + HELLO[5:]
    found = read_sslv2(odd)
    assert isinstance(found, ClientHello)
    assert found.problem is not None
    assert "not a multiple of 3" in found.problem
    assert isinstance(read_sslv2(HELLO[:20]), MalformedMessage)
    assert isinstance(read_sslv2(b""), MalformedMessage)
    assert read_sslv2(b"\0\0\1") == PlainMessage(0, 3)
    assert first_record(record(odd)) is None


@pytest.mark.parametrize("change", [(0, 2), (1, 4), (4, 0), (6, 1), (8, 15), (8, 33)])
def test_lengths_must_add_up(change: tuple[int, int]) -> None:
    body = bytearray(HELLO)
    body[change[0]] = change[1]
    assert first_record(record(bytes(body))) is None


@given(st.binary(max_size=80), st.integers(0, 5))
def test_any_bytes(data: bytes, at: int) -> None:
    found = first_record(data, at)
    if found is not None:
        _, start, end = found
        assert at < start < end <= at + 0x8002
    message = read_sslv2(data)
    if isinstance(message, MalformedMessage):
        assert 0 <= message.offset <= len(data)
