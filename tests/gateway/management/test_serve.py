"""On a real port of this machine."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from whytls.exceptions import InputError, UsageError
from whytls.gateway.bundle import zipped
from whytls.gateway.management.serve import serving
from whytls.gateway.management.settings import Settings
from whytls.gateway.store import Store

ANY = Settings(port=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_serves_and_ends_and_leaves_the_signals_alone(store: Store, host: str) -> None:
    async def play() -> str:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)  # asyncio.run has one of its own
        async with serving(store, replace(ANY, host=host)) as url:
            assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {store.secret.token}"}) as client:
                assert (await client.get(f"{url}/v1/o")).json() == ["local"]
                many = await asyncio.gather(*(client.post(f"{url}/v1/o/local/e/test/keystores", json={"name": f"k{n}"}) for n in range(30)))
                assert {answer.status_code for answer in many} == {201}
                assert len((await client.get(f"{url}/v1/o/local/e/test/keystores")).json()) == 30
        return url

    url = asyncio.run(play())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/o")


def test_an_answer_does_not_wait_for_an_acknowledgement(store: Store) -> None:
    async def play() -> float:
        async with serving(store, ANY) as url, httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {store.secret.token}"}) as client:
            took = []
            for _ in range(20):
                begin = time.perf_counter()
                assert (await client.get("/v1/o")).status_code == 200
                took.append(time.perf_counter() - begin)
        return min(took)

    assert asyncio.run(play()) < 0.035  # a delayed acknowledgement takes 40 ms, every time


def test_many_bundles_at_once_are_all_taken(store: Store) -> None:
    async def play() -> None:
        async with serving(store, ANY) as url, httpx.AsyncClient(base_url=url, headers={"authorization": f"Bearer {store.secret.token}"}) as client:
            given = {"content": zipped({"apiproxy/a.xml": b"<APIProxy/>"}), "headers": {"content-type": "application/octet-stream"}}
            many = await asyncio.gather(*(client.post("/v1/o/local/apis?action=import&name=a", **given) for _ in range(20)))
            assert sorted(int(answer.json()["revision"]) for answer in many) == list(range(1, 21))

    asyncio.run(play())


def test_an_address_that_others_reach_is_refused_unless_it_is_meant(store: Store) -> None:
    async def play(settings: Settings) -> None:
        async with serving(store, settings):
            pass

    with pytest.raises(UsageError, match="unless it is told otherwise"):
        asyncio.run(play(replace(ANY, host="0.0.0.0")))
    asyncio.run(play(replace(ANY, host="0.0.0.0", anywhere=True)))


def test_a_port_that_is_taken_is_an_error_for_people(store: Store) -> None:
    async def play(port: int) -> None:
        async with serving(store, replace(ANY, port=port)):
            pass

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot listen"):
            asyncio.run(play(taken.getsockname()[1]))


def test_bytes_that_are_no_http_do_no_harm(store: Store, tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(store, ANY) as url:
            port = int(url.rpartition(":")[2])
            for noise in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET " + b"x" * 100_000, b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b""):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(noise)
                writer.write_eof()
                await asyncio.wait_for(reader.read(), 10)
                writer.close()
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{url}/openapi.json")).status_code == 200

    asyncio.run(play())
