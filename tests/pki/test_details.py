"""A certificate as it is encoded: criticality, order, string types, times; and that damage is never an exception."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authority import issue, usages
from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.certificate import Certificate, read


def test_what_is_in_a_certificate() -> None:
    made = issue("shop", ca=True, san=("shop.example", "10.0.0.1"), key_usage=usages("key_cert_sign"))
    found = d.of(read(made.der))
    assert (found.readable, found.version, found.duplicates) == (True, 3, False)
    assert found.inner_algorithm == found.outer_algorithm
    assert d.integer(found.serial) == made.certificate.serial_number
    assert found.critical == (d.BASIC, d.KEY_USAGE)
    assert found.names == (d.GeneralName(d.DNS, b"shop.example"), d.GeneralName(d.IP, b"\x0a\0\0\1"))
    assert found.listed(d.DNS)[0].text == "shop.example"
    assert found.listed(d.URI) == ()
    assert [a.body for a in found.common_names] == [b"shop"]
    assert found.has(d.SKI)
    assert not found.has(d.EKU)
    assert (found.begins.tag, found.begins.exists) == (0x17, True)
    assert found.key_algorithm == "1.2.840.10045.2.1"
    assert found.key[:1] == b"\x04"


def test_it_is_read_once(pki: SimpleNamespace) -> None:
    assert d.of(read(pki.server.der)) is d.of(read(pki.server.der))


@pytest.mark.parametrize(
    ("tag", "body", "exists"),
    [
        (0x17, b"260228120000Z", True),
        (0x17, b"260230120000Z", False),
        (0x17, b"261301120000Z", False),
        (0x17, b"240229120000Z", True),
        (0x18, b"29690503000001Z", True),
        (0x18, b"20260229000000Z", False),
        (0x17, b"tomorrow", False),
        (0x17, b"", False),
    ],
)
def test_days_that_exist(tag: int, body: bytes, exists: bool) -> None:
    assert d.Moment(tag, body).exists is exists


def test_what_cannot_be_read_is_empty() -> None:
    found = d.of(Certificate(b"\x30\x03abc", "x"))
    assert (found.readable, found.names, found.extensions, found.subject) == (False, None, (), None)


@given(st.binary(max_size=200))
def test_general_names_of_anything(value: bytes) -> None:
    try:
        assert all(0 <= name.tag < 32 for name in d.general_names(value))
    except Malformed:
        pass


@settings(max_examples=300)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_damage_is_a_value(place: int, put: bytes) -> None:
    der = bytearray(SOUND)
    der[place : place + len(put)] = put
    found = d.of(read(bytes(der)))
    assert found.readable in (True, False)
    assert found.duplicates in (True, False)


def test_no_extensions_where_there_should_be_some() -> None:
    place = SOUND.index(b"\xa3\x81")  # [3], then its length: the list inside is said to have none
    empty = SOUND[: place + 1] + b"\x00" + SOUND[place + 2 :]
    assert not d.of(read(empty)).readable


SOUND = issue("rich", ca=True, path_length=1, san=("a.example", "::1"), key_usage=usages("key_cert_sign")).der
