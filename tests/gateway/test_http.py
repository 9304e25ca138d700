"""HTTP/1.1 through the gateway, both ways: bodies of any size and kind, connections kept and closed, messages that are none."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway_world as world
from whytls.edge.resources import TlsInfo
from whytls.gateway.channel import Broken
from whytls.gateway.dataplane import DataPlane
from whytls.gateway.http import BadMessage, Messages, end_to_end

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, DataPlane], Awaitable[Any]]


def through(talk: Talk, answer: Callable[[bytes], bytes] | None = None, handler: Any = None, **changes: Any) -> tuple[Any, world.Backend]:
    """A conversation over plain HTTP on both hops: what is tested here is the same with TLS."""

    async def run() -> tuple[Any, world.Backend]:
        with world.backend(None, answer, handler) as backend:
            async with world.plane(world.environment(backend.port, None, plain=True), **changes) as plane:
                reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
                try:
                    return await asyncio.wait_for(talk(reader, writer, plane), 20), backend
                finally:
                    writer.close()

    return asyncio.run(run())


def asked(raw: bytes, answer: Callable[[bytes], bytes] | None = None, **changes: Any) -> tuple[world.Response, world.Backend]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> world.Response:
        writer.write(raw)
        return await world.read_response(reader)

    return through(talk, answer, **changes)


HOST = b"Host: api.example.test\r\n"


def test_connections_are_kept_on_both_sides() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> None:
        for _ in range(5):
            writer.write(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n")
            assert (await world.read_response(reader)).body == b"hello"

    _, backend = through(talk)
    assert (backend.connections, len(backend.requests)) == (1, 5)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> list[bytes]:
        writer.write(b"".join(b"GET /weather/%d HTTP/1.1\r\n%b\r\n" % (n, HOST) for n in range(4)))
        return [(await world.read_response(reader)).body for _ in range(4)]

    answered, _ = through(talk, lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + request.split(b" ")[1])
    assert answered == [b"/0", b"/1", b"/2", b"/3"]


def test_a_chunked_body_arrives_with_its_trailers_both_ways() -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n"
    raw = b"POST /weather HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> bytes:
        writer.write(raw)
        return await reader.readuntil(b"X-Back: 1\r\n\r\n".lower())

    answered, backend = through(talk, lambda request: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Back: 1\r\n\r\n")
    assert backend.requests[0].endswith(b"\r\n\r\nhello world[trailer x-sum: 11]")
    assert answered.endswith(b"3\r\nabc\r\n0\r\nx-back: 1\r\n\r\n")


def test_head_204_and_304_have_no_body_and_the_connection_goes_on() -> None:
    def answer(request: bytes) -> bytes:
        if request.startswith(b"HEAD"):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        status = request.split(b"/")[1][:3]
        return b"HTTP/1.1 %b X\r\n\r\n" % status

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> list[bytes]:
        heads = []
        for line in (b"HEAD /weather", b"GET /weather/204", b"GET /weather/304", b"HEAD /weather"):
            writer.write(line + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            heads.append(await reader.readuntil(b"\r\n\r\n"))
        return heads

    heads, backend = through(talk, answer)
    assert [head.split(b" ")[1] for head in heads] == [b"200", b"204", b"304", b"200"]
    assert b"content-length: 5" in heads[0]
    assert backend.connections == 1


def test_large_bodies_pass_both_ways_in_bounded_memory() -> None:
    size = 24 << 20
    body = os.urandom(1 << 20) * (size >> 20)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> int:
        writer.write(b"POST /weather HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
        waiting: list[int] = []

        async def feed() -> None:
            for at in range(0, size, 1 << 16):
                writer.write(body[at : at + (1 << 16)])
                await writer.drain()

        fed = asyncio.ensure_future(feed())
        await reader.readuntil(b"\r\n\r\n")
        got = hashlib.sha256()
        left = size
        while left:
            data = await reader.read(1 << 16)
            got.update(data)
            left -= len(data)
            waiting += [channel.transport.get_write_buffer_size() + channel._size for channel in plane.processor.lines.open if channel.transport]
            if left % 7 == 0:
                await asyncio.sleep(0)  # a slow reader
        await fed
        assert got.digest() == hashlib.sha256(body).digest()
        return max(waiting)

    most, backend = through(talk, lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + request.partition(b"\r\n\r\n")[2])
    assert len(backend.requests[0]) > size
    assert most < 2 << 20


def test_bodies_pass_over_tls_on_both_hops(tmp_path: Path) -> None:
    body = os.urandom(1 << 16) * 80

    def answer(request: bytes) -> bytes:
        sent = request.partition(b"\r\n\r\n")[2]
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(sent), sent)

    async def run() -> None:
        for highest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            info = TlsInfo(enabled=True, trust_store="ref://trust")
            with world.backend(world.server_context(tmp_path, highest=highest), answer) as backend:
                async with world.plane(world.environment(backend.port, info), protocols=("TLSv1.2", "TLSv1.3")) as plane:
                    raw = b"POST /weather HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: %d\r\n\r\n" % len(body)
                    response = await world.request(plane, raw=raw + body)
                    assert (response.status, response.body == body) == (200, True)

    asyncio.run(run())


def test_an_answer_until_the_end_of_the_connection_is_passed_on_whole() -> None:
    def handler(made: Any) -> None:
        made.recv(9999)
        made.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> world.Response:
        writer.write(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n")
        return await world.read_response(reader)

    response, _ = through(talk, handler=handler)
    assert response.body == b"x" * 100_000


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    def handler(made: Any) -> None:
        made.recv(9999)
        made.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> None:
        writer.write(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ValueError)):
            await world.read_response(reader)

    through(talk, handler=handler)


def test_expect_100_continue_is_answered_by_the_gateway() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> None:
        writer.write(b"POST /weather HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert (await world.read_response(reader)).status == 200

    _, backend = through(talk)
    assert b"expect" not in backend.requests[0].lower()
    assert backend.requests[0].endswith(b"ok")


def test_informational_answers_of_the_target_are_left_out() -> None:
    response, _ = asked(
        b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n",
        lambda request: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    assert (response.status, response.body) == (200, b"ok")


def test_a_request_is_done_again_where_the_kept_connection_had_been_closed() -> None:
    def handler(made: Any) -> None:
        made.recv(9999)
        made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # and closes, without having said so

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plane: DataPlane) -> list[int]:
        statuses = []
        for _ in range(5):
            writer.write(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n")
            statuses.append((await world.read_response(reader)).status)
        return statuses

    statuses, backend = through(talk, handler=handler)
    assert statuses == [200] * 5
    assert backend.connections == 5


def test_what_is_meant_for_one_connection_is_not_passed_on() -> None:
    fields = b"Connection: X-Secret, keep-alive\r\nX-Secret: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Open: 2\r\n\r\n"
    _, backend = asked(b"GET /weather HTTP/1.1\r\n" + HOST + fields)
    told = backend.requests[0].lower()
    assert b"x-open: 2" in told
    for name in (b"x-secret", b"te:", b"upgrade", b"connection"):
        assert name not in told


def test_http_1_0_gets_a_length_or_a_close() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    response, _ = asked(b"GET /weather HTTP/1.0\r\n" + HOST + b"\r\n", lambda _: chunked)
    assert response.body == b"ok"
    assert response.headers["connection"] == "close"
    assert "transfer-encoding" not in response.headers


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /weather HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /weather HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /weather HTTP/1.1\r\n\r\n",
        b"GET weather HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /weather HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n",
        b"GET /weather HTTP/1.1\nHost: a\n\n",
        b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /weather HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nGET",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_is_no_sound_request_is_refused_and_not_passed_on(raw: bytes) -> None:
    response, backend = asked(raw)
    assert response.status == 400
    assert response.headers["connection"] == "close"
    assert not backend.requests


def test_a_head_without_end_is_refused() -> None:
    response, backend = asked(b"GET /weather HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 70_000)
    assert response.status == 400
    assert b"Request Header Or Cookie Too Large" in response.body
    assert not backend.requests


NO_HTTP = [b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"\0" * 50]


@pytest.mark.parametrize("answer", NO_HTTP)
def test_a_target_that_speaks_no_http(answer: bytes) -> None:
    response, _ = asked(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n", lambda _: answer)
    assert response.status == 502


def test_the_routers_own_time_out() -> None:
    async def run() -> None:
        with world.backend(handler=lambda made: made.recv(1 << 20) and made.recv(1)) as backend:
            given_ = world.environment(backend.port, None, plain=True, properties=(("proxy_read_timeout", "1"),))
            async with world.plane(given_, io_timeout=5) as plane:
                reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
                writer.write(b"GET /weather HTTP/1.1\r\n" + HOST + b"\r\n")
                response = await world.read_response(reader)
                writer.close()
                assert (response.status, b"504 Gateway Time-out" in response.body) == (504, True)

    asyncio.run(run())


# ------------------------------------------------------------------ the reader alone


class Fed:
    """A channel whose bytes are given."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def unread(self, data: bytes) -> None:
        if data:
            self.pieces.insert(0, data)


