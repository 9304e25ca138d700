"""What is ours beside the Management API, on the same port and with the same token: the trace, and the restart of a component.

``GET /trace`` gives JSON lines; ``?since=NUMBER``, ``cause=SLUG`` and ``hop=HOP`` choose. ``POST /restart/message-processor`` and
``POST /restart/router`` do what ``apigee-service`` does on Edge: stores that are named literally and the properties files are read anew.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from whytls.exceptions import WhytlsError
from whytls.gateway.trace import Trace

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
COMPONENTS = ("message-processor", "router")
_JSON, _LINES = b"application/json", b"application/jsonl"


class Control:
    """The ASGI application around another one, which gets every other path."""

    def __init__(self, inner: Application, trace: Trace, token: str, restarts: Mapping[str, Callable[[], None]]) -> None:
        self._inner, self._trace, self._token, self._restarts = inner, trace, token.encode(), restarts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path = scope.get("path", "") if scope["type"] == "http" else ""
        if path != "/trace" and not path.startswith("/restart/"):
            await self._inner(scope, receive, send)
        elif not self._known(dict(scope["headers"]).get(b"authorization", b"")):
            await _problem(send, 401, "unauthorized", "the token that was printed at the start is wanted")
        elif path == "/trace":
            await self._shown(scope, send)
        else:
            await self._restarted(scope, path.removeprefix("/restart/"), send)

    def _known(self, given: bytes) -> bool:
        scheme, _, words = given.partition(b" ")
        if scheme.lower() == b"basic":
            try:
                words = base64.b64decode(words.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return False
        return scheme.lower() in (b"basic", b"bearer") and hmac.compare_digest(words.strip(), self._token)

    async def _shown(self, scope: Message, send: Send) -> None:
        if scope["method"] != "GET":
            await _problem(send, 405, "method.not.allowed", "GET")
            return
        query = scope.get("query_string", b"")[:1024].decode("latin-1")
        try:
            asked = {name: values[-1] for name, values in parse_qs(query, max_num_fields=8).items()}
        except ValueError:
            asked = {}
        since = int(asked["since"]) if asked.get("since", "").isdecimal() and len(asked["since"]) < 16 else 0
        lines = [json.dumps(entry, separators=(",", ":")) for entry in self._trace.since(since, asked.get("cause", ""), asked.get("hop", ""))]
        await _send(send, 200, "".join(f"{line}\n" for line in lines).encode(), _LINES)

    async def _restarted(self, scope: Message, component: str, send: Send) -> None:
        restart = self._restarts.get(component)
        if scope["method"] != "POST":
            await _problem(send, 405, "method.not.allowed", "POST")
        elif restart is None:
            await _problem(send, 404, "component.unknown", f"one of {', '.join(COMPONENTS)}")
        else:
            try:
                restart()
            except WhytlsError as error:
                await _problem(send, 400, "properties.unusable", str(error))
                return
            await _send(send, 200, json.dumps({"restarted": component}).encode(), _JSON)


async def _problem(send: Send, status: int, code: str, message: str) -> None:
    await _send(send, status, json.dumps({"code": code, "message": message, "contexts": []}).encode(), _JSON)


async def _send(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
