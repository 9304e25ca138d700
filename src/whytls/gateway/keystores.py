"""Keystores and their aliases in the store: certificates as they came, in their order, and private keys sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from whytls.edge.resources import Alias, KeyStore
from whytls.gateway.store import Refused, Scope, Store, check_environment

MOST_KEYSTORES, MOST_ALIASES = 5_000, 2_000  # of an environment, of a keystore


@dataclass(frozen=True, slots=True)
class Material:
    """What an upload brings. Certificates are DER, the own one first; the key is PKCS #8 in DER and open: it is shown nowhere."""

    certificates: tuple[bytes, ...]
    key: bytes | None = field(default=None, repr=False)


def names(store: Store, scope: Scope) -> list[str]:
    """The keystores' names.

    Raises:
        Refused: there is no such environment.
    """
    with store.view() as run:
        check_environment(run, scope)
        return [name for (name,) in run("SELECT name FROM keystore WHERE organization = ? AND environment = ? ORDER BY name", scope)]


def keystore(store: Store, scope: Scope, name: str) -> KeyStore:
    """A keystore with its aliases and their certificates.

    Raises:
        Refused: there is none of that name.
    """
    with store.view() as run:
        check_keystore(run, scope, name)
        aliases = run("SELECT name FROM alias WHERE organization = ? AND environment = ? AND keystore = ? ORDER BY name", (*scope, name)).fetchall()
        return KeyStore(name, tuple(_alias(run, scope, name, alias) for (alias,) in aliases))


def alias(store: Store, scope: Scope, name: str, alias_name: str) -> Alias:
    """One alias with its certificates.

    Raises:
        Refused: there is no such keystore, or it has no such alias.
    """
    with store.view() as run:
        check_keystore(run, scope, name)
        return _alias(run, scope, name, alias_name)


def private_key(store: Store, scope: Scope, name: str, alias_name: str) -> bytes | None:
    """The private key of an alias, PKCS #8 in DER and not encrypted: for the TLS stack alone. None: the alias is a certificate only.

    Raises:
        Refused: there is no such keystore, or it has no such alias.
        InputError: the store was changed from outside, so that the secret does not open it.
    """
    with store.view() as run:
        check_keystore(run, scope, name)
        _, sealed = _row(run, scope, name, alias_name)
    return None if sealed is None else store.secret.open(sealed, _place(scope, name, alias_name))


def create(store: Store, scope: Scope, name: str) -> None:
    """Makes an empty keystore.

    Raises:
        Refused: there is one of that name, or no such environment.
    """
    with store.change() as transaction:
        check_environment(transaction.execute, scope)
        (count,) = transaction.execute("SELECT count(*) FROM keystore WHERE organization = ? AND environment = ?", scope).fetchone()
        if count >= MOST_KEYSTORES:
            raise Refused("invalid", "keystore", f"Environment {scope.environment} has {count} keystores already; more are not held")
        values = (*scope, name, transaction.generation)
        if transaction.execute("INSERT OR IGNORE INTO keystore VALUES (?, ?, ?, ?)", values).rowcount == 0:
            raise Refused("exists", "keystore", f"KeyStore {name} exists already in environment {scope.environment}")
        transaction.note(*scope, "keystore", name, "created")


def delete(store: Store, scope: Scope, name: str) -> None:
    """Deletes a keystore with all that is in it.

    Raises:
        Refused: there is none of that name, or a reference leads to it.
    """
    with store.change() as transaction:
        check_keystore(transaction.execute, scope, name)
        found = transaction.execute(
            "SELECT name FROM resource WHERE organization = ? AND environment = ? AND kind = 'reference' AND json_extract(document, '$.refers') = ?",
            (*scope, name),
        ).fetchone()
        if found:
            raise Refused("in use", "keystore", f"KeyStore {name} is what reference {found[0]} refers to", hint="let the reference refer to another")
        transaction.execute("DELETE FROM keystore WHERE organization = ? AND environment = ? AND name = ?", (*scope, name))
        transaction.note(*scope, "keystore", name, "deleted")


