"""The words of `whytls check` as values: one CheckResult for each entry, its problems named as `diagnose` names causes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from whytls.model import CauseClass, Confidence, Evidence, Fix, Owner
from whytls.pki.certificate import Certificate, read
from whytls.pki.defect import Defect, Purpose

if TYPE_CHECKING:
    from whytls.pki.chain import ChainReport
    from whytls.pki.families import FamilyMatch
    from whytls.pki.profiles import Decision
    from whytls.pki.readers.revocation import Source as Revocation
    from whytls.pki.repair import Repair
    from whytls.pki.revocation import Status
    from whytls.pki.store import Place

Level = Literal["failure", "warning"]
# key: with a private key, or named as what a server presents; certificate: neither is said; trusted: an anchor;
# endpoint: what a server showed.
Kind = Literal["key", "certificate", "trusted", "endpoint"]


class Problem(NamedTuple):
    """One thing that is wrong, under the slug of the cause that it becomes on the wire."""

    level: Level
    cause: str
    cause_class: CauseClass
    title: str
    confidence: Confidence
    owners: tuple[Owner, ...]
    evidence: tuple[Evidence, ...]
    fix: Fix | None
    detail: str = ""
    refused_by: tuple[str, ...] = ()  # the families of validators that are known to mind it; empty: not measured
    would_decide: str = ""  # what would make it proven
    warnings: tuple[str, ...] = ()
    defect: Defect | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found about one entry. ``problems`` is empty where nothing is wrong."""

    source: str  # as it was named in the call
    format: str  # PEM, PKCS #12, JKS, nginx, ...; "endpoint"
    kind: Kind
    place: Place
    at: int  # nanoseconds since 1970: judged for then
    purpose: Purpose
    alias: str = ""
    role: str = ""  # the directive of a configuration
    host: str | None = None  # what it was compared with
    chain: tuple[bytes, ...] = field(default=(), repr=False)  # DER, as presented
    key: str = ""  # the form of the private key; empty without one
    key_fits: bool | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()  # what is odd and nobody refuses
    report: ChainReport | None = field(default=None, repr=False)
    statuses: tuple[Status, ...] = field(default=(), repr=False)
    decisions: tuple[Decision, ...] = ()  # by profile; empty where no anchors are given
    names: tuple[FamilyMatch, ...] = ()  # by client family; empty without a host
    repair: Repair | None = field(default=None, repr=False)  # where the chain is not as it should be

    @property
    def own(self) -> Certificate | None:
        """The certificate that it is about."""
        return read(self.chain[0]) if self.chain else None

    @property
    def subject(self) -> str:
        """Whose it is, RFC 4514."""
        own = self.own
        return own.subject if own is not None else ""

    @property
    def expires(self) -> int | None:
        """When the first certificate of the chain ends, in nanoseconds since 1970."""
        ends = [end for end in (read(der).not_after for der in self.chain) if end is not None]
        return min(ends, default=None)

    @property
    def level(self) -> Level | None:
        """The gravest of its problems; ``None``: none."""
        if any(problem.level == "failure" for problem in self.problems):
            return "failure"
        return "warning" if self.problems else None


class Ask(NamedTuple):
    """What is asked of every entry."""

    at: int  # nanoseconds since 1970
    purpose: Purpose | None = None  # None: as the certificate says, else a server's
    host: str | None = None
    anchors: tuple[bytes, ...] | None = None
    given: Sequence[bytes] = ()
    revocation: tuple[Revocation, ...] = ()
    warn_days: int = 30
    fetch: bool = False
    allow_private: bool = False
