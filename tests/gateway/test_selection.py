"""Which virtual host a client gets, and where its ClientHello ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import client_hello, message, record

from whytls.edge.resources import TlsInfo, VirtualHost
from whytls.gateway.environment import Environment
from whytls.gateway.selection import Listening, listeners, opening, protocols
from whytls.gateway.settings import RouterSettings

A = VirtualHost("a", 443, ("a.example.test", "*.example.test"))
B = VirtualHost("b", 443, ("b.example.test:443", "*.b.example.test", "B2.example.test"))
BOTH = Listening(443, (A, B))


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("a.example.test", A), ("A.EXAMPLE.TEST.", A), ("b.example.test", B), ("b2.example.test", B), ("x.example.test", A), ("x.b.example.test", B),
        ("example.test", None), ("other.test", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_the_virtual_host_of_a_server_name(name: str | None, host: VirtualHost | None) -> None:
    assert BOTH.for_name(name) is host


def test_without_a_name_the_only_one_is_served() -> None:
    assert Listening(443, (A,)).for_name(None) is A


def test_the_host_field_chooses_among_the_ports_virtual_hosts() -> None:
    assert BOTH.for_host("B.example.test:443", A) is B
    assert BOTH.for_host("[2001:db8::1]:443", A) is A
    assert BOTH.for_host(None, None) is A
    assert Listening(443, ()).for_host("x", None) is None


def test_ports_are_told_apart() -> None:
    plain = VirtualHost("plain", 80, ("a.example.test",), listen_options=("proxy_protocol",))
    secure = VirtualHost("secure", 443, ("a.example.test",), tls=TlsInfo(enabled=True))
    found = listeners(Environment(virtual_hosts=(plain, secure)))
    assert [(port, one.tls, one.proxy_protocol) for port, one in found.items()] == [(80, False, True), (443, True, False)]


def test_a_virtual_host_narrows_the_protocols_and_widens_none() -> None:
    settings = RouterSettings(protocols=("TLSv1.2", "TLSv1.3"))
    assert protocols(A, settings) == ("TLSv1.2", "TLSv1.3")
    for own in (
        VirtualHost("v", 1, properties=(("ssl_protocols", "TLSv1 TLSv1.2"),)),
        VirtualHost("v", 1, tls=TlsInfo(protocols=("TLSv1", "TLSv1.2"))),
    ):
        assert protocols(own, settings) == ("TLSv1.2",)


def test_a_hello_over_several_records_and_segments() -> None:
    whole = client_hello("a.example.test")
    body = whole[5:]
    cut = record(22, body[:30], 0x0301) + record(22, body[30:], 0x0301)
    for data in (whole, cut):
        for length in range(1, len(data)):
            assert not opening(data[:length]).whole
        found = opening(data + b"more")
        assert found.hello is not None
        assert found.hello.server_name == "a.example.test"


@given(st.binary(min_size=1, max_size=400), st.sampled_from([b"", b"\x16", b"\x16\x03\x01", record(22, message(1, b"\x03\x03"))[:-1]]))
def test_whatever_a_client_sends_first_is_whole_in_bounded_time(data: bytes, start: bytes) -> None:
    opening(start + data)
    assert opening(b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\xff" + data + bytes(70_000)).whole
