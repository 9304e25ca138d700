"""The words of an audit as values: what is looked at, and what is wrong with it.

A Concern has the words of a Problem. Where a handshake will fail of it, its ``rule`` is the slug of that cause; where it only weakens or
endangers something, ``cause`` is None and the rule is one of ``rules.py``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from whytls.checking.result import Level, Problem
from whytls.model import CauseClass, Confidence, Evidence, Fix, Hop, Owner
from whytls.pki.defect import Purpose

SubjectKind = Literal["virtual host", "target server", "target endpoint", "keystore", "reference", "setting"]


class Subject(NamedTuple):
    """One resource of the environment, or one setting of its machines."""

    kind: SubjectKind
    name: str
    at: str = ""  # HOST:PORT of a target, the aliases of a virtual host
    proxy: str = ""  # of a target endpoint
    revision: str = ""

    def __str__(self) -> str:
        """For people: ``target endpoint default of proxy orders``."""
        return f"{self.kind} {self.name}" + (f" of proxy {self.proxy}" if self.proxy else "")


class Concern(NamedTuple):
    """One thing that is wrong with one subject."""

    level: Level
    rule: str
    subject: Subject
    hop: Hop
    title: str
    owners: tuple[Owner, ...]
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    cause: str | None = None
    cause_class: CauseClass | None = None
    detail: str = ""
    confidence: Confidence = "proven"
    would_decide: str = ""
    warnings: tuple[str, ...] = ()
    chain: tuple[bytes, ...] = ()  # the certificates that it is about, DER, as they are presented
    purpose: Purpose | None = None  # whose they are


class Looked(NamedTuple):
    """One thing that was looked at, and what was found."""

    subject: Subject
    concerns: tuple[Concern, ...] = ()
    probed: bool = False


def of_problem(problem: Problem, subject: Subject, hop: Hop, chain: tuple[bytes, ...] = (), purpose: Purpose | None = None) -> Concern:
    """What `whytls check` or a probe found, as a concern of that subject."""
    return Concern(
        problem.level, problem.cause, subject, hop, problem.title, problem.owners, problem.evidence, problem.fix, problem.cause, problem.cause_class,
        problem.detail, problem.confidence, problem.would_decide, problem.warnings, chain, purpose,
    )  # fmt: skip


def gravity(concern: Concern) -> tuple[bool, bool, bool]:
    """Sorts the worst first: failures, then what is proven, then what has a cause."""
    return concern.level != "failure", concern.confidence != "proven", concern.cause is None
