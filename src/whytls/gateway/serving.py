"""The requests on one connection of a client: read, checked as nginx checks them, answered one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from OpenSSL import SSL

from whytls.edge.resources import VirtualHost
from whytls.gateway import pages
from whytls.gateway.channel import Broken, Channel
from whytls.gateway.http import BadMessage, Fields, Head, Messages, chunk, last_chunk, response_head
from whytls.gateway.pages import Page
from whytls.gateway.processor import Answer, Call, identifier
from whytls.gateway.selection import Listening, Terms
from whytls.model import Endpoint, Passed

if TYPE_CHECKING:
    from whytls.gateway.router import Router

MOST_REQUESTS = 1_000_000  # on one connection
LINGER = 2.0  # seconds in which what the client still sends is read before the connection is closed
_WEEKDAY_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_numbers = iter(range(1, 1 << 62))


class Conversation:
    """One client's connection: what was chosen for it, and the requests on it."""

    def __init__(self, router: Router, channel: Channel, listening: Listening) -> None:
        self.router, self.channel, self.listening = router, channel, listening
        self.source: Endpoint | None = None  # the client behind a load balancer
        self.server_name: str | None = None
        self.host: VirtualHost | None = None  # of the handshake
        self.terms: Terms | None = None
        self.made: SSL.Connection | None = None
        self.served = 0
        self.failed = False  # told already
        self._messages = Messages(channel, responses=False)

    async def requests(self) -> None:
        """Serves until one side wants no more.

        Raises:
            Broken: the connection broke.
        """
        settings = self.router.settings.router
        while self.served < MOST_REQUESTS:
            limit = settings.keepalive_timeout if self.served else settings.header_timeout
            try:
                async with asyncio.timeout(limit):
                    head = await self._messages.head()
            except TimeoutError:
                if self._messages.begun:
                    await self.refuse(pages.REQUEST_TIMEOUT)
                break
            except BadMessage as error:
                await self.refuse(pages.HEAD_TOO_LARGE if error.too_large else pages.BAD_REQUEST)
                break
            if head is None:
                break
            if not await self._served(head):
                break
        self.channel.farewell()

    async def _served(self, head: Head) -> bool:
        """Answers one request; whether another can follow on the connection."""
        began = time.monotonic()
        if self.served == 0:
            minded = self.router.minded(self)
            if minded is not None:
                await self.refuse(*minded, head=head)
                return False
            tap = self.channel.tap
            if tap is not None and self.made is not None:
                self.router.reporter.completed(tap)
            elif tap is not None:
                tap.settle()
        self.served += 1
        target = _origin_form(head.target)
        named = head.first(b"host")
        if target is None or (named is None and head.version == "1.1"):
            await self.refuse(pages.BAD_REQUEST, head=head)
            return False
        host = self.listening.for_host(named.decode("latin-1") if named is not None else None, self.host)
        if host is not self.host and self.made is not None and host is not None and host.tls is not None and host.tls.client_auth_enabled:
            await self.refuse(pages.MISDIRECTED, head=head)  # nginx: another server's client check cannot be got round by its Host
            return False
        call = self._call(head._replace(target=target), host.name if host is not None else "", named)
        return await self._answered(call, head, host, began)

    def _call(self, head: Head, virtual_host: str, named: bytes | None) -> Call:
        tap = self.channel.tap
        body = self._messages if head.chunked or head.length else None
        client = str((self.source or tap.client).address) if tap is not None or self.source else ""  # type: ignore[union-attr]
        before = head.first(b"x-forwarded-for")
        forwarded: Fields = [
            (b"x-forwarded-for", (before + b", " if before else b"") + client.encode("ascii", "replace")),
            (b"x-forwarded-port", b"%d" % self.listening.port),
            (b"x-forwarded-proto", b"https" if self.made is not None else b"http"),
        ]
        passed = Passed(tap.client, tap.server, 1, tap.label, (time.time_ns(),), ()) if tap is not None else None
        return Call(head, body, virtual_host, (named or b"").decode("latin-1"), identifier(next(_numbers)), passed, forwarded)

    async def _answered(self, call: Call, head: Head, host: VirtualHost | None, began: float) -> bool:
        if call.body is not None and (head.first(b"expect") or b"").lower() == b"100-continue":
            self.channel.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        limit = _seconds(host, "proxy_read_timeout", self.router.settings.router.read_timeout)
        try:
            async with asyncio.timeout(limit):
                answer = await self.router.answering(call)
        except TimeoutError:
            await self.refuse(pages.GATEWAY_TIMEOUT, head=head)
            return False
        keeps = head.keep_alive
        size = 0
        try:
            size, whole = await self._written(call, answer, head, keeps)
        finally:
            answer.ended()
            if self.router.access.wanted:
                self._log(call, head, answer.status, size, began)
        if not whole:
            self.channel.abort()  # the client must not take a cut answer for a whole one
            return False
        if call.body is not None and self._messages.begun:  # the rest of its body would be taken for the next request
            await self._linger()
            return False
        return keeps

    async def _written(self, call: Call, answer: Answer, head: Head, keeps: bool) -> tuple[int, bool]:
        """Sends the answer: how many bytes its body has, and whether all of it was sent."""
        channel, fields = self.channel, list(answer.fields)
        if answer.failure is not None and self.router.settings.cause_header:
            fields.append((b"x-whytls-cause", answer.failure.header))
        fields = [field for field in fields if field[0] != b"content-length"]
        chunked = answer.pieces is not None and answer.length is None and head.version == "1.1"
        until_end = answer.pieces is not None and answer.length is None and not chunked
        if chunked:
            fields.append((b"transfer-encoding", b"chunked"))
        elif answer.length is not None or answer.body:
            fields.append((b"content-length", b"%d" % (answer.length if answer.length is not None else len(answer.body or b""))))
        elif answer.pieces is None and answer.status not in (204, 304) and head.method != b"HEAD":
            fields.append((b"content-length", b"0"))
        if not keeps or until_end:
            fields.append((b"connection", b"close"))
        elif head.version == "1.0":
            fields.append((b"connection", b"keep-alive"))
        start = response_head(answer.status, answer.reason, fields)
        if answer.pieces is None:
            body = answer.body or b""
            channel.write(start + (body if head.method != b"HEAD" else b""))
            await channel.drain()
            return len(body), True
        size = await self._streamed(answer, start, chunked)
        return (size, True) if size >= 0 else (0, False)

    async def _streamed(self, answer: Answer, start: bytes, chunked: bool) -> int:
        """A body as it comes; negative: it broke off."""
        channel, size = self.channel, 0
        pieces = answer.pieces
        assert pieces is not None  # noqa: S101 -- the caller asked
        try:
            async for piece in pieces:
                channel.write(start + (chunk(piece) if chunked else piece))
                start = b""
                size += len(piece)
                await channel.drain()
        except (Broken, BadMessage, TimeoutError):
            if start:
                channel.write(start)
            return -1
        end = last_chunk(answer.trailers()) if chunked else b""
        if start or end:
            channel.write(start + end)
        return size

    async def refuse(self, page: Page, log: str = "", *, head: Head | None = None) -> None:
        """One of nginx's own pages; with ``log`` TLS is the reason, and there is a diagnosis. The connection is over then."""
        fields: Fields = [
            (b"Server", b"nginx"), (b"Date", time.strftime(_WEEKDAY_DATE, time.gmtime()).encode()), (b"Content-Type", b"text/html"),
            (b"Content-Length", b"%d" % len(page.body)), (b"Connection", b"close"),
        ]  # fmt: skip
        body = b"" if head is not None and head.method == b"HEAD" else page.body
        if log and self.router.settings.cause_header:
            whole = response_head(page.status, page.reason, fields) + body
            fields.append((b"X-Whytls-Cause", self.router.foreseen(self, whole).header))
        self.channel.write(response_head(page.status, page.reason, fields) + body)
        if self.router.access.wanted:
            line = b"%b %b HTTP/%b" % (head.method, head.target, head.version.encode()) if head is not None else b""
            client = str(self.source or (self.channel.tap.client if self.channel.tap else ""))
            self.router.access.add(self.listening.port, client, self.host.name if self.host else "", line, page.status, len(body), None, 0.0, "-")
        await self._linger(lambda: self.router.refused(self, page, log) if log else None)

    async def _linger(self, closed: Callable[[], object] = lambda: None) -> None:
        """nginx's lingering_close: closing over unread bytes would reset the connection, and the client would lose the page."""
        self.channel.farewell()
        self.channel.finish()
        closed()
        try:
            async with asyncio.timeout(LINGER):
                while await self.channel.read():
                    pass
        except (Broken, TimeoutError):
            pass

    def _log(self, call: Call, head: Head, status: int, size: int, began: float) -> None:
        line = b"%b %b HTTP/%b" % (head.method, head.target, head.version.encode())
        client = str(self.source or (self.channel.tap.client if self.channel.tap else ""))
        seconds, agent = time.monotonic() - began, head.first(b"user-agent")
        self.router.access.add(self.listening.port, client, call.virtual_host, line, status, size, agent, seconds, call.identifier)


def _origin_form(target: bytes) -> bytes | None:
    """The target as a path (RFC 9112 section 3.2); of an absolute one what stands behind the authority. None: it is neither."""
    if target.startswith(b"/") or target == b"*":
        return target
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        return None
    return b"/" + rest.partition(b"/")[2]


def _seconds(host: VirtualHost | None, name: str, default: float) -> float:
    text = (host.named(name) or "") if host is not None else ""
    text = text.strip().removesuffix("s")
    return float(text) if text.isdecimal() and 0 < int(text) < 100_000 else default
