"""One environment of a gateway as it was found: its resources by name, its machines' settings, and how one leads to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from whytls.edge.keystore import Alias, KeyStore, Reference
from whytls.edge.origin import Origin
from whytls.edge.proxy import Proxy
from whytls.edge.settings import Setting
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import Dialect, TargetServer
from whytls.edge.tlsinfo import TlsInfo, referred, store_kind
from whytls.edge.virtualhost import VirtualHost


@dataclass(frozen=True, slots=True)
class Environment:
    """What is known of it. What is empty was not there, or nobody said."""

    source: str  # as the call names it
    organization: str = ""
    name: str = ""
    dialect: Dialect = "edge"
    keystores: Mapping[str, KeyStore] = field(default_factory=lambda: MappingProxyType({}))
    references: Mapping[str, Reference] = field(default_factory=lambda: MappingProxyType({}))
    virtual_hosts: Mapping[str, VirtualHost] = field(default_factory=lambda: MappingProxyType({}))
    target_servers: Mapping[str, TargetServer] = field(default_factory=lambda: MappingProxyType({}))
    proxies: tuple[Proxy, ...] = ()
    settings: tuple[Setting, ...] = ()
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people: ``acme/prod``, or the source where no names are known."""
        return f"{self.organization}/{self.name}" if self.organization and self.name else self.name or self.source

    @property
    def target_endpoints(self) -> tuple[TargetEndpoint, ...]:
        """Those of all proxies."""
        return tuple(target for proxy in self.proxies for target in proxy.targets)

    def store(self, value: str) -> NamedStore | None:
        """The keystore that a value of an SSLInfo means; None: nothing is named, or a message template, or it is not known here."""
        kind = store_kind(value)
        if kind in ("none", "template"):
            return None
        reference = self.references.get(referred(value)) if kind == "reference" else None
        name = reference.refers if reference else "" if kind == "reference" else value
        held = self.keystores.get(name)
        return None if held is None else NamedStore(held, value, reference)

    def presented(self, tls: TlsInfo | None) -> tuple[NamedStore, Alias] | None:
        """The keystore and alias that an SSLInfo presents; without an alias the only one with a key is meant."""
        held = self.store(tls.key_store) if tls is not None else None
        if held is None or tls is None:
            return None
        keyed = [alias for alias in held.store.aliases if alias.has_key]
        named = [alias for alias in held.store.aliases if alias.name == tls.key_alias]
        found = named or (keyed if not tls.key_alias and len(keyed) == 1 else [])
        return (held, found[0]) if found else None


class NamedStore(NamedTuple):
    """A keystore, and how it was named."""

    store: KeyStore
    value: str  # a literal name, or ref://NAME
    reference: Reference | None

    def __str__(self) -> str:
        """For people: ``keystore ks1`` or ``keystore ks1 (reference r)``."""
        return f"keystore {self.store.name}" + (f" (reference {self.reference.name})" if self.reference else "")


class Target(NamedTuple):
    """One place that a Message Processor calls, and with which TLS settings."""

    host: str
    port: int
    tls: TlsInfo | None
    speaks_tls: bool
    server: TargetServer | None  # None: the TargetEndpoint's own URL
    endpoint: TargetEndpoint | None  # None: a target server that no proxy in sight names

    def __str__(self) -> str:
        """For people: ``target server ts1`` or ``TargetEndpoint default of proxy p, revision 3``."""
        if self.server is not None:
            return f"target server {self.server.name}"
        return described(self.endpoint) if self.endpoint is not None else f"{self.host}:{self.port}"

    @property
    def origin(self) -> Origin | None:
        """Where its TLS settings are written."""
        own = self.server is not None and self.server.tls is not None
        holder = self.server if own or self.endpoint is None or self.endpoint.tls is None else self.endpoint
        return holder.origin if holder is not None else None


def described(endpoint: TargetEndpoint) -> str:
    """A TargetEndpoint for people."""
    proxy = f" of proxy {endpoint.proxy}" if endpoint.proxy else ""
    return f"TargetEndpoint {endpoint.name}{proxy}" + (f", revision {endpoint.revision}" if endpoint.revision else "")


def targets(environment: Environment) -> Iterator[Target]:
    """All places that are called: by URL, by target server, and target servers that no TargetEndpoint in sight names.

    A target server's own SSLInfo counts before that of the TargetEndpoint that names it.
    """
    named: set[str] = set()
    for endpoint in environment.target_endpoints:
        at = endpoint.address
        if at is not None and not endpoint.servers:
            yield Target(at.host, at.port, endpoint.tls, endpoint.speaks_tls is not False, None, endpoint)
        for name in endpoint.servers:
            server = environment.target_servers.get(name)
            if server is not None:
                named.add(name)
                tls = server.tls if server.tls is not None else endpoint.tls
                speaks = server.speaks_tls or endpoint.speaks_tls is True
                yield Target(server.host.lower(), server.port, tls, speaks, server, endpoint)
    for server in environment.target_servers.values():
        if server.name not in named:
            yield Target(server.host.lower(), server.port, server.tls, server.speaks_tls, server, None)
