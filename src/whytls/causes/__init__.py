"""One file per cause; the registry finds them by their file names.

Adding a cause is adding its file: no list, enum or table names causes a second time. Slugs are read from the directory
without importing anything; a cause is imported when it is first needed.
"""

from __future__ import annotations

import os
from importlib import import_module

from whytls.causes.cause import LoadedCause
from whytls.exceptions import UsageError

_NOT_CAUSES = frozenset({"__init__.py", "cause.py"})
RETIRED: dict[str, str] = {}  # slugs that are no longer emitted → the one that took their place; they stay explained
_loaded: dict[str, LoadedCause] = {}


def slugs() -> tuple[str, ...]:
    """All causes' slugs, sorted; nothing is imported."""
    found: set[str] = set()
    for folder in __path__:
        for name in os.listdir(folder):
            if name.endswith(".py") and name not in _NOT_CAUSES and not name.startswith("_"):
                slug = name[:-3].replace("_", "-")
                if slug in found:
                    raise RuntimeError(f"two cause files share the slug {slug}")
                found.add(slug)
    return tuple(sorted(found))


def load(slug: str) -> LoadedCause:
    """Import one cause.

    Raises:
        UsageError: no cause has that slug; the hint names the nearest ones.
    """
    slug = RETIRED.get(slug, slug)
    cause = _loaded.get(slug)
    if cause is None:
        if not _exists(slug):
            from difflib import get_close_matches

            near = get_close_matches(slug, slugs(), 3, 0.4)
            raise UsageError(f"there is no cause {slug!r}", hint=f"did you mean {', '.join(near)}?" if near else "whytls explain lists them")
        module = import_module(f"{__name__}.{slug.replace('-', '_')}")
        cause = _loaded[slug] = LoadedCause(slug, module.CAUSE, module.look, module.fix, module)
    return cause


def _exists(slug: str) -> bool:
    """Whether there is a file for the slug: one look, where listing the folder for each of fifty causes would cost milliseconds."""
    name = slug.replace("-", "_") + ".py"
    return name not in _NOT_CAUSES and name.isascii() and "/" not in name and any(os.path.isfile(os.path.join(folder, name)) for folder in __path__)


def load_all() -> tuple[LoadedCause, ...]:
    """Import every cause, in the order of their slugs."""
    return tuple(load(slug) for slug in slugs())
