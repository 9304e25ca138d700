"""RC2 decryption (RFC 2268) with 40-bit keys: what OpenSSL before 3.0 and Java before 8u301 put certificates of PKCS #12 into.

``cryptography`` has RC2 with 128-bit keys only, so the cipher stands here; only certificates are behind it, never anything
that we would keep secret with it.
"""

from __future__ import annotations

import struct

# RFC 2268 section 2: a random permutation that comes from the digits of pi.
_PITABLE = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32"
    "bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a"
    "961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e"
    "c5f3db47e5a59c770aa62068fe7fc1ad"
)
_PARTS = struct.Struct("<4H")


def decrypt_cbc(key: bytes, effective_bits: int, iv: bytes, data: bytes) -> bytes:
    """Decrypts whole blocks of eight bytes; the padding is the caller's."""
    words = _expand(key, effective_bits)
    made, before = [], _PARTS.unpack(iv)
    for block in _PARTS.iter_unpack(data):
        plain = _decrypt(words, *block)
        made.append(_PARTS.pack(*(a ^ b for a, b in zip(plain, before, strict=True))))
        before = block
    return b"".join(made)


def _expand(key: bytes, effective_bits: int) -> tuple[int, ...]:
    """Section 2: the key as 64 words of 16 bits."""
    grown, size = bytearray(key), len(key)
    for i in range(size, 128):
        grown.append(_PITABLE[grown[i - 1] + grown[i - size] & 0xFF])
    octets = (effective_bits + 7) // 8
    grown[128 - octets] = _PITABLE[grown[128 - octets] & 0xFF >> 8 * octets - effective_bits]
    for i in range(127 - octets, -1, -1):
        grown[i] = _PITABLE[grown[i + 1] ^ grown[i + octets]]
    return struct.unpack("<64H", grown)


def _decrypt(k: tuple[int, ...], a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    """Section 4: five mixing rounds backwards, a mashing round, six, a mashing round, five."""
    for j in range(60, -4, -4):
        d = (d << 11 | d >> 5) & 0xFFFF
        d = d - k[j + 3] - (c & b) - (~c & a) & 0xFFFF
        c = (c << 13 | c >> 3) & 0xFFFF
        c = c - k[j + 2] - (b & a) - (~b & d) & 0xFFFF
        b = (b << 14 | b >> 2) & 0xFFFF
        b = b - k[j + 1] - (a & d) - (~a & c) & 0xFFFF
        a = (a << 15 | a >> 1) & 0xFFFF
        a = a - k[j] - (d & c) - (~d & b) & 0xFFFF
        if j in (44, 20):
            d = d - k[c & 63] & 0xFFFF
            c = c - k[b & 63] & 0xFFFF
            b = b - k[a & 63] & 0xFFFF
            a = a - k[d & 63] & 0xFFFF
    return a, b, c, d
