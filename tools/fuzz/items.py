"""Inputs made of several byte strings, and the plainest ways to change an input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tools.fuzz.frames import Change

Run = Callable[[bytes], None]
Mutate = Callable[[bytes, int, Random, Change], bytes]
NOW = 1_790_000_000 * 10**9


def anywhere(data: bytes, longest: int, _rng: Random, change: Change) -> bytes:
    """No structure to keep."""
    return change(data, longest)


def packed(items: list[bytes]) -> bytes:
    """Each item behind its length in three bytes."""
    return b"".join(len(item).to_bytes(3, "big") + item for item in items)


def unpacked(data: bytes) -> Iterator[bytes]:
    """The items; the last one as far as it is there."""
    at = 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        yield data[at + 3 : at + 3 + size]
        at += 3 + size


def change_items(data: bytes, longest: int, rng: Random, change: Change, item: Mutate = anywhere) -> bytes:
    """One item changed, doubled, dropped or moved; the lengths stay right."""
    items = list(unpacked(data)) or [b""]
    at, roll = rng.randrange(len(items)), rng.random()
    if roll < 0.7:
        items[at] = item(items[at], len(items[at]) + 100, rng, change)
    elif roll < 0.8:
        items.insert(at, items[rng.randrange(len(items))])
    elif roll < 0.9 and len(items) > 1:
        del items[at]
    else:
        rng.shuffle(items)
    made = packed(items)
    return made if len(made) <= longest else change(data, longest)


def behind(prefix: int, data: bytes, longest: int, rng: Random, change: Change, inner: Mutate = anywhere) -> bytes:
    """A selector in front that is seldom changed, and the rest."""
    head, body = data[:prefix], data[prefix:]
    if rng.random() < 0.05:
        head = bytes(rng.randrange(256) for _ in range(prefix))
    return head + inner(body, longest - prefix, rng, change)
