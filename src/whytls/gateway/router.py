"""The Router: listens for every virtual host, speaks TLS with clients as nginx does on Edge, and hands requests to the Message Processor.

What a failing client sees is nginx's: an alert for a name of nobody, versions and suites; a page with status 400 where a client certificate is
missing or bad (the handshake completes first) and where plain HTTP comes to a TLS port. Every failure has a diagnosis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from whytls.exceptions import InputError, Malformed
from whytls.gateway import pages
from whytls.gateway.access import AccessLog
from whytls.gateway.channel import Broken, Channel
from whytls.gateway.dial import TapFor
from whytls.gateway.environment import Environment, Loaded
from whytls.gateway.pages import Page
from whytls.gateway.proxy_protocol import header
from whytls.gateway.reporter import Failure, Reporter
from whytls.gateway.selection import Listening, Terms, default_terms, listeners, opening, terms
from whytls.gateway.serving import Conversation
from whytls.gateway.settings import Settings
from whytls.gateway.tls import IGNORABLE, Peer, Unusable, connection, sent_chain
from whytls.model import NOTHING_AT_REST, Endpoint
from whytls.pki.profiles.openssl_errors import ERRORS
from whytls.wire.alert import UNRECOGNIZED_NAME

Answering = Callable[[Any], Awaitable[Any]]
MOST_CONNECTIONS = 16_384  # of clients at once
_PORT_SHIFT = 8_000  # a port below 1024 is listened on at 8000 more: nothing here needs root
_NAME_OF_NOBODY = b"\x15\x03\x03\0\2\2" + bytes((UNRECOGNIZED_NAME,))
_VERIFY = "client SSL certificate verify error: ({}:{}) while reading client request headers"


class Router:
    """One Router; ``ports`` tells where each virtual host's port is really listened on."""

    def __init__(
        self, environment: Environment, settings: Settings, reporter: Reporter, tap_for: TapFor, answering: Answering, access: AccessLog
    ) -> None:
        self.environment, self.settings, self.loaded = environment, settings, Loaded()
        self.ports: dict[int, int] = {}
        self.reporter, self._tap_for, self.answering, self.access = reporter, tap_for, answering, access
        self._listening: dict[int, Listening] = {}
        self._chosen: dict[str, Terms] = {}  # of each virtual host, until something is updated or restarted
        self._servers: dict[int, asyncio.Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ listening

    async def start(self) -> None:
        """Listens on every port of the environment.

        Raises:
            InputError: a port cannot be had.
        """
        await self.update(self.environment)

    async def update(self, environment: Environment) -> None:
        """Takes virtual hosts as they are now. Stores that are loaded stay until their reference is updated or ``restart``.

        Raises:
            InputError: a new port cannot be had.
        """
        self.environment = environment
        self._chosen.clear()
        self._listening = listeners(environment)
        for port in [port for port in self._servers if port not in self._listening]:
            self._servers.pop(port).close()
            del self.ports[port]
        for port in self._listening:
            if port not in self._servers:
                await self._listen(port)

    async def _listen(self, port: int) -> None:
        real = self.settings.ports.get(port, port if port >= 1024 else port + _PORT_SHIFT)
        try:
            server = await asyncio.get_running_loop().create_server(lambda: _Accepted(self, port), self.settings.listen, real, backlog=1024)
        except OSError as error:
            raise InputError(f"port {real}, for virtual hosts on port {port}, cannot be had: {error.strerror}", hint="--port 443=9443") from None
        self._servers[port] = server
        self.ports[port] = server.sockets[0].getsockname()[1]

    def restart(self, settings: Settings | None = None) -> None:
        """What a restart does to memory: stores and properties are read anew."""
        self.settings = settings or self.settings
        self._chosen.clear()
        self.loaded.restart()

    async def close(self) -> None:
        """Stops listening and ends every connection."""
        for server in self._servers.values():
            server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many connections of clients there are."""
        return len(self._tasks)

    def accepted(self, channel: Channel, port: int) -> None:
        """A client connected."""
        assert channel.transport is not None  # noqa: S101 -- that is what has just happened
        own, theirs = channel.transport.get_extra_info("sockname"), channel.transport.get_extra_info("peername")
        if not own or not theirs or len(self._tasks) >= MOST_CONNECTIONS:  # gone already, or one too many
            channel.abort()
            return
        tap = channel.tap = self._tap_for(Endpoint(theirs[0], theirs[1]), Endpoint(own[0], own[1]))
        tap.asked()
        tap.accepted()
        task = asyncio.get_running_loop().create_task(self._serve(channel, port))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------ one connection

    async def _serve(self, channel: Channel, port: int) -> None:
        listening = self._listening.get(port)
        if listening is None:
            channel.abort()
            return
        told = Conversation(self, channel, listening)
        try:
            if listening.proxy_protocol:
                await self._header(told)
            if not listening.tls:
                await told.requests()
            elif await self._shaken(told):
                await told.requests()
                if told.served == 0 and not told.failed:
                    self._northbound(told, None, "client closed connection without a request", only_with_cause=True)
        except (Broken, Malformed, TimeoutError) as error:
            if listening.tls and not told.served and not told.failed:
                self._northbound(told, None, str(error), only_with_cause=True)
            channel.abort() if isinstance(error, Broken) and error.how == "reset" else channel.close()
        except asyncio.CancelledError:
            channel.abort()
            raise
        except Exception as error:  # our bug: this connection ends, the gateway does not
            channel.abort()
            told_by = {"message": "a bug in whytls: a connection of the gateway was given up", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told_by)
        finally:
            channel.close()

    async def _header(self, told: Conversation) -> None:
        """The PROXY protocol header, which stands before everything."""
        channel, data = told.channel, b""
        async with asyncio.timeout(self.settings.router.header_timeout):
            while True:
                more = await channel.read()
                if not more:
                    raise Broken("closed")
                data += more
                found = header(data)
                if found is not None:
                    break
        channel.unread(data[found.length :])
        told.source = found.source

    async def _shaken(self, told: Conversation) -> bool:
        """TLS as far as a request can come; False: the connection is over, and why is told."""
        channel, settings = told.channel, self.settings.router
        try:
            async with asyncio.timeout(settings.handshake_timeout):
                data = await self._opened(told)
                if data is None:
                    return False
                chosen = self._terms(told)
                if chosen is None:
                    channel.send(_NAME_OF_NOBODY)
                    channel.close()
                    self._northbound(told, None, f"handshake rejected while SSL handshaking, server_name {told.server_name!r}")
                    return False
                told.terms, peer = chosen, Peer()
                channel.unread(data)
                told.made = connection(chosen.context, peer, server=True)
                await channel.shake(told.made)
        except Unusable as error:
            channel.close()
            self._northbound(told, None, str(error))
            return False
        except TimeoutError:
            if channel.acknowledged() and channel.tap is not None:
                channel.tap.acknowledged()
            channel.close()
            self._northbound(told, None, "client timed out while SSL handshaking", only_with_cause=True)
            return False
        except Broken as broken:
            channel.close()
            self._northbound(told, None, f"SSL_do_handshake() failed: {broken.words} while SSL handshaking", only_with_cause=broken.how != "local")
            return False
        return True

    async def _opened(self, told: Conversation) -> bytes | None:
        """The first bytes, up to the end of the ClientHello; None: there was none, and what is to be said is said."""
        channel, data = told.channel, b""
        while True:
            more = await channel.read()
            if not more:
                if data:
                    raise Broken("closed", "peer closed connection in SSL handshake")
                return None
            data += more
            if data[0] != 0x16 and not data[0] & 0x80:  # nginx looks at just this (ngx_http_ssl_handshake)
                channel.unread(data)
                await told.refuse(pages.PLAIN_HTTP, "client sent plain HTTP request to HTTPS port while reading client request headers")
                return None
            found = opening(data)
            if found.whole:
                told.server_name = found.hello.server_name if found.hello is not None else None
                told.host = told.listening.for_name(told.server_name)
                return data

    def _terms(self, told: Conversation) -> Terms | None:
        if told.host is None or not told.host.speaks_tls:
            return default_terms(self.environment, self.loaded, self.settings.router)
        found = self._chosen.get(told.host.name)
        if found is None:
            found = self._chosen[told.host.name] = terms(told.host, self.environment, self.loaded, self.settings.router)
        return found

    def _northbound(self, told: Conversation, page: Page | None, log: str, *, only_with_cause: bool = False) -> Any:
        told.failed = True
        tap = told.channel.tap
        if tap is None:
            return None
        return self.reporter.northbound(
            tap=tap, peer=told.channel.peer, virtual_host=told.host.name if told.host else "", server_name=told.server_name,
            stores=told.terms.stores if told.terms is not None else NOTHING_AT_REST, status=page.status if page else None, log=log,
            only_with_cause=only_with_cause,
        )  # fmt: skip

    def refused(self, told: Conversation, page: Page, log: str) -> Any:
        """A page is the answer, and TLS the reason."""
        return self._northbound(told, page, log)

    def foreseen(self, told: Conversation, answer: bytes) -> Failure:
        """What there will be to tell of the connection when it was refused so."""
        stores = told.terms.stores if told.terms is not None else NOTHING_AT_REST
        assert told.channel.tap is not None  # noqa: S101 -- it was accepted with one
        return self.reporter.foreseen(tap=told.channel.tap, peer=told.channel.peer, stores=stores, answer=answer)

    def minded(self, told: Conversation) -> tuple[Page, str] | None:
        """What nginx minds about the client certificate once the first request is read."""
        chosen, peer = told.terms, told.channel.peer
        if chosen is None or peer is None or told.made is None or not chosen.wants_certificate:
            return None
        if not sent_chain(told.made):
            return pages.NO_CERTIFICATE, "client sent no required SSL certificate while reading client request headers"
        if peer.error and not (chosen.lenient and peer.error in IGNORABLE):
            return pages.CERTIFICATE_ERROR, _VERIFY.format(peer.error, _verify_words(peer.error))
        return None


def _verify_words(number: int) -> str:
    """OpenSSL's words for one of its verification errors."""
    return next((error.words for error in ERRORS.values() if error.number == number), f"error number {number}")


class _Accepted(Channel):
    """A connection that a client made."""

    def __init__(self, router: Router, port: int) -> None:
        super().__init__("server")
        self._router, self._port = router, port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to serve it."""
        super().connection_made(transport)
        self._router.accepted(self, self._port)
