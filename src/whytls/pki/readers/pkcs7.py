"""PKCS #7 and CMS: the certificates of a SignedData (RFC 5652 section 5.1), which CAs hand out as .p7b and .p7c.

The certificates are a SET, so their order says nothing: end entities come first here, each followed by its issuers.
"""

from __future__ import annotations

from typing import NamedTuple

from whytls.exceptions import DamagedInput, Malformed
from whytls.pki.ber import definite, first, outer, parts
from whytls.pki.der import Element, dotted
from whytls.pki.grouping import chains
from whytls.pki.store import Entry, Opening, Place, Store

SIGNED_DATA = "1.2.840.113549.1.7.2"
# What else a ContentInfo can be (RFC 5652 section 14, RFC 5083).
OTHERS = {
    "1.2.840.113549.1.7.1": "data without certificates", "1.2.840.113549.1.7.3": "an encrypted message (EnvelopedData)",
    "1.2.840.113549.1.7.5": "a digest (DigestedData)", "1.2.840.113549.1.7.6": "encrypted data",
    "1.2.840.113549.1.9.16.1.23": "an encrypted message (AuthEnvelopedData)",
}  # fmt: skip


class Contents(NamedTuple):
    """The certificates of a SignedData in their order in the file, and what else is in it."""

    certificates: list[bytes]
    passed_over: list[str]
    damage: str


def read(data: bytes, name: str, _opening: Opening) -> Store:
    """A PKCS #7 file in DER or BER.

    Raises:
        DamagedInput: it is no SignedData, or not even its beginning can be read.
    """
    found = contents(data)
    entries = tuple(Entry("certificate", chain, Place(name)) for chain in chains(found.certificates))
    return Store(name, "PKCS #7", entries, passed_over=tuple(found.passed_over), damage=found.damage)


def contents(data: bytes) -> Contents:
    """The certificates of a ContentInfo."""
    cut: list[int] = []
    converted = definite(data)
    try:
        kind, *rest = parts(converted, outer(converted, cut), cut)
        oid = dotted(converted[kind.body : kind.end])
        if oid != SIGNED_DATA:
            what = OTHERS.get(oid, f"a content that is not known here ({oid})")
            raise DamagedInput(f"a PKCS #7 file with {what}", hint="certificates are in SignedData: openssl crl2pkcs7 -nocrl -certfile FILE")
        signed = list(parts(converted, first(converted, rest[0], cut), cut))
    except (ValueError, IndexError) as error:
        raise DamagedInput("a PKCS #7 file that ends before its certificates", hint="fetch or copy it once more") from error
    certificates, passed = _collected(converted, signed, cut)
    where = f" at byte {cut[-1]}" if cut and converted is data else ""
    return Contents(certificates, passed, f"the file is cut short{where}: {len(certificates)} certificates stand before that" if cut else "")


def _collected(data: bytes, signed: list[Element], cut: list[int]) -> tuple[list[bytes], list[str]]:
    certificates: list[bytes] = []
    passed: list[str] = []
    for field in signed:
        if field.tag == 0xA0:  # certificates [0] IMPLICIT CertificateSet
            try:
                for part in parts(data, field, cut):
                    if cut and part.start == cut[-1]:
                        break
                    if part.tag == 0x30:
                        certificates.append(data[part.start : part.end])
                    else:  # section 10.2.2: attribute certificates and other formats
                        passed.append("a certificate of another kind than X.509")
            except Malformed as error:
                cut.append(error.offset or field.start)
        elif field.tag == 0xA1:  # crls [1]
            passed += ["a revocation list (CRL)" for part in parts(data, field, cut) if part.tag == 0x30]
    return certificates, passed
