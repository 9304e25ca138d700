"""``whytls gateway up``: Management API, Router and Message Processor in one process, over one folder.

The folder holds everything: the store and its secret, the properties files as on Edge (``customer/application``), logs, the trace and, where it
is wanted, a recording. It is made at the first start.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from whytls.exceptions import InputError
from whytls.gateway.control import Control
from whytls.gateway.dataplane import DataPlane, Places
from whytls.gateway.environment import Environment
from whytls.gateway.loading import environment, followed
from whytls.gateway.management.serve import serving
from whytls.gateway.management.settings import Settings as ManagementSettings
from whytls.gateway.sealing import Secret
from whytls.gateway.settings import Settings, with_properties
from whytls.gateway.store import Scope, Store, ensure

PROPERTIES = ("router.properties", "message-processor.properties")
LARGEST_PROPERTIES = 1 << 20


class Wanted(NamedTuple):
    """How a gateway is to be run."""

    folder: Path
    settings: Settings = Settings()
    management_port: int = 8080
    organization: str = "local"
    environment: str = "test"
    router: Literal["own", "nginx"] = "own"
    record: bool = False
    anywhere: bool = False  # also on addresses that others can reach


class Running(NamedTuple):
    """A gateway that runs."""

    management: str  # its address
    token: str
    user: str
    ports: dict[int, int]  # where each virtual host's port is really listened on; of nginx: where it should be
    plane: DataPlane
    store: Store


@asynccontextmanager
async def running(wanted: Wanted, warn: Callable[[str], None]) -> AsyncIterator[Running]:
    """Runs a gateway for as long as the block runs. ``warn`` is told what goes wrong meanwhile.

    Raises:
        InputError: something cannot be read, written or listened on, or nginx is wanted and is not there.
        UsageError: others could reach it and that is not said to be meant; a property has a value that it cannot have.
    """
    folder = wanted.folder
    for part in (folder, folder / "logs", folder / "customer" / "application"):
        try:
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the gateway's folder cannot be made: {error.strerror}", file=str(part)) from None
    secret = Secret.from_environment() or Secret.from_file(folder / "secret")
    scope = Scope(wanted.organization, wanted.environment)
    async with AsyncExitStack() as stack:
        store = Store(folder / "gateway.sqlite", secret)
        stack.callback(store.close)
        ensure(store, wanted.organization, (wanted.environment,))
        places = Places(folder / "logs" / "trace.jsonl", folder / "logs", folder / "logs" / "gateway.pcap" if wanted.record else None)
        plane = DataPlane(environment(store, scope), _with_files(wanted), places)
        stack.push_async_callback(plane.stop)
        front = await _front(wanted, plane, stack)
        await stack.enter_async_context(followed(store, scope, front.update, lambda error: warn(str(error))))
        asked = ManagementSettings(
            wanted.settings.listen, wanted.management_port, anywhere=wanted.anywhere, organization=wanted.organization,
            environments=(wanted.environment,),
        )  # fmt: skip

        def around(inner: Any) -> Control:
            return Control(inner, plane.trace, secret.token, front.restarts(lambda: _with_files(wanted)))

        address = await stack.enter_async_context(serving(store, asked, around))
        yield Running(address, secret.token, asked.user, front.ports, plane, store)


class _Front(NamedTuple):
    """The Router, ours or nginx, as what changes it."""

    update: Callable[[Environment], Any]
    restart_router: Callable[[Settings], None]
    plane: DataPlane
    ports: dict[int, int]

    def restarts(self, settings: Callable[[], Settings]) -> dict[str, Callable[[], None]]:
        """What each component's restart is."""
        return {
            "message-processor": lambda: self.plane.restart_processor(settings()),
            "router": lambda: self.restart_router(settings()),
        }


async def _front(wanted: Wanted, plane: DataPlane, stack: AsyncExitStack) -> _Front:
    if wanted.router == "own":
        await plane.start()
        return _Front(plane.update, plane.restart_router, plane, plane.ports)
    from whytls.gateway.nginx import Nginx

    token = os.urandom(18).hex()
    door = await plane.start_entrance(token)
    nginx = Nginx(wanted.folder / "nginx", plane.settings, door, token)
    stack.push_async_callback(nginx.stop)
    await nginx.start(plane.environment)

    async def update(changed: Environment) -> None:
        await plane.update(changed)
        await nginx.update(changed)

    def restart(settings: Settings) -> None:
        nginx.settings = settings
        nginx.restart(plane.environment)

    real = wanted.settings.ports
    ports = {host.port: real.get(host.port, host.port if host.port >= 1024 else host.port + 8_000) for host in plane.environment.virtual_hosts}
    return _Front(update, restart, plane, ports)


def _with_files(wanted: Wanted) -> Settings:
    """The settings with what the properties files say now."""
    settings = wanted.settings
    for name in PROPERTIES:
        path = wanted.folder / "customer" / "application" / name
        try:
            with open(path, "rb") as file:
                text = file.read(LARGEST_PROPERTIES).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=str(path)) from None
        settings = with_properties(settings, _properties(text))
    return settings


def _properties(text: str) -> dict[str, str]:
    """Names and values, one on a line; what an operator writes into these files has no escapes and no continuation."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and line[0] not in "#!"]
    return {name.strip(): value.strip() for name, _, value in pairs}


async def until_stopped(wanted: Wanted, say: Callable[[Running], None], warn: Callable[[str], None]) -> None:
    """Runs a gateway until SIGINT or SIGTERM; ``say`` is told when it is there."""
    import signal

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(wanted, warn) as gateway:
        say(gateway)
        await stop.wait()
