"""Servers as people write them, and the addresses that they mean."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import InputError, UsageError
from whytls.pki.password import Password
from whytls.pki.readers import live
from whytls.pki.readers.live import Address
from whytls.probing import target as module
from whytls.probing.target import PORTS, SCHEMES, Target, Where, addresses, proxy, proxy_header, target


@pytest.mark.parametrize(
    ("text", "host", "port", "name", "starttls"),
    [
        ("shop.test", "shop.test", 443, "shop.test", ""),
        ("shop.test:8443", "shop.test", 8443, "shop.test", ""),
        ("shop.test.", "shop.test.", 443, "shop.test", ""),
        ("Shop.TEST", "Shop.TEST", 443, "shop.test", ""),
        ("bücher.test:1", "xn--bcher-kva.test", 1, "xn--bcher-kva.test", ""),
        ("a_b.test", "a_b.test", 443, "a_b.test", ""),
        ("192.0.2.7", "192.0.2.7", 443, None, ""),
        ("192.0.2.7:9", "192.0.2.7", 9, None, ""),
        ("2001:db8::7", "2001:db8::7", 443, None, ""),
        ("[2001:db8::7]", "2001:db8::7", 443, None, ""),
        ("[2001:db8::7]:25", "2001:db8::7", 25, None, ""),
        ("https://shop.test/cart?x=1#y", "shop.test", 443, "shop.test", ""),
        ("HTTPS://shop.test:8443", "shop.test", 8443, "shop.test", ""),
        ("smtp://mail.test", "mail.test", 25, "mail.test", "smtp"),
        ("submission://mail.test", "mail.test", 587, "mail.test", "smtp"),
        ("imaps://[::1]", "::1", 993, None, ""),
        ("postgres://db.test/books", "db.test", 5432, "db.test", "postgresql"),
    ],
)
def test_what_a_person_writes(text: str, host: str, port: int, name: str | None, starttls: str) -> None:
    found = target(text)
    assert (found.host, found.port, found.server_name, found.starttls) == (host, port, name, starttls)


@pytest.mark.parametrize(
    "text",
    ["", ":443", "a:", "a:0", "a:65536", "a:b", "a:1:2", "[::1", "::1]", "[shop.test]:443", "[1.2.3.4]:5", "a b", "a\r\nb:1", "-a.test", "a..b",
     "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "x" * 64 + ".test", ".".join(["abcdefg"] * 40), "http://shop.test", "gopher://a", "https://",
     "https://user:secret@shop.test", "unix:", "unix:/" + "x" * 200, "unix:/a\0b", "a\u202eb.test:443", "fe80::1%a b", "fe80::1%\r\n",
     "[fe80::1%]", "shop.test/x"],
)  # fmt: skip
def test_what_names_no_server_is_said_with_what_would(text: str) -> None:
    with pytest.raises(UsageError) as told:
        target(text)
    assert told.value.hint
    assert "secret" not in str(told.value)


@given(st.one_of(st.text(max_size=80), st.from_regex(r"[a-z:/@\[\].0-9-]{0,40}", fullmatch=True)))
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    try:
        found = target(text)
    except UsageError:
        return
    assert found.path or (found.host.isascii() and found.host.isprintable() and " " not in found.host and 0 < found.port < 65536)
    if not found.path:
        again = target(str(found.endpoint), starttls=found.starttls)
        assert again == found  # what is shown can be written again


@pytest.mark.parametrize("dialect", PORTS)
def test_each_dialect_has_its_scheme_and_its_own_port(dialect: str) -> None:
    assert target(f"{dialect}://a.test") == target("a.test", starttls=dialect) == target(f"a.test:{PORTS[dialect]}", starttls=dialect)
    assert SCHEMES[dialect] == (PORTS[dialect], dialect)


def test_the_options_win_over_what_they_stand_for() -> None:
    assert target("smtp://a.test", starttls="").starttls == ""
    assert target("smtp://a.test:465", starttls="").port == 465
    assert target("https://a.test", starttls="imap").port == 143
    assert target("a.test", server_name=None).server_name is None
    assert target("192.0.2.7", server_name="bücher.test").server_name == "xn--bcher-kva.test"
    assert target("unix:/run/a", server_name="a.test") == Target("", 0, "/run/a", server_name="a.test")
    assert str(target("a.test", address="2001:DB8:0::7", starttls="smtp", proxy=proxy("socks5://b.test"))) == (
        "a.test:25 at 2001:db8::7, smtp, through socks5://b.test:1080"
    )


@pytest.mark.parametrize(
    "options",
    [{"starttls": "gopher"}, {"server_name": "192.0.2.7"}, {"server_name": "a b"}, {"address": "b.test"}, {"address": "::1", "family": 4},
     {"address": "::1", "proxy": proxy("socks4://p.test")}, {"family": 6, "proxy": proxy("socks4a://p.test")}],
)  # fmt: skip
def test_options_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        target("a.test", **options)  # type: ignore[arg-type]


def test_proxies() -> None:
    secret = Password.of("hush")
    found = proxy("socks5h://ada@p.test", password=secret)
    assert found[:4] == ("socks5h", "p.test", 1080, "ada")
    assert "hush" not in repr(found)
    assert found.resolves
    assert not proxy("socks4://[::1]:9").resolves
    for text in ("p.test:3128", "http://p.test", "https://p.test:1", "http://ada:hush@p.test:3128", "http://a:b:c", "socks5://"):
        with pytest.raises(UsageError) as told:
            proxy(text)
        assert "hush" not in str(told.value)
    with pytest.raises(UsageError):
        proxy("http://p.test:1", user="a:b")
    with pytest.raises(UsageError):
        proxy("socks5://p.test:1", user="a\r\nb")


def test_headers_of_the_proxy_protocol() -> None:
    assert proxy_header("v2", "[2001:db8:0::7]:40000").source == Address("2001:db8::7", 40000)
    assert proxy_header("v1").source is None
    for version, source in (("v3", ""), ("v1", "a.test:1"), ("v1", "192.0.2.7"), ("v2", "[fe80::1%lo]:1")):
        with pytest.raises(UsageError):
            proxy_header(version, source)


def resolving(found: Target, limit: float = 5.0) -> tuple[Where, ...]:
    return asyncio.run(addresses(found, limit))


def test_addresses_of_what_needs_no_name() -> None:
    assert resolving(target("192.0.2.7:9")) == (Where(socket.AF_INET, ("192.0.2.7", 9)),)
    assert resolving(target("a.test:9", address="::1")) == (Where(socket.AF_INET6, ("::1", 9, 0, 0)),)
    assert resolving(target("unix:/run/a")) == (Where(socket.AF_UNIX, "/run/a"),)
    assert [str(where) for where in resolving(target("unix:/run/a")) + resolving(target("::1"))] == ["unix:/run/a", "[::1]:443"]


def test_each_address_of_a_name_once_and_of_one_family() -> None:
    found = resolving(target("localhost:9"))
    assert len(found) == len(set(found)) >= 1
    assert {where.family for where in resolving(target("localhost:9", family=4))} == {socket.AF_INET}


def test_a_proxy_that_resolves_is_told_the_name() -> None:
    through = proxy("http://127.0.0.1:3128")
    (where,) = resolving(target("nowhere.invalid", proxy=through))
    assert where == Where(socket.AF_UNSPEC, ("nowhere.invalid", 443), ((socket.AF_INET, ("127.0.0.1", 3128)),))
    (literal,) = resolving(target("192.0.2.7", proxy=through))
    assert literal.family == socket.AF_INET


def test_a_proxy_that_does_not_is_told_an_address() -> None:
    found = resolving(target("localhost:9", proxy=proxy("socks4://127.0.0.1:1080")))
    assert {(where.family, where.address[0]) for where in found} == {(socket.AF_INET, "127.0.0.1")}


def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(InputError, match=r"nowhere.invalid:443: the name cannot be resolved"):
        resolving(target("nowhere.invalid"))


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def stuck(*_: object, **__: object) -> object:
        asked.wait(20)
        raise OSError

    monkeypatch.setattr(live.socket, "getaddrinfo", stuck)
    begun = time.monotonic()
    with pytest.raises(InputError, match=r"not resolved within 0\.1 s"):
        resolving(target("a.test"), 0.1)
    assert time.monotonic() - begun < 5  # the loop has ended, too
    asked.set()
    assert module.RESOLVE > 0


def test_a_host_that_is_called_unix_is_a_host() -> None:
    assert (target("unix:443").host, target("unix:443").port, target("unix:443").path) == ("unix", 443, "")
    assert target("unix:/443").path == "/443"
