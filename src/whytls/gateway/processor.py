"""The Message Processor: takes a request, finds its proxy and target, calls it over TLS, and hands the answer back piece by piece.

Where the call fails it answers as Edge does and says why: the tap of the connection becomes a diagnosis, which goes into the trace. Policies
and flows of a proxy are not run; what is done is what TLS, connections and load balancing on Edge do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from whytls.edge.resources import Proxy, TargetEndpoint
from whytls.gateway import faults
from whytls.gateway.balancer import MOST_BALANCERS, Balancer, plan_of
from whytls.gateway.channel import Broken
from whytls.gateway.dial import Line, Lines, TapFor, Unreached
from whytls.gateway.environment import Environment, Loaded
from whytls.gateway.faults import Fault
from whytls.gateway.http import BadMessage, Fields, Head, Messages, chunk, end_to_end, last_chunk, request_head
from whytls.gateway.reporter import Failure, Reporter
from whytls.gateway.settings import ProcessorSettings
from whytls.gateway.target import Backend, Dressed, Timeouts, backend, backend_of, dressed, timeouts
from whytls.gateway.tls import Unusable
from whytls.model import NOTHING_AT_REST, Passed

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))  # RFC 9110 section 9.2.2


class Call(NamedTuple):
    """One request as it comes from the Router."""

    head: Head
    body: Messages | None  # None: it has none
    virtual_host: str
    host: str  # as the client named it
    identifier: str
    passed: Passed | None = None  # the connection on which it came, for ``related``
    forwarded: Fields = []  # noqa: RUF012 -- read only


class Answer(NamedTuple):
    """What goes back. ``body`` is whole, or ``pieces`` bring it; ``ended`` is called when it is over."""

    status: int
    reason: bytes
    fields: Fields
    body: bytes | None
    pieces: AsyncIterator[bytes] | None = None
    length: int | None = None
    trailers: Callable[[], Fields] = list
    failure: Failure | None = None
    ended: Callable[[], None] = lambda: None


class Route(NamedTuple):
    """Where a request goes."""

    proxy: Proxy
    base_path: str
    endpoint: TargetEndpoint


class _Try(NamedTuple):
    """One backend that is tried for a call."""

    call: Call
    route: Route
    place: Backend
    limits: Timeouts
    dressed: Dressed | None


class Processor:
    """One Message Processor."""

    def __init__(self, environment: Environment, settings: ProcessorSettings, reporter: Reporter, tap_for: TapFor) -> None:
        self.environment, self.settings, self._reporter = environment, settings, reporter
        self.loaded = Loaded()
        self.lines = Lines(tap_for, settings.most_idle, settings.hosts)
        self._balancers: dict[tuple[object, ...], Balancer] = {}
        self._dressed: dict[tuple[str, ...], Dressed] = {}

    def update(self, environment: Environment) -> None:
        """Takes what was changed; stores that are loaded stay until their reference is updated or ``restart``."""
        self.environment = environment
        self._balancers.clear()
        self._dressed.clear()

    def restart(self, settings: ProcessorSettings | None = None) -> None:
        """What ``apigee-service edge-message-processor restart`` does to memory: stores, connections and switches are read anew."""
        self.settings = settings or self.settings
        self.loaded.restart()
        self._balancers.clear()
        self._dressed.clear()
        self.lines.close()

    # ------------------------------------------------------------------ where it goes

    def route(self, virtual_host: str, path: str) -> Route | None:
        """The proxy with the longest base path that fits, on that virtual host."""
        found: tuple[int, Route] | None = None
        for proxy in self.environment.proxies:
            if proxy.deployed is False or not proxy.targets or (proxy.virtual_hosts and virtual_host not in proxy.virtual_hosts):
                continue
            for base in proxy.base_paths or ("/",):
                bare = base.rstrip("/")
                if (path == bare or path.startswith(bare + "/")) and (found is None or len(bare) > found[0]):
                    default = next((one for one in proxy.targets if one.name == "default"), proxy.targets[0])
                    found = len(bare), Route(proxy, bare, default)
        return found[1] if found else None

    async def answer(self, call: Call) -> Answer:
        """The answer to one call; a fault is one, too."""
        path = call.head.target.decode("latin-1").partition("?")[0]
        route = self.route(call.virtual_host, path)
        if route is None:
            return self._faulty(faults.no_application(call.virtual_host, path), None)
        fault, tried = faults.no_active_targets(), None
        for place, balancer in self._places(route):
            if balancer is not None:
                balancer.began(place.server)
            outcome = await self._tried(call, route, place)
            if balancer is not None:
                balancer.ended(place.server, well=isinstance(outcome, Answer))
            if isinstance(outcome, Answer):
                return outcome
            fault, tried, again = outcome
            if not again:
                break
        return self._faulty(fault, tried)

    def _places(self, route: Route) -> list[tuple[Backend, Balancer | None]]:
        """The backends to try, in order."""
        endpoint = route.endpoint
        if not endpoint.servers:
            place = backend(endpoint)
            return [(place, None)] if place is not None else []
        key = (route.proxy.name, route.proxy.revision, endpoint.name, endpoint.servers)
        balancer = self._balancers.get(key)
        if balancer is None:
            if len(self._balancers) >= MOST_BALANCERS:
                self._balancers.clear()
            balancer = self._balancers[key] = Balancer(plan_of(endpoint))
        servers = {server.name: server for server in self.environment.target_servers if server.enabled}
        return [(backend_of(servers[name], endpoint), balancer) for name in balancer.order(frozenset(servers))]

    def _faulty(self, fault: Fault, failure: Failure | None) -> Answer:
        return Answer(fault.status, fault.reason, [(b"content-type", b"application/json")], fault.body, failure=failure)

    # ------------------------------------------------------------------ one backend

    async def _tried(self, call: Call, route: Route, place: Backend) -> Answer | tuple[Fault, Failure | None, bool]:
        """The answer of one backend; or the fault, what was found out, and whether another one can be tried."""
        limits = timeouts(route.endpoint, self.settings)
        try:
            wanted = self._dress(route, place) if place.tls is not None else None
        except Unusable as error:
            fault = faults.handshake_failed(str(error))
            return fault, self._reported(_Try(call, route, place, limits, None), fault, None), True
        tried = _Try(call, route, place, limits, wanted)
        key = wanted.key if wanted is not None else (place.host, place.port)
        line = self.lines.take(key)
        while line is not None:
            outcome = await self._exchanged(tried, key, line)
            if outcome is not None:
                return outcome
            line = self.lines.take(key)  # it had been closed meanwhile: the request was not taken (RFC 9112 section 9.3.1)
        try:
            line = await self._connected(tried)
        except _Failed as failed:
            return failed.fault, failed.failure, True
        outcome = await self._exchanged(tried, key, line)
        assert outcome is not None  # noqa: S101 -- only a connection that was used before can be tried in vain
        return outcome

    def _dress(self, route: Route, place: Backend) -> Dressed:
        """The TLS of a backend; the same until something is updated or restarted."""
        key = (route.proxy.name, route.proxy.revision, route.endpoint.name, place.server)
        found = self._dressed.get(key)
        if found is None:
            if len(self._dressed) >= MOST_BALANCERS:
                self._dressed.clear()
            found = self._dressed[key] = dressed(place, self.environment, self.loaded, self.settings)
        return found

    async def _connected(self, tried: _Try) -> Line:
        try:
            channel = await self.lines.connect(tried.place, tried.limits)
        except Unreached as unreached:
            fault = faults.unavailable(str(unreached))
            raise _Failed(fault, self._reported(tried, fault, None, tap=unreached.tap)) from None
        try:
            return await self.lines.secure(channel, tried.dressed, tried.limits)
        except Broken as broken:
            fault = self._fault_of(broken)
            raise _Failed(fault, self._reported(tried, fault, None, tap=channel.tap, peer=channel.peer)) from None

    def _fault_of(self, broken: Broken) -> Fault:
        """Edge's fault for a handshake that failed."""
        if broken.how == "timeout":
            return faults.handshake_timeout(broken.words)
        if broken.how == "local":
            decision = broken.decision
            return faults.handshake_failed(faults.rejected(decision) if decision is not None else broken.words)
        return faults.unavailable(broken.words)

    def _reported(self, tried: _Try, fault: Fault | None, line: Line | None, *, tap: Any = None, peer: Any = None) -> Failure | None:
        """What is found out about a failure, and stands in the trace now."""
        if line is not None:
            tap, peer = line.channel.tap, line.peer
        return self._reporter.southbound(
            call=tried.call, route=tried.route, place=tried.place, fault=fault, tap=tap, peer=peer,
            stores=tried.dressed.stores if tried.dressed is not None else NOTHING_AT_REST,
            server_name=tried.dressed.server_name if tried.dressed is not None else "",
        )  # fmt: skip

    # ------------------------------------------------------------------ request and response

    async def _exchanged(self, tried: _Try, key: tuple[object, ...], line: Line) -> Answer | tuple[Fault, Failure | None, bool] | None:
        """Sends the request and waits for the head of the response; None: the connection was no longer good, nothing was lost."""
        call, channel = tried.call, line.channel
        channel.write(self._request(tried))
        pump = asyncio.ensure_future(_pump(call, channel)) if call.body is not None else None
        try:
            async with asyncio.timeout(tried.limits.io):
                head = await line.messages.head()
                while head is not None and 100 <= head.status < 200:
                    if head.status == 101:
                        raise BadMessage("the target switched protocols unasked")
                    head = await line.messages.head()
            if head is None:
                raise Broken("closed", "Unexpected EOF")
        except (Broken, BadMessage, TimeoutError) as error:
            await _stopped(pump)
            self.lines.drop(line)
            if not line.fresh and isinstance(error, Broken) and call.body is None and not line.messages.begun and call.head.method in _IDEMPOTENT:
                return None
            fault = self._response_fault(error, line)
            return fault, self._reported(tried, fault, line if line.fresh else None), False
        except BaseException:
            await _stopped(pump)
            self.lines.drop(line)
            raise
        failure = self._settled(tried, line, head)
        return self._answered(tried, key, line, head, pump, failure)

    def _response_fault(self, error: Exception, line: Line) -> Fault:
        if isinstance(error, TimeoutError):
            return faults.gateway_timeout("the target did not answer in time")
        if isinstance(error, Broken):
            if error.how == "alert":
                return faults.unavailable(error.words)
            return faults.unexpected_eof(error.words)
        return faults.unexpected_eof(str(error)) if line.peer is None else faults.bad_gateway(str(error))

    def _settled(self, tried: _Try, line: Line, head: Head) -> Failure | None:
        """The first answer on a new connection: TLS is good, unless a 400 says that the client certificate, or plain HTTP, was not wanted."""
        tap = line.channel.tap
        if not line.fresh or tap is None or tap.settled:
            return None
        if head.status == 400:
            return self._reported(tried, None, line)
        if line.peer is not None:
            self._reporter.completed(tap)
        else:
            tap.settle()
        return None

    def _answered(
        self, tried: _Try, key: tuple[object, ...], line: Line, head: Head, pump: asyncio.Future[None] | None, failure: Failure | None
    ) -> Answer:
        empty = tried.call.head.method == b"HEAD" or head.status in (204, 304)
        if tried.call.head.method == b"HEAD":
            line.messages.bodiless()
        done = False

        def over(whole: bool) -> None:
            nonlocal done
            if done:
                return
            done = True
            if pump is not None and not pump.done():
                pump.cancel()
                whole = False
            if whole and head.keep_alive:
                self.lines.give_back(key, line, tried.limits.keepalive)
            else:
                self.lines.drop(line)

        async def pieces() -> AsyncIterator[bytes]:
            whole = False
            try:
                while True:
                    async with asyncio.timeout(tried.limits.io):
                        piece = await line.messages.piece()
                    if not piece:
                        break
                    yield piece
                whole = True
            finally:
                over(whole)

        fields = end_to_end(head.fields)
        if empty:
            over(True)
            return Answer(head.status, head.reason, fields, b"", length=head.length, failure=failure)
        return Answer(
            head.status, head.reason, fields, None, pieces(), head.length, lambda: end_to_end(line.messages.trailers), failure, lambda: over(False)
        )

    def _request(self, tried: _Try) -> bytes:
        """The request's head as the target gets it."""
        call, place = tried.call, tried.place
        target = call.head.target
        path = target[len(tried.route.base_path.encode()) :] if target.startswith(b"/") else target
        if not path.startswith(b"/"):
            path = (b"/" if not place.path or path[:1] not in (b"?", b"") else b"") + path
        usual = 443 if place.tls is not None else 80
        shown = f"[{place.host}]" if ":" in place.host else place.host
        host = shown if place.port == usual else f"{shown}:{place.port}"
        fields = [(b"host", host.encode("idna" if not host.isascii() else "ascii"))]
        fields += [field for field in end_to_end(call.head.fields) if field[0] not in _REPLACED]
        fields += call.forwarded
        if call.body is not None:
            framing = (b"transfer-encoding", b"chunked") if call.head.length is None else (b"content-length", b"%d" % call.head.length)
            fields.append(framing)
        elif call.head.length == 0:
            fields.append((b"content-length", b"0"))
        return request_head(call.head.method, place.path.encode() + path or b"/", fields)


_REPLACED = frozenset((b"host", b"content-length", b"expect", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"))


class _Failed(Exception):
    def __init__(self, fault: Fault, failure: Failure | None) -> None:
        super().__init__(fault.cause)
        self.fault, self.failure = fault, failure


async def _pump(call: Call, channel: Any) -> None:
    """The request's body, as fast as the target takes it."""
    body, chunked = call.body, call.head.length is None
    assert body is not None  # noqa: S101 -- started for a body only
    while piece := await body.piece():
        channel.write(chunk(piece) if chunked else piece)
        await channel.drain()
    if chunked:
        channel.write(last_chunk(end_to_end(body.trailers)))


async def _stopped(pump: asyncio.Future[None] | None) -> None:
    if pump is not None:
        pump.cancel()
        with suppress(asyncio.CancelledError, Broken, BadMessage):
            await pump


def identifier(count: int, started: int = time.time_ns() // 1_000_000) -> str:
    """A message identifier, like those of Edge: unique in this process, and over restarts."""
    return f"rrt-{started:x}-{count}"
