"""From the Management API's store to what Router and Message Processor work from, and again whenever something changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from whytls.edge.resources import Proxy, Reference, TargetEndpoint, TargetServer, VirtualHost
from whytls.gateway import keystores, proxies, resources
from whytls.gateway.bundle import ProxyEndpoint
from whytls.gateway.environment import Environment, Held, Referred
from whytls.gateway.environment import Store as Content
from whytls.gateway.store import Change, Scope, Store


def environment(store: Store, scope: Scope) -> Environment:
    """One environment as it is now, private keys included.

    Raises:
        Refused: there is no such environment.
        InputError: the store was changed from outside, so that the secret does not open it.
    """
    with store.view():  # nothing changes in between
        names = keystores.names(store, scope)
        editions, referred = _editions(store, scope)
        return Environment(
            scope.organization, scope.environment, tuple(resources.every(store, scope, VirtualHost).values()),
            tuple(resources.every(store, scope, TargetServer).values()), tuple(_served(store, scope)),
            {name: _content(store, scope, name, editions.get(name, 0)) for name in names},
            {name: Referred(one.refers, referred.get(name, 0)) for name, one in resources.every(store, scope, Reference).items()},
        )  # fmt: skip


def _content(store: Store, scope: Scope, name: str, edition: int) -> Content:
    held = {}
    for alias in keystores.keystore(store, scope, name).aliases:
        key = keystores.private_key(store, scope, name, alias.name) if alias.has_key else None
        held[alias.name] = Held(alias.certificates, key)
    return Content(name, held, edition)


def _editions(store: Store, scope: Scope) -> tuple[dict[str, int], dict[str, int]]:
    """The generation in which each keystore and each reference was changed last."""
    with store.view() as run:
        of_stores = run("SELECT name, generation FROM keystore WHERE organization = ? AND environment = ?", scope).fetchall()
        query = "SELECT name, generation FROM resource WHERE organization = ? AND environment = ? AND kind = 'reference'"
        return dict(of_stores), dict(run(query, scope).fetchall())


def _served(store: Store, scope: Scope) -> list[Proxy]:
    """Each ProxyEndpoint that is deployed, with the TargetEndpoint that it calls."""
    found = []
    for proxy, endpoints in proxies.deployed(store, scope):
        for endpoint in endpoints:
            called = _called(proxy, endpoint)
            targets = (called,) if called is not None else ()
            found.append(Proxy(proxy.name, proxy.revision, targets, endpoint.virtual_hosts, (endpoint.base_path,), True))
    return found


def _called(proxy: Proxy, endpoint: ProxyEndpoint) -> TargetEndpoint | None:
    """The target of the first route without a condition: conditions are not evaluated here. Without routes, the default target."""
    route = next((route for route in endpoint.routes if not route.condition and (route.target or route.url)), None)
    if route is not None and not route.target:
        return TargetEndpoint(proxy.name, proxy.revision, route.name, route.url)
    wanted = route.target if route is not None else "default"
    return next((target for target in proxy.targets if target.name == wanted), None)


@contextlib.asynccontextmanager
async def followed(
    store: Store, scope: Scope, tell: Callable[[Environment], Awaitable[None]], failed: Callable[[Exception], None]
) -> AsyncIterator[None]:
    """Calls ``tell`` with the environment after each change, for as long as the block runs; several changes at once are one."""
    changed, loop = asyncio.Event(), asyncio.get_running_loop()

    def note(change: Change) -> None:
        if change.organization == scope.organization and change.environment in ("", scope.environment):
            loop.call_soon_threadsafe(changed.set)

    async def follow() -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await tell(await asyncio.to_thread(environment, store, scope))
            except Exception as error:
                failed(error)

    leave, task = store.subscribe(note), asyncio.create_task(follow())
    try:
        yield
    finally:
        leave()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
