"""Who is who: patterns of addresses and ports, and the hop that follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from whytls.exceptions import InputError, UsageError
from whytls.model import Endpoint
from whytls.topology import pattern, topology

CALLER, ROUTER = Endpoint("203.0.113.9", 50_001), Endpoint("10.0.0.5", 443)
PROCESSOR, BACKEND = Endpoint("10.0.0.7", 41_822), Endpoint("10.0.9.12", 8443)
SIX = Endpoint("2001:db8::1", 443)


@pytest.mark.parametrize(
    ("text", "endpoint", "fits"),
    [
        ("10.0.9.12", BACKEND, True),
        (" 10.0.9.12 ", BACKEND, True),
        ("10.0.9.13", BACKEND, False),
        ("10.0.0.0/16", BACKEND, True),
        ("10.0.9.99/24", BACKEND, True),  # host bits set: the network is meant
        ("10.0.8.0/24", BACKEND, False),
        (":8443", BACKEND, True),
        (":443", BACKEND, False),
        ("10.0.9.12:8443", BACKEND, True),
        ("10.0.9.12:443", BACKEND, False),
        ("10.0.9.0/24:8443", BACKEND, True),
        ("2001:db8::1", SIX, True),
        ("2001:DB8:0::1", SIX, True),
        ("2001:db8::/32", SIX, True),
        ("[2001:db8::1]", SIX, True),
        ("[2001:db8::1]:443", SIX, True),
        ("[2001:db8::1]:8443", SIX, False),
        ("[2001:db8::/64]:443", SIX, True),
        ("10.0.0.0/8", SIX, False),
        ("2001:db8::/32", BACKEND, False),
        ("0.0.0.0/0", BACKEND, True),
        ("10.0.9.12", Endpoint("?", 1), False),
    ],
)
def test_pattern(text: str, endpoint: Endpoint, fits: bool) -> None:
    assert pattern(text).matches(endpoint) is fits


@pytest.mark.parametrize(
    "text",
    ["", ":", "  ", "backend.example.com", "10.0.0.300", "10.0.0.0/33", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:https", ":-1", "[2001:db8::1",
     "[2001:db8::1]443", "2001:db8::1:443:99999", "10.0.0.1:+80", "10.0.0.1: 80", "10.0.0.1:٣"],
)  # fmt: skip
def test_what_is_no_pattern_is_said_with_what_would_be_one(text: str) -> None:
    with pytest.raises(UsageError) as told:
        pattern(text)
    assert told.value.hint


@pytest.mark.parametrize(
    ("given", "northbound", "southbound", "other"),
    [
        ({"router": ["10.0.0.5"]}, "northbound", "direct", "direct"),
        ({"message_processor": ["10.0.0.7"]}, "direct", "southbound", "direct"),
        ({"backend": ["10.0.9.12:8443"]}, "direct", "southbound", "southbound"),
        ({"router": [":443"], "backend": [":8443"]}, "northbound", "southbound", "southbound"),
        ({"router": ["10.0.0.5"], "message_processor": ["10.0.0.7"], "backend": ["10.0.9.0/24"]}, "northbound", "southbound", "southbound"),
        ({}, "direct", "direct", "direct"),
    ],
)
def test_hop(given: dict[str, list[str]], northbound: str, southbound: str, other: str) -> None:
    who = topology(**given)
    assert bool(who) is bool(given)
    assert who.hop(CALLER, ROUTER) == northbound
    assert who.hop(PROCESSOR, BACKEND) == southbound
    assert who.hop(CALLER, BACKEND) == other


def test_the_port_of_a_message_processor_as_client_is_its_servers_and_not_compared() -> None:
    assert topology(message_processor=["10.0.0.7:8998"]).hop(PROCESSOR, BACKEND) == "southbound"
    assert topology(message_processor=[":8998"]).hop(PROCESSOR, BACKEND) == "direct"  # a port alone names no client


def test_all_in_one_named_as_message_processor_only() -> None:
    who = topology(message_processor=["10.0.0.5"])
    assert who.hop(CALLER, ROUTER) == "northbound"
    assert who.hop(Endpoint("10.0.0.5", 40_000), BACKEND) == "southbound"


def test_a_router_wins_over_what_its_address_is_besides() -> None:
    who = topology(router=["10.0.0.5:443"], message_processor=["10.0.0.5"], backend=[":8443"])
    assert who.hop(Endpoint("10.0.0.5", 40_000), ROUTER) == "northbound"
    assert who.hop(Endpoint("10.0.0.5", 40_000), BACKEND) == "southbound"


def written(folder: Path, text: str | bytes) -> str:
    file = folder / "whytls.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def test_file_and_call_are_joined(tmp_path: Path) -> None:
    file = written(tmp_path, '[topology]\nrouter = "10.0.0.5"\nbackend = ["10.0.9.0/24", ":8443"]\n[other]\nx = 1\n')
    who = topology(router=["10.0.0.6"], file=file)
    assert (len(who.routers), len(who.message_processors), len(who.backends)) == (2, 0, 2)
    assert who.hop(CALLER, ROUTER) == "northbound"
    assert who.hop(CALLER, Endpoint("10.0.0.6", 9)) == "northbound"


def test_a_file_without_the_table_names_nobody(tmp_path: Path) -> None:
    assert not topology(file=written(tmp_path, "title = 'x'\n"))


@pytest.mark.parametrize(
    "text",
    [
        "[topology\n",
        "topology = 7\n",
        "[topology]\nrouters = ['10.0.0.5']\n",
        "[[topology]]\nrouter = ['10.0.0.5']\n",
        "[topology]\nrouter = 7\n",
        "[topology]\nrouter = {a = 1}\n",
        b"\xff\xfe\x00",
        "",
    ],
    ids=["damaged", "a number", "unknown key", "a list", "a number for a list", "a table for a list", "no text", "empty"],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, text: str | bytes) -> None:
    file = written(tmp_path, text)
    if text == "":
        assert not topology(file=file)
        return
    with pytest.raises(InputError) as told:
        topology(file=file)
    assert told.value.file == file


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InputError) as told:
            topology(file=str(path))
        assert str(path) in str(told.value)


def test_a_pattern_in_the_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        topology(file=written(tmp_path, "[topology]\nrouter = ['nowhere']\n"))
    assert "nowhere" in str(told.value)
