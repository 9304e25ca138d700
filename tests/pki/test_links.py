"""Signatures between certificates, and what else ties them."""

from __future__ import annotations

from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from authority import corrupted, issue, rsa_key
from whytls.pki.certificate import read
from whytls.pki.links import is_tried, link, self_signed, verifies


def test_link(pki: SimpleNamespace) -> None:
    middle, root, stranger = (read(c.der) for c in (pki.middle, pki.root, pki.stranger))
    tie = link(middle, root)
    assert (tie.verified, tie.key_id, tie.exact, tie.broken) == (True, True, True, False)
    assert is_tried(middle, root)
    assert link(middle, stranger) == (stranger, False, False, False)
    assert link(middle, read(issue("Meadow Root", ca=True, key_ids=False).der), try_signature=False).verified is None


def test_every_kind_of_key_against_every_other(pki: SimpleNamespace) -> None:
    keys = [rsa_key(1024), dsa.generate_private_key(1024), ed25519.Ed25519PrivateKey.generate(), pki.root.key]
    authorities = [issue(f"CA {n}", ca=True, key=key) for n, key in enumerate(keys)]
    for mine in authorities:
        leaf = read(issue("leaf", mine).der)
        for other in authorities:
            assert verifies(leaf, read(other.der)) is (other is mine)


def test_what_cannot_be_tried(pki: SimpleNamespace) -> None:
    assert verifies(read(b"garbage"), read(pki.root.der)) is None
    assert verifies(read(pki.middle.der), read(b"garbage")) is None


def test_self_signed(pki: SimpleNamespace) -> None:
    assert self_signed(read(pki.root.der))
    assert not self_signed(read(pki.middle.der))
    assert not self_signed(read(corrupted(pki.root)))
    assert not self_signed(read(b"garbage"))


def test_exponent_that_would_take_long_is_not_tried(pki: SimpleNamespace) -> None:
    huge = rsa.RSAPublicNumbers((1 << 3071) + 1, (1 << 3072) + 1).public_key()
    authority = issue("Meadow Slow", pki.root, ca=True, key=SimpleNamespace(public_key=lambda: huge))
    leaf = issue("leaf", issue("Meadow Slow", ca=True, key=rsa_key(1024)))
    assert verifies(read(leaf.der), read(authority.der)) is None
