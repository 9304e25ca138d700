"""Key schedules from SSL 3.0 to TLS 1.3: from what both ends agreed on to the keys of their records and to what Finished says.

Nothing here knows a role: ``side`` names whose value is wanted. Hashes go by hashlib's names, secrets and transcripts are bytes, and
a transcript is the handshake messages (headers included, records not) or, where it says so, their hash. What these functions
return is secret: it is kept in memory only.

* TLS 1.3: RFC 8446 section 7.1; the PSK of a ticket section 4.6.1, its binder section 4.2.11.2.
* TLS 1.2: RFC 5246 section 5 with the suite's hash; TLS 1.0 and 1.1: RFC 2246 section 5, MD5 and SHA-1 side by side; the extended
  master secret: RFC 7627. SSL 3.0: RFC 6101 section 6.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal, NamedTuple

from whytls.wire.registry import SSL3, SUITES, TLS12

Side = Literal["client", "server"]


def hash_of_suite(suite: int) -> str:
    """The hash of a suite's PRF or HKDF, in TLS 1.2 and 1.3: what its name ends in, but never less than SHA-256 (RFC 5246 section 5)."""
    tail = SUITES.get(suite, "").rpartition("_")[2]
    return {"SHA384": "sha384", "SHA512": "sha512", "SM3": "sm3"}.get(tail, "sha256")


def digest(algorithm: str, data: bytes) -> bytes:
    """The hash of some bytes."""
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


def _size(algorithm: str) -> int:
    return hashlib.new(algorithm, usedforsecurity=False).digest_size


# ------------------------------------------------------------------ TLS 1.3


class TrafficKeys(NamedTuple):
    """Key and initialisation vector of one direction."""

    key: bytes
    iv: bytes


def extract(algorithm: str, salt: bytes, material: bytes) -> bytes:
    """HKDF-Extract (RFC 5869 section 2.2)."""
    return hmac.digest(salt, material, algorithm)


def expand_label(algorithm: str, secret: bytes, label: str, context: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1)."""
    name = b"tls13 " + label.encode()
    info = length.to_bytes(2, "big") + bytes((len(name),)) + name + bytes((len(context),)) + context
    found, block, count = b"", b"", 0
    while len(found) < length:
        count += 1
        block = hmac.digest(secret, block + info + bytes((count,)), algorithm)
        found += block
    return found[:length]


def derived(algorithm: str, secret: bytes, label: str, transcript: bytes) -> bytes:
    """Derive-Secret over the messages so far."""
    return expand_label(algorithm, secret, label, digest(algorithm, transcript), _size(algorithm))


def early_secret(algorithm: str, psk: bytes = b"") -> bytes:
    """The first secret of the schedule; without a PSK it is made of zeros."""
    zeros = bytes(_size(algorithm))
    return extract(algorithm, zeros, psk or zeros)


def handshake_secret(algorithm: str, early: bytes, shared: bytes) -> bytes:
    """The second: what the key exchange gave is mixed in (zeros where there was none: PSK alone)."""
    return extract(algorithm, derived(algorithm, early, "derived", b""), shared or bytes(_size(algorithm)))


def main_secret(algorithm: str, handshake: bytes) -> bytes:
    """The third, from which traffic and resumption secrets come."""
    return extract(algorithm, derived(algorithm, handshake, "derived", b""), bytes(_size(algorithm)))


def handshake_traffic(algorithm: str, handshake: bytes, side: Side, transcript: bytes) -> bytes:
    """Traffic secret of the handshake; the transcript reaches to the ServerHello."""
    return derived(algorithm, handshake, f"{side[0]} hs traffic", transcript)


def application_traffic(algorithm: str, main: bytes, side: Side, transcript: bytes) -> bytes:
    """First traffic secret of the data; the transcript reaches to the server's Finished."""
    return derived(algorithm, main, f"{side[0]} ap traffic", transcript)


def next_traffic(algorithm: str, secret: bytes) -> bytes:
    """Traffic secret after a KeyUpdate."""
    return expand_label(algorithm, secret, "traffic upd", b"", _size(algorithm))


def traffic_keys(algorithm: str, secret: bytes, key_length: int) -> TrafficKeys:
    """What records are protected with under that traffic secret."""
    return TrafficKeys(expand_label(algorithm, secret, "key", b"", key_length), expand_label(algorithm, secret, "iv", b"", 12))


def finished_13(algorithm: str, secret: bytes, transcript: bytes) -> bytes:
    """verify_data under that side's traffic secret (section 4.4.4)."""
    key = expand_label(algorithm, secret, "finished", b"", _size(algorithm))
    return hmac.digest(key, digest(algorithm, transcript), algorithm)


