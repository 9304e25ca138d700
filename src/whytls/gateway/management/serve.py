"""The Management API on a port of this machine, within a running event loop or as all that a program does."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from whytls.exceptions import InputError, UsageError
from whytls.gateway.management.app import app
from whytls.gateway.management.settings import Settings
from whytls.gateway.store import Store

if TYPE_CHECKING:
    import uvicorn

GRACE = 5  # seconds that calls have to end when the server is to stop


@asynccontextmanager
async def serving(store: Store, settings: Settings) -> AsyncIterator[str]:
    """Serves for as long as the block runs; gives the address, such as ``http://127.0.0.1:8080``.

    Raises:
        UsageError: others can reach the address, and the settings do not say that they may.
        InputError: the address is taken or is not this machine's.
    """
    listening = _listen(settings)
    server = _server(store, settings)
    host, port = listening.getsockname()[:2]
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.005)
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await running
        listening.close()


async def serve(store: Store, settings: Settings) -> None:
    """Serves until it is cancelled.

    Raises:
        UsageError, InputError: as ``serving``.
    """
    async with serving(store, settings):
        await asyncio.Event().wait()


def _server(store: Store, settings: Settings) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """One that leaves the signals to whoever runs the loop."""

        def capture_signals(self) -> nullcontext[None]:  # type: ignore[override]  # any context manager does
            return nullcontext()

    config = uvicorn.Config(
        app(store, settings), http="h11", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        limit_concurrency=settings.most_calls, timeout_keep_alive=30, timeout_graceful_shutdown=GRACE,
    )  # fmt: skip
    return Server(config)


def _listen(settings: Settings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(f"{settings.host}: {getattr(error, 'strerror', None) or 'no address'}", hint="127.0.0.1") from error
    family, kind, _, _, address = found[0]
    if not settings.anywhere and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise UsageError(
            f"{settings.host} can be reached from other machines", hint="the Management API listens on 127.0.0.1 unless it is told otherwise"
        )
    # asyncio sets TCP_NODELAY only where the protocol is given; without it each answer waits 40 ms for a delayed acknowledgement.
    listening = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InputError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}", hint="another port, or 0 for any free one") from error
    listening.setblocking(False)
    return listening
