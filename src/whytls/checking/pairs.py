"""A keystore against a truststore: every entry that is presented, judged by what the other side trusts (R17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from whytls.checking.at_hand import AtHand
from whytls.checking.naming import level_of, problem
from whytls.checking.result import Ask, Problem
from whytls.checking.run import endpoint_of, opened, presented
from whytls.exceptions import InputError, UsageError
from whytls.model import Evidence, Hop
from whytls.pki.certificate import read
from whytls.pki.chain import FIRST_TLS
from whytls.pki.defect import Defect, Purpose
from whytls.pki.pair import PairReport, pair
from whytls.pki.password import Password
from whytls.pki.readers.live import is_name
from whytls.pki.stacks import OF_PAIRS
from whytls.pki.store import Place, anchors

Sides = Literal["router-client", "client-router", "target-processor", "processor-target"]


class Roles(NamedTuple):
    """Who is who in one of the four pairs of R17: who presents, who trusts, whose certificate it is, on which hop."""

    presents: str
    trusts: str
    usage: Purpose
    hop: Hop


ROLES: dict[str, Roles] = {
    "router-client": Roles("the Router", "the client", "server", "northbound"),
    "client-router": Roles("the client", "the Router", "client", "northbound"),
    "target-processor": Roles("the target server", "the Message Processor", "server", "southbound"),
    "processor-target": Roles("the Message Processor", "the target server", "client", "southbound"),
}
UNNAMED: dict[Purpose, Roles] = {
    "server": Roles("the server", "the client", "server", "direct"),
    "client": Roles("the client", "the server", "client", "direct"),
}


@dataclass(frozen=True, slots=True)
class PairResult:
    """One entry of the presenting side, judged by the trusting side's store."""

    presents: str  # the source
    trusts: str  # the source
    place: Place
    roles: Roles
    pair: PairReport
    alias: str = ""
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether any stack is known to refuse it."""
        return any(decision.accepts is False for decision in self.pair.decisions)


def roles_of(sides: str | None, usage: Purpose | None) -> Roles:
    """Who is who, as it is named in the call.

    Raises:
        UsageError: no such pair, or one that contradicts the usage.
    """
    if sides is None:
        return UNNAMED[usage or "server"]
    if sides not in ROLES:
        raise UsageError(f"there is no pair {sides!r}", hint=f"who presents, then who trusts: {', '.join(get_args(Sides))}")
    if usage is not None and usage != ROLES[sides].usage:
        raise UsageError(f"in {sides} it is the {ROLES[sides].usage}'s certificate that is judged", hint="leave --usage out")
    return ROLES[sides]


def pairs(
    presents: str, trusts: str, asked: Ask, roles: Roles, *, alias: str | None, passwords: tuple[Password | None, Password | None],
) -> Iterator[PairResult]:  # fmt: skip
    """Every entry that is presented, judged; see ``api.check_pair``."""
    trusted = opened(trusts, passwords[1], None)
    trust_anchors = anchors(trusted)
    if trusted.damage or trusted.integrity == "failed":
        raise InputError(trusted.damage or "its checksum does not fit the password", file=trusts, hint="read in part it would mislead")
    endpoint = endpoint_of(presents)
    if endpoint is not None:
        name = asked.host if asked.host and is_name(asked.host) else endpoint.host if is_name(endpoint.host) else None
        from whytls.checking.endpoint import shown

        found = shown(endpoint, name)
        if not found.chain:
            raise InputError("it shows no certificate", file=presents, hint=f"whytls check {presents} says why")
        yield _judged(presents, trusts, Place(presents), "", found.chain, (), trust_anchors, AtHand(asked.given), asked, roles)
        return
    store = opened(presents, passwords[0], None)
    hand = AtHand([*store.certificates, *asked.given])
    for entry in presented(store, alias, presents):
        yield _judged(presents, trusts, entry.place, entry.alias, entry.chain, entry.warnings, trust_anchors, hand, asked, roles)


def _judged(
    presents: str, trusts: str, place: Place, alias: str, chain: tuple[bytes, ...], warnings: tuple[str, ...], trusted: tuple[bytes, ...],
    hand: AtHand, asked: Ask, roles: Roles,
) -> PairResult:  # fmt: skip
    found = pair(chain, trusted, at=asked.at, host=asked.host, usage=roles.usage, known=hand.above(chain), revocation=asked.revocation)
    begun = PairResult(presents, trusts, place, roles, found, alias, chain, (), warnings)
    problems = tuple(_problems(begun))
    return PairResult(presents, trusts, place, roles, found, alias, chain, problems, warnings)


def _problems(about: PairResult) -> Iterator[Problem]:
    """What decides first, then what else is wrong."""
    for defect in about.pair.defects:
        level = "failure" if defect == about.pair.deciding else level_of(defect, presented=True)
        if level is None or (defect.slug == "expired" and about.pair.at < FIRST_TLS):
            continue
        named = defect if defect.slug not in OF_PAIRS else _as_of_a_chain(defect)
        index = defect.index if defect.index is not None and defect.index < len(about.chain) else 0
        certificate = read(about.chain[index]) if about.chain else None
        text = f"{f'alias {about.alias}, ' if about.alias else ''}certificate {index + 1} of {len(about.chain)}, against {about.trusts}"
        where = Evidence(text, file=about.place.file, certificate=certificate.sha256 if certificate else None, line=about.place.line)
        yield problem(
            named, certificate, about.pair.at, level="failure" if level == "failure" else "warning", evidence=(where,), purpose=about.roles.usage,
            hop=about.roles.hop,
        )  # fmt: skip


def _as_of_a_chain(defect: Defect) -> Defect:
    """A chain that is longer than nginx follows: to it an intermediate is missing."""
    return Defect("missing-intermediate", 0, detail="verify-depth", facts=defect.facts) if defect.slug == "verify-depth" else defect
