"""References, virtual hosts and target servers in the store: the values of ``edge.resources``, kept as the JSON that Edge has for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from whytls.edge.resources import Reference, TargetServer, TlsInfo, VirtualHost, referred, store_kind
from whytls.gateway.keystores import check_keystore
from whytls.gateway.store import Kind, Refused, Scope, Store, check_environment

MOST = 5_000  # of one kind in an environment
Resource = Reference | VirtualHost | TargetServer
T = TypeVar("T", Reference, VirtualHost, TargetServer)


class _Form(NamedTuple):
    """How one kind of resource is kept and named."""

    kind: Kind
    title: str
    read: Callable[[Any], Resource]


_FORMS: dict[type[Resource], _Form] = {
    Reference: _Form("reference", "Reference", Reference.from_json),
    VirtualHost: _Form("virtual host", "VirtualHost", VirtualHost.from_json),
    TargetServer: _Form("target server", "TargetServer", TargetServer.from_json),
}


def names(store: Store, scope: Scope, of: type[Resource]) -> list[str]:
    """The names of all resources of a kind.

    Raises:
        Refused: there is no such environment.
    """
    with store.view() as run:
        check_environment(run, scope)
        rows = run("SELECT name FROM resource WHERE organization = ? AND environment = ? AND kind = ? ORDER BY name", (*scope, _FORMS[of].kind))
        return [name for (name,) in rows]


def every(store: Store, scope: Scope, of: type[T]) -> dict[str, T]:
    """All resources of a kind, by name.

    Raises:
        Refused: there is no such environment.
    """
    with store.view() as run:
        check_environment(run, scope)
        return _all(run, scope, of)


def find(store: Store, scope: Scope, of: type[T], name: str) -> T:
    """One resource.

    Raises:
        Refused: there is none of that name.
    """
    with store.view() as run:
        check_environment(run, scope)
        return _find(run, scope, of, name)


def create(store: Store, scope: Scope, value: Resource) -> None:
    """Adds a resource.

    Raises:
        Refused: there is one of that name, or it contradicts others: it names a keystore that is not there, or a host alias that is taken.
        InputError: a value of it is longer than any can be.
    """
    form = _FORMS[type(value)]
    with store.change() as transaction:
        check_environment(transaction.execute, scope)
        query = "SELECT count(*), count(*) FILTER (WHERE name = ?) FROM resource WHERE organization = ? AND environment = ? AND kind = ?"
        count, same = transaction.execute(query, (value.name, *scope, form.kind)).fetchone()
        if same:
            raise Refused("exists", form.kind, f"{form.title} {value.name} exists already in environment {scope.environment}")
        if count >= MOST:
            raise Refused("invalid", form.kind, f"Environment {scope.environment} has {count} of them already; more are not held")
        _check(transaction.execute, scope, value)
        values = (*scope, form.kind, value.name, _document(value), transaction.generation)
        transaction.execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?)", values)
        transaction.note(*scope, form.kind, value.name, "created")


def update(store: Store, scope: Scope, value: Resource) -> None:
    """Replaces a resource whole.

    Raises:
        Refused, InputError: there is none of that name, or as ``create``.
    """
    form = _FORMS[type(value)]
    with store.change() as transaction:
        check_environment(transaction.execute, scope)
        _check_there(transaction.execute, scope, form, value.name)
        _check(transaction.execute, scope, value)
        query = "UPDATE resource SET document = ?, generation = ? WHERE organization = ? AND environment = ? AND kind = ? AND name = ?"
        transaction.execute(query, (_document(value), transaction.generation, *scope, form.kind, value.name))
        transaction.note(*scope, form.kind, value.name, "changed")


def delete(store: Store, scope: Scope, of: type[T], name: str) -> T:
    """Deletes a resource, which comes back.

    Raises:
        Refused: there is none of that name, or it is a reference that a virtual host or target server uses.
    """
    form = _FORMS[of]
    with store.change() as transaction:
        check_environment(transaction.execute, scope)
        found = _find(transaction.execute, scope, of, name)
        if of is Reference:
            _check_unused(transaction.execute, scope, name)
        transaction.execute("DELETE FROM resource WHERE organization = ? AND environment = ? AND kind = ? AND name = ?", (*scope, form.kind, name))
        transaction.note(*scope, form.kind, name, "deleted")
    return found


def _document(value: Resource) -> str:
    """As it is kept; what came as XML and cannot be read as JSON would make everything beside it unreadable, too."""
    document = json.dumps(value.to_json(), ensure_ascii=False)
    _FORMS[type(value)].read(json.loads(document))
    return document


def _all(run: Callable[..., Any], scope: Scope, of: type[T]) -> dict[str, T]:
    form = _FORMS[of]
    query = "SELECT name, document FROM resource WHERE organization = ? AND environment = ? AND kind = ? ORDER BY name"
    return {name: cast(T, form.read(json.loads(document))) for name, document in run(query, (*scope, form.kind))}


def _find(run: Callable[..., Any], scope: Scope, of: type[T], name: str) -> T:
    form = _FORMS[of]
    return cast(T, form.read(json.loads(_check_there(run, scope, form, name))))


def _check_there(run: Callable[..., Any], scope: Scope, form: _Form, name: str) -> str:
    query = "SELECT document FROM resource WHERE organization = ? AND environment = ? AND kind = ? AND name = ?"
    found = run(query, (*scope, form.kind, name)).fetchone()
    if found is None:
        raise Refused("missing", form.kind, f"{form.title} {name} does not exist in environment {scope.environment}")
    return str(found[0])


def _check(run: Callable[..., Any], scope: Scope, value: Resource) -> None:
    """What Edge holds a resource to when it is made or replaced."""
    if isinstance(value, Reference):
        if value.resource_type not in ("KeyStore", "TrustStore"):
            raise Refused("invalid", "reference", f"resourceType {value.resource_type} is not known", hint="KeyStore, for truststores too")
        check_keystore(run, scope, value.refers)
        return
    if isinstance(value, VirtualHost):
        _check_aliases(run, scope, value)
    if value.tls is not None and value.tls.enabled is not False:
        _check_stores(run, scope, value.tls, "virtual host" if isinstance(value, VirtualHost) else "target server")


def _check_aliases(run: Callable[..., Any], scope: Scope, value: VirtualHost) -> None:
    """A host alias on a port is unique over the installation (using-sni-edge)."""
    wanted = {alias.lower() for alias in value.host_aliases}
    rows = run("SELECT organization, environment, name, document FROM resource WHERE kind = 'virtual host'").fetchall()
    for organization, environment, name, document in rows:
        if (organization, environment, name) == (*scope, value.name):
            continue
        other = VirtualHost.from_json(json.loads(document))
        taken = sorted(wanted & {alias.lower() for alias in other.host_aliases})
        if taken and other.port == value.port:
            problem = f"Host alias {taken[0]} with port {value.port} is that of VirtualHost {name} in {organization}/{environment}"
            raise Refused("exists", "virtual host", problem, hint="a host alias on a port is unique over the installation")


def _check_stores(run: Callable[..., Any], scope: Scope, tls: TlsInfo, kind: Kind) -> None:
    """The keystores that it names exist, and on a virtual host what TLS needs is there."""
    for value in (tls.key_store, tls.trust_store):
        if store_kind(value) == "reference":
            _find(run, scope, Reference, referred(value))
        elif store_kind(value) == "literal":
            check_keystore(run, scope, value)
    if kind == "virtual host":
        if tls.enabled and not tls.key_store:
            raise Refused("invalid", kind, "Keystore or KeyStoreReference must be specified", code="messaging.config.beans.KeyStoreNotSpecified")
        if tls.enabled and not tls.key_alias:
            problem = f"The KeyAlias to be used in Keystore {tls.key_store} must be specified"
            raise Refused("invalid", kind, problem, code="messaging.config.beans.KeyAliasNotSpecified")
        if tls.enabled and tls.client_auth_enabled and not tls.trust_store:
            raise Refused("invalid", kind, "TrustStore must be specified where ClientAuthEnabled is true")


def _check_unused(run: Callable[..., Any], scope: Scope, name: str) -> None:
    users: list[Resource] = [*_all(run, scope, VirtualHost).values(), *_all(run, scope, TargetServer).values()]
    for user in users:
        tls = cast("VirtualHost | TargetServer", user).tls
        if tls is not None and f"ref://{name}" in (tls.key_store, tls.trust_store):
            raise Refused("in use", "reference", f"Reference {name} is used by {_FORMS[type(user)].title} {user.name}")
