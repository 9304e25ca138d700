"""Who signed whom: the signature of one certificate under the key of another, and what else ties the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from whytls.pki.cache import Bounded
from whytls.pki.certificate import Certificate

if TYPE_CHECKING:
    from cryptography import x509

LARGEST_KEY = 16_384  # bits; OpenSSL verifies nothing above, and one signature under such a key takes milliseconds
LARGEST_EXPONENT = 1 << 33  # 65,537 everywhere; the cost of a signature grows with it, and it is the sender's to choose
_FITS, _FITS_NOT, _UNKNOWN = 1, 0, -1
_verified: Bounded[tuple[str, str], int] = Bounded(16_384, 16_384, lambda _: 1)


class Link(NamedTuple):
    """One certificate and a candidate for its issuer: the name fits, and this is what else is known."""

    issuer: Certificate
    verified: bool | None  # the signature fits the issuer's key; None: could not be tried
    key_id: bool | None  # the key identifiers are equal; None: one of the two is missing
    exact: bool  # the names are equal byte for byte (Go and others require it)

    @property
    def broken(self) -> bool:
        """The signature was tried and does not fit."""
        return self.verified is False


def link(certificate: Certificate, issuer: Certificate, *, try_signature: bool = True) -> Link:
    """What ties a certificate to one that has its issuer's name."""
    key_id = certificate.aki == issuer.ski if certificate.aki is not None and issuer.ski is not None else None
    verified = verifies(certificate, issuer) if try_signature else None
    return Link(issuer, verified, key_id, certificate.issuer_der == issuer.subject_der)


def verifies(certificate: Certificate, issuer: Certificate) -> bool | None:
    """Whether the issuer's key made the certificate's signature; ``None`` where that cannot be tried."""
    pair = (certificate.sha256, issuer.sha256)
    known = _verified.get(pair)
    if known is None:
        known = _verified.put(pair, _verify(certificate, issuer))
    return None if known == _UNKNOWN else known == _FITS


def is_tried(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the answer is known already, so that asking costs nothing."""
    return _verified.get((certificate.sha256, issuer.sha256)) is not None


def self_signed(certificate: Certificate) -> bool:
    """Its own key made its signature. Unknown counts as yes: the name says so and nothing speaks against it."""
    return certificate.self_issued and verifies(certificate, certificate) is not False


def _verify(certificate: Certificate, issuer: Certificate) -> int:
    import warnings

    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    if issuer.key_bits and issuer.key_bits > LARGEST_KEY:
        return _UNKNOWN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            child, parent = x509.load_der_x509_certificate(certificate.der), x509.load_der_x509_certificate(issuer.der)
            return _FITS if _try(child, parent) else _FITS_NOT
        except InvalidSignature:
            return _FITS_NOT
        except Exception:  # unsupported algorithm, damaged key: the library has many types for it
            return _UNKNOWN


def _try(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Raises InvalidSignature, or whatever the library raises where it cannot try."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    key, signature, signed = parent.public_key(), child.signature, child.tbs_certificate_bytes
    # Not verify_directly_issued_by: it wants the names equal byte for byte, which not every stack does.
    kind = child.signature_algorithm_oid.dotted_string
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        if kind not in ("1.3.101.112", "1.3.101.113"):
            return False
        key.verify(signature, signed)
        return True
    algorithm, parameters = child.signature_hash_algorithm, child.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey):
        if not kind.startswith("1.2.840.113549.1.1.") or algorithm is None:
            return False
        if key.public_numbers().e > LARGEST_EXPONENT:
            raise ValueError("exponent too large to be tried")
        key.verify(signature, signed, parameters, algorithm)  # type: ignore[arg-type]  # a padding, by the check above
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(parameters, ec.ECDSA):
            return False
        key.verify(signature, signed, parameters)
    elif isinstance(key, dsa.DSAPublicKey):
        if not kind.startswith(("1.2.840.10040.4.", "2.16.840.1.101.3.4.3.")) or algorithm is None:
            return False
        key.verify(signature, signed, algorithm)
    else:
        raise TypeError("key of no kind that signs certificates")
    return True
