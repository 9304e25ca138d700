"""A folder and all below it: every file that holds certificates or is a store, with its path; what is none is counted."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from whytls.exceptions import InputError
from whytls.pki.derivation import MOST_ROUNDS, Rounds
from whytls.pki.store import Entry, Opening, Store, file_content, recognised

MOST_FILES, MOST_BYTES, DEEPEST = 200_000, 2 << 30, 32
MOST_ENTRIES = 200_000
LARGEST_FILE = 16 << 20  # of one file; a store of 10,000 certificates has it
MOST_WARNINGS = 50
ROUNDS = 10 * MOST_ROUNDS  # of hashing, for all stores of the folder together


class _File(NamedTuple):
    path: str
    size: int


def read(folder: Path, opening: Opening) -> Store:
    """Everything in a folder that is a store. Files named twice (links) are read once; links to folders are not followed.

    Raises:
        InputError: the folder cannot be read, or nothing in it is a store.
    """
    counted: Counter[str] = Counter()
    entries: list[Entry] = []
    warnings: list[str] = []
    shared = replace(opening, rounds=Rounds(ROUNDS)) if opening.rounds.most == MOST_ROUNDS else opening
    left = MOST_BYTES
    for file in _files(folder, counted):
        left -= file.size
        if left < 0 or len(entries) >= MOST_ENTRIES:
            warnings.append(f"more than {MOST_BYTES:,} bytes or {MOST_ENTRIES:,} entries: what comes behind {file.path} is not read")
            break
        store = _store(file, shared, counted, warnings)
        if store:
            counted["stores"] += 1
            entries += store.entries
            warnings += [f"{file.path}: {warning}" for warning in (*((store.damage,) if store.damage else ()), *store.warnings)]
    if not entries:
        raise InputError("no certificate in it", file=str(folder), hint=f"{_summary(counted)}; expected certificates, or stores of them")
    more = len(warnings) - MOST_WARNINGS
    kept = warnings[:MOST_WARNINGS] + ([f"{more} more warnings"] if more > 0 else [])
    return Store(str(folder), "folder", tuple(entries), passed_over=(_summary(counted),), warnings=tuple(kept))


def _store(file: _File, opening: Opening, counted: Counter[str], warnings: list[str]) -> Store | None:
    if file.size > LARGEST_FILE:
        counted["too large"] += 1
        return None
    try:
        store = recognised(file_content(Path(file.path), LARGEST_FILE), file.path, opening)
    except InputError as error:
        counted["not readable"] += 1
        warnings.append(str(error))
        return None
    if store is None or not (store.entries or store.damage):
        counted["without certificates"] += 1
        return None
    return store


def _files(folder: Path, counted: Counter[str]) -> Iterator[_File]:
    """The regular files below a folder, in the order of their names, each once."""
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[str, int]] = [(str(folder), 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            with os.scandir(place) as listing:
                found = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if depth == 0:
                raise InputError(error.strerror or "cannot be read", file=place) from error
            counted["folders not readable"] += 1
            continue
        below = []
        for entry in found:
            try:
                if entry.is_dir(follow_symlinks=False):
                    below.append((entry.path, depth + 1))
                    continue
                about = entry.stat()
            except OSError:
                counted["links to nothing"] += 1
                continue
            if not stat.S_ISREG(about.st_mode) or (about.st_dev, about.st_ino) in seen:
                counted["links or no files"] += 1
                continue
            seen.add((about.st_dev, about.st_ino))
            counted["files"] += 1
            if counted["files"] > MOST_FILES:
                raise InputError(f"more than {MOST_FILES:,} files", file=str(folder), hint="name a folder with fewer")
            yield _File(entry.path, about.st_size)
        if depth < DEEPEST:
            waiting += reversed(below)
        elif below:
            counted["folders too deep"] += len(below)


def _summary(counted: Counter[str]) -> str:
    """What was in the folder, in numbers."""
    others = [f"{count:,} {what}" for what, count in counted.items() if what not in ("files", "stores")]
    return f"{counted['files']:,} files, {counted['stores']:,} of them stores" + (f", {', '.join(others)}" if others else "")
