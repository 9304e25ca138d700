"""Real clients as data: what each sends first, what it then accepts, and where that is known from.

One file per client release in ``data/``, recorded from the stack itself or described from public documents (``lab/hellos`` writes both).
Slugs are read from the folder without opening anything; a file is read when its client is first asked for.
"""

from __future__ import annotations

import os
from functools import cache

from whytls.clients.client import Client, read
from whytls.exceptions import UsageError

_FOLDER = os.path.join(os.path.dirname(__file__), "data")
_loaded: dict[str, Client] = {}


@cache
def slugs() -> tuple[str, ...]:
    """All clients' slugs, sorted; no file is opened."""
    return tuple(sorted([name[:-5] for name in os.listdir(_FOLDER) if name.endswith(".json")]))


def load(slug: str) -> Client:
    """One client.

    Raises:
        UsageError: no client has that slug; the hint names the nearest ones.
    """
    client = _loaded.get(slug)
    if client is None:
        known = slugs()
        if slug not in known:
            from difflib import get_close_matches

            near = [s for s in known if s.startswith(f"{slug}-")][:4] or get_close_matches(slug, known, 3, 0.4)
            raise UsageError(
                f"there is no client {slug!r}", hint=f"did you mean {', '.join(near)}?" if near else f"for instance {', '.join(known[:3])}"
            )
        with open(os.path.join(_FOLDER, f"{slug}.json"), encoding="utf-8") as file:
            client = _loaded[slug] = read(slug, file.read())
    return client


def load_all() -> tuple[Client, ...]:
    """Every client, in the order of their slugs."""
    return tuple([load(slug) for slug in slugs()])


def find(words: str) -> tuple[Client, ...]:
    """The client of that slug; else all of that family (``java``), or whose slug begins so (``java-17``, ``java-8`` with all its updates).

    Raises:
        UsageError: there is none.
    """
    known = slugs()
    if words in known:
        return (load(words),)
    found = tuple([client for client in load_all() if client.family == words or client.slug.startswith((f"{words}-", f"{words}u", f"{words}."))])
    return found or (load(words),)
