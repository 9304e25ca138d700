"""The hello that a client would send to somebody else: its own with that server's name in it, or without any, and new random bytes."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable

from whytls.clients.client import Client
from whytls.wire.hello import SERVER_NAME, change
from whytls.wire.value import ClientHello, Extension

PADDING = 21  # RFC 7685


def name_sent(client: Client, server: str | None) -> str | None:
    """The server_name that this client sends when it is called with that name or address; ``None``: it sends none.

    An address is never sent (RFC 6066 section 3). JSSE sends no name without a dot, as that of a machine in the same network.
    """
    if not server or not client.sends_name or client.hello.sslv2:
        return None
    name = server.rstrip(".")
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None if client.rules.dotted_names_only and "." not in name else name
    return None


def hello_for(client: Client, server_name: str | None, *, random: Callable[[int], bytes] = os.urandom) -> ClientHello:
    """What this client would send to a server called so (a name or an address; ``None``: without any).

    The random is new, and so is the session ID where there was one. The key shares are those that were recorded: enough to be answered, not to
    go on in TLS 1.3 (whose keys are the sender's). GREASE is left out, as ``ClientHello`` has none; padding keeps the length (RFC 7685).

    Raises:
        UsageError: the name cannot be written as a server_name.
    """
    hello, before = client.hello, client.hello.server_name
    name = name_sent(client, server_name)
    if not hello.sslv2:
        hello = change(hello, server_name=name) if name is not None else change(hello, without=(SERVER_NAME,))
        hello = _padded(hello, _length(before) - _length(hello.server_name))
    session = random(len(hello.session_id)) if hello.session_id else b""
    return hello._replace(random=random(len(hello.random)), session_id=session)


def _length(name: str | None) -> int:
    """How many bytes the whole extension takes."""
    return 9 + len(name) if name is not None else 0


def _padded(hello: ClientHello, shorter: int) -> ClientHello:
    """With as much more padding as the rest became shorter, where the client pads at all."""
    blocks = [Extension(PADDING, bytes(max(0, len(block.body) + shorter))) if block.number == PADDING else block for block in hello.extensions]
    return hello._replace(extensions=tuple(blocks))
