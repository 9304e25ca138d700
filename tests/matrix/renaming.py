"""The labelled captures with other names, keys, addresses and ports: what is true of them stays true, and nothing is left to know by heart.

Theory of operation
-------------------
Every name that stands in a certificate is put through a mapping of words that keeps their length, so that no length on the wire
changes. A certificate is written anew byte for byte: its names, its public key and its key identifiers are replaced by others of
the same size, and it is signed by the new key of whoever signed the old one; if nobody's key verifies the old signature, the new one
is spoilt likewise. So it has the same faults. In the captures the certificates, the names of acceptable CAs and the server names are
then replaced where they stand in the streams. What else a stack signed is not true any more; a passive reader cannot see that.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from transformations import SYN, WRAP, Piece, Segment, put_together, taken_apart

WORD = re.compile(rb"[A-Za-z]+")
KEPT = frozenset({b"http", b"https", b"ldap"})  # words of URLs that are no names


class Words:
    """Other words of the same length and the same capitals; the same word always becomes the same one, no two the same."""

    def __init__(self) -> None:
        self._new: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()

    def word(self, old: bytes) -> bytes:
        """Another word for this one."""
        low = old.lower()
        if low in KEPT:
            return old
        if low not in self._new:
            turn = 0
            while True:
                digest = hashlib.sha256(low + bytes([turn])).digest() * (len(low) // 32 + 1)
                new = bytes(97 + byte % 26 for byte in digest[: len(low)])
                if new != low and new not in self._taken:
                    break
                turn += 1
            self._new[low] = new
            self._taken.add(new)
        new = self._new[low]
        return bytes(n - 32 if o < 97 else n for n, o in zip(new, old, strict=True))

    def text(self, old: bytes) -> bytes:
        """All words of a name replaced."""
        return WORD.sub(lambda found: self.word(found[0]), old)


def strings(certificate: x509.Certificate) -> set[bytes]:
    """All names in a certificate, as they stand in it."""
    found = {attribute.value for name in (certificate.subject, certificate.issuer) for attribute in name}
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            found |= {n.value for n in value if isinstance(n.value, str)}
        elif isinstance(value, x509.NameConstraints):
            found |= {n.value for n in (*(value.permitted_subtrees or ()), *(value.excluded_subtrees or ())) if isinstance(n.value, str)}
        elif isinstance(value, x509.CRLDistributionPoints):
            found |= {n.value for point in value for n in point.full_name or ()}
        elif isinstance(value, x509.AuthorityInformationAccess):
            found |= {access.access_location.value for access in value}
    return {str(text).encode() for text in found}


def spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


class Renamed:
    """New certificates for all that are given, with the same faults."""

    def __init__(self, ders: Iterable[bytes], words: Words) -> None:
        self.words = words
        self._keys: dict[bytes, Any] = {}
        self._old = {der: x509.load_der_x509_certificate(der) for der in ders}
        self.certificates = {der: self._anew(der) for der in self._old}
        names = {c.subject.public_bytes() for c in self._old.values()} | {c.issuer.public_bytes() for c in self._old.values()}
        texts = sorted({text for c in self._old.values() for text in strings(c)}, key=len, reverse=True)
        self.names = {name: self._replaced(name, texts) for name in names}

    def _replaced(self, data: bytes, texts: Iterable[bytes]) -> bytes:
        for text in texts:
            data = data.replace(text, self.words.text(text))
        return data

    def _key(self, old: bytes, like: Any) -> Any:
        """The new key for an old one: the same kind and size."""
        if old not in self._keys:
            made = rsa.generate_private_key(65537, like.key_size) if isinstance(like, rsa.RSAPublicKey) else ec.generate_private_key(like.curve)
            self._keys[old] = made
        return self._keys[old]

    def _anew(self, der: bytes) -> bytes:
        old = self._old[der]
        body = old.tbs_certificate_bytes
        key = self._key(spki(old.public_key()), old.public_key())
        new = body.replace(spki(old.public_key()), spki(key.public_key()))
        for text in sorted(strings(old), key=len, reverse=True):
            new = new.replace(text, self.words.text(text))
        for extension in old.extensions:
            value = extension.value
            identifier = getattr(value, "digest", None) or getattr(value, "key_identifier", None)
            if isinstance(value, x509.SubjectKeyIdentifier | x509.AuthorityKeyIdentifier) and identifier:
                new = new.replace(identifier, hashlib.sha1(b"another" + identifier).digest()[: len(identifier)])
        signature = self._signature(old, new)
        assert len(new) == len(body)
        assert len(signature) == len(old.signature)
        made = der.replace(body, new)
        assert made.endswith(old.signature)
        return made[: -len(signature)] + signature

    def _signature(self, old: x509.Certificate, body: bytes) -> bytes:
        signer, sound = self._signer(old)
        digest = old.signature_hash_algorithm
        assert digest is not None
        signature = bytes(signer.sign(body, padding.PKCS1v15(), digest))
        return signature if sound else signature[:-1] + bytes([signature[-1] ^ 1])

    def _signer(self, old: x509.Certificate) -> tuple[Any, bool]:
        """The new key of who signed it, and whether the signature is right."""
        for candidate in self._old.values():
            key = candidate.public_key()
            if isinstance(key, rsa.RSAPublicKey) and old.signature_hash_algorithm is not None:
                try:
                    key.verify(old.signature, old.tbs_certificate_bytes, padding.PKCS1v15(), old.signature_hash_algorithm)
                except InvalidSignature:
                    continue
                return self._key(spki(key), key), True
        for candidate in self._old.values():
            if candidate.subject == old.issuer:
                key = candidate.public_key()
                return self._key(spki(key), key), False
        issuer = old.issuer.public_bytes()
        if issuer not in self._keys:
            self._keys[issuer] = rsa.generate_private_key(65537, len(old.signature) * 8)
        return self._keys[issuer], True


Rewrite = Callable[[bytes], bytes]


def with_bytes(recorded: list[Piece], rewrite: Rewrite) -> list[Piece]:
    """The packets of a recording whose streams were rewritten; ``rewrite`` keeps every length."""
    streams: dict[tuple[bytes, bytes], tuple[int, bytearray]] = {}
    apart = [taken_apart(piece.ip) for piece in recorded]
    for segment in apart:
        if segment is not None and segment.payload and not segment.flags & SYN:
            base, stream = streams.setdefault(segment.flow, (segment.seq, bytearray()))
            at = (segment.seq - base) & WRAP
            if at < 1 << 20:
                stream.extend(bytes(max(0, at + len(segment.payload) - len(stream))))
                stream[at : at + len(segment.payload)] = segment.payload
    new = {flow: (base, rewrite(bytes(stream))) for flow, (base, stream) in streams.items()}
    out = []
    for piece, segment in zip(recorded, apart, strict=True):
        if segment is not None and segment.payload and segment.flow in new:
            base, changed = new[segment.flow]
            at = (segment.seq - base) & WRAP
            if at < 1 << 20:
                piece = piece._replace(ip=put_together(segment, changed[at : at + len(segment.payload)], segment.seq))
        out.append(piece)
    return out


def moved(recorded: list[Piece]) -> list[Piece]:
    """The same packets between other addresses and ports; time-to-live, order and everything else stay."""
    addresses: dict[bytes, bytes] = {}
    ports: dict[int, int] = {}
    out = []
    for piece in recorded:
        head = bytearray(piece.ip)
        old = head[0] >> 4 == 4
        for at in (12, 16) if old else (8, 24):
            size = 4 if old else 16
            here = bytes(head[at : at + size])
            if here not in addresses:
                text = f"203.0.113.{5 + len(addresses)}" if old else f"2001:db8:77::{5 + len(addresses):x}"
                addresses[here] = ipaddress.ip_address(text).packed
            head[at : at + size] = addresses[here]
        segment = taken_apart(bytes(head))
        if segment is None:
            out.append(piece._replace(ip=bytes(head)))
            continue
        for at in (segment.tcp, segment.tcp + 2):
            (number,) = struct.unpack_from(">H", head, at)
            if number not in ports:
                # Of the same kind: a service's port for a service, one that nobody has for who calls.
                ports[number] = 8883 + len(ports) if number < 32768 else 50_123 + len(ports)
            struct.pack_into(">H", head, at, ports[number])
        segment = taken_apart(bytes(head))
        assert isinstance(segment, Segment)
        out.append(piece._replace(ip=put_together(segment, segment.payload, segment.seq)))
    return out
