"""What another handshake of the same recording proves about a ClientHello that was refused.

Theory of operation
-------------------
A server that let another client through shows one point of what it accepts: this version with this suite, this group, this
server name. The refused hello is laid against each such point. Every dimension in which it does *not* contain what was
accepted is a difference. If there is exactly one, it is what the server minded, for all else was acceptable to the same server:
that is the passive form of replaying a hello with one thing changed (R29). If some accepted handshake differs in nothing, the
hello as such was acceptable, and its content cannot be the cause.

Differences in what the hello offers more than the accepted one are not counted: a server may ignore what it does not want.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from whytls.inference.marks import Asked
from whytls.model import Endpoint, Seen, ServerProfile
from whytls.tuples import NamedTuple
from whytls.wire.message import ClientHello
from whytls.wire.registry import scheme_key_type

_new = tuple.__new__
Dimension = Literal["version", "suite", "group", "signature", "sni", "alpn"]


class Counterfactual(NamedTuple):
    """The accepted handshake that is nearest to the refused hello, and in what they differ."""

    differences: frozenset[Dimension]
    seen: Seen


def nearest(hello: ClientHello, profile: ServerProfile | Asked | None) -> Counterfactual | None:
    """The accepted handshake with the fewest differences to the hello, or None where none was seen."""
    if isinstance(profile, Asked):
        found: Counterfactual | None = profile.answer(nearest, hello)
        return found
    if profile is None or not profile.completed:
        return None
    offer = _new(Offer, (hello.versions, hello.cipher_suites, hello.groups, hello.signature_algorithms, hello.alpn))
    name = hello.server_name or None
    best: tuple[int, int] | None = None
    chosen: tuple[frozenset[Dimension], Seen] | None = None
    for differs, first, by_name in _accepted(profile.completed).beside(offer):
        same_name = by_name.get(name)
        place, seen = first if same_name is None else same_name
        weight = (len(differs) + (same_name is None), place)
        if best is None or weight < best:
            best, chosen = weight, (differs | _BY_NAME if same_name is None else differs, seen)
    return None if chosen is None else _new(Counterfactual, chosen)


class Offer(NamedTuple):
    """What a hello offers, without its server name and what differs from one connection to the next: one make of client offers the same."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    groups: tuple[int, ...] | None
    signature_algorithms: tuple[int, ...] | None
    alpn: tuple[str, ...] | None


class Point(NamedTuple):
    """What a server accepted, whatever the name: one point of what it supports."""

    version: int | None
    cipher_suite: int | None
    group: int | None
    signatures: frozenset[str]  # the usual kinds of keys for which the accepted hello offered signature schemes
    alpn: str | None


_Placed = tuple[int, Seen]  # a sighting, and its place among those of its server
_Beside = tuple[frozenset[Dimension], _Placed, dict[str | None, _Placed]]
_BY_NAME: frozenset[Dimension] = frozenset({"sni"})
_MOST_OFFERS = 64  # of one server's clients


class _Accepted:
    """What one server accepted, as far as it is known: its distinct points, each with the first sighting of it, whatever the name and by name.

    It grows with what the recording shows of its server. Made anew for each profile it took a fifth of the time to a refused hello's
    verdict, for a profile is a new one with each thing learned.
    """

    def __init__(self) -> None:
        self.completed: tuple[Seen, ...] = ()  # what it was made of
        self._points: dict[Point, tuple[_Placed, dict[str | None, _Placed]]] = {}
        self._beside: dict[Offer, list[_Beside]] = {}  # few makes of client call one server

    def grow(self, completed: tuple[Seen, ...]) -> None:
        """Take in what was seen since; ``completed`` begins with what was seen before."""
        for place, seen in enumerate(completed[len(self.completed) :], len(self.completed)):
            if seen.offered_versions:
                signatures = _kinds(seen.offered_signature_algorithms) & _USUAL
                point = _new(Point, (seen.version, seen.cipher_suite, seen.group, signatures, seen.alpn))
                known = self._points.get(point)
                if known is None:
                    known = self._points[point] = ((place, seen), {})
                    self._beside.clear()
                known[1].setdefault(seen.sni or None, (place, seen))
        self.completed = completed

    def beside(self, offer: Offer) -> list[_Beside]:
        """The points, each with what differs from it in the offer; none where nobody got through of whom the offer is known."""
        found = self._beside.get(offer)
        if found is None:
            if len(self._beside) >= _MOST_OFFERS:
                self._beside.clear()
            found = self._beside[offer] = [(differences(offer, point), first, by_name) for point, (first, by_name) in self._points.items()]
        return found


_MOST_SERVERS = 2048
_servers: dict[Endpoint, _Accepted] = {}


def _accepted(completed: tuple[Seen, ...]) -> _Accepted:
    """What the server of these handshakes accepted in them."""
    server = completed[0].server
    known = _servers.get(server)
    if known is not None:
        if known.completed is completed:
            return known
        if known.completed == completed[: len(known.completed)]:  # they are the same values, which is seen at once
            known.grow(completed)
            return known
    if len(_servers) >= _MOST_SERVERS:
        _servers.clear()
    made = _servers[server] = _Accepted()
    made.grow(completed)
    return made


@lru_cache(maxsize=4096)
def differences(offer: Offer, point: Point) -> frozenset[Dimension]:
    """In which dimensions, other than the name, a hello does not contain what the server accepted."""
    found: set[Dimension] = set()
    if point.version is not None and point.version not in offer.versions:
        found.add("version")
    if point.cipher_suite is not None and point.cipher_suite not in offer.cipher_suites:
        found.add("suite")  # also where the version differs: what the server would have chosen in the hello's own is not known
    if point.group is not None and offer.groups is not None and point.group not in offer.groups:
        found.add("group")
    if offer.signature_algorithms is not None and not point.signatures <= _kinds(offer.signature_algorithms):
        found.add("signature")  # every kind that the accepted hello offered has to be offered: what was used is not known
    if point.alpn is not None and offer.alpn is not None and point.alpn not in offer.alpn:
        found.add("alpn")
    return frozenset(found)


_USUAL = frozenset({"rsa", "ecdsa"})


@lru_cache(maxsize=1024)
def _kinds(schemes: tuple[int, ...]) -> frozenset[str]:
    """The kinds of keys that the schemes are for; clients of one make offer one list."""
    return frozenset(scheme_key_type(s) for s in schemes)
