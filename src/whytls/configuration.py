"""``whytls.toml``: the tables that topology and stores are read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whytls.exceptions import InputError


def tables(file: str) -> dict[str, Any]:
    """All tables of the file.

    Raises:
        InputError: it cannot be read or is no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(Path(file).read_text("utf-8"))
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", file=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"is no TOML: {problem}", file=file) from None


def lists(file: str, name: str, keys: tuple[str, ...], takes: str) -> dict[str, list[str]]:
    """One table of words or lists of words, each under one of the keys (``-`` and ``_`` are the same); empty where it is not there.

    Raises:
        InputError: as ``tables``; or the table holds something else; ``takes`` says what a value would be.
    """
    table = tables(file).get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"[{name}] is no table", file=file)
    named = {key.replace("_", "-"): values for key, values in table.items()}
    if len(named) < len(table) or set(named) - set(keys):
        raise InputError(f"[{name}] takes {', '.join(keys[:-1])} and {keys[-1]}", file=file)
    found = {key: [values] if isinstance(values, str) else values for key, values in named.items()}
    if not all(isinstance(values, list) and all(isinstance(value, str) for value in values) for values in found.values()):
        raise InputError(f"[{name}] takes {takes}, each in quotes", file=file)
    return found
