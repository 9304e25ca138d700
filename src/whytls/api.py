"""The public functions: they join the rooms. What a command does, a function here does, with the same names and defaults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from whytls.capture.assemble import seen_of
from whytls.capture.recording import AT_A_TIME, Item, Tally, together
from whytls.capture.source import Recording, recordings
from whytls.exceptions import UsageError
from whytls.inference.ending import ending_of
from whytls.inference.gateway import Gateways
from whytls.inference.profile import Profiles
from whytls.model import NOTHING_AT_REST, CauseClass, Context, Diagnosis, Handshake, Hop, Met, Owner, Seen
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from whytls.checking.pairs import PairResult
    from whytls.checking.run import Check
    from whytls.edge.context import EdgeContext
    from whytls.edge.environment import Environment
    from whytls.filters import Filters
    from whytls.pki.defect import Purpose
    from whytls.pki.password import Password
    from whytls.stores import Given, Stores
    from whytls.topology import Topology
    from whytls.verdict import Verdict

MOST_HELD = 2_000  # verdicts that wait for the rest of the recording; more are released as they stand, AT_A_TIME
LIVE_WAIT = 10_000_000_000  # ns of capture clock that a verdict from a pipe waits at most: somebody is looking
_new = tuple.__new__
_WARNINGS = Diagnosis._fields.index("warnings")
EARLY = "the rest of the recording was not used for this verdict"


def diagnose(
    *paths: str | os.PathLike[str],
    router: Sequence[str] = (),
    message_processor: Sequence[str] = (),
    backend: Sequence[str] = (),
    topology: str | None = None,
    trust: str | None = None,
    keystore: Given = (),
    truststore: Given = (),
    password_env: Given = (),
    password_file: Given = (),
    at: str | datetime | None = None,
    edge: str | Environment | None = None,
    edge_config: str | None = None,
    all: bool = False,  # noqa: A002  (the option is called --all)
    filters: Filters | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Run:
    """Read captures and say of every failed handshake why it failed.

    ``paths`` are files, folders or ``-`` for standard input. ``router``, ``message_processor`` and ``backend`` are patterns of
    addresses and ports, ``topology`` a file with the same (``whytls.toml``; it can name stores, too). ``keystore`` and
    ``truststore`` are the sides' stores, ``{"router": "store.p12"}`` or ``["router=store.p12"]``, sides being client, router,
    message-processor, backend, and server where no gateway is known; ``password_env`` and ``password_file`` name in the same way
    where each side's password stands. ``trust`` is a store with the anchors of the side that rejected, whichever that is. ``at`` is
    the time at which certificates are judged, instead of the capture's. ``edge`` is a known gateway: the address of an environment at its
    Management API (``https://HOST/v1/o/ORG/e/ENV``), a folder or file that configures it, or an ``Environment``; hop and stores that are not
    given come from there, and verdicts name its resources; ``edge_config`` is a file that says who we are to the API. ``all`` yields those
    that did not fail as well. The value is iterated lazily; stores and gateway are read at once.

    Raises:
        ApiError: the Management API cannot be reached, or refuses.
        InputError: a file is no capture or no store, or cannot be read.
        UsageError: a pattern, a side, a time or a filter is none.
    """
    if not paths:
        raise UsageError("there is nothing to read", hint="name a capture, a folder, or - for a pipe")
    from whytls.pki.terms import anchors, moment

    who = _topology(router, message_processor, backend, topology)
    known = _Known(
        anchors(trust), _stores(keystore, truststore, password_env, password_file, topology), moment(at), _gateway(edge, edge_config)
    )
    return Run([str(p) for p in paths], who, known, all, filters, progress)


def check(
    *sources: str | os.PathLike[str],
    expect_host: str | None = None,
    purpose: Purpose | None = None,
    trust: str | None = None,
    with_: Sequence[str] = (),
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    at: str | datetime | None = None,
    warn_days: int = 30,
    fetch_issuers: bool = False,
    allow_private: bool = False,
    password: Password | None = None,
    key_password: Password | None = None,
) -> Check:
    """Judge certificates at rest, and those that an endpoint shows: what is wrong with them, who can mend it, and how.

    ``sources`` are files, folders, HOST:PORT, or the words system, certifi and java. ``expect_host`` is the name that clients
    call; ``purpose`` whose certificates they are (``None``: as they say themselves); ``trust`` a store with the other side's anchors,
    without which nothing is said about trust; ``with_`` files with other certificates at hand (the option is ``--with``); ``crl`` and ``ocsp``
    files with revocation lists and responses; ``at`` the time at which they are judged, by default now; what ends within ``warn_days``
    is a warning. Only ``fetch_issuers`` lets issuers be fetched, from the public internet, or with ``allow_private`` from anywhere.
    The value is iterated lazily and gives a ``CheckResult`` for each entry.

    Raises:
        InputError: a source is no store or cannot be read; while iterating.
        UsageError: a time, a number of days or a source is none.
    """
    if not sources:
        raise UsageError("there is nothing to check", hint="name a file, a folder, HOST:PORT, or system")
    from whytls.checking.run import Check, endpoint_of
    from whytls.checking.terms import terms

    ask = terms(expect_host, purpose, trust, with_, crl, ocsp, at, warn_days, fetch_issuers, allow_private)
    named = [str(source) for source in sources]
    for source in named:
        endpoint_of(source)  # a call that cannot be is refused before anything is read
    return Check(named, ask, password, key_password)


def check_pair(
    presents: str | os.PathLike[str],
    trusts: str | os.PathLike[str],
    *,
    host: str | None = None,
    usage: Purpose | None = None,
    as_: str | None = None,
    presents_alias: str | None = None,
    with_: Sequence[str] = (),
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    at: str | datetime | None = None,
    presents_password: Password | None = None,
    trusts_password: Password | None = None,
) -> Iterator[PairResult]:
    """Judge what one side presents by what the other side trusts, for every stack that is known.

    ``presents`` is a store or HOST:PORT, ``trusts`` a store; ``usage`` says whose certificate it is, by default the server's; ``as_``
    names one of the four pairs of a gateway (router-client, client-router, target-processor, processor-target: who presents, who trusts)
    and the usage with it. Each entry with a private key is judged, or the one of that alias. The rest is as in ``check``.

    Raises:
        InputError: a store cannot be read, or has nothing to present or to trust.
        UsageError: a time, an alias or a pair is none.
    """
    from whytls.checking.pairs import pairs, roles_of
    from whytls.checking.terms import terms

    roles = roles_of(as_, usage)
    ask = terms(host, roles.usage, None, with_, crl, ocsp, at, 0, False, False)
    return pairs(str(presents), str(trusts), ask, roles, alias=presents_alias, passwords=(presents_password, trusts_password))


def _topology(router: Sequence[str], message_processor: Sequence[str], backend: Sequence[str], file: str | None) -> Topology | None:
    if not (router or message_processor or backend or file):
        return None  # the usual call pays nothing for reading addresses and files
    from whytls.topology import topology as read

    return read(router, message_processor, backend, file)


class _Known(NamedTuple):
    """What is known besides the capture, for the whole run."""

    trust: tuple[bytes, ...] | None
    stores: Stores | None
    at: int | None
    gateway: EdgeContext | None = None


def _gateway(edge: str | Environment | None, config: str | None) -> EdgeContext | None:
    if edge is None:
        return None
    from whytls.edge.context import EdgeContext, read_environment

    return EdgeContext(read_environment(edge, config) if isinstance(edge, str) else edge)


def _stores(keystore: Given, truststore: Given, password_env: Given, password_file: Given, file: str | None) -> Stores | None:
    if not (keystore or truststore or file):
        return None
    from whytls.stores import stores as read

    return read(keystore, truststore, password_env, password_file, file)


class Run:
    """The diagnoses of a call, one after the other; ``tally`` and ``warnings`` are complete once it is exhausted."""

    def __init__(
        self,
        paths: list[str],
        who: Topology | None,
        known: _Known,
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

    def named(self, verdict: Verdict) -> Verdict:
        """The verdict with the names of the gateway's resources, where a gateway is known."""
        if self._known.gateway is None:
            return verdict
        from whytls.edge.naming import named

        return verdict._replace(diagnosis=named(verdict.diagnosis, self._known.gateway))

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

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Each step is done for several handshakes before the next, as in recording.py."""
        at_once = self.live or self.run.topology is not None
        for items in together(self.recording, everything=self.run.everything, tally=self.run.tally):
            found = self._learned(items)
            if at_once:
                yield from self._wanted([diagnosis for handshake in found for diagnosis in self._take(handshake)])
                continue
            # From a file all of them wait, as long as there is room: the hop is to be told from the recording itself.
            self.waiting += found
            while len(self.waiting) >= MOST_HELD + AT_A_TIME:
                yield from self._wanted([self._released(self.waiting.popleft()) for _ in range(AT_A_TIME)])
        while self.waiting:
            some = [self.waiting.popleft() for _ in range(min(AT_A_TIME, len(self.waiting)))]
            yield from self._wanted([self._verdict(handshake, whole=True).diagnosis for handshake in some])

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

    def _take(self, handshake: Handshake) -> list[Diagnosis]:
        """Judge a handshake at once, or let it wait where the rest of the recording can still change its verdict; all that is to be said now."""
        said: list[Diagnosis] = []
        if self.live:
            while self.waiting and handshake.ended_at - self.waiting[0].ended_at > LIVE_WAIT:
                said.append(self._released(self.waiting.popleft()))
        verdict = self._verdict(handshake, whole=False)
        # A southbound failure waits for the end of the request that it belongs to, which comes after it.
        if not verdict.open and (self.live or verdict.diagnosis.hop != "southbound"):
            said.append(verdict.diagnosis)
            return said
        self.waiting.append(handshake)
        if len(self.waiting) > MOST_HELD:
            said.append(self._released(self.waiting.popleft()))
        return said

    def _released(self, handshake: Handshake) -> Diagnosis:
        """Give up waiting: the verdict as it stands, with a warning that it is early where it is open."""
        diagnosis, still_open = self._verdict(handshake, whole=False)
        if not still_open:
            return diagnosis
        before, after = diagnosis[:_WARNINGS], diagnosis[_WARNINGS + 1 :]  # every fourth of a storm: half the price of _replace
        return _new(Diagnosis, (*before, (*diagnosis.warnings, EARLY), *after))

    def _wanted(self, said: list[Diagnosis]) -> list[Diagnosis]:
        return [diagnosis for diagnosis in said if self.run.wanted(diagnosis)]

    def _verdict(self, handshake: Handshake, whole: bool) -> Verdict:
        if self._judge is None:  # a recording without a failure does without; looked up for each verdict, it took 1 us
            from whytls.kinds import Kinds

            self._judge = Kinds().judge
        return self.run.named(self._judge(handshake, self.run.context(handshake, self.profiles, self.gateways, whole)))


class CausePage(NamedTuple):
    """What ``whytls explain`` shows of a cause."""

    slug: str
    title: str
    sections: dict[str, str]
    owners: tuple[Owner, ...]
    cause_class: CauseClass
    references: tuple[str, ...]


HEADINGS = ("What happened", "How it looks", "Tell it from", "Fix", "References")


def explain(slug: str) -> CausePage:
    """A cause's page.

    Raises:
        UsageError: no cause has that slug; the hint names the nearest ones.
    """
    from whytls.causes import load

    cause = load(slug)
    lines = cause.page.split("\n")
    sections: dict[str, str] = {}
    heading, body = "", list[str]()
    for index, line in enumerate(lines[1:], 1):
        if line in HEADINGS and index + 1 < len(lines) and set(lines[index + 1]) == {"-"}:
            if heading:
                sections[heading] = "\n".join(body).strip()
            heading, body = line, []
        elif not (line and set(line) == {"-"}):
            body.append(line)
    if heading:
        sections[heading] = "\n".join(body).strip()
    declaration = cause.declaration
    return CausePage(cause.slug, lines[0], sections, declaration.owners, declaration.cause_class, declaration.references)


def causes() -> tuple[str, ...]:
    """The slugs of all causes, sorted; reads file names only."""
    from whytls.causes import slugs

    return slugs()