async def all_of(messages: Messages) -> list[tuple[bytes, int, bytes]]:
    found = []
    while (head := await messages.head()) is not None:
        body = b""
        while piece := await messages.piece():
            body += piece
        found.append((head.target, head.status, body))
    return found


@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(st.integers(1, 60), max_size=30))
def test_requests_are_read_the_same_however_they_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (n, len(body), body) for n, body in enumerate(bodies))
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(data[at : at + cut])
        at += cut
    pieces = [piece for piece in [*pieces, data[at:]] if piece]
    found = asyncio.run(all_of(Messages(Fed(pieces), responses=False)))  # type: ignore[arg-type]
    assert found == [(b"/%d" % n, 0, body) for n, body in enumerate(bodies)]


@given(st.booleans(), st.lists(st.binary(min_size=1, max_size=200), max_size=6))
def test_whatever_comes_is_read_or_refused(responses: bool, pieces: list[bytes]) -> None:
    start = [b"HTTP/1.1 200 OK\r\n" if responses else b"GET / HTTP/1.1\r\n"]
    for given_ in (pieces, start + pieces):
        try:
            asyncio.run(all_of(Messages(Fed(list(given_)), responses=responses)))  # type: ignore[arg-type]
        except (BadMessage, Broken):
            pass


@given(st.lists(st.tuples(st.sampled_from([b"connection", b"x-a", b"te", b"keep-alive", b"via"]), st.binary(max_size=12)), max_size=8))
def test_end_to_end_keeps_order_and_drops_what_connection_names(fields: list[tuple[bytes, bytes]]) -> None:
    kept = end_to_end(fields)
    assert [field for field in fields if field in kept] == kept
    assert not {name for name, _ in kept} & {b"connection", b"te", b"keep-alive"}
