"""The diagnoses of one call, one after the other: what was learned of a recording, and the verdicts that wait for the rest of it.

A verdict that another handshake can still change waits for it: in a file for all that follows, as far as there is room; at a pipe for a
moment, because somebody is looking. Each step is done for several handshakes before the next (capture/recording.py says why).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import TYPE_CHECKING

from whytls.capture.assemble import seen_of
from whytls.capture.recording import AT_A_TIME, Item, Tally, together
from whytls.capture.source import Recording, recordings
from whytls.inference.ending import ending_of
from whytls.inference.gateway import Gateways
from whytls.inference.profile import Profiles
from whytls.model import NOTHING_AT_REST, Context, Diagnosis, Handshake, Hop, Met, Seen
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from whytls.edge.context import EdgeContext
    from whytls.filters import Filters
    from whytls.stores import Stores
    from whytls.topology import Topology
    from whytls.verdict import Verdict

MOST_HELD = 2_000  # verdicts that wait for the rest of the recording; more are released as they stand, AT_A_TIME
LIVE_WAIT = 10_000_000_000  # ns of capture clock that a verdict from a pipe waits at most: somebody is looking
FEW = 32  # failures from which on it is worth while to know their kinds
EARLY = "the rest of the recording was not used for this verdict"
_new = tuple.__new__
_WARNINGS = Diagnosis._fields.index("warnings")


class Known(NamedTuple):
    """What is known besides the capture, for the whole run."""

    trust: tuple[bytes, ...] | None
    stores: Stores | None
    at: int | None
    gateway: EdgeContext | None = None


class Run:
    """The diagnoses of a call, one after the other; ``tally`` and ``warnings`` are complete once it is exhausted."""

    def __init__(
        self,
        paths: list[str],
        who: Topology | None,
        known: Known,
        everything: bool,
        filters: Filters | None,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self.tally = Tally()
        self.warnings: list[str] = []
        self._paths, self.topology, self._known = paths, who, known
        self._hops: set[Hop] = set()  # of the handshakes that were judged
        self.everything, self._filters, self._progress = everything, filters, progress

    def __iter__(self) -> Iterator[Diagnosis]:
        stores = self._known.stores
        self.warnings += stores.warnings if stores else ()
        self.warnings += self._known.gateway.warnings if self._known.gateway else ()
        for recording in recordings(self._paths):
            recording.progress = self._progress
            yield from _Recording(self, recording).diagnoses()
            self.warnings += recording.warnings
        self.warnings += stores.unused(self._hops) if stores else ()

    def wanted(self, diagnosis: Diagnosis) -> bool:
        """Whether the caller asked for this one; asked once for every verdict, so the tally learns here what the wire did not show."""
        seen = diagnosis.handshake
        if seen is not None and seen.outcome != diagnosis.outcome:  # completed on the wire, then refused: a failure
            setattr(self.tally, seen.outcome, getattr(self.tally, seen.outcome) - 1)
            setattr(self.tally, diagnosis.outcome, getattr(self.tally, diagnosis.outcome) + 1)
        if diagnosis.cause is None and not self.everything:
            return False
        return self._filters is None or (diagnosis.handshake is not None and self._filters.matches(diagnosis))

    def context(self, handshake: Handshake, book: Profiles, gateways: Gateways, whole: bool) -> Context:
        """What is known around a handshake at this moment."""
        known, client, server = self._known, handshake.client, handshake.server
        if self.topology is None and known.gateway is None:
            hop = gateways.hop(client, server)
            inferred = hop != "direct"
        else:
            hop, inferred = self._hop(handshake, gateways)
        ending = ending_of(handshake)
        waiting = gateways.waiting(handshake, ending) if hop != "northbound" else None
        profile, theirs = book.server(server), book.client(client.address)
        context = _new(
            Context,
            (ending, hop, inferred, known.at, known.trust, profile, theirs, whole, waiting, NOTHING_AT_REST, NOTHING_AT_REST, None),
        )
        if known.stores is None and known.gateway is None:
            return context
        self._hops.add(hop)
        of_client, of_server = known.stores.at(hop) if known.stores is not None else (NOTHING_AT_REST, NOTHING_AT_REST)
        if known.gateway is not None:  # what the call names counts before what the gateway is configured with
            clients, servers = known.gateway.stores(handshake, hop)
            of_client, of_server = of_client.over(clients), of_server.over(servers)
        return context._replace(client_stores=of_client, server_stores=of_server)

    def named(self, verdicts: list[Verdict]) -> list[Verdict]:
        """The verdicts with the names of the gateway's resources, where a gateway is known."""
        if self._known.gateway is None:
            return verdicts
        from whytls.edge.naming import named

        return [verdict._replace(diagnosis=named(verdict.diagnosis, self._known.gateway)) for verdict in verdicts]

    def _hop(self, handshake: Handshake, gateways: Gateways) -> tuple[Hop, bool]:
        """The hop, and whether it had to be inferred, where something is known of who is who."""
        if self.topology:
            return self.topology.hop(handshake.client, handshake.server), False
        configured = self._known.gateway.hop(handshake) if self._known.gateway is not None else None
        if configured is not None:
            return configured, False
        hop = gateways.hop(handshake.client, handshake.server)
        return hop, hop != "direct"


