"""Runs a recording through the engine: packets → sieve → Handshakes, in the order in which they are decided.

A flow that plainly completed costs little: of it only what is new about its server is passed on, as a ``Seen``. All others become
Handshakes as soon as they are decided, so that a pipe yields verdicts while it is still open and nothing is held longer than it
is needed. What "plainly" means stands in ``glance.py``; a handshake that completed and was dropped before a conversation began
does not belong to it, for a cause has to look at that.

Flows are read AT_A_TIME, each step done for all of them before the next: a step that has just been done is twice as fast as one that comes
back after all the others (the processor still has its code at hand), which is a tenth of the time that a storm takes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Protocol

from whytls.capture.assemble import Reading, address_of, endpoints, seen_of
from whytls.capture.flow import Datagram, Flow, Numbering
from whytls.capture.glance import Book, ends_of, plainly_completed
from whytls.capture.outcome import gave_up
from whytls.capture.pcap import Run
from whytls.capture.sieve import Sieve
from whytls.capture.tcp import TIME
from whytls.model import Coverage, Handshake, Met, Passed, Seen

# The engine makes millions of tuples and no cycles that live, so the collector looks for nothing, in 1 to 2 % of the time at a tenth of
# this; who takes the Handshakes can make some, so it is not switched off.
SELDOM = (1_000_000, 50, 100)
AT_A_TIME = 100  # flows; more bring nothing, and hold memory


class Recording(Protocol):
    """What is needed of a recording (capture/source.py)."""

    def runs(self) -> Iterator[tuple[str, Run]]:
        """The packets, with the name of the file that holds them."""
        ...


class Tally:
    """What was read, for the summary; filled while recordings are read."""

    __slots__ = ("bytes", "completed", "failed", "flows", "handshakes", "not_tls", "packets", "unfinished")

    def __init__(self) -> None:
        self.packets = 0
        self.bytes = 0  # of the packets, as far as they were recorded
        self.flows = 0  # TCP connections, whatever they carry
        self.handshakes = 0
        self.completed = 0
        self.failed = 0
        self.unfinished = 0
        self.not_tls = 0  # TCP connections that carry something else


Item = Handshake | Seen | Met | Passed


def handshakes(recording: Recording, *, everything: bool = False, tally: Tally | None = None) -> Iterator[Item]:
    """Every handshake of a recording that did not plainly complete, and what the completed ones show of their servers.

    ``everything`` makes Handshakes of those that did as well. ``tally`` is filled as the work goes on.
    """
    for items in together(recording, everything=everything, tally=tally):
        yield from items


def together(
    recording: Recording, *, everything: bool = False, tally: Tally | None = None, patient: bool = False
) -> Iterator[list[Item]]:
    """The same, some at a time: those that were decided at the same place of the recording, AT_A_TIME at most; ``patient``: nobody waits, so
    that they come when there are enough of them."""
    work = _Work(everything, Tally() if tally is None else tally)
    enough = AT_A_TIME if patient else 1
    usual = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        for file, run in recording.runs():
            work.feed(file, run)
            if len(work.sieve.decided) >= enough or work.sieve.datagrams:
                yield from work.drain()
        work.sieve.finish()
        yield from work.drain()
    finally:
        gc.set_threshold(*usual)


class _Work:
    """One recording on its way through."""

    def __init__(self, everything: bool, tally: Tally) -> None:
        self.sieve = Sieve()
        self.tally = tally
        self._everything = everything
        self._book = Book()
        self._told = (0, 0)  # flows and dropped flows that the tally knows of

    def feed(self, file: str, run: Run) -> None:
        self.sieve.feed(file, run)
        self.tally.packets += len(run.starts)
        self.tally.bytes += sum(run.ends) - sum(run.starts)

    def drain(self) -> Iterator[list[Item]]:
        """What has been decided since the last time."""
        sieve, tally = self.sieve, self.tally
        tally.flows += sieve.flows - self._told[0]
        tally.not_tls += sieve.dropped - self._told[1]
        self._told = sieve.flows, sieve.dropped
        decided, sieve.decided = sieve.decided, []
        for begin in range(0, len(decided), AT_A_TIME):
            yield self._read(decided[begin : begin + AT_A_TIME])
        datagrams, sieve.datagrams = sieve.datagrams, []
        if datagrams:
            tally.handshakes += len(datagrams)
            tally.unfinished += len(datagrams)
            yield [_named(datagram, sieve.numbering) for datagram in datagrams]

    def _read(self, flows: list[Flow]) -> list[Item]:
        """What some flows show, step by step for all of them."""
        telling = [flow for flow in flows if flow.ended or not flow.only_asked or (not flow.evicted and _unanswered(flow))]
        self.tally.not_tls += len(flows) - len(telling)  # a SYN of which nothing can be said: scans and floods have many
        readings = [Reading(flow) for flow in telling]
        done = [not self._everything and plainly_completed(reading) for reading in readings]
        numbering = self.sieve.numbering
        rest = [None if plain else reading.handshake(numbering) for reading, plain in zip(readings, done, strict=True)]
        items: list[Item] = []
        for reading, plain, handshake in zip(readings, done, rest, strict=True):
            if plain:
                self._completed(reading, items)
            elif handshake is None:
                self.tally.not_tls += 1
            else:
                self._other(reading, handshake, items)
        return items

    def _completed(self, reading: Reading, items: list[Item]) -> None:
        """A handshake that plainly completed: of it, what is new."""
        self.tally.handshakes += 1
        self.tally.completed += 1
        client, server = ends_of(reading)
        met = self._book.is_new_pair(client, server, reading.begun)
        if self._book.is_new(reading, server):
            items.append(reading.seen(self.sieve.numbering))
        elif met:
            items.append(reading.met())
        if called := self._called(server):
            items.append(reading.passed(self.sieve.numbering, called))

    def _other(self, reading: Reading, handshake: Handshake, items: list[Item]) -> None:
        """A handshake that is to be looked at; of one that completed late, only what is new."""
        self._count(handshake)
        if handshake.outcome == "completed":
            server = ends_of(reading)[1]
            if called := self._called(server):
                items.append(reading.passed(self.sieve.numbering, called))
            if not self._everything and not reading.course.early:
                if self._book.is_new(reading, server):
                    items.append(seen_of(handshake))
                return
        items.append(handshake)

    def _called(self, server: bytes) -> tuple[str, ...]:
        """Whom the machine of this server (address and port) called itself (a few): then its requests can wait for another hop."""
        address = server[:-2]
        callees = self.sieve.calls.get(address)
        return tuple([address_of(callee) for callee in callees if callee != address]) if callees else ()

    def _count(self, handshake: Handshake) -> None:
        tally = self.tally
        tally.handshakes += 1
        if handshake.outcome == "completed":
            tally.completed += 1
        elif handshake.outcome == "failed":
            tally.failed += 1
        else:
            tally.unfinished += 1


def _unanswered(flow: Flow) -> bool:
    """Whether a flow of nothing but SYNs shows that nobody answers."""
    syns = flow.first.signals
    return bool(syns) and gave_up(len(syns), syns[0][TIME], syns[-1][TIME], flow.until)


def _named(datagram: Datagram, numbering: Numbering) -> Handshake:
    """A flow of UDP that carries QUIC or DTLS: named, not read."""
    client, server = endpoints(datagram.key)
    file, _ = numbering.place(datagram.order)
    return Handshake(
        client, server, (), "unfinished", datagram.time, datagram.time, file=file, protocol=datagram.protocol, coverage=_UNREAD
    )


_UNREAD = Coverage(start=True, client=True, server=False)
