"""What OpenSSL notes of each certificate before it verifies anything (v3_purp.c, ossl_x509v3_cache_extensions), and who issued whom by that."""

from __future__ import annotations

from typing import NamedTuple

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.cache import Bounded
from whytls.pki.der import children, dotted, element
from whytls.pki.details import Details
from whytls.pki.profiles.openssl_names import canonical

PROXY = "1.3.6.1.5.5.7.1.14"
_SUPPORTED = frozenset({
    d.NETSCAPE_TYPE, d.KEY_USAGE, d.SAN, d.BASIC, d.POLICIES, d.CRLS, d.EKU, "1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.8", d.OCSP_NO_CHECK,
    d.POLICY_CONSTRAINTS, PROXY, d.NAMES, d.MAPPINGS, d.ANY_POLICY,
})  # fmt: skip
_READ = frozenset({d.BASIC, PROXY, d.KEY_USAGE, d.EKU, d.NETSCAPE_TYPE, d.SKI, d.AKI, d.SAN, d.NAMES, d.CRLS})
_DIGEST_BITS = {"md5": 39, "sha1": 63, "sha224": 112, "sha256": 128, "sha384": 192, "sha512": 256}
_RSA, _PSS, _EC, _DSA = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1", "1.2.840.10040.4.1"
_EDWARDS = ("1.3.101.112", "1.3.101.113")
_RSA_STEPS = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80), (512, 56))


class Marks(NamedTuple):
    """The flags of one certificate."""

    invalid: bool  # EXFLAG_INVALID: an extension that matters cannot be read
    self_issued: bool
    self_signed: bool  # by name, key identifier and kind of key: no signature is tried
    ca: int  # X509_check_ca: 0 no, 1 yes, 3 version 1 and self-signed, 4 by keyUsage only, 5 by nsCertType only
    critical: bool  # an extension that is critical and not known
    proxy: bool
    digest_bits: int  # -1: not known


_marked: Bounded[str, Marks] = Bounded(4096, 4096, lambda _: 1)


def marks(link: Details) -> Marks:
    """What OpenSSL notes of a certificate."""
    key = link.certificate.sha256
    return _marked.get(key) or _marked.put(key, _mark(link))


def _mark(link: Details) -> Marks:
    invalid = _invalid(link)
    self_issued = canonical(link.subject) == canonical(link.issuer)
    self_signed = self_issued and not invalid and _id_fits(link, link) and _kind_fits(link, link)
    critical = next((True for extension in link.extensions if extension.critical and extension.kind not in _SUPPORTED), False)
    bits = _DIGEST_BITS.get(link.certificate.signature_hash, -1)
    edwards = _algorithm(link.outer_algorithm) in _EDWARDS
    ca = 0 if invalid else _ca(link, self_signed=self_signed)
    return Marks(invalid, self_issued, self_signed, ca, critical, link.has(PROXY), 128 if edwards else bits)


def _ca(link: Details, *, self_signed: bool) -> int:
    usages = link.certificate.key_usage
    if usages is not None and "key_cert_sign" not in usages:
        return 0
    if link.has(d.BASIC):
        return int(bool(link.certificate.is_ca))
    if link.version == 1 and self_signed:
        return 3
    if usages is not None:
        return 4
    netscape = link.extension(d.NETSCAPE_TYPE)
    return 5 if netscape is not None and len(netscape.value) > 3 and netscape.value[3] & 0x07 else 0


def _invalid(link: Details) -> bool:
    read = [extension for extension in link.extensions if extension.kind in _READ]
    if len({extension.kind for extension in read}) < len(read):
        return True
    if link.has(PROXY) and (link.certificate.is_ca or link.has(d.SAN) or link.has(d.ISSUER_ALT)):
        return True  # RFC 3820 section 3.2
    return any(_unreadable(link, extension) for extension in read)


def _unreadable(link: Details, extension: d.Extension) -> bool:
    kind, value = extension.kind, extension.value
    try:
        outer = element(value, 0, len(value))
        parts = list(children(value, outer)) if outer.tag == 0x30 else []
    except Malformed:
        return True
    if kind in (d.KEY_USAGE, d.NETSCAPE_TYPE):
        return outer.tag != 0x03 or (kind == d.KEY_USAGE and not any(value[outer.body + 1 : outer.end][:2]))
    if kind == d.SKI:
        return outer.tag != 0x04
    if outer.tag != 0x30 or kind in link.unread:
        return True
    if kind == d.BASIC:
        numbers = [value[p.body : p.end] for p in parts if p.tag == 0x02]
        return any(p.tag not in (0x01, 0x02) for p in parts) or any(not n or n[0] & 0x80 for n in numbers)
    if kind == d.EKU:
        return any(part.tag != 0x06 for part in parts)
    return kind == d.CRLS and any(part.tag != 0x30 for part in parts)


def issued(child: Details, issuer: Details) -> bool:
    """ossl_x509_likely_issued: the name, the key identifier and the kind of the key fit."""
    if canonical(issuer.subject) != canonical(child.issuer) or marks(issuer).invalid or marks(child).invalid:
        return False
    return _id_fits(child, issuer) and _kind_fits(child, issuer)


def _id_fits(child: Details, issuer: Details) -> bool:
    """X509_check_akid: what authorityKeyIdentifier names must not contradict the issuer."""
    extension = child.extension(d.AKI)
    if extension is None:
        return True
    key_id, serial, names = _authority(extension.value)
    own = issuer.certificate.ski
    if key_id is not None and own is not None and key_id != own:
        return False
    if serial is not None and serial != d.integer(issuer.serial):
        return False
    return names is None or canonical(names) == canonical(issuer.issuer)


def _authority(value: bytes) -> tuple[bytes | None, int | None, d.Name | None]:
    key_id: bytes | None = None
    serial: int | None = None
    name: d.Name | None = None
    try:
        for part in children(value, element(value, 0, len(value))):
            body = value[part.body : part.end]
            if part.tag == 0x80:
                key_id = body
            elif part.tag == 0x82:
                serial = d.integer(body)
            elif part.tag == 0xA1:
                directory = next((p for p in children(value, part) if p.tag == 0xA4), None)
                name = d.directory_name(value[directory.body : directory.end]) if directory else None
    except (Malformed, ValueError, IndexError):
        pass
    return key_id, serial, name


def _kind_fits(child: Details, issuer: Details) -> bool:
    """check_sig_alg_match: the signature's algorithm is one of the issuer's kind of key."""
    kind, key = _algorithm(child.inner_algorithm), issuer.key_algorithm
    if key in (_RSA, _PSS):
        return kind == _PSS or (key == _RSA and kind.startswith(("1.2.840.113549.1.1.", "1.3.14.3.2.29")))
    if key == _EC:
        return kind.startswith("1.2.840.10045.4.")
    if key == _DSA:
        return kind.startswith(("1.2.840.10040.4.", "2.16.840.1.101.3.4.3."))
    return kind == key


def _algorithm(identifier: bytes) -> str:
    try:
        oid = next(children(identifier, element(identifier, 0, len(identifier))))
        return dotted(identifier[oid.body : oid.end])
    except (Malformed, StopIteration):
        return ""


def strength(link: Details) -> int:
    """The bits of security that OpenSSL sees in a certificate's key; -1 where it cannot read the key."""
    kind, bits = link.key_algorithm, link.certificate.key_bits
    if kind in _EDWARDS:
        return 128 if kind == _EDWARDS[0] else 224
    if bits is None:
        return -1
    if kind == _EC:
        return bits // 2
    return next((level for least, level in _RSA_STEPS if bits >= least), 0)
