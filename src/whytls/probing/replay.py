"""A captured failure, done again with the live server, and then with one thing changed at a time: what is the cause, proven.

Theory of operation
-------------------
**Control.** The captured ClientHello is sent again, with a random and key shares of our own and without what belonged to that one connection
(``shares.fresh``). It has to fail in the same way: by the same alert; by a close or reset without a word; by silence. Else what follows would
explain another failure than the recorded one, and is not done: the server was mended, or the path from here is another one.

**Search.** ``search.py`` asks about changes of the hello; each question is a connection. "Goes through" means that the server answers with its
whole flight, to the last message of it: several stacks (JSSE, Go) begin a flight and break it off when they find no certificate for it. And
that it chose what was offered: GnuTLS 3.7 up to TLS 1.2 does not read supported_versions, and takes TLS 1.2 with a client that has none.

**Confirmation.** The changed hello again, the control again, the changed hello again, to the end of the handshake this time, the control
again. A server that answered differently by chance (a pool of several behind one address, a limit on connections) shows here. Everything
that was tried is kept, as the Handshake that it made.

**Where the server had accepted the hello** and the client broke off, or the server refused the client's certificate, no change of the hello
is a cause. The handshake is carried on in the client's place instead: this shows the chain that the server has today, which TLS 1.3 hides in a
recording, and what it asks of the client; the verdict is then that of the causes (``judged_with``).

At most ``most`` connections are made, control and confirmation included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from whytls.inference.ending import ending_of
from whytls.inference.offer import restrictions
from whytls.model import Altered, AtRest, Context, Ending, Handshake, KeyEntry, Keystore, Replayed, Stopped, Tried, in_words
from whytls.probing.attempt import Attempt
from whytls.probing.changes import Change, applied
from whytls.probing.facts import Identity, Until
from whytls.probing.search import Found, Heard, Question, search
from whytls.probing.shares import fresh
from whytls.probing.upgrades import Hints, Step, steps
from whytls.wire.hello import change
from whytls.wire.registry import TLS13, alert_name, scheme_name, suite_name, version_name
from whytls.wire.value import Alert, ClientHello, EncryptedExtensions

MOST = 20  # connections for one verdict
_BEFORE, _AFTER, _CONFIRMATIONS = 2, 2, 2
_MORE = 4  # controls, where they do not agree
_TOGETHER = 4  # connections at once where the server is silent, and each costs a wait


class Prober(Protocol):
    """One target (``attempt.Prober``)."""

    @property
    def label(self) -> str:
        """The target, for people."""
        ...

    async def attempt(self, hello: ClientHello, purpose: str, until: Until = "answer", *, identity: Identity | None = None) -> Attempt:
        """Sends this hello on a connection of its own."""
        ...


class Plan(NamedTuple):
    """What a replay would send; nothing was sent for it."""

    most: int  # connections
    lines: tuple[str, ...]


# ------------------------------------------------------------------ what is known before


def replayable(hello: ClientHello) -> ClientHello:
    """The hello as it is sent again, before it is made fresh: without what belonged to the one connection (``shares.fresh``)."""
    if hello.sslv2:
        return hello
    made, _ = fresh(hello._replace(greased=False))
    return change(made._replace(greased=hello.greased))


def candidates(handshake: Handshake, context: Context, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Names that this server could know, best first: those given, those that others asked it for with success, those in its certificates."""
    profile = context.server_profile
    seen = profile.completed if profile is not None else ()
    found = [*given, *(s.sni for s in seen if s.sni)]
    chains = [handshake.server_chain, *(s.chain for s in seen)]
    leaves = dict.fromkeys(chain[0] for chain in chains if chain)
    if leaves:
        from whytls.pki.certificate import read

        found += [name for leaf in list(leaves)[:8] for name in read(leaf).dns_names if "*" not in name]
    return tuple(dict.fromkeys(found))


def hints(handshake: Handshake, context: Context, names: Sequence[str] = ()) -> Hints:
    """What the recording says of the refusal."""
    ending = _ending(handshake, context)
    hello = handshake.client_hello
    narrow = restrictions(hello) if hello is not None else ()
    leading = [n.dimension for n in narrow if not any(other.leads(n) for other in narrow)]
    return Hints(ending.alert, (*leading, *(n.dimension for n in narrow if n.dimension not in leading)), candidates(handshake, context, names))


def over_hello(handshake: Handshake, context: Context) -> bool:
    """Whether it is the hello that did not get through: the server broke off, or nothing came, before its flight was complete."""
    ending = _ending(handshake, context)
    return ending.breaker == "server" and ending.phase in ("client-hello", "retry", "server-flight")


