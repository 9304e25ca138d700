"""PROXY protocol headers, read and refused."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import Malformed
from whytls.gateway.proxy_protocol import SIGNATURE, Header, header
from whytls.model import Endpoint

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(0, 65_535)


def first(source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> bytes:
    return f"PROXY TCP{source.version} {source} {source} {port} 443\r\n".encode()


def second(source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, more: bytes = b"") -> bytes:
    body = source.packed * 2 + struct.pack(">HH", port, 443) + more
    return SIGNATURE + bytes((0x21, 0x11 if source.version == 4 else 0x21)) + struct.pack(">H", len(body)) + body


@given(ADDRESSES, PORTS, st.binary(max_size=40), st.sampled_from([first, second]))
def test_both_versions_are_read_and_what_follows_is_not_theirs(source, port, rest, made) -> None:  # type: ignore[no-untyped-def]
    data = made(source, port)
    assert header(data + rest) == Header(Endpoint(str(source), port), len(data))
    for cut in range(len(data)):
        assert header(data[:cut]) is None, "more is to come"


def test_health_checks_of_the_proxy_name_nobody() -> None:
    local = SIGNATURE + b"\x20\x00\x00\x00"
    assert header(local) == Header(None, 16)
    assert header(b"PROXY UNKNOWN\r\n") == Header(None, 15)


def test_extensions_are_passed_over() -> None:
    source = ipaddress.ip_address("192.0.2.1")
    data = second(source, 5, b"\x01\x00\x02h2")
    assert header(data) == Header(Endpoint("192.0.2.1", 5), len(data))


WRONG = (
    b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 1", b"PROXY TCP4 ::1 ::1 1 1", b"PROXY TCP4 x y 1 1", b"PROXY TCP4", b"PROXY " + b"x" * 200,
)  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        *(line + b"\r\n" for line in WRONG),
        b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x00\x05", SIGNATURE + b"\x31\x11\x00\x00", SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE + b"\x21\x11\x00\x04abcd",
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        header(data)


@given(st.binary(max_size=200), st.sampled_from([b"", SIGNATURE, b"PROXY ", b"PROXY TCP4 "]))
def test_whatever_comes_is_read_or_refused(data: bytes, start: bytes) -> None:
    try:
        found = header(start + data)
    except Malformed:
        return
    assert found is None or found.length <= len(start + data)
