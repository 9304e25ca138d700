"""Everything in a certificate as it is encoded: what a validator sees that a diagnosis does not need.

`Certificate` has what is wrong with a chain; the profiles (`profiles/`) want what stacks decide by: which extension is critical, in
which order names stand and of which string type they are, how a time is written. It is read once more, from the same bytes, by the
lenient reader of `der`: a field that cannot be read is empty, and `Details.readable` says whether all of the outer form could be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from whytls.exceptions import Malformed
from whytls.pki.cache import Bounded
from whytls.pki.certificate import Certificate
from whytls.pki.der import Element, children, dotted, element

MOST_NAMES = 20_000  # alternative names or subtrees read of one extension

SKI, KEY_USAGE, SAN, BASIC, NAMES, AKI, EKU = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37"
POLICIES, MAPPINGS, POLICY_CONSTRAINTS, ANY_POLICY, CRLS, AIA = (
    "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54", "2.5.29.31", "1.3.6.1.5.5.7.1.1",
)  # fmt: skip
NETSCAPE_TYPE, ISSUER_ALT, OCSP_NO_CHECK, FRESHEST = "2.16.840.1.113730.1.1", "2.5.29.18", "1.3.6.1.5.5.7.48.1.5", "2.5.29.46"
COMMON_NAME, EMAIL = "2.5.4.3", "1.2.840.113549.1.9.1"
# GeneralName's tags (RFC 5280 section 4.2.1.6)
OTHER, RFC822, DNS, X400, DIRECTORY, EDI, URI, IP, REGISTERED = range(9)


class Extension(NamedTuple):
    """One extension: its kind in dotted form, whether it is critical, and its value as it stands."""

    kind: str
    critical: bool
    value: bytes


class GeneralName(NamedTuple):
    """One GeneralName: its tag and its content."""

    tag: int
    body: bytes

    @property
    def text(self) -> str:
        """The content of a dNSName, rfc822Name or URI, byte for byte."""
        return self.body.decode("latin-1")


class Subtree(NamedTuple):
    """One subtree of nameConstraints."""

    base: GeneralName
    minimum: int | None = None  # None: not given
    maximum: bool = False  # given


class Attribute(NamedTuple):
    """One attribute of a distinguished name: its kind, its string type and its content."""

    kind: str
    tag: int
    body: bytes


class Moment(NamedTuple):
    """A time as it is written: UTCTime (0x17) or GeneralizedTime (0x18) and its content."""

    tag: int
    body: bytes

    @property
    def exists(self) -> bool:
        """There is such a day and hour (30 February counts as 2 March to some, and as damage to others)."""
        import datetime as dt

        digits = self.body[2:14] if self.tag == 0x18 else self.body[:12]
        year = int(self.body[:4]) if self.tag == 0x18 and self.body[:4].isdigit() else 2000 + int(digits[:2] if digits[:2].isdigit() else 0)
        pairs = [digits[place : place + 2] for place in range(2, 12, 2)]
        try:
            dt.datetime(year, *(int(pair) if pair.isdigit() else 0 for pair in pairs))  # type: ignore[arg-type]  # five numbers
        except ValueError:
            return False
        return True


Name = tuple[tuple[Attribute, ...], ...]
NO_MOMENT = Moment(0, b"")


@dataclass(frozen=True, slots=True)
class Details:
    """A certificate as it is encoded. Empty and None: not in it, or not readable."""

    certificate: Certificate
    readable: bool = False
    version: int = 1
    serial: bytes = b""
    inner_algorithm: bytes = b""  # AlgorithmIdentifier within the signed part
    outer_algorithm: bytes = b""  # the one beside the signature
    issuer: Name | None = None
    subject: Name | None = None
    begins: Moment = NO_MOMENT
    ends: Moment = NO_MOMENT
    key_algorithm: str = ""
    key_parameters: bytes = b""
    key: bytes = b""
    extensions: tuple[Extension, ...] = ()
    names: tuple[GeneralName, ...] | None = None  # None: no subjectAltName, or not readable
    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    unread: frozenset[str] = frozenset()  # extensions that are there and whose value could not be read

    def extension(self, kind: str) -> Extension | None:
        """The first extension of that kind."""
        return next((found for found in self.extensions if found.kind == kind), None)

    def has(self, kind: str) -> bool:
        """Whether there is an extension of that kind, readable or not."""
        return self.extension(kind) is not None

    @property
    def duplicates(self) -> bool:
        """An extension is in it twice, which RFC 5280 section 4.2 forbids."""
        return len({found.kind for found in self.extensions}) < len(self.extensions)

    @property
    def critical(self) -> tuple[str, ...]:
        """The kinds of the critical extensions, in order."""
        return tuple(found.kind for found in self.extensions if found.critical)

    @property
    def common_names(self) -> tuple[Attribute, ...]:
        """The common names of the subject, in order."""
        return tuple(a for rdn in self.subject or () for a in rdn if a.kind == COMMON_NAME)

    def listed(self, tag: int) -> tuple[GeneralName, ...]:
        """The alternative names with that tag."""
        return tuple(name for name in self.names or () if name.tag == tag)


_known: Bounded[bytes, Details] = Bounded(4096, 16 << 20, len)
_DAMAGE = (Malformed, ValueError, IndexError, StopIteration)


def of(certificate: Certificate) -> Details:
    """The details of a certificate; whatever its bytes are, the answer is a value."""
    return _known.get(certificate.der) or _known.put(certificate.der, _read(certificate))


def _read(certificate: Certificate) -> Details:
    der = certificate.der
    found: dict[str, object] = {}
    try:
        outer = element(der, 0, len(der))
        tbs, algorithm, signature = children(der, outer)
        for part, tag in ((outer, 0x30), (tbs, 0x30), (algorithm, 0x30), (signature, 0x03)):
            _expect(part, tag)
        found["outer_algorithm"] = der[algorithm.start : algorithm.end]
        _body(der, list(children(der, tbs)), found)
        found["readable"] = outer.end == len(der)
    except _DAMAGE:
        found["readable"] = False
    return Details(certificate, **found)  # type: ignore[arg-type]  # the fields by name, each of its type


def _expect(part: Element, tag: int) -> None:
    """What has another tag than it must have is damage (RFC 5280 section 4.1)."""
    if part.tag != tag:
        raise Malformed(f"DER element has tag {part.tag:#04x}", offset=part.start)


def _body(der: bytes, parts: list[Element], found: dict[str, object]) -> None:
    if parts and parts[0].tag == 0xA0:
        version = next(children(der, parts[0]))
        found["version"] = int.from_bytes(der[version.body : version.end], "big", signed=True) + 1
        parts = parts[1:]
    serial, algorithm, issuer, validity, subject, key = parts[:6]
    _expect(serial, 0x02)
    for part in (algorithm, issuer, validity, subject, key):
        _expect(part, 0x30)
    found["serial"] = der[serial.body : serial.end]
    found["inner_algorithm"] = der[algorithm.start : algorithm.end]
    found["issuer"], found["subject"] = name(der, issuer), name(der, subject)
    begins, ends = children(der, validity)
    found["begins"], found["ends"] = (Moment(m.tag, der[m.body : m.end]) for m in (begins, ends))
    _key(der, key, found)
    for part in parts[6:]:
        if part.tag == 0xA3:
            found["extensions"] = tuple(_extensions(der, part))
            _values(found)


def _key(der: bytes, key: Element, found: dict[str, object]) -> None:
    algorithm, bits, *_ = children(der, key)
    kind, *parameters = children(der, algorithm)
    for part, tag in ((algorithm, 0x30), (kind, 0x06), (bits, 0x03)):
        _expect(part, tag)
    found["key_algorithm"] = dotted(der[kind.body : kind.end])
    found["key_parameters"] = der[parameters[0].start : parameters[0].end] if parameters else b""
    found["key"] = der[bits.body + 1 : bits.end]


def _extensions(der: bytes, part: Element) -> list[Extension]:
    found = []  # a list and no generator: what ends a generator inside hides a StopIteration
    outer = next(children(der, part))
    _expect(outer, 0x30)
    for extension in children(der, outer):
        kind, *middle, value = children(der, extension)
        for inner, tag in ((extension, 0x30), (kind, 0x06), (value, 0x04)):
            _expect(inner, tag)
        if len(middle) > 1 or (middle and middle[0].tag != 0x01):
            raise Malformed("extension with something else than critical in it", offset=extension.start)
        critical = bool(middle) and middle[0].tag == 0x01 and any(der[middle[0].body : middle[0].end])
        found.append(Extension(dotted(der[kind.body : kind.end]), critical, der[value.body : value.end]))
    return found


def _values(found: dict[str, object]) -> None:
    """The extensions that are lists of names; what of them could not be read is named in `unread`."""
    unread = set()
    for extension in found["extensions"]:  # type: ignore[attr-defined]  # a tuple of Extension, put there above
        if extension.kind in (SAN, NAMES):
            try:
                if extension.kind == SAN:
                    found["names"] = general_names(extension.value)
                else:
                    found["permitted"], found["excluded"] = _subtrees(extension.value)
            except _DAMAGE:
                unread.add(extension.kind)
    found["unread"] = frozenset(unread)


def name(der: bytes, outer: Element) -> Name:
    """A distinguished name with the string types of its values."""
    relative = []
    for rdn in children(der, outer):
        _expect(rdn, 0x31)
        pairs = []
        for attribute in children(der, rdn):
            kind, value = children(der, attribute)
            _expect(attribute, 0x30)
            _expect(kind, 0x06)
            pairs.append(Attribute(dotted(der[kind.body : kind.end]), value.tag, der[value.body : value.end]))
        relative.append(tuple(pairs))
    return tuple(relative)


def directory_name(body: bytes) -> Name:
    """The distinguished name in a directoryName's content."""
    return name(body, element(body, 0, len(body)))


