"""Names for the numbers of TLS, and what a cipher suite's or signature scheme's name says about it.

The tables are in ``numbers.py``, which tools/make_registry.py writes; they are passed on here. A number without a name
is written in hexadecimal, GREASE (RFC 8701) as GREASE.
"""

from __future__ import annotations

from functools import lru_cache

from whytls.tuples import NamedTuple
from whytls.wire.numbers import (
    ALERTS,
    CERTIFICATE_TYPES,
    CONTENT_TYPES,
    EXTENSIONS,
    GROUPS,
    HANDSHAKE_TYPES,
    OPENSSL_SUITES,
    REFERENCES,
    SCHEMES,
    SUITES,
    VERSIONS,
)

__all__ = [
    "ALERTS", "CERTIFICATE_TYPES", "CONTENT_TYPES", "EXTENSIONS", "GREASE", "GROUPS", "HANDSHAKE_TYPES", "OPENSSL_SUITES",
    "REFERENCES", "SCHEMES", "SSL2", "SSL3", "SUITES", "TLS10", "TLS11", "TLS12", "TLS13", "VERSIONS", "SuiteFacts",
    "alert_name", "certificate_type_name", "extension_name", "group_kind", "group_name", "handshake_name", "is_tls13",
    "reference", "scheme_hash", "scheme_key_type", "scheme_name", "suite_facts", "suite_name", "suite_number",
    "suite_openssl_name", "version_name",
]  # fmt: skip

SSL2, SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304

# RFC 8701: values that stand for nothing, so that peers learn to ignore what they do not know.
GREASE = frozenset(n << 8 | n for n in range(0x0A, 0x100, 0x10))


# ------------------------------------------------------------------ names


def _name(table: dict[int, str], number: int, width: int = 4) -> str:
    name = table.get(number)
    if name is not None:
        return name
    return "GREASE" if width == 4 and number in GREASE else f"0x{number:0{width}x}"


def version_name(number: int) -> str:
    """ "TLS 1.2", "SSL 3.0"; drafts of TLS 1.3 with their number."""
    if number >> 8 == 0x7F:
        return f"TLS 1.3 draft {number & 0xFF}"
    return _name(VERSIONS, number)


def suite_name(number: int) -> str:
    """IANA's name of a cipher suite, which is also Java's: "TLS_RSA_WITH_AES_128_CBC_SHA"."""
    return _name(SUITES, number)


def suite_openssl_name(number: int) -> str:
    """OpenSSL's name of a cipher suite ("AES128-SHA"), which nginx, Apache and HAProxy take; IANA's where it has none."""
    return OPENSSL_SUITES.get(number) or suite_name(number)


def suite_number(name: str) -> int | None:
    """The cipher suite of that name, IANA's, OpenSSL's or Java's (``SSL_RSA_...`` for what predates TLS)."""
    if not _by_name:
        _by_name.update((label, number) for number, label in OPENSSL_SUITES.items() if number <= 0xFFFF)
        _by_name.update((label, number) for number, label in SUITES.items())
        _by_name.update((f"SSL_{label[4:]}", n) for n, label in SUITES.items() if n < 0x2C and label.startswith("TLS_"))
    return _by_name.get(name)


_by_name: dict[str, int] = {}


def group_name(number: int) -> str:
    """Name of a group: "x25519", "secp256r1", "ffdhe2048", "X25519MLKEM768"."""
    return _name(GROUPS, number)


def scheme_name(number: int) -> str:
    """Name of a signature scheme: "rsa_pss_rsae_sha256", "ecdsa_sha1"."""
    return _name(SCHEMES, number)


def extension_name(number: int) -> str:
    """Name of an extension: "server_name"."""
    return _name(EXTENSIONS, number)


def alert_name(number: int) -> str:
    """Name of an alert's description: "handshake_failure"."""
    return _name(ALERTS, number, 2)


