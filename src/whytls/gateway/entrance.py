"""The Message Processor's own door, for a Router that is another program: plain HTTP on loopback, from nobody but who has the run's token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from whytls.edge.resources import VirtualHost
from whytls.gateway.access import AccessLog
from whytls.gateway.dial import TapFor
from whytls.gateway.environment import Environment
from whytls.gateway.processor import Answer, Call
from whytls.gateway.reporter import Reporter
from whytls.gateway.router import Router
from whytls.gateway.settings import Settings

PORT = 8998  # Edge's
_TOKEN, _HOST = b"x-whytls-router", b"x-whytls-virtual-host"
_FORWARDED = (b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto")


def entrance(
    environment: Environment, settings: Settings, reporter: Reporter, tap_for: TapFor, answering: Callable[[Call], Awaitable[Answer]], token: str
) -> Router:
    """A listener whose requests name their virtual host themselves; its port is any free one."""
    own = environment._replace(virtual_hosts=(VirtualHost("message-processor", PORT),))
    fixed = settings._replace(ports={PORT: 0}, listen="127.0.0.1", router=settings.router._replace(read_timeout=86_400))

    async def admitted(call: Call) -> Answer:
        given, host = call.head.first(_TOKEN), call.head.first(_HOST)
        if given is None or host is None or not hmac.compare_digest(given, token.encode()):
            return Answer(403, b"Forbidden", [], b"")
        fields = [field for field in call.head.fields if field[0] not in (_TOKEN, _HOST)]
        forwarded = [field for field in fields if field[0] in _FORWARDED]
        return await answering(call._replace(head=call.head._replace(fields=fields), virtual_host=host.decode("latin-1"), forwarded=forwarded))

    return Router(own, fixed, reporter, tap_for, admitted, AccessLog(None, environment))
