"""Connections to targets: made, handed out again while they live, and watched from the SYN on."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from whytls.gateway.channel import Broken, Channel
from whytls.gateway.http import Messages
from whytls.gateway.tap import Tap
from whytls.gateway.target import Backend, Dressed, Timeouts, judge_of
from whytls.gateway.tls import Peer, connection
from whytls.model import Endpoint
from whytls.pki.profiles import Decision

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)
MOST_ADDRESSES = 8

TapFor = Callable[[Endpoint, Endpoint], Tap]


class Unreached(Exception):
    """No connection was had. ``tap`` is that of the last attempt, where there was one; ``waited``: nobody answered in time."""

    def __init__(self, words: str, tap: Tap | None = None, *, waited: bool = False) -> None:
        super().__init__(words)
        self.tap, self.waited = tap, waited


class Line(NamedTuple):
    """A connection to a target that can take a request."""

    channel: Channel
    messages: Messages
    peer: Peer | None
    fresh: bool  # made for this request
    decisions: list[Decision]


class Lines:
    """The connections to all targets; idle ones wait here for the next request."""

    def __init__(self, tap_for: TapFor, most_idle: int, hosts: Mapping[str, str]) -> None:
        self._tap_for, self._most_idle, self._hosts = tap_for, most_idle, hosts
        self._idle: dict[tuple[object, ...], list[tuple[float, Line]]] = {}
        self.open: set[Channel] = set()

    def take(self, key: tuple[object, ...]) -> Line | None:
        """An idle connection, the one used last."""
        waiting = self._idle.get(key)
        now = time.monotonic()
        while waiting:
            until, line = waiting.pop()
            if not waiting:
                del self._idle[key]
            if line.channel.idle and now < until:
                return line._replace(fresh=False)
            self.drop(line)
        return None

    def give_back(self, key: tuple[object, ...], line: Line, keepalive: float) -> None:
        """Puts a connection back that can take another request."""
        waiting = self._idle.setdefault(key, [])
        if not line.channel.idle or len(waiting) >= self._most_idle or keepalive <= 0:
            if not waiting:
                del self._idle[key]
            self.drop(line)
            return
        waiting.append((time.monotonic() + keepalive, line))

    def sweep(self) -> None:
        """Closes idle connections whose time is over or whose peer has left."""
        now = time.monotonic()
        for key, waiting in list(self._idle.items()):
            kept = [(until, line) for until, line in waiting if now < until and line.channel.idle]
            for pair in waiting:
                if pair not in kept:
                    self.drop(pair[1])
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]

    def drop(self, line: Line) -> None:
        """Ends a connection."""
        self._end(line.channel)

    def _end(self, channel: Channel) -> None:
        channel.farewell()
        channel.close()
        self.open.discard(channel)

    def close(self) -> None:
        """Ends all of them."""
        self._idle.clear()
        for channel in list(self.open):
            channel.abort()
        self.open.clear()

    # ------------------------------------------------------------------ a new one

    async def connect(self, place: Backend, limits: Timeouts) -> Channel:
        """A TCP connection.

        Raises:
            Unreached: there is none.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limits.connect):
                host = self._hosts.get(place.host.lower(), place.host)
                found = await loop.getaddrinfo(host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            words = "took too long to resolve" if isinstance(error, TimeoutError) else "is not known"
            raise Unreached(f"host {place.host} {words}") from None
        last = Unreached(f"host {place.host} has no address")
        for family, _, _, _, where in found[:MOST_ADDRESSES]:
            try:
                return await self._connected(family, where, limits.connect)
            except Unreached as error:
                if last.tap is not None:
                    last.tap.settle()
                last = error
        raise last

    async def _connected(self, family: int, where: tuple[object, ...], seconds: float) -> Channel:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)
        code = made.connect_ex(where)
        own = made.getsockname()
        tap = self._tap_for(Endpoint(str(own[0]), own[1]), Endpoint(str(where[0]), int(str(where[1]))))
        tap.asked()
        text = f"{where[0]}:{where[1]}"
        try:
            if code in _UNDER_WAY and code:
                async with asyncio.timeout(seconds):
                    code = await _writable(made)
        except TimeoutError:
            made.close()
            raise Unreached(f"connection to {text} timed out", tap, waited=True) from None
        except BaseException:
            made.close()
            raise
        if code:
            made.close()
            if code == errno.ECONNREFUSED:
                tap.refused()
            raise Unreached(f"connection to {text}: {os.strerror(code)}", tap)
        tap.accepted()
        channel = Channel("client")
        channel.tap = tap
        await asyncio.get_running_loop().create_connection(lambda: channel, sock=made)
        self.open.add(channel)
        return channel

    async def secure(self, channel: Channel, wanted: Dressed | None, limits: Timeouts) -> Line:
        """TLS on a connection that stands, or none.

        Raises:
            Broken: the handshake failed; the connection is closed then.
        """
        if wanted is None:
            return Line(channel, Messages(channel, responses=True), None, True, [])
        decisions: list[Decision] = []
        peer = Peer(judge_of(wanted.judge, decisions), wanted.identity)
        channel.alert = lambda: next(((found.older_alert or found.alert) for found in decisions), None)  # as Java 8 sends it
        try:
            async with asyncio.timeout(limits.handshake):
                await channel.shake(connection(wanted.context, peer, wanted.server_name, server=False))
        except TimeoutError:
            if channel.acknowledged() and channel.tap is not None:
                channel.tap.acknowledged()
            self._end(channel)
            raise Broken("timeout", f"handshake timed out after {limits.handshake:g}s") from None
        except Broken as broken:
            self._end(channel)
            if decisions:
                raise Broken("local", broken.words, decisions[0]) from None
            raise
        except BaseException:
            self._end(channel)
            raise
        return Line(channel, Messages(channel, responses=True), peer, True, decisions)


async def _writable(made: socket.socket) -> int:
    """Waits until a connection is decided; the value is its error, 0 for none."""
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_writer(made, ready)
    try:
        await future
    finally:
        loop.remove_writer(made)
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
