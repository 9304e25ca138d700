"""What is uploaded as an alias, in each of Edge's formats → the certificates in their order and the private key.

A file is first read by the readers of ``pki``, which keep what it costs within bounds (rounds of hashing, sizes of keys), and only then by the
library that gives the key. The order of the certificates is never mended here: a chain in the wrong order is a failure of the runbook.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from whytls.exceptions import InputError, Malformed
from whytls.gateway import bundle
from whytls.gateway.keystores import Material
from whytls.pki import pbe
from whytls.pki.ber import octets, split
from whytls.pki.certificate import Certificate, read
from whytls.pki.der import element
from whytls.pki.derivation import Rounds
from whytls.pki.key import OPENED, PLAIN
from whytls.pki.password import Password
from whytls.pki.readers.jks import FORMATS as JAVA_FORMATS
from whytls.pki.store import Entry, Opening, Store, read_bytes

MOST_CERTIFICATES = 100  # of one alias
MOST_ROUNDS = 5_000_000  # of hashing for one upload; Java asks for 10,000 and the most careful for a million
MOST_IN_JAR = 50
LARGEST_IN_JAR = 1 << 20
_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_NO_NEWLINE = re.compile(rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----[ \t]*-----BEGIN")
_HINT_PEM = "expected PEM; of DER: openssl x509 -inform der -in FILE -out FILE.pem"


def of_pem(certificates: bytes, key: bytes | None, password: str | None, *, newlines: bool) -> Material:
    """``keycertfile``: certificates in PEM, and where it is no truststore's entry a key in PEM. ``newlines``: each has to begin on a line.

    Raises:
        InputError: one of them cannot be read, the password does not open the key, or it is the key of another certificate.
    """
    if newlines and _NO_NEWLINE.search(certificates):
        hint = "put a line break between END CERTIFICATE and BEGIN CERTIFICATE, or give ignoreNewlineValidation=true"
        raise InputError("two certificates stand on one line", file="certFile", hint=hint)
    ders = [_der(found) for found in _encapsulated(certificates)]
    if not ders:
        raise InputError("has no certificate in PEM", file="certFile", hint=_HINT_PEM)
    return _paired(ders, None if key is None else _key(key, password))


def of_pkcs12(data: bytes, password: str | None, alias: str = "") -> Material:
    """``pkcs12``: the key entry of that alias, or the first; of a file without a key all its certificates.

    Raises:
        InputError: it cannot be read, or the password does not open it.
    """
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

    store = _store(data, password, "file")
    if store.format != "PKCS #12":
        raise InputError(f"is {store.format} and not PKCS #12", file="file", hint="openssl pkcs12 -export -inkey KEY -in CHAIN -out FILE")
    entry = _entry(store, alias)
    if entry is None:
        return _paired(list(store.certificates), None)
    key, failed = None, ""
    for secret in [password.encode()] if password else [None, b""]:  # no password is not an empty one (RFC 7292 appendix B.2)
        try:
            key = load_pkcs12(data, secret).key
            break
        except (ValueError, TypeError) as error:
            failed = _line(error)
    else:
        raise InputError(f"cannot be opened: {failed}", file="file", hint="is the password right?")
    opened = None if key is None else _pkcs8(key)
    if opened is None or (entry.public_key and _public(opened) != entry.public_key):
        raise InputError("has several private keys", file="file", hint="export the one that is meant into a file of its own")
    return _paired(list(entry.chain), opened)


def of_java(data: bytes, password: str | None, alias: str = "") -> Material:
    """``jks``: a Java keystore, which since Java 9 is a PKCS #12 as often as not. Edge itself does not take this format.

    Raises:
        InputError: as ``of_pkcs12``.
    """
    if data[:4] not in JAVA_FORMATS:
        return of_pkcs12(data, password, alias)
    store = _store(data, password, "file")
    entry = _entry(store, alias)
    return _paired(list(store.certificates), None) if entry is None else _paired(list(entry.chain), _java_key(data, entry, password))


def of_jar(data: bytes, password: str | None) -> Material:
    """``keycertjar``: a JAR with certificate and key, and a descriptor that names the two.

    Raises:
        InputError: it cannot be unpacked, or what it holds cannot be read.
    """
    files = bundle.unzipped(data, "file", most=MOST_IN_JAR, largest=LARGEST_IN_JAR)
    descriptor = files.get("META-INF/descriptor.properties")
    if descriptor is None:
        raise InputError("has no META-INF/descriptor.properties", file="file", hint="with the lines certFile=NAME.pem and keyFile=NAME.pem")
    named = dict(re.findall(r"^\s*(certFile|keyFile)\s*[=:]\s*(\S+)\s*$", descriptor.decode("utf-8", "replace"), re.MULTILINE))
    missing = next((what for what in ("certFile", "keyFile") if named.get(what) not in files), None)
    if missing:
        raise InputError(f"has no file that is the {missing} of its descriptor", file="file")
    return of_pem(files[named["certFile"]], files[named["keyFile"]], password, newlines=False)


def check_time(material: Material, at: int) -> None:
    """Edge takes no certificate that is past its time, unless it is told to.

    Raises:
        InputError: one of them is past its time or before it.
    """
    for der in material.certificates:
        found = read(der)
        if found.expired(at) or found.not_yet_valid(at):
            when = "has expired" if found.expired(at) else "is not yet valid"
            raise InputError(f"the certificate {found.subject or found.sha256} {when}", hint="ignoreExpiryValidation=true takes it all the same")


def check_fits(certificates: tuple[bytes, ...], key: bytes | None) -> None:
    """Holds a key to the first certificate.

    Raises:
        InputError: it is the key of another.
    """
    if key is not None and (not certificates or _public(key) != read(certificates[0]).key_sha256):
        raise InputError("the private key is not that of the first certificate", hint="the own certificate comes first, then its issuers")


# --- below -------------------------------------------------------------------------------------------------------------------------------


def _encapsulated(pem: bytes) -> list[bytes]:
    """What stands between the lines of each certificate (RFC 7468); other things in the file are passed over."""
    found: list[bytes] = []
    for piece in pem.split(b"-----BEGIN ")[1:]:
        label, _, rest = piece.partition(b"-----")
        body, end, _ = rest.partition(b"-----END ")
        if label in _LABELS and end:
            found.append(body)
    return found


def _der(base64_text: bytes) -> bytes:
    try:
        return base64.b64decode(base64_text, validate=False)
    except binascii.Error:
        raise InputError("has a certificate that is no base64", file="certFile", hint=_HINT_PEM) from None


def _paired(ders: list[bytes], key: bytes | None) -> Material:
    if not 1 <= len(ders) <= MOST_CERTIFICATES:
        raise InputError(f"{len(ders)} certificates", hint=f"an alias has 1 to {MOST_CERTIFICATES}")
    for der in ders:
        found: Certificate = read(der)
        if not found.subject_der or not found.key_sha256:
            raise InputError(f"a certificate cannot be read: {found.problem or 'it has no subject'}"[:200], file="certFile")
    check_fits(tuple(ders), key)
    return Material(tuple(ders), key)


def _store(data: bytes, password: str | None, what: str) -> Store:
    store = read_bytes(data, what, Opening(Password("the part password", lambda: password) if password else None, rounds=Rounds(MOST_ROUNDS)))
    if store.damage or store.integrity == "failed":
        raise InputError(store.damage or "the password does not fit", file=what, hint="is the password right, and the file whole?")
    return store


def _entry(store: Store, alias: str) -> Entry | None:
    """The key entry that is meant; None: the file has no key."""
    keyed = [entry for entry in store.entries if entry.kind == "key"]
    entry = next((entry for entry in keyed if entry.alias.lower() == alias.lower()), keyed[0] if keyed else None)
    if entry is not None and (entry.key not in (PLAIN, OPENED) or not entry.chain):
        raise InputError("; ".join(entry.warnings)[:200] or "its private key cannot be opened", file=store.source, hint="is the password right?")
    return entry


def _key(pem: bytes, password: str | None) -> bytes:
    """A private key in PEM, opened."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    store = _store(pem, password, "keyFile")
    entry = next((entry for entry in store.entries if entry.kind == "key"), None)
    if entry is None:
        raise InputError("has no private key in PEM", file="keyFile")
    if entry.key not in (PLAIN, OPENED):
        raise InputError(
            "; ".join(entry.warnings)[:200] or "the private key is encrypted", file="keyFile", hint="give its password in the part password"
        )
    try:
        return _pkcs8(load_pem_private_key(pem, (password or "").encode() if entry.key == OPENED else None))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"the private key cannot be read: {_line(error)}", file="keyFile") from None


