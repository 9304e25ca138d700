"""Failures of one kind get their verdict once; each of the others of that kind gets it with its own frames, addresses and times.

Theory of operation
-------------------
A storm of failures has few kinds of them: one make of client, one answer, one chain. The *kind* of a handshake is all of it but what is new
each time: the ends' addresses, frame numbers, times, random bytes. When a kind is met again, its verdict is reached once more with
``Hidden`` values in the place of those (``inference/marks.py``). If nothing of them was read on the way, the verdict is that of the kind;
it is checked against the one that was just reached in the usual way, and kept. If something was read (how long a silence was), the kind
is judged in the usual way for ever. So a cause need not know of this, and one that begins to read what differs loses speed, and
never the truth.

Other handshakes of the recording count through what was asked of them: which accepted one is ``nearest``, which chain was
``shown_before``. The questions are asked again for each handshake; what there is to read in the answers is part of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

from whytls.inference.counterfactual import nearest
from whytls.inference.marks import Asked, Frame, Looked, Moment, Question, Teller, Told, hidden
from whytls.inference.refused_chain import shown_before
from whytls.model import NOTHING_AT_REST, Context, Diagnosis, Endpoint, Event, Evidence, Handshake, Seen
from whytls.tuples import NamedTuple
from whytls.verdict import Verdict, argue, in_order, judge
from whytls.wire.message import ClientHello, Extension, ServerHello

MOST_KINDS, MOST_TEMPLATES = 2048, 4096  # remembered: kinds, and verdicts on all of them
MINUTE = 60 * 10**9  # nanoseconds; no text of a verdict is finer
_new = tuple.__new__
# What the questions are asked of.
_OF: dict[Question, Callable[[Handshake], object]] = {nearest: lambda h: h.client_hello, shown_before: lambda h: h.sni}
_Kind = tuple[object, ...]


class _Line(NamedTuple):
    """A line of evidence. Its frames are those of events, by their places among them; or a teller says it of the answer to a question."""

    text: str
    frames: tuple[tuple[int, int], ...]  # of an event: which, and which of its fields
    file: str
    certificate: str | None
    line: int | None
    teller: Teller | None
    question: int


class _Template(NamedTuple):
    """The verdict on a kind, without what each handshake puts in."""

    begin: tuple[Any, ...]  # of the Diagnosis, up to the client
    middle: tuple[Any, ...]  # behind the server, up to started_at
    end: tuple[Any, ...]  # behind the evidence, up to the frame
    open: bool
    lines: tuple[_Line, ...]


class _Known:
    """What is known of a kind: the questions that its verdict depends on, and by their answers the verdicts."""

    __slots__ = ("questions", "templates")

    def __init__(self) -> None:
        self.questions: tuple[Question, ...] | None = None
        self.templates: dict[tuple[object, ...], _Template] = {}


_USUAL = _Known()  # of a kind that is judged in the usual way: something was read that differs
_Sightings = tuple[Seen | None, ...]


class Kinds:
    """The kinds of failures of one recording, all known to the same stores."""

    def __init__(self) -> None:
        self._known: dict[_Kind, _Known] = {}
        self._templates = 0
        self.met = self.told = 0  # handshakes that have a kind; and of them, those that got its verdict

    def judge(self, handshake: Handshake, context: Context) -> Verdict:
        """The verdict on a handshake, as ``verdict.judge`` has it."""
        kind = kind_of(handshake, context)
        if kind is None:
            return judge(handshake, context)
        self.met += 1
        known = self._known.get(kind)
        if known is None:  # nothing is learned of what may never come again
            if len(self._known) >= MOST_KINDS or self._templates >= MOST_TEMPLATES:
                self._known.clear()
                self._templates = 0
            self._known[kind] = _Known()
            return judge(handshake, context)
        if known is _USUAL:
            return judge(handshake, context)
        if known.questions is None:
            return self._learn(kind, known, handshake, context)
        answers, sightings = _answers(known.questions, handshake, context) if known.questions else ((), ())
        template = known.templates.get(answers)
        if template is None:
            return self._learn(kind, known, handshake, context)
        self.told += 1
        return _filled(template, handshake, context, sightings)

    def _learn(self, kind: _Kind, known: _Known, handshake: Handshake, context: Context) -> Verdict:
        """The verdict in the usual way; and what of it holds for the kind."""
        verdict = judge(handshake, context)
        try:
            found = _found(handshake, context)
            fits = known.questions in (None, found.questions) and _filled(found.template, handshake, context, found.sightings) == verdict
        except Looked:
            fits = False
        if not fits:
            self._known[kind] = _USUAL
        elif self._templates < MOST_TEMPLATES:
            self._templates += 1
            known.questions = found.questions
            known.templates[found.answers] = found.template
        return verdict


# ------------------------------------------------------------------ the kind


def kind_of(handshake: Handshake, context: Context) -> _Kind | None:
    """All of a failed handshake and of what is known around it, but for what is new each time; None where it is none of a storm.

    Where stores, a gateway or a replay are known, each handshake is judged by itself; and a silence is told by how long it was.
    """
    events, outcome, started_at, file, hello, retried, answer, retry, prelude = _told_by(handshake)
    ending, hop, inferred, at, trust, profile, theirs, whole, waiting, ours, others, replayed = context
    if outcome != "failed" or not events or ending.how == "silence" or retried is not None or retry is not None or prelude is not None:
        return None
    if inferred or trust is not None or waiting is not None or replayed is not None or ours is not NOTHING_AT_REST or others is not ours:
        return None
    signs: list[object] = []
    before = 0
    for kind, sender, frame, _, value, first, length, of in events:
        if frame == before:
            signs.append(_SAME)
        elif frame < before:
            return None  # recorded out of order
        if of is not file and of != file:
            return None  # begun in one file and ended in another
        if value is hello or value is answer:
            value = None
        elif value.__class__ in _HELLOS:
            return None  # a second one
        signs += (kind, sender, value, first > 0, length)
        before = frame
    try:
        places = tuple([events.index(event) for event in ending.events])
    except ValueError:
        return None
    said = None if hello is None else (hello[0], hello[3:5], tuple(map(_number, hello[5])), hello[6:])
    chosen = None if answer is None else (answer[:2], answer[4:6], tuple(map(_number, answer[6])), answer[7:])
    return (
        tuple(signs), said, chosen, handshake[7:11], handshake[15:24], ending[:3], ending[4], places, hop, at, whole, profile is None, theirs is None,
        started_at // MINUTE,
    )  # fmt: skip


_told_by = itemgetter(*map(Handshake._fields.index, (
    "events", "outcome", "started_at", "file", "client_hello", "retried_hello", "server_hello", "hello_retry_request", "prelude",
)))  # fmt: skip
_number = itemgetter(0)  # of an Extension
_SAME = "in the same frame"
_HELLOS = frozenset((ClientHello, ServerHello))


# ------------------------------------------------------------------ its verdict


def _answers(questions: tuple[Question, ...], handshake: Handshake, context: Context) -> tuple[tuple[object, ...], _Sightings]:
    """What there is to read in the answers, and the sightings that they rest on."""
    read: tuple[object, ...] = ()
    sightings: _Sightings = ()
    for question in questions:  # there is one, as a rule
        answer = question(_OF[question](handshake), context.server_profile)
        said, seen = (None, None) if answer is None else answer
        read, sightings = (*read, said), (*sightings, seen)
    return read, sightings


class _Found(NamedTuple):
    """What was reached without looking at what differs."""

    template: _Template
    questions: tuple[Question, ...]
    answers: tuple[object, ...]
    sightings: _Sightings


def _found(handshake: Handshake, context: Context) -> _Found:
    """The verdict on all of the kind.

    Raises:
        Looked: it depends on what differs.
    """
    asked = Asked(context.server_profile) if context.server_profile is not None else None
    unread, around = _hidden(handshake, context, asked)
    diagnosis, still_open = argue(unread, around)
    noted = asked.asked if asked is not None else {}
    if any(_OF[question](unread) is not of for question, (of, _, _) in noted.items()):
        raise Looked
    told = [answer for _, _, answer in noted.values()]
    lines = tuple([_line(evidence, told) for evidence in diagnosis.evidence])
    template = _Template(diagnosis[:_CLIENT], diagnosis[_SERVER + 1 : _STARTED], diagnosis[_EVIDENCE + 1 : _NUMBER], still_open, lines)
    return _Found(template, tuple(noted), *_answers(tuple(noted), handshake, context))


def _hidden(handshake: Handshake, context: Context, asked: Asked | None) -> tuple[Handshake, Context]:
    """A handshake of the same kind of which nothing can be read but the kind, and what is known around it."""
    hello, answer = handshake.client_hello, handshake.server_hello
    if hello is not None:
        hello = hello._replace(random=hidden(), session_id=hidden(), extensions=_numbers(hello.extensions))
    if answer is not None:
        answer = answer._replace(random=hidden(), session_id=hidden(), extensions=_numbers(answer.extensions))
    events: list[Event] = []
    same = 0
    for place, event in enumerate(handshake.events):
        if not place or event.frame != handshake.events[place - 1].frame:
            same = place
        value = hello if event.value is handshake.client_hello else answer if event.value is handshake.server_hello else event.value
        first: Any = Frame(place, same, first=True) if event.first_frame else 0
        frame: Any = Frame(place, same)
        events.append(event._replace(frame=frame, time=hidden(), value=value if event.value is not None else None, first_frame=first))
    began: Any = Moment(handshake.started_at // MINUTE * MINUTE, (handshake.started_at // MINUTE + 1) * MINUTE)
    ends = Endpoint(hidden(), hidden())
    ending = context.ending
    places = [handshake.events.index(event) for event in ending.events]
    closed = ending._replace(events=tuple([events[place] for place in places]), delay=hidden())
    return (
        handshake._replace(
            client=ends,
            server=ends,
            events=tuple(events),
            started_at=began,
            ended_at=hidden(),
            quiet=hidden(),
            client_hello=hello,
            server_hello=answer,
        ),
        context._replace(
            ending=closed,
            server_profile=cast("Any", asked),
            client_profile=None if context.client_profile is None else hidden(),
        ),
    )


def _numbers(extensions: tuple[Extension, ...]) -> tuple[Extension, ...]:
    return tuple([Extension(extension.number, hidden()) for extension in extensions])


def _line(evidence: Evidence, told: list[Told]) -> _Line:
    for question, answer in enumerate(told):
        for line, teller in answer.lines:
            if line is evidence:
                return _Line("", (), "", None, None, teller, question)
    places = tuple([_place(cast("object", frame)) for frame in evidence.frames])
    return _Line(evidence.text, places, evidence.file, evidence.certificate, evidence.line, None, 0)


_FRAME, _FIRST = Event._fields.index("frame"), Event._fields.index("first_frame")


def _place(frame: object) -> tuple[int, int]:
    if type(frame) is not Frame:
        raise Looked
    return frame.event, _FIRST if frame.first else _FRAME


_CLIENT, _SERVER, _STARTED, _EVIDENCE, _NUMBER = map(Diagnosis._fields.index, ("client", "server", "started_at", "evidence", "frame"))


def _filled(template: _Template, handshake: Handshake, context: Context, sightings: _Sightings) -> Verdict:
    """The verdict of a kind as that on a handshake."""
    begin, middle, end, still_open, lines = template
    client, server, events, _, started_at, *_ = handshake
    evidence = tuple([
        _new(Evidence, (text, tuple([events[place][field] for place, field in frames]), file, certificate, line))
        if teller is None else teller(sightings[question])
        for text, frames, file, certificate, line, teller, question in lines
    ])  # fmt: skip
    told = in_order(evidence, context)
    diagnosis = _new(Diagnosis, (*begin, client, server, *middle, started_at, told, *end, events[0].frame, handshake, context))
    return _new(Verdict, (diagnosis, still_open))
