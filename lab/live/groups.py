"""Diffie-Hellman parameters of any of the usual sizes, without waiting for a prime.

RFC 2409 section 6 and RFC 3526 define their primes by a formula over π (2^n - 2^(n-64) - 1 + 2^64 · ([2^(n-130) π] + offset)), so
they are computed here rather than copied.
"""

from __future__ import annotations

import base64
from pathlib import Path

_OFFSETS = {768: 149686, 1024: 129093, 1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904}


def prime(bits: int) -> int:
    """The prime of that size; ValueError where the RFCs have none."""
    if bits not in _OFFSETS:
        raise ValueError(f"no MODP group has {bits} bits; there are {', '.join(map(str, _OFFSETS))}")
    scaled = _pi(bits - 130 + 64) >> 64
    number: int = (1 << bits) - (1 << bits - 64) - 1 + ((scaled + _OFFSETS[bits]) << 64)
    return number


def write_dh(folder: Path, bits: int) -> str:
    """Writes the parameters as PEM (PKCS #3 DHParameter, generator 2); gives the path."""
    number = prime(bits).to_bytes(bits // 8 + 1, "big")
    body = b"\x02" + _length(len(number)) + number + b"\x02\x01\x02"
    text = base64.encodebytes(b"\x30" + _length(len(body)) + body).decode()
    path = folder / f"dh{bits}.pem"
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")
    return str(path)


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    width = (size.bit_length() + 7) // 8
    return bytes([0x80 | width]) + size.to_bytes(width, "big")


def _pi(bits: int) -> int:
    """[2^bits π] by Machin's formula; the last few bits are rounding."""
    one = 1 << bits
    return 4 * (4 * _arctan_of_inverse(5, one) - _arctan_of_inverse(239, one))


def _arctan_of_inverse(x: int, one: int) -> int:
    power = one // x
    total, n, sign = power, 3, -1
    while power:
        power //= x * x
        total += sign * (power // n)
        n, sign = n + 2, -sign
    return total
