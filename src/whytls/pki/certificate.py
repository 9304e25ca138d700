"""One certificate as the values that verdicts need, parsed once per distinct certificate.

What is plain is read by ``plain``, all else is parsed by ``cryptography``. What that refuses (a negative serial number, one damaged
extension, a certificate cut short) is read as far as it goes by ``der``, and ``problems`` says what was wrong: a peer that sent it still
has to be told which one it is. Text of a certificate is the sender's own: it is not made printable here, because it is also compared here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from whytls.pki import plain
from whytls.pki.cache import Bounded
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

LARGEST = 1 << 20  # bytes; what is larger is named and not parsed (the largest in use, with 100s of names, have 30 KB)
SECOND = 1_000_000_000
SERVER_AUTH, CLIENT_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"

KEY_TYPES = {
    "1.2.840.113549.1.1.1": "rsa",
    "1.2.840.113549.1.1.10": "rsa-pss",
    "1.2.840.10045.2.1": "ec",
    "1.2.840.10040.4.1": "dsa",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "2.16.840.1.101.3.4.3.17": "ml-dsa-44",  # RFC 9881
    "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
}
SIGNATURE_HASHES = {
    "1.2.840.113549.1.1.2": "md2", "1.2.840.113549.1.1.3": "md4", "1.2.840.113549.1.1.4": "md5",
    "1.2.840.113549.1.1.5": "sha1", "1.3.14.3.2.29": "sha1", "1.2.840.10040.4.3": "sha1", "1.2.840.10045.4.1": "sha1",
    "1.2.840.113549.1.1.14": "sha224", "1.2.840.10045.4.3.1": "sha224", "2.16.840.1.101.3.4.3.1": "sha224",
    "1.2.840.113549.1.1.11": "sha256", "1.2.840.10045.4.3.2": "sha256", "2.16.840.1.101.3.4.3.2": "sha256",
    "1.2.840.113549.1.1.12": "sha384", "1.2.840.10045.4.3.3": "sha384", "2.16.840.1.101.3.4.3.3": "sha384",
    "1.2.840.113549.1.1.13": "sha512", "1.2.840.10045.4.3.4": "sha512", "2.16.840.1.101.3.4.3.4": "sha512",
}  # fmt: skip


class NameConstraints(NamedTuple):
    """The names that a CA may and may not certify, each with its kind: dns, ip, email, uri, dirname, other."""

    permitted: tuple[tuple[str, str], ...]
    excluded: tuple[tuple[str, str], ...]


class Certificate(NamedTuple):
    """One certificate. ``None`` and empty mean: not in it, or not readable (then ``problems`` says so)."""

    der: bytes
    sha256: str  # of the DER, hexadecimal
    problems: tuple[str, ...] = ()  # what could not be read, in plain words
    plain: bool = False  # of the usual form throughout, and read by ``plain`` without the library
    whole: bool = True  # all of its parts are there; with problems, only their encoding is odd, which some stacks put up with
    version: int | None = None  # 1 or 3
    serial: int | None = None
    subject: str = ""  # RFC 4514
    issuer: str = ""
    subject_der: bytes = b""
    issuer_der: bytes = b""
    subject_canonical: str = ""  # for comparing: RFC 5280 section 7.1
    issuer_canonical: str = ""
    not_before: int | None = None  # nanoseconds since 1970
    not_after: int | None = None
    common_names: tuple[str, ...] = ()
    has_san: bool = False
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    other_names: tuple[tuple[str, str], ...] = ()  # (email, uri, dirname, rid, other) and value
    is_ca: bool | None = None  # None: no basicConstraints
    path_length: int | None = None
    key_usage: frozenset[str] | None = None  # digital_signature, key_cert_sign, ... as in RFC 5280, snake case
    extended_key_usage: frozenset[str] | None = None  # object identifiers
    name_constraints: NameConstraints | None = None
    ski: bytes | None = None
    aki: bytes | None = None
    aki_serial: int | None = None
    aia_issuers: tuple[str, ...] = ()  # where the issuer's certificate can be fetched
    ocsp: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()
    must_staple: bool = False
    key_type: str = ""  # rsa, rsa-pss, ec, dsa, ed25519, ed448, ml-dsa-44, ... or the object identifier
    key_bits: int | None = None
    curve: str = ""
    key_sha256: str = ""  # of the SubjectPublicKeyInfo: the same key, whatever the certificate
    signature_algorithm: str = ""  # object identifier
    signature_hash: str = ""  # sha256, sha1, md5, ...; empty where the algorithm has none (Ed25519)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __ne__(self, other: object) -> bool:
        return not self == other  # tuple has one of its own

    def __repr__(self) -> str:
        return f"Certificate({self.subject!r}, sha256={self.sha256!r})"

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def problem(self) -> str | None:
        """What is wrong with the certificate's form, in one line."""
        return "; ".join(self.problems) or None

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name; whether it signed itself is for ``links.verifies``."""
        return bool(self.subject_der) and self.subject_canonical == self.issuer_canonical

    @property
    def common_name(self) -> str:
        """The last common name, which is the one that counts where CN counts at all (RFC 2818 section 3.1)."""
        return self.common_names[-1] if self.common_names else ""

    @property
    def identity(self) -> tuple[str, str]:
        """Name and key: cross-signed certificates of the same CA share it."""
        return (self.subject_canonical, self.key_sha256 or self.sha256)

    def expired(self, at: int) -> bool:
        """Whether it is past its last second at that time."""
        return self.not_after is not None and at // SECOND > self.not_after // SECOND

    def not_yet_valid(self, at: int) -> bool:
        """Whether its first second is still to come at that time."""
        return self.not_before is not None and at // SECOND < self.not_before // SECOND


_certificates: Bounded[bytes, Certificate] = Bounded(4096, 16 << 20, len)


def read(der: bytes) -> Certificate:
    """The certificate in these bytes; whatever they are, the answer is a value and never an exception."""
    return _certificates.get(der) or _certificates.put(der, _read(der))


def _read(der: bytes) -> Certificate:
    digest = hashlib.sha256(der).hexdigest()
    if len(der) > LARGEST:
        return Certificate(der[:64], digest, (f"larger than {LARGEST} bytes, not read",), whole=False)
    found = plain.fields(der)
    if found is not None:
        return Certificate(der, digest, **found)
    problems: list[str] = []
    found = _from_library(der, problems)
    if problems:
        from whytls.pki import der as lenient

        found = {**_settled(lenient.fields(der)), **found}
        found["whole"] = lenient.whole(der, found)
    return Certificate(der, digest, tuple(problems), **found)


def _settled(found: dict[str, Any]) -> dict[str, Any]:
    """The lenient reader's fields under the names of ``Certificate``."""
    key, algorithm = found.pop("key_der", b""), found.pop("key_algorithm", "")
    if algorithm:
        found["key_type"] = KEY_TYPES.get(algorithm, algorithm)
        found["key_sha256"] = hashlib.sha256(key).hexdigest()
        _key_size(key, found)
    if "signature_algorithm" in found:
        found.setdefault("signature_hash", SIGNATURE_HASHES.get(found["signature_algorithm"], ""))
    return found


