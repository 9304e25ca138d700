"""Whose key is it? A private key is opened only to derive its public key, and dropped at once; only that digest is kept.

The one exception is asked for by name: who is to present a client certificate reads its store inside ``keeping()``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whytls.exceptions import InputError, Malformed
from whytls.pki import pbe
from whytls.pki.ber import octets, parts, split
from whytls.pki.der import Element, element
from whytls.pki.derivation import Rounds
from whytls.pki.password import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST = 16 << 10  # bytes of a private key; RSA with 16,384 bits has 9.5 KB
LARGEST_DSA = 2 << 10  # a public key of DSA or DH has to be computed, which takes the cube of its length
SLOW_KINDS = {"1.2.840.10040.4.1", "1.2.840.113549.1.3.1", "1.2.840.10046.2.1"}  # dsa, dhKeyAgreement, dhpublicnumber

_kept: ContextVar[dict[str, Any] | None] = ContextVar("kept", default=None)

# The form of a key in words.
PLAIN, OPENED, CLOSED, STRANGE = "not encrypted", "encrypted", "encrypted, not opened", "of a kind that is not understood"


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a private key: never the key itself."""

    form: str
    public: str = ""  # SHA-256 of its SubjectPublicKeyInfo, as Certificate.key_sha256; empty where it could not be opened
    opened_with: Attempt | None = None
    problem: str = ""  # why it could not be opened, in plain words

    def fits(self, key_sha256: str) -> bool | None:
        """Whether it is the key of a certificate; ``None`` where one of the two could not be read."""
        return self.public == key_sha256 if self.public and key_sha256 else None


@contextmanager
def keeping() -> Iterator[dict[str, Any]]:
    """The private keys that are opened inside it, by the digest that ``Key.public`` has; they live as long as the caller keeps them."""
    keys: dict[str, Any] = {}
    before = _kept.set(keys)
    try:
        yield keys
    finally:
        _kept.reset(before)


def plain(der: bytes) -> Key:
    """An unencrypted private key: PKCS #8, or the traditional forms of RSA (RFC 8017), EC (RFC 5915) and DSA."""
    problem = _too_large(der)
    if problem:
        return Key(STRANGE, problem=problem)
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return _identified(lambda: load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True), PLAIN)


def encrypted(data: bytes, info: Element, attempts: Iterable[Attempt], rounds: Rounds) -> Key:
    """An EncryptedPrivateKeyInfo (RFC 5958 section 3). Damage and unknown schemes are told in ``problem``."""
    try:
        algorithm, rest = split(data, info)
        if not rest:
            raise Malformed("an encrypted key is expected to have a scheme and its bytes", offset=info.start)
        closed = octets(data, rest[0])
        if len(closed) > 2 * LARGEST:
            return Key(STRANGE, problem=f"{len(closed):,} bytes are too many for a private key")
        given = ""
        for attempt in attempts:
            if not attempt.opens_keys:
                continue
            given = attempt.what if attempt.given else given
            opened = pbe.decrypt(data, algorithm, closed, attempt.text, rounds)
            if opened is not None and _is_key(opened):
                found = plain(opened)
                return Key(OPENED if found.public else STRANGE, found.public, attempt, found.problem)
    except (InputError, Malformed) as error:
        return Key(CLOSED, problem=f"{error.problem} ({error.hint})" if error.hint else error.problem)
    return Key(CLOSED, problem=f"{given} does not open it" if given else "")


def traditional_encrypted(pem: bytes, attempts: Iterable[Attempt]) -> Key:
    """A key in PEM with a DEK-Info header (RFC 1421 section 4.6.1.3), as OpenSSL wrote them: one round of MD5."""
    if len(pem) > 3 * LARGEST:
        return Key(STRANGE, problem=f"{len(pem):,} bytes are too many for a private key")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    given = ""
    for attempt in attempts:
        if attempt.opens_keys and attempt.text is not None:
            given = attempt.what if attempt.given else given
            secret = attempt.text.encode("utf-8")
            found = _identified(lambda: load_pem_private_key(pem, secret, unsafe_skip_rsa_key_validation=True), OPENED)  # noqa: B023
            if found.public:
                return Key(OPENED, found.public, attempt)
    return Key(CLOSED, problem=f"{given} does not open it" if given else "")


def _identified(load: Any, form: str) -> Key:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        private = load()
        public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as error:  # the library has many types for a key that it does not read
        lines = str(error).strip().splitlines()
        return Key(STRANGE, problem=(lines[0] if lines else type(error).__name__)[:160])
    digest, keys = hashlib.sha256(public).hexdigest(), _kept.get()
    if keys is not None:
        keys[digest] = private
    return Key(form, digest)


def _is_key(der: bytes) -> bool:
    """Whether decrypted bytes are one structure that fills them: after a wrong password they are not."""
    try:
        return der[:1] == b"\x30" and element(der, 0, len(der)).end == len(der) and der[element(der, 0, len(der)).body] == 0x02
    except (Malformed, IndexError):
        return False


def _too_large(der: bytes) -> str:
    """Why a key is not loaded at all: the size that it costs to compute with is the writer's to choose."""
    if len(der) > LARGEST:
        return f"{len(der):,} bytes are too many for a private key"
    slow = len(der) > LARGEST_DSA
    try:
        _, second, *_ = parts(der, element(der, 0, len(der)))
        if second.tag == 0x30:
            kind = pbe.scheme(der, second)
            slow = slow and kind in SLOW_KINDS
            if kind in SLOW_KINDS - {"1.2.840.10040.4.1"}:
                return "a Diffie-Hellman key, which no certificate of TLS has"
        else:  # RSAPrivateKey and DSAPrivateKey: numbers; ECPrivateKey: a string
            slow = slow and sum(1 for part in parts(der, element(der, 0, len(der))) if part.tag == 0x02) < 9
    except (Malformed, ValueError):
        return "its structure is not that of a private key"
    return f"a DSA key of {len(der):,} bytes is more than is computed with" if slow else ""
