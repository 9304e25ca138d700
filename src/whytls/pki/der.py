"""What can still be read of a certificate that the X.509 library refuses (X.690, RFC 5280 section 4.1).

Only the fields that a verdict names are looked for, each on its own, so that one damaged field does not hide the others.
This is no second parser for sound certificates: ``certificate.read`` asks ``cryptography`` first and comes here for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from whytls.exceptions import Malformed
from whytls.tuples import NamedTuple

# Attribute types with a short name in RFC 4514 section 3; the rest is what OpenSSL calls them, because people search for that.
OWN_NAMES = {
    "1.2.840.113549.1.9.1": "emailAddress", "2.5.4.5": "serialNumber", "2.5.4.15": "businessCategory", "2.5.4.97": "organizationIdentifier",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}  # fmt: skip
ATTRIBUTE_NAMES = OWN_NAMES | {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip
KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
RSASSA_PSS = "1.2.840.113549.1.1.10"
HASHES = {
    "1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.4": "sha224", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}  # fmt: skip
_DAMAGE = (Malformed, ValueError, IndexError, OverflowError, StopIteration)  # StopIteration: an element that is not there
MOST_ELEMENTS = 20_000  # children read of one structure; no certificate that was ever seen comes near


class Element(NamedTuple):
    """One DER element: its tag, where it starts, and where its content starts and ends."""

    tag: int
    start: int
    body: int
    end: int


def element(data: bytes, start: int, stop: int) -> Element:
    """The element at ``start``, which must end by ``stop``; definite lengths and low tags only (DER)."""
    if start + 2 > stop:
        raise Malformed("DER element cut short", offset=start)
    tag, length, body = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise Malformed("DER tag above 30", offset=start)
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or body + count > stop:
            raise Malformed("DER length not understood", offset=start + 1)
        length = int.from_bytes(data[body : body + count], "big")
        body += count
    if body + length > stop:
        raise Malformed("DER element longer than what holds it", offset=start)
    return Element(tag, start, body, body + length)


def children(data: bytes, parent: Element) -> Iterator[Element]:
    """The elements inside a constructed element, in order."""
    at = parent.body
    for _ in range(MOST_ELEMENTS):
        if at >= parent.end:
            return
        child = element(data, at, parent.end)
        yield child
        at = child.end


def dotted(body: bytes) -> str:
    """An object identifier's content in dotted form."""
    arcs, value = [], 0
    for byte in body[:64]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    if not arcs:
        raise Malformed("empty object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def text(tag: int, body: bytes) -> str:
    """A string of any of ASN.1's kinds; what does not decode is replaced, never an error."""
    if tag == 0x1E:  # BMPString
        return body.decode("utf-16-be", "replace")
    if tag == 0x1C:  # UniversalString
        return body.decode("utf-32-be", "replace")
    return body.decode("utf-8" if tag == 0x0C else "latin-1", "replace")


def time(tag: int, body: bytes) -> int:
    """UTCTime or GeneralizedTime, with or without seconds and zone, as nanoseconds since 1970."""
    import re

    year_digits = rb"(\d\d)" if tag == 0x17 else rb"(\d{4})"
    found = re.fullmatch(year_digits + rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?(?:Z|([+-])(\d\d)(\d\d))?", body[:64])
    if not found:
        raise Malformed("time not understood")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    if tag == 0x17:
        year += 1900 if year >= 50 else 2000
    offset = (int(found[8]) * 3600 + int(found[9]) * 60) * (-1 if found[7] == b"-" else 1) if found[7] else 0
    if not 1 <= month <= 12 or not 1 <= day <= 31 or year < 1:
        raise Malformed("no such date")
    return (seconds_since_1970(year, month, day, hour, minute, second) - offset) * 1_000_000_000


def seconds_since_1970(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """The moment that this is in UTC, as calendar.timegm counts it, whose import costs 4 ms: a day of the month can be one too many."""
    from datetime import date

    days = date(year, month, 1).toordinal() - _DAY_1970 + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


_DAY_1970 = 719_163

def name(data: bytes, outer: Element) -> list[list[tuple[str, str]]]:
    """A distinguished name: its relative names, each a list of (attribute type in dotted form, value)."""
    relative = []
    for rdn in children(data, outer):
        pairs = []
        for attribute in children(data, rdn):
            kind, value, *_ = children(data, attribute)
            pairs.append((dotted(data[kind.body : kind.end]), text(value.tag, data[value.body : value.end])))
        relative.append(pairs)
    return relative


def rfc4514(relative: list[list[tuple[str, str]]]) -> str:
    """A distinguished name as RFC 4514 writes it: last relative name first."""

    def escaped(value: str) -> str:
        value = "".join("\\" + sign if sign in '\\,+"<>;' else sign for sign in value).replace("\0", "\\00")
        value = "\\" + value if value[:1] in ("#", " ") else value
        return value[:-1] + "\\ " if len(value) > 1 and value.endswith(" ") else value

    return ",".join("+".join(f"{ATTRIBUTE_NAMES.get(k, k)}={escaped(v)}" for k, v in pairs) for pairs in reversed(relative))


def canonical(relative: list[list[tuple[str, str]]]) -> str:
    """A form in which names compare equal that RFC 5280 section 7.1 calls equal: case and white space do not count."""
    return "\x1e".join("\x1f".join(sorted(f"{k}={' '.join(v.casefold().split())}" for k, v in pairs)) for pairs in relative)


def fields(der: bytes) -> dict[str, Any]:
    """The fields of ``Certificate`` that can be read from these bytes, by name; those that cannot are not in it."""
    found: dict[str, Any] = {}
    try:
        outer = element(der, 0, len(der))
        tbs = next(children(der, outer))
        parts = list(children(der, tbs))
    except _DAMAGE:
        parts = _first_parts(der)
    if parts and parts[0].tag == 0xA0:
        version = der[parts[0].end - 1] if parts[0].end > parts[0].body else 0
        found["version"] = version + 1
        parts = parts[1:]
    for part, reader in zip(parts, _TBS, strict=False):
        try:
            reader(der, part, found)
        except _DAMAGE:
            continue
    for part in parts:
        if part.tag == 0xA3:
            found.update(extension_fields(der, part))
    return found


def whole(der: bytes, found: dict[str, Any]) -> bool:
    """Whether a certificate has all of its parts in their place, so that only their encoding is odd."""
    try:
        outer = element(der, 0, len(der))
        parts = len(list(children(der, outer)))
    except _DAMAGE:
        return False
    wanted = ("subject", "issuer", "not_before", "not_after", "key_type")
    return outer.end == len(der) and parts == 3 and all(key in found for key in wanted)


def _first_parts(der: bytes) -> list[Element]:
    """The parts of a certificate that was cut: all of its first structure that are whole."""
    parts: list[Element] = []
    try:
        at = 0
        for _ in range(2):  # into Certificate, then into TBSCertificate, whatever lengths they claim
            count = der[at + 1] & 0x7F if der[at + 1] & 0x80 else 0
            at += 2 + count
        while len(parts) < 16:
            parts.append(element(der, at, len(der)))
            at = parts[-1].end
    except _DAMAGE:
        pass
    return parts


def _serial(der: bytes, part: Element, found: dict[str, Any]) -> None:
    if part.tag == 0x02 and part.end - part.body <= 256:
        found["serial"] = int.from_bytes(der[part.body : part.end], "big", signed=True)


def _signature(der: bytes, part: Element, found: dict[str, Any]) -> None:
    kind = next(children(der, part))
    found["signature_algorithm"] = dotted(der[kind.body : kind.end])
    if found["signature_algorithm"] == RSASSA_PSS:
        found["signature_hash"] = pss_parameters(der, part)[0]


def pss_parameters(der: bytes, algorithm: Element) -> tuple[str, int]:
    """The digest and the length of the salt in RSASSA-PSS's AlgorithmIdentifier (RFC 4055 section 3.1); SHA-1 and 20 by default."""
    digest, salt = "sha1", 20
    _, *parameters = children(der, algorithm)
    for part in children(der, parameters[0]) if parameters else ():
        inner = next(children(der, part))
        if part.tag == 0xA0:
            oid = next(children(der, inner))
            digest = HASHES.get(dotted(der[oid.body : oid.end]), "")
        elif part.tag == 0xA2:
            salt = int.from_bytes(der[inner.body : inner.end][:4], "big", signed=True)
    return digest, salt


def _issuer(der: bytes, part: Element, found: dict[str, Any]) -> None:
    found["issuer_der"] = der[part.start : part.end]
    relative = name(der, part)
    found["issuer"], found["issuer_canonical"] = rfc4514(relative), canonical(relative)


def _validity(der: bytes, part: Element, found: dict[str, Any]) -> None:
    begin, end = list(children(der, part))[:2]
    for key, moment in (("not_before", begin), ("not_after", end)):
        try:
            found[key] = time(moment.tag, der[moment.body : moment.end])
        except Malformed:
            continue


def _subject(der: bytes, part: Element, found: dict[str, Any]) -> None:
    found["subject_der"] = der[part.start : part.end]
    relative = name(der, part)
    found["subject"], found["subject_canonical"] = rfc4514(relative), canonical(relative)
    found["common_names"] = tuple(value for pairs in relative for kind, value in pairs if kind == "2.5.4.3")


def _key(der: bytes, part: Element, found: dict[str, Any]) -> None:
    algorithm, bits, *_ = children(der, part)
    kind = next(children(der, algorithm))
    found["key_algorithm"] = dotted(der[kind.body : kind.end])
    found["key_der"] = der[part.start : part.end]
    if found["key_algorithm"] == "1.2.840.113549.1.1.1" and bits.tag == 0x03:
        modulus = next(children(der, element(der, bits.body + 1, bits.end)))
        found["key_bits"] = int.from_bytes(der[modulus.body : modulus.end], "big").bit_length()


_TBS: tuple[Callable[[bytes, Element, dict[str, Any]], None], ...] = (_serial, _signature, _issuer, _validity, _subject, _key)


def extension_fields(der: bytes, outer: Element) -> dict[str, Any]:
    """The extensions that verdicts use most, each read on its own."""
    found: dict[str, Any] = {}
    try:
        sequence = next(children(der, outer))
        for extension in children(der, sequence):
            kind, *_, value = children(der, extension)
            reader = _EXTENSIONS.get(dotted(der[kind.body : kind.end]))
            if reader and value.tag == 0x04:
                try:
                    reader(der, element(der, value.body, value.end), found)
                except _DAMAGE:
                    continue
    except _DAMAGE:
        pass
    return found


def _alternative_names(der: bytes, part: Element, found: dict[str, Any]) -> None:
    import ipaddress

    found["has_san"] = True
    dns, addresses, others = [], [], []
    for entry in children(der, part):
        body = der[entry.body : entry.end]
        if entry.tag == 0x82:
            dns.append(body.decode("utf-8", "replace"))
        elif entry.tag == 0x87 and len(body) in (4, 16):
            addresses.append(str(ipaddress.ip_address(body)))
        elif entry.tag in (0x81, 0x86):
            others.append(("email" if entry.tag == 0x81 else "uri", body.decode("utf-8", "replace")))
    found["dns_names"], found["ip_addresses"], found["other_names"] = tuple(dns), tuple(addresses), tuple(others)


def _basic_constraints(der: bytes, part: Element, found: dict[str, Any]) -> None:
    found["is_ca"] = False
    for entry in children(der, part):
        if entry.tag == 0x01:
            found["is_ca"] = der[entry.body] != 0
        elif entry.tag == 0x02 and entry.end - entry.body <= 8:
            length = int.from_bytes(der[entry.body : entry.end], "big", signed=True)
            if length >= 0:
                found["path_length"] = length


def _key_usage(der: bytes, part: Element, found: dict[str, Any]) -> None:
    if part.tag != 0x03:
        raise Malformed("key usage is no bit string", offset=part.start)
    bits = int.from_bytes(der[part.body + 1 : part.end][:2].ljust(2, b"\0"), "big")
    found["key_usage"] = frozenset(usage for place, usage in enumerate(KEY_USAGES) if bits & 0x8000 >> place)


def _extended_key_usage(der: bytes, part: Element, found: dict[str, Any]) -> None:
    found["extended_key_usage"] = frozenset(dotted(der[e.body : e.end]) for e in children(der, part))


def _subject_key_identifier(der: bytes, part: Element, found: dict[str, Any]) -> None:
    found["ski"] = der[part.body : part.end]


def _authority_key_identifier(der: bytes, part: Element, found: dict[str, Any]) -> None:
    for entry in children(der, part):
        if entry.tag == 0x80:
            found["aki"] = der[entry.body : entry.end]
        elif entry.tag == 0x82:
            found["aki_serial"] = int.from_bytes(der[entry.body : entry.end][:256], "big", signed=True)


_EXTENSIONS: dict[str, Callable[[bytes, Element, dict[str, Any]], None]] = {
    "2.5.29.17": _alternative_names,
    "2.5.29.19": _basic_constraints,
    "2.5.29.15": _key_usage,
    "2.5.29.37": _extended_key_usage,
    "2.5.29.14": _subject_key_identifier,
    "2.5.29.35": _authority_key_identifier,
}
