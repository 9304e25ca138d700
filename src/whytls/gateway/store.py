"""The gateway's memory: everything that the Management API holds, in one SQLite file, and who is told when it changes.

Theory of operation
-------------------
Every change is one transaction of SQLite in WAL mode, made durable before it is acknowledged (``synchronous=FULL``): after a kill -9 or a
power cut the store holds each acknowledged change whole, and nothing of one that was not. One process owns the file
(``locking_mode=EXCLUSIVE``), because a change has to reach the Router and the Message Processor of the same process; a second gateway on the
same file is refused.

``generation`` counts the transactions that changed something. Each row carries the generation of its last change. Edge reads a keystore
that is named literally once, when the Message Processor or Router starts, and one behind ``ref://`` again when the reference changes;
the generations are what these two need to do the same.

A private key is kept sealed (`sealing.py`) and bound to its place; it leaves the store through ``keystores.private_key`` only.

The functions that read and change are in `keystores.py`, `resources.py`, `proxies.py` and `roles.py`; what they have in common is here.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from whytls.exceptions import InputError, WhytlsError
from whytls.gateway import schema
from whytls.gateway.sealing import Secret

Kind = Literal[
    "organization", "environment", "keystore", "alias", "certificate", "reference", "virtual host", "target server",
    "proxy", "revision", "file", "deployment", "role", "user",
]  # fmt: skip
Why = Literal["missing", "exists", "in use", "invalid"]
Action = Literal["created", "changed", "deleted"]
_CHECK = "the gateway's store"


class Scope(NamedTuple):
    """An environment of an organization."""

    organization: str
    environment: str


class Change(NamedTuple):
    """What subscribers are told. A change of an alias is one of its keystore; the environment is empty for what belongs to the organization."""

    organization: str
    environment: str
    kind: Kind
    name: str
    action: Action
    generation: int


class Refused(WhytlsError):
    """The store does not do what it was asked: there is no such thing, there is one already, it is in use, or it would not be valid."""

    def __init__(self, why: Why, kind: Kind, problem: str, *, code: str = "", hint: str | None = None) -> None:
        super().__init__(problem, hint=hint)
        self.why, self.kind, self.code = why, kind, code


class Transaction:
    """A change in the making."""

    __slots__ = ("changes", "execute", "generation")

    def __init__(self, connection: sqlite3.Connection, generation: int) -> None:
        self.execute = connection.execute
        self.generation = generation  # that this change will have
        self.changes: list[Change] = []

    def note(self, organization: str, environment: str, kind: Kind, name: str, action: Action) -> None:
        """What the subscribers will be told when it is done."""
        self.changes.append(Change(organization, environment, kind, name, action, self.generation))


class Store:
    """The store. Its methods can be called from any thread; one at a time has it."""

    def __init__(self, path: str | Path, secret: Secret) -> None:
        """Opens the store, or makes an empty one that only its owner can read.

        Raises:
            InputError: the file cannot be opened or is no store, another gateway has it, or the secret is not the one that sealed it.
        """
        self.path, self.secret = Path(path), secret
        self._lock = threading.RLock()
        self._subscribers: list[Callable[[Change], None]] = []
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its other files the mode of this one
            self._connection = sqlite3.connect(self.path, timeout=0.2, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise InputError(getattr(error, "strerror", None) or str(error), file=str(self.path), hint="the gateway keeps its store there") from error
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self._connection.close()
            locked = "locked" in str(error)
            hint = "stop the other one, or give this one a folder of its own" if locked else None
            raise InputError("another gateway has this store" if locked else f"no store: {error}", file=str(self.path), hint=hint) from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(f"no store of a gateway: {error}", file=str(self.path), hint="move it away, and an empty one is made") from error
        except InputError:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA trusted_schema = OFF")
        schema.bring_up_to_date(self._connection, str(self.path))
        held = run("SELECT value FROM meta WHERE name = 'check'").fetchone()
        if held is None:
            sealed = self.secret.seal(b"whytls", _CHECK)
            run("INSERT INTO meta VALUES ('check', ?), ('generation', 0)", (sealed,))
        else:
            self.secret.open(held[0], _CHECK)

    @contextmanager
    def change(self) -> Iterator[Transaction]:
        """A transaction: done whole when the block ends, undone when it raises. Subscribers are told after it is on the disk."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                transaction = Transaction(self._connection, self._generation() + 1)
                yield transaction
                if transaction.changes:
                    self._connection.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (transaction.generation,))
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            for change in transaction.changes:
                for tell in tuple(self._subscribers):
                    tell(change)

    @contextmanager
    def view(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """Reads that belong together: nothing changes in between. Gives what runs a query."""
        with self._lock:
            yield self._connection.execute

    def subscribe(self, tell: Callable[[Change], None]) -> Callable[[], None]:
        """``tell`` is called after each change, in the order of the changes and in the thread that made it: it must neither block nor raise
        (``loop.call_soon_threadsafe`` does neither), and may read the store. What comes back ends the subscription."""
        with self._lock:
            self._subscribers.append(tell)
        return lambda: self._subscribers.remove(tell) if tell in self._subscribers else None

    @property
    def generation(self) -> int:
        """How many changes there were."""
        with self._lock:
            return self._generation()

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    def _generation(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])


