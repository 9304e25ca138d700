"""Both ends of each group agree; what no peer could have sent is an error of its own kind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.exceptions import Malformed
from whytls.probing.groups import ffdhe, finite, offer
from whytls.wire.registry import GROUPS

SYMMETRIC = (0x13, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x20, 0x21, 0x100, 0x101, 0x102, 0x103, 0x104)
SIZES = {0x17: 65, 0x18: 97, 0x19: 133, 0x1D: 32, 0x1E: 56, 0x100: 256, 0x104: 1024, 0x11EB: 1249, 0x11EC: 1216, 0x11ED: 1665, 0x201: 1184}


@pytest.mark.parametrize("group", SYMMETRIC, ids=[GROUPS.get(g, hex(g)) for g in SYMMETRIC])
def test_both_ends_agree(group: int) -> None:
    one, other = offer(group), offer(group)
    assert one is not None
    assert other is not None
    assert one.public != other.public
    assert one.secret(other.public) == other.secret(one.public)


@pytest.mark.parametrize(("group", "size"), SIZES.items(), ids=[GROUPS.get(g, hex(g)) for g in SIZES])
def test_shares_have_the_standards_size(group: int, size: int) -> None:
    half = offer(group)
    assert half is not None
    assert len(half.public) == size


@pytest.mark.parametrize(("group", "first"), [(0x11EB, False), (0x11EC, True), (0x11ED, False)])
def test_a_hybrid_is_both_parts_in_the_standards_order(group: int, first: bool) -> None:
    """draft-ietf-tls-ecdhe-mlkem: X25519MLKEM768 has the lattice in front, those with NIST's curves behind."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey

    half = offer(group)
    assert half is not None
    parts = {0x11EB: (0x17, MLKEM768PublicKey, 1184), 0x11EC: (0x1D, MLKEM768PublicKey, 1184), 0x11ED: (0x18, MLKEM1024PublicKey, 1568)}
    curve, kem, size = parts[group]
    peer = offer(curve)
    assert peer is not None
    lattice, point = (half.public[:size], half.public[size:]) if first else (half.public[-size:], half.public[:-size])
    shared, ciphertext = kem.from_public_bytes(lattice).encapsulate()
    agreed = peer.secret(point)
    share, secret = (ciphertext + peer.public, shared + agreed) if first else (peer.public + ciphertext, agreed + shared)
    assert half.secret(share) == secret


@pytest.mark.parametrize("group", [0x100, 0x101, 0x102])
def test_primes_of_rfc_7919_are_safe_ones(group: int) -> None:
    prime, _ = ffdhe(group)
    for number in (prime, prime // 2):
        assert pow(3, number - 1, number) == 1
    assert f"{prime:x}".startswith("ffffffffffffffffadf85458a2bb4a9aafdc5620")
    assert f"{prime:x}".endswith("ffffffffffffffff")


def test_a_group_without_a_library_is_none() -> None:
    assert offer(0x0001) is None  # sect163k1
    assert offer(0x0A0A) is None
    assert offer(0x11EE) is None  # curveSM2MLKEM768


@settings(max_examples=40, deadline=None)
@given(st.sampled_from((0x17, 0x1A, 0x1D, 0x1E, 0x100, 0x11EB, 0x11EC, 0x201)), st.binary(max_size=1300))
def test_arbitrary_shares_make_a_secret_or_our_error(group: int, peer: bytes) -> None:
    half = offer(group)
    assert half is not None
    try:
        assert half.secret(peer)
    except Malformed:
        pass


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 600), st.integers(0, 1 << 600), st.integers(0, 1 << 600))
def test_any_prime_that_a_server_shows(prime: int, generator: int, share: int) -> None:
    try:
        assert finite(0, prime, generator).secret(share.to_bytes(80, "big"))
    except Malformed:
        pass


def test_shares_that_give_the_secret_away_are_malformed() -> None:
    prime, _ = ffdhe(0x100)
    half = finite(0x100, prime, 2)
    for share in (0, 1, prime - 1, prime):
        with pytest.raises(Malformed):
            half.secret(share.to_bytes(257, "big"))
    edwards = offer(0x1D)
    assert edwards is not None
    with pytest.raises(Malformed):
        edwards.secret(bytes(32))
