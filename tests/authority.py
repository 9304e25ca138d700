"""Certificates for tests, made as needed: `issue("leaf", by=ca)`; keys are elliptic and made once per name."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOON = datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.UTC)
AT = int(NOON.timestamp()) * 1_000_000_000
BEGINS, ENDS = NOON - datetime.timedelta(days=30), NOON + datetime.timedelta(days=335)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@lru_cache(maxsize=512)
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@lru_cache(maxsize=8)
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def days(count: float) -> datetime.timedelta:
    return datetime.timedelta(days=count)


@dataclass(frozen=True)
class Issued:
    """A certificate and the key in it."""

    certificate: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


def subject_name(common_name: str, organisation: str = "Meadow") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else parts)


def alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def issue(
    name: str,
    by: Issued | None = None,
    *,
    key: Any = None,
    ca: bool = False,
    path_length: int | None = None,
    basic: bool = True,
    san: tuple[str, ...] | None = None,
    begins: datetime.datetime = BEGINS,
    ends: datetime.datetime = ENDS,
    usage: tuple[x509.ObjectIdentifier, ...] | None = None,
    key_usage: x509.KeyUsage | None = None,
    key_ids: bool = True,
    extra: tuple[x509.ExtensionType, ...] = (),
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    serial: int | None = None,
) -> Issued:
    """A certificate for `name`; self-signed unless `by` is given."""
    key = key or ec_key(name)
    subject = subject or subject_name(name)
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or (by.certificate.subject if by else subject))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if key_ids:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([alternative(n) for n in san]), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    for extension in (*((key_usage,) if key_usage else ()), *extra):
        builder = builder.add_extension(extension, critical=True)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, digest), key)


def usages(*wanted: str) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
    return x509.KeyUsage(**{name: name in wanted for name in names})


def corrupted(issued: Issued) -> bytes:
    """The same certificate with one bit of its signature turned over."""
    return issued.der[:-1] + bytes([issued.der[-1] ^ 1])


def weakened(issued: Issued, by: Issued, digest: Any) -> bytes:
    """The same certificate signed over SHA-1 or MD5, which the builder refuses to do (RSA only)."""
    oids = {"sha256": b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "sha1": b"\x05", "md5": b"\x04"}
    old, new = oids["sha256"], oids["sha256"][:-1] + oids[digest.name]
    signed = issued.certificate.tbs_certificate_bytes.replace(old, new)
    tail = issued.der[-len(issued.certificate.signature) :]
    assert tail == issued.certificate.signature
    der = issued.der.replace(issued.certificate.tbs_certificate_bytes, signed).replace(old, new)
    return der[: -len(tail)] + by.key.sign(signed, padding.PKCS1v15(), digest)


def crl(by: Issued, *serials: int, extra: tuple[x509.ExtensionType, ...] = (), entry: x509.ExtensionType | None = None) -> bytes:
    """A revocation list in DER, a day old and valid for another; it holds these serial numbers."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject)
    builder = builder.last_update(NOON - days(1)).next_update(NOON + days(1))
    for serial in serials:
        revoked_one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOON - days(2))
        builder = builder.add_revoked_certificate((revoked_one.add_extension(entry, critical=True) if entry else revoked_one).build())
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    digest = None if isinstance(by.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(by.key, digest).public_bytes(Encoding.DER)
