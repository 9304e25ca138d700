"""From a hello that is refused to the smallest change that lets it through, with few questions; sans-IO.

Theory of operation
-------------------
1. Every step (``upgrades.py``) is tried alone, the likeliest first, and the others go on being tried after one has helped: that *no* other
   change is enough is half of the proof, and a second one that is enough as well says that the first was not the only reason.
2. Where none helps alone, all repairs are made together, with and without what a server should ignore taken out. If that passes, delta
   debugging (``shrink.py``) finds which of the steps were needed.
3. A step that helped is made smaller. The server's answer says where: it chose a version, a suite, a group, so all else that was added
   is left out in one go; if the hello then passes still, delta debugging goes on with what is left.

The number of questions is bounded. Trying on stops early enough to leave room for making smaller; where the bound ends the search, the
result says that it may not be minimal.

Which of several steps is the answer:

* padding, if that is enough: it adds nothing that a server could use, so the length it is, and whatever else made the hello longer
  helped for that;
* a repair, if the server used it: one that it did not choose anything of (it chose a suite that the hello had offered all along) helped by
  a side effect, and is no better than a step that takes something away;
* another server name, or none, only where all repairs together do not get the hello through with the name that it has: a site can have
  rules of its own, and the default site takes whom it refuses (seen on Caddy, whose sites have versions, suites and groups of their own);
* a newer version only where the hello's own version did not pass with something else repaired, for if it did, the versions do overlap
  (RFC 8446 section 4.1.1).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple

from whytls.probing.changes import Aspect, Change
from whytls.probing.shrink import Shrunk, shrink
from whytls.probing.upgrades import Step
from whytls.wire.hello import message_body
from whytls.wire.value import ClientHello


class Heard(NamedTuple):
    """What became of one changed hello: whether it was accepted, and what the server chose then."""

    passes: bool
    version: int | None = None
    cipher_suite: int | None = None
    group: int | None = None
    scheme: int | None = None  # by which the server signed
    alpn: str | None = None


class Found(NamedTuple):
    """What the search came to."""

    minimal: tuple[Change, ...]  # empty: nothing that was tried lets the hello through
    shown_minimal: bool = False  # without any one of these it failed
    alone: tuple[Step, ...] = ()  # steps that were tried alone and did not help
    also: tuple[Step, ...] = ()  # other steps that are enough alone, by something else
    untried: tuple[Step, ...] = ()  # steps for which the bound left no room

    @property
    def rivals_untried(self) -> bool:
        """Whether a repair of another dimension could have been enough as well, for all that is known."""
        dimensions = {change.dimension for change in self.minimal} | {"version"}
        return any(step.repairs and step.lead.dimension in _OFFERED and step.lead.dimension not in dimensions for step in self.untried)


_OFFERED = frozenset({"version", "suite", "group", "signature", "sni", "alpn"})  # the dimensions by which causes argue


Question = tuple[Change, ...]
Questions = tuple[Question, ...]  # asked together; they do not depend on each other
Search = Generator[Questions, tuple[Heard | None, ...], Found]
_UNIONS = 2  # unions of repairs, with a newer version and without
_FOR_SHRINKING = 5  # questions kept back for making smaller what helped


def search(hello: ClientHello, steps: Sequence[Step], most: int, together: int = 1) -> Search:
    """Asks about changes of the hello; at most ``most`` questions, up to ``together`` at a time. The answer None ends it.

    The hello itself is known to be refused.
    """
    state = _Search(hello, most, together)
    helped, failed, untried = yield from _alone(state, steps)
    asked_elsewhere = bool(helped) and _asks_elsewhere(_chosen(state, helped))
    union: tuple[Step, ...] = ()
    if asked_elsewhere:
        repairs = [step for step in steps if step.repairs]
        untried = [*untried, *(repairs if state.left < _UNIONS else ())]
        union = yield from _together(state, repairs)
    if helped and not union:
        main = _chosen(state, helped)
        found = yield from _smaller(state, main, _heard(state, main.changes))
        found = yield from _by_length(state, found)
        later, more, untried = yield from _alone(state, untried, shrinking=False)  # with the room that is left
        helped, failed = [*helped, *later], [*failed, *more]
        dimensions = {change.dimension for change in found.items}
        others = () if _pads(main) else helped  # where the length is what counts, whatever else made the hello longer helped for that
        also = tuple(_beside(state, step) for step in others if step is not main and not _made_use_of(state, step) <= dimensions)
        return Found(found.items, found.minimal, tuple(failed), also, tuple(untried))
    if not asked_elsewhere:
        union = yield from _together(state, steps)
    if not union:
        return Found((), False, tuple(failed), (), tuple(untried))
    needed = yield from _needed(state, union)
    merged = tuple(dict.fromkeys(change for step in needed.items for change in step.changes))
    found = yield from _smaller(state, Step(merged), _heard(state, merged))
    return Found(found.items, found.minimal and needed.minimal, tuple(failed), tuple(helped), tuple(untried))


class _Search:
    """What was asked and answered so far."""

    def __init__(self, hello: ClientHello, most: int, together: int) -> None:
        self.hello, self.most, self.together = hello, most, together
        self.asked = 0
        self.ended = False
        self.memory: dict[frozenset[Change], Heard] = {}

    @property
    def left(self) -> int:
        """Questions that are left."""
        return 0 if self.ended else self.most - self.asked

    def ask(self, questions: Questions) -> Generator[Questions, tuple[Heard | None, ...], tuple[Heard | None, ...]]:
        """The answers, remembered ones included; None for those that go beyond the bound."""
        new = [q for q in dict.fromkeys(questions) if frozenset(q) not in self.memory][: self.left]
        if new:
            self.asked += len(new)
            for question, answer in zip(new, (yield tuple(new)), strict=True):
                if answer is None:
                    self.ended = True
                else:
                    self.memory[frozenset(question)] = answer
        return tuple(self.memory.get(frozenset(q)) for q in questions)


_Asking = Generator[Questions, tuple[Heard | None, ...], tuple[list[Step], list[Step], list[Step]]]


def _alone(state: _Search, steps: Sequence[Step], shrinking: bool = True) -> _Asking:
    """The steps one by one: those that helped, those that did not, those that were not tried, for room is left for ``shrinking``."""
    helped: list[Step] = []
    failed: list[Step] = []
    rest = list(steps)
    while rest:
        kept = 0 if not shrinking else _cost(_chosen(state, helped)) if helped else _FOR_SHRINKING
        room = state.left - kept
        if room <= 0:
            break
        batch, rest = rest[: min(state.together, room)], rest[min(state.together, room) :]
        heard = yield from state.ask(tuple(step.changes for step in batch))
        for step, answer in zip(batch, heard, strict=True):
            if answer is None:
                rest.insert(0, step)
            else:
                (helped if answer.passes else failed).append(step)
        if state.ended:
            break
    return helped, failed, rest


def _cost(main: Step) -> int:
    """Questions that it takes, mostly, to make the step smaller."""
    if len(main.changes) == 1:
        return 1 if len(main.lead.values) > 1 else 0
    return 3 + len(main.changes) if main.repairs else 2 * len(main.changes).bit_length()


_SAME_VERSION = frozenset({"suite", "group", "signature", "fallback"})


def _chosen(state: _Search, helped: Sequence[Step]) -> Step:
    """The step that explains best (the theory's last paragraph); among equals the first tried."""
    padded = [step for step in helped if _pads(step)]
    repairs = [step for step in helped if step.repairs and narrowed(step.changes, state.hello, _heard(state, step.changes))]
    same_version = [step for step in repairs if step.lead.dimension in _SAME_VERSION]
    newer = bool(repairs) and repairs[0].lead.dimension == "version"
    best: tuple[Step, ...] = (*padded, *(same_version if newer else ()), *repairs, *helped)
    return best[0]


def _asks_elsewhere(step: Step) -> bool:
    """Whether the step helped by asking for another site than the client did."""
    return step.lead.aspect == "sni" and not step.repairs


def _pads(step: Step) -> bool:
    return step.lead.aspect == "size" and step.lead.kind == "add"


def _beside(state: _Search, step: Step) -> Step:
    """A step that helped by a side effect repairs nothing."""
    return step if narrowed(step.changes, state.hello, _heard(state, step.changes)) else step._replace(repairs=False)


def _made_use_of(state: _Search, step: Step) -> set[Aspect]:
    """The dimensions of what the server made use of, of a step that helped."""
    used = narrowed(step.changes, state.hello, _heard(state, step.changes)) or step.changes
    return {change.dimension for change in _owned(used)}


def _heard(state: _Search, changes: Question) -> Heard:
    return state.memory.get(frozenset(changes), Heard(True))


def _together(state: _Search, steps: Sequence[Step]) -> Generator[Questions, tuple[Heard | None, ...], tuple[Step, ...]]:
    """All repairs at once, then without the newer version, whose own rules can stand in the way, then with all that a server should
    ignore taken out: the first union that passes, as its steps; empty where none does."""
    repairs: list[Step] = []
    for step in steps:  # of server names one, and of each other thing all
        if step.repairs and not (step.lead.aspect == "sni" and any(s.lead.aspect == "sni" for s in repairs)):
            repairs.append(step)
    plain = [s for s in steps if not s.repairs and len(s.changes) > 1]
    same = tuple(s for s in repairs if s.lead.aspect != "version")
    for union in (tuple(repairs), same, (*repairs, *plain)):
        question = tuple(dict.fromkeys(change for step in union for change in step.changes))
        if len(union) > 1 and question:
            (answer,) = yield from state.ask((question,))
            if answer is not None and answer.passes:
                return union
    return ()


def _needed(state: _Search, union: tuple[Step, ...]) -> Generator[Questions, tuple[Heard | None, ...], Shrunk[Step]]:
    """Which steps of the union are needed: first without those of which the server's answer made no use, then by delta debugging."""
    merged = tuple(dict.fromkeys(change for step in union for change in step.changes))
    heard = _heard(state, merged)
    used = tuple(step for step in union if _used(step.lead, state.hello, heard))
    steps = union
    if used and len(used) < len(union):
        (answer,) = yield from state.ask((tuple(dict.fromkeys(c for s in used for c in s.changes)),))
        if answer is not None and answer.passes:
            steps = used
    known = {frozenset({s}): False for s in steps if not _passed(state, s.changes)}
    shrinking = shrink(steps, known)
    return (yield from _driven(state, shrinking))


def _passed(state: _Search, changes: Question) -> bool:
    heard = state.memory.get(frozenset(changes))
    return heard is None or heard.passes


def _driven(
    state: _Search, shrinking: Generator[tuple[Step, ...], bool | None, Shrunk[Step]]
) -> Generator[Questions, tuple[Heard | None, ...], Shrunk[Step]]:
    try:
        question = next(shrinking)
        while True:
            (heard,) = yield from state.ask((tuple(dict.fromkeys(c for s in question for c in s.changes)),))
            question = shrinking.send(heard.passes if heard is not None else None)
    except StopIteration as end:
        result: Shrunk[Step] = end.value
        return result


def _smaller(state: _Search, step: Step, heard: Heard) -> Generator[Questions, tuple[Heard | None, ...], Shrunk[Change]]:
    """The step's changes without what the answer made no use of, then by delta debugging."""
    changes = step.changes
    guess = narrowed(changes, state.hello, heard)
    if guess and guess != changes:
        (answer,) = yield from state.ask((guess,))
        if answer is not None and answer.passes:
            changes = guess
    items = tuple(Step((change,)) for change in changes)
    if len(items) > 1:
        shrunk = yield from _driven(state, shrink(items))
        items = shrunk.items
        minimal = shrunk.minimal
    else:
        minimal = True
    return Shrunk(_owned(tuple(item.lead for item in items)), minimal)


def _by_length(state: _Search, found: Shrunk[Change]) -> Generator[Questions, tuple[Heard | None, ...], Shrunk[Change]]:
    """What was taken out made the hello shorter as well: with padding in its place it shows whether it was the length that counted."""
    if not all(change.kind == "remove" and change.dimension in _TAKEN_OUT for change in found.items):
        return found
    length = 4 + len(message_body(state.hello))
    (answer,) = yield from state.ask(((*found.items, Change("size", "add", (length,))),))
    if answer is None:
        return found
    aspect: Aspect = "extension" if answer.passes else "size"
    return found._replace(items=tuple(c if c.aspect not in ("group", "extension") else c._replace(belongs=aspect) for c in found.items))


_TAKEN_OUT = frozenset({"extension", "size"})


def _owned(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Changes that came along with one that turned out not to be needed are changes of their own."""
    aspects = {change.aspect for change in changes}
    return tuple(c if c.belongs in aspects or c.belongs in ("size", None) else c._replace(belongs=None) for c in changes)


def _used(change: Change, hello: ClientHello, heard: Heard) -> bool:
    """Whether the server's answer can have made use of the change; what it does not show counts as used."""
    return change.kind != "add" or not change.values or bool(_useful(change, hello, heard))


def narrowed(changes: Question, hello: ClientHello, heard: Heard) -> Question:
    """The same changes with no more added than what the server chose."""
    found = []
    for change in changes:
        if change.kind != "add" or not change.values:
            found.append(change)
        elif useful := _useful(change, hello, heard):
            found.append(change._replace(values=useful))
    return tuple(found)


def _useful(change: Change, hello: ClientHello, heard: Heard) -> tuple[int | str, ...]:
    """Of what the change adds: what the server chose; nothing, where it chose what the hello had offered itself; all, where it is not seen."""
    answers: dict[Aspect, tuple[int | str | None, Sequence[int | str]]] = {
        "version": (heard.version, hello.versions),
        "suite": (heard.cipher_suite, hello.cipher_suites),
        "group": (heard.group, hello.groups or ()),
        "signature": (heard.scheme, hello.signature_algorithms or ()),
        "alpn": (heard.alpn, hello.alpn or ()),
    }
    chosen, had = answers.get(change.aspect, (None, ()))
    if chosen is None:
        return change.values
    if chosen in change.values:
        return (chosen,)
    return () if chosen in had else change.values
