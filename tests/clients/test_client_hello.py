"""A client's hello for another server."""

from __future__ import annotations

import pytest

from whytls import clients
from whytls.clients.client import Client
from whytls.clients.hello import PADDING, hello_for, name_sent
from whytls.wire.hello import build
from whytls.wire.value import ClientHello

ALL = clients.load_all()
NAMES = ("shop.maple.example", "x.example", "a-very-much-longer-name-than-the-one-that-was-recorded.maple.example")


def zeros(count: int) -> bytes:
    return bytes(count)


def rest(hello: ClientHello) -> list[tuple[int, bytes]]:
    return [block for block in hello.extensions if block.number not in (0, PADDING)]


@pytest.mark.parametrize("client", ALL, ids=lambda c: c.slug)
def test_only_name_and_random_differ(client: Client) -> None:
    for name in NAMES:
        hello = hello_for(client, name, random=zeros)
        assert hello.server_name == (name if client.sends_name else None)
        assert hello.random == bytes(32)
        assert not any(hello.session_id)
        assert len(hello.session_id) == len(client.hello.session_id)
        assert hello.cipher_suites == client.hello.cipher_suites
        assert rest(hello) == rest(client.hello)
        assert hello.problem is None


@pytest.mark.parametrize("client", ALL, ids=lambda c: c.slug)
def test_padding_keeps_the_length(client: Client) -> None:
    if not client.hello.has(PADDING) or not client.sends_name:
        return
    for name in NAMES[:2]:
        assert len(build(hello_for(client, name))) == len(build(client.hello))
    shortest = hello_for(client, "y" * 63 + ".example")
    assert next(len(e.body) for e in shortest.extensions if e.number == PADDING) >= 0


def test_some_clients_pad() -> None:
    assert any(client.hello.has(PADDING) for client in ALL)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "[2001:db8::1]"])
def test_addresses_are_never_sent(address: str) -> None:
    for client in ALL:
        assert name_sent(client, address) is None
        assert hello_for(client, address).server_name is None
        assert hello_for(client, None).server_name is None


def test_java_sends_no_name_without_a_dot() -> None:
    assert name_sent(clients.load("java-17"), "backend7") is None
    assert name_sent(clients.load("curl-7.88"), "backend7") == "backend7"
    assert name_sent(clients.load("java-17"), "backend7.maple.example.") == "backend7.maple.example"


def test_the_random_is_new_each_time() -> None:
    client = clients.load("java-21")
    first, second = hello_for(client, NAMES[0]), hello_for(client, NAMES[0])
    assert first.random != second.random
    assert first.session_id != second.session_id
