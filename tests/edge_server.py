"""A small Management API over real HTTP for tests: what it holds is a dictionary, what it does on top is scripted."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


Reply = tuple[int, dict[str, str], bytes]


class EdgeServer:
    """Serves ``resources`` by path; ``before`` may answer first (None: go on). ``asked`` has all requests."""

    def __init__(self, resources: dict[str, Any] | None = None, context: ssl.SSLContext | None = None) -> None:
        self.resources = dict(resources or {})
        self.before: Callable[[Asked], Reply | None] = lambda asked: None
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def answer(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, parts.path, parse_qs(parts.query), {k.lower(): v for k, v in self.headers.items()}, body)
                outer.asked.append(asked)
                status, headers, content = outer.before(asked) or outer._stored(asked)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  (names of http.server)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> EdgeServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _stored(self, asked: Asked) -> Reply:
        if asked.path not in self.resources:
            return reply({"code": "messaging.config.beans.ApplicationDoesNotExist", "message": f"{asked.path} is not there", "contexts": []}, 404)
        held = self.resources[asked.path]
        return (200, {"Content-Type": "application/octet-stream"}, held) if isinstance(held, bytes) else reply(held)


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A value as JSON."""
    return (
        status,
        {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}},
        json.dumps(value).encode(),
    )
