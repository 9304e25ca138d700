"""Router and Message Processor of one environment, working together in one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from whytls.gateway.access import AccessLog
from whytls.gateway.entrance import PORT, entrance
from whytls.gateway.environment import Environment
from whytls.gateway.processor import Answer, Call, Processor
from whytls.gateway.recorder import Recorder
from whytls.gateway.reporter import Reporter
from whytls.gateway.router import Router
from whytls.gateway.settings import Settings
from whytls.gateway.tap import Tap
from whytls.gateway.trace import Trace
from whytls.model import Endpoint, Side

SWEEP = 1.0  # seconds between two looks at idle connections


class Places(NamedTuple):
    """Where a data plane writes; None: nowhere."""

    trace: Path | None = None
    logs: Path | None = None  # a folder
    recording: Path | None = None


class DataPlane:
    """One Router and one Message Processor. ``async with`` starts and stops them."""

    def __init__(self, environment: Environment, settings: Settings = Settings(), places: Places = Places()) -> None:  # noqa: B008 -- values
        """Raises InputError where something cannot be written."""
        self.environment, self.settings = environment, settings
        self.trace = Trace(places.trace)
        self.recorder = Recorder(places.recording) if places.recording is not None else None
        if places.logs is not None:
            os.makedirs(places.logs, exist_ok=True)
        self._access = AccessLog(places.logs, environment)
        self._reporter = Reporter(environment, self.trace)
        self.processor = Processor(environment, settings.processor, self._reporter, self._tapping("client"))
        self.router = Router(environment, settings, self._reporter, self._tapping("server"), self._answer, self._access)
        self._entrance: Router | None = None
        self._sweeper: asyncio.Task[None] | None = None

    def _tapping(self, side: Side) -> Callable[[Endpoint, Endpoint], Tap]:
        def tap(client: Endpoint, server: Endpoint) -> Tap:
            return Tap(client, server, side, label="gateway", writer=self.recorder)

        return tap

    async def _answer(self, call: Call) -> Answer:
        return await self.processor.answer(call)

    @property
    def ports(self) -> dict[int, int]:
        """Where the virtual hosts' ports are listened on."""
        return self.router.ports

    async def start(self) -> None:
        """Begins to serve.

        Raises:
            InputError: a port cannot be had.
        """
        await self.router.start()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def start_entrance(self, token: str) -> int:
        """Begins to serve a Router that is another program, on a port of loopback, which comes back; our own Router does not listen.

        Raises:
            InputError: no port can be had.
        """
        self._entrance = entrance(self.environment, self.settings, self._reporter, self._tapping("server"), self._answer, token)
        await self._entrance.start()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        return self._entrance.ports[PORT]

    async def update(self, environment: Environment) -> None:
        """The resources changed.

        Raises:
            InputError: a new virtual host's port cannot be had.
        """
        self.environment = environment
        self._reporter.update(environment)
        self.processor.update(environment)
        if self._entrance is None:
            await self.router.update(environment)

    def restart_processor(self, settings: Settings | None = None) -> None:
        """Restarts the Message Processor: literal stores and properties are read anew."""
        self.settings = settings or self.settings
        self._reporter.verdicts.forget()
        self.processor.restart(self.settings.processor)

    def restart_router(self, settings: Settings | None = None) -> None:
        """Restarts the Router."""
        self.settings = settings or self.settings
        self._reporter.verdicts.forget()
        self.router.restart(self.settings)

    async def stop(self) -> None:
        """Ends it: what is under way is cut off, everything written is whole."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await self.router.close()
        if self._entrance is not None:
            await self._entrance.close()
        self.processor.lines.close()
        await asyncio.sleep(0)  # the event loop closes what was aborted
        self.trace.close()
        self._access.close()
        if self.recorder is not None:
            self.recorder.close()

    async def __aenter__(self) -> DataPlane:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.processor.lines.sweep()
            if self.recorder is not None:
                self.recorder.flush()
