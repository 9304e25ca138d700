"""Handshake + Context → Diagnosis: asks every cause, ranks what they find, keeps the alternatives and what would decide.

Ranking knows three things and nothing else: how much of the ending a finding explains, then its confidence, then how few
assumptions it makes. No number and no list orders causes; equal findings are ordered by slug so that the output is stable, and
are then never called proven. A cause that raises is our bug: it is reported in the diagnosis' warnings and costs nobody else's
verdict.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

from whytls import causes
from whytls.causes.cause import Cause, LoadedCause, Need, resolve_owner, resolve_owners
from whytls.inference.certificate_refusal import refusal
from whytls.inference.counterfactual import Dimension
from whytls.inference.ending import ending_of
from whytls.inference.hello_refusal import hello_refusal
from whytls.inference.quote import fatal_alert_text, side_name
from whytls.model import (
    NO_ENDING,
    Alternative,
    Confidence,
    Context,
    Diagnosis,
    EndingKind,
    Evidence,
    Finding,
    Fix,
    Handshake,
    Hop,
    Passed,
    Phase,
    Side,
)
from whytls.tuples import NamedTuple
from whytls.wire.message import Alert

_RANK: dict[Confidence, int] = {"proven": 0, "likely": 1, "possible": 2}
_Ranked = list[tuple[LoadedCause, Finding]]
_new = tuple.__new__  # what each failure of a storm needs is made by position: half the price of a call by names


class Verdict(NamedTuple):
    """A diagnosis, and whether another handshake of the same recording could still change it."""

    diagnosis: Diagnosis
    open: bool


def judge(handshake: Handshake, context: Context) -> Verdict:
    """The verdict on one handshake; the diagnosis of one that did not fail has no cause."""
    verdict = argue(handshake, context)
    diagnosis = verdict.diagnosis
    evidence = in_order(diagnosis.evidence, context)
    return verdict if evidence is diagnosis.evidence else _new(Verdict, (diagnosis._replace(evidence=evidence), verdict.open))


def argue(handshake: Handshake, context: Context) -> Verdict:
    """The same, its evidence as it argues and not as it stands in the recording."""
    if context.ending is NO_ENDING:  # unless its maker has put it there
        context = context._replace(ending=ending_of(handshake))
    findings, bugs = _ask(handshake, context)
    if not findings:
        return Verdict(_not_failed(handshake, context, bugs), False)
    if len(findings) > 1:
        findings.sort(key=_standing)
    still_open = not context.whole_recording and findings[0][1].confidence != "proven" and any(f.settled_by_later for _, f in findings)
    return _new(Verdict, (_diagnosis(handshake, context, findings, bugs), still_open))


class _Course(NamedTuple):
    """What is looked at before any cause is asked: where and how it ended, and what there is to argue from."""

    phase: Phase
    how: EndingKind
    breaker: Side | None
    alert: int | None
    completed: bool
    held: tuple[bool, ...]  # the needs that the handshake answers, in the order of _HELD
    server_defects: frozenset[str] | None  # of the chain that was refused; None: none was, or it cannot be seen
    client_defects: frozenset[str] | None
    dimensions: frozenset[Dimension] | None  # for which anything speaks as what a ClientHello was refused for; None: it was not seen


@lru_cache(maxsize=4096)
def _asked(course: _Course) -> tuple[tuple[LoadedCause, ...], tuple[LoadedCause, ...]]:
    """The causes that are asked of a handshake with this course; and the last resorts, for where they find nothing."""
    found = [c for c in causes.load_all() if _has_a_place(c.declaration, course)]
    return tuple(c for c in found if not c.declaration.last_resort), tuple(c for c in found if c.declaration.last_resort)


def _has_a_place(cause: Cause, course: _Course) -> bool:
    """Whether a cause's declaration admits this course."""
    held = {need for need, held in zip(_HELD, course.held, strict=True) if held}
    defects = course.server_defects if cause.cause_class == "server-certificate" else course.client_defects
    return (
        course.phase in cause.phases
        and (cause.breaker in (None, course.breaker) or course.phase == "finished")
        and (cause.endings is None or course.how in cause.endings)
        and (course.how != "alert" or cause.alerts is None or course.alert in cause.alerts)
        and (cause.completed or not course.completed)
        and held.issuperset(cause.needs)
        and (not cause.either or not held.isdisjoint(cause.either) or course.alert in cause.names)
        and (cause.dimension is None or course.dimensions is None or cause.dimension in course.dimensions)
        and (not cause.defects or defects is None or not defects.isdisjoint(cause.defects) or course.alert in cause.names)
    )


