"""Makes a client connect to a port of ours on loopback and keeps the first flight that it sends, whole: record header and all.

The client runs in a mount namespace of its own, in which /etc/hosts gives the host's name the address 127.0.0.1: so it sends the name as it
would to anybody. It gets no answer; it is ended as soon as its ClientHello is there.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whytls.wire import record as records

LARGEST = 1 << 16  # bytes of a first flight; the largest in use have 2 KB
HOST = "api.example.test"


class NoHello(Exception):
    """The client sent no ClientHello; with what it said."""


@contextmanager
def running(words: list[str], folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The client that these words start, until the block ends; what it says goes into the folder's file ``said``."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
    away = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    inside = ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), *words]
    with (folder / "said").open("wb") as said:
        client = subprocess.Popen([*away, *inside], stdin=subprocess.PIPE, stdout=said, stderr=said, env=env, cwd=folder, start_new_session=True)
        try:
            yield client
        finally:
            _end(client)


def first_flight(words: list[str], listener: socket.socket, folder: Path, env: dict[str, str], wait: float, ask: int | None = None) -> bytes:
    """The first flight of the client that these words start; ``ask``: a port to which an HTTP request makes it connect."""
    with running(words, folder, env) as client:
        return _wait_for_hello(client, listener, wait, ask, folder)


def _wait_for_hello(client: subprocess.Popen[bytes], listener: socket.socket, wait: float, ask: int | None, folder: Path) -> bytes:
    until = time.monotonic() + wait
    listener.settimeout(0.25)
    while time.monotonic() < until:
        if ask is not None:
            ask_for_something(ask)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if client.poll() is not None and ask is None:
                break
            continue
        with connection:
            flight = _read(connection, until)
        if flight:
            return flight
    text = (folder / "said").read_text(errors="replace").strip()
    raise NoHello(text[-400:] or "it said nothing")


def _read(connection: socket.socket, until: float) -> bytes:
    """What the client sends until its first message is whole; empty where that is no ClientHello."""
    data = b""
    while len(data) < LARGEST:
        found = whole(data)
        if found:
            return found
        connection.settimeout(max(0.05, until - time.monotonic()))
        try:
            more = connection.recv(16384)
        except OSError:
            return b""
        if not more:
            return b""
        data += more
    return b""


def whole(data: bytes) -> bytes:
    """The records that hold the ClientHello, once all of it is there."""
    split = records.split(data)
    if split.records and split.records[0].content_type == records.SSLV2:
        return data[: split.records[0].end]
    message = b""
    for one in split.records:
        if one.content_type != records.HANDSHAKE:
            break
        message += data[one.start : one.end]
        if len(message) >= 4 and message[0] == 1 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return data[: one.end]
    return b""


def ask_for_something(port: int, wait: float = 0.2) -> None:
    """One HTTP request to a proxy."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=wait).close()
    except OSError:
        pass  # the proxy is not there yet, or gets no answer from us: what it sends is all that counts


def _end(client: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(client.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    client.wait()