def handshake_name(number: int) -> str:
    """Name of a handshake message's type: "server_key_exchange"."""
    return _name(HANDSHAKE_TYPES, number, 2)


def certificate_type_name(number: int) -> str:
    """Name of a client certificate type in a CertificateRequest: "rsa_sign"."""
    return _name(CERTIFICATE_TYPES, number, 2)


def reference(kind: str, number: int) -> str:
    """The standard that defines a number ("RFC 8446"); kinds as in tools/registry.csv. Empty: none is known."""
    return REFERENCES[kind].get(number, "")


def is_tls13(version: int | None) -> bool:
    """Whether a version's messages are those of TLS 1.3: it, its drafts (0x7fNN), and Facebook's."""
    return version is not None and (version == TLS13 or version >> 8 in (0x7F, 0xFB))


# ------------------------------------------------------------------ cipher suites


class SuiteFacts(NamedTuple):
    """What a cipher suite's name says."""

    key_exchange: str  # RSA, DHE, ECDHE (also the anonymous forms), DH, ECDH (fixed), PSK, RSA_PSK, SRP, KRB5, GOST, TLS13, ...
    authentication: str  # what the server's certificate must hold: RSA, ECDSA, DSS, GOST; PSK, anon, any (TLS 1.3), ...
    cipher: str  # AES_128_GCM, 3DES_EDE_CBC, RC4_128, NULL, ...
    mac: str  # SHA, SHA256, MD5, ...; AEAD where the cipher is its own
    tls13: bool = False
    min_version: int = SSL3
    export: bool = False  # weakened for export

    def usable(self, version: int) -> bool:
        """Whether that version can use the suite; SSLv2's kinds and SCSVs belong to no version here."""
        if self.tls13 or is_tls13(version):
            return self.tls13 and is_tls13(version)
        return self.key_exchange not in ("SCSV", "SSLV2") and version >= self.min_version


_UNKNOWN = SuiteFacts("unknown", "unknown", "", "")
_facts: dict[int, SuiteFacts] = {}


def suite_facts(number: int) -> SuiteFacts:
    """What the name of a cipher suite says about it; all "unknown" for a suite without a name."""
    facts = _facts.get(number)
    if facts is None:
        name = SUITES.get(number)
        if name is None:
            return _UNKNOWN
        facts = _facts[number] = _read_name(name, number)
    return facts


def _read_name(name: str, number: int) -> SuiteFacts:
    name = name.removesuffix("_OLD").removeprefix("TLS_").removeprefix("SSL_")
    if name.endswith("_SCSV"):
        return SuiteFacts("SCSV", "", "", "")
    if number > 0xFFFF:
        cipher, _, mac = name.removeprefix("CK_").partition("_WITH_")
        return SuiteFacts("SSLV2", "RSA", cipher, mac, False, SSL2, "EXPORT" in cipher)
    exchange, _, rest = name.partition("_WITH_")
    if not rest:
        if 0xE000 <= number <= 0xE0FF:  # TLCP (GB/T 38636): ECDHE_SM4_CBC_SM3
            exchange, _, rest = name.partition("_")
            cipher, mac = _cipher_and_mac(rest)
            return SuiteFacts(exchange, "RSA" if exchange == "RSA" else "SM2", cipher, mac, False, SSL3)
        cipher, mac = _cipher_and_mac(name)
        return SuiteFacts("TLS13", "any", cipher, mac, True, TLS13)
    cipher, mac = _cipher_and_mac(rest)
    if "_MGM_" in rest:
        return SuiteFacts("TLS13", "any", cipher, mac, True, TLS13)  # RFC 9367
    export = "_EXPORT" in exchange
    key_exchange, authentication = _exchange(exchange.partition("_EXPORT")[0].removesuffix("_FIPS"))
    return SuiteFacts(key_exchange, authentication, cipher, mac, False, _min_version(exchange, cipher, mac), export)