_PARTS: tuple[Need, ...] = (
    "client-hello", "server-hello", "hello-retry-request", "server-chain", "client-chain", "certificate-request", "server-key-exchange",
    "prelude",
)  # fmt: skip
_HELD: tuple[Need, ...] = (*_PARTS, "retransmission", "foreign-reset", "replay")
_parts = itemgetter(*[Handshake._fields.index(part.replace("-", "_")) for part in _PARTS])


def _course(handshake: Handshake, context: Context) -> _Course:
    ending, transport = context.ending, handshake.transport
    held = (
        *[part is not None for part in _parts(handshake)],
        transport.client_retransmissions > 0, transport.foreign_reset, context.replayed is not None,
    )  # fmt: skip
    of_server = of_client = None
    if ending.phase in ("client-turn", "server-turn", "finished"):
        if ending.breaker == "client" or ending.phase == "finished":
            of_server = _defects(handshake, context, "server")
        if ending.breaker == "server" or ending.phase == "finished":
            of_client = _defects(handshake, context, "client")
    speaking = _dimensions(handshake, context) if handshake.client_hello is not None and ending.breaker == "server" else None
    completed = handshake.outcome == "completed"
    return _new(_Course, (ending.phase, ending.how, ending.breaker, ending.alert, completed, held, of_server, of_client, speaking))


def _dimensions(handshake: Handshake, context: Context) -> frozenset[Dimension] | None:
    try:
        refused = hello_refusal(handshake, context)
    except Exception:  # our bug, as below
        return None
    return refused.dimensions if refused is not None else frozenset()


def _defects(handshake: Handshake, context: Context, whose: Side) -> frozenset[str] | None:
    try:
        refused = refusal(handshake, context, whose)
    except Exception:  # our bug: every cause of this chain is asked, and each says so
        return None
    return refused.report.slugs if refused is not None and refused.report is not None else None


def _ask(handshake: Handshake, context: Context) -> tuple[_Ranked, list[str]]:
    """Ask every cause that has a place in this handshake: the findings, and the causes that broke."""
    findings: _Ranked = []
    bugs: list[str] = []
    if handshake.outcome == "unfinished":
        return findings, bugs
    usual, last = _asked(_course(handshake, context))
    _look(usual, handshake, context, findings, bugs)
    if not findings:
        _look(last, handshake, context, findings, bugs)
    return findings, bugs


def _look(asked: tuple[LoadedCause, ...], handshake: Handshake, context: Context, findings: _Ranked, bugs: list[str]) -> None:
    for cause in asked:
        try:
            answer = cause.look(handshake, context)
        except Exception as problem:  # a broken cause is a result of its own, and never the end of the run
            bugs.append(_bug(cause, handshake, problem))
            continue
        if answer.__class__ is Finding:
            findings.append((cause, answer))


def _bug(cause: LoadedCause, handshake: Handshake, problem: Exception) -> str:
    place = f"{handshake.file} frame {handshake.events[0].frame}" if handshake.events else handshake.file
    return f"bug in whytls: cause {cause.slug} broke on {place}: {type(problem).__name__}: {problem}"


def _weight(finding: Finding) -> tuple[int, int, int]:
    return -len(finding.explains), _RANK[finding.confidence], len(finding.assumptions)


def _standing(found: tuple[LoadedCause, Finding]) -> tuple[int, int, int, str]:
    cause, finding = found
    return -len(finding.explains), _RANK[finding.confidence], len(finding.assumptions), cause.slug


