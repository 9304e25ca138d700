"""The servers of a call, many at once: each is reached, asked, and judged; the surveys come in the order of the call.

Everything that waits is asyncio's. The loop runs while the next survey is asked for, and all servers go on in it meanwhile; what is
yielded is a plain iterator, so that whoever reads it needs no loop of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from whytls.checking.result import Ask
from whytls.exceptions import WhytlsError
from whytls.probing.limits import Limits
from whytls.probing.result import Inventory
from whytls.probing.target import Target, addresses
from whytls.surveying.asking import Asked, asked, told
from whytls.surveying.result import Statement, Survey
from whytls.surveying.said import answer_in_words
from whytls.surveying.survey import surveyed

if TYPE_CHECKING:
    from whytls.clients.client import Client
    from whytls.probing.facts import Identity
    from whytls.surveying.through import Captured

AT_ONCE = 16  # servers
Part = Literal["suites", "names", "groups", "alpn", "resumption", "client-certificate", "clients"]
PARTS: tuple[Part, ...] = get_args(Part)
_NO_CONNECTION = frozenset({"refused-connection", "timeout", "unreachable"})


class Wanted(NamedTuple):
    """What is asked of every server."""

    ask: Ask
    limits: Limits
    without: frozenset[str] = frozenset()  # parts that are left out
    identity: Identity | None = None
    all_addresses: bool = False
    clients: tuple[Client | Captured, ...] = ()  # named: their own hello is sent
    compare: Target | None = None


class Probe:
    """The surveys of a call; ``warnings`` and ``errors`` (servers that could not be asked) are complete once it is exhausted."""

    def __init__(self, targets: Sequence[tuple[str, Target]], wanted: Wanted, progress: Callable[[int, int | None], None] | None = None) -> None:
        self.targets, self.wanted = list(targets), wanted
        self.warnings: list[str] = []
        self.errors: list[WhytlsError] = []
        self.named_clients_lost = 0
        self._progress, self._done = progress, 0
        self._compared: asyncio.Task[list[Asked]] | None = None

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
                        self.named_clients_lost += len(survey.refused) if self.wanted.clients else 0
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
        for one in await self._found(text, target):
            clients = await through(one, self.wanted)
            known = told(one)
            differences = _differences(known, other) if other is not None else ()
            name = self.wanted.identity.chain[:1] if self.wanted.identity is not None else ()
            found.append(surveyed(known, self.wanted.ask, clients, differences, other.target if other is not None else "", presented=name))
        return found

    async def _found(self, text: str, target: Target) -> list[Asked]:
        """The first address that takes a connection, or every one."""
        known = await addresses(target)
        if self.wanted.all_addresses:
            return [await asked(text, target, where, self.wanted) for where in known]
        passed: list[str] = []
        for where in known:
            found = await asked(text, target, where, self.wanted)
            if not _unreached(found) or where is known[-1]:
                return [found._replace(inventory=found.inventory._replace(warnings=(*passed, *found.inventory.warnings)))]
            passed.append(f"{where} {_why(found)}; the next address was asked")
        return []

    async def _other(self) -> Inventory | None:
        """The server that each is compared with, asked once."""
        if self.wanted.compare is None:
            return None
        if self._compared is None:
            self._compared = asyncio.create_task(self._found(str(self.wanted.compare), self.wanted.compare))
        return told((await asyncio.shield(self._compared))[0])

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
            from whytls.surveying.through import Captured

            names = [client.name if isinstance(client, Captured) else client.slug for client in self.wanted.clients]
            yield f"and with their own hellos: {', '.join(names)}"
        if self.wanted.compare is not None:
            yield f"compared with {self.wanted.compare}, which is asked the same"


_PARTS: dict[str, str] = {
    "": "versions", "suites": "every cipher suite of each", "groups": "groups and signature schemes", "names": "server_name: right, none, unknown",
    "alpn": "ALPN", "resumption": "resumption", "client-certificate": "whether a client certificate is wanted, by a finished handshake",
}  # fmt: skip


def _way(target: Target) -> str:
    told = [f"{target.starttls} before TLS"] if target.starttls else []
    told += [f"through {target.proxy}"] if target.proxy else []
    told += [f"with a PROXY header {target.proxy_header.version}"] if target.proxy_header else []
    return "".join(f"{text}, " for text in told)


def _differences(known: Inventory, other: Inventory) -> tuple[Statement, ...]:
    from whytls.surveying.differences import different

    return different(known, other)


def _unreached(found: Asked) -> bool:
    """Whether no connection was had at all."""
    attempts = found.prober.attempts
    return bool(attempts) and all(attempt.end in _NO_CONNECTION for attempt in attempts)


def _why(found: Asked) -> str:
    first = found.prober.attempts[0]
    return answer_in_words(first.end, None) + (f" ({first.words})" if first.words else "")


async def _waited(task: asyncio.Task[list[Survey]]) -> list[Survey]:
    return await task
