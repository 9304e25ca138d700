"""Certificates of the plain form that nearly all have, read without the X.509 library.

Theory of operation
-------------------
The library costs 30 ms to import and a verdict on a small capture takes 60, so a certificate that is wholly as usual is read here: every
element in DER's one encoding, every algorithm, key, name and extension of a kind that is known here, nothing twice, nothing left over.
``fields`` gives ``None`` at the first thing that is not, and then the library is asked, with all its knowledge of what is odd
(``certificate.read``). So this reader never has to say what is wrong, and whatever it accepts the library accepts with the very same
fields: tests and a fuzz target hold it to that (tests/pki/test_plain.py, tools/fuzz).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from whytls.exceptions import Malformed
from whytls.pki import der as lenient
from whytls.pki.der import Element, canonical, rfc4514

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OID, BOOLEAN = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0x01
MOST = 64  # extensions, names, relative names: a usual certificate has fewer

_RSA, _EC = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a8648ce3d0201")
_NULL = b"\x05\x00"
# Signature algorithms with the digest that they sign, as the whole AlgorithmIdentifier: RSA has NULL for parameters, ECDSA none.
SIGNATURES: dict[bytes, tuple[str, str]] = {
    bytes.fromhex("300d06092a864886f70d01010b0500"): ("1.2.840.113549.1.1.11", "sha256"),
    bytes.fromhex("300d06092a864886f70d01010c0500"): ("1.2.840.113549.1.1.12", "sha384"),
    bytes.fromhex("300d06092a864886f70d01010d0500"): ("1.2.840.113549.1.1.13", "sha512"),
    bytes.fromhex("300a06082a8648ce3d040302"): ("1.2.840.10045.4.3.2", "sha256"),
    bytes.fromhex("300a06082a8648ce3d040303"): ("1.2.840.10045.4.3.3", "sha384"),
    bytes.fromhex("300a06082a8648ce3d040304"): ("1.2.840.10045.4.3.4", "sha512"),
}
# Curves by the whole named-curve parameter: name, bits, and p, b of y² = x³ - 3x + b (FIPS 186-4 appendix D.1.2), for a point off the
# curve is no key.
CURVES: dict[bytes, tuple[str, int, int, int]] = {
    bytes.fromhex("06082a8648ce3d030107"): (
        "secp256r1", 256, 2**256 - 2**224 + 2**192 + 2**96 - 1, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    bytes.fromhex("06052b81040022"): (
        "secp384r1", 384, 2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
}  # fmt: skip
_PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
# Object identifiers are compared as bytes: they have more than one encoding, and only one of them is right.
_ATTRIBUTES = {bytes((0x55, 0x04, n)): f"2.5.4.{n}" for n in (3, 6, 7, 8, 10, 11)}  # CN, C, L, ST, O, OU
_USAGE = bytes.fromhex("2b060105050703")  # id-kp
_ISSUERS, _OCSP = bytes.fromhex("2b06010505073002"), bytes.fromhex("2b06010505073001")
SMALLEST_RSA, LARGEST_RSA, USUAL_EXPONENT = 2048, 8192, b"\x01\x00\x01"


def fields(der: bytes) -> dict[str, Any] | None:
    """The fields of ``Certificate``, or ``None`` where anything at all is not plain."""
    try:
        return _certificate(der)
    except (Malformed, IndexError, ValueError, StopIteration, _NotPlain):
        return None


class _NotPlain(Exception):
    """Something is not as usual: the library is to be asked. Never leaves this file."""


def _need(holds: bool) -> None:
    if not holds:
        raise _NotPlain


def _element(data: bytes, start: int, stop: int, tag: int) -> Element:
    """The element at ``start``, of that tag, its length in the shortest form (X.690 section 10.1)."""
    found = lenient.element(data, start, stop)
    size, header = found.end - found.body, found.body - found.start
    _need(found.tag == tag and header == (2 if size < 0x80 else 3 if size < 0x100 else 4 if size < 0x10000 else 5))
    return found


def _only(data: bytes, start: int, stop: int, tag: int) -> Element:
    """The one element between two places."""
    found = _element(data, start, stop, tag)
    _need(found.end == stop)
    return found


def _each(data: bytes, outer: Element, tag: int) -> Iterator[Element]:
    """The elements of an outer one, all of the same tag, at least one."""
    at = outer.body
    _need(at < outer.end)
    for _ in range(MOST):
        found = _element(data, at, outer.end, tag)
        yield found
        at = found.end
        if at == outer.end:
            return
    raise _NotPlain


def _positive(data: bytes, number: Element, longest: int) -> int:
    """A positive INTEGER in its shortest form."""
    body = data[number.body : number.end]
    _need(0 < len(body) <= longest and body[0] < 0x80 and (body[0] != 0 or (len(body) > 1 and body[1] >= 0x80)))
    return int.from_bytes(body, "big")


def _certificate(der: bytes) -> dict[str, Any]:
    outer = _only(der, 0, len(der), SEQUENCE)
    tbs = _element(der, outer.body, outer.end, SEQUENCE)
    algorithm = _element(der, tbs.end, outer.end, SEQUENCE)
    signature = _only(der, algorithm.end, outer.end, BIT_STRING)
    kind, digest = SIGNATURES.get(der[algorithm.start : algorithm.end], ("", ""))
    _need(bool(kind) and signature.end - signature.body > 32 and not der[signature.body])
    _need(der[tbs.body : tbs.body + 5] == b"\xa0\x03\x02\x01\x02")
    serial = _element(der, tbs.body + 5, tbs.end, INTEGER)
    inner = _element(der, serial.end, tbs.end, SEQUENCE)
    _need(der[inner.start : inner.end] == der[algorithm.start : algorithm.end])
    issuer = _element(der, inner.end, tbs.end, SEQUENCE)
    validity = _element(der, issuer.end, tbs.end, SEQUENCE)
    subject = _element(der, validity.end, tbs.end, SEQUENCE)
    key = _element(der, subject.end, tbs.end, SEQUENCE)
    found: dict[str, Any] = {"plain": True, "version": 3, "signature_algorithm": kind, "signature_hash": digest}
    found["serial"] = _positive(der, serial, 20)
    found["issuer_der"], found["issuer"], found["issuer_canonical"], _ = _name(der, issuer)
    found["subject_der"], found["subject"], found["subject_canonical"], found["common_names"] = _name(der, subject)
    _validity(der, validity, found)
    _key(der, key, found)
    extensions = _only(der, key.end, tbs.end, 0xA3)
    _extensions(der, _only(der, extensions.body, extensions.end, SEQUENCE), found)
    return found


def _name(der: bytes, outer: Element) -> tuple[bytes, str, str, tuple[str, ...]]:
    """A name whose relative names have one attribute each, of the six usual types and in the usual strings."""
    relative = []
    for rdn in _each(der, outer, SET):
        attribute = _only(der, rdn.body, rdn.end, SEQUENCE)
        kind = _element(der, attribute.body, attribute.end, OID)
        number = _ATTRIBUTES.get(der[kind.body : kind.end], "")
        _need(bool(number) and kind.end < attribute.end)
        tag = der[kind.end]
        value = _only(der, kind.end, attribute.end, tag)
        body = der[value.body : value.end]
        _need(0 < len(body) <= 64 and (tag == 0x0C or (tag == 0x13 and _PRINTABLE.issuperset(body))))
        _need(number != "2.5.4.6" or (tag == 0x13 and len(body) == 2))
        relative.append([(number, body.decode())])
    common = tuple(value for [(number, value)] in relative if number == "2.5.4.3")
    return der[outer.start : outer.end], rfc4514(relative), canonical(relative), common


def _validity(der: bytes, outer: Element, found: dict[str, Any]) -> None:
    at = outer.body
    for key in ("not_before", "not_after"):
        tag = der[at]
        moment = _element(der, at, outer.end, tag)
        body = der[moment.body : moment.end]
        digits = body[:-1]
        _need(body[-1:] == b"Z" and digits.isdigit() and (tag, len(digits)) in ((0x17, 12), (0x18, 14)))
        _need(tag == 0x17 or digits[:4] >= b"2050")  # RFC 5280 section 4.1.2.5
        hour, minute, second = int(digits[-6:-4]), int(digits[-4:-2]), int(digits[-2:])
        _need(hour < 24 and minute < 60 and second < 60 and _exists(digits[:-6], tag))
        found[key] = lenient.time(tag, body)
        at = moment.end
    _need(at == outer.end)


def _exists(date: bytes, tag: int) -> bool:
    year, month, day = int(date[:-4]), int(date[-4:-2]), int(date[-2:])
    if tag == 0x17:
        year += 1900 if year >= 50 else 2000
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _key(der: bytes, outer: Element, found: dict[str, Any]) -> None:
    from hashlib import sha256

    algorithm = _element(der, outer.body, outer.end, SEQUENCE)
    bits = _only(der, algorithm.end, outer.end, BIT_STRING)
    kind = _element(der, algorithm.body, algorithm.end, OID)
    parameters = der[kind.end : algorithm.end]
    _need(bits.end - bits.body > 1 and not der[bits.body])
    if der[kind.body : kind.end] == _RSA:
        _need(parameters == _NULL)
        numbers = _only(der, bits.body + 1, bits.end, SEQUENCE)
        modulus = _element(der, numbers.body, numbers.end, INTEGER)
        exponent = _only(der, modulus.end, numbers.end, INTEGER)
        value = _positive(der, modulus, LARGEST_RSA // 8 + 1)
        _need(der[exponent.body : exponent.end] == USUAL_EXPONENT and value % 2 == 1)
        _need(SMALLEST_RSA <= value.bit_length() <= LARGEST_RSA)
        found["key_type"], found["key_bits"], found["curve"] = "rsa", value.bit_length(), ""
    else:
        _need(der[kind.body : kind.end] == _EC and parameters in CURVES)
        name, size, prime, b = CURVES[parameters]
        point = der[bits.body + 1 : bits.end]
        _need(len(point) == 1 + size // 4 and point[0] == 4)
        x, y = int.from_bytes(point[1 : 1 + size // 8], "big"), int.from_bytes(point[1 + size // 8 :], "big")
        _need(x < prime and y < prime and (y * y - x * x * x + 3 * x - b) % prime == 0)
        found["key_type"], found["key_bits"], found["curve"] = "ec", size, name
    found["key_sha256"] = sha256(der[outer.start : outer.end]).hexdigest()


def key_numbers(der: bytes) -> tuple[int, int] | bytes:
    """The public key of a plain certificate: an RSA key's modulus and exponent, or an EC key's point."""
    tbs = next(lenient.children(der, lenient.element(der, 0, len(der))))
    _, bits = lenient.children(der, list(lenient.children(der, tbs))[6])
    if der[bits.body + 1] == 4:
        return der[bits.body + 1 : bits.end]
    modulus, exponent = lenient.children(der, lenient.element(der, bits.body + 1, bits.end))
    return int.from_bytes(der[modulus.body : modulus.end], "big"), int.from_bytes(der[exponent.body : exponent.end], "big")


# ------------------------------------------------------------------ extensions


def _extensions(der: bytes, outer: Element, found: dict[str, Any]) -> None:
    seen: set[bytes] = set()
    for extension in _each(der, outer, SEQUENCE):
        kind = _element(der, extension.body, extension.end, OID)
        number = der[kind.body : kind.end]
        at = kind.end
        if der[at : at + 3] == b"\x01\x01\xff":  # critical; FALSE is the default, and DER leaves it out
            at += 3
        value = _only(der, at, extension.end, OCTET_STRING)
        _need(number in _EXTENSIONS and number not in seen)
        seen.add(number)
        _EXTENSIONS[number](der, value, found)


def _alternative_names(der: bytes, value: Element, found: dict[str, Any]) -> None:
    dns, addresses = [], []
    outer = _only(der, value.body, value.end, SEQUENCE)
    at = outer.body
    _need(at < outer.end)
    while at < outer.end:
        entry = _element(der, at, outer.end, der[at])
        body = der[entry.body : entry.end]
        if entry.tag == 0x82:
            _need(bool(body) and body.isascii())
            dns.append(body.decode())
        else:
            _need(entry.tag == 0x87 and len(body) == 4)
            addresses.append(".".join(map(str, body)))
        _need(len(dns) + len(addresses) <= 4 * MOST)
        at = entry.end
    found["has_san"], found["dns_names"], found["ip_addresses"], found["other_names"] = True, tuple(dns), tuple(addresses), ()


def _basic_constraints(der: bytes, value: Element, found: dict[str, Any]) -> None:
    outer = _only(der, value.body, value.end, SEQUENCE)
    found["is_ca"], found["path_length"] = False, None
    if outer.body < outer.end:
        _need(der[outer.body : outer.body + 3] == b"\x01\x01\xff")
        found["is_ca"] = True
        if outer.body + 3 < outer.end:
            length = _only(der, outer.body + 3, outer.end, INTEGER)
            _need(length.end - length.body == 1 and der[length.body] < 0x80)
            found["path_length"] = der[length.body]


def _key_usage(der: bytes, value: Element, found: dict[str, Any]) -> None:
    bits = _only(der, value.body, value.end, BIT_STRING)
    _need(bits.end - bits.body == 2)
    unused, used = der[bits.body], der[bits.body + 1]
    _need(unused < 8 and used != 0 and (used & -used).bit_length() - 1 == unused)  # DER: no zero bits at the end
    found["key_usage"] = frozenset(usage for place, usage in enumerate(lenient.KEY_USAGES[:8]) if used & 0x80 >> place)
    # encipher_only means something with key_agreement only, and is left to the library without it
    _need("encipher_only" not in found["key_usage"])


def _extended_key_usage(der: bytes, value: Element, found: dict[str, Any]) -> None:
    usages = [der[e.body : e.end] for e in _each(der, _only(der, value.body, value.end, SEQUENCE), OID)]
    _need(all(usage[:-1] == _USAGE and usage[-1] < 0x80 for usage in usages))
    found["extended_key_usage"] = frozenset(f"1.3.6.1.5.5.7.3.{usage[-1]}" for usage in usages)


def _subject_key_identifier(der: bytes, value: Element, found: dict[str, Any]) -> None:
    key_id = _only(der, value.body, value.end, OCTET_STRING)
    found["ski"] = der[key_id.body : key_id.end]


def _authority_key_identifier(der: bytes, value: Element, found: dict[str, Any]) -> None:
    outer = _only(der, value.body, value.end, SEQUENCE)
    key_id = _only(der, outer.body, outer.end, 0x80)
    found["aki"], found["aki_serial"] = der[key_id.body : key_id.end], None


def _authority_information(der: bytes, value: Element, found: dict[str, Any]) -> None:
    places: dict[bytes, list[str]] = {_ISSUERS: [], _OCSP: []}
    for access in _each(der, _only(der, value.body, value.end, SEQUENCE), SEQUENCE):
        method = _element(der, access.body, access.end, OID)
        number = der[method.body : method.end]
        _need(number in places)
        places[number].append(_uri(der, method.end, access.end))
    found["aia_issuers"], found["ocsp"] = (tuple(some) for some in places.values())


def _crl_distribution_points(der: bytes, value: Element, found: dict[str, Any]) -> None:
    urls = []
    for point in _each(der, _only(der, value.body, value.end, SEQUENCE), SEQUENCE):
        name = _only(der, point.body, point.end, 0xA0)
        full = _only(der, name.body, name.end, 0xA0)
        urls += [_uri(der, entry.start, entry.end) for entry in _each(der, full, 0x86)]
    found["crls"] = tuple(urls)


def _uri(der: bytes, start: int, stop: int) -> str:
    place = _only(der, start, stop, 0x86)
    body = der[place.body : place.end]
    _need(bool(body) and body.isascii())
    return body.decode()


_EXTENSIONS: dict[bytes, Callable[[bytes, Element, dict[str, Any]], None]] = {
    b"\x55\x1d\x0e": _subject_key_identifier,
    b"\x55\x1d\x0f": _key_usage,
    b"\x55\x1d\x11": _alternative_names,
    b"\x55\x1d\x13": _basic_constraints,
    b"\x55\x1d\x1f": _crl_distribution_points,
    b"\x55\x1d\x23": _authority_key_identifier,
    b"\x55\x1d\x25": _extended_key_usage,
    bytes.fromhex("2b06010505070101"): _authority_information,
}
