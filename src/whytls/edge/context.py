"""What a known gateway says of one handshake: which virtual host or target it is about, on which hop it stands, and the stores of both sides.

Theory of operation
-------------------
A capture has addresses; a configuration has names. They meet in the server name of the ClientHello and in the port:

1. a virtual host with that alias, or a target with that host, and that port, is meant, and certain;
2. the alias alone, with another port, is a virtual host behind a load balancer that maps ports (as on Edge's public cloud);
3. without a server name, or with one that nobody has, a virtual host or target is meant that is the only one on this port.

The hop follows where only one of the two sides of the gateway fits. Names are not resolved: an address that a resolver gives today need not be
that of the recording. What several would fit is told as several; nothing is picked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from whytls.edge.environment import Environment, NamedStore, Target, targets
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import UsageError
from whytls.model import NOTHING_AT_REST, AtRest, Handshake, Hop, KeyEntry, Keystore, Truststore

if TYPE_CHECKING:
    from whytls.edge.snapshot import Progress


class Met(NamedTuple):
    """The virtual host or target that a handshake is about; ``by`` says how that is known, for people."""

    virtual_host: VirtualHost | None
    target: Target | None
    by: str


class EdgeContext:
    """An environment, asked handshake by handshake; stores are one value each for the whole run."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.warnings: tuple[str, ...] = environment.warnings
        self._hosts = [host for host in environment.virtual_hosts.values() if host.speaks_tls]
        self._targets = [target for target in targets(environment) if target.speaks_tls]
        self._at_rest: dict[tuple[str, ...], AtRest] = {}

    def hop(self, handshake: Handshake) -> Hop | None:
        """The hop, where the configuration tells it; None: it fits both sides of the gateway, or none."""
        north, south = self._by_name(_name(handshake), handshake.server.port)
        if bool(north) != bool(south):
            return "northbound" if north else "southbound"
        if north:
            return None
        port = handshake.server.port
        listens, called = any(host.port == port for host in self._hosts), any(target.port == port for target in self._targets)
        return None if listens == called else "northbound" if listens else "southbound"

    def met(self, handshake: Handshake, hop: Hop) -> Met | None:
        """The virtual host or target, where there is one alone that fits."""
        return self.meant(hop, _name(handshake), handshake.server.port)

    def meant(self, hop: Hop, name: str, port: int) -> Met | None:
        """The same for a server name, or an address where none was sent, and a port."""
        north, south = self._by_name(name, port)
        if hop == "northbound":
            found = _alone(north) or _alone([host for host in north if host.port == port])
            if found is not None:
                return Met(found, None, f"it has the alias {name}")
            only = _alone([host for host in self._hosts if host.port == port]) if not north else None
            return Met(only, None, f"it is the only one on port {port}") if only is not None else None
        if hop == "southbound":
            target = _same(south)
            if target is not None:
                return Met(None, target, f"its address is {name}:{port}")
            only_target = _same([one for one in self._targets if one.port == port]) if not south else None
            return Met(None, only_target, f"it is the only one on port {port}") if only_target is not None else None
        return None

    def stores(self, handshake: Handshake, hop: Hop) -> tuple[AtRest, AtRest]:
        """The stores of the client and of the server."""
        met = self.met(handshake, hop)
        if hop == "northbound":
            return NOTHING_AT_REST, self._of_router([met.virtual_host] if met and met.virtual_host else self._hosts)
        if hop == "southbound" and met is not None and met.target is not None:
            return self._of_processor(met.target), NOTHING_AT_REST
        return NOTHING_AT_REST, NOTHING_AT_REST

    def _by_name(self, name: str, port: int) -> tuple[list[VirtualHost], list[Target]]:
        """Those of each side that bear the server name, or the server's own address."""
        name = name.lower().rstrip(".")
        hosts = [host for host in self._hosts if any(_is_alias(alias, name) for alias in host.host_aliases)]
        here = [host for host in hosts if host.port == port]
        return here or hosts, [target for target in self._targets if target.host == name and target.port == port]

    def _of_router(self, hosts: Sequence[VirtualHost]) -> AtRest:
        """The Router's: the entries of all virtual hosts that can be meant; a truststore only where they have the same one."""
        key = ("router", *(host.name for host in hosts))
        if key not in self._at_rest:
            held = [entry for host in hosts if (entry := self._presented(host.tls, f"virtual host {host.name}")) is not None]
            trusts = [self._trusted(host.tls) for host in hosts if host.tls is not None and host.tls.client_auth_enabled]
            same = len({trust.source for trust in trusts if trust is not None}) == 1 and len(trusts) == len(hosts)
            self._at_rest[key] = AtRest(_joined(held), trusts[0] if same else None)
        return self._at_rest[key]

    def _of_processor(self, target: Target) -> AtRest:
        key = ("message-processor", str(target))
        if key not in self._at_rest:
            presents = target.tls is not None and target.tls.client_auth_enabled
            held = self._presented(target.tls, str(target)) if presents else None
            self._at_rest[key] = AtRest(held, self._trusted(target.tls))
        return self._at_rest[key]

    def _presented(self, tls: TlsInfo | None, who: str) -> Keystore | None:
        found = self.environment.presented(tls)
        if found is None or not found[1].certificates:
            return None
        held, alias = found
        place = f"keystore {held.store.name}, alias {alias.name} ({f'reference {held.reference.name}, ' if held.reference else ''}{who})"
        return Keystore(self._source(held), (KeyEntry(alias.certificates, place),), _certificates(held))

    def _trusted(self, tls: TlsInfo | None) -> Truststore | None:
        held = self.environment.store(tls.trust_store) if tls is not None else None
        if held is None:
            return None
        places = {der: f"truststore {held.store.name}, alias {alias.name}" for alias in reversed(held.store.aliases) for der in alias.certificates}
        anchors = _certificates(held)
        source = self._source(held).removeprefix("keystore ")  # reports write "the Router's truststore" before it
        return Truststore(source, anchors, tuple(places[der] for der in anchors)) if anchors else None

    def _source(self, held: NamedStore) -> str:
        return f"{held} of {self.environment}"


