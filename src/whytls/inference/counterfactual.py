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
from typing import Literal, NamedTuple

from whytls.model import Seen, ServerProfile
from whytls.wire.message import ClientHello
from whytls.wire.registry import scheme_key_type

Dimension = Literal["version", "suite", "group", "signature", "sni", "alpn"]


class Counterfactual(NamedTuple):
    """The accepted handshake that is nearest to the refused hello, and in what they differ."""

    differences: frozenset[Dimension]
    seen: Seen


def nearest(hello: ClientHello, profile: ServerProfile | None) -> Counterfactual | None:
    """The accepted handshake with the fewest differences to the hello, or None where none was seen."""
    if profile is None or not any(seen.offered_versions for seen in profile.completed if seen.offered_versions):
        return None  # nobody got through of whom it is known what was offered
    offer = Offer(hello.versions, hello.cipher_suites, hello.groups, hello.signature_algorithms, hello.server_name, hello.alpn)
    return _nearest(offer, profile)


class Offer(NamedTuple):
    """What a hello offers, without what differs from one connection to the next: clients that try again offer the same."""

    versions: tuple[int, ...]
    cipher_suites: tuple[int, ...]
    groups: tuple[int, ...] | None
    signature_algorithms: tuple[int, ...] | None
    server_name: str | None
    alpn: tuple[str, ...] | None


@lru_cache(maxsize=1024)
def _nearest(offer: Offer, profile: ServerProfile) -> Counterfactual:
    known = (seen for seen in profile.completed if seen.offered_versions)
    return min((Counterfactual(differences(offer, seen), seen) for seen in known), key=lambda c: len(c.differences))


def differences(hello: ClientHello | Offer, seen: Seen) -> frozenset[Dimension]:
    """In which dimensions the hello does not contain what the server accepted in ``seen``."""
    found: set[Dimension] = set()
    if seen.version is not None and seen.version not in hello.versions:
        found.add("version")
    if seen.cipher_suite is not None and seen.cipher_suite not in hello.cipher_suites:
        found.add("suite")  # also where the version differs: what the server would have chosen in the hello's own is not known
    if seen.group is not None and hello.groups is not None and seen.group not in hello.groups:
        found.add("group")
    if not _signatures_cover(hello, seen):
        found.add("signature")
    if (hello.server_name or None) != (seen.sni or None):
        found.add("sni")
    if seen.alpn is not None and hello.alpn is not None and seen.alpn not in hello.alpn:
        found.add("alpn")
    return frozenset(found)


def _signatures_cover(hello: ClientHello | Offer, seen: Seen) -> bool:
    """Whether the hello offers every kind of signature that the accepted hello offered (what was used is not known)."""
    if hello.signature_algorithms is None or not seen.offered_signature_algorithms:
        return True
    return _kinds(seen.offered_signature_algorithms) & _USUAL <= _kinds(hello.signature_algorithms)


_USUAL = frozenset({"rsa", "ecdsa"})


@lru_cache(maxsize=1024)
def _kinds(schemes: tuple[int, ...]) -> frozenset[str]:
    """The kinds of keys that the schemes are for; clients of one make offer one list."""
    return frozenset(scheme_key_type(s) for s in schemes)
