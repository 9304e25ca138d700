"""What the Management API says of a certificate (R14), in the words of the Java that Edge runs on."""

from __future__ import annotations

from whytls.edge.resources import CertInfo
from whytls.pki import details
from whytls.pki.certificate import Certificate, read
from whytls.pki.profiles.java_names import shown

MILLISECOND = 1_000_000  # nanoseconds
# Java's standard names of signature algorithms; others are shown by their object identifier, as Java does.
SIGNATURES = {
    "1.2.840.113549.1.1.4": "MD5withRSA", "1.2.840.113549.1.1.5": "SHA1withRSA", "1.2.840.113549.1.1.14": "SHA224withRSA",
    "1.2.840.113549.1.1.11": "SHA256withRSA", "1.2.840.113549.1.1.12": "SHA384withRSA", "1.2.840.113549.1.1.13": "SHA512withRSA",
    "1.2.840.113549.1.1.10": "RSASSA-PSS", "1.2.840.10045.4.1": "SHA1withECDSA", "1.2.840.10045.4.3.1": "SHA224withECDSA",
    "1.2.840.10045.4.3.2": "SHA256withECDSA", "1.2.840.10045.4.3.3": "SHA384withECDSA", "1.2.840.10045.4.3.4": "SHA512withECDSA",
    "1.2.840.10040.4.3": "SHA1withDSA", "2.16.840.1.101.3.4.3.2": "SHA256withDSA", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
}  # fmt: skip
_KEYS = {"rsa": "RSA", "rsa-pss": "RSASSA-PSS", "ec": "EC", "dsa": "DSA", "ed25519": "Ed25519", "ed448": "Ed448"}


def described(der: bytes, at: int) -> CertInfo:
    """One certificate at a time, which is in nanoseconds since 1970."""
    found = read(der)
    encoded = details.of(found)
    return CertInfo(
        subject=shown(encoded.subject) or found.subject,
        issuer=shown(encoded.issuer) or found.issuer,
        serial_number=serial(found.serial),
        valid_from=None if found.not_before is None else found.not_before // MILLISECOND,
        expiry_date=None if found.not_after is None else found.not_after // MILLISECOND,
        is_valid=not (found.expired(at) or found.not_yet_valid(at)),
        basic_constraints="CA:TRUE" if found.is_ca else "CA:FALSE",
        public_key=_public_key(found),
        sig_alg_name=SIGNATURES.get(found.signature_algorithm, found.signature_algorithm),
        version=found.version,
        subject_alternative_names=(*found.dns_names, *found.ip_addresses, *(value for _, value in found.other_names)),
    )


def serial(number: int | None) -> str:
    """A serial number in bytes with colons between: ``07:bc:a7``."""
    if number is None:
        return ""
    digits = f"{abs(number):x}"
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return ("-" if number < 0 else "") + ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _public_key(found: Certificate) -> str:
    name = _KEYS.get(found.key_type, found.key_type)
    return f"{name} Public Key, {found.key_bits} bits" if found.key_bits else f"{name} Public Key"
