"""Phrases that are made of parts."""

from __future__ import annotations

from collections.abc import Sequence

_DOINGS = ("taking out the extension ", "adding the extension ", "taking out ", "adding ", "changing ")
_MOST, _SHOWN = 5, 4  # things of one kind that are named


def together(texts: Sequence[str]) -> str:
    """What is done alike is said once: "taking out the extensions session_ticket and heartbeat"; empty for nothing."""
    done: list[tuple[str, list[str]]] = []
    for text in texts:
        doing = next((words for words in _DOINGS if text.startswith(words)), "")
        what = text.removeprefix(doing)
        if done and done[-1][0] == doing and doing:
            done[-1][1].append(what)
        else:
            done.append((doing, [what]))
    return " and ".join([_plural(doing, what) + _listed(what) for doing, what in done])


def _plural(doing: str, what: list[str]) -> str:
    return doing.replace(" extension ", " extensions ") if len(what) > 1 else doing


def _listed(what: list[str]) -> str:
    if len(what) > _MOST:
        what = [*what[:_SHOWN], f"{len(what) - _SHOWN} more"]
    return " and ".join([", ".join(what[:-1]), what[-1]]) if len(what) > 1 else what[0]
