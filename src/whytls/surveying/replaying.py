"""Failures of a recording, done again with the live servers that the user pointed to, and the verdict that they have then.

A server is contacted where its address, as it stands in the recording, is in an allowed network, or where the user named one to go to
instead. What stood in front of TLS in the recording (STARTTLS) is spoken again; a proxy is left out. Failures that are alike are done again
once: the same server, the same offer, the same end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from whytls.exceptions import UsageError, WhytlsError
from whytls.model import Context, Diagnosis, Handshake, Replayed
from whytls.probing.attempt import Prober
from whytls.probing.guard import Allowed
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.replay import MOST, judged_with, plan, replay
from whytls.probing.target import PORTS, Target, Where, addresses

if TYPE_CHECKING:
    from whytls.probing.facts import Identity

MOST_REPLAYS = 50  # different failures of one call


class Redone(NamedTuple):
    """One failure, before and after."""

    name: str  # edge.pcap#4
    target: str  # where it was done again; empty: it was not
    diagnosis: Diagnosis  # with what the replay shows
    before: Diagnosis  # by the recording alone
    replayed: Replayed | None = None
    seconds: float = 0.0
    note: str = ""  # why it was not done again

    @property
    def connections(self) -> int:
        """How many were made."""
        return len(self.replayed.tried) if self.replayed is not None else 0


class Replays:
    """Does failures again. ``to`` is where all of them go; else each goes to its own server, if that is allowed."""

    def __init__(
        self, allowed: Allowed, *, to: Target | None = None, names: Sequence[str] = (), identity: Identity | None = None,
        limits: Limits = DEFAULT, most: int = MOST,
    ) -> None:  # fmt: skip
        self.allowed, self.to, self.names, self.identity = allowed, to, tuple(names), identity
        self.limits, self.most = limits._replace(connections=most), most
        self.left_out = 0  # failures that were not done again because there were too many different ones
        self._runner: asyncio.Runner | None = None
        self._known: dict[tuple[object, ...], tuple[str, Replayed | None, float]] = {}

    def __enter__(self) -> Replays:
        self._runner = asyncio.Runner()
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            self._runner.close()

    # -------------------------------------------------------------- where to

    def target(self, handshake: Handshake) -> Target:
        """Where this handshake is done again."""
        dialect = handshake.prelude.kind if handshake.prelude is not None and handshake.prelude.kind in PORTS else ""
        if self.to is not None:
            return self.to._replace(starttls=self.to.starttls or dialect)
        server = handshake.server
        return Target(server.address, server.port, server_name=handshake.sni, starttls=dialect)

    async def _where(self, target: Target) -> tuple[Where, ...]:
        """Its addresses, each of which may be contacted.

        Raises:
            UsageError: the user did not point to one of them.
            InputError: the name leads nowhere.
        """
        found = await addresses(target)
        for where in found:
            self.allowed.check(target, where)
        return found

    # -------------------------------------------------------------- what would be sent, and sending it

    def planned(self, diagnosis: Diagnosis) -> Iterator[str]:
        """What would be sent for this failure, and where; resolves the name and connects to nothing.

        Raises:
            UsageError: the user did not point to its server.
            InputError: the name leads nowhere.
        """
        handshake, context = _judged(diagnosis)
        target = self.target(handshake)
        where = self._run_of().run(self._where(target))
        would = plan(handshake, context, self.names, self.most)
        yield f"{name_of(diagnosis)} to {target} ({', '.join(map(str, where))}): at most {would.most} connections"
        yield from (f"  {line}" for line in would.lines)

    def redo(self, diagnosis: Diagnosis) -> Redone:
        """Does a failure again, and judges it anew.

        Raises:
            UsageError: the user did not point to its server.
            InputError: the name leads nowhere, or the proxy's password cannot be had.
        """
        handshake, context = _judged(diagnosis)
        name = name_of(diagnosis)
        if diagnosis.cause is None or handshake.client_hello is None:
            why = "it did not fail" if diagnosis.cause is None else "its ClientHello was not captured"
            return Redone(name, "", diagnosis, diagnosis, note=f"nothing was done again: {why}")
        key = _alike(handshake, context, self.target(handshake))
        if key not in self._known:
            if len(self._known) >= MOST_REPLAYS:
                self.left_out += 1
                return Redone(name, "", diagnosis, diagnosis, note=f"not done again: {MOST_REPLAYS} different failures are enough for one call")
            self._known[key] = self._run_of().run(self._redone(handshake, context))
        target, replayed, seconds = self._known[key]
        if replayed is None:
            return Redone(name, target, diagnosis, diagnosis, note="nothing was done again: the handshake did not fail on the wire")
        return Redone(name, target, _anew(handshake, context, replayed), diagnosis, replayed, seconds)

    def redo_if_allowed(self, diagnosis: Diagnosis) -> Redone:
        """The same; one that goes nowhere says why in its note."""
        try:
            return self.redo(diagnosis)
        except WhytlsError as error:
            return Redone(name_of(diagnosis), "", diagnosis, diagnosis, note=f"not done again: {error}")

    def planned_if_allowed(self, diagnosis: Diagnosis) -> Iterator[str]:
        """The same of what would be sent."""
        try:
            yield from self.planned(diagnosis)
        except WhytlsError as error:
            yield f"{name_of(diagnosis)} nowhere: {error}"

    def _run_of(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner

    async def _redone(self, handshake: Handshake, context: Context) -> tuple[str, Replayed | None, float]:
        target = self.target(handshake)
        began = time.perf_counter()
        found: Replayed | None = None
        for where in await self._where(target):
            prober = Prober(where.family, where.address, str(target), self.limits, target=target, where=where)
            found = await replay(handshake, context, prober, names=self.names, identity=self.identity, most=self.most)
            if found is None or found.stopped != "unreachable":
                break
        return str(target), found, time.perf_counter() - began


def _judged(diagnosis: Diagnosis) -> tuple[Handshake, Context]:
    if diagnosis.handshake is None or diagnosis.context is None:
        raise UsageError("this diagnosis has no handshake to do again", hint="take it as whytls.diagnose gives it")
    return diagnosis.handshake, diagnosis.context


def name_of(diagnosis: Diagnosis) -> str:
    """``edge.pcap#4``."""
    return f"{diagnosis.file}#{diagnosis.frame}"


def _alike(handshake: Handshake, context: Context, target: Target) -> tuple[object, ...]:
    """What has to be the same for two failures to be done again once."""
    hello, ending = handshake.client_hello, context.ending
    offer = () if hello is None else (
        hello.versions, hello.cipher_suites, hello.groups, hello.signature_algorithms, hello.alpn, hello.server_name, hello.greased,
        tuple([block.number for block in hello.extensions]), bool(hello.session_id), hello.compression_methods,
    )  # fmt: skip
    return target, offer, ending.phase, ending.how, ending.alert, ending.breaker


def _anew(handshake: Handshake, context: Context, replayed: Replayed) -> Diagnosis:
    from whytls.verdict import judge

    diagnosis = judge(*judged_with(handshake, context, replayed)).diagnosis
    new = tuple(warning for warning in replayed.warnings if warning not in diagnosis.warnings)
    return diagnosis._replace(warnings=(*new, *diagnosis.warnings))  # first: the short form shows one
