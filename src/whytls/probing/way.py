"""The way to a server: from one of its addresses to a line on which the first TLS byte may be sent.

Theory of operation
-------------------
One connection, and on it a row of stages: the proxy, if there is one, is asked for the connection; the header of the PROXY protocol
goes out; then the protocol that stands in front of TLS is spoken up to its step to TLS. Each stage is a generator of
``dialects.py`` that says what to send and is given what came; this file carries the bytes, keeps the time, and closes the
socket on every path but one: where the way is open, the line belongs to the caller. What a stage received beyond its own answer is
handed on to the next one, and in the end to the line.

What happened is written into the attempt's ``Conversation``: SYN and SYN-ACK when the connection stands, RST, FIN or "unreachable"
where it does not, and in ``prelude`` what stood in front of TLS, in the words in which ``capture/prelude.py`` tells it of a recording:
of several stages the innermost gives its kind, and a proxy its target.

A failure is a value. Nothing is raised for what the other end does, only for a call that cannot be (a password that is not there).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from whytls.model import Endpoint, Prelude
from whytls.pki.readers.live import Address, is_name
from whytls.probing.conversation import Conversation
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.line import Line
from whytls.probing.target import Target, Where
from whytls.wire.message import ForeignBytes

if TYPE_CHECKING:
    from whytls.probing.dialogue import Refused, Result, Talk

FailedKind = Literal[
    "refused",  # nobody listens, or a firewall says so
    "timeout",  # no answer in time; ``stage`` tells to what
    "unreachable",  # the network, or the socket's path, leads nowhere
    "reset", "closed",  # the connection stood, and was ended on the way
    "refused-by-proxy", "starttls-refused",  # in the other end's own words
    "foreign",  # the answer is none of that protocol
    "endless",  # more than anybody needs to say
    "local",  # this machine: no sockets, no ports, not permitted
]  # fmt: skip

PROXIES = frozenset(("http-connect", "socks4", "socks5"))  # kinds of stages
_LOCAL = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT))
_RESET = frozenset((errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN))


class Opened(NamedTuple):
    """The way is open. Whoever has this closes the line."""

    line: Line  # what the server said already is read from it first
    local: Endpoint
    remote: Endpoint  # what TCP is connected to: the server, or the proxy
    preludes: tuple[Prelude, ...] = ()  # what stood in front of TLS, outermost first
    leftover: bytes = b""  # what the server said behind its permission, before a byte of TLS was sent
    connected: float = 0.0  # seconds until the connection stood
    ready: float = 0.0  # seconds until TLS could begin


class Failed(NamedTuple):
    """The way is not open, and no socket is left behind."""

    kind: FailedKind
    words: str  # one sentence for people; the other end's own words are made harmless
    stage: str  # tcp, or the kind of the prelude that was being spoken
    local: Endpoint
    remote: Endpoint
    preludes: tuple[Prelude, ...] = ()
    quiet: int = 0  # nanoseconds that were waited in vain

    @property
    def hindered_by_load(self) -> bool:
        """Whether it may be too many connections that the other end minds, and not what was said on this one."""
        return self.kind in ("refused", "reset", "closed") or (self.kind == "timeout" and self.stage == "tcp")


async def opened(target: Target, where: Where, said: Conversation, limits: Limits = DEFAULT) -> Opened | Failed:
    """Connects, and walks proxy, PROXY header and dialect, in at most ``limits.total`` seconds.

    Raises:
        InputError: the proxy's password cannot be had.
    """
    way = _Way(target, where, said, limits)
    try:
        return await way.walk()
    finally:
        way.leave()


class _Broken(Exception):
    """Ends the walk; the value says how."""

    def __init__(self, kind: FailedKind, words: str, quiet: float = 0.0) -> None:
        super().__init__(words)
        self.kind, self.words, self.quiet = kind, words, int(quiet * 1e9)


class _Way:
    """One walk."""

    def __init__(self, target: Target, where: Where, said: Conversation, limits: Limits) -> None:
        self._target, self._where, self._said, self._limits = target, where, said, limits
        self._begun = monotonic()
        self._end = self._begun + limits.total
        self._stage, self._received, self._rest = "tcp", 0, b""
        self._preludes: list[Prelude] = []
        self._local, self._remote = Endpoint("", 0), Endpoint("", 0)
        self._line: Line | None = None
        self._kept = self._answered = False

    async def walk(self) -> Opened | Failed:
        """The connection, then each stage."""
        try:
            connected = await self._connected()
            self._line = line = Line(connected)
            self._local, at = _endpoint(connected.getsockname()), monotonic()
            for kind, talk in self._stages():
                self._stage = kind
                await self._speak(line, talk)
        except _Broken as broken:
            self._said.prelude = _told(self._preludes)
            return Failed(broken.kind, broken.words, self._stage, self._local, self._remote, tuple(self._preludes), broken.quiet)
        self._said.prelude = _told(self._preludes)
        self._kept = True
        times = (at - self._begun, monotonic() - self._begun)
        return Opened(Line(connected, self._rest), self._local, self._remote, tuple(self._preludes), self._rest, *times)

    def leave(self) -> None:
        """Ends the connection, unless it was handed over: in order where the other end has spoken, with a reset where it is stuck."""
        if self._line is not None and not self._kept:
            if self._answered:
                self._line.close()
            else:
                self._line.drop()

    # -------------------------------------------------------------- TCP

    async def _connected(self) -> socket.socket:
        """A connected socket: to the target, or to the first address of the proxy that takes the connection."""
        ways = self._where.proxies or ((self._where.family, self._where.address),)
        whom = f"the proxy {self._target.proxy}" if self._where.proxies else "the server"
        for number, (family, address) in enumerate(ways, 1):
            self._remote = _endpoint(address)
            self._said.add("syn", "client")
            try:
                connected = await self._connect(family, address)
            except _Broken as broken:
                if number == len(ways):
                    words = f"{whom}: {broken.words}" if self._where.proxies else broken.words
                    raise _Broken(broken.kind, words, broken.quiet / 1e9) from None
                continue
            self._said.add("syn-ack", "server")
            return connected
        raise _Broken("unreachable", f"{whom} has no address")

    async def _connect(self, family: int, address: Any) -> socket.socket:
        patience = min(self._limits.connect, self._end - monotonic())
        connected = None
        try:
            connected = socket.socket(family, socket.SOCK_STREAM)
            connected.setblocking(False)
            path = f"\0{address[1:]}" if family == socket.AF_UNIX and address[:1] == "@" else address
            async with asyncio.timeout(patience):
                await asyncio.get_running_loop().sock_connect(connected, path)
            if family == socket.AF_UNIX:
                connected.getpeername()  # asyncio takes EAGAIN, a full queue, for "under way"
            elif connected.getsockname() == address:  # TCP's simultaneous open, with ourselves
                raise ConnectionRefusedError(errno.ECONNREFUSED, "")
        except BaseException as error:
            if connected is not None:
                connected.close()
            if isinstance(error, OSError):
                raise self._unconnected(error, patience) from None
            raise
        return connected

    def _unconnected(self, error: OSError, patience: float) -> _Broken:
        """What a failed connect tells; the system's own errors are no answer of the network."""
        place = str(self._remote)
        if isinstance(error, TimeoutError) and error.errno is None:
            return _Broken("timeout", f"{place} did not answer within {patience:.3g} s", patience)
        said = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _LOCAL:
            return _Broken("local", f"this machine could not connect to {place}: {said}")
        full = error.errno == errno.ENOTCONN and self._where.family == socket.AF_UNIX
        if full or isinstance(error, ConnectionRefusedError):
            self._said.add("rst", "server")
            why = "its queue of connections is full" if full else "nothing listens there, or a firewall says so"
            return _Broken("refused", f"{place} refuses connections: {why}")
        if error.errno in _RESET:  # RFC 9293 section 3.10.7: before the SYN-ACK a RST is a refusal; so the connection stood
            self._said.add("syn-ack", "server")
            self._said.add("rst", "server")
            return _Broken("reset", f"{place} reset the connection as soon as it stood")
        if error.errno == errno.ETIMEDOUT:
            return _Broken("timeout", f"{place} did not answer: {said}")
        self._said.add("icmp-unreachable", "server")
        return _Broken("unreachable", f"{place} cannot be reached: {said}")

    # -------------------------------------------------------------- stages

    def _stages(self) -> Iterator[tuple[str, Talk]]:
        """What has to be spoken before TLS, outermost first."""
        target, where = self._target, self._where
        if target.proxy is None and target.proxy_header is None and not target.starttls:
            return  # as nearly always: and what follows is not imported either
        from whytls.probing.dialects import upgrade
        from whytls.probing.proxies import http_connect, proxy_header, socks4, socks5

        if target.proxy is not None and where.proxies:
            wanted = Address(str(where.address[0]).partition("%")[0], where.address[1])
            user, password = target.proxy.user, target.proxy.password
            word = password.reveal() if password is not None else ""
            if target.proxy.kind == "http":
                yield "http-connect", http_connect(wanted, user, word)
            elif target.proxy.kind in ("socks4", "socks4a"):
                yield "socks4", socks4(wanted, user)
            else:
                yield "socks5", socks5(wanted, user, word)
        if target.proxy_header is not None:
            header = target.proxy_header
            to = Address(str(where.address[0]), where.address[1]) if where.family in (socket.AF_INET, socket.AF_INET6) else None
            yield f"proxy-{header.version}", proxy_header(header.version, header.source, to)
        if target.starttls:
            name = target.host if target.host and is_name(target.host) else target.server_name or target.host
            yield target.starttls, upgrade(target.starttls, name, self._local.address if self._local.port else "")

    async def _speak(self, line: Line, talk: Talk) -> None:
        """One stage, to its end; what came behind it is kept for the next."""
        from whytls.probing.dialogue import Refused, Upgraded

        kind, received = self._stage, None
        try:
            while True:
                try:
                    data = talk.send(received)
                except StopIteration as stop:
                    result: Result = stop.value
                    break
                if data:
                    await self._send(line, data)
                received, self._rest = self._rest or await self._heard(line), b""
            if isinstance(result, Upgraded) and result.last:
                await self._send(line, result.last)
        except _Broken as broken:
            self._preludes.append(Prelude(kind, (), self._wanted(kind), upgraded=False))
            raise _Broken(broken.kind, f"in {_NAMES.get(kind, kind)}, before TLS: {broken.words}", broken.quiet / 1e9) from None
        finally:
            talk.close()
        if isinstance(result, Refused):
            self._answered = result.reason != "endless"
            raise self._refused(kind, result)
        self._preludes.append(Prelude(kind, (), result.target))
        self._rest = result.leftover

    def _wanted(self, kind: str) -> str | None:
        """What a proxy was asked for."""
        return str(self._where) if kind in PROXIES else None

    def _refused(self, kind: str, result: Refused) -> _Broken:
        """What the end of a conversation tells; where the other end did not end it, we do."""
        name = _NAMES.get(kind, kind)
        said = f": {result.words}" if result.words else ""
        no = result.reason in ("refused", "not-offered")
        if result.reason == "foreign":  # no prelude: nothing of that protocol was spoken
            self._said.add("foreign", "server", ForeignBytes(result.heard, len(result.heard)), len(result.heard))
        else:
            self._preludes.append(Prelude(kind, (), self._wanted(kind), upgraded=False, refusal=(result.words or None) if no else None))
        self._said.add("fin", "server" if result.reason == "closed" else "client")
        if result.reason == "closed":
            return _Broken("closed", f"in {name}, before TLS: the other end closed" + (f" after {result.words!r}" if result.words else ""))
        if result.reason == "foreign":
            return _Broken("foreign", f"what answers does not speak {name}{said}")
        if result.reason == "endless":
            return _Broken("endless", f"in {name}, before TLS: the other end did not stop talking{said}")
        if kind in PROXIES:
            return _Broken("refused-by-proxy", f"the proxy {self._target.proxy} refused {self._where}{said}")
        unlisted = " and does not list it" if result.reason == "not-offered" else ""
        return _Broken("starttls-refused", f"the server refused to change from {name} to TLS{unlisted}{said}")

    # -------------------------------------------------------------- bytes

    async def _heard(self, line: Line) -> bytes:
        """The next bytes; none where the other end closed."""
        patience = min(self._limits.answer, self._end - monotonic())
        try:
            async with asyncio.timeout(patience):
                data = await line.receive()
        except TimeoutError:
            raise self._late(patience) from None
        except OSError as error:
            raise self._gone(error) from None
        self._received += len(data)
        if self._received > self._limits.most_bytes:
            raise _Broken("endless", f"the other end said more than {self._limits.most_bytes} bytes")
        return data

    async def _send(self, line: Line, data: bytes) -> None:
        patience = min(self._limits.answer, self._end - monotonic())
        try:
            async with asyncio.timeout(patience):
                await line.send(data)
        except TimeoutError:
            raise self._late(patience) from None
        except OSError as error:
            raise self._gone(error) from None

    def _late(self, patience: float) -> _Broken:
        if self._end - monotonic() <= 0:
            return _Broken("timeout", f"the {self._limits.total:g} s that one connection may take were over", patience)
        return _Broken("timeout", f"no answer within {patience:.3g} s", patience)

    def _gone(self, error: OSError) -> _Broken:
        self._said.add("rst", "server")
        return _Broken("reset", f"the connection was lost: {os.strerror(error.errno) if error.errno else error}")


