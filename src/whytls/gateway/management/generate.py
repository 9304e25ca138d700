"""Self-signed certificates and certificate signing requests, as the Management API makes them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from whytls.edge import fields
from whytls.exceptions import InputError
from whytls.gateway.keystores import Material
from whytls.pki.certificate import SECOND

KEY_SIZES = (2048, 3072, 4096)
SIGNATURES = ("SHA256withRSA", "SHA384withRSA", "SHA512withRSA")
LONGEST_DAYS = 36_500
# The JSON's names of a subject (apigee-config-maven-plugin), and the attribute each one is.
SUBJECT = {
    "countryCode": "C", "state": "ST", "locality": "L", "organization": "O", "orgUnit": "OU", "commonName": "CN", "email": "E",
}  # fmt: skip


def self_signed(given: Mapping[str, Any], at: int) -> Material:
    """A key and the certificate that it signs itself, beginning at a time in nanoseconds since 1970; ``given`` in either spelling of its fields.

    Raises:
        InputError: a field has a value that cannot be.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    size = fields.number(_either(given, "keySize", "key_size", 2048), "keySize", KEY_SIZES[0], KEY_SIZES[-1])
    algorithm = fields.text(_either(given, "sigAlg", "sig_alg", SIGNATURES[0]), "sigAlg")
    days = fields.number(_either(given, "certValidityInDays", "cert_validity_in_days", 365), "certValidityInDays", 1, LONGEST_DAYS)
    if size not in KEY_SIZES or algorithm not in SIGNATURES:
        raise InputError(f"keySize {size} with sigAlg {algorithm}", hint=f"keySize {KEY_SIZES}, sigAlg {SIGNATURES}")
    name = _subject(x509, fields.mapping(given.get("subject") or {}, "subject"))
    alternatives = _alternatives(given)
    begins = datetime.datetime.fromtimestamp(at // SECOND, datetime.UTC)
    key = rsa.generate_private_key(65537, size)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(False, None), critical=False)
    )
    try:
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(text) for text in alternatives]), critical=False)
        digest: Any = {"SHA256withRSA": hashes.SHA256(), "SHA384withRSA": hashes.SHA384(), "SHA512withRSA": hashes.SHA512()}[algorithm]
        made = builder.sign(key, digest)
    except (ValueError, TypeError) as error:
        raise InputError(f"no such certificate can be made: {str(error)[:160]}") from None
    der = serialization.Encoding.DER
    return Material((made.public_bytes(der),), key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def signing_request(certificate: bytes, key: bytes) -> bytes:
    """A request (RFC 2986) in PEM for another certificate with the same subject, names and key.

    Raises:
        InputError: the certificate or its key are of a kind for which none can be made.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

    try:
        owner: Any = load_der_private_key(key, None)
        current = x509.load_der_x509_certificate(certificate)
        builder = x509.CertificateSigningRequestBuilder().subject_name(current.subject)
        for extension in current.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                builder = builder.add_extension(extension.value, extension.critical)
        digest = None if isinstance(owner, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
        return builder.sign(owner, digest).public_bytes(Encoding.PEM)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise InputError(f"no signing request can be made: {str(error)[:160]}") from None


def _either(given: Mapping[str, Any], one: str, other: str, default: Any) -> Any:
    return next((given[name] for name in (one, other) if given.get(name) is not None), default)


def _subject(x509: Any, given: Mapping[str, Any]) -> Any:
    from cryptography.x509.oid import NameOID

    kinds = {
        "C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME, "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME, "E": NameOID.EMAIL_ADDRESS,
    }  # fmt: skip
    if not given.get("commonName"):
        raise InputError("the subject has no commonName", hint='"subject": {"commonName": "api.example.com"}')
    try:
        values = [(short, fields.text(given.get(name), name)) for name, short in SUBJECT.items()]
        return x509.Name([x509.NameAttribute(kinds[short], value) for short, value in values if value])
    except ValueError as error:
        raise InputError(f"no such subject: {str(error)[:160]}") from None


def _alternatives(given: Mapping[str, Any]) -> tuple[str, ...]:
    named = given.get("subjectAlternativeDNSNames") or {}
    if isinstance(named, Mapping):
        named = named.get("subjectAlternativeName") or []
    return fields.texts(named, "subjectAlternativeDNSNames")
