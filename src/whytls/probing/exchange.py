"""Key exchange up to TLS 1.2: what the server's ServerKeyExchange offers, and our ClientKeyExchange with the premaster secret.

RFC 5246 section 7.4.3 and 7.4.7, RFC 8422 section 5.4 and 5.7, RFC 6101 section 5.6.7.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from whytls.exceptions import Malformed
from whytls.probing.groups import MOST_BITS, Agreement, finite, offer
from whytls.wire.cursor import Cursor
from whytls.wire.registry import SSL3, TLS12

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


class Offered(NamedTuple):
    """The parameters of a ServerKeyExchange, and the signature over them."""

    parameters: bytes  # what is signed, behind both randoms
    share: bytes
    group: int | None = None  # ecdhe; None: dhe
    prime: int = 0
    generator: int = 0
    scheme: int | None = None  # absent before TLS 1.2
    signature: bytes | None = None  # absent in anonymous suites


class Exchanged(NamedTuple):
    """The body of our ClientKeyExchange, and what it gives us."""

    body: bytes
    premaster: bytes


def offered(body: bytes, version: int, exchange: str, anonymous: bool) -> Offered | None:
    """A ServerKeyExchange of ECDHE or DHE; None where the curve is not a named one.

    Raises:
        Malformed: it contradicts itself.
    """
    at = Cursor(body)
    if exchange == "ECDHE":
        if at.u8("curve_type") != 3:
            return None
        found = Offered(b"", b"", at.u16("named_curve"))
        share = at.vector(1, "point")
    else:
        prime, generator = at.vector(2, "dh_p"), at.vector(2, "dh_g")
        found = Offered(b"", b"", None, int.from_bytes(prime, "big"), int.from_bytes(generator, "big"))
        share = at.vector(2, "dh_Ys")
    found = found._replace(parameters=body[: at.at], share=share)
    if anonymous or not at.left:
        return found
    scheme = at.u16("signature_algorithm") if version >= TLS12 else None
    return found._replace(scheme=scheme, signature=at.vector(2, "signature"))


def answered(found: Offered) -> Exchanged | None:
    """Our half of ECDHE or DHE; None where the library does not have the group."""
    if found.group is None:
        half = finite(0, found.prime, found.generator)
        # RFC 5246 section 8.1.2: zeros in front of the secret are left out, as they are not in TLS 1.3
        return Exchanged(_vector(2, half.public), half.secret(found.share).lstrip(b"\0"))
    agreed = offer(found.group)
    return Exchanged(_vector(1, agreed.public), agreed.secret(found.share)) if agreed else None


def with_certificate(key: PublicKeyTypes | None, exchange: str, hello_version: int, version: int) -> Exchanged | None:
    """Our half where the server's is in its certificate: RSA, or a fixed point (ECDH). None where its key cannot be used for that."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if exchange == "RSA" and isinstance(key, rsa.RSAPublicKey):
        premaster = min(hello_version, 0x0303).to_bytes(2, "big") + os.urandom(46)
        sealed = _encrypted(key, premaster)
        return Exchanged(sealed if version <= SSL3 else _vector(2, sealed), premaster)
    if exchange == "ECDH" and isinstance(key, ec.EllipticCurvePublicKey):
        half = _fixed(key)
        return Exchanged(_vector(1, half[0].public), half[0].secret(half[1])) if half else None
    return None


def _fixed(key: Any) -> tuple[Agreement, bytes] | None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    group = {"secp192r1": 19, "secp224r1": 21, "secp256k1": 22, "secp256r1": 23, "secp384r1": 24, "secp521r1": 25}.get(key.curve.name)
    half = offer(group) if group else None
    return (half, key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)) if half else None


def _encrypted(key: Any, data: bytes) -> bytes:
    """PKCS#1 v1.5 (RFC 8017 section 7.2.1) as plain arithmetic: libraries refuse keys that are small or odd, which a probe has to meet."""
    numbers = key.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    if size * 8 > MOST_BITS or numbers.e.bit_length() > 64:
        raise Malformed(f"an RSA key of {size * 8} bits with an exponent of {numbers.e.bit_length()}")
    room = size - 3 - len(data)
    if room < 8:
        raise Malformed(f"the server's RSA key of {numbers.n.bit_length()} bits is too short for a premaster secret")
    padding = bytes([secrets.randbelow(255) + 1 for _ in range(room)])
    message = int.from_bytes(b"\0\2" + padding + b"\0" + data, "big")
    return int(pow(message, numbers.e, numbers.n)).to_bytes(size, "big")


def _vector(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body
