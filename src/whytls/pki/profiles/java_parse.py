"""What Java's certificate parser refuses, and what it forgets (sun.security.x509, JDK 17).

A certificate that it refuses ends the handshake (`Failed to parse server certificates`). An extension that it cannot read is a reason
to refuse only where it is critical; a non-critical one counts as not being there.
"""

from __future__ import annotations

from typing import NamedTuple

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.cache import Bounded
from whytls.pki.der import Element, children, element
from whytls.pki.details import Details, GeneralName
from whytls.pki.families import java_refuses, java_uri

LARGEST_INT = 2**31 - 1
_INCOMPLETE = "X.509 Certificate is incomplete: "
_EMPTY_VALUE = "java.io.IOException: No data available in passed DER encoded value."


class Form(NamedTuple):
    """What Java makes of a certificate's form."""

    problem: str  # class and text of the exception; empty where it is read
    lost: frozenset[str]  # kinds of the non-critical extensions that count as not being there


_formed: Bounded[str, Form] = Bounded(4096, 4096, lambda _: 1)


def form(details: Details) -> Form:
    """What Java makes of a certificate's form."""
    key = details.certificate.sha256
    return _formed.get(key) or _formed.put(key, _form(details))


def _form(details: Details) -> Form:
    lost: set[str] = set()
    problem = _problem(details, lost)
    return Form(problem, frozenset(lost))


def _problem(details: Details, lost: set[str]) -> str:
    if not details.readable:
        return "CertificateException: Unable to initialize, java.io.IOException: DER input not a certificate"
    if not details.issuer:
        return "CertificateParsingException: Empty issuer DN not allowed in X509Certificates"
    for moment in (details.begins, details.ends):
        if moment.tag == 0x17 and len(moment.body) not in (11, 13, 15, 17):
            return "CertificateParsingException: java.io.IOException: DER UTC Time length error"
        if moment.tag == 0x18 and not 13 <= len(moment.body) <= 23:
            return "CertificateParsingException: java.io.IOException: DER Generalized Time length error"
    if details.version == 1 and not details.subject:
        return "CertificateParsingException: Empty subject DN not allowed in v1 certificate"
    if details.version == 2 and details.extensions:
        return "CertificateParsingException: Extensions not allowed in v2 certificate"
    if details.version == 1 and details.extensions:
        return "CertificateParsingException: no more data allowed for version 1 certificate"
    trouble = _extensions(details, lost)
    if trouble:
        return f"CertificateParsingException: {trouble}"
    trouble = _nameless(details, lost) if details.version == 3 and not details.subject else ""
    if trouble:
        return f"CertificateParsingException: {_INCOMPLETE}{trouble}"
    return "CertificateException: Signature algorithm mismatch" if details.inner_algorithm != details.outer_algorithm else ""


def _nameless(details: Details, lost: set[str]) -> str:
    """RFC 5280 section 4.1.2.6: without a subject there must be alternative names, critical."""
    if not details.extensions:
        return "subject field is empty, and certificate has no extensions"
    names = details.extension(d.SAN)
    if names is None or d.SAN in lost:
        return "subject field is empty, and SubjectAlternativeName extension is absent"
    return "" if names.critical else "SubjectAlternativeName extension MUST be marked critical when subject field is empty"


def _extensions(details: Details, lost: set[str]) -> str:
    seen: set[str] = set()
    for extension in details.extensions:
        trouble = _unreadable(details, extension)
        if trouble and extension.critical:
            return trouble
        if trouble:
            lost.add(extension.kind)
        elif extension.kind in seen:
            return "java.io.IOException: Duplicate extensions not allowed"
        else:
            seen.add(extension.kind)
    return ""


