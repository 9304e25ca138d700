"""The smallest set of changes that is still enough, by delta debugging.

Theory of operation
-------------------
Given are changes which together let a handshake through, and the fact that none of them at all does not. Wanted is a set of them
that is enough and of which nothing can be left out: *1-minimal*. That is Zeller's and Hildebrandt's ddmin (IEEE Transactions on
Software Engineering 28(2), 2002), with "the server accepts" for "the program crashes": cut the changes into n parts; if one part is
enough, go on with it; if all but one part are, go on with those; else cut finer, until the parts are single changes. What is left then
has been tried without each of its members.

What is assumed, and what happens where it does not hold:

* *Not* that servers are monotone. A set may pass and a larger one fail (a server that takes a suite only without a certain group). The
  result is 1-minimal all the same; that there is no smaller set elsewhere is not said.
* Answers are remembered: no set is asked about twice, and what was learned before (each change alone) is taken over.
* Asking can come to an end: whoever is asked may give no answer (None), and then what has been reached is the result, said to be not
  shown minimal.

A few changes are cut to single ones at once. There the first alone is asked about, which is the one that leads, and then only what is left
without each, from the last on: what merely comes along with a change is the likelier to be idle, and a single one in the middle is
reached all the same.

Sans-IO: a generator that yields sets and is sent answers. ddmin asks at most k² + 3k questions for k changes, and about 2 log k where
one of them is enough.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
_AT_ONCE = 4  # so few changes are taken one by one from the start


class Shrunk(NamedTuple, Generic[Item]):
    """What is left, in the order given; ``minimal``: it was tried without each of them, and failed."""

    items: tuple[Item, ...]
    minimal: bool


class _NoAnswer(Exception):
    pass


def shrink(items: Sequence[Item], known: Mapping[frozenset[Item], bool] | None = None) -> Generator[tuple[Item, ...], bool | None, Shrunk[Item]]:
    """Asks whether subsets pass. All ``items`` together do; the empty set does not: neither is asked.

    ``known`` are answers from before. Each question is a subset in the order of ``items``; the answer None ends the search.
    """
    memory = {**(known or {}), frozenset[Item](): False}
    left = tuple(items)
    parts = len(left) if len(left) <= _AT_ONCE else 2
    while len(left) > 1:
        cut = _cut(left, parts)
        # With two parts, the rest of one is the other.
        rests = [tuple(i for i in left if i not in part) for part in reversed(cut)] if parts > 2 else []
        if 2 < parts == len(left) <= _AT_ONCE:
            cut = cut[:1]
        try:
            found, is_part = yield from _first(cut, rests, memory)
        except _NoAnswer:
            return Shrunk(left, False)
        if found:
            parts = max(min(2 if is_part else parts - 1, len(found)), 2)
            left = found
        elif parts >= len(left):
            return Shrunk(left, True)
        else:
            parts = min(2 * parts, len(left))
    return Shrunk(left, True)


def _first(
    cut: list[tuple[Item, ...]], rests: list[tuple[Item, ...]], memory: dict[frozenset[Item], bool]
) -> Generator[tuple[Item, ...], bool | None, tuple[tuple[Item, ...], bool]]:
    """The first of them that passes, and whether it is a part or a rest; empty where none does."""
    for place, candidate in enumerate((*cut, *rests)):
        key = frozenset(candidate)
        if key not in memory:
            answer = yield candidate
            if answer is None:
                raise _NoAnswer
            memory[key] = answer
        if memory[key]:
            return candidate, place < len(cut)
    return (), False


def _cut(items: tuple[Item, ...], parts: int) -> list[tuple[Item, ...]]:
    """In so many parts of nearly one size."""
    size, more = divmod(len(items), parts)
    cut, at = [], 0
    for number in range(parts):
        end = at + size + (number < more)
        cut.append(items[at:end])
        at = end
    return cut
