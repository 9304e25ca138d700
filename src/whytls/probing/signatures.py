"""Signatures in handshakes: whether the server's fits the key of its certificate, and ours where it asks for one.

``verified`` answers yes, no, or None where it cannot be told: a key that cannot be read, a scheme without a library. It refuses nothing:
MD5 and SHA-1 are checked like all others, and what a client would mind is for the causes to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from whytls.pki.certificate import read
from whytls.wire.registry import TLS12, TLS13, scheme_hash, scheme_key_type
from whytls.wire.secrets import digest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

# Schemes for a kind of key, the most usual first. RSA keys sign with PKCS#1 up to TLS 1.2 only (RFC 8446 section 4.2.3).
_SCHEMES = {
    "rsa": (0x0804, 0x0401, 0x0805, 0x0501, 0x0806, 0x0601, 0x0301, 0x0201),
    "rsa-pss": (0x0809, 0x080A, 0x080B),
    "ed25519": (0x0807,),
    "ed448": (0x0808,),
    "ecdsa": (0x0403, 0x0503, 0x0603, 0x0303, 0x0203),
}
_CURVE_SCHEMES = {"secp256r1": 0x0403, "secp384r1": 0x0503, "secp521r1": 0x0603, "brainpoolP256r1": 0x081A, "brainpoolP384r1": 0x081B,
                  "brainpoolP512r1": 0x081C}  # fmt: skip
_BRAINPOOL_HASHES = {0x081A: "sha256", 0x081B: "sha384", 0x081C: "sha512"}  # RFC 8734
_TLS12_HASHES = {1: "md5", 2: "sha1", 3: "sha224", 4: "sha256", 5: "sha384", 6: "sha512"}  # RFC 5246 section 7.4.1.4.1


def public_key(certificate: bytes) -> PublicKeyTypes | None:
    """The key in a certificate (DER), or None where the library reads none."""
    import warnings

    from whytls.pki import links

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd serial numbers and the like
        try:
            return links.public_key(read(certificate))  # type: ignore[return-value]  # a public key of the library
        except Exception:  # of many types; whatever it is, there is no key
            return None


def verified(key: PublicKeyTypes | None, scheme: int | None, data: bytes, signature: bytes) -> bool | None:
    """Whether that key made this signature; without a scheme as before TLS 1.2: RSA with MD5 and SHA-1, others with SHA-1."""
    from cryptography.exceptions import InvalidSignature

    if key is None:
        return None
    try:
        arguments = _arguments(key, scheme, data)
        if arguments is None:
            return None
        key.verify(signature, *arguments)  # type: ignore[union-attr]  # kinds without verify have no arguments
    except InvalidSignature:
        return False
    except ValueError:  # a signature that is none
        return False
    except Exception:  # of many types, the library's "internal error" for keys beyond its bounds among them
        return None
    return True


def _arguments(key: Any, scheme: int | None, data: bytes) -> tuple[Any, ...] | None:
    """What the library's sign and verify take besides the signature."""
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
        return (data,)
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        found = _hash(scheme) if scheme is not None else _hash(0x0203)
        return (data, ec.ECDSA(found)) if found else None
    if isinstance(key, (dsa.DSAPublicKey, dsa.DSAPrivateKey)):
        found = _hash(scheme) if scheme is not None else _hash(0x0202)
        return (data, found) if found else None
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return _rsa_arguments(scheme, data)
    return (data,) if _lattice(key) else None


