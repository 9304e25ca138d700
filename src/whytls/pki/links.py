"""Who signed whom: the signature of one certificate under the key of another, and what else ties the two together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whytls.pki.cache import Bounded
from whytls.pki.certificate import SIGNATURE_HASHES, Certificate
from whytls.pki.der import RSASSA_PSS, children, dotted, element, pss_parameters
from whytls.pki.plain import key_numbers
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

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

    from cryptography.exceptions import InvalidSignature

    if issuer.key_bits and issuer.key_bits > LARGEST_KEY:
        return _UNKNOWN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _FITS if _try(_signed(certificate), public_key(issuer)) else _FITS_NOT
        except InvalidSignature:
            return _FITS_NOT
        except Exception:  # unsupported algorithm, damaged key: the library has many types for it
            return _UNKNOWN


class _Signed(NamedTuple):
    """What was signed, and how."""

    body: bytes
    signature: bytes
    kind: str  # object identifier
    algorithm: hashes.HashAlgorithm | None
    parameters: object  # a padding, where the key is an RSA one


def _signed(certificate: Certificate) -> _Signed:
    der = certificate.der
    if certificate.plain:
        return _cut_out(der)
    from cryptography import x509

    try:
        parsed = x509.load_der_x509_certificate(der)
        algorithm, parameters = parsed.signature_hash_algorithm, parsed.signature_algorithm_parameters
    except Exception:  # an odd version, an odd time, ECDSA over SHA-1: other stacks read it nevertheless
        return _cut_out(der)
    kind = parsed.signature_algorithm_oid.dotted_string
    return _Signed(parsed.tbs_certificate_bytes, parsed.signature, kind, algorithm, parameters)


def _cut_out(der: bytes) -> _Signed:
    """The same from a certificate that the library does not read."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    tbs, algorithm, bits = children(der, element(der, 0, len(der)))
    oid = next(children(der, algorithm))
    kind = dotted(der[oid.body : oid.end])
    name, salt = pss_parameters(der, algorithm) if kind == RSASSA_PSS else (SIGNATURE_HASHES.get(kind, ""), 0)
    chosen: hashes.HashAlgorithm | None = getattr(hashes, name.upper())() if name else None
    padded = padding.PSS(padding.MGF1(chosen), salt) if chosen and kind == RSASSA_PSS else padding.PKCS1v15()
    return _Signed(der[tbs.start : tbs.end], der[bits.body + 1 : bits.end], kind, chosen, padded)


def public_key(certificate: Certificate) -> object:
    """The key in it, one of the library's.

    Raises:
        Exception: of many types, where the library reads none.
    """
    der = certificate.der
    if certificate.plain:
        return _plain_key(certificate)
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return x509.load_der_x509_certificate(der).public_key()
    except Exception:  # as above
        tbs = next(children(der, element(der, 0, len(der))))
        parts = list(children(der, tbs))
        info = parts[6 if parts[0].tag == 0xA0 else 5]
        return load_der_public_key(der[info.start : info.end])


def _plain_key(certificate: Certificate) -> object:
    """The key from its numbers: loading it as a structure would import most of the library."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    numbers = key_numbers(certificate.der)
    if isinstance(numbers, bytes):
        curve = ec.SECP256R1() if certificate.curve == "secp256r1" else ec.SECP384R1()
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, numbers)
    modulus, exponent = numbers
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _try(child: _Signed, key: object) -> bool:
    """Raises InvalidSignature, or whatever the library raises where it cannot try."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    # Not verify_directly_issued_by: it wants the names equal byte for byte, which not every stack does.
    kind, algorithm, parameters = child.kind, child.algorithm, child.parameters
    if isinstance(key, rsa.RSAPublicKey):
        if not kind.startswith("1.2.840.113549.1.1.") or algorithm is None:
            return False
        if key.public_numbers().e > LARGEST_EXPONENT:
            raise ValueError("exponent too large to be tried")
        padded = parameters if kind == RSASSA_PSS else padding.PKCS1v15()  # the library has no parameters for RSA over MD5
        key.verify(child.signature, child.body, padded, algorithm)  # type: ignore[arg-type]  # a padding, by the check above
        return True
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not kind.startswith("1.2.840.10045.4.") or algorithm is None:
            return False
        key.verify(child.signature, child.body, ec.ECDSA(algorithm))  # the library has no parameters for ECDSA over SHA-1
        return True
    from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519

    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        if kind not in ("1.3.101.112", "1.3.101.113"):
            return False
        key.verify(child.signature, child.body)
    elif isinstance(key, dsa.DSAPublicKey):
        if not kind.startswith(("1.2.840.10040.4.", "2.16.840.1.101.3.4.3.")) or algorithm is None:
            return False
        key.verify(child.signature, child.body, algorithm)
    else:
        raise TypeError("key of no kind that signs certificates")
    return True
