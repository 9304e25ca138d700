"""Java's own keystores, JKS and JCEKS: aliases, dates and certificates stand in clear; the password is for keys and the checksum.

The format is that of OpenJDK (sun.security.provider.JavaKeyStore, com.sun.crypto.provider.JceKeyStore), the same in both:

    magic (4 bytes), version (4), count (4)
    entry:  kind (4)  alias (UTF)  created (8, milliseconds)
            kind 1, a key:          length (4), EncryptedPrivateKeyInfo, count (4), that many certificates
            kind 2, a certificate:  one certificate
            kind 3, a secret key (JCEKS only): a serialised Java object
    certificate: its type (UTF, version 2 only), length (4), DER
    SHA-1 over the password in UTF-16, "Mighty Aphrodite", and all of the above (20 bytes)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from whytls.exceptions import DamagedInput, Malformed
from whytls.pki import key as keys
from whytls.pki.certificate import read as read_certificate
from whytls.pki.der import element
from whytls.pki.password import Attempt
from whytls.pki.readers.java_object import end_of
from whytls.pki.store import Entry, Opening, Place, Store

FORMATS = {b"\xfe\xed\xfe\xed": "JKS", b"\xce\xce\xce\xce": "JCEKS"}
KEY, CERTIFICATE, SECRET = 1, 2, 3
CHECKSUM = 20
MOST_ENTRIES, MOST_IN_CHAIN = 20_000, 100
TYPES = ("X.509", "X509")


@dataclass(slots=True)
class _Walk:
    """The place in a file, and what was found up to it."""

    data: bytes
    name: str
    opening: Opening
    at: int = 0
    entries: list[Entry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    opened_with: Attempt | None = None  # the last that opened a key

    def step(self, count: int, what: str) -> bytes:
        if count > len(self.data) - CHECKSUM - self.at:
            raise Malformed(f"{what} of {count:,} bytes is longer than the rest of the file", offset=self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self.step(size, what), "big")

    def utf(self, what: str) -> str:
        """Java's modified UTF-8: NUL in two bytes, what is beyond 16 bits as a pair of surrogates."""
        raw = self.step(self.number(2, f"the length of {what}"), what).replace(b"\xc0\x80", b"\0")
        try:
            return raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "replace")


def read(data: bytes, name: str, opening: Opening) -> Store:
    """A JKS or JCEKS keystore.

    Raises:
        DamagedInput: not even its header is there, or its version is neither 1 nor 2.
    """
    form, version = FORMATS[data[:4]], int.from_bytes(data[4:8], "big")
    if len(data) < 12 + CHECKSUM or version not in (1, 2):
        known = version in (1, 2) or len(data) < 8
        problem = f"a {form} keystore that ends in its header" if known else f"a {form} keystore of version {version}; 1 and 2 exist"
        raise DamagedInput(problem, offset=4, hint="copy it once more, as binary")
    walk, count, damage = _Walk(data, name, opening, at=12), int.from_bytes(data[8:12], "big"), ""
    try:
        for number in range(count):
            if number >= MOST_ENTRIES:
                raise Malformed(f"more than {MOST_ENTRIES:,} entries, the rest is not read", offset=walk.at)
            _entry(walk, version)
        if walk.at != len(data) - CHECKSUM:
            raise Malformed(f"{len(data) - CHECKSUM - walk.at:,} bytes behind the last of {count:,} entries", offset=walk.at)
    except DamagedInput as error:
        damage = f"{error.problem}, at byte {error.offset}; {len(walk.entries)} of {count:,} entries stand before that"
    integrity, warnings = _integrity(walk, bool(damage))
    if integrity == "failed" and walk.opened_with is not None:
        damage = damage or "the password opens a key in it, but its checksum does not fit: it was changed after it was written"
    elif integrity == "failed" and not damage and opening.password:
        warnings.append(f"the password from {opening.password.origin} does not fit its checksum: it is another one, or the file was changed")
    return Store(name, form, tuple(walk.entries), integrity, tuple(walk.passed_over), tuple(warnings), damage)


def _entry(walk: _Walk, version: int) -> None:
    begin = walk.at
    kind = walk.number(4, "an entry")
    if kind not in (KEY, CERTIFICATE, SECRET):
        raise Malformed(f"an entry of kind {kind}; 1, 2 and 3 exist", offset=begin)
    alias = walk.utf("an alias")
    created, place = walk.number(8, "a date"), Place(walk.name, offset=begin)
    if kind == SECRET:
        walk.at = end_of(walk.data, walk.at)
        if walk.at > len(walk.data) - CHECKSUM:
            raise Malformed("a secret key that goes beyond the entries", offset=begin)
        walk.passed_over.append(f"the secret key {alias[:80]!r}")
    elif kind == CERTIFICATE:
        der = _certificate(walk, version)
        walk.entries.append(Entry("trusted", (der,) if der else (), place, alias, created=created))
    else:
        closed = walk.step(walk.number(4, "the length of a key"), "a private key")
        count = walk.number(4, "the length of a chain")
        if count > MOST_IN_CHAIN:
            raise Malformed(f"a chain of {count:,} certificates; at most {MOST_IN_CHAIN} are read", offset=walk.at)
        chain = tuple(der for der in (_certificate(walk, version) for _ in range(count)) if der)
        key = _key(walk, closed)
        fits = key.fits(read_certificate(chain[0]).key_sha256) if chain and key.public else None
        warnings = (f"the private key: {key.problem}",) if key.problem else ()
        walk.entries.append(Entry("key", chain, place, alias, key=key.form, key_fits=fits, created=created, warnings=warnings, public_key=key.public))


def _certificate(walk: _Walk, version: int) -> bytes:
    """A certificate's bytes; none where it is no X.509."""
    kind = walk.utf("a certificate's type") if version == 2 else "X.509"
    der = walk.step(walk.number(4, "the length of a certificate"), "a certificate")
    if kind not in TYPES:
        walk.passed_over.append(f"a certificate of type {kind[:40]!r}")
    return der if kind in TYPES else b""


def _key(walk: _Walk, closed: bytes) -> keys.Key:
    """A private key with the passwords that somebody gave; a public default is not tried on keys."""
    tried = [attempt for attempt in walk.opening.key_attempts() if attempt.given]
    try:
        found = keys.encrypted(closed, element(closed, 0, len(closed)), tried, walk.opening.rounds)
    except Malformed as error:
        return keys.Key(keys.CLOSED, problem=f"its structure is damaged: {error.problem}")
    walk.opened_with = found.opened_with or walk.opened_with
    return found


def _integrity(walk: _Walk, damaged: bool) -> tuple[str, list[str]]:
    """Whether the checksum fits a password; without one, Java's public default is tried, which is that of every cacerts."""
    for attempt in walk.opening.attempts():
        if attempt.text is not None and not damaged:
            secret = attempt.text.encode("utf-16-be", "surrogatepass")
            made = hashlib.sha1(secret + b"Mighty Aphrodite" + walk.data[:-CHECKSUM], usedforsecurity=False).digest()
            if made == walk.data[-CHECKSUM:]:
                return "verified", [] if attempt.given else [f"no password was given; its checksum fits {attempt.what}"]
    return ("failed" if walk.opening.password or damaged else "not checked"), []