class _Recording:
    """One recording on its way through: what was learned of it, and the verdicts that wait for the rest."""

    def __init__(self, run: Run, recording: Recording) -> None:
        self.run, self.recording = run, recording
        self.profiles, self.gateways = Profiles(), Gateways()
        self.waiting: deque[Handshake] = deque()
        self.live = "-" in recording.files
        self._judge: Callable[[Handshake, Context], Verdict] | None = None
        self._judged = 0

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Each step is done for several handshakes before the next, as in recording.py."""
        at_once = self.live or self.run.topology is not None
        for items in together(self.recording, everything=self.run.everything, tally=self.run.tally, patient=not self.live):
            found = self._learned(items)
            if at_once:
                yield from self._wanted(self._taken(found))
                continue
            # From a file all of them wait, as long as there is room: the hop is to be told from the recording itself.
            self.waiting += found
            while len(self.waiting) >= MOST_HELD + AT_A_TIME:
                yield from self._wanted(self._released(self._next(AT_A_TIME)))
        while self.waiting:
            yield from self._wanted([verdict.diagnosis for verdict in self._verdicts(self._next(AT_A_TIME), whole=True)])

    def _next(self, most: int) -> list[Handshake]:
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def _learned(self, items: list[Item]) -> list[Handshake]:
        """Take in what these show; those that are to be judged."""
        found: list[Handshake] = []
        for item in items:
            if isinstance(item, Handshake):
                self._learn_of(item)
                found.append(item)
            elif isinstance(item, Seen):
                self._learn(item)
            elif isinstance(item, Met):
                self.gateways.learn(item)
            else:
                self.gateways.note(item)
        return found

    def _learn(self, seen: Seen) -> None:
        self.profiles.learn(seen)
        self.gateways.learn(seen)

    def _learn_of(self, handshake: Handshake) -> None:
        if self.profiles.is_full(handshake.client.address, handshake.server, completed=handshake.outcome == "completed"):
            self.gateways.learn(_new(Met, (handshake.client, handshake.server, handshake.started_at)))
        else:
            self._learn(seen_of(handshake))

    def _taken(self, found: list[Handshake]) -> list[Diagnosis]:
        """Judge handshakes at once, or let them wait where the rest of the recording can still change their verdicts; all that is to be said
        now."""
        said: list[Diagnosis] = []
        for handshake, verdict in zip(found, self._verdicts(found, whole=False), strict=True):
            if self.live:
                late = sum(1 for _ in takewhile(lambda waits: handshake.ended_at - waits.ended_at > LIVE_WAIT, self.waiting))  # noqa: B023  (used at once)
                said += self._released(self._next(late))
            # A southbound failure waits for the end of the request that it belongs to, which comes after it.
            if not verdict.open and (self.live or verdict.diagnosis.hop != "southbound"):
                said.append(verdict.diagnosis)
                continue
            self.waiting.append(handshake)
            if len(self.waiting) > MOST_HELD:
                said += self._released(self._next(1))
        return said

    def _released(self, handshakes: list[Handshake]) -> list[Diagnosis]:
        """Give up waiting: the verdicts as they stand, with a warning that they are early where they are open."""
        said = []
        for diagnosis, still_open in self._verdicts(handshakes, whole=False):
            if still_open:
                before, after = diagnosis[:_WARNINGS], diagnosis[_WARNINGS + 1 :]  # every fourth of a storm: half the price of _replace
                said.append(_new(Diagnosis, (*before, (*diagnosis.warnings, EARLY), *after)))
            else:
                said.append(diagnosis)
        return said

    def _wanted(self, said: list[Diagnosis]) -> list[Diagnosis]:
        return [diagnosis for diagnosis in said if self.run.wanted(diagnosis)]

    def _verdicts(self, handshakes: list[Handshake], whole: bool) -> list[Verdict]:
        """The verdicts with what is known now; ``whole``: nothing more will be."""
        if not handshakes:
            return []
        run, profiles, gateways, judge = self.run, self.profiles, self.gateways, self._judging(len(handshakes))
        contexts = [run.context(handshake, profiles, gateways, whole) for handshake in handshakes]
        return run.named([judge(handshake, context) for handshake, context in zip(handshakes, contexts, strict=True)])

    def _judging(self, count: int) -> Callable[[Handshake, Context], Verdict]:
        """By what so many more are judged: a recording without a failure imports none of it, and one with a few no more than it needs."""
        few = self._judged < FEW
        self._judged += count
        if self._judge is None or (few and self._judged >= FEW):
            if self._judged < FEW:
                from whytls.verdict import judge

                self._judge = judge
            else:
                from whytls.kinds import Kinds

                self._judge = Kinds().judge
        return self._judge
