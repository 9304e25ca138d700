"""A cache that forgets: bounded in entries and in the bytes that its keys and values stand for.

``functools.lru_cache`` counts entries only; certificates come from the network, and 4,096 of 16 MB each are too many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Bounded(Generic[Key, Value]):
    """Least-recently-used cache; ``weigh`` says what an entry weighs, and one that is too heavy is not kept at all."""

    def __init__(self, entries: int, weight: int, weigh: Callable[[Key], int]) -> None:
        self._entries, self._weight, self._weigh = entries, weight, weigh
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._total = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight(self) -> int:
        """What all kept entries weigh together."""
        return self._total

    def get(self, key: Key) -> Value | None:
        """The value, which thereby becomes the last to be forgotten; ``None`` when it is not kept."""
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value:
        """Keeps the value, forgets the oldest ones for it where needed, and hands it back."""
        weight = self._weigh(key)
        if weight > self._weight // 8 or key in self._kept:
            return value
        self._kept[key] = value
        self._total += weight
        while len(self._kept) > self._entries or self._total > self._weight:
            oldest, _ = self._kept.popitem(last=False)
            self._total -= self._weigh(oldest)
        return value
