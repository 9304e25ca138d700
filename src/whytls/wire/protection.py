"""Opens and seals records, from SSL 3.0 to TLS 1.3, with the ciphers that ``cryptography`` has. Role-blind: one value protects one
direction, counts its records, and works for whoever has the keys, a peer or a reader of captures with a key log.

Theory of operation
-------------------
* TLS 1.3 (RFC 8446 section 5.2): AEAD, nonce = vector XOR number; the real type stands behind the content, zeros may follow it.
* AEAD in TLS 1.2: GCM and CCM take four bytes of the nonce from the keys and eight from the record (RFC 5288, RFC 6655);
  ChaCha20-Poly1305 makes it as TLS 1.3 does (RFC 7905).
* CBC: padding behind the MAC, or, with encrypt_then_mac (RFC 7366), the MAC behind it all. Up to TLS 1.0 a record's vector is the end of the
  record before it; from TLS 1.1 on it stands in front. In SSL 3.0 padding can hold anything and the MAC is no HMAC (RFC 6101 section 5.2.3.1).
* RC4 and NULL: the MAC behind the content, all of it encrypted, or nothing.

A record that does not open raises Malformed; its number is used up all the same, as its sender has used it.
What a library lacks (ARIA, Camellia in GCM, GOST, SM4) has no protection: ``size_of`` is None.
Timing tells nothing here that somebody else could use: the keys of an attempt are ours, those of a capture are its owner's.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from whytls.exceptions import Malformed
from whytls.wire.registry import SSL3, TLS10, is_tls13, suite_facts
from whytls.wire.secrets import digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherAlgorithm

MAX_PLAIN = 1 << 14


class Sizes(NamedTuple):
    """How many bytes of keys one direction takes."""

    mac: int
    key: int
    iv: int  # that comes with the keys


class Keys(NamedTuple):
    """The keys of one direction."""

    key: bytes
    iv: bytes = b""
    mac: bytes = b""


class Protection(Protocol):
    """One direction under one set of keys."""

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        """The body of the record that carries this content."""

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        """Content type and content of a record with that body.

        Raises:
            Malformed: it does not open with these keys.
        """


_AEADS = {"AES_128_GCM": 16, "AES_256_GCM": 32, "AES_128_CCM": 16, "AES_256_CCM": 32, "AES_128_CCM_8": 16, "AES_256_CCM_8": 32,
          "CHACHA20_POLY1305": 32}  # fmt: skip
_BLOCKS = {"AES_128_CBC": (16, 16), "AES_256_CBC": (32, 16), "CAMELLIA_128_CBC": (16, 16), "CAMELLIA_256_CBC": (32, 16),
           "SEED_CBC": (16, 16), "3DES_EDE_CBC": (24, 8), "DES_CBC": (8, 8), "IDEA_CBC": (16, 8)}  # fmt: skip
_STREAMS = {"RC4_128": 16, "NULL": 0}
_MACS = {"MD5": "md5", "SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
_MAC_SIZES = {"MD5": 16, "SHA": 20, "SHA256": 32, "SHA384": 48}


def size_of(suite: int, version: int) -> Sizes | None:
    """The keys that a suite takes in that version; None where we cannot protect its records."""
    facts = suite_facts(suite)
    if facts.export:
        return None
    if facts.cipher in _AEADS:
        fixed = 12 if is_tls13(version) or facts.cipher.startswith("CHACHA20") else 4
        return Sizes(0, _AEADS[facts.cipher], fixed)
    if facts.mac not in _MAC_SIZES or is_tls13(version):
        return None
    if facts.cipher in _BLOCKS:
        key, block = _BLOCKS[facts.cipher]
        return Sizes(_MAC_SIZES[facts.mac], key, block if version <= TLS10 else 0)
    return Sizes(_MAC_SIZES[facts.mac], _STREAMS[facts.cipher], 0) if facts.cipher in _STREAMS else None


def protection(suite: int, version: int, keys: Keys, encrypt_then_mac: bool = False) -> Protection:
    """The protection of one direction; only for suites for which ``size_of`` has an answer."""
    facts = suite_facts(suite)
    if facts.cipher in _AEADS:
        make = _Aead13 if is_tls13(version) else _Aead12
        return make(facts.cipher, keys)
    mac = _Mac(_MACS[facts.mac], keys.mac, version)
    if facts.cipher in _BLOCKS:
        return _Cbc(_block_cipher(facts.cipher, keys.key), _BLOCKS[facts.cipher][1], keys.iv, mac, version, encrypt_then_mac)
    return _Stream(keys.key, mac)


# ------------------------------------------------------------------ AEAD


def _aead(cipher: str, key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers import aead

    if cipher.startswith("CHACHA20"):
        return aead.ChaCha20Poly1305(key)
    if "_CCM" in cipher:
        return aead.AESCCM(key, 8 if cipher.endswith("_8") else 16)
    return aead.AESGCM(key)


def _opened(decrypt: Callable[[bytes, bytes, bytes], bytes], nonce: bytes, sealed: bytes, more: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return decrypt(nonce, sealed, more)
    except (InvalidTag, ValueError):  # ValueError: shorter than a tag
        raise Malformed("a record does not open with the keys agreed on (bad_record_mac)") from None


def _nonce(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")


class _Aead13:
    def __init__(self, cipher: str, keys: Keys) -> None:
        self._aead, self._iv, self._number = _aead(cipher, keys.key), keys.iv, -1
        self._tag = 8 if cipher.endswith("_8") else 16

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        self._number += 1
        inner = data + bytes((content_type,))
        head = b"\x17\x03\x03" + (len(inner) + self._tag).to_bytes(2, "big")
        return bytes(self._aead.encrypt(_nonce(self._iv, self._number), inner, head))

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        self._number += 1
        head = bytes((content_type,)) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big")
        inner = _opened(self._aead.decrypt, _nonce(self._iv, self._number), body, head).rstrip(b"\0")
        if not inner:
            raise Malformed("an encrypted record without a content type")  # RFC 8446 section 5.4
        return inner[-1], inner[:-1]


class _Aead12:
    def __init__(self, cipher: str, keys: Keys) -> None:
        self._aead, self._iv, self._number = _aead(cipher, keys.key), keys.iv, -1
        self._explicit = len(keys.iv) == 4
        self._tag = 8 if cipher.endswith("_8") else 16

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        self._number += 1
        said = self._number.to_bytes(8, "big") if self._explicit else b""
        nonce = self._iv + said if self._explicit else _nonce(self._iv, self._number)
        return said + bytes(self._aead.encrypt(nonce, data, _head(self._number, content_type, version, len(data))))

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        self._number += 1
        said, sealed = (body[:8], body[8:]) if self._explicit else (b"", body)
        nonce = self._iv + said if self._explicit else _nonce(self._iv, self._number)
        more = _head(self._number, content_type, version, max(0, len(sealed) - self._tag))
        if len(nonce) != 12:
            raise Malformed(f"an encrypted record of {len(body)} bytes has no place for its nonce")
        return content_type, _opened(self._aead.decrypt, nonce, sealed, more)


def _head(number: int, content_type: int, version: int, length: int) -> bytes:
    """What is authenticated with the content (RFC 5246 section 6.2.3)."""
    return number.to_bytes(8, "big") + bytes((content_type,)) + version.to_bytes(2, "big") + length.to_bytes(2, "big")


# ------------------------------------------------------------------ a MAC beside a cipher


class _Mac:
    """The MAC of one direction, with the number of its records."""

    def __init__(self, algorithm: str, key: bytes, version: int) -> None:
        self._algorithm, self._key, self._version = algorithm, key, version
        self.size, self.number = len(digest(algorithm, b"")), -1

    def of(self, content_type: int, version: int, data: bytes) -> bytes:
        """The MAC of the record whose turn it is (``number`` is counted by the caller)."""
        head = _head(self.number, content_type, version, len(data))
        if self._version > SSL3:
            return hmac.digest(self._key, head + data, self._algorithm)
        count = 48 if self._algorithm == "md5" else 40
        inner = digest(self._algorithm, self._key + b"\x36" * count + head[:9] + head[11:] + data)  # without the version
        return digest(self._algorithm, self._key + b"\x5c" * count + inner)

    def stripped(self, content_type: int, version: int, data: bytes) -> bytes:
        """The content in front of its MAC."""
        if len(data) < self.size:
            raise Malformed(f"an encrypted record of {len(data)} bytes is shorter than its MAC")
        content = data[: len(data) - self.size]
        if not hmac.compare_digest(self.of(content_type, version, content), data[len(content) :]):
            raise Malformed("a record does not open with the keys agreed on (bad_record_mac)")
        return content


def _block_cipher(cipher: str, key: bytes) -> CipherAlgorithm:
    from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit
    from cryptography.hazmat.primitives.ciphers import algorithms

    if cipher == "DES_CBC":
        return decrepit.TripleDES(key * 3)  # three times with one key is once
    kinds: dict[str, Callable[[bytes], CipherAlgorithm]] = {
        "AES": algorithms.AES, "CAMELLIA": decrepit.Camellia, "SEED": decrepit.SEED, "3DES": decrepit.TripleDES, "IDEA": decrepit.IDEA,
    }  # fmt: skip
    return kinds[cipher.partition("_")[0]](key)


class _Cbc:
    def __init__(self, cipher: CipherAlgorithm, block: int, iv: bytes, mac: _Mac, version: int, encrypt_then_mac: bool) -> None:
        self._cipher, self._block, self._iv, self._mac = cipher, block, iv, mac
        self._version, self._outside = version, encrypt_then_mac

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        self._mac.number += 1
        plain = data if self._outside else data + self._mac.of(content_type, version, data)
        pad = self._block - 1 - len(plain) % self._block
        plain += bytes((pad,)) * (pad + 1)
        iv = self._iv if self._version <= TLS10 else os.urandom(self._block)
        sealed = self._crypted(iv, plain, True)
        if self._version <= TLS10:
            self._iv = sealed[-self._block :]
        else:
            sealed = iv + sealed
        return sealed + self._mac.of(content_type, version, sealed) if self._outside else sealed

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        self._mac.number += 1
        if self._outside:
            body = self._mac.stripped(content_type, version, body)
        iv, sealed = (self._iv, body) if self._version <= TLS10 else (body[: self._block], body[self._block :])
        if len(iv) != self._block or not sealed or len(sealed) % self._block:
            raise Malformed(f"an encrypted record of {len(body)} bytes is no whole number of blocks")
        if self._version <= TLS10:
            self._iv = sealed[-self._block :]
        plain = self._unpadded(self._crypted(iv, sealed, False))
        return content_type, plain if self._outside else self._mac.stripped(content_type, version, plain)

    def _crypted(self, iv: bytes, data: bytes, forward: bool) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        cipher = Cipher(self._cipher, modes.CBC(iv))
        return (cipher.encryptor() if forward else cipher.decryptor()).update(data)

    def _unpadded(self, plain: bytes) -> bytes:
        pad = plain[-1]
        whole = pad < self._block if self._version <= SSL3 else plain[-1 - pad :] == bytes((pad,)) * (pad + 1)
        if not whole:
            raise Malformed("an encrypted record has no proper padding (bad_record_mac)")
        return plain[: len(plain) - 1 - pad]


class _Stream:
    """RC4, or nothing at all."""

    def __init__(self, key: bytes, mac: _Mac) -> None:
        self._mac = mac
        self._crypt: Callable[[bytes], bytes] = bytes
        if key:
            from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
            from cryptography.hazmat.primitives.ciphers import Cipher

            self._crypt = Cipher(ARC4(key), None).encryptor().update  # the same both ways

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        self._mac.number += 1
        return self._crypt(data + self._mac.of(content_type, version, data))

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        self._mac.number += 1
        return content_type, self._mac.stripped(content_type, version, self._crypt(body))


def protection_13(suite: int, keys: tuple[bytes, bytes]) -> Protection:
    """The protection of one direction in TLS 1.3 from the key and vector of its traffic secret."""
    return _Aead13(suite_facts(suite).cipher, Keys(*keys))