def plan(handshake: Handshake, context: Context, names: Sequence[str] = (), most: int = MOST) -> Plan:
    """What a replay of this handshake would send, without sending it."""
    hello = handshake.client_hello
    if hello is None:
        return Plan(0, ("nothing: its ClientHello was not captured",))
    if not over_hello(handshake, context):
        return Plan(1, ("the captured ClientHello, and the handshake that follows, to its end, in the client's place",))
    tried = steps(replayable(hello), hints(handshake, context, names))
    room = _room(most)
    lines = [f"the captured ClientHello, {_BEFORE} times before and {_AFTER} times after all else"]
    lines += [f"the same, {step.title}" for step in tried[:room]]
    lines.append("combinations of these, where none helps alone; and what helps, without each of its parts")
    return Plan(most, tuple(lines))


# ------------------------------------------------------------------ doing it again


async def replay(
    handshake: Handshake, context: Context, prober: Prober, *, names: Sequence[str] = (), identity: Identity | None = None, most: int = MOST
) -> Replayed | None:
    """Does a failed handshake again with the prober's server; None where its ClientHello was not captured.

    Where the prober goes is its caller's to have checked (``guard.Allowed``). ``identity`` is the client certificate to show.
    """
    hello = handshake.client_hello
    if hello is None or handshake.outcome != "failed":
        return None
    run = _Run(prober, replayable(hello), _ending(handshake, context), identity)
    if not over_hello(handshake, context):
        return await run.carried_on(handshake)
    stopped = await run.control(_BEFORE)
    if stopped != "found":
        return run.result(stopped)
    known = hints(handshake, context, names)
    found = await run.search(steps(run.hello, known._replace(alert=known.alert or run.alert)), _room(most))
    if not found.minimal:
        await run.again(1)
        return run.result("bound" if found.untried else "nothing-helps", found)
    await run.confirm(found.minimal)
    return run.result("found", found)


def _room(most: int) -> int:
    return max(most - _BEFORE - _AFTER - _CONFIRMATIONS, 1)


def _ending(handshake: Handshake, context: Context) -> Ending:
    return context.ending if context.ending.breaker is not None else ending_of(handshake)