_EXCHANGES = {
    "NULL": ("NULL", "anon"),
    "RSA": ("RSA", "RSA"),
    "DH_anon": ("DHE", "anon"),  # both sides send ephemeral keys, as in DHE
    "ECDH_anon": ("ECDHE", "anon"),
    "PSK": ("PSK", "PSK"),
    "PSK_DHE": ("DHE", "PSK"),
    "RSA_PSK": ("RSA_PSK", "RSA"),
    "SRP_SHA": ("SRP", "SRP"),
    "SRP_SHA_RSA": ("SRP", "RSA"),
    "SRP_SHA_DSS": ("SRP", "DSS"),
    "FORTEZZA_KEA": ("FORTEZZA", "FORTEZZA"),
}


def _exchange(text: str) -> tuple[str, str]:
    """Key exchange and authentication from what stands before WITH."""
    known = _EXCHANGES.get(text)
    if known:
        return known
    if text.startswith("GOST"):
        return "GOST", "GOST"
    exchange, _, authentication = text.partition("_")
    return exchange, authentication or exchange


def _cipher_and_mac(text: str) -> tuple[str, str]:
    cipher, _, mac = text.rpartition("_")
    if "_CCM" in text or "_GCM" in text or "POLY1305" in text or "_MGM" in text or text.startswith("AEGIS"):
        hashed = mac in ("SHA256", "SHA384", "SHA512", "SM3")
        return (cipher if hashed else text), "AEAD"
    return cipher, mac


def _min_version(exchange: str, cipher: str, mac: str) -> int:
    """The first version whose standard or OpenSSL lets it be negotiated."""
    if mac == "AEAD" or cipher.startswith(("KUZNYECHIK", "MAGMA")):
        return TLS12
    if mac in ("SHA256", "SHA384"):
        return TLS10 if "PSK" in exchange and "ARIA" not in cipher else TLS12  # RFC 5487 section 3, RFC 5489 section 3
    return TLS10 if exchange.startswith(("ECDH", "GOST", "KRB5")) else SSL3


# ------------------------------------------------------------------ groups and signature schemes


def group_kind(number: int) -> str:
    """ "elliptic" (also x25519), "finite" (ffdhe), "hybrid" (with a post-quantum part), "post-quantum", or empty."""
    if number not in GROUPS:
        return ""
    if 0x0100 <= number <= 0x0104:
        return "finite"
    if 0x0200 <= number <= 0x0202:
        return "post-quantum"
    return "elliptic" if number < 0x0100 or number >= 0xFF00 else "hybrid"


_TLS12_SIGNATURES = {1: "rsa", 2: "dsa", 3: "ecdsa"}
_KEY_TYPES = (
    ("rsa_pss_pss", "rsa-pss"), ("rsa", "rsa"), ("ecdsa", "ecdsa"), ("dsa", "dsa"), ("ed25519", "ed25519"), ("ed448", "ed448"),
    ("mldsa", "ml-dsa"), ("slhdsa", "slh-dsa"), ("sm2", "sm2"), ("gost", "gost"),
)  # fmt: skip


@lru_cache(maxsize=256)
def scheme_key_type(number: int) -> str:
    """The key that a certificate must hold: rsa, rsa-pss (only the OID RSASSA-PSS), ecdsa, ed25519, ml-dsa, ...; or empty."""
    name = SCHEMES.get(number)
    if name is None:
        return _TLS12_SIGNATURES.get(number & 0xFF, "") if 1 <= number >> 8 <= 6 else ""
    return next((kind for start, kind in _KEY_TYPES if name.startswith(start)), "")


def scheme_hash(number: int) -> str:
    """The hash of a signature scheme: md5, sha1, sha224, sha256, ...; empty: it has its own, or is not known."""
    tail = SCHEMES.get(number, "").removesuffix("_legacy").rpartition("_")[2]
    return tail if tail in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sm3") else ""