def _key_size(der: bytes, found: dict[str, Any]) -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(der)
    except Exception:  # of many types; a key that cannot be read has no size
        return
    found["key_bits"] = getattr(key, "key_size", None)
    curve = getattr(key, "curve", None)
    found["curve"] = curve.name if curve else ""


def _from_library(der: bytes, problems: list[str]) -> dict[str, Any]:
    import warnings

    from cryptography import x509

    found: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of what we report as a problem
        try:
            parsed = x509.load_der_x509_certificate(der)
        except Exception as error:
            problems.append(f"not a readable certificate: {_first_line(error)}")
            return found
        for what, reader in _FIELDS:
            try:
                reader(parsed, found)
            except Exception as error:  # each field on its own: the library raises many types, and lazily
                problems.append(f"{what} not readable: {_first_line(error)}")
    if found.get("serial", 1) < 0:
        problems.append("serial number is negative")
    return found


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:160]


def _identity(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    found["version"] = parsed.version.value + 1
    found["serial"] = parsed.serial_number


def _signature(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    found["signature_algorithm"] = parsed.signature_algorithm_oid.dotted_string
    found["signature_hash"] = SIGNATURE_HASHES.get(found["signature_algorithm"], "")
    in_parameters = found["signature_algorithm"] == "1.2.840.113549.1.1.10"  # RSASSA-PSS
    if in_parameters and parsed.signature_hash_algorithm:
        found["signature_hash"] = parsed.signature_hash_algorithm.name


def _subject(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    subject = parsed.subject
    found["subject_der"], found["subject"], found["subject_canonical"] = _name(subject)
    found["common_names"] = tuple(str(a.value) for a in subject if a.oid.dotted_string == "2.5.4.3")


def _issuer(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    found["issuer_der"], found["issuer"], found["issuer_canonical"] = _name(parsed.issuer)


def _name(name: x509.Name) -> tuple[bytes, str, str]:
    from whytls.pki.der import canonical

    pairs = [[(a.oid.dotted_string, a.value if isinstance(a.value, str) else a.value.hex()) for a in rdn] for rdn in name.rdns]
    return name.public_bytes(), name.rfc4514_string(_own_names()), canonical(pairs)


@lru_cache(maxsize=1)
def _own_names() -> dict[Any, str]:
    from cryptography import x509

    from whytls.pki.der import OWN_NAMES

    return {x509.ObjectIdentifier(oid): own for oid, own in OWN_NAMES.items()}


def _validity(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    from whytls.pki.der import seconds_since_1970

    for key, moment in (("not_before", parsed.not_valid_before_utc), ("not_after", parsed.not_valid_after_utc)):
        found[key] = seconds_since_1970(*moment.utctimetuple()[:6]) * SECOND


def _key(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    oid = parsed.public_key_algorithm_oid.dotted_string
    found["key_type"] = KEY_TYPES.get(oid, oid)
    key = parsed.public_key()
    found["key_sha256"] = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    found["key_bits"] = getattr(key, "key_size", None)
    curve = getattr(key, "curve", None)
    found["curve"] = curve.name if curve else ""


def _extensions(parsed: x509.Certificate, found: dict[str, Any]) -> None:
    for extension in parsed.extensions:
        reader = _EXTENSIONS.get(extension.oid.dotted_string)
        if reader:
            reader(extension.value, found)


_FIELDS: tuple[tuple[str, Callable[[x509.Certificate, dict[str, Any]], None]], ...] = (
    ("serial number", _identity),
    ("signature algorithm", _signature),
    ("subject", _subject),
    ("issuer", _issuer),
    ("validity", _validity),
    ("public key", _key),
    ("extensions", _extensions),
)


def _alternative_names(value: Any, found: dict[str, Any]) -> None:
    from cryptography import x509

    dns, addresses, others = [], [], []
    for name in value:
        if isinstance(name, x509.DNSName):
            dns.append(name.value)
        elif isinstance(name, x509.IPAddress):
            addresses.append(str(name.value))
        else:
            others.append(general_name(name))
    found["has_san"], found["dns_names"], found["ip_addresses"] = True, tuple(dns), tuple(addresses)
    found["other_names"] = tuple(others)


def general_name(name: Any) -> tuple[str, str]:
    """A GeneralName of the library as kind and value."""
    from cryptography import x509

    if isinstance(name, x509.DirectoryName):
        return ("dirname", _name(name.value)[2])
    if isinstance(name, x509.OtherName | x509.RegisteredID):
        return ("other", name.type_id.dotted_string if isinstance(name, x509.OtherName) else name.value.dotted_string)
    kinds: dict[type, str] = {x509.DNSName: "dns", x509.IPAddress: "ip", x509.RFC822Name: "email"}
    return (kinds.get(type(name), "uri"), str(name.value))


def _basic_constraints(value: Any, found: dict[str, Any]) -> None:
    found["is_ca"], found["path_length"] = value.ca, value.path_length


def _key_usage(value: Any, found: dict[str, Any]) -> None:
    from whytls.pki.der import KEY_USAGES

    # encipher_only and decipher_only raise unless key_agreement is set
    usages = KEY_USAGES if value.key_agreement else KEY_USAGES[:7]
    found["key_usage"] = frozenset(usage for usage in usages if getattr(value, usage))


def _extended_key_usage(value: Any, found: dict[str, Any]) -> None:
    found["extended_key_usage"] = frozenset(usage.dotted_string for usage in value)


def _subject_key_identifier(value: Any, found: dict[str, Any]) -> None:
    found["ski"] = value.digest


def _authority_key_identifier(value: Any, found: dict[str, Any]) -> None:
    found["aki"], found["aki_serial"] = value.key_identifier, value.authority_cert_serial_number


def _authority_information(value: Any, found: dict[str, Any]) -> None:
    for key, oid in (("aia_issuers", "1.3.6.1.5.5.7.48.2"), ("ocsp", "1.3.6.1.5.5.7.48.1")):
        found[key] = tuple(str(d.access_location.value) for d in value if d.access_method.dotted_string == oid)


def _crl_distribution_points(value: Any, found: dict[str, Any]) -> None:
    found["crls"] = tuple(general_name(n)[1] for point in value for n in point.full_name or () if general_name(n)[0] == "uri")


def _name_constraints(value: Any, found: dict[str, Any]) -> None:
    permitted = tuple(general_name(n) for n in value.permitted_subtrees or ())
    excluded = tuple(general_name(n) for n in value.excluded_subtrees or ())
    found["name_constraints"] = NameConstraints(permitted, excluded)


def _features(value: Any, found: dict[str, Any]) -> None:
    found["must_staple"] = any(feature.value == 5 for feature in value)  # status_request, RFC 7633


_EXTENSIONS: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "2.5.29.17": _alternative_names,
    "2.5.29.19": _basic_constraints,
    "2.5.29.15": _key_usage,
    "2.5.29.37": _extended_key_usage,
    "2.5.29.14": _subject_key_identifier,
    "2.5.29.35": _authority_key_identifier,
    "1.3.6.1.5.5.7.1.1": _authority_information,
    "2.5.29.31": _crl_distribution_points,
    "2.5.29.30": _name_constraints,
    "1.3.6.1.5.5.7.1.24": _features,
}
