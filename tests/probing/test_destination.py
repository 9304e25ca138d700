"""Where a recorded handshake went, and whether it may be contacted."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story import alert, client, hello, server, story
from whytls.exceptions import UsageError
from whytls.model import Handshake, Prelude
from whytls.pki.readers.live import Address
from whytls.probing.destination import permitted, target_of
from whytls.probing.guard import allowed
from whytls.probing.target import Proxy, ProxyHeader, Target, target


def after(kind: str, asked: str | None = None) -> Handshake:
    return story(client >> hello(), server << alert(40), prelude=Prelude(kind, (4,), asked))


@given(st.sampled_from(("smtp", "http-connect", "socks4", "socks5", "proxy-v1", "proxy-v2", "another")), st.text(max_size=40))
def test_whatever_a_recording_says_it_is_a_target(kind: str, asked: str) -> None:
    assert str(target_of(after(kind, asked)))


SERVER = ("198.51.100.20", 443)


def test_the_way_of_the_recording_is_gone_again() -> None:
    assert target_of(story(client >> hello())) == Target(*SERVER)
    assert target_of(after("smtp")) == Target(*SERVER, starttls="smtp")
    assert target_of(after("proxy-v2", "192.0.2.9:4711")) == Target(*SERVER, proxy_header=ProxyHeader("v2", Address("192.0.2.9", 4711)))
    assert target_of(after("proxy-v1")) == Target(*SERVER, proxy_header=ProxyHeader("v1"))
    assert target_of(after("http-connect", "api.example.test:8443")) == Target("api.example.test", 8443, proxy=Proxy("http", *SERVER))
    assert target_of(after("socks5", "192.0.2.80:443")) == Target("192.0.2.80", 443, proxy=Proxy("socks5", *SERVER))
    assert target_of(after("socks4", "api.example.test:443")) == Target("api.example.test", 443, proxy=Proxy("socks4a", *SERVER))
    assert target_of(after("http-connect", "what is this")) == Target(*SERVER)


def test_only_what_the_user_pointed_to_is_contacted() -> None:
    recorded = story(client >> hello())
    wanted = target_of(recorded)
    with pytest.raises(UsageError, match=r"198\.51\.100\.20:443 is not among the servers that may be contacted .*--to 198\.51\.100\.20:443"):
        asyncio.run(permitted(wanted, allowed(), recorded.server))
    assert asyncio.run(permitted(wanted, allowed(allow=["198.51.100.0/24"]), recorded.server)).address[:2] == SERVER
    elsewhere = target("127.0.0.1:4433")
    assert asyncio.run(permitted(elsewhere, allowed(to=["127.0.0.1:4433"]), recorded.server)).address[:2] == ("127.0.0.1", 4433)


def test_a_recorded_proxy_is_judged_like_a_server() -> None:
    recorded = after("http-connect", "192.0.2.80:443")
    with pytest.raises(UsageError, match=r"198\.51\.100\.20:443 is not among"):
        asyncio.run(permitted(target_of(recorded), allowed(to=["192.0.2.80:443"]), recorded.server))
    both = allowed(to=["192.0.2.80:443", "198.51.100.20:443"])
    assert asyncio.run(permitted(target_of(recorded), both, recorded.server)).proxies[0][1][:2] == SERVER
