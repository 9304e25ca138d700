"""Certificates for the lab: made anew in each run, with every fault that a certificate can have.

Names are neutral on purpose: a CA called after its fault would tell the label to whoever reads the capture. Keys live in the
run's temporary folder and die with it; a capture holds public certificates only.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key and the certificates above it, nearest first, the root last."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @property
    def root(self) -> x509.Certificate:
        """The anchor that this chain ends in."""
        return self.above[-1] if self.above else self.certificate


def root(name: str, *, days: tuple[int, int] = (-900, 2700), kind: str = "ec") -> Issued:
    """A new root CA; `days` is its validity counted from today."""
    return _issue(None, _subject(name, "Harbour Trust Services"), ca=True, days=days, kind=kind)


def intermediate(above: Issued, name: str, *, days: tuple[int, int] = (-400, 1400), kind: str = "ec", permitted: str = "") -> Issued:
    """A CA below `above`; with `permitted` it may sign for names in that domain only."""
    return _issue(above, _subject(name, "Harbour Trust Services"), ca=True, days=days, kind=kind, permitted=permitted)


def leaf(
    above: Issued | None,
    *names: str,
    subject: str = "",
    days: tuple[int, int] = (-40, 50),
    usage: str = "server",
    kind: str = "rsa",
) -> Issued:
    """A certificate for an end entity with `names` (DNS names or IP addresses); signs itself where `above` is None."""
    return _issue(above, _subject(subject or names[0], "Maple Stores"), names=names, days=days, usage=usage, kind=kind)


def damaged(issued: Issued) -> Issued:
    """The same certificate with one bit of its signature turned over."""
    data = bytearray(issued.certificate.public_bytes(serialization.Encoding.DER))
    data[-20] ^= 1
    return replace(issued, certificate=x509.load_der_x509_certificate(bytes(data)))


def with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """The same certificate signed anew with SHA-1 by an RSA issuer: the library signs none, so both algorithm fields are exchanged."""
    if not isinstance(issuer.key, rsa.RSAPrivateKey):
        raise TypeError("SHA-1 is signed with an RSA issuer")
    # sha256WithRSAEncryption and sha1WithRSAEncryption (RFC 8017 appendix A.2.4) differ in their last byte.
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    old = issued.certificate
    signed = old.tbs_certificate_bytes.replace(sha256, sha1)
    signature = issuer.key.sign(signed, padding.PKCS1v15(), hashes.SHA1())
    data = old.public_bytes(serialization.Encoding.DER).replace(sha256, sha1).replace(old.signature, signature)
    return replace(issued, certificate=x509.load_der_x509_certificate(data))


def write_crl(folder: Path, name: str, issuer: Issued, *revoked: Issued) -> str:
    """Write NAME.pem, the issuer's revocation list with those certificates in it; give its path."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject).last_update(now - DAY).next_update(now + DAY * 20)
    for item in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(item.certificate.serial_number).revocation_date(now - DAY * 3)
        builder = builder.add_revoked_certificate(entry.build())
    path = folder / f"{name}.pem"
    path.write_bytes(builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return str(path)


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as one PEM text."""
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def key_pem(key: Key) -> bytes:
    """A private key as PEM, without a password: for the run's temporary folder only."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def write(folder: Path, name: str, issued: Issued, *, chain: Sequence[x509.Certificate] | None = None) -> tuple[str, str]:
    """Write NAME.pem (leaf and chain: everything but the root, unless told) and NAME.key; give both paths."""
    above = [c for c in issued.above if c.subject != c.issuer] if chain is None else chain
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(pem(issued.certificate, *above))
    key.write_bytes(key_pem(issued.key))
    return str(certificate), str(key)


def write_p12(folder: Path, name: str, issued: Issued, *, chain: Sequence[x509.Certificate] | None = None, alias: str = "own") -> str:
    """Write NAME.p12 with the password `changeit`, as Java and NSS read it; give its path."""
    above = [c for c in issued.above if c.subject != c.issuer] if chain is None else chain
    encryption = serialization.BestAvailableEncryption(b"changeit")
    path = folder / f"{name}.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(alias.encode(), issued.key, issued.certificate, list(above), encryption))
    return str(path)


def exported(folder: Path, name: str, keystore: str) -> str:
    """Write NAME.pem with the chain of a PKCS#12 keystore (password `changeit`), without its key, as people export it; give its path."""
    path = folder / f"{name}.pem"
    words = ["openssl", "pkcs12", "-in", keystore, "-nokeys", "-passin", "pass:changeit", "-out", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return str(path)


def write_bundle(folder: Path, name: str, *certificates: x509.Certificate) -> str:
    """Write NAME.pem with certificates only, a truststore for most stacks; give its path."""
    path = folder / f"{name}.pem"
    path.write_bytes(pem(*certificates))
    return str(path)


def _subject(common: str, organisation: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _issue(
    above: Issued | None,
    subject: x509.Name,
    *,
    names: Sequence[str] = (),
    days: tuple[int, int],
    ca: bool = False,
    usage: str = "",
    kind: str = "rsa",
    permitted: str = "",
) -> Issued:
    bits = {"rsa": 2048, "rsa1024": 1024}
    key: Key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, bits[kind])
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    issuer_key = above.key if above else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + DAY * days[0])
        .not_valid_after(now + DAY * days[1])
        .add_extension(x509.BasicConstraints(ca, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(_key_usage(ca, kind), True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), False)
    if usage:
        wanted = {"server": [Usage.SERVER_AUTH], "client": [Usage.CLIENT_AUTH], "both": [Usage.SERVER_AUTH, Usage.CLIENT_AUTH]}
        builder = builder.add_extension(x509.ExtendedKeyUsage(wanted[usage]), False)
    if permitted:
        builder = builder.add_extension(x509.NameConstraints([x509.DNSName(permitted)], None), True)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return Issued(certificate, key, (above.certificate, *above.above) if above else ())


def _key_usage(ca: bool, kind: str) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_encipherment=not ca and kind != "ec",
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
