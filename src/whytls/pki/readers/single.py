"""Files of binary ASN.1: what kind of structure it is, and the reader for it; single certificates and keys are read here."""

from __future__ import annotations

from whytls.exceptions import DamagedInput, InputError, Malformed
from whytls.pki import key as keys
from whytls.pki.ber import outer, parts
from whytls.pki.certificate import read as read_certificate
from whytls.pki.der import Element, dotted, element
from whytls.pki.pbe import scheme
from whytls.pki.store import Entry, Opening, Place, Store

INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE, BIT_STRING = 0x02, 0x04, 0x06, 0x30, 0x03
MOST_CERTIFICATES = 20_000


def read(data: bytes, name: str, opening: Opening) -> Store:
    """A file that begins with a SEQUENCE.

    Raises:
        InputError: it is ASN.1 of a kind that is no store.
        DamagedInput: it is a store whose beginning cannot be read.
    """
    first, second = _beginning(data)
    if first is not None and first.tag == OBJECT_IDENTIFIER:
        from whytls.pki.readers import pkcs7

        return pkcs7.read(data, name, opening)
    if first is not None and first.tag == INTEGER and _version(data, first) == 3:
        from whytls.pki.readers import pkcs12

        return pkcs12.read(data, name, opening)
    if first is not None and second is not None and (first.tag == INTEGER or (first.tag == SEQUENCE and second.tag == OCTET_STRING)):
        return _key(data, name, first, opening)
    what = _other(data, second)
    if what:
        return Store(name, "DER", (), passed_over=(what,))
    return _certificates(data, name)


def _beginning(data: bytes) -> tuple[Element | None, Element | None]:
    """The first two parts of the structure, as far as they are there; of lengths that are told by an end mark, the first."""
    found: list[Element | None] = []
    try:
        if data[1:2] == b"\x80":
            found.append(element(data, 2, len(data)))
        else:
            cut: list[int] = []
            for part in parts(data, outer(data, cut), cut):
                found.append(part)
                if len(found) == 2:
                    break
    except Malformed:
        pass
    first, second, *_ = [*found, None, None]
    return first, second


def _version(data: bytes, part: Element) -> int:
    return int.from_bytes(data[part.body : part.end][:8], "big")


def _key(data: bytes, name: str, first: Element, opening: Opening) -> Store:
    """A private key: PKCS #8, encrypted or not, or one of the traditional forms."""
    if first.tag == SEQUENCE:
        found = keys.encrypted(data, element(data, 0, len(data)), opening.key_attempts(), opening.rounds)
    else:
        found = keys.plain(data)
    if found.form == keys.STRANGE:
        raise InputError(
            f"neither a certificate nor a private key that can be read: {found.problem}", file=name,
            hint="expected a certificate, a private key, PKCS #7 or PKCS #12",
        )  # fmt: skip
    warnings = (f"the private key: {found.problem}",) if found.problem else ()
    return Store(name, "DER", (Entry("key", (), Place(name, offset=0), key=found.form, warnings=warnings, public_key=found.public),))


def _certificates(data: bytes, name: str) -> Store:
    """One certificate, or several one after the other (Java's CertificateFactory reads such files)."""
    made: list[Entry] = []
    at = 0
    while at < len(data) and data[at] == SEQUENCE and len(made) < MOST_CERTIFICATES:
        try:
            end = element(data, at, len(data)).end
        except Malformed:
            end = len(data)
        der = data[at:end]
        certificate = read_certificate(der)
        if not (certificate.subject_der and certificate.issuer_der):
            break
        made.append(Entry("certificate", (der,), Place(name, offset=at)))
        at = end
    if made:
        rest = (f"{len(data) - at:,} bytes behind the certificate are not read",) if at < len(data) else ()
        return Store(name, "DER", tuple(made), warnings=rest)
    raise InputError(
        "not a certificate, though it is DER", file=name, hint="expected a certificate, a private key, PKCS #7 or PKCS #12"
    )  # fmt: skip


def _other(data: bytes, second: Element | None) -> str:
    """What else begins like a certificate: revocation lists and requests are signed in the same way."""
    try:
        whole = element(data, 0, len(data))
        tbs, *_ = parts(data, whole)
        inner = list(parts(data, tbs))
        if second is not None and second.tag == BIT_STRING and inner[0].tag == OBJECT_IDENTIFIER:
            return f"a public key ({dotted(data[inner[0].body : inner[0].end])})"
        at = 1 if inner[0].tag == INTEGER else 0
        if inner[at].tag == SEQUENCE and inner[at + 2].tag in (0x17, 0x18) and scheme(data, inner[at]):
            return "a revocation list (CRL)"
        if inner[0].tag == INTEGER and inner[2].tag == SEQUENCE and (len(inner) == 3 or inner[3].tag == 0xA0):
            return "a certificate request"
    except (DamagedInput, IndexError, ValueError):
        pass
    return ""
