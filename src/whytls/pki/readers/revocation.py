"""Revocation lists (RFC 5280 section 5) and OCSP responses (RFC 6960) given as files, PEM or DER.

``cryptography`` parses. What a source *says* of a certificate, and whether that counts, is for ``pki.revocation``; here it is only
read, and bounded: the lists of large CAs have tens of megabytes, more than 64 MB is not read.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from whytls.exceptions import DamagedInput, InputError, Malformed
from whytls.pki.certificate import SECOND

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from cryptography import x509
    from cryptography.x509 import ocsp

LARGEST_FILE = 64 << 20
MOST_SOURCES = 1000  # lists in one file
CRL_LABELS, OCSP_LABELS = ("X509 CRL",), ("OCSP RESPONSE",)
_UNDERSTOOD = frozenset({"2.5.29.28", "2.5.29.27"})  # issuingDistributionPoint, deltaCRLIndicator: critical, and read here

Kind = Literal["crl", "delta-crl", "indirect-crl", "ocsp"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The certificates that a list is about, where it is not about all of its issuer's (RFC 5280 section 5.2.5)."""

    users_only: bool = False
    authorities_only: bool = False
    attributes_only: bool = False
    some_reasons: bool = False  # revoked for other reasons is not in it
    urls: tuple[str, ...] | None = None  # the distribution point that it is for; None: any


@dataclass(frozen=True, slots=True)
class Crl:
    """A certificate revocation list."""

    source: str
    kind: Kind
    issuer: str  # RFC 4514
    issuer_canonical: str
    this_update: int | None  # nanoseconds since 1970
    next_update: int | None
    number: int | None
    scope: Scope
    strange: bool  # it has a critical extension that is not understood: then it decides nothing (RFC 5280 section 5.2)
    parsed: x509.CertificateRevocationList = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OcspResponse:
    """An OCSP response, of which ``status`` says whether there is an answer in it at all."""

    source: str
    status: str  # successful, malformed_request, internal_error, try_later, sig_required, unauthorized
    produced_at: int | None
    responder: str  # name, or the hash of its key in hexadecimal
    parsed: ocsp.OCSPResponse = field(repr=False, compare=False)
    kind: Kind = "ocsp"


Source = Crl | OcspResponse


def read_revocation(path: str | Path) -> list[Source]:
    """All lists and responses in a file; ``InputError`` and ``DamagedInput`` say what it is instead."""
    from pathlib import Path

    place = Path(path)
    try:
        if place.stat().st_size > LARGEST_FILE:
            raise InputError("too large for a revocation list", file=str(path), hint=f"at most {LARGEST_FILE} bytes are read")
        data = place.read_bytes()
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=str(path)) from error
    return revocation_in(data, str(path))


def revocation_in(data: bytes, name: str) -> list[Source]:
    """The lists and responses in a file's content."""
    if len(data) > LARGEST_FILE:
        raise InputError("too large for a revocation list", file=name, hint=f"at most {LARGEST_FILE} bytes are read")
    if data[:1] != b"\x30":
        found = [_source(der, name, at) for der, at in _armoured(data, name)]
        if not found:
            raise InputError("no revocation list and no OCSP response in it", file=name, hint="expected BEGIN X509 CRL, or DER")
        return found
    return [_source(data, name, 0)]


def _armoured(data: bytes, name: str) -> Iterator[tuple[bytes, int]]:
    """The blocks of a PEM text that hold a list or a response, and where each begins."""
    import base64
    import binascii

    at = count = 0
    while (begin := data.find(b"-----BEGIN ", at)) >= 0:
        at = begin + 11
        label = next((w for w in (*CRL_LABELS, *OCSP_LABELS) if data.startswith(f"{w}-----".encode(), at)), None)
        if label is None:
            continue
        body = at + len(label) + 5
        end = data.find(f"-----END {label}-----".encode(), body)
        if end < 0:
            raise DamagedInput(f"the {label} block has no end", file=name, offset=begin)
        count += 1
        if count > MOST_SOURCES:
            raise InputError(f"more than {MOST_SOURCES} revocation lists in one file", file=name, hint="split the file")
        try:
            yield base64.b64decode(b"".join(data[body:end].split()), validate=True), begin
        except binascii.Error as error:
            raise DamagedInput(f"the {label} block is not Base64", file=name, offset=begin) from error
        at = end


def _source(der: bytes, name: str, at: int) -> Source:
    import warnings

    from whytls.pki.der import children, element

    try:
        first = next(children(der, element(der, 0, len(der))), None)
    except Malformed as error:
        raise DamagedInput(f"the revocation list or OCSP response is damaged: {error.problem}", file=name, offset=at) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _ocsp(der, name) if first is not None and first.tag == 0x0A else _crl(der, name)
        except Exception as error:  # the library raises many types, and lazily
            problem = f"neither a revocation list nor an OCSP response that can be read: {_first_line(error)}"
            raise InputError(problem, file=name, offset=at or None, hint="expected a CRL or an OCSP response") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160]


def _crl(der: bytes, name: str) -> Crl:
    from cryptography import x509

    parsed = x509.load_der_x509_crl(der)
    scope, indirect, delta, strange, number = Scope(), False, False, False, None
    for extension in parsed.extensions:
        value: Any = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            scope, indirect = _scope(value), value.indirect_crl
        elif isinstance(value, x509.DeltaCRLIndicator):
            delta = True
        elif isinstance(value, x509.CRLNumber):
            number = value.crl_number
        strange = strange or (extension.critical and extension.oid.dotted_string not in _UNDERSTOOD)
    canonical, readable = name_of(parsed.issuer)
    kind: Kind = "delta-crl" if delta else "indirect-crl" if indirect else "crl"
    return Crl(
        name, kind, readable, canonical, moment_of(parsed.last_update_utc), moment_of(parsed.next_update_utc), number, scope, strange, parsed
    )  # fmt: skip


def _scope(value: x509.IssuingDistributionPoint) -> Scope:
    urls = None
    if value.full_name is not None or value.relative_name is not None:
        urls = tuple(str(n.value) for n in value.full_name or () if isinstance(n.value, str))
    return Scope(
        value.only_contains_user_certs, value.only_contains_ca_certs, value.only_contains_attribute_certs,
        bool(value.only_some_reasons), urls,
    )  # fmt: skip


def _ocsp(der: bytes, name: str) -> OcspResponse:
    from cryptography.x509 import ocsp

    parsed = ocsp.load_der_ocsp_response(der)
    status = parsed.response_status.name.lower()
    if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return OcspResponse(name, status, None, "", parsed)
    key = parsed.responder_key_hash
    responder = key.hex() if key is not None else name_of(parsed.responder_name)[1] if parsed.responder_name is not None else ""
    return OcspResponse(name, status, moment_of(parsed.produced_at_utc), responder, parsed)


def name_of(name: x509.Name) -> tuple[str, str]:
    """A name of the library for comparing (RFC 5280 section 7.1) and for reading (RFC 4514)."""
    from whytls.pki.der import canonical

    pairs = [[(a.oid.dotted_string, a.value if isinstance(a.value, str) else a.value.hex()) for a in rdn] for rdn in name.rdns]
    return canonical(pairs), name.rfc4514_string()


def moment_of(value: datetime.datetime | None) -> int | None:
    """A time of the library in nanoseconds since 1970."""
    return None if value is None else calendar.timegm(value.utctimetuple()) * SECOND
