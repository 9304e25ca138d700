"""A captured hello made fresh: what belongs to its old connection is gone, its shape is not."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.probing.shares import fresh, one_share, own_shares
from whytls.wire.extension import key_shares
from whytls.wire.hello import greased, make, message_body, with_extension
from whytls.wire.message import ClientHello, Extension, read
from whytls.wire.registry import GREASE


def like_chromium(padding: int | None = None) -> ClientHello:
    """A hello as Chromium's are, read back as captures are: GREASE everywhere, a ticket, early data, ECH, brotli only."""
    entries = b"\x5a\x5a\0\x01\0" + b"\x11\xec\x04\xc0" + bytes(1216) + b"\0\x1d\0\x20" + bytes(32)
    more = [
        Extension(0x3A3A, b""), Extension(45, b"\x01\x01"), Extension(23, b""), Extension(35, b"ticket"), Extension(42, b""),
        Extension(27, b"\x02\x00\x02"), Extension(0xFE0D, bytes(100)), Extension(51, len(entries).to_bytes(2, "big") + entries),
        Extension(44, b"\0\x03abc"),
    ]  # fmt: skip
    made = make(
        suites=(0x2A2A, 0x1301, 0xC02F), versions=(0x6A6A, 0x0304, 0x0303), server_name="api.example.test", groups=(0x4A4A, 0x11EC, 0x1D, 0x17),
        session_id=bytes(range(32)), more=more,
    )  # fmt: skip
    made = with_extension(made, 0x7A7A, b"\0")
    if padding is not None:
        made = with_extension(made, 21, bytes(padding))
    made = with_extension(made, 41, bytes(60))
    found = read(1, message_body(made))
    assert isinstance(found, ClientHello)
    assert found.greased
    return found


def again(hello: ClientHello) -> ClientHello:
    found = read(1, message_body(hello))
    assert isinstance(found, ClientHello)
    return found


def test_what_belongs_to_one_connection_is_made_anew_or_taken_out() -> None:
    old = like_chromium()
    hello, shares = fresh(old)
    now = again(hello)
    assert now.problem is None
    assert now.random != old.random
    assert now.session_id != old.session_id
    assert len(now.session_id) == 32
    assert not any((now.psk, now.early_data, now.cookie, now.session_ticket, now.encrypted_client_hello))
    assert now.has(35)  # says that it knows tickets
    assert not now.has(27)  # brotli alone: nothing is left of it
    assert (now.cipher_suites, now.groups, now.supported_versions, now.server_name) == (
        old.cipher_suites, old.groups, old.supported_versions, old.server_name,
    )  # fmt: skip
    assert set(shares) == {0x11EC, 0x1D}


def test_key_shares_keep_their_order_and_are_ours() -> None:
    hello, shares = fresh(like_chromium())
    body = dict(hello.extensions)[51]
    assert key_shares(body) == (0x5A5A, 0x11EC, 0x1D)
    assert body[7:11] == b"\x11\xec\x04\xc0"
    assert body.count(shares[0x1D].public) == 1
    assert body.count(shares[0x11EC].public) == 1


def test_extensions_keep_their_order_and_grease_its_places() -> None:
    old = like_chromium()
    hello, _ = fresh(old)
    numbers = [e.number for e in hello.extensions]
    assert numbers[0] in GREASE
    assert numbers[-1] in GREASE
    assert numbers[0] != numbers[-1]
    assert hello.cipher_suites[0] in GREASE
    kept = [e.number for e in old.extensions if e.number not in (27, 41, 42, 44, 0xFE0D)]
    assert numbers[1:-1] == kept


@given(st.binary(min_size=32, max_size=32))
def test_no_two_greased_extensions_of_one_number(random: bytes) -> None:
    whole = greased(like_chromium()._replace(random=random))
    numbers = [e.number for e in whole.extensions]
    assert len(set(numbers)) == len(numbers)
    assert sum(n in GREASE for n in numbers) == 2
    assert greased(whole) == whole
    assert again(whole).extensions == tuple(e for e in whole.extensions if e.number not in GREASE)


def test_a_hello_without_grease_gets_none() -> None:
    plain = make(suites=(0x1301,), versions=(0x0304,), key_shares=((29, bytes(32)),))
    assert greased(plain) is plain


def test_padding_keeps_the_length() -> None:
    old = like_chromium(padding=200)
    whole = greased(old)
    hello, _ = fresh(old)
    assert len(message_body(hello)) == len(message_body(whole))
    assert [e.number for e in hello.extensions if e.number == 21] == [21]


def test_before_tls13_a_session_id_would_resume() -> None:
    old = make(suites=(0x2F,), versions=(0x0303,), session_id=bytes(32))
    assert fresh(old)[0].session_id == b""


def test_a_group_without_a_library_keeps_the_length_of_its_share() -> None:
    old = make(suites=(0x1301,), versions=(0x0304,), groups=(0x29, 0x1D), key_shares=((0x29, bytes(65)), (0x1D, bytes(32))))
    hello, shares = own_shares(old)
    body = dict(hello.extensions)[51]
    assert set(shares) == {0x1D}
    assert body[2:6] == b"\0\x29\0\x41"
    assert body[6:71] != bytes(65)


def test_after_a_retry_there_is_one_share() -> None:
    hello, shares = one_share(make(suites=(0x1301,), versions=(0x0304,), key_shares=((0x1D, os.urandom(32)),)), 0x17)
    assert again(hello).key_shares == (0x17,)
    assert set(shares) == {0x17}


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\x05\0\x1d\0\x20\0", b"\xff\xff"])
def test_a_damaged_key_share_is_left_as_it_is(body: bytes) -> None:
    damaged = with_extension(make(suites=(0x1301,), versions=(0x0304,)), 51, body)
    assert own_shares(damaged) == (damaged, {})
    assert dict(fresh(damaged)[0].extensions)[51] == body


def test_an_sslv2_hello_stays_one() -> None:
    old = ClientHello(0x0301, bytes(16), b"", (0x2F,), (), (), sslv2=True)
    hello, shares = fresh(old)
    assert (hello.sslv2, len(hello.random), shares) == (True, 16, {})
