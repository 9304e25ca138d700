"""Key exchange in the groups of TLS: a share of ours to send, and the secret that it makes with the peer's.

``offer`` makes the first half as a client, ``Agreement`` finishes it. Diffie-Hellman over a prime is plain arithmetic, because a probe
has to come to terms with any prime that a server shows, a small or odd one included; its keys are used once, for nobody's data.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from whytls.exceptions import Malformed


class Agreement(NamedTuple):
    """Our half of one key exchange; ``secret`` takes the peer's share and raises Malformed where there is no secret in it."""

    group: int
    public: bytes
    secret: Callable[[bytes], bytes]


# RFC 8422 section 5.1.1, RFC 7027; RFC 8734 (31 to 33: brainpool in TLS 1.3)
_CURVES = {
    0x0013: "SECP192R1", 0x0015: "SECP224R1", 0x0016: "SECP256K1", 0x0017: "SECP256R1", 0x0018: "SECP384R1", 0x0019: "SECP521R1",
    0x001A: "BrainpoolP256R1", 0x001B: "BrainpoolP384R1", 0x001C: "BrainpoolP512R1",
    0x001F: "BrainpoolP256R1", 0x0020: "BrainpoolP384R1", 0x0021: "BrainpoolP512R1",
}  # fmt: skip
# RFC 7919 appendix A: bits of the prime, the number that makes it one, and bits of an exponent that is strong enough
_PRIMES = {0x0100: (2048, 560316, 225), 0x0101: (3072, 2625351, 275), 0x0102: (4096, 5736041, 325),
           0x0103: (6144, 15705020, 375), 0x0104: (8192, 10965728, 400)}  # fmt: skip
# draft-ietf-tls-ecdhe-mlkem: the parts in the order in which they stand in share and secret
_HYBRIDS = {0x11EB: (0x0017, 768), 0x11EC: (768, 0x001D), 0x11ED: (0x0018, 1024)}
_MLKEM_CIPHERTEXT = {768: 1088, 1024: 1568}
_MLKEM_GROUPS = {0x0201: 768, 0x0202: 1024}

MOST_BITS = 16384  # of a prime or modulus: what libraries take, and about as long as it can be waited for


def offer(group: int) -> Agreement | None:
    """A fresh share of that group; None where the library has no such group."""
    if group in _HYBRIDS:
        return _hybrid(group, *_HYBRIDS[group])
    if group in _PRIMES:
        prime, bits = ffdhe(group)
        return finite(group, prime, 2, bits)
    if group in _MLKEM_GROUPS:
        return _mlkem(group, _MLKEM_GROUPS[group])
    if group in (0x001D, 0x001E):
        return _montgomery(group)
    return _elliptic(group, _CURVES[group]) if group in _CURVES else None


def _elliptic(group: int, name: str) -> Agreement | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        curve: ec.EllipticCurve = getattr(ec, name)()
        key = ec.generate_private_key(curve)
    except (AttributeError, UnsupportedAlgorithm):
        return None

    def secret(peer: bytes) -> bytes:
        try:
            return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, peer))
        except ValueError:
            raise Malformed(f"the server's key share of {len(peer)} bytes is no point of {curve.name}") from None

    return Agreement(group, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint), secret)


def _montgomery(group: int) -> Agreement:
    from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    if group == 0x001D:
        key = X25519PrivateKey.generate()
        return Agreement(group, key.public_key().public_bytes_raw(), _unless_null(lambda p: key.exchange(X25519PublicKey.from_public_bytes(p))))
    wide = X448PrivateKey.generate()
    return Agreement(group, wide.public_key().public_bytes_raw(), _unless_null(lambda p: wide.exchange(X448PublicKey.from_public_bytes(p))))


def _unless_null(exchange: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def secret(peer: bytes) -> bytes:
        try:
            return exchange(peer)
        except ValueError:  # a wrong length, or a point of small order (RFC 7748 section 6)
            raise Malformed(f"the server's key share of {len(peer)} bytes makes no secret") from None

    return secret


def _mlkem(group: int, size: int) -> Agreement | None:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import mlkem
    except ImportError:  # cryptography before 47 has none
        return None
    try:
        key = mlkem.MLKEM768PrivateKey.generate() if size == 768 else mlkem.MLKEM1024PrivateKey.generate()
    except UnsupportedAlgorithm:
        return None

    def secret(peer: bytes) -> bytes:
        try:
            return key.decapsulate(peer)
        except ValueError:
            raise Malformed(f"the server's key share of {len(peer)} bytes is no ML-KEM-{size} ciphertext") from None

    return Agreement(group, key.public_key().public_bytes_raw(), secret)


def _hybrid(group: int, first: int, second: int) -> Agreement | None:
    """Both shares behind each other, and both secrets (draft-ietf-tls-ecdhe-mlkem section 4.1)."""
    halves = [_mlkem(group, part) if part in _MLKEM_CIPHERTEXT else offer(part) for part in (first, second)]
    one, other = halves
    if one is None or other is None:
        return None
    cut = _MLKEM_CIPHERTEXT.get(first) or len(one.public)

    def secret(peer: bytes) -> bytes:
        return one.secret(peer[:cut]) + other.secret(peer[cut:])

    return Agreement(group, one.public + other.public, secret)


def finite(group: int, prime: int, generator: int, bits: int = 0) -> Agreement:
    """Our half of a Diffie-Hellman exchange over any prime; share and secret are as long as the prime (RFC 8446 section 7.4.1).

    Raises:
        Malformed: there is nothing to be agreed on with such a prime or generator.
    """
    if prime.bit_length() > MOST_BITS:
        raise Malformed(f"a Diffie-Hellman group of {prime.bit_length()} bits")
    if prime < 5 or not generator % prime > 1:
        raise Malformed(f"a Diffie-Hellman group of {prime.bit_length()} bits with the generator {generator % max(prime, 1)}")
    size = (prime.bit_length() + 7) // 8
    exponent = secrets.randbits(min(bits or 512, prime.bit_length() - 1)) | 1

    def secret(peer: bytes) -> bytes:
        value = int.from_bytes(peer, "big")
        if not 1 < value < prime - 1:
            raise Malformed("the server's Diffie-Hellman share is 0, 1, p-1 or more")  # RFC 7919 section 5.1
        return pow(value, exponent, prime).to_bytes(size, "big")

    return Agreement(group, pow(generator, exponent, prime).to_bytes(size, "big"), secret)


@lru_cache(maxsize=8)
def ffdhe(group: int) -> tuple[int, int]:
    """The prime of a group of RFC 7919, 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1, and the bits of its exponents."""
    bits, number, exponent = _PRIMES[group]
    guard = 64
    term = e = 1 << bits - 130 + guard
    count = 0
    while term:
        count += 1
        term //= count
        e += term
    return (1 << bits) - (1 << bits - 64) + ((e >> guard) + number << 64) - 1, exponent