def _diagnosis(handshake: Handshake, context: Context, findings: _Ranked, bugs: list[str]) -> Diagnosis:
    cause, finding = findings[0]
    declaration = cause.declaration
    confidence = finding.confidence
    rest = findings[1:]
    alternatives: tuple[Alternative, ...] = ()
    warnings = list(bugs)
    if confidence != "proven":
        alternatives = _alternatives(finding, rest)
    elif rest:
        warnings += [f"also wrong here: {c.slug}" for c, f in rest if f.confidence == "proven"]
        tied = [(c, f) for c, f in rest if _weight(f) == _weight(finding)]
        if tied and not _same_ground(finding, [f for _, f in tied]):
            confidence = "likely"
            alternatives = tuple(Alternative(c.slug, "likely", "mend both: each is enough to fail", c.declaration.cause_class) for c, _ in tied)
    if context.hop_inferred:
        warnings.append(f"hop inferred from the recording: {_inferred(handshake, context)}")
    if not handshake.coverage.whole:
        warnings += _coverage_warnings(handshake)
    if context.replayed is not None:
        warnings += context.replayed.warnings
    title, fix = _title(cause, finding, context, warnings), _fix(cause, finding, context, warnings)  # they can add warnings
    return _new(Diagnosis, (
        cause.slug,
        declaration.cause_class,
        title,
        "failed",
        handshake.client,
        handshake.server,
        context.hop,
        finding.detail,
        finding.failing_side,
        resolve_owners(finding.owners or declaration.owners, context.hop),
        declaration.who_can_confirm if context.hop == "southbound" else "anyone",  # what needs the Message Processor is the operator's (R3)
        confidence,
        alternatives,
        handshake.sni,
        handshake.started_at,
        finding.evidence + _other_alerts(handshake, context, finding),
        fix,
        (),  # more fixes
        tuple(warnings),
        (_request(context.waiting),) if context.waiting is not None else (),
        handshake.file,
        handshake.events[0].frame if handshake.events else 0,
        handshake,
        context,
    ))  # fmt: skip


def _request(passed: Passed) -> str:
    """The northbound request that failed with this handshake."""
    return f"{passed.client} → {passed.server}, #{passed.frame}: its request was waiting for this handshake"


def in_order(evidence: tuple[Evidence, ...], context: Context) -> tuple[Evidence, ...]:
    """As it stands in the recording; then what a replay showed, as it argues; what has no frame comes last."""
    if context.replayed is None:
        file, last = evidence[0].file if evidence else "", 0
        for _, frames, of, _, _ in evidence:
            if not frames or of != file or frames[0] < last:
                return tuple(sorted(evidence, key=_place))
            last = frames[0]
        return evidence  # it does already, as most findings do; to sort it all the same took four times as long
    attempts = {t.handshake.file for t in context.replayed.tried}
    recorded = sorted((e for e in evidence if e.file not in attempts), key=_place)
    return (*recorded, *(e for e in evidence if e.file in attempts))


def _place(evidence: Evidence) -> tuple[bool, str, int]:
    frames = evidence.frames
    return not frames, evidence.file, frames[0] if frames else 0


def _other_alerts(handshake: Handshake, context: Context, finding: Finding) -> tuple[Evidence, ...]:
    """Fatal alerts in the clear that the finding did not cite: said after the break, they are consequences, and are shown all the same."""
    shape, explained = handshake.shape, finding.explains
    first = explained[0] if explained else None
    if first is not None and first is context.ending.decisive and shape.count("L") + shape.count("l") == (first.kind == "alert" and bool(shape)):
        return ()  # the usual case: one alert, or none, and it is what was explained
    later = [e for e in handshake.all("alert") if isinstance(e.value, Alert) and e.value.fatal]
    if later:
        cited = {frame for evidence in finding.evidence for frame in evidence.frames}
        later = [e for e in later if e.frame not in cited]
    return tuple(Evidence(f"{fatal_alert_text(e, context)} (after the break)", e.frames[-1:], e.file) for e in later[:2])