# --- organizations and environments -------------------------------------------------------------------------------------------------


def organizations(store: Store) -> list[str]:
    """Their names."""
    with store.view() as run:
        return [name for (name,) in run("SELECT name FROM organization ORDER BY name")]


def environments(store: Store, organization: str) -> list[str]:
    """The names of an organization's environments.

    Raises:
        Refused: there is no such organization.
    """
    with store.view() as run:
        check_organization(run, organization)
        return [name for (name,) in run("SELECT name FROM environment WHERE organization = ? ORDER BY name", (organization,))]


def create_organization(store: Store, name: str) -> None:
    """Makes an organization.

    Raises:
        Refused: there is one of that name.
    """
    with store.change() as transaction:
        if transaction.execute("INSERT OR IGNORE INTO organization VALUES (?)", (name,)).rowcount == 0:
            raise Refused("exists", "organization", f"Organization {name} exists already")
        transaction.note(name, "", "organization", name, "created")


def create_environment(store: Store, scope: Scope) -> None:
    """Makes an environment.

    Raises:
        Refused: there is no such organization, or it has one of that name.
    """
    with store.change() as transaction:
        check_organization(transaction.execute, scope.organization)
        if transaction.execute("INSERT OR IGNORE INTO environment VALUES (?, ?)", scope).rowcount == 0:
            raise Refused("exists", "environment", f"Environment {scope.environment} exists already in organization {scope.organization}")
        transaction.note(*scope, "environment", scope.environment, "created")


def ensure(store: Store, organization: str, names: tuple[str, ...]) -> None:
    """Makes the organization and its environments as far as they are not there."""
    if organization not in organizations(store):
        create_organization(store, organization)
    for name in names:
        if name not in environments(store, organization):
            create_environment(store, Scope(organization, name))


def check_organization(run: Callable[..., Any], name: str) -> None:
    """Raises:
    Refused: there is no such organization.
    """
    if run("SELECT 1 FROM organization WHERE name = ?", (name,)).fetchone() is None:
        raise Refused("missing", "organization", f"Organization {name} does not exist")


def check_environment(run: Callable[..., Any], scope: Scope) -> None:
    """Raises:
    Refused: there is no such organization, or it has no such environment.
    """
    check_organization(run, scope.organization)
    if run("SELECT 1 FROM environment WHERE organization = ? AND name = ?", scope).fetchone() is None:
        raise Refused("missing", "environment", f"Environment {scope.environment} does not exist in organization {scope.organization}")
