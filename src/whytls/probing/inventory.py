"""What one server accepts, all of it: the questions of the other files, asked side by side and put together.

The first offer holds everything; it shows the best version, and is the first question about that. Then each version is asked by itself
(``elimination.py``), all at once, for they have nothing to do with each other. TLS 1.3 pays for its groups itself: with no key share in
the hello the server names a group in each HelloRetryRequest. The highest version before it, the ``lead``, pays for signature schemes
and application protocols, and for groups where there is no TLS 1.3. The certificates, the request for ours and what sessions are
promised stand in the same answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from whytls.probing.asking import Asker, Ended
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.elimination import Elimination
from whytls.probing.offer import ALL_VERSIONS, Answer, Part, broad, offer, suites_for
from whytls.probing.result import Inventory, Refused, VersionFound
from whytls.wire.registry import SSL2, TLS12, TLS13, version_name

Progress = Callable[[Attempt], None]


class Survey:
    """One server while it is asked: what is known so far, so that an early end leaves a part and not nothing."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.versions: dict[int, Elimination] = {}
        self.refused: dict[int, Refused] = {}
        self.warnings: list[str] = []
        self.group_order: bool | None = None
        self.fallback: bool | None = None

    async def run(self) -> None:
        """All questions.

        Raises:
            Ended: the target is gone, or the bounds are reached.
        """
        first = await self.asker.ask(broad())
        if first.accepted and first.version is not None:
            for version in (TLS13, TLS12, 0x0302, 0x0301):
                if version > first.version:
                    self.refused[version] = Refused(first.attempt, first.end)
        wanted = [version for version in ALL_VERSIONS if version not in self.refused]
        self._begin(wanted, first)
        await _all([self._version(version, first) for version in wanted])
        await self._rest()

    def _begin(self, wanted: Sequence[int], first: Answer) -> None:
        lead = next((version for version in wanted if version <= TLS12), None)
        for version in wanted:
            joint: tuple[Part, ...] = ()
            if version == TLS13:
                joint = ("groups",)
            elif version == lead:
                joint = ("schemes", "alpn") if TLS13 in wanted else ("groups", "schemes", "alpn")
            self.versions[version] = Elimination(offer(version, suites_for(version)), joint)

    async def _version(self, version: int, first: Answer) -> None:
        found = self.versions[version]
        given = first if first.accepted and first.version == version else None
        if version == SSL2:
            answer = await self.asker.ask(found.base)
            if answer.version == SSL2 and answer.suite is not None:
                found.ranked, found.accepted = [answer.suite], {answer.suite}
            else:
                found.refused = Refused(answer.attempt, answer.end, answer.alert)
            return
        await self.asker.carry(found.suites(given))
        if version == TLS13 and found.accepted:
            await self.asker.carry(found.finish("groups"))
            self.group_order = await self.asker.carry(found.group_order())

    async def _rest(self) -> None:
        """What needs to know the versions first."""
        lead = self.lead
        if lead is None:
            return
        new = self.versions.get(TLS13)
        groups = lead.pools["groups"]
        if new is not None and new.accepted:
            groups.seen = [*new.pools["groups"].seen, *(g for g in groups.seen if g not in new.pools["groups"].seen)]
        for part in ("groups", "schemes", "alpn"):
            await self.asker.carry(lead.finish(part))  # type: ignore[arg-type]
        if new is None or not new.accepted:
            self.group_order = await self.asker.carry(lead.group_order())

    @property
    def accepted(self) -> list[int]:
        """The versions that are accepted, highest first."""
        return [version for version, found in self.versions.items() if found.accepted]

    @property
    def lead(self) -> Elimination | None:
        """The highest version before TLS 1.3."""
        return next((self.versions[version] for version in self.accepted if version <= TLS12), None)


async def inventory(prober: Prober, server_name: str | None = None, *, progress: Progress | None = None) -> Inventory:
    """Asks a server for everything it accepts. Never raises for what the server does; what could not be asked is in ``warnings``."""
    began = time.perf_counter()
    survey = Survey(Asker(prober, server_name, progress))
    try:
        await survey.run()
    except Ended as end:
        survey.warnings.append(str(end))
    return assembled(survey, time.perf_counter() - began)


def assembled(survey: Survey, seconds: float) -> Inventory:
    """What was found, as a value."""
    asker = survey.asker
    versions = []
    for version in ALL_VERSIONS:
        found = survey.versions.get(version)
        if found is not None:
            versions.append(VersionFound(version, tuple(found.ranked), found.server_order, found.refused, tuple(sorted(found.dh_bits))))
        elif version in survey.refused:
            versions.append(VersionFound(version, refused=survey.refused[version]))
    groups = [group for found in survey.versions.values() for group in found.pools["groups"].seen]
    schemes = [scheme for found in survey.versions.values() for scheme in found.pools["schemes"].seen]
    protocols = [name for found in survey.versions.values() for name in found.pools["alpn"].seen]
    lead = survey.lead
    return Inventory(
        asker.prober.label,
        asker.prober.label,
        asker.server_name,
        tuple(versions),
        tuple(dict.fromkeys(g for g in groups if isinstance(g, int))),
        survey.group_order,
        tuple(dict.fromkeys(s for s in schemes if isinstance(s, int))),
        tuple(dict.fromkeys(p for p in protocols if isinstance(p, str))),
        lead.pools["alpn"].refused if lead else None,
        attempts=tuple(asker.attempts[number] for number in sorted(asker.attempts)),
        seconds=seconds,
        warnings=tuple(survey.warnings),
    )


async def _all(tasks: Sequence[object]) -> None:
    """All of them side by side; the first that ends early ends the others."""
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(task)  # type: ignore[arg-type]
