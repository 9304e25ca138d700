"""In which order Java's path builder tries the certificates that could have issued one (ForwardBuilder, JDK 17).

The order decides which path is found, and which exception escapes where a comparison of names throws. It comes from three things: a
HashSet hands certificates out by the hash of their bytes; a TreeSet puts them in order by a comparator; and that comparator calls the
first of two equals the smaller one, so what comes later stands in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from whytls.pki.details import Details, Name
from whytls.pki.profiles.java_names import canonical

_GEOGRAPHICAL = frozenset({"2.5.4.6", "2.5.4.8", "2.5.4.7", "2.5.4.9"})  # country, state, locality, street


@lru_cache(maxsize=1024)
def _hash(der: bytes) -> int:
    """Arrays.hashCode over the encoding, spread as HashMap does."""
    value = 1
    for octet in der:
        value = (31 * value + (octet - 256 if octet > 127 else octet)) & 0xFFFFFFFF
    return value ^ value >> 16


def hashed(certificates: Sequence[Details]) -> list[Details]:
    """The order in which a HashSet hands them out, each once."""
    distinct = list({c.certificate.sha256: c for c in certificates}.values())
    size = 16
    while len(distinct) > size * 3 // 4:
        size *= 2
    return sorted(distinct, key=lambda c: _hash(c.certificate.der) & size - 1)


class _Place:
    """A node of the tree that a TreeSet is (without its rotations, which matter to no order of up to three)."""

    __slots__ = ("after", "before", "held")

    def __init__(self, held: Details) -> None:
        self.held = held
        self.before: _Place | None = None
        self.after: _Place | None = None


def sorted_set(certificates: Sequence[Details], child: Details, issuers: set[tuple[str, ...]]) -> list[Details]:
    """The certificates in the order of a TreeSet with Java's comparator, put in one after the other."""
    root: _Place | None = None
    for certificate in certificates:
        fresh = _Place(certificate)
        if root is None:
            root = fresh
            continue
        place: _Place | None = root
        while place is not None and place.held != certificate:
            first = _comes_first(certificate, place.held, child, issuers)
            following = place.before if first else place.after
            if following is None and first:
                place.before = fresh
            elif following is None:
                place.after = fresh
            place = following
    return _in_order(root)


def _in_order(root: _Place | None) -> list[Details]:
    found: list[Details] = []
    waiting: list[_Place] = []
    while root is not None or waiting:
        while root is not None:
            waiting.append(root)
            root = root.before
        place = waiting.pop()
        found.append(place.held)
        root = place.after
    return found


def _comes_first(one: Details, other: Details, child: Details, issuers: set[tuple[str, ...]]) -> bool:
    """PKIXCertComparator.compare: whether the answer is negative."""
    key_id = child.certificate.aki
    if key_id is not None and key_id in (one.certificate.ski, other.certificate.ski):
        return one.certificate.ski == key_id
    trusted = [canonical(link.issuer) in issuers for link in (one, other)]
    if any(trusted):
        return trusted[0]
    for anchor in issuers:
        mine, theirs = _distance(anchor, one.issuer), _distance(anchor, other.issuer)
        if mine is not None or theirs is not None:
            return theirs is None or (mine is not None and mine <= theirs)
    return True


def _distance(anchor: tuple[str, ...], issuer: Name | None) -> int | None:
    """How far an issuer is below what its name has in common with an anchor's; nothing where that is only a place."""
    names = canonical(issuer)
    common = 0
    while common < min(len(anchor), len(names)) and anchor[common] == names[common]:
        common += 1
    if not common or any(attribute.kind in _GEOGRAPHICAL for attribute in (issuer or ())[common - 1]):
        return None
    return len(names) - common
