"""What of a keystore stands in for a chain that TLS 1.3 hides, told by the size of the Certificate message."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority import SERVER as FOR_SERVERS
from authority import issue
from story import alert, certificate_request, change, client, encrypted, fin, hello, server, server_flight, server_hello, story
from whytls.inference.ending import ending_of
from whytls.inference.stand_in import StandIn, certificate_length, stand_in
from whytls.model import AtRest, Context, Handshake, KeyEntry, Keystore, Side
from whytls.wire.message import Extension

ROOT = issue("Meadow Root", ca=True)
MIDDLE = issue("Meadow Issuing 1", ROOT, ca=True)
LEAF = issue("shop", MIDDLE, san=("www.example.test",), usage=(FOR_SERVERS,))
LONGER = issue("a shop with a much longer name than the other one has", MIDDLE, san=("www.example.test", "shop.example.test"))
CHAIN, LONG = (LEAF.der, MIDDLE.der), (LONGER.der, MIDDLE.der)
TLS13 = 0x0304


def keystore(*chains: tuple[bytes, ...]) -> Keystore:
    entries = tuple(KeyEntry(chain, f"store.p12, alias {number}") for number, chain in enumerate(chains))
    return Keystore("store.p12", entries, tuple(der for chain in chains for der in chain))


def sent(chain: tuple[bytes, ...], *, padding: int = 0, together: bool = False, more: int = 0, **fields: Any) -> Handshake:
    """A server's flight with this chain, which the client refuses."""
    sizes = [6, certificate_length(chain) + more, 80, 36]
    lengths = [sum(sizes) + 17] if together else [size + 17 + padding for size in sizes]
    flight = [server << server_hello(TLS13), server << change(), *(server << encrypted(length) for length in lengths)]
    return story(client >> hello(**fields), flight, client >> alert(48), client >> fin())


def found(told: Handshake, store: Keystore | None, whose: Side = "server") -> StandIn | None:
    known: dict[str, Any] = {f"{whose}_stores": AtRest(store)}
    return stand_in(told, Context(ending_of(told), **known), whose)


@pytest.mark.parametrize("padding", [0, 16])
def test_the_size_of_its_record_shows_a_chain(padding: int) -> None:
    told = found(sent(CHAIN, padding=padding), keystore(CHAIN))
    assert told is not None
    assert told.chain == CHAIN
    assert told.record is not None
    assert told.record.length == certificate_length(CHAIN) + 17 + padding


def test_what_was_left_out_shows_as_well() -> None:
    told = found(sent(CHAIN[:1]), keystore(CHAIN))
    assert told is not None
    assert told.chain == CHAIN[:1]
    assert told.entry.chain == CHAIN


def test_of_several_entries_the_one_of_that_size() -> None:
    told = found(sent(LONG), keystore(CHAIN, LONG))
    assert told is not None
    assert told.entry.place.endswith("alias 1")


def test_one_entry_stands_in_by_its_owners_word_where_sizes_do_not_tell() -> None:
    for told in (found(sent(CHAIN, together=True), keystore(CHAIN)), found(sent(CHAIN, more=300), keystore(CHAIN))):
        assert told is not None
        assert told.chain == CHAIN
        assert told.record is None


def test_nothing_stands_in_where_it_cannot_have_been_sent() -> None:
    assert found(sent(CHAIN, together=True), keystore(CHAIN, LONG)) is None  # which of them?
    assert found(sent((), more=100), keystore(CHAIN)) is None  # too short for its own certificate
    assert found(sent(CHAIN, together=True, sni="elsewhere.test"), keystore(CHAIN)) is None  # another site's
    assert found(sent(CHAIN), keystore()) is None
    assert found(sent(CHAIN), None) is None


def test_compressed_certificates_are_shorter() -> None:
    compressing = (*hello().value.extensions, Extension(27, b"\x02\x00\x02"))  # type: ignore[union-attr]
    told = found(sent((), more=100, extensions=compressing), keystore(CHAIN))
    assert told is not None
    assert told.record is None


def test_tls_1_2_hides_nothing() -> None:
    told = story(client >> hello(version=0x0303), server_flight(*CHAIN), client >> alert(48))
    assert found(told, keystore(CHAIN)) is None


def test_a_certificate_verify_of_that_size_is_no_certificate() -> None:
    size = certificate_length(CHAIN[:1])
    flight = [server << server_hello(TLS13), *(server << encrypted(length + 17) for length in (6, 1200, size, 36))]
    told = found(story(client >> hello(), flight, client >> alert(48)), keystore(CHAIN[:1]))
    assert told is None or told.record is None


def test_a_clients_chain_is_told_by_its_own_flight() -> None:
    sizes = [certificate_length(CHAIN) + 17, 97, 53]
    steps = [client >> change(), *(client >> encrypted(size) for size in sizes)]
    flight = server_flight(bytes(700), request=certificate_request(), version=TLS13)
    told = story(client >> hello(), flight, steps, server << encrypted(19), server << fin())
    exact = found(told, keystore(CHAIN), "client")
    assert exact is not None
    assert exact.record is not None
    none = story(client >> hello(), flight, client >> change(), client >> encrypted(25), client >> encrypted(53), server << encrypted(19))
    assert found(none, keystore(CHAIN), "client") is None  # it sent an empty Certificate message


def test_the_length_is_that_of_rfc_8446() -> None:
    assert certificate_length((bytes(100), bytes(200))) == 4 + 1 + 3 + (3 + 100 + 2) + (3 + 200 + 2)
    assert certificate_length(()) == 8  # the empty message


@given(st.lists(st.integers(0, 20_000), max_size=8), st.sampled_from(["server", "client"]))
def test_any_sizes_are_told_or_not(sizes: list[int], whose: Side) -> None:
    party = server if whose == "server" else client
    flight = server_flight(bytes(700), version=TLS13) if whose == "client" else [server << server_hello(TLS13)]
    told = story(client >> hello(), flight, *(party >> encrypted(size) for size in sizes), server << fin())
    answer = found(told, keystore(CHAIN, LONG), whose)
    assert answer is None or answer.chain in (CHAIN, CHAIN[:1], LONG, LONG[:1])