def _java_key(data: bytes, entry: Entry, password: str | None) -> bytes:
    """The key of an entry in a JKS or JCEKS, whose form is told in ``pki.readers.jks``; the reader has checked its lengths."""
    at = (entry.place.offset or 0) + 4
    at += 2 + int.from_bytes(data[at : at + 2], "big") + 8
    closed = data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4], "big")]
    try:
        algorithm, rest = split(closed, element(closed, 0, len(closed)))
        opened = pbe.decrypt(closed, algorithm, octets(closed, rest[0]), password, Rounds(MOST_ROUNDS))
    except (Malformed, IndexError):
        opened = None
    if opened is None:
        raise InputError("the password does not open its private key", file="file", hint="store and key have to have the same password")
    return _loaded(opened)


def _loaded(pkcs8: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        return _pkcs8(load_der_private_key(pkcs8, None))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"the private key cannot be read: {_line(error)}", file="file") from None


def _pkcs8(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _public(pkcs8: bytes) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

    key = load_der_private_key(pkcs8, None)
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def text_of(parts: Mapping[str, bytes], name: str) -> str | None:
    """A part that is text, such as a password; None: it is not there, or empty.

    Raises:
        InputError: it is not UTF-8.
    """
    try:
        return parts.get(name, b"").decode() or None
    except UnicodeDecodeError:
        raise InputError(f"the part {name} is not UTF-8", file="multipart body") from None