def _alternatives(first: Finding, rest: _Ranked) -> tuple[Alternative, ...]:
    """The other findings, best first, each with what would decide."""
    return tuple([
        _new(Alternative, (
            c.slug, "possible" if f.confidence == "possible" else "likely", f.would_decide or first.would_decide, c.declaration.cause_class,
        ))
        for c, f in rest[:6]
    ])  # fmt: skip


def _same_ground(first: Finding, others: list[Finding]) -> bool:
    """Whether the tied findings rest on faults of one and the same certificate chain, so that the first may stay proven."""
    return all(f.facts.get("defect") is not None for f in others) and first.facts.get("defect") is not None


def _title(cause: LoadedCause, finding: Finding, context: Context, warnings: list[str]) -> str:
    declaration = cause.declaration
    template = declaration.titles.get(finding.detail, declaration.title)
    facts = {**_sides(context.hop), **finding.facts}
    try:
        text = template.format_map(facts)
    except Exception as problem:  # as for look: our bug, said, and the verdict stands
        warnings.append(f"bug in whytls: the title of {cause.slug} broke: {type(problem).__name__}: {problem}")
        text = cause.slug.replace("-", " ")
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=4)
def _sides(hop: Hop) -> dict[str, str]:
    context = Context(hop=hop)
    return {"client": side_name("client", context), "server": side_name("server", context)}


def _fix(cause: LoadedCause, finding: Finding, context: Context, warnings: list[str]) -> Fix | None:
    try:
        fix = cause.fix(finding, context)
        if "mend" in finding.facts:
            from whytls.inference.at_rest import mending

            fix = mending(fix, finding)
    except Exception as problem:  # as for look: our bug, said, and the verdict stands
        warnings.append(f"bug in whytls: the fix of {cause.slug} broke: {type(problem).__name__}: {problem}")
        return None
    owner = resolve_owner(fix.owner, context.hop)
    return fix if owner == fix.owner else fix._replace(owner=owner)


def _inferred(handshake: Handshake, context: Context) -> str:
    gateway = handshake.server if context.hop == "northbound" else handshake.client
    return f"{gateway.address} is server on one connection and client on another at the same time"


def _coverage_warnings(handshake: Handshake) -> list[str]:
    coverage, found = handshake.coverage, []
    if not coverage.start:
        found.append("the start of this connection was not captured")
    if not coverage.client:
        found.append("the client's packets were not captured")
    if not coverage.server:
        found.append("the server's packets were not captured")
    if coverage.client_gap or coverage.server_gap:
        sides = " and ".join(s for s, gap in (("client's", coverage.client_gap), ("server's", coverage.server_gap)) if gap)
        found.append(f"some of the {sides} bytes are missing in the recording")
    if coverage.snapped:
        found.append("packets were cut by the capture's snap length: record with tcpdump -s 0")
    if coverage.contradiction:
        found.append("the same bytes were recorded twice with different content: something rewrites this connection")
    if coverage.evicted:
        found.append("too many connections were open at once to keep all of this one")
    return found


def _not_failed(handshake: Handshake, context: Context, bugs: list[str]) -> Diagnosis:
    outcome = handshake.outcome if handshake.outcome != "failed" else "unfinished"
    title = "the handshake completed" if outcome == "completed" else "the recording ends before this handshake does"
    if handshake.protocol != "tls":
        title = f"this is {handshake.protocol.upper()}, not TLS over TCP; whytls names it and does not read it"
    return Diagnosis(
        cause=None,
        cause_class=None,
        title=title,
        outcome=outcome,
        client=handshake.client,
        server=handshake.server,
        hop=context.hop,
        sni=handshake.sni,
        started_at=handshake.started_at,
        warnings=(*bugs, *_coverage_warnings(handshake)),
        file=handshake.file,
        frame=handshake.events[0].frame if handshake.events else 0,
        handshake=handshake,
        context=context,
    )
