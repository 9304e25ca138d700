"""Users and roles of an organization, as far as clients of the Management API ask for them. Nothing here decides who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from whytls.gateway.store import Refused, Store, check_organization

MOST = 1_000
_OF_ROLE = "organization = ? AND role = ?"


def names(store: Store, organization: str) -> list[str]:
    """The roles' names.

    Raises:
        Refused: there is no such organization.
    """
    with store.view() as run:
        check_organization(run, organization)
        return [name for (name,) in run("SELECT name FROM role WHERE organization = ? ORDER BY name", (organization,))]


def create(store: Store, organization: str, wanted: Iterable[str]) -> None:
    """Makes roles.

    Raises:
        Refused: there is no such organization, or it has one of them.
    """
    with store.change() as transaction:
        check_organization(transaction.execute, organization)
        for name in wanted:
            (count,) = transaction.execute("SELECT count(*) FROM role WHERE organization = ?", (organization,)).fetchone()
            if count >= MOST:
                raise Refused("invalid", "role", f"Organization {organization} has {count} roles already; more are not held")
            if transaction.execute("INSERT OR IGNORE INTO role VALUES (?, ?)", (organization, name)).rowcount == 0:
                raise Refused("exists", "role", f"Role {name} exists already in organization {organization}")
            transaction.note(organization, "", "role", name, "created")


def delete(store: Store, organization: str, name: str) -> None:
    """Deletes a role.

    Raises:
        Refused: there is none of that name.
    """
    with store.change() as transaction:
        _check(transaction.execute, organization, name)
        transaction.execute("DELETE FROM role WHERE organization = ? AND name = ?", (organization, name))
        transaction.note(organization, "", "role", name, "deleted")


def members(store: Store, organization: str, name: str) -> list[str]:
    """The users who have a role, by their e-mail addresses.

    Raises:
        Refused: there is no such role.
    """
    with store.view() as run:
        _check(run, organization, name)
        return [email for (email,) in run(f"SELECT email FROM member WHERE {_OF_ROLE} ORDER BY email", (organization, name))]  # noqa: S608


def add_member(store: Store, organization: str, name: str, email: str) -> None:
    """Gives a role to a user.

    Raises:
        Refused: there is no such role.
    """
    with store.change() as transaction:
        _check(transaction.execute, organization, name)
        (count,) = transaction.execute(f"SELECT count(*) FROM member WHERE {_OF_ROLE}", (organization, name)).fetchone()  # noqa: S608
        if count >= MOST:
            raise Refused("invalid", "user", f"Role {name} has {count} users already; more are not held")
        transaction.execute("INSERT OR IGNORE INTO member VALUES (?, ?, ?)", (organization, name, email))
        transaction.note(organization, "", "role", name, "changed")


def remove_member(store: Store, organization: str, name: str, email: str) -> None:
    """Takes a role from a user.

    Raises:
        Refused: there is no such role, or the user does not have it.
    """
    with store.change() as transaction:
        _check(transaction.execute, organization, name)
        query = f"DELETE FROM member WHERE {_OF_ROLE} AND email = ?"  # noqa: S608  # a constant
        if transaction.execute(query, (organization, name, email)).rowcount == 0:
            raise Refused("missing", "user", f"User {email} does not have role {name}")
        transaction.note(organization, "", "role", name, "changed")


def permissions(store: Store, organization: str, name: str) -> dict[str, list[str]]:
    """What a role may do, by path.

    Raises:
        Refused: there is no such role.
    """
    with store.view() as run:
        _check(run, organization, name)
        rows = run(f"SELECT path, permissions FROM permission WHERE {_OF_ROLE} ORDER BY path", (organization, name))  # noqa: S608
        return {path: json.loads(words) for path, words in rows}


def permit(store: Store, organization: str, name: str, given: dict[str, list[str]]) -> None:
    """Sets what a role may do with these paths.

    Raises:
        Refused: there is no such role, or it has more paths than are held.
    """
    with store.change() as transaction:
        _check(transaction.execute, organization, name)
        for path, words in given.items():
            transaction.execute("INSERT OR REPLACE INTO permission VALUES (?, ?, ?, ?)", (organization, name, path, json.dumps(words)))
        (count,) = transaction.execute(f"SELECT count(*) FROM permission WHERE {_OF_ROLE}", (organization, name)).fetchone()  # noqa: S608
        if count > MOST:
            raise Refused("invalid", "role", f"Role {name} would have {count} paths; at most {MOST} are held")
        transaction.note(organization, "", "role", name, "changed")


def _check(run: Callable[..., Any], organization: str, name: str) -> None:
    check_organization(run, organization)
    if run("SELECT 1 FROM role WHERE organization = ? AND name = ?", (organization, name)).fetchone() is None:
        raise Refused("missing", "role", f"Role {name} does not exist in organization {organization}")
