"""The certificates of the demonstration: made when it starts, so that what is valid is valid today and what is expired is expired."""

from __future__ import annotations

import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Issued({self.certificate.subject.rfc4514_string()})"  # a key is never shown

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as PEM, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


Chain = tuple[Issued, ...]


def issue(name: str, by: Issued | None = None, *, authority: bool = False, expired: bool = False, subject: str = "") -> Issued:
    """A certificate for a host or client ``name``, or with ``authority`` for a CA; self-signed unless ``by`` is given.

    ``subject`` is another common name than the one in the subject alternative names.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    begins, ends = (now - 400 * DAY, now - 5 * DAY) if expired else (now - 30 * DAY, now + 300 * DAY)
    own = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Meadow"), x509.NameAttribute(NameOID.COMMON_NAME, subject or name)])
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(by.certificate.subject if by else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


class Authority(NamedTuple):
    """A root and the CA below it that issues."""

    root: Issued
    middle: Issued

    def chain(self, name: str, *, expired: bool = False) -> Chain:
        """A certificate for that name, and the CA that issued it: what a server has to send."""
        return issue(name, self.middle, expired=expired), self.middle


def authority(name: str) -> Authority:
    """A new authority."""
    root = issue(f"{name} Root CA", authority=True)
    return Authority(root, issue(f"{name} Issuing CA", root, authority=True))


@lru_cache(maxsize=1)
def cast() -> tuple[Authority, Authority]:
    """The authority whom everybody should trust, and another one."""
    return authority("Meadow"), authority("Elsewhere")


def pem(chain: Chain) -> bytes:
    """The certificates of a chain, one after the other."""
    return b"".join(one.pem for one in chain)


def written(folder: Path, name: str, chain: Chain, *, key: bool = True) -> str:
    """A file with the chain and, in front, its first certificate's key; only we can read it. The value is its path."""
    path = folder / f"{name}.pem"
    path.touch(mode=0o600)
    path.write_bytes((chain[0].key_pem if key else b"") + pem(chain))
    return str(path)
