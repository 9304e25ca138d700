"""What was changed on a gateway and what it replaced, in a file of its own that only its owner can read.

It is written before each change and after it, whole, under another name that then takes its place: whoever is killed in between leaves a journal
from which the way back is still known. No private key and no password stands in it.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from whytls.edge.fixes import change as changes
from whytls.edge.fixes.change import Change
from whytls.exceptions import InputError

SCHEMA = "urn:whytls:applied:1.0"
LARGEST = 16 << 20
FOLDER_MODE, FILE_MODE = 0o700, 0o600
# intended: it may or may not have been done; done; undone: taken back, or never done
State = Literal["intended", "done", "undone"]


@dataclass(slots=True)
class Step:
    """One change, and how far it came."""

    change: Change
    state: State = "intended"


@dataclass(slots=True)
class Journal:
    """The changes of one fix, in their order."""

    path: Path
    address: str  # of the environment
    title: str
    steps: list[Step] = field(default_factory=list)
    at: int = field(default_factory=time.time_ns)

    def write(self) -> None:
        """Writes it down, all or nothing.

        Raises:
            InputError: it cannot be written.
        """
        held = [{"state": step.state, **changes.as_json(step.change)} for step in self.steps]
        whole = {"schema": SCHEMA, "address": self.address, "title": self.title, "at": self.at, "steps": held}
        passing = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            with open(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w", encoding="utf-8") as file:
                json.dump(whole, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            passing.replace(self.path)
        except OSError as error:
            passing.unlink(missing_ok=True)
            raise InputError(f"the journal cannot be written: {error.strerror}", file=str(self.path), hint="--journal names another file") from None

    @property
    def open(self) -> bool:
        """Whether anything in it can still be taken back."""
        return any(step.state != "undone" for step in self.steps)


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where journals lie: ``~/.local/state/whytls/applied``, or below XDG_STATE_HOME."""
    home = environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "whytls" / "applied"


def begun(address: str, title: str, path: str | None = None) -> Journal:
    """A new journal.

    Raises:
        InputError: there is a file of that name already.
    """
    named = Path(path) if path else folder() / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}.json"
    if named.exists():
        raise InputError("is there already", file=str(named), hint="name a new file for the journal")
    return Journal(named, address, title)


def read(path: str | Path) -> Journal:
    """A journal that was written.

    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=str(path)) from None
    try:
        value = json.loads(data) if len(data) <= LARGEST else None
        if not isinstance(value, dict) or not str(value["schema"]).startswith("urn:whytls:applied:1."):
            raise KeyError("schema")
        steps = [Step(changes.from_json(step), _state(step)) for step in value["steps"]]
        return Journal(Path(path), str(value["address"]), str(value["title"]), steps, int(value["at"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, InputError):
        raise InputError("is no journal of whytls fix --apply", file=str(path)) from None


def journals() -> Iterator[Path]:
    """All that lie in their folder, the newest first."""
    try:
        yield from sorted((path for path in folder().iterdir() if path.suffix == ".json"), reverse=True)
    except OSError:
        return


def last() -> Journal:
    """The newest one with something to take back.

    Raises:
        InputError: there is none.
    """
    for path in journals():
        try:
            found = read(path)
        except InputError:
            continue
        if found.open:
            return found
    raise InputError("there is nothing to undo", file=str(folder()), hint="whytls fix --undo JOURNAL, where it lies elsewhere")


def _state(step: Any) -> State:
    states: dict[str, State] = {"intended": "intended", "done": "done", "undone": "undone"}
    return states[step["state"]]