def _name(handshake: Handshake) -> str:
    return handshake.sni or handshake.server.address


def _certificates(held: NamedStore) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(der for alias in held.store.aliases for der in alias.certificates))


def _joined(held: Sequence[Keystore]) -> Keystore | None:
    if not held:
        return None
    entries = tuple(entry for one in held for entry in one.entries)
    certificates = tuple(dict.fromkeys(der for one in held for der in one.certificates))
    return Keystore(", ".join(dict.fromkeys(one.source for one in held)), entries, certificates)


def _alone(hosts: Sequence[VirtualHost]) -> VirtualHost | None:
    return hosts[0] if len(hosts) == 1 else None


def _same(found: Iterable[Target]) -> Target | None:
    """The target, where all that fit are called with the same TLS settings at the same place: several proxies can name one backend."""
    listed = list(found)
    return listed[0] if listed and all((one.host, one.port, one.tls) == (listed[0].host, listed[0].port, listed[0].tls) for one in listed) else None


def _is_alias(alias: str, name: str) -> bool:
    """Whether a host alias, which can begin with ``*.``, is for this name."""
    alias = alias.lower().rstrip(".")
    return alias == name or (alias.startswith("*.") and name.partition(".")[2] == alias[2:] and bool(name.partition(".")[0]))


def read_environment(source: str, config: str | None = None, *, proxies: bool = True, progress: Progress | None = None) -> Environment:
    """What ``--edge`` names: the address of an environment at its Management API, a folder, or a file; ``#ENV`` chooses one of several.

    ``config`` is a file with the table ``[edge]``, for who we are to the API.

    Raises:
        ApiError: the Management API cannot be reached, or refuses.
        InputError: there is no such file, or nothing in it configures a gateway.
        UsageError: the address is none, or an environment has to be chosen.
    """
    from whytls.edge.address import is_address, management_address

    if not is_address(source):
        from whytls.edge.reading import read_files

        return read_files(source)
    from whytls.edge.client import ManagementApi
    from whytls.edge.credentials import credentials
    from whytls.edge.snapshot import fetch

    at = management_address(source)
    who = credentials(at.host, config, os.environ)
    if find_spec("httpx") is None:
        raise UsageError("a Management API cannot be asked: the package httpx is not installed", hint="pip install httpx; or name an exported folder")
    from whytls.edge.transport import Transport

    with Transport(at.base, who) as transport:
        return fetch(ManagementApi(transport, at), proxies=proxies, progress=progress)
