"""Where a live server is: HOST:PORT as it is written, and the addresses that it means."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

from whytls.exceptions import InputError, UsageError


class Address(NamedTuple):
    """What HOST:PORT means; ``host`` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(text: str) -> Address | None:
    """HOST:PORT or [v6]:PORT as an endpoint; ``None`` where it does not have that form.

    Raises:
        UsageError: it has the form, and the port is none.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or not host or "/" in text or "\\" in text:
        return None
    if bracketed:
        host = host[1:-1]
    if (":" in host and not bracketed) or any(sign.isspace() or not sign.isprintable() for sign in host):
        return None
    if len(port) > 5 or not 0 < int(port) < 65536:
        raise UsageError(f"{text[:100]!r} names no port", hint="a port is a number from 1 to 65535")
    if len(host) > 253 or not host:
        raise UsageError(f"{text[:100]!r} names no host", hint="HOST:PORT, or [2001:db8::7]:443")
    return Address(host, int(port))


def is_name(host: str) -> bool:
    """Whether a host is a name, which can be sent as SNI, and no address (RFC 6066 section 3)."""
    from whytls.pki.name import as_address

    return as_address(host) is None


def resolved(endpoint: Address, family: int = 0) -> list[tuple[int, tuple[Any, ...]]]:
    """The endpoint's addresses (family, socket address), each once, in the order in which they are tried; of one family where it is given.

    Raises:
        InputError: the name leads nowhere.
    """
    from whytls.pki.name import normalised

    host = endpoint.host if endpoint.host.isascii() else normalised(endpoint.host)
    try:
        found = socket.getaddrinfo(host, endpoint.port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = getattr(error, "strerror", None) or "is no host name"
        hint = "is the name right, and known to this machine's DNS?"
        raise InputError(f"the name cannot be resolved: {text}", file=str(endpoint), hint=hint) from error
    return list(dict.fromkeys((family, where) for family, _, _, _, where in found))
