"""A connection to the server as the attempt sees it: bytes out, bytes in, and an end that is told apart from a reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

READ = 1 << 16


class Line:
    """A connected socket that does not block; the first ``leftover`` bytes were read on the way."""

    def __init__(self, connected: socket.socket, leftover: bytes = b"") -> None:
        self._socket, self._leftover = connected, leftover
        if connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def local(self) -> tuple[Any, ...]:
        """Our own end, as the socket names it."""
        name = self._socket.getsockname()
        return name if isinstance(name, tuple) else (str(name), 0)

    async def send(self, data: bytes) -> None:
        """Sends all of it.

        Raises:
            OSError: the other end is gone.
        """
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """The next bytes; none at the end.

        Raises:
            OSError: the connection was reset.
        """
        if self._leftover:
            data, self._leftover = self._leftover, b""
            return data
        return await asyncio.get_running_loop().sock_recv(self._socket, READ)

    def close(self) -> None:
        """Ends it in order."""
        self._socket.close()

    def drop(self) -> None:
        """Ends it with a reset, so that neither end keeps it: an attempt that knows what it wanted to know has nothing to say."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self._socket.close()
