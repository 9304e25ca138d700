"""Lists of a hello while they are found out: what was chosen of them, and which suites need them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from whytls.probing.offer import Part
from whytls.probing.result import Refused
from whytls.wire.registry import TLS12, TLS13, suite_facts


class Kind(NamedTuple):
    """Suites that need the same of the other lists."""

    key_exchange: str
    authentication: str

    def needs(self, version: int) -> frozenset[Part]:
        """The lists without which it cannot be chosen."""
        wanted: set[Part] = set()
        if version == TLS13 or self.key_exchange.startswith("EC"):
            wanted.add("groups")
        if self.authentication == "ECDSA":
            wanted.add("groups")  # its certificate's curve has to be among them (RFC 8422 section 5.1)
        signed = self.key_exchange in ("ECDHE", "DHE", "SRP") and self.authentication not in ("anon", "PSK", "SRP")
        if version == TLS13 or (version == TLS12 and signed):
            wanted.add("schemes")
        return frozenset(wanted)


def kind_of(suite: int) -> Kind:
    """The kind of a suite."""
    facts = suite_facts(suite)
    return Kind(facts.key_exchange, facts.authentication)


class Pool:
    """One list besides the suites. ``open``: it is offered without what it gave."""

    def __init__(self, every: tuple[int, ...] | tuple[str, ...], is_open: bool, seen: Iterable[int | str] = ()) -> None:
        self.every: tuple[int | str, ...] = every
        self.seen: list[int | str] = list(seen)  # in the order in which they were chosen
        self.open = is_open and bool(every)
        self.refused: Refused | None = None  # how it was when nothing of it was left
        self.ignored = False  # the server went on without choosing anything of it
        self.done = not every  # there is no more to ask
        self.dry: set[Hashable] = set()  # for whom nothing is left (``user``)

    @property
    def shortened(self) -> bool:
        """Whether it is offered without something."""
        return self.open and bool(self.seen)

    def offered(self) -> tuple[int | str, ...]:
        """As it is offered now."""
        return self.without_seen() if self.shortened else self.every

    def without_seen(self) -> tuple[int | str, ...]:
        """What it has not given yet."""
        return tuple([value for value in self.every if value not in self.seen])

    def heard(self, value: int | str | None) -> bool:
        """Whether the choice is a new one."""
        if value is None or value in self.seen or value not in self.every:
            return False
        self.seen.append(value)
        if len(self.seen) == len(self.every):
            self.open = False
        return True


def user(part: Part, suite: int) -> Hashable:
    """Who draws from a list: suites of one user find the same in it. A scheme belongs to a certificate, and ECDSA to a curve."""
    authentication = kind_of(suite).authentication
    return authentication if part == "schemes" else authentication == "ECDSA" if part == "groups" else None