_NAMES = {
    "http-connect": "HTTP CONNECT", "socks4": "SOCKS 4", "socks5": "SOCKS 5", "proxy-v1": "the PROXY protocol", "proxy-v2": "the PROXY protocol",
    "postgresql": "PostgreSQL", "mysql": "MySQL", "sieve": "ManageSieve", "xmpp-server": "XMPP between servers",
    **{dialect: dialect.upper() for dialect in ("smtp", "lmtp", "imap", "pop3", "ftp", "nntp", "ldap", "xmpp")},
}  # fmt: skip


def _told(preludes: list[Prelude]) -> Prelude | None:
    """One prelude for all of them, as ``capture.prelude.find`` tells it: the innermost, with the target of what stood before it."""
    told: Prelude | None = None
    for prelude in preludes:
        kind = {"xmpp-server": "xmpp"}.get(prelude.kind, prelude.kind)
        told = prelude._replace(kind=kind, target=prelude.target or (told and told.target))
    return told


def _endpoint(address: Any) -> Endpoint:
    """A socket's address as an end of a connection."""
    if isinstance(address, tuple):
        return Endpoint(str(address[0]), int(address[1]))
    return Endpoint(address.decode(errors="replace").replace("\0", "@") if isinstance(address, bytes) else str(address), 0)