def _lattice(key: Any) -> int | None:
    """The scheme of an ML-DSA key (draft-ietf-tls-mldsa), of either half; None for others, and where the library is too old for them."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return None
    kinds = {
        0x0904: (mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey),
        0x0905: (mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey),
        0x0906: (mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey),
    }
    return next((scheme for scheme, kind in kinds.items() if isinstance(key, kind)), None)


def _rsa_arguments(scheme: int | None, data: bytes) -> tuple[Any, ...] | None:
    from cryptography.hazmat.primitives.asymmetric import padding

    if scheme is None:
        return _bare(digest("md5", data) + digest("sha1", data))
    found = _hash(scheme)
    if found is None or scheme_key_type(scheme) not in ("rsa", "rsa-pss"):
        return None
    if 0x0804 <= scheme <= 0x080B:
        return data, padding.PSS(padding.MGF1(found), padding.PSS.DIGEST_LENGTH), found
    return data, padding.PKCS1v15(), found


def _bare(hashes: bytes) -> tuple[Any, ...] | None:
    """PKCS#1 v1.5 over bytes as they are, without the name of a hash (RFC 2246 section 4.7)."""
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
    except ImportError:  # a library that is older: cannot be told
        return None
    return hashes, padding.PKCS1v15(), NoDigestInfo()


def _hash(scheme: int) -> HashAlgorithm | None:
    """The hash of a scheme, also of TLS 1.2's pairs that have no name of their own."""
    from cryptography.hazmat.primitives import hashes

    name = _BRAINPOOL_HASHES.get(scheme) or scheme_hash(scheme) or _TLS12_HASHES.get(scheme >> 8, "")
    kinds: dict[str, Callable[[], HashAlgorithm]] = {
        "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224,
        "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
    }  # fmt: skip
    return kinds[name]() if name in kinds else None


def scheme_for(key: Any, rsa_pss: bool, accepted: Sequence[int] | None, version: int) -> int | None:
    """A scheme that the server accepts and this private key can make; None: there is none. ``rsa_pss``: its certificate says RSASSA-PSS.

    Before TLS 1.2 nothing is said of schemes, and RSA and ECDSA are all there is: then any of theirs stands for "it can".
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        own = tuple([scheme for name, scheme in _CURVE_SCHEMES.items() if name == key.curve.name])
        # TLS 1.3 binds a scheme to its curve; in TLS 1.2 that is the one which servers like best, and brainpool has none of its own.
        able = own if version >= TLS13 else tuple(dict.fromkeys([s for s in (*own, *_SCHEMES["ecdsa"]) if s < 0x0800]))
    elif isinstance(key, rsa.RSAPrivateKey):
        able = _SCHEMES["rsa-pss" if rsa_pss else "rsa"]
        able = tuple([s for s in able if _fits(key.key_size, s) and (s >= 0x0800 or version < TLS13)])
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        able = _SCHEMES["ed25519"]
    elif isinstance(key, ed448.Ed448PrivateKey):
        able = _SCHEMES["ed448"]
    else:
        lattice = _lattice(key)
        able = (lattice,) if lattice is not None and version >= TLS13 else ()
    if version < TLS12:
        return next((s for s in able if s < 0x0700), None)
    return next((s for s in able if accepted is None or s in accepted), None)


def _fits(bits: int, scheme: int) -> bool:
    """Whether an RSA key is long enough for the scheme's hash (RFC 8017 sections 9.1.1 and 9.2)."""
    size = {"sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}[scheme_hash(scheme) or _TLS12_HASHES[scheme >> 8]]
    return bits >= 8 * (2 * size + 2 if scheme >= 0x0800 else size + 30)


def signed(key: Any, scheme: int | None, data: bytes) -> bytes | None:
    """Our signature; None where the key cannot sign so (the library knows, not we)."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        arguments = _arguments(key, scheme, data)
        return bytes(key.sign(*arguments)) if arguments is not None else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def signed_ssl3(key: Any, hashes: bytes) -> bytes | None:
    """CertificateVerify of SSL 3.0 over its own MD5 and SHA-1: RSA signs both, others the SHA-1 (RFC 6101 section 5.6.8)."""
    from cryptography.hazmat.primitives import hashes as kinds
    from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

    if isinstance(key, rsa.RSAPrivateKey):
        arguments = _bare(hashes)
        return bytes(key.sign(*arguments)) if arguments is not None else None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(hashes[16:], ec.ECDSA(utils.Prehashed(kinds.SHA1())))  # noqa: S303  # the protocol's hash
    return None
