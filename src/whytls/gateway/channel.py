"""One TCP connection as something to read from and write to, TLS or plain; every byte passes the tap on its way.

OpenSSL works on memory here and the event loop on the socket, so that nothing is sent or received unseen. Reading stops when nobody takes what
came (the peer's window closes then), and ``drain`` waits while the peer does not take what was written: bodies of any size pass in bounded
memory, both ways.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Literal

from OpenSSL import SSL

from whytls.gateway.tap import Tap
from whytls.gateway.tls import Peer
from whytls.model import Side
from whytls.pki.profiles import Decision

HIGH, LOW = 256 << 10, 64 << 10  # plain bytes that wait to be read: above HIGH the socket is not read any more
STALLED = 60.0  # nginx's send_timeout
_CHUNK = 16_384  # what one record holds
_READ, _FLUSH = 65_536, 1 << 18
_FATAL = b"\0\2\2"  # behind an alert record's version: two bytes, fatal
_LAST_WORDS = 16  # reads of what a peer that reset the connection had said before
_OF_AN_ALERT = ("tls alert ", "tlsv1 ", "tlsv13 ", "sslv3 alert ", "ssl/tls alert ", "reason(1")  # OpenSSL's texts for alerts received
_UNACKED = slice(24, 28)  # of struct tcp_info (linux/tcp.h): eight bytes, then numbers of four, of which it is the fifth

How = Literal["alert", "closed", "reset", "timeout", "local"]


class Broken(Exception):
    """The connection cannot be used any more. ``how``: the peer's alert, its FIN or RST, nothing in time, or we would not go on."""

    def __init__(self, how: How, words: str = "", decision: Decision | None = None) -> None:
        super().__init__(words or how)
        self.how, self.words = how, words
        self.decision = decision  # about the peer's certificate, where that is why we would not go on


