"""Plain certificates: what is read without the library is what the library reads; what is odd is left to it."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from authority import SERVER, issue, rsa_key
from whytls.pki import plain
from whytls.pki.certificate import Certificate, _from_library, read
from whytls.pki.links import verifies

RECORDED = Path(__file__).parent / "profiles" / "recorded" / "chains.txt"
PLAIN = issue("plain.meadow.example", issue("Meadow Plain", ca=True), san=("plain.meadow.example", "10.1.2.3"), usage=(SERVER,)).der


def by_library(der: bytes) -> dict[str, Any] | None:
    """The fields by the library; ``None`` where it minds anything."""
    problems: list[str] = []
    found = _from_library(der, problems)
    return None if problems else found


def assert_agrees(der: bytes) -> bool:
    """Where it is plain the library reads the same; whether it is."""
    found = plain.fields(der)
    if found is None:
        return False
    known = by_library(der)
    assert known is not None
    assert Certificate(der, "", **{**found, "plain": False})._asdict() == Certificate(der, "", **known)._asdict()
    return True


@cache
def recorded() -> tuple[bytes, ...]:
    """The certificates of the chains whose answers the stacks gave: each with a fault of its own, many of them in their encoding."""
    return tuple({base64.b64decode(word) for word in re.findall(r"\bMI[A-Za-z0-9+/]{200,}={0,2}", RECORDED.read_text())})


def test_a_usual_certificate_is_plain(pki: SimpleNamespace) -> None:
    for certificate in (pki.root, pki.middle, pki.server, pki.client):
        assert assert_agrees(certificate.der)
        assert read(certificate.der).plain


def test_odd_certificates_are_left_to_the_library() -> None:
    certificates = recorded()
    assert len(certificates) > 100
    told = [assert_agrees(der) for der in certificates]
    assert any(told)
    assert not all(told)


@given(st.data())
def test_a_changed_byte_is_plain_only_where_the_library_reads_it_alike(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(PLAIN) - 1))
    changed = bytearray(PLAIN)
    changed[place] = data.draw(st.integers(0, 255))
    assert_agrees(bytes(changed))


@given(st.integers(0, len(PLAIN) - 1))
def test_a_certificate_cut_short_is_not_plain(length: int) -> None:
    assert plain.fields(PLAIN[:length]) is None


@pytest.mark.parametrize("key", [None, rsa_key(2048)], ids=["ec", "rsa"])
def test_signatures_of_plain_certificates_are_tried_with_their_own_keys(key: object) -> None:
    root = issue("Meadow Signing", ca=True, key=key)
    leaf, stranger = issue("signed.meadow.example", root), issue("Meadow Signing", ca=True, key=ec.generate_private_key(ec.SECP384R1()))
    certificate, issuer, other = (read(c.der) for c in (leaf, root, stranger))
    assert certificate.plain
    assert issuer.plain
    assert verifies(certificate, issuer) is True
    assert verifies(certificate, other) is False


