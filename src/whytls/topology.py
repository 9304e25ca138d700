"""Which address is client, Router, Message Processor or backend, hence on which hop a handshake stands (R1).

Given: patterns of address, network, port or both, from the command line or ``whytls.toml``. Without them the recording itself
shows a gateway: an address that is server on one TLS connection and client on another at the same time. That is said to be
inferred wherever it is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from whytls.exceptions import UsageError
from whytls.model import Endpoint, Hop

_KEYS = ("router", "message-processor", "backend")
_BRACKETED = re.compile(r"\[([^\[\]]+)\](?::(.+))?")


@dataclass(frozen=True, slots=True)
class Pattern:
    """An address, a network, a port, or an address or network with a port."""

    network: IPv4Network | IPv6Network | None
    port: int | None

    def matches(self, endpoint: Endpoint, *, any_port: bool = False) -> bool:
        """Whether the endpoint fits; ``any_port`` for the side whose port is ephemeral (a client's)."""
        if self.port is not None and not any_port and endpoint.port != self.port:
            return False
        if self.network is None:
            return not any_port
        try:
            return ip_address(endpoint.address) in self.network
        except ValueError:
            return False


def pattern(text: str) -> Pattern:
    """Read ``10.0.0.7``, ``10.0.0.0/24``, ``:443``, ``10.0.0.7:443``, ``2001:db8::/64`` or ``[2001:db8::1]:443``.

    Raises:
        UsageError: it is none of these.
    """
    address, port = text.strip(), ""
    bracketed = _BRACKETED.fullmatch(address)
    if bracketed:
        address, port = bracketed[1], bracketed[2] or ""
    elif address.count(":") == 1:
        address, _, port = address.partition(":")
    try:
        network = ip_network(address, strict=False) if address else None
        number = int(port) if port else None
        usable = number is None or (port.isascii() and port.isdigit() and 0 < number < 65536)
        if not usable or (network is None and number is None):
            raise ValueError(text)
    except ValueError:
        raise UsageError(f"{text!r} is no address, network or port", hint="for instance 10.0.0.7, 10.0.0.0/24, :443, 10.0.0.7:443") from None
    return Pattern(network, number)


@dataclass(frozen=True, slots=True)
class Topology:
    """Who is who; empty when nothing was given."""

    routers: tuple[Pattern, ...] = ()
    message_processors: tuple[Pattern, ...] = ()
    backends: tuple[Pattern, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.routers or self.message_processors or self.backends)

    def hop(self, client: Endpoint, server: Endpoint) -> Hop:
        """The hop of a connection: to a Router is northbound, from a Message Processor or to a backend is southbound."""
        if any(p.matches(server) for p in self.routers):
            return "northbound"
        if any(p.matches(server) for p in self.backends):
            return "southbound"
        if any(p.matches(client, any_port=True) for p in self.message_processors):
            return "southbound"
        if not self.routers and any(p.matches(server, any_port=True) for p in self.message_processors):
            return "northbound"  # an all-in-one machine that was named as Message Processor only
        return "direct"


def topology(router: Sequence[str] = (), message_processor: Sequence[str] = (), backend: Sequence[str] = (), file: str | None = None) -> Topology:
    """Patterns from the call, joined with those of a ``whytls.toml``.

    The file has a table ``[topology]`` with the lists ``router``, ``message_processor`` and ``backend``.

    Raises:
        InputError: the file cannot be read or is no such table.
        UsageError: a pattern is none.
    """
    given = {"router": list(router), "message_processor": list(message_processor), "backend": list(backend)}
    if file is not None:
        from whytls.configuration import lists

        for key, values in lists(file, "topology", _KEYS, "lists of addresses, networks and ports").items():
            given[key.replace("-", "_")] += values
    return Topology(*(tuple(pattern(text) for text in given[key]) for key in ("router", "message_processor", "backend")))
