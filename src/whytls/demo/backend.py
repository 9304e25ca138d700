"""A backend: HTTP over TLS in threads, whose TLS can be changed while it runs, as its operator would change it.

Threads with blocking sockets, for these send the alert of a handshake that fails; asyncio's server closes without a word.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from pathlib import Path
from typing import NamedTuple

from whytls.demo.authority import Chain, Issued, written

PATIENCE = 10.0  # seconds that a connection may be silent
MOST_HEAD = 64 << 10
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nsunny\n"
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip


class Setup(NamedTuple):
    """How a backend's operator set up TLS."""

    chain: Chain
    trusts: tuple[Issued, ...] = ()  # whose clients are let in; empty: everybody
    lowest: str = "TLSv1"
    highest: str = "TLSv1.2"
    ciphers: str = "ALL"  # OpenSSL's words
    needs_name: bool = False  # several sites: no handshake without server_name


def bounded(context: ssl.SSLContext, lowest: str, highest: str, ciphers: str) -> None:
    """Sets versions and suites; also old ones, which this machine's OpenSSL would not speak by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are meant
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = _VERSIONS[lowest], _VERSIONS[highest]


def context_of(setup: Setup, folder: Path, name: str) -> ssl.SSLContext:
    """The context for a setup."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    bounded(context, setup.lowest, setup.highest, setup.ciphers)
    context.load_cert_chain(written(folder, name, setup.chain))
    if setup.trusts:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata="".join(one.pem.decode() for one in setup.trusts))
    if setup.needs_name:
        context.sni_callback = lambda sock, asked, used: None if asked else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return context


class Backend:
    """One backend on a free port of loopback, until ``close``."""

    def __init__(self, name: str, setup: Setup, folder: Path) -> None:
        self.name, self._folder = name, folder
        self.setup = setup
        self._context = context_of(setup, folder, f"backend-{name}")
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"backend {name}", daemon=True).start()

    def change(self, setup: Setup) -> None:
        """Takes another setup for the connections to come."""
        self._context = context_of(setup, self._folder, f"backend-{self.name}")
        self.setup = setup

    def close(self) -> None:
        """Ends it and its connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # a thread waits in accept()
        self._listener.close()
        for made in list(self._open):
            with contextlib.suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(made,), name=f"backend {self.name}", daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        secured: socket.socket = made
        self._open.add(made)
        try:
            made.settimeout(PATIENCE)
            secured = self._context.wrap_socket(made, server_side=True)
            self._open.discard(made)
            self._open.add(secured)
            while _request(secured):
                secured.sendall(_ANSWER)
        except OSError:
            pass  # what went wrong is what the demonstration is about: the other side, and the recording, tell
        finally:
            self._open -= {made, secured}
            secured.close()


def _request(made: socket.socket) -> bool:
    """Reads a request without a body; whether there was one."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MOST_HEAD:
        piece = made.recv(4096)
        if not piece:
            return False
        head += piece
    return True
