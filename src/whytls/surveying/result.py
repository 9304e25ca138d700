"""The words of `whytls probe` as values: one Survey for each address that was asked.

A Survey holds the Inventory (what the server does, attempt by attempt) and what follows from it. Problems have the words of a
diagnosis; a Weakness breaks nobody's handshake and so has no cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from whytls.checking.result import CheckResult, Level, Problem
from whytls.model import Confidence, Diagnosis
from whytls.probing.attempt import Attempt
from whytls.probing.result import Inventory

# What a server makes of the names in ClientHellos (R19):
#   required         without server_name it refuses
#   default          without server_name it shows another certificate: that of its default site
#   ignored          with and without, known or not: always the same certificate
#   served           without it shows what it shows with it, and an unknown name is refused or shown something else
#   unknown-name     it refuses the name that was asked for
#   not-asked        nothing was compared
NameHabit = Literal["required", "default", "ignored", "served", "unknown-name", "not-asked"]
UnknownName = Literal["refused", "default", "same", "not-asked"]  # what it does with a name that it does not have
Provenance = Literal["recorded", "described", "captured"]


class Statement(NamedTuple):
    """One sentence about the server, and the attempts that show it."""

    slug: str
    text: str
    attempts: tuple[int, ...] = ()
    reference: str = ""  # the standard that says so


class NamesSaid(NamedTuple):
    """What the server makes of names, as the runbook asks it (R19), and what it makes of a name that it does not have."""

    habit: NameHabit
    statements: tuple[Statement, ...] = ()
    unknown: UnknownName = "not-asked"


class Through(NamedTuple):
    """Whether one client gets through to this server."""

    client: str  # its slug, or CAPTURE#N
    title: str
    passes: bool | None  # None: it cannot be told from what is known
    provenance: Provenance = "recorded"
    version: int | None = None
    cipher_suite: int | None = None
    group: int | None = None
    cause: str = ""
    detail: str = ""
    why: str = ""  # the empty set by name, or what its rules say of the certificate
    confidence: Confidence = "proven"
    attempt: int | None = None  # the one that sent its own hello
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found about one server."""

    target: str  # as it was named in the call
    inventory: Inventory
    at: int  # nanoseconds since 1970: certificates were judged for then
    problems: tuple[Problem, ...] = ()  # the gravest first; empty: healthy
    weaknesses: tuple[Statement, ...] = ()
    certificates: tuple[CheckResult, ...] = ()  # in the order of ``inventory.certificates``
    names: NamesSaid = NamesSaid("not-asked")  # noqa: RUF009  (a frozen value)
    clients: tuple[Through, ...] = ()
    differences: tuple[Statement, ...] = ()  # from the server that it was compared with
    compared_with: str = ""
    presented: tuple[bytes, ...] = field(default=(), repr=False)  # the client certificate that was shown where one was asked for, DER
    diagnosis: Diagnosis | None = field(default=None, repr=False)  # of the handshake that says why nothing is accepted
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Where it was asked."""
        return self.inventory.address

    @property
    def accepts(self) -> bool:
        """Whether it took up any ClientHello."""
        return any(version.suites for version in self.inventory.versions)

    @property
    def level(self) -> Level | None:
        """The gravest of what is wrong; ``None``: healthy."""
        if not self.accepts or any(problem.level == "failure" for problem in self.problems):
            return "failure"
        return "warning" if self.problems or self.weaknesses else None

    @property
    def verdict(self) -> str:
        """``healthy``, the cause of the gravest problem, or ``unknown`` where no handshake told anything."""
        if self.level != "failure":
            return "healthy"
        return self.problems[0].cause if self.problems else "unknown"

    @property
    def refused(self) -> tuple[Through, ...]:
        """The clients that do not get through."""
        return tuple(client for client in self.clients if client.passes is False)


def numbers(attempts: Sequence[Attempt], most: int = 4) -> tuple[int, ...]:
    """The numbers of the first few attempts."""
    return tuple(attempt.number for attempt in attempts[:most])
