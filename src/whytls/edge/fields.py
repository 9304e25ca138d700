"""Reading single fields of Edge's JSON, tolerantly: flags come as strings or booleans, ports as strings or numbers, lists as lists or words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from whytls.exceptions import InputError

LONGEST = 4096  # characters of one value; names, hosts and cipher lists stay far below
PORTS = (1, 65535)
MOST = 1000  # values of one list; an environment has tens of each kind
NOTHING: Mapping[str, Any] = MappingProxyType({})
_BETWEEN = re.compile(r"[\s,:]+")


def nothing() -> Mapping[str, Any]:
    """No fields at all."""
    return NOTHING


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{what} is no JSON object", hint="expected {…} as the Management API writes it")
    return value


def text(value: Any, what: str) -> str:
    """A word; empty where nothing is given.

    Raises:
        InputError: it is a list, an object, or longer than 4,096 characters.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float) or (not isinstance(value, str) and abs(value) > 1e15):
        raise InputError(f"{what} is no text")
    word = str(value)
    if len(word) > LONGEST:
        raise InputError(f"{what} is longer than {LONGEST} characters")
    return word


def flag(value: Any) -> bool | None:
    """``true`` or ``false``, as boolean or in letters of any case; None: it is neither (nothing, or a message template)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def number(value: Any, what: str, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, as number or in digits.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, str) and len(value) < 20 and value.strip().removeprefix("-").isascii() and value.strip().removeprefix("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{what} is {str(value)[:40]!r}", hint=f"expected a number from {low} to {high}")
    return value


def words(value: Any, what: str) -> tuple[str, ...]:
    """A list of words: a JSON list, an object around one (as XML turned into JSON has it), or one text parted by commas, colons or blanks.

    Raises:
        InputError: it is none of these, or longer than 1,000 words.
    """
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, str):
        value = [word for word in _BETWEEN.split(value) if word]
    if value is None:
        return ()
    if not isinstance(value, Sequence) or len(value) > MOST:
        raise InputError(f"{what} is no list of at most {MOST} words")
    return tuple(text(word, what) for word in value)


def listed(value: Any, what: str) -> list[Any]:
    """A JSON list; empty where nothing is given, and one value alone counts as a list of it.

    Raises:
        InputError: it is longer than 1,000 values.
    """
    found = [] if value is None else value if isinstance(value, list) else [value]
    if len(found) > MOST:
        raise InputError(f"{what} has more than {MOST} entries")
    return found


def texts(value: Any, what: str) -> tuple[str, ...]:
    """As ``words``, but a single text is one value and not parted: an address can have colons.

    Raises:
        InputError: as ``words``.
    """
    return words([value] if isinstance(value, str) else value, what)


def rest(given: Mapping[str, Any], known: Sequence[str]) -> Mapping[str, Any]:
    """The fields that are not known here; they are written back as they came, because a PUT replaces the whole resource."""
    left = {key: value for key, value in given.items() if key not in known}
    return MappingProxyType(left) if left else NOTHING
