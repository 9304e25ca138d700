"""The servers of a call, many at once: each is reached, asked, and judged; the surveys come in the order of the call.

Everything that waits is asyncio's. The loop runs while the next survey is asked for, and all servers go on in it meanwhile; what is
yielded is a plain iterator, so that whoever reads it needs no loop of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from whytls.checking.result import Ask
from whytls.exceptions import WhytlsError
from whytls.probing.limits import Limits
from whytls.probing.result import Inventory
from whytls.probing.target import Target, addresses
from whytls.surveying.asking import asked, differing
from whytls.surveying.result import Statement, Survey, Through
from whytls.surveying.said import answer_in_words
from whytls.surveying.survey import surveyed

if TYPE_CHECKING:
    from whytls.probing.identity import Identity

AT_ONCE = 16  # servers
_NO_CONNECTION = frozenset({"refused-connection", "timeout", "unreachable"})


class Wanted(NamedTuple):
    """What is asked of every server."""

    ask: Ask
    limits: Limits
    without: frozenset[str] = frozenset()  # parts that are left out
    identity: Identity | None = None
    all_addresses: bool = False
    clients: tuple[str, ...] = ()  # named: their own hello is sent
    compare: Target | None = None


class Probe:
    """The surveys of a call; ``warnings`` and ``errors`` (servers that could not be asked) are complete once it is exhausted."""

    def __init__(self, targets: Sequence[tuple[str, Target]], wanted: Wanted, progress: Callable[[int, int | None], None] | None = None) -> None:
        self.targets, self.wanted = list(targets), wanted
        self.warnings: list[str] = []
        self.errors: list[WhytlsError] = []
        self.named_clients_lost = 0
        self._progress, self._done = progress, 0
        self._compared: asyncio.Task[list[Inventory]] | None = None

    def __iter__(self) -> Iterator[Survey]:
        with asyncio.Runner() as runner:
            tasks = runner.run(self._begun())
            try:
                for task in tasks:
                    try:
                        found = runner.run(_waited(task))
                    except WhytlsError as error:
                        self.errors.append(error)
                        continue
                    for survey in found:
                        self.named_clients_lost += sum(not client.passes for client in survey.clients) if self.wanted.clients else 0
                        yield survey
            finally:
                for task in tasks:
                    task.cancel()

    async def _begun(self) -> list[asyncio.Task[list[Survey]]]:
        turns = asyncio.Semaphore(AT_ONCE)
        return [asyncio.create_task(self._one(text, target, turns)) for text, target in self.targets]

    async def _one(self, text: str, target: Target, turns: asyncio.Semaphore) -> list[Survey]:
        async with turns:
            try:
                return await self._surveys(text, target)
            finally:
                self._done += 1
                if self._progress is not None:
                    self._progress(self._done, len(self.targets))

    async def _surveys(self, text: str, target: Target) -> list[Survey]:
        from whytls.surveying.through import through

        found = []
        other = await self._other()
        for inventory in await self._inventories(text, target):
            clients: Sequence[Through] = await through(inventory, self.wanted)
            differences: Sequence[Statement] = differing(inventory, other) if other is not None else ()
            found.append(surveyed(inventory, self.wanted.ask, clients, differences, other.target if other is not None else ""))
        return found

    async def _inventories(self, text: str, target: Target) -> list[Inventory]:
        """The inventory of the first address that takes a connection, or of every one."""
        known = await addresses(target)
        if self.wanted.all_addresses:
            return [await asked(text, target, where, self.wanted) for where in known]
        passed: list[str] = []
        for where in known:
            found = await asked(text, target, where, self.wanted)
            if not _unreached(found) or where is known[-1]:
                return [found._replace(warnings=(*passed, *found.warnings))]
            passed.append(f"{where}: {_why(found)}; the next address was asked")
        return []

    async def _other(self) -> Inventory | None:
        """The server that each is compared with, asked once."""
        if self.wanted.compare is None:
            return None
        if self._compared is None:
            target = self.wanted.compare
            self._compared = asyncio.create_task(self._inventories_of(target))
        return (await asyncio.shield(self._compared))[0]

    async def _inventories_of(self, target: Target) -> list[Inventory]:
        return await self._inventories(str(target), target)

    def plan(self) -> Iterator[str]:
        """What would be contacted and asked, a line each; resolves names and connects to nothing.

        Raises:
            InputError: a name leads nowhere.
        """
        with asyncio.Runner() as runner:
            for text, target in self.targets:
                where = runner.run(addresses(target))
                shown = where if self.wanted.all_addresses else where[:1]
                more = f" (of {len(where)} addresses)" if len(where) > len(shown) else ""
                name = f"server_name {target.server_name}" if target.server_name else "no server_name"
                yield f"{text}: {', '.join(map(str, shown))}{more}, {name}, {_way(target)}at most {self.wanted.limits.connections} connections each"
        yield from self._asked()

    def _asked(self) -> Iterator[str]:
        parts = [words for part, words in _PARTS.items() if part not in self.wanted.without]
        yield f"asked: {', '.join(parts)}"
        if self.wanted.clients:
            yield f"their own hellos: {', '.join(self.wanted.clients)}"
        if self.wanted.compare is not None:
            yield f"compared with {self.wanted.compare}, which is asked the same"


_PARTS = {
    "suites": "versions and cipher suites", "groups": "groups and signature schemes", "names": "server_name: right, none, unknown",
    "alpn": "ALPN", "resumption": "resumption", "client-certificate": "whether a client certificate is wanted, by a finished handshake",
}  # fmt: skip


def _way(target: Target) -> str:
    told = [f"{target.starttls} before TLS"] if target.starttls else []
    told += [f"through {target.proxy}"] if target.proxy else []
    told += [f"with a PROXY header {target.proxy_header.version}"] if target.proxy_header else []
    return "".join(f"{text}, " for text in told)


def _unreached(found: Inventory) -> bool:
    """Whether no connection was had at all."""
    return bool(found.attempts) and all(attempt.end in _NO_CONNECTION for attempt in found.attempts)


def _why(found: Inventory) -> str:
    first = found.attempts[0]
    return answer_in_words(first.end, None) + (f" ({first.words})" if first.words else "")


async def _waited(task: asyncio.Task[list[Survey]]) -> list[Survey]:
    return await task
