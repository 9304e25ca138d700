"""The cache forgets the oldest, and never holds more than it was allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whytls.pki.cache import Bounded


def test_forgets_the_least_recently_used() -> None:
    cache: Bounded[str, int] = Bounded(2, 100, len)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_too_heavy_is_handed_back_and_not_kept() -> None:
    cache: Bounded[str, int] = Bounded(10, 16, len)
    assert cache.put("abc", 7) == 7
    assert cache.get("abc") is None


@given(st.lists(st.text(max_size=12), max_size=60))
def test_never_more_than_allowed(keys: list[str]) -> None:
    cache: Bounded[str, str] = Bounded(5, 64, len)
    for key in keys:
        assert cache.put(key, key) == key
        assert len(cache) <= 5
        assert cache.weight <= 64
    assert cache.weight == sum(len(key) for key in set(keys) if cache.get(key) is not None)
