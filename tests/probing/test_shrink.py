"""Delta debugging against predicates: what comes out is enough, and nothing of it can be left out."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.probing.shrink import Shrunk, shrink

ITEMS = st.integers(1, 14).flatmap(lambda n: st.just(tuple(range(n))))


def asked(items: tuple[int, ...], passes: Callable[[frozenset[int]], bool], most: int = 10_000, known: dict[frozenset[int], bool] | None = None):
    """Drives the generator with a predicate; the result, and the questions in their order."""
    questions: list[tuple[int, ...]] = []
    steps = shrink(items, known)
    try:
        question = next(steps)
        while True:
            questions.append(question)
            question = steps.send(passes(frozenset(question)) if len(questions) <= most else None)
    except StopIteration as end:
        return end.value, questions


@st.composite
def needs(draw: st.DrawFn) -> tuple[tuple[int, ...], frozenset[int]]:
    items = draw(ITEMS)
    return items, frozenset(draw(st.sets(st.sampled_from(items), min_size=1)))


@given(needs())
def test_what_is_needed_is_what_is_left(case: tuple[tuple[int, ...], frozenset[int]]) -> None:
    items, needed = case
    found, questions = asked(items, lambda some: needed <= some)
    assert found == Shrunk(tuple(i for i in items if i in needed), True)
    assert len(set(questions)) == len(questions), "no set is asked about twice"
    assert all(question != items and question for question in questions)


@st.composite
def any_server(draw: st.DrawFn) -> tuple[tuple[int, ...], Callable[[frozenset[int]], bool]]:
    """A predicate without any order in it: whole set yes, empty set no, all else as it comes."""
    items = tuple(range(draw(st.integers(1, 6))))
    answers = draw(st.lists(st.booleans(), min_size=1 << len(items), max_size=1 << len(items)))

    def passes(some: frozenset[int]) -> bool:
        return len(some) == len(items) or (bool(some) and answers[sum(1 << i for i in some)])

    return items, passes


@given(any_server())
def test_whatever_the_server_does_the_result_is_1_minimal(case: tuple[tuple[int, ...], Callable[[frozenset[int]], bool]]) -> None:
    items, passes = case
    found, questions = asked(items, passes)
    assert found.minimal
    left = frozenset(found.items)
    assert passes(left)
    assert not any(passes(left - {one}) for one in left)
    assert len(questions) <= len(items) ** 2 + 3 * len(items)


@given(any_server(), st.integers(0, 5))
def test_an_end_of_answers_leaves_what_passes_and_says_so(case: tuple[tuple[int, ...], Callable[[frozenset[int]], bool]], most: int) -> None:
    items, passes = case
    whole, all_questions = asked(items, passes)
    found, questions = asked(items, passes, most)
    assert passes(frozenset(found.items))
    assert found.minimal == (len(all_questions) <= most)
    assert len(questions) <= most + 1
    if found.minimal:
        assert found == whole


@given(needs())
def test_what_is_known_is_not_asked(case: tuple[tuple[int, ...], frozenset[int]]) -> None:
    items, needed = case
    known = {frozenset({i}): needed <= {i} for i in items}
    found, questions = asked(items, lambda some: needed <= some, known=known)
    assert frozenset(found.items) == needed
    assert all(len(question) > 1 for question in questions)


@settings(max_examples=20)
@given(st.integers(5, 64), st.data())
def test_one_among_many_is_found_in_few_questions(count: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(0, count - 1))
    found, questions = asked(tuple(range(count)), lambda some: needed in some)
    assert found.items == (needed,)
    assert len(questions) <= 2 * (count - 1).bit_length()
