"""API proxies in the store: revisions, the files of each, and where which revision is deployed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from whytls.edge.resources import Proxy, TlsInfo
from whytls.gateway import bundle
from whytls.gateway.store import Kind, Refused, Scope, Store, Transaction, check_environment, check_organization

MOST_REVISIONS = 500  # of one proxy
MOST_FILES, LARGEST_REVISION = bundle.MOST_FILES, bundle.LARGEST_INSIDE
_OF_REVISION = "organization = ? AND proxy = ? AND number = ?"


class Revision(NamedTuple):
    """A revision of a proxy; times in milliseconds since 1970."""

    proxy: str
    number: int
    created: int
    modified: int


class Deployment(NamedTuple):
    """A revision that is deployed; ``base_path`` stands before the base paths of its own ProxyEndpoints."""

    environment: str
    proxy: str
    number: int
    base_path: str = "/"


# --- revisions ------------------------------------------------------------------------------------------------------------------------


def names(store: Store, organization: str) -> list[str]:
    """The proxies' names.

    Raises:
        Refused: there is no such organization.
    """
    with store.view() as run:
        check_organization(run, organization)
        return [name for (name,) in run("SELECT DISTINCT proxy FROM revision WHERE organization = ? ORDER BY proxy", (organization,))]


def revisions(store: Store, organization: str, proxy: str) -> list[Revision]:
    """The revisions of a proxy, oldest first.

    Raises:
        Refused: there is no such proxy.
    """
    with store.view() as run:
        return _revisions(run, organization, proxy)


def revision(store: Store, organization: str, proxy: str, number: int) -> Revision:
    """One revision.

    Raises:
        Refused: there is no such proxy, or it has no such revision.
    """
    with store.view() as run:
        return _revision(run, organization, proxy, number)


def files(store: Store, organization: str, proxy: str, number: int) -> dict[str, bytes]:
    """All files of a revision.

    Raises:
        Refused: as ``revision``.
    """
    with store.view() as run:
        _revision(run, organization, proxy, number)
        return _files(run, organization, proxy, number)


def add_revision(store: Store, organization: str, proxy: str, content: Mapping[str, bytes]) -> Revision:
    """A new revision of a proxy, or the first one.

    Raises:
        Refused: there is no such organization, or the proxy has too many revisions.
    """
    with store.change() as transaction:
        check_organization(transaction.execute, organization)
        found = transaction.execute(
            "SELECT count(*), max(number) FROM revision WHERE organization = ? AND proxy = ?", (organization, proxy)
        ).fetchone()
        count, number = found[0], (found[1] or 0) + 1
        if count >= MOST_REVISIONS:
            raise Refused("invalid", "revision", f"APIProxy {proxy} has {count} revisions; more are not held", hint="delete old ones")
        now = _now()
        transaction.execute("INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?)", (organization, proxy, number, now, now, transaction.generation))
        _write(transaction.execute, organization, proxy, number, content)
        transaction.note(organization, "", "proxy", proxy, "changed" if count else "created")
    return Revision(proxy, number, now, now)


def replace_files(store: Store, organization: str, proxy: str, number: int, content: Mapping[str, bytes]) -> Revision:
    """Replaces all files of a revision.

    Raises:
        Refused: as ``revision``.
    """
    with _edited(store, organization, proxy, number) as transaction:
        transaction.execute(f"DELETE FROM file WHERE {_OF_REVISION}", (organization, proxy, number))  # noqa: S608  # a constant
        _write(transaction.execute, organization, proxy, number, content)
    return revision(store, organization, proxy, number)


def put_file(store: Store, organization: str, proxy: str, number: int, path: str, content: bytes, *, replace: bool) -> None:
    """Adds one file to a revision, or replaces it.

    Raises:
        Refused: as ``revision``; or it is there and may not be replaced, or is not there and should be; or the revision grows too large.
    """
    with _edited(store, organization, proxy, number) as transaction:
        place = (organization, proxy, number)
        there = transaction.execute(f"SELECT 1 FROM file WHERE {_OF_REVISION} AND path = ?", (*place, path)).fetchone() is not None  # noqa: S608
        if there and not replace:
            raise Refused("exists", "file", f"{path} exists already in revision {number} of APIProxy {proxy}")
        query = f"SELECT count(*), total(length(content)) FROM file WHERE {_OF_REVISION}"  # noqa: S608  # a constant
        count, size = transaction.execute(query, place).fetchone()
        if count >= MOST_FILES or size + len(content) > LARGEST_REVISION:
            raise Refused("invalid", "file", f"revision {number} of APIProxy {proxy} grows larger than a bundle can be")
        transaction.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", (*place, path, content))


def delete_file(store: Store, organization: str, proxy: str, number: int, path: str) -> bytes:
    """Deletes one file of a revision, which comes back.

    Raises:
        Refused: as ``revision``, or there is no such file.
    """
    with _edited(store, organization, proxy, number) as transaction:
        where = f"FROM file WHERE {_OF_REVISION} AND path = ?"
        key = (organization, proxy, number, path)
        found: tuple[bytes] | None = transaction.execute(f"SELECT content {where}", key).fetchone()  # constants
        if found is None:
            raise Refused("missing", "file", f"{path} does not exist in revision {number} of APIProxy {proxy}")
        transaction.execute(f"DELETE {where}", key)  # constants
    return found[0]


def delete_revision(store: Store, organization: str, proxy: str, number: int) -> Revision:
    """Deletes a revision, which comes back.

    Raises:
        Refused: as ``revision``, or it is deployed.
    """
    with store.change() as transaction:
        found = _revision(transaction.execute, organization, proxy, number)
        _check_undeployed(transaction.execute, organization, proxy, number)
        transaction.execute(f"DELETE FROM revision WHERE {_OF_REVISION}", (organization, proxy, number))  # noqa: S608  # a constant
        transaction.note(organization, "", "proxy", proxy, "changed")
    return found


def delete(store: Store, organization: str, proxy: str) -> None:
    """Deletes a proxy with all its revisions.

    Raises:
        Refused: there is none of that name, or a revision of it is deployed.
    """
    with store.change() as transaction:
        for found in _revisions(transaction.execute, organization, proxy):
            _check_undeployed(transaction.execute, organization, proxy, found.number)
        transaction.execute("DELETE FROM revision WHERE organization = ? AND proxy = ?", (organization, proxy))
        transaction.note(organization, "", "proxy", proxy, "deleted")


# --- deployments -----------------------------------------------------------------------------------------------------------------------


def deployments(store: Store, organization: str, *, environment: str = "", proxy: str = "", number: int | None = None) -> list[Deployment]:
    """What is deployed, of all that is asked for.

    Raises:
        Refused: there is no such organization, environment, proxy or revision.
    """
    with store.view() as run:
        check_organization(run, organization)
        if environment:
            check_environment(run, Scope(organization, environment))
        if proxy:
            _revisions(run, organization, proxy)
        if number is not None:
            _revision(run, organization, proxy, number)
        return [
            found
            for found in _deployments(run, organization)
            if environment in ("", found.environment) and proxy in ("", found.proxy) and number in (None, found.number)
        ]


def deploy(store: Store, scope: Scope, proxy: str, number: int, base_path: str = "/", *, override: bool = False) -> list[Deployment]:
    """Deploys a revision; what had to give way to it comes back.

    Raises:
        Refused: there is no such revision; another one of the proxy is deployed and ``override`` is not given; another proxy has one of its
            base paths on one of its virtual hosts; or a TargetEndpoint asks for client authentication without saying with what.
    """
    with store.change() as transaction:
        run = transaction.execute
        check_environment(run, scope)
        _revision(run, scope.organization, proxy, number)
        given_way = [found for found in _deployments(run, scope.organization) if (found.environment, found.proxy) == (scope.environment, proxy)]
        other = next((found for found in given_way if found.number != number), None)
        if other and not override:
            problem = f"Revision {other.number} of APIProxy {proxy} is deployed in environment {scope.environment} already"
            raise Refused("invalid", "deployment", problem, hint="undeploy it, or deploy with override=true")
        _check_targets(_files(run, scope.organization, proxy, number), proxy, number)
        _check_base_paths(run, scope, Deployment(scope.environment, proxy, number, base_path))
        run("DELETE FROM deployment WHERE organization = ? AND environment = ? AND proxy = ?", (*scope, proxy))
        run("INSERT INTO deployment VALUES (?, ?, ?, ?, ?, ?)", (*scope, proxy, number, base_path, transaction.generation))
        transaction.note(*scope, "deployment", proxy, "changed" if given_way else "created")
    return [found for found in given_way if found.number != number]


def undeploy(store: Store, scope: Scope, proxy: str, number: int) -> Deployment:
    """Undeploys a revision; what it was comes back.

    Raises:
        Refused: there is no such revision, or it is not deployed there.
    """
    with store.change() as transaction:
        check_environment(transaction.execute, scope)
        _revision(transaction.execute, scope.organization, proxy, number)
        where = "FROM deployment WHERE organization = ? AND environment = ? AND proxy = ? AND number = ?"
        found = transaction.execute(f"SELECT base_path {where}", (*scope, proxy, number)).fetchone()  # a constant
        if found is None:
            problem = f"APIProxy {proxy} revision {number} is not deployed in environment {scope.environment}"
            raise Refused("invalid", "deployment", problem, code="distribution.RevisionNotDeployed")
        transaction.execute(f"DELETE {where}", (*scope, proxy, number))  # a constant
        transaction.note(*scope, "deployment", proxy, "deleted")
    return Deployment(scope.environment, proxy, number, found[0])


def deployed(store: Store, scope: Scope) -> tuple[tuple[Proxy, tuple[bundle.ProxyEndpoint, ...]], ...]:
    """What serves requests: each deployed proxy, and its ProxyEndpoints with their base paths as they are reached.

    Raises:
        Refused: there is no such environment.
    """
    with store.view() as run:
        check_environment(run, scope)
        return tuple(
            _serving(found, _files(run, scope.organization, found.proxy, found.number))
            for found in _deployments(run, scope.organization)
            if found.environment == scope.environment
        )


def joined(before: str, path: str) -> str:
    """A base path behind the one of the deployment."""
    return (before.rstrip("/") + "/" + path.strip("/")).rstrip("/") or "/"


def _serving(found: Deployment, held: Mapping[str, bytes]) -> tuple[Proxy, tuple[bundle.ProxyEndpoint, ...]]:
    endpoints = tuple(
        bundle.ProxyEndpoint(endpoint.name, joined(found.base_path, endpoint.base_path), endpoint.virtual_hosts, endpoint.routes)
        for endpoint in bundle.proxy_endpoints(held)
    )
    hosts = tuple(dict.fromkeys(host for endpoint in endpoints for host in endpoint.virtual_hosts))
    targets = bundle.target_endpoints(held, found.proxy, str(found.number))
    return Proxy(found.proxy, str(found.number), targets, hosts, tuple(endpoint.base_path for endpoint in endpoints), True), endpoints


# --- below -----------------------------------------------------------------------------------------------------------------------------


@contextmanager
def _edited(store: Store, organization: str, proxy: str, number: int) -> Iterator[Transaction]:
    """A change within a revision; where it is deployed, it serves the change at once."""
    with store.change() as transaction:
        _revision(transaction.execute, organization, proxy, number)
        yield transaction
        query = f"UPDATE revision SET modified = ?, generation = ? WHERE {_OF_REVISION}"  # noqa: S608  # a constant
        transaction.execute(query, (_now(), transaction.generation, organization, proxy, number))
        transaction.note(organization, "", "proxy", proxy, "changed")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _revisions(run: Callable[..., Any], organization: str, proxy: str) -> list[Revision]:
    check_organization(run, organization)
    query = "SELECT proxy, number, created, modified FROM revision WHERE organization = ? AND proxy = ? ORDER BY number"
    found = [Revision(*row) for row in run(query, (organization, proxy))]
    if not found:
        problem = f"APIProxy named {proxy} does not exist in organization {organization}"
        raise Refused("missing", "proxy", problem, code="messaging.config.beans.ApplicationDoesNotExist")
    return found


def _revision(run: Callable[..., Any], organization: str, proxy: str, number: int) -> Revision:
    found = next((found for found in _revisions(run, organization, proxy) if found.number == number), None)
    if found is None:
        raise Refused("missing", "revision", f"APIProxy revision {number} does not exist for APIProxy {proxy}")
    return found


def _files(run: Callable[..., Any], organization: str, proxy: str, number: int) -> dict[str, bytes]:
    query = f"SELECT path, content FROM file WHERE {_OF_REVISION} ORDER BY path"  # noqa: S608  # a constant
    return dict(run(query, (organization, proxy, number)).fetchall())


def _write(run: Callable[..., Any], organization: str, proxy: str, number: int, content: Mapping[str, bytes]) -> None:
    for path, data in content.items():
        run("INSERT INTO file VALUES (?, ?, ?, ?, ?)", (organization, proxy, number, path, data))


def _deployments(run: Callable[..., Any], organization: str) -> list[Deployment]:
    query = "SELECT environment, proxy, number, base_path FROM deployment WHERE organization = ? ORDER BY environment, proxy, number"
    return [Deployment(*row) for row in run(query, (organization,))]


def _check_undeployed(run: Callable[..., Any], organization: str, proxy: str, number: int) -> None:
    query = f"SELECT environment FROM deployment WHERE {_OF_REVISION}"  # noqa: S608  # a constant
    found = run(query, (organization, proxy, number)).fetchone()
    if found:
        kind: Kind = "deployment"
        problem = f"Revision {number} of APIProxy {proxy} is deployed in environment {found[0]}"
        raise Refused("in use", kind, problem, hint="undeploy it first")


def _check_targets(held: Mapping[str, bytes], proxy: str, number: int) -> None:
    """What Edge holds a TargetEndpoint to when it is deployed (cloud-code-vscode#579)."""
    for target in bundle.target_endpoints(held, proxy, str(number)):
        tls = target.tls or TlsInfo()
        if tls.enabled is False or not tls.client_auth_enabled:
            continue
        if not tls.key_store:
            problem = f"TargetEndpoint {target.name}: Keystore or KeyStoreReference must be specified"
            raise Refused("invalid", "deployment", problem, code="messaging.config.beans.KeyStoreNotSpecified")
        if not tls.key_alias:
            problem = f"TargetEndpoint {target.name}: The KeyAlias to be used in Keystore {tls.key_store} must be specified"
            raise Refused("invalid", "deployment", problem, code="messaging.config.beans.KeyAliasNotSpecified")


def _check_base_paths(run: Callable[..., Any], scope: Scope, wanted: Deployment) -> None:
    """No two proxies are reached by the same base path on the same virtual host."""

    def reached(found: Deployment) -> set[tuple[str, str]]:
        endpoints = bundle.proxy_endpoints(_files(run, scope.organization, found.proxy, found.number))
        return {(host, joined(found.base_path, endpoint.base_path)) for endpoint in endpoints for host in endpoint.virtual_hosts}

    own = reached(wanted)
    for other in _deployments(run, scope.organization):
        if other.environment == scope.environment and other.proxy != wanted.proxy and (taken := sorted(own & reached(other))):
            problem = f"APIProxy {other.proxy} has base path {taken[0][1]} on virtual host {taken[0][0]} already"
            raise Refused("exists", "deployment", problem, hint="change one of the base paths, or undeploy that proxy")