def signed_13(algorithm: str, side: Side, transcript: bytes) -> bytes:
    """What that side's CertificateVerify signs (section 4.4.3)."""
    return b" " * 64 + f"TLS 1.3, {side} CertificateVerify".encode() + b"\0" + digest(algorithm, transcript)


def after_retry(algorithm: str, first_hello: bytes) -> bytes:
    """What stands in the transcript for the first ClientHello, where a HelloRetryRequest followed (section 4.4.1)."""
    return b"\xfe" + _size(algorithm).to_bytes(3, "big") + digest(algorithm, first_hello)


def resumption_psk(algorithm: str, main: bytes, transcript: bytes, nonce: bytes) -> bytes:
    """The PSK that goes with a ticket; the transcript reaches to the client's Finished."""
    return expand_label(algorithm, derived(algorithm, main, "res master", transcript), "resumption", nonce, _size(algorithm))


def binder(algorithm: str, psk: bytes, transcript: bytes) -> bytes:
    """Proof that the client has a ticket's PSK; the transcript ends with the ClientHello cut before its binders."""
    return finished_13(algorithm, derived(algorithm, early_secret(algorithm, psk), "res binder", b""), transcript)


# ------------------------------------------------------------------ TLS 1.2 and before


def _p_hash(algorithm: str, secret: bytes, seed: bytes, length: int) -> bytes:
    found, a = b"", seed
    while len(found) < length:
        a = hmac.digest(secret, a, algorithm)
        found += hmac.digest(secret, a + seed, algorithm)
    return found[:length]


def prf(version: int, algorithm: str, secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """The pseudorandom function of TLS 1.0 to 1.2; the hash counts in TLS 1.2 only."""
    if version >= TLS12:
        return _p_hash(algorithm, secret, label + seed, length)
    half = (len(secret) + 1) // 2
    md5 = _p_hash("md5", secret[:half], label + seed, length)
    sha1 = _p_hash("sha1", secret[len(secret) - half :], label + seed, length)
    return bytes([a ^ b for a, b in zip(md5, sha1, strict=True)])


def _ssl3_block(secret: bytes, seed: bytes, length: int) -> bytes:
    found, count = b"", 0
    while len(found) < length:
        count += 1
        found += digest("md5", secret + digest("sha1", bytes((64 + count,)) * count + secret + seed))  # "A", "BB", "CCC", ...
    return found[:length]


def master_secret(version: int, algorithm: str, premaster: bytes, client_random: bytes, server_random: bytes) -> bytes:
    """48 bytes from the premaster secret and both randoms."""
    if version <= SSL3:
        return _ssl3_block(premaster, client_random + server_random, 48)
    return prf(version, algorithm, premaster, b"master secret", client_random + server_random, 48)


def extended_master_secret(version: int, algorithm: str, premaster: bytes, transcript: bytes) -> bytes:
    """The same, bound to the messages from the ClientHello to the ClientKeyExchange (RFC 7627 section 4)."""
    return prf(version, algorithm, premaster, b"extended master secret", session_hash(version, algorithm, transcript), 48)


def key_block(version: int, algorithm: str, master: bytes, client_random: bytes, server_random: bytes, length: int) -> bytes:
    """The bytes that are cut into MAC keys, keys and vectors, in this order and the client's first."""
    if version <= SSL3:
        return _ssl3_block(master, server_random + client_random, length)
    return prf(version, algorithm, master, b"key expansion", server_random + client_random, length)


def session_hash(version: int, algorithm: str, transcript: bytes) -> bytes:
    """The hash of the messages: before TLS 1.2 MD5 and SHA-1 together."""
    return digest(algorithm, transcript) if version >= TLS12 else digest("md5", transcript) + digest("sha1", transcript)


def finished(version: int, algorithm: str, master: bytes, side: Side, transcript: bytes) -> bytes:
    """verify_data: 12 bytes, in SSL 3.0 36."""
    if version <= SSL3:
        return ssl3_hashes(master, transcript + (b"CLNT" if side == "client" else b"SRVR"))
    return prf(version, algorithm, master, side.encode() + b" finished", session_hash(version, algorithm, transcript), 12)


def ssl3_hashes(master: bytes, data: bytes) -> bytes:
    """SSL 3.0's MD5 and SHA-1 with the master secret: of Finished, and what CertificateVerify signs (RFC 6101 section 5.6.8)."""
    found = b""
    for algorithm, count in (("md5", 48), ("sha1", 40)):
        inner = digest(algorithm, data + master + b"\x36" * count)
        found += digest(algorithm, master + b"\x5c" * count + inner)
    return found
