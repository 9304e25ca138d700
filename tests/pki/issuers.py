"""A server on loopback that answers each path as it is told, also against every rule of HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Answer = bytes | Callable[[socket.socket], None]


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


class Issuers:
    """The running server: ``answers`` by path, ``asked`` in order."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def serve(self, connected: socket.socket) -> None:
        with connected:
            connected.settimeout(10)
            try:
                head = b""
                while b"\r\n\r\n" not in head and len(head) < 65536:
                    head += connected.recv(4096) or b"\r\n\r\n"
                path = head.split(b" ")[1].decode()
                self.asked.append(path)
                self.hosts += [line[6:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"host: ")]
                answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                if callable(answer):
                    answer(connected)
                else:
                    connected.sendall(answer)
            except OSError:
                return  # the client had enough


@contextmanager
def issuers() -> Iterator[Issuers]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = Issuers(listening)

        def accept() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=running.serve, args=(connected,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield running
        listening.shutdown(socket.SHUT_RDWR)