class Channel(asyncio.Protocol):
    """One end of a connection, ours being ``side``."""

    def __init__(self, side: Side) -> None:
        self.side: Side = side
        self.peer_side: Side = "server" if side == "client" else "client"
        self.tap: Tap | None = None
        self.peer: Peer | None = None
        self.transport: asyncio.Transport | None = None
        self.secure: SSL.Connection | None = None
        self.ended = False  # the peer sent FIN, or close_notify
        self.lost: BaseException | None = None
        self.gone = asyncio.Event()
        self.alert: Callable[[], int | None] | None = None  # the alert that another stack would send in place of OpenSSL's
        self._waiting: deque[bytes] = deque()  # raw bytes while there is no TLS, plain ones else
        self._size = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._paused = self._blocked = self._closing = self._finished = False
        self._broken: Broken | None = None

    # ------------------------------------------------------------------ the event loop's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; the subclass or the caller has the tap."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- the event loop's own contract
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        if self.tap is not None:
            self.tap.passed(self.peer_side, data)
        if self.secure is None:
            self._put(data)
        else:
            self.secure.bio_write(data)
            self._open()
        self._wake()

    def eof_received(self) -> bool:
        """The peer's FIN: we close when we are done."""
        if self.tap is not None:
            self.tap.closed(self.peer_side)
        self.ended = True
        self._wake()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The end of it, whoever brought it about."""
        if error is not None and not self._closing:
            self._last_words()
        if self.tap is not None and isinstance(error, ConnectionResetError):
            self.tap.reset(self.peer_side)
        self.lost = error or ConnectionAbortedError()
        self.ended = True
        self._wake()
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)
        self.gone.set()

    def _last_words(self) -> None:
        """Reads what still lies in the socket: the event loop gives a connection up when a write fails, and an alert would be lost with it."""
        found = self.transport.get_extra_info("socket") if self.transport is not None else None
        if found is None:
            return
        for _ in range(_LAST_WORDS):
            try:
                data = os.read(found.fileno(), _READ)
            except OSError:
                return
            if not data:
                return
            self.data_received(data)

    def pause_writing(self) -> None:
        """The peer does not take what we write."""
        self._blocked = True

    def resume_writing(self) -> None:
        """It does again."""
        self._blocked = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    # ------------------------------------------------------------------ reading

    async def read(self) -> bytes:
        """What came, at least one byte; nothing at the end.

        Raises:
            Broken: the peer reset the connection or sent a fatal alert.
        """
        while not self._waiting:
            if self._broken is not None:
                raise self._broken
            if isinstance(self.lost, OSError) and not isinstance(self.lost, ConnectionAbortedError):
                raise Broken("reset", str(self.lost))
            if self.ended:
                return b""
            await self._more()
        data = self._waiting.popleft()
        self._size -= len(data)
        if self._paused and self._size < LOW and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return data

    def unread(self, data: bytes) -> None:
        """Puts bytes back in front."""
        if data:
            self._waiting.appendleft(data)
            self._size += len(data)

    @property
    def idle(self) -> bool:
        """Whether it can be used for another request: open, and nothing came unasked."""
        return not (self.ended or self._closing or self._waiting or self._broken)

    async def _more(self) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _put(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    # ------------------------------------------------------------------ TLS

    async def shake(self, made: SSL.Connection) -> None:
        """The TLS handshake, over what was read already and what comes.

        Raises:
            Broken: it failed, and who broke it off how.
        """
        self.peer = made.get_app_data()
        assert self.peer is not None  # noqa: S101 -- tls.connection() gave it one
        for data in self._waiting:
            made.bio_write(data)
        self._waiting.clear()
        self._size = 0
        self.secure = None  # until it stands, bytes gather
        while True:
            try:
                made.do_handshake()
            except SSL.WantReadError:
                self._flush(made)
            except SSL.Error as error:
                self._flush(made)
                raise self._failed(error) from None
            else:
                self._flush(made)
                break
            data = await self._raw()
            while self._waiting:
                data += self._waiting.popleft()
            self._size = 0
            self.peer.hear(made, data)
            made.bio_write(data)
        self.secure = made
        self._open()

    async def _raw(self) -> bytes:
        data = await self.read()
        if not data:
            raise Broken("closed", "Remote host closed connection during handshake")
        return data

    def _failed(self, error: SSL.Error) -> Broken:
        reason = _reason(error)
        if self.peer is not None and self.peer.refused:
            return Broken("local", reason)
        return Broken("alert" if reason.startswith(_OF_AN_ALERT) else "local", reason)

    def _open(self) -> None:
        """Plain bytes out of what came."""
        made = self.secure
        assert made is not None  # noqa: S101 -- the callers asked
        try:
            while True:
                data = made.recv(_READ)
                if not data:
                    break
                self._put(data)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.ended = True
        except SSL.Error as error:
            self._broken = self._broken or self._failed(error)
        self._flush(made)

    def _flush(self, made: SSL.Connection) -> None:
        """What OpenSSL has to send."""
        while True:
            try:
                data = made.bio_read(_FLUSH)
            except SSL.WantReadError:
                return
            if self.alert is not None and self.secure is None and data[-7:-6] == b"\x15" and data[-4:-1] == _FATAL:
                number = self.alert()
                data = data[:-1] + bytes((number,)) if number is not None else data
            self.send(data)
            if len(data) < _FLUSH:
                return

    # ------------------------------------------------------------------ writing

    def send(self, data: bytes) -> None:
        """Bytes for the wire, as they are."""
        if self.transport is None or self._closing or self._finished or self.lost is not None:
            return
        if self.tap is not None:
            self.tap.passed(self.side, data)
        self.transport.write(data)

    def write(self, data: bytes) -> None:
        """Plain bytes, which are encrypted where TLS stands."""
        made = self.secure
        if made is None:
            self.send(data)
            return
        if self._closing or self.lost is not None:
            return
        try:
            for at in range(0, len(data), _CHUNK):
                made.send(data[at : at + _CHUNK])
        except SSL.Error as error:
            self._broken = self._broken or self._failed(error)
        self._flush(made)

    async def drain(self) -> None:
        """Waits while the peer does not take what was written.

        Raises:
            Broken: it is gone, or has taken nothing for STALLED seconds.
        """
        while self._blocked and self.lost is None:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(STALLED):
                    await self._writer
            except TimeoutError:
                raise Broken("timeout", "the peer takes nothing any more") from None
            finally:
                self._writer = None
        if self.lost is not None:
            raise Broken("reset", str(self.lost))

    # ------------------------------------------------------------------ the end

    def acknowledged(self) -> bool:
        """Whether the peer's TCP has taken all that was written, as the kernel knows; False where it cannot be asked."""
        found = self.transport.get_extra_info("socket") if self.transport is not None else None
        option = getattr(socket, "TCP_INFO", None)
        if found is None or option is None or self.transport is None or self.transport.get_write_buffer_size():
            return False
        try:
            info = found.getsockopt(socket.IPPROTO_TCP, option, _UNACKED.stop)
        except OSError:
            return False
        return len(info) == _UNACKED.stop and not any(info[_UNACKED])

    def farewell(self) -> None:
        """close_notify, where TLS stands."""
        if self.secure is not None and self._broken is None and not self._closing:
            try:
                self.secure.shutdown()
            except SSL.Error:
                pass
            self._flush(self.secure)

    def finish(self) -> None:
        """Our FIN, while the peer's bytes are still read."""
        if self._finished or self._closing or self.transport is None or self.lost is not None:
            return
        if self.tap is not None:
            self.tap.closed(self.side)
        self._finished = True
        try:
            self.transport.write_eof()
        except OSError:  # the peer has reset the connection, and the event loop has not seen it yet
            self.transport.abort()

    def close(self) -> None:
        """Our FIN, behind what is still to be written; the end."""
        if self._closing or self.transport is None:
            return
        if self.tap is not None and self.lost is None and not self._finished:
            self.tap.closed(self.side)
        self._closing = True
        self.transport.close()

    def abort(self) -> None:
        """Our RST."""
        if self.transport is None:
            return
        if self.tap is not None and self.lost is None and not self._closing:
            self.tap.reset(self.side)
        self._closing = True
        self.transport.abort()


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words for the first error in its queue."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return next((entry[2] for entry in queue if entry[2]), "") or (str(error.args[0]) if error.args and not queue else "unexpected eof")
