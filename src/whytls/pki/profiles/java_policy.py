"""Certificate policies as Java processes them (PolicyChecker, RFC 5280 section 6.1): always on, any policy accepted to begin with.

Only one thing comes of it where nobody asks for policies: a CA that requires an explicit one (policyConstraints) and certificates
below it that agree on none. Policies are sets of identifiers here instead of a tree, since qualifiers do not matter: for every depth
the policies that are valid and what they are called below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.der import children, dotted, element
from whytls.pki.details import Details
from whytls.pki.profiles.java_parse import form

ANY = "2.5.29.32.0"
MOST_POLICIES = 256  # ours: of one certificate
FAILED = "non-null policy tree required and policy tree is null"


class _State(NamedTuple):
    valid: frozenset[str] | None  # the names under which policies are expected further down; None: the tree is empty
    explicit: int
    mapping: int
    any_policy: int


def failing(path: Sequence[Details], self_issued: Sequence[bool]) -> tuple[int, str] | None:
    """The first place (counted from the top, the anchor left out) at which the policies fail, and Java's text."""
    count = len(path) + 1
    state = _State(frozenset({ANY}), count, count, count)
    for place, link in enumerate(path):
        final = place == len(path) - 1
        valid = _policies(link, state, expand=not final and self_issued[place])
        if valid is not None and not final:
            if any(ANY in pair for pair in _mappings(link)):
                return place, _any_mapped(link)
            valid = _mapped(link, valid, state.mapping)
        explicit = _explicit(link, state.explicit, final=final, self_issued=self_issued[place])
        # A final certificate is judged by what it says itself, others by what was said above them.
        if not valid and (explicit if final else state.explicit) == 0:
            return place, FAILED
        state = _next(link, valid, explicit, state, self_issued=self_issued[place])
    return None


def _next(link: Details, valid: frozenset[str] | None, explicit: int, state: _State, *, self_issued: bool) -> _State:
    less = 0 if self_issued else 1
    mapping, any_policy = max(state.mapping - less, 0), max(state.any_policy - less, 0)
    inhibit, skip = _number(link, d.POLICY_CONSTRAINTS, 0x81), _number(link, d.ANY_POLICY, 0x02)
    mapping = mapping if inhibit is None else min(mapping, inhibit)
    return _State(valid or None, explicit, mapping, any_policy if skip is None else min(any_policy, skip))


def _explicit(link: Details, explicit: int, *, final: bool, self_issued: bool) -> int:
    explicit = max(explicit - (0 if self_issued else 1), 0)
    required = _number(link, d.POLICY_CONSTRAINTS, 0x80)
    if required is None:
        return explicit
    return (0 if required == 0 else explicit) if final else min(explicit, required)


def _policies(link: Details, state: _State, *, expand: bool) -> frozenset[str] | None:
    own = set(_listed(link))
    if not own or state.valid is None:
        return None
    kept = {policy for policy in own if policy != ANY and (policy in state.valid or ANY in state.valid)}
    if ANY in own and (state.any_policy > 0 or expand):
        kept |= state.valid
    return frozenset(kept) or None


def _mapped(link: Details, valid: frozenset[str], mapping: int) -> frozenset[str] | None:
    pairs = _mappings(link)
    kept = valid - {issuer for issuer, _ in pairs}  # below, a mapped policy goes by its new names only
    if mapping:
        kept |= {subject for issuer, subject in pairs if issuer in valid or ANY in valid}
    return kept or None


def _any_mapped(link: Details) -> str:
    side = "issuer" if any(issuer == ANY for issuer, _ in _mappings(link)) else "subject"
    return f"encountered {'an' if side == 'issuer' else 'a'} {side}DomainPolicy of ANY_POLICY"


def _listed(link: Details) -> Iterator[str]:
    for number, part in enumerate(_parts(link, d.POLICIES)):
        if number >= MOST_POLICIES:
            return
        yield part[0]


def _mappings(link: Details) -> list[tuple[str, str]]:
    return [(part[0], part[1]) for part in _parts(link, d.MAPPINGS)[:MOST_POLICIES] if len(part) > 1]


def _parts(link: Details, kind: str) -> list[list[str]]:
    """The object identifiers in each of the sequences of an extension."""
    extension = link.extension(kind)
    if extension is None or kind in form(link).lost:
        return []
    value = extension.value
    try:
        outer = children(value, element(value, 0, len(value)))
        found = [[dotted(value[oid.body : oid.end]) for oid in children(value, part) if oid.tag == 0x06] for part in outer]
    except Malformed:
        return []
    return [oids for oids in found if oids]


def _number(link: Details, kind: str, tag: int) -> int | None:
    extension = link.extension(kind)
    if extension is None or kind in form(link).lost:
        return None
    value = extension.value
    try:
        outer = element(value, 0, len(value))
        parts = [outer] if tag == 0x02 else list(children(value, outer))
    except Malformed:
        return None
    return next((d.integer(value[part.body : part.end]) for part in parts if part.tag == tag), None)
