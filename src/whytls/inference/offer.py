"""In which dimension a ClientHello offers less than any mainstream client does: the places where a server finds nothing in common.

Theory of operation
-------------------
Every client in use that was not restricted by hand offers TLS 1.2 or 1.3, ECDHE with AES-GCM for both RSA and ECDSA
certificates, x25519 or P-256, and signature schemes for both key types (the hellos of OpenSSL 1.0.1 to 3.5, JDK 7 to 25, Go, NSS,
GnuTLS, Schannel and the browsers: peers.md section 2.1). Servers are set up for these clients. So when a server that answers
nothing but handshake_failure met a hello that is restricted in one dimension, that dimension is the better explanation than
any in which the hello is as broad as everybody's. This is reasoning from what is usual: it makes ``likely``, never ``proven``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from whytls.tuples import NamedTuple
from whytls.wire.message import ClientHello
from whytls.wire.registry import group_name, scheme_key_type, suite_facts, suite_name, version_name

Restriction = Literal["version", "suite", "group", "signature"]

_X25519, _P256 = 0x001D, 0x0017
_TLS12, _TLS13 = 0x0303, 0x0304
_COMMON_TLS13 = frozenset({0x1301, 0x1302})
_EVERYBODYS = frozenset({0xC02F, 0xC030, 0xC02B, 0xC02C, 0x1301, 0x1302})  # ECDHE with AES-GCM


class Narrowness(NamedTuple):
    """One dimension in which the hello is restricted, and how, in words."""

    dimension: Restriction
    text: str
    by: Literal["client", "either"]  # who is the odd one: a client below today's minimum, or either end
    follows: frozenset[Restriction] = frozenset()  # restrictions of which this one is a mere consequence, or the weaker sign

    def leads(self, other: Narrowness) -> bool:
        """Whether the other restriction follows from this one, so that this one is what was restricted."""
        return self.dimension in other.follows


def restrictions(hello: ClientHello) -> tuple[Narrowness, ...]:
    """All dimensions in which the hello is narrower than mainstream clients are; empty for a usual hello."""
    return _restrictions(hello.versions, hello.cipher_suites, hello.groups, hello.signature_algorithms)


@lru_cache(maxsize=512)
def _restrictions(
    versions: tuple[int, ...], suites: tuple[int, ...], groups: tuple[int, ...] | None, schemes: tuple[int, ...] | None
) -> tuple[Narrowness, ...]:
    found: list[Narrowness] = []
    top = versions[0] if versions else 0
    if top < _TLS12:
        found.append(Narrowness("version", f"nothing newer than {version_name(top)}", "client"))
    signature = _narrow_signatures(schemes)
    group = _narrow_groups(groups)
    suite = _narrow_suites(versions, suites)
    if suite:
        found.append(suite._replace(follows=_leaders(suites, signature)))
    found += [n._replace(follows=frozenset({"version"})) for n in (group, signature) if n]
    return tuple(found)


def _leaders(suites: tuple[int, ...], signature: Narrowness | None) -> frozenset[Restriction]:
    """Of what a short list of suites is the consequence.

    An old version brings old suites. OpenSSL takes suites out whose kind of certificate its signature schemes exclude. And a
    list that still holds the suite that every server has (RFC 9325 section 4.2, RFC 8446 section 9.1) is a weaker sign than a
    list of groups with one entry.
    """
    leaders: set[Restriction] = {"version"}
    kinds = {suite_facts(s).authentication for s in suites} & {"RSA", "ECDSA"}
    if signature is not None and len(kinds) == 1 and f"only {next(iter(kinds))} " in signature.text:
        leaders.add("signature")
    if _EVERYBODYS & set(suites):
        leaders.add("group")
    return frozenset(leaders)


def _narrow_suites(versions: tuple[int, ...], suites: tuple[int, ...]) -> Narrowness | None:
    facts = [suite_facts(s) for s in suites if s not in (0x00FF, 0x5600)]
    modern = [f for f in facts if f.tls13]
    old = [f for f in facts if not f.tls13]
    if _TLS13 in versions and modern and old:  # a full client: at least the mandatory suite, and ECDHE below
        if _COMMON_TLS13.isdisjoint(suites):
            return Narrowness("suite", f"of TLS 1.3 only {_names(s for s in suites if suite_facts(s).tls13)}", "either")
        return None
    if modern and not old:
        named = [s for s in suites if suite_facts(s).tls13]
        return Narrowness("suite", f"only {_names(named)}", "either") if len(named) < 2 or _COMMON_TLS13.isdisjoint(named) else None
    ephemeral = [f for f in old if f.key_exchange in ("ECDHE", "DHE")]
    if not ephemeral:
        return Narrowness("suite", "no suite with forward secrecy (ECDHE or DHE)", "client")
    kinds = {f.authentication for f in ephemeral} & {"RSA", "ECDSA"}
    if kinds == {"ECDSA"} and not any(f.authentication == "RSA" or f.key_exchange == "RSA" for f in old):
        return Narrowness("suite", "only suites for ECDSA certificates", "either")
    if kinds == {"RSA"} and top_is_ecdhe(versions):
        return Narrowness("suite", "only suites for RSA certificates", "either")
    if len(old) <= 2:
        return Narrowness("suite", f"only {_names(s for s in suites if s not in (0x00FF, 0x5600))}", "either")
    return None


def top_is_ecdhe(versions: tuple[int, ...]) -> bool:
    """Whether the hello is of an age in which clients offer ECDSA as a matter of course (TLS 1.2 and later)."""
    return bool(versions) and versions[0] >= _TLS12


def _narrow_groups(groups: tuple[int, ...] | None) -> Narrowness | None:
    """One group only, or neither x25519 nor P-256: no mainstream client does either."""
    if groups is None:
        return None
    elliptic = [g for g in groups if not 0x0100 <= g <= 0x01FF]
    if len(groups) > 1 and (_X25519 in elliptic or _P256 in elliptic):
        return None
    return Narrowness("group", f"only {_groups(groups)}" if groups else "an empty list of groups", "either")


def _narrow_signatures(schemes: tuple[int, ...] | None) -> Narrowness | None:
    """Schemes for one kind of key only."""
    if schemes is None:
        return None
    kinds = {scheme_key_type(s) for s in schemes}
    if "rsa" in kinds and "ecdsa" in kinds:
        return None
    present = "RSA" if "rsa" in kinds else "ECDSA" if "ecdsa" in kinds else ", ".join(sorted(k for k in kinds if k)) or "no known"
    return Narrowness("signature", f"only {present} signature schemes", "either")


def _names(suites: object) -> str:
    names = [suite_name(s) for s in suites]  # type: ignore[attr-defined]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _groups(groups: tuple[int, ...]) -> str:
    names = [group_name(g) for g in groups]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