class _Run:
    """One replay on its way."""

    def __init__(self, prober: Prober, hello: ClientHello, ending: Ending, identity: Identity | None) -> None:
        self.prober, self.hello, self.identity = prober, hello, identity
        self.captured = _way(ending)
        self.silent = ending.how == "silence"
        self.tried: list[Tried] = []
        self.unreachable = 0
        self.reproduced = self.controls = self.otherwise = 0
        self.confirmed = self.contradictions = 0
        self.whole: Tried | None = None
        self.alert: int | None = None  # with which it fails, in the clear for us also where TLS 1.3 hid it in the recording

    # -------------------------------------------------------------- connections

    async def send(self, changes: Question, until: Until = "flight") -> tuple[Tried, Attempt]:
        """One connection with the hello, changed so."""
        altered = tuple(_altered(change) for change in changes)
        sent, _ = fresh(applied(self.hello, changes))
        purpose = in_words(altered) or "the captured ClientHello"
        attempt = await self.prober.attempt(sent, purpose, until, identity=self.identity)
        unoffered = _unoffered(attempt)
        outcome = _outcome(attempt) + (f", but it had not been offered {unoffered}" if unoffered else "")
        one = Tried(altered, attempt.number, _passed(attempt) and not unoffered, outcome, attempt.handshake)
        self.tried.append(one)
        self.unreachable += attempt.end in ("timeout", "refused-connection", "unreachable")
        return one, attempt

    async def again(self, count: int) -> None:
        """The control: how often it fails as in the recording."""
        for _ in range(count):
            one, attempt = await self.send(())
            self.controls += 1
            if one.passed:
                continue
            ending = ending_of(attempt.handshake)
            if _way(ending) == self.captured or (self.captured == "hidden-alert" and _under_encryption(attempt.handshake, ending)):
                self.reproduced += 1
                self.alert = ending.alert
            else:
                self.otherwise += 1

    async def control(self, count: int) -> Stopped:
        """The controls before all else: "found", where the failure was there each time."""
        await self.again(count)
        if self.unreachable == self.controls:
            return "unreachable"
        if self.reproduced == self.controls:
            return "found"
        if self.reproduced or (self.otherwise and self.otherwise < self.controls):
            await self.again(_MORE - count)
            return "inconsistent"
        return "otherwise" if self.otherwise else "not-reproduced"

    async def search(self, tried: Sequence[Step], room: int) -> Found:
        """Drives the search with connections."""
        asking = search(self.hello, tried, room, _TOGETHER if self.silent else 1)
        try:
            questions = next(asking)
            while True:
                answers = await asyncio.gather(*(self.heard(question) for question in questions))
                questions = asking.send(tuple(answers))
        except StopIteration as end:
            found: Found = end.value
            return found

    async def heard(self, question: Question) -> Heard | None:
        """What the server says to the hello with these changes; None where no connection was had."""
        one, attempt = await self.send(question)
        if attempt.end in ("timeout", "refused-connection", "unreachable"):
            return None
        if not one.passed:
            return Heard(False)
        answer, exchange = attempt.answer, attempt.handshake.server_key_exchange
        group = answer.group if answer is not None else None
        if group is None and exchange is not None:
            group = exchange.group
        scheme = attempt.proofs.scheme or (exchange.signature_scheme if exchange is not None else None)
        return Heard(True, attempt.handshake.version, answer.cipher_suite if answer else None, group, scheme, _application(attempt))

    async def confirm(self, minimal: Question) -> None:
        """The change and the control in turns; the last change to the end of the handshake."""
        for number in range(max(_CONFIRMATIONS, _AFTER)):
            if number < _CONFIRMATIONS:
                last = number == _CONFIRMATIONS - 1
                one, attempt = await self.send(minimal, "finish" if last else "flight")
                if last:
                    self.whole = one
                    one = one._replace(passed=one.passed or _flight_was_there(attempt))
                if one.passed:
                    self.confirmed += 1
                else:
                    self.contradictions += 1
            if number < _AFTER:
                before = self.reproduced
                await self.again(1)
                self.contradictions += self.reproduced == before

    async def carried_on(self, handshake: Handshake) -> Replayed:
        """The handshake to its end in place of the client."""
        self.whole, _ = await self.send((), "finish")
        if self.unreachable:
            return self.result("unreachable")
        found = self.result("carried-on")
        chain, today = handshake.server_chain, self.whole.handshake.server_chain
        if chain and today and chain != today:
            other = f"replay: {self.prober.label} shows another certificate chain today than in the recording"
            found = found._replace(warnings=(*found.warnings, other))
        return found

    # -------------------------------------------------------------- the result

    def result(self, stopped: Stopped, found: Found = Found(())) -> Replayed:  # noqa: B008 - a value
        alone = [self.of(step.changes) for step in found.alone]
        also = [self.of(step.changes, step.repairs) for step in found.also]
        return Replayed(
            target=self.prober.label,
            stopped=stopped,
            controls=self.controls,
            reproduced=self.reproduced,
            minimal=tuple(_altered(change) for change in found.minimal),
            shown_minimal=found.shown_minimal,
            rivals_untried=found.rivals_untried,
            confirmed=self.confirmed,
            contradictions=self.contradictions,
            alone=tuple(t for t in alone if t is not None),
            also=tuple(t for t in also if t is not None),
            tried=tuple(self.tried),
            carried_on=self.whole,
            warnings=_warnings(self, stopped),
        )

    def of(self, changes: Question, repairs: bool = True) -> Tried | None:
        """The attempt with just these changes; where they are no repair, nothing that they added is said to have been lacking."""
        wanted = tuple(_altered(change) for change in changes)
        found = next((t for t in self.tried if t.changes == wanted), None)
        if found is None or repairs:
            return found
        return found._replace(changes=tuple(a._replace(lacked=False) for a in wanted))


def _altered(change: Change) -> Altered:
    return Altered(change.dimension, change.done, change.kind == "add" or change.dimension == "fallback")


def _passed(attempt: Attempt) -> bool:
    """Whether the server sent its whole flight; what we cannot go on with (a cipher that no library has) it had accepted."""
    return attempt.accepted or attempt.end == "beyond"


def _application(attempt: Attempt) -> str | None:
    """The application protocol that the server chose."""
    hidden = (e.value.alpn for e in attempt.handshake.events if isinstance(e.value, EncryptedExtensions))
    return (attempt.answer.alpn if attempt.answer is not None else None) or next(hidden, None)