def _unreadable(details: Details, extension: d.Extension) -> str:
    kind, value = extension.kind, extension.value
    if kind not in _READERS and kind not in (d.SAN, d.NAMES):
        return ""
    if not value:
        return "java.io.EOFException: not enough content"
    try:
        outer = element(value, 0, len(value))
        parts = list(children(value, outer)) if outer.tag == 0x30 else []
    except Malformed:
        return "java.io.EOFException: not enough content"
    if kind == d.SAN:
        return _names(details, outer)
    if kind == d.NAMES:
        return _constraints(details)
    tag, child, words = _READERS[kind]
    if outer.tag != tag:
        return f"java.io.IOException: {words}"
    if kind == d.BASIC:
        return _basic(value, parts)
    if kind == d.ANY_POLICY and not extension.critical:
        return "java.io.IOException: Criticality cannot be false for InhibitAnyPolicy"
    return f"java.io.IOException: {words}" if child and any(part.tag not in child for part in parts) else ""


# the tag of the value, the tags inside it (none: not looked at), and what Java says otherwise
_READERS: dict[str, tuple[int, tuple[int, ...], str]] = {
    d.BASIC: (0x30, (), "Invalid encoding of BasicConstraints"),
    d.KEY_USAGE: (0x03, (), "DerValue.getUnalignedBitString, not a bit string"),
    d.EKU: (0x30, (0x06,), "Invalid encoding for ExtendedKeyUsageExtension."),
    d.AKI: (0x30, (0x80, 0xA1, 0x82), "Invalid encoding for AuthorityKeyIdentifierExtension."),
    d.SKI: (0x04, (), "DerValue.getOctetString, not an Octet String"),
    d.POLICIES: (0x30, (0x30,), "Invalid encoding for CertificatePoliciesExtension."),
    d.MAPPINGS: (0x30, (0x30,), "Invalid encoding for PolicyMappingsExtension."),
    d.POLICY_CONSTRAINTS: (0x30, (0x80, 0x81), "Sequence tag missing for PolicyConstraint."),
    d.ANY_POLICY: (0x02, (), "Invalid encoding of InhibitAnyPolicy: data not integer"),
    d.CRLS: (0x30, (0x30,), "Invalid encoding for CRLDistributionPoints extension."),
    d.AIA: (0x30, (0x30,), "Invalid encoding for AuthorityInfoAccessExtension."),
    d.NETSCAPE_TYPE: (0x03, (), "DerValue.getUnalignedBitString, not a bit string"),
}


def _basic(value: bytes, parts: list[Element]) -> str:
    if parts and parts[0].tag == 0x01:
        parts = parts[1:]
    elif parts:
        return ""  # cA left out: a path length is not read then
    if not parts:
        return ""
    if parts[0].tag != 0x02:
        return "java.io.IOException: Invalid encoding of BasicConstraints"
    number = d.integer(value[parts[0].body : parts[0].end])
    return "java.io.IOException: Integer exceeds maximum valid value" if number > LARGEST_INT else ""


def _names(details: Details, outer: Element) -> str:
    if outer.tag != 0x30:
        return "java.io.IOException: Invalid encoding for GeneralNames."
    if details.names is None:
        return "java.io.EOFException: not enough content"
    if not details.names:
        return _EMPTY_VALUE
    return next((_wrong(name) for name in details.names if java_refuses(name)), "")


def _wrong(name: GeneralName) -> str:
    if name.tag == d.IP:
        return "java.io.IOException: Invalid IPAddressName"
    if name.tag == d.RFC822:
        return f"java.io.IOException: RFC822Name may not {'be null or empty' if not name.body else 'end with @'}"
    words = "URI name must include scheme" if ":" not in name.text else "invalid URI name"
    return f"java.io.IOException: {words}:{name.text}"


def _constraints(details: Details) -> str:
    if d.NAMES in details.unread:
        return "java.io.EOFException: not enough content"
    for base in (subtree.base for subtree in details.permitted + details.excluded):
        if base.tag == d.URI:
            if java_uri(base.text):
                return f"java.io.IOException: invalid URI name constraint (should not include scheme):{base.text}"
            if not constraint_host(base.text):
                return f"java.io.IOException: invalid URI name constraint:{base.text}"
        elif java_refuses(base):
            return _wrong(base)
    return ""


def constraint_host(text: str) -> bool:
    """Whether ``new DNSName(text)`` takes it: labels of letters, digits and hyphens, none empty."""
    labels = text.removeprefix(".").split(".")
    return all(label and label[0].isascii() and label[0].isalnum() and label.replace("-", "a").isalnum() and label.isascii() for label in labels)
