"""A Management API in a process of its own, killed at the end: ``python -m lab.management_api FOLDER`` first prints its address and its token."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple

HERE = Path(__file__).resolve()


class Running(NamedTuple):
    """Where it is, and the token that opens it."""

    process: Popen[str]
    url: str
    token: str


async def serve(folder: Path) -> None:
    """Serves over the store in that folder."""
    from whytls.gateway.management.serve import serving
    from whytls.gateway.management.settings import Settings
    from whytls.gateway.sealing import Secret
    from whytls.gateway.store import Store

    store = Store(folder / "store.sqlite", Secret.from_file(folder / "secret"))
    async with serving(store, Settings(port=0)) as url:
        print(url, store.secret.token, flush=True)
        await asyncio.Event().wait()


def start(folder: Path) -> Running:
    """Starts one; its address and token come from its first line."""
    paths = [str(HERE.parents[1] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    process = Popen([sys.executable, str(HERE), str(folder)], stdout=PIPE, text=True, env=environment)
    assert process.stdout is not None
    url, token = process.stdout.readline().split()
    return Running(process, url, token)


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """One that is killed when the block ends."""
    found = start(folder)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()
        assert found.process.stdout is not None
        found.process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
