"""Remembering what was worked out of the handshake in hand: some twenty causes ask the same question of it, one after the other.

The arguments are compared by identity, not by value (hashing a handshake costs more than the answers do), and are held as long as
the answer is, so that an identity cannot be taken by another object in the meantime.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


def remembered(function: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """Keep a pure function's last two answers; positional arguments only."""
    kept: list[tuple[tuple[object, ...], _Answer]] = []

    @wraps(function)
    def asked(*args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        for given, answer in kept:
            if len(given) == len(args) and all(a is b for a, b in zip(given, args, strict=True)):
                return answer
        answer = function(*args, **kwargs)
        kept.insert(0, (args, answer))
        del kept[2:]
        return answer

    return asked