def _unoffered(attempt: Attempt) -> str:
    """What the server chose although the hello does not hold it, so that no client would go on; empty where nothing is."""
    answer, hello = attempt.answer, attempt.handshake.client_hello
    if answer is None or hello is None:
        return ""
    if answer.version not in hello.versions:
        return version_name(answer.version)
    if answer.cipher_suite not in hello.cipher_suites:
        return suite_name(answer.cipher_suite)
    scheme = attempt.proofs.scheme
    if scheme is not None and hello.signature_algorithms is not None and scheme not in hello.signature_algorithms:
        return scheme_name(scheme)
    return ""


def _flight_was_there(attempt: Attempt) -> bool:
    """Whether a handshake that did not come to its end had the server's whole flight."""
    return ending_of(attempt.handshake).phase in ("client-turn", "server-turn", "finished")


def _way(ending: Ending) -> str:
    """The way in which it failed, as far as a second failure has to be the same."""
    if ending.how == "alert" and ending.alert is not None:
        return f"fatal {alert_name(ending.alert)}"
    if ending.how in ("fin", "rst", "close-notify"):
        return "closed without a word"
    return ending.how


def _under_encryption(handshake: Handshake, ending: Ending) -> bool:
    """Whether that is an alert which a recording of it would show as a record of an alert's size: it came after a ServerHello of TLS 1.3."""
    return ending.how == "alert" and ending.phase == "server-flight" and (handshake.version or 0) >= TLS13


def _outcome(attempt: Attempt) -> str:
    """What became of it, in words."""
    answer = attempt.answer
    if _passed(attempt) and answer is not None:
        return f"{version_name(answer.version)}, {suite_name(answer.cipher_suite)}"
    if attempt.end == "refused":
        alerts = [e.value for e in attempt.handshake.events if isinstance(e.value, Alert) and e.sender == "server"]
        return f"fatal {alert_name(alerts[-1].description)}" if alerts else "refused"
    return _ENDS.get(attempt.end, attempt.end)


_ENDS = {
    "closed": "closed without a word", "reset": "reset without a word", "silence": "silence", "foreign": "an answer that is not TLS",
    "endless": "an endless answer", "timeout": "no connection: nobody answered", "refused-connection": "no connection: refused",
    "unreachable": "no connection: unreachable",
}  # fmt: skip


def _warnings(run: _Run, stopped: Stopped) -> tuple[str, ...]:
    there = run.prober.label
    today = next((t.outcome for t in run.tried if not t.changes), "")
    said = {
        "not-reproduced": f"replay: {there} accepts today what it refused in the recording; the verdict is that of the recording alone",
        "otherwise": f"replay: {there} refuses this ClientHello today as well, in another way ({today}; in the recording: {run.captured}); "
        "the verdict is that of the recording alone",
        "inconsistent": f"replay: the same ClientHello failed {run.reproduced} of {run.controls} times at {there}: more than one server stands "
        "behind this address, or it is overloaded; compare them one by one",
        "unreachable": f"replay: no connection with {there} was had ({today})",
        "nothing-helps": f"replay: {there} refuses whatever was changed in the ClientHello ({len(run.tried)} attempts)",
        "bound": f"replay: {len(run.tried)} connections were not enough to find what {there} minds in the ClientHello",
    }.get(stopped)
    found = [said] if said else []
    if run.contradictions:
        found.append(f"replay: {there} did not answer the same each time ({run.contradictions} contradictions)")
    return tuple(found)


# ------------------------------------------------------------------ what it says to the verdict


def judged_with(handshake: Handshake, context: Context, replayed: Replayed) -> tuple[Handshake, Context]:
    """The captured handshake and its context as they are judged now (``verdict.judge``).

    What the server shows today stands beside a chain that TLS 1.3 hides as its keystore would; the record's size tells whether it is
    what was sent then (``inference/stand_in.py``). What it asks of the client stands in for the request that TLS 1.3 hides.
    """
    context = context._replace(replayed=replayed)
    shown = replayed.carried_on.handshake if replayed.carried_on is not None else None
    if shown is None or replayed.carried_on is None or (handshake.version or 0) < TLS13:
        return handshake, context
    if handshake.certificate_request is None and shown.certificate_request is not None:
        handshake = handshake._replace(certificate_request=shown.certificate_request)
    if handshake.server_chain is None and context.server_stores.keystore is None and shown.server_chain:
        place = f"what {replayed.target} shows today (attempt {replayed.carried_on.attempt})"
        keystore = Keystore(replayed.target, (KeyEntry(shown.server_chain, place),), shown.server_chain)
        context = context._replace(server_stores=AtRest(keystore, context.server_stores.truststore))
    return handshake, context
