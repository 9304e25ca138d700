"""DER, written by hand: certificates as they should not be, which no library agrees to make (RFC 5280, X.690).

Nothing here checks anything. A certificate is a `Body`, and its bytes are what the body says, sound or not.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, PRINTABLE, T61, IA5, UTC_TIME, GENERAL_TIME, BMP = 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1E

CN, ORGANISATION, C, OU, SERIAL_NUMBER, EMAIL, DC = (
    "2.5.4.3", "2.5.4.10", "2.5.4.6", "2.5.4.11", "2.5.4.5", "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25",
)  # fmt: skip
SKI, KEY_USAGE, SAN, BASIC, NAMES, AKI, EKU = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37"
POLICIES, MAPPINGS, POLICY_CONSTRAINTS, ANY_POLICY, CRLS, AIA = (
    "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54", "2.5.29.31", "1.3.6.1.5.5.7.1.1",
)  # fmt: skip
NETSCAPE_TYPE, UNKNOWN = "2.16.840.1.113730.1.1", "1.3.6.1.4.1.55555.7.1"

SIGNATURES = {
    ("rsa", "sha256"): "1.2.840.113549.1.1.11", ("rsa", "sha384"): "1.2.840.113549.1.1.12", ("rsa", "sha512"): "1.2.840.113549.1.1.13",
    ("rsa", "sha1"): "1.2.840.113549.1.1.5", ("rsa", "md5"): "1.2.840.113549.1.1.4", ("rsa", "sha224"): "1.2.840.113549.1.1.14",
    ("pss", "sha256"): "1.2.840.113549.1.1.10", ("ec", "sha256"): "1.2.840.10045.4.3.2", ("ec", "sha384"): "1.2.840.10045.4.3.3",
    ("ec", "sha1"): "1.2.840.10045.4.1", ("ec", "sha224"): "1.2.840.10045.4.3.1", ("ed25519", ""): "1.3.101.112",
}  # fmt: skip
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512, "sha1": hashes.SHA1, "md5": hashes.MD5, "sha224": hashes.SHA224,
}  # fmt: skip
USAGE_BITS = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip

Attribute = tuple[str, str, int]  # object identifier, value, string type
Name = tuple[tuple[Attribute, ...], ...]
Time = tuple[int, bytes]  # tag and content


def tlv(tag: int, body: bytes) -> bytes:
    """One element."""
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(0x30, b"".join(parts))


def integer(value: int) -> bytes:
    """INTEGER, as short as DER wants it."""
    size = 1
    while not -(1 << (8 * size - 1)) <= value < 1 << (8 * size - 1):
        size += 1
    return tlv(INTEGER, value.to_bytes(size, "big", signed=True))


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    body = b""
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        body += bytes(reversed(septets))
    return tlv(OID, body)


def bit_string(body: bytes, unused: int = 0) -> bytes:
    """BIT STRING."""
    return tlv(BITS, bytes([unused]) + body)


def name(*attributes: tuple[str, str] | Attribute) -> Name:
    """A distinguished name, one attribute in each relative name, UTF8String where no type is given."""
    return tuple(((a[0], a[1], a[2] if len(a) == 3 else UTF8),) for a in attributes)


def encoded_name(value: Name) -> bytes:
    """RDNSequence."""

    def text(content: str, tag: int) -> bytes:
        return content.encode("utf-16-be" if tag == BMP else "latin-1" if tag == T61 else "utf-8")

    return sequence(*(tlv(0x31, b"".join(sequence(oid(k), tlv(t, text(v, t))) for k, v, t in rdn)) for rdn in value))


def utc(moment: dt.datetime) -> Time:
    """UTCTime until 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5)."""
    if 1950 <= moment.year < 2050:
        return (UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return (GENERAL_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


def general(kind: str, value: str | bytes | Name) -> bytes:
    """GeneralName: dns, email, uri, ip, network, dirname, rid, other, raw-dns and raw-ip."""
    if kind == "dirname" and isinstance(value, tuple):
        return tlv(0xA4, encoded_name(value))
    if isinstance(value, bytes):
        return tlv({"raw-dns": 0x82, "raw-ip": 0x87, "raw-email": 0x81, "raw-uri": 0x86}[kind], value)
    text = str(value)
    if kind == "ip":
        return tlv(0x87, ipaddress.ip_address(text).packed)
    if kind == "network":
        network = ipaddress.ip_network(text, strict=False)
        return tlv(0x87, network.network_address.packed + network.netmask.packed)
    if kind == "rid":
        return tlv(0x88, oid(text)[2:])
    if kind == "other":
        return tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3") + tlv(0xA0, tlv(UTF8, text.encode())))
    return tlv({"dns": 0x82, "email": 0x81, "uri": 0x86}[kind], text.encode())


Names = Sequence[tuple[str, str | bytes | Name]]


def alternative_names(names: Names) -> bytes:
    """The value of subjectAltName."""
    return sequence(*(general(kind, value) for kind, value in names))


def name_constraints(permitted: Names = (), excluded: Names = (), *, distance: bytes = b"") -> bytes:
    """The value of nameConstraints; `distance` is put behind every base (minimum, maximum)."""
    parts = b""
    for tag, subtrees in ((0xA0, permitted), (0xA1, excluded)):
        if subtrees:
            parts += tlv(tag, b"".join(sequence(general(kind, value) + distance) for kind, value in subtrees))
    return sequence(parts)


def basic_constraints(ca: bool, path_length: int | None = None) -> bytes:
    """The value of basicConstraints."""
    return sequence(tlv(BOOLEAN, b"\xff") if ca else b"", b"" if path_length is None else integer(path_length))


def key_usage(*usages: str) -> bytes:
    """The value of keyUsage, bits at the end that are not set left out."""
    bits = 0
    for usage in usages:
        bits |= 0x8000 >> USAGE_BITS.index(usage)
    if not bits:
        return bit_string(b"")
    body = bits.to_bytes(2, "big")
    body = body if body[1] else body[:1]
    unused = (body[-1] & -body[-1]).bit_length() - 1
    return bit_string(body, unused)


def extended_key_usage(*usages: str) -> bytes:
    """The value of extKeyUsage."""
    return sequence(*map(oid, usages))


def authority_key_id(key_id: bytes | None, issuer: Name | None = None, serial: int | None = None) -> bytes:
    """The value of authorityKeyIdentifier."""
    parts = b"" if key_id is None else tlv(0x80, key_id)
    if issuer is not None:
        parts += tlv(0xA1, general("dirname", issuer))
    if serial is not None:
        parts += b"\x82" + integer(serial)[1:]
    return sequence(parts)


@dataclass(frozen=True)
class Extension:
    """One extension, whatever is in it."""

    kind: str
    value: bytes
    critical: bool = False

    @property
    def der(self) -> bytes:
        """Extension ::= SEQUENCE { extnID, critical, extnValue }."""
        return sequence(oid(self.kind), tlv(BOOLEAN, b"\xff") if self.critical else b"", tlv(OCTETS, self.value))


@dataclass(frozen=True)
class Body:
    """All that a certificate says; `version` None leaves the field out (v1)."""

    subject: Name
    issuer: Name
    serial: int
    begins: Time
    ends: Time
    key: bytes  # SubjectPublicKeyInfo
    extensions: tuple[Extension, ...] = ()
    version: int | None = 2  # as it is encoded: 2 is v3
    outer_algorithm: bytes | None = None  # another AlgorithmIdentifier outside than inside
    tampered: bool = False  # one bit of the signature turned over


def public_info(key: Key) -> bytes:
    """SubjectPublicKeyInfo of a key."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(info: bytes) -> bytes:
    """SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1)."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(info)
    if isinstance(key, rsa.RSAPublicKey):
        bits = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    else:
        bits = info[-32:]
    return hashlib.sha1(bits).digest()


def algorithm_identifier(kind: str, digest: str) -> bytes:
    """AlgorithmIdentifier of a signature."""
    if kind == "pss":
        sha = sequence(oid("2.16.840.1.101.3.4.2.1"), tlv(NULL, b""))
        masked = sequence(oid("1.2.840.113549.1.1.8"), sha)
        return sequence(oid(SIGNATURES[kind, digest]), sequence(tlv(0xA0, sha), tlv(0xA1, masked), tlv(0xA2, integer(32))))
    return sequence(oid(SIGNATURES[kind, digest]), tlv(NULL, b"") if kind == "rsa" else b"")


def signed(body: Body, key: Key, kind: str, digest: str) -> bytes:
    """The certificate: the body, its algorithm, and the signature that the key makes over it."""
    algorithm = algorithm_identifier(kind, digest)
    version = b"" if body.version is None else tlv(0xA0, integer(body.version))
    extensions = tlv(0xA3, sequence(*(e.der for e in body.extensions))) if body.extensions else b""
    tbs = sequence(
        version, integer(body.serial), algorithm, encoded_name(body.issuer), sequence(tlv(*body.begins), tlv(*body.ends)),
        encoded_name(body.subject), body.key, extensions,
    )  # fmt: skip
    signature = _sign(tbs, key, kind, digest)
    if body.tampered:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return sequence(tbs, body.outer_algorithm or algorithm, bit_string(signature))


def _sign(tbs: bytes, key: Key, kind: str, digest: str) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(tbs)
    algorithm = HASHES[digest]()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(tbs, ec.ECDSA(algorithm))
    padded = padding.PSS(padding.MGF1(algorithm), 32) if kind == "pss" else padding.PKCS1v15()
    return key.sign(tbs, padded, algorithm)
