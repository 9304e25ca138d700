"""The Management API as an ASGI application: who calls, how large what he sends may be, which route it is; then a thread does the work.

Order matters: an unknown caller is sent away before a byte of his body is read; a body is read whole, within its route's bound and in time,
before anything is done with it; and what is done is one transaction. So a connection that breaks off changes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
from contextlib import nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, Any

from whytls.exceptions import WhytlsError
from whytls.gateway.management import deployments, keystores, openapi, organizations, problem, proxies, resources, roles
from whytls.gateway.management.route import LARGE, Answer, Call, Route
from whytls.gateway.management.settings import LOOPBACK, Settings
from whytls.gateway.store import Store, ensure

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

ROUTES: tuple[Route, ...] = (
    *organizations.ROUTES, *keystores.ROUTES, *resources.ROUTES, *proxies.ROUTES, *deployments.ROUTES, *roles.ROUTES,
)  # fmt: skip
DESCRIPTION_PATH = "/openapi.json"
OPEN_PATHS = (DESCRIPTION_PATH, organizations.TOKEN_PATH)
MOST_BUNDLES = 4  # that are held in memory at once
SLOWEST = 30.0  # seconds until a body has to be there
_SHORT = {2: ("o", "organizations"), 4: ("e", "environments")}
_log = logging.getLogger(__name__)


def app(store: Store, settings: Settings) -> ASGIApp:
    """The application over a store; makes the organization and the environments of the settings where they are not there yet."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.routing import Route as Path

    from whytls import __version__

    ensure(store, settings.organization, settings.environments)
    description = openapi.description(ROUTES, __version__)

    async def described(_: Request) -> Response:
        return _response(Answer(description))

    paths = [Path(DESCRIPTION_PATH, described, methods=["GET"])]
    for path, group in groupby(sorted(ROUTES, key=lambda route: route.path), key=lambda route: route.path):
        paths.append(_path(path, {route.method: route for route in group}, store, settings))
    application = Starlette(routes=paths, exception_handlers={HTTPException: _http_error, Exception: _our_bug})
    application.router.redirect_slashes = False
    return _Door(application, store, settings)


def _path(path: str, routes: dict[str, Route], store: Store, settings: Settings) -> Any:
    """All operations of one path."""
    from starlette.concurrency import run_in_threadpool
    from starlette.routing import Route as Path

    few = asyncio.Semaphore(MOST_BUNDLES)

    async def serve(request: Request) -> Response:
        route = routes["GET" if request.method == "HEAD" else request.method]
        async with few if route.largest == LARGE else nullcontext():
            return await served(request, route)

    async def served(request: Request, route: Route) -> Response:
        content_type = request.headers.get("content-type", "")
        try:
            body = await asyncio.wait_for(_body(request, route.largest), SLOWEST)
        except TimeoutError:
            return _response(problem.answer(408, "gateway.management.TimedOut", f"the body was not there within {SLOWEST:.0f} seconds"))
        if body is None:
            message = f"the body is larger than the {route.largest >> 10} KB that are taken here"
            return _response(problem.answer(413, "gateway.management.TooLarge", message, {"connection": "close"}))
        accept = request.headers.get("accept", "")
        call = Call(store, settings, dict(request.path_params), dict(request.query_params), content_type, body, accept, settings.user)
        return _response(await run_in_threadpool(_answered, route, call))

    return Path(path, serve, methods=list(routes))


def _answered(route: Route, call: Call) -> Answer:
    taken = [shape.media for shape in route.takes]
    if call.body and call.media and taken and call.media not in taken:
        return problem.answer(415, "gateway.management.MediaType", f"the body is {call.media[:80]}; {' or '.join(taken)} is taken here")
    try:
        route.check(call)
        return route.function(call)
    except WhytlsError as error:
        return problem.of(error)


async def _body(request: Request, largest: int) -> bytes | None:
    """The body; None: it is larger than it may be."""
    if int(request.headers.get("content-length", "0")) > largest:
        return None
    taken = bytearray()
    async for piece in request.stream():
        taken += piece
        if len(taken) > largest:
            return None
    return bytes(taken)


class _Door:
    """Who may come in: a caller on this machine's own names, with the right password or token. Short paths become the long ones."""

    def __init__(self, inner: ASGIApp, store: Store, settings: Settings) -> None:
        self.inner, self.settings = inner, settings
        self.token = store.secret.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no lifespan, no WebSocket
        scope = {**scope, "path": _long(scope["path"])}
        headers = {name.lower(): value for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        await (self.inner if refusal is None else _response(refusal))(scope, receive, send)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Answer | None:
        host = headers.get(b"host", b"").decode("latin-1").rpartition("]")[0].removeprefix("[") or _host(headers.get(b"host", b""))
        if not self.settings.anywhere and host and host not in LOOPBACK:
            # A name of somebody else that leads here: a page in a browser tries to reach this machine's own services (DNS rebinding).
            return problem.answer(421, "gateway.management.Misdirected", f"{host[:80]} is not served here, only {', '.join(LOOPBACK)}")
        origin = headers.get(b"origin")
        if origin is not None and origin.partition(b"//")[2] != headers.get(b"host"):
            # A page of somebody else, in a browser that has the password and sends it along (CSRF).
            return problem.answer(403, "gateway.management.Forbidden", "Pages from elsewhere may not call this")
        if path in OPEN_PATHS or self._known(headers.get(b"authorization", b"")):
            return None
        return problem.answer(
            401, "gateway.management.Unauthorized", "The user or the token is not known here", {"www-authenticate": 'Basic realm="whytls gateway"'}
        )  # fmt: skip

    def _known(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() == b"bearer":
            return hmac.compare_digest(given.strip(), self.token)
        if scheme.lower() != b"basic":
            return False
        try:
            user, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        right = hmac.compare_digest(password, self.token)
        return hmac.compare_digest(user, self.settings.user.encode()) and right


def _host(value: bytes) -> str:
    return value.decode("latin-1").partition(":")[0].lower()


def _long(path: str) -> str:
    """``/v1/o/x/e/y/`` as ``/v1/organizations/x/environments/y``."""
    steps = path.rstrip("/").split("/")
    if steps[1:2] == ["v1"]:
        for place, (short, long) in _SHORT.items():
            if steps[place : place + 1] == [short]:
                steps[place] = long
    return "/".join(steps) or "/"


def _response(answer: Answer) -> Response:
    from starlette.responses import Response

    body = json.dumps(answer.value, ensure_ascii=False, indent=2).encode() if answer.body is None else answer.body
    fixed = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(body, answer.status, {**fixed, **answer.headers}, answer.media)


async def _http_error(_: Request, error: Any) -> Response:
    """What Starlette itself says: no such path, no such method."""
    code = {404: "NoSuchPath", 405: "MethodNotAllowed"}.get(error.status_code, "Refused")
    return _response(problem.answer(error.status_code, f"gateway.management.{code}", str(error.detail), dict(error.headers or {})))


async def _our_bug(request: Request, error: Exception) -> Response:
    _log.error("%s %s: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    return _response(problem.answer(500, "gateway.management.InternalError", "This is a fault of the gateway; its log says more"))