def _whole(value: bytes) -> Element:
    """The one structure that an extension's value must be, and nothing behind it."""
    outer = element(value, 0, len(value))
    if outer.end != len(value) or outer.tag != 0x30:
        raise Malformed("extension is no single sequence")
    return outer


def general_names(value: bytes) -> tuple[GeneralName, ...]:
    """GeneralNames; raises Malformed."""
    found = []
    for count, entry in enumerate(children(value, _whole(value))):
        if count >= MOST_NAMES:
            raise Malformed("more names than any certificate has")
        found.append(GeneralName(entry.tag & 0x1F, value[entry.body : entry.end]))
    return tuple(found)


def _subtrees(value: bytes) -> tuple[tuple[Subtree, ...], tuple[Subtree, ...]]:
    lists: dict[int, tuple[Subtree, ...]] = {}
    for part in children(value, _whole(value)):
        if part.tag not in (0xA0, 0xA1) or part.tag in lists:
            raise Malformed("name constraints hold something else than two lists")
        lists[part.tag] = tuple(_subtree(value, entry) for entry in children(value, part))
    return lists.get(0xA0, ()), lists.get(0xA1, ())


def _subtree(value: bytes, entry: Element) -> Subtree:
    base, *distances = children(value, entry)
    minimum = next((int.from_bytes(value[d.body : d.end], "big", signed=True) for d in distances if d.tag == 0x80), None)
    return Subtree(GeneralName(base.tag & 0x1F, value[base.body : base.end]), minimum, any(d.tag == 0x81 for d in distances))


def integer(value: bytes) -> int:
    """The value of an INTEGER's content."""
    return int.from_bytes(value, "big", signed=True)


def sequence_of(value: bytes) -> list[Element]:
    """The elements of an extension's value that is one sequence; raises Malformed."""
    return list(children(value, _whole(value)))


def integers(value: bytes) -> list[int]:
    """The INTEGERs of an extension's value that is one sequence; none where it cannot be read."""
    try:
        return [integer(value[part.body : part.end]) for part in sequence_of(value) if part.tag == 0x02]
    except Malformed:
        return []
