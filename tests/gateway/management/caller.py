"""Calls an ASGI application without a network; what it raises is raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx


class Caller:
    """As much of httpx's client as the tests use, without an event loop of theirs."""

    def __init__(self, application: Any, headers: dict[str, str] | None = None) -> None:
        self.application, self.headers = application, headers or {}

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        content = given.get("content")
        if isinstance(content, Iterator):
            given["content"] = _as_async(content)

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=self.headers) as client:
                return await client.request(method, url, **given)

        return asyncio.run(call())

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)

    def put(self, url: str, **given: Any) -> httpx.Response:
        return self.request("PUT", url, **given)

    def delete(self, url: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", url, **given)


async def _as_async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
