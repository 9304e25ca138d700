"""From a password to a key: the derivations that stores use, with a bound on the work that a store can ask for.

Theory of operation
-------------------
How often a hash is repeated is written in the store, so it is whoever wrote the store that decides how long we compute.
``Rounds`` is what one store (or one folder) gets altogether; every derivation pays before it begins. OpenSSL writes 2,048
rounds, Java 17 10,000 (JCEKS 200,000), NSS 600,000 for each key, each certificate bag and the checksum. Twenty million
rounds are about ten seconds of a core.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from whytls.exceptions import InputError

MOST_ROUNDS = 20_000_000
MOST_SCRYPT_BYTES = 64 << 20
LONGEST_SALT = 1024
DIGESTS = {
    "1.3.14.3.2.26": "sha1", "1.2.840.113549.2.5": "md5",
    "2.16.840.1.101.3.4.2.4": "sha224", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512", "2.16.840.1.101.3.4.2.5": "sha512_224", "2.16.840.1.101.3.4.2.6": "sha512_256",
    "2.16.840.1.101.3.4.2.7": "sha3_224", "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384", "2.16.840.1.101.3.4.2.10": "sha3_512",
}  # fmt: skip
HMACS = {  # RFC 8018 appendix B.1
    "1.2.840.113549.2.7": "sha1", "1.2.840.113549.2.8": "sha224", "1.2.840.113549.2.9": "sha256", "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512", "1.2.840.113549.2.12": "sha512_224", "1.2.840.113549.2.13": "sha512_256",
    "2.16.840.1.101.3.4.2.13": "sha3_224", "2.16.840.1.101.3.4.2.14": "sha3_256",
    "2.16.840.1.101.3.4.2.15": "sha3_384", "2.16.840.1.101.3.4.2.16": "sha3_512",
}  # fmt: skip


class Rounds:
    """How many rounds of hashing are left for a store."""

    def __init__(self, most: int = MOST_ROUNDS) -> None:
        self.most = self.left = most

    def pay(self, count: int) -> None:
        """Takes rounds off.

        Raises:
            InputError: more than are left; none is taken then.
        """
        if not 1 <= count <= self.left:
            raise InputError(f"it asks for {count:,} rounds of hashing", hint=f"from 1 to {self.most:,} are done for one store")
        self.left -= count


def pkcs12(password: str | None, salt: bytes, rounds: int, purpose: int, size: int, digest: str, purse: Rounds) -> bytes:
    """RFC 7292 appendix B.2: ``purpose`` is 1 for a key, 2 for an initial value, 3 for a checksum."""
    new = _hash(digest)
    block, made_at_once = new(b"").block_size, new(b"").digest_size
    purse.pay(rounds * -(-size // made_at_once))
    _salt(salt)
    secret = b"" if password is None else password.encode("utf-16-be", "surrogatepass") + b"\0\0"
    state = bytearray(_repeated(salt, block) + _repeated(secret, block))
    made = b""
    value: bytes
    while True:
        value = new(bytes((purpose,)) * block + state).digest()
        for _ in range(rounds - 1):
            value = new(value).digest()
        made += value
        if len(made) >= size:
            return made[:size]
        step = int.from_bytes(_repeated(value, block)[:block], "big") + 1
        for at in range(0, len(state), block):
            total = int.from_bytes(state[at : at + block], "big") + step
            state[at : at + block] = (total & (1 << 8 * block) - 1).to_bytes(block, "big")


def pbkdf2(password: str | None, salt: bytes, rounds: int, size: int, digest: str, purse: Rounds) -> bytes:
    """RFC 8018 section 5.2, over the password in UTF-8."""
    purse.pay(rounds)
    _salt(salt)
    return hashlib.pbkdf2_hmac(digest, utf8(password), salt, rounds, size)


def pbkdf1(password: str | None, salt: bytes, rounds: int, digest: str, purse: Rounds) -> bytes:
    """RFC 8018 section 5.1: 16 bytes, of which DES takes eight as its key and eight as initial value."""
    new = _hash(digest)
    purse.pay(rounds)
    _salt(salt)
    value = utf8(password) + salt
    for _ in range(rounds):
        value = new(value).digest()
    return value[:16]


def scrypt(password: str | None, salt: bytes, cost: int, block: int, parallel: int, size: int, purse: Rounds) -> bytes:
    """RFC 7914, in at most 64 MB."""
    if cost < 2 or cost & cost - 1 or not (block and parallel) or 128 * block * (cost + parallel + 2) > MOST_SCRYPT_BYTES:
        raise InputError(f"it asks for scrypt with N {cost:,}, r {block:,}, p {parallel:,}", hint="128 r N is bounded by 64 MB")
    purse.pay(cost * block * parallel)
    _salt(salt)
    try:
        return hashlib.scrypt(utf8(password), salt=salt, n=cost, r=block, p=parallel, maxmem=2 * MOST_SCRYPT_BYTES, dklen=size)
    except (ValueError, MemoryError) as error:
        raise InputError(f"scrypt cannot be computed: {error}") from None


def jceks(password: str, salt: bytes, rounds: int, purse: Rounds) -> tuple[bytes, bytes]:
    """PBEWithMD5AndTripleDES of SunJCE (observed on OpenJDK 17): each half of the salt hashed by itself; key and initial value."""
    purse.pay(2 * rounds)
    if len(salt) != 8:
        raise InputError(f"it has a salt of {len(salt)} bytes", hint="JCEKS has one of 8")
    if salt[:4] == salt[4:]:
        salt = salt[3::-1] + salt[4:]  # equal halves would make equal keys; SunJCE turns the first one round
    secret = bytes(ord(sign) & 0x7F for sign in password)
    made = b""
    for half in (salt[:4], salt[4:]):
        value = half
        for _ in range(rounds):
            value = hashlib.md5(value + secret, usedforsecurity=False).digest()
        made += value
    return made[:24], made[24:]


def utf8(password: str | None) -> bytes:
    """A password's bytes; a caller's text that is no Unicode was refused before."""
    return (password or "").encode("utf-8", "surrogatepass")


def _hash(digest: str) -> Callable[[bytes], Any]:  # hashlib names no type for what it makes
    from functools import partial

    return partial(hashlib.new, digest) if digest.startswith("sha512_") else getattr(hashlib, digest)


def _salt(salt: bytes) -> None:
    if len(salt) > LONGEST_SALT:
        raise InputError(f"it has a salt of {len(salt):,} bytes", hint=f"at most {LONGEST_SALT:,} are taken")


def _repeated(data: bytes, block: int) -> bytes:
    """Repeated up to a whole number of blocks; nothing stays nothing."""
    size = -(-len(data) // block) * block
    return (data * (size // len(data) + 1))[:size] if data else b""
