"""What is hidden can be handed on, and not read: whatever else is done with it is noticed."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import pytest

from whytls.inference.marks import Asked, Frame, Looked, Moment, Told, hidden
from whytls.model import Evidence, Seen, ServerProfile

READINGS: dict[str, Callable[[Any], object]] = {
    "str": str, "repr": repr, "format": lambda x: f"{x}", "join": lambda x: ", ".join([x]), "isinstance": lambda x: isinstance(x, bytes),
    "class": lambda x: x.__class__, "attribute": lambda x: x.address, "method": lambda x: x.startswith("10."), "bool": bool, "not": operator.not_,
    "hash": hash, "in a set": lambda x: x in {1, 2}, "as a key": lambda x: {x: 1}, "len": len, "iterate": list, "unpack": lambda x: (*x,),
    "item": lambda x: x[0], "slice": lambda x: x[:2], "contains": lambda x: 1 in x, "bytes": bytes, "int": int, "float": float,
    "index": operator.index, "equal": lambda x: x == 1, "equal, turned": lambda x: operator.eq(1, x), "unequal": lambda x: x != 1,
    "less": lambda x: x < 1, "less, turned": lambda x: operator.lt(1, x), "at most": lambda x: x <= 1, "more": lambda x: x > 1,
    "sorted": lambda x: sorted([x, 1]), "max": lambda x: max(1, x), "add": lambda x: x + 1, "add, turned": lambda x: 1 + x,
    "subtract": lambda x: x - 1, "subtract, turned": lambda x: 1 - x, "times": lambda x: 2 * x, "divide": lambda x: x / 2,
    "part": lambda x: x // 7, "rest": lambda x: x % 2, "shift": lambda x: x >> 8, "and": lambda x: x & 1, "round": round,
    "negative": operator.neg, "sum": lambda x: sum([x]), "divmod": lambda x: divmod(x, 2), "copy": copy.copy, "call": lambda x: x(),
    "in a text": lambda x: x in "10.0.0.7", "range": lambda x: range(x), "strings": lambda x: "a" + x,
}  # fmt: skip


@pytest.mark.parametrize("name", READINGS)
def test_whoever_reads_a_hidden_value_is_noticed(name: str) -> None:
    with pytest.raises((Looked, TypeError)) as caught:
        READINGS[name](hidden())
    # Text looks at nothing but the type, and refuses it: to that the cause breaks, which makes no verdict of a kind either.
    assert (caught.type is Looked) == (name not in ("join", "in a text"))


def test_it_can_be_handed_on() -> None:
    value = hidden()
    held = (value, [value], Evidence(value))
    assert held[2].text is value
    assert value is not None


def test_reading_is_no_exception_that_a_cause_would_be_called_broken_for() -> None:
    assert not issubclass(Looked, Exception)


class TestFrame:
    def test_the_kind_says_which_events_share_a_frame(self) -> None:
        hello, alone, same = Frame(0, 0), Frame(1, 1), Frame(2, 1)
        assert alone == same
        assert hello != alone
        assert len({hello, alone, same}) == 2

    def test_where_an_event_begins_is_not_where_it_ends_and_no_more_is_known(self) -> None:
        begins, ends, other = Frame(3, 3, first=True), Frame(3, 3), Frame(2, 2)
        assert begins != ends
        assert begins
        with pytest.raises(Looked):
            _ = begins == other
        with pytest.raises(Looked):
            _ = other in {begins}

    @pytest.mark.parametrize("read", [lambda f: f < 3, lambda f: f == 3, str, lambda f: f + 1, lambda f: sorted([f, Frame(1, 1)])])
    def test_its_number_cannot_be_read(self, read: Callable[[Frame], object]) -> None:
        with pytest.raises(Looked):
            read(Frame(0, 0))


class TestMoment:
    def test_it_is_compared_with_what_lies_outside_of_it(self) -> None:
        moment = Moment(60, 120)
        assert moment < 120
        assert moment >= 60
        assert not moment < 60
        assert not moment >= 120
        assert 60 <= moment < 120

    @pytest.mark.parametrize("inside", [61, 90, 119])
    def test_not_with_what_lies_in_it(self, inside: int) -> None:
        for compare in (operator.lt, operator.ge):
            with pytest.raises(Looked):
                compare(Moment(60, 120), inside)

    def test_coarse_units_are_known(self) -> None:
        assert Moment(60, 120) // 60 == 1
        assert Moment(60, 120) // 30_000 == 0
        with pytest.raises(Looked):
            _ = Moment(60, 120) // 7

    @pytest.mark.parametrize("read", [str, lambda m: m % 60, lambda m: m - 60, lambda m: m == 60, lambda m: m <= 200])
    def test_nothing_finer_is(self, read: Callable[[Moment], object]) -> None:
        with pytest.raises(Looked):
            read(Moment(60, 120))


class TestAsked:
    PROFILE = ServerProfile(speaks_tls=True)

    def test_only_what_is_asked_is_answered_and_noted(self) -> None:
        asked = Asked(self.PROFILE)
        assert asked.answer(lambda of, profile: None, "a name") is None
        assert [of for of, _, _ in asked.asked.values()] == ["a name"]
        for read in (lambda: asked.completed, lambda: asked.speaks_tls, lambda: hash(asked)):
            with pytest.raises(Looked):
                read()

    def test_one_question_of_two_things_is_too_much(self) -> None:
        def question(of: object, profile: ServerProfile | None) -> None:
            return None

        asked = Asked(self.PROFILE)
        asked.answer(question, "one")
        with pytest.raises(Looked):
            asked.answer(question, "other")


def test_what_a_sighting_says_is_filled_in_later() -> None:
    def teller(seen: Seen) -> Evidence:
        return Evidence(f"seen in {seen.frame}", (seen.frame,))

    told = Told()
    line = told.line(teller)
    assert told.lines == [(line, teller)]
    with pytest.raises(Looked):
        str(line.text)
    with pytest.raises(Looked):
        _ = told.frame