def add_alias(store: Store, scope: Scope, name: str, alias_name: str, form: str, material: Material) -> None:
    """Adds an alias; ``form`` is the one in which it was uploaded.

    Raises:
        Refused: there is no such keystore, or it has an alias of that name.
    """
    with store.change() as transaction:
        check_keystore(transaction.execute, scope, name)
        key = (*scope, name)
        (count,) = transaction.execute("SELECT count(*) FROM alias WHERE organization = ? AND environment = ? AND keystore = ?", key).fetchone()
        if count >= MOST_ALIASES:
            raise Refused("invalid", "alias", f"KeyStore {name} has {count} aliases already; more are not held")
        sealed = None if material.key is None else store.secret.seal(material.key, _place(scope, name, alias_name))
        values = (*key, alias_name, form, sealed, transaction.generation)
        if transaction.execute("INSERT OR IGNORE INTO alias VALUES (?, ?, ?, ?, ?, ?, ?)", values).rowcount == 0:
            raise Refused("exists", "alias", f"Alias {alias_name} exists already in KeyStore {name}", hint="PUT updates its certificate")
        _write(transaction.execute, scope, name, alias_name, material.certificates)
        _changed(transaction, scope, name)


def update_alias(store: Store, scope: Scope, name: str, alias_name: str, certificates: tuple[bytes, ...]) -> None:
    """Replaces the certificates of an alias; its key stays.

    Raises:
        Refused: there is no such alias, or it was not uploaded as certificate (and key) in PEM: Edge updates only those.
    """
    with store.change() as transaction:
        check_keystore(transaction.execute, scope, name)
        form, _ = _row(transaction.execute, scope, name, alias_name)
        if form != "keycertfile":
            problem = f"Alias {alias_name} was made from {form}; only aliases of keycertfile can be updated"
            raise Refused("invalid", "alias", problem, hint="make a new keystore with the same alias, and let the reference refer to it")
        key = (*scope, name, alias_name)
        transaction.execute("DELETE FROM certificate WHERE organization = ? AND environment = ? AND keystore = ? AND alias = ?", key)
        _write(transaction.execute, scope, name, alias_name, certificates)
        transaction.execute(
            "UPDATE alias SET generation = ? WHERE organization = ? AND environment = ? AND keystore = ? AND name = ?", (transaction.generation, *key)
        )
        _changed(transaction, scope, name)


def delete_alias(store: Store, scope: Scope, name: str, alias_name: str) -> None:
    """Deletes an alias.

    Raises:
        Refused: there is no such keystore, or it has no such alias.
    """
    with store.change() as transaction:
        check_keystore(transaction.execute, scope, name)
        _row(transaction.execute, scope, name, alias_name)
        where = "organization = ? AND environment = ? AND keystore = ? AND name = ?"
        transaction.execute(f"DELETE FROM alias WHERE {where}", (*scope, name, alias_name))  # noqa: S608  # no value in it
        _changed(transaction, scope, name)


def check_keystore(run: Callable[..., Any], scope: Scope, name: str) -> None:
    """Raises:
    Refused: there is no such organization, environment or keystore.
    """
    check_environment(run, scope)
    if run("SELECT 1 FROM keystore WHERE organization = ? AND environment = ? AND name = ?", (*scope, name)).fetchone() is None:
        raise Refused("missing", "keystore", f"KeyStore {name} does not exist in environment {scope.environment}")


def _changed(transaction: Any, scope: Scope, name: str) -> None:
    values = (transaction.generation, *scope, name)
    transaction.execute("UPDATE keystore SET generation = ? WHERE organization = ? AND environment = ? AND name = ?", values)
    transaction.note(*scope, "keystore", name, "changed")


def _row(run: Callable[..., Any], scope: Scope, name: str, alias_name: str) -> tuple[str, bytes | None]:
    query = "SELECT format, sealed_key FROM alias WHERE organization = ? AND environment = ? AND keystore = ? AND name = ?"
    found: tuple[str, bytes | None] | None = run(query, (*scope, name, alias_name)).fetchone()
    if found is None:
        raise Refused("missing", "alias", f"Alias {alias_name} does not exist in KeyStore {name}")
    return found


def _alias(run: Callable[..., Any], scope: Scope, name: str, alias_name: str) -> Alias:
    _, sealed = _row(run, scope, name, alias_name)
    query = "SELECT der FROM certificate WHERE organization = ? AND environment = ? AND keystore = ? AND alias = ? ORDER BY position"
    return Alias(alias_name, tuple(der for (der,) in run(query, (*scope, name, alias_name))), sealed is not None)


def _write(run: Callable[..., Any], scope: Scope, name: str, alias_name: str, certificates: tuple[bytes, ...]) -> None:
    for position, der in enumerate(certificates):
        run("INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?)", (*scope, name, alias_name, position, der))


def _place(scope: Scope, name: str, alias_name: str) -> str:
    return "\n".join((*scope, name, alias_name))  # no name has a line feed
