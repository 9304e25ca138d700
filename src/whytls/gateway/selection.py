"""Which virtual host a connection and a request are for: by ``server_name`` first, by Host later, as nginx does it.

On one port several virtual hosts can listen, told apart by their host aliases. A client that sends no ``server_name`` gets the only virtual
host of its port; where there are several, and for a name that nobody has, the Router refuses (private cloud) or shows a default certificate
(public cloud): Edge's page on SNI.
"""

from __future__ import annotations

from typing import NamedTuple

from OpenSSL import SSL

from whytls.edge.resources import VirtualHost
from whytls.gateway.environment import Environment, Held, Loaded, anchors, at_rest, entry
from whytls.gateway.settings import RouterSettings, protocols_of
from whytls.gateway.tls import Requirements, Unusable, server_context
from whytls.model import AtRest
from whytls.wire.framing import messages
from whytls.wire.message import ClientHello, read
from whytls.wire.record import HANDSHAKE, SSLV2, split

MOST_HELLO = 64 << 10
MOST_RECORDS = 64  # over which a ClientHello is spread
CLIENT_HELLO = 1


class Listening(NamedTuple):
    """The virtual hosts of one port; they speak TLS all or none, and PROXY protocol as well, for there is one socket."""

    port: int  # as the virtual hosts have it
    hosts: tuple[VirtualHost, ...]

    @property
    def tls(self) -> bool:
        """Whether TLS is spoken there."""
        return any(host.speaks_tls for host in self.hosts)

    @property
    def proxy_protocol(self) -> bool:
        """Whether a PROXY protocol header stands in front."""
        return any("proxy_protocol" in host.listen_options for host in self.hosts)

    def named(self, name: str) -> VirtualHost | None:
        """The virtual host with that alias: the name itself before a wildcard, the longest wildcard first."""
        name = name.lower().rstrip(".")
        found, longest = None, -1
        for host in self.hosts:
            for alias in host.host_aliases:
                alias = _bare(alias)
                if alias == name:
                    return host
                if alias.startswith("*.") and name.endswith(alias[1:]) and len(alias) > longest:
                    found, longest = host, len(alias)
        return found

    def for_name(self, name: str | None) -> VirtualHost | None:
        """The virtual host for a ``server_name``, or for none; None: nobody's."""
        if name is not None:
            return self.named(name)
        return self.hosts[0] if len(self.hosts) == 1 else None

    def for_host(self, host: str | None, negotiated: VirtualHost | None) -> VirtualHost | None:
        """The virtual host for a Host field; for a name that nobody has that of the handshake, or the first (nginx's default server)."""
        found = self.named(_bare(host)) if host else None
        return found or negotiated or (self.hosts[0] if self.hosts else None)


def _bare(host: str) -> str:
    """A host without its port, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host.partition(":")[0].rstrip(".")


def listeners(environment: Environment) -> dict[int, Listening]:
    """The ports of an environment with their virtual hosts."""
    found: dict[int, list[VirtualHost]] = {}
    for host in environment.virtual_hosts:
        found.setdefault(host.port, []).append(host)
    return {port: Listening(port, tuple(hosts)) for port, hosts in found.items()}


class Terms(NamedTuple):
    """How TLS is spoken for one virtual host: what the handshake needs, and what is minded after it."""

    context: SSL.Context
    wants_certificate: bool
    lenient: bool  # IgnoreValidationErrors, read as nginx's optional_no_ca
    stores: AtRest


def terms(host: VirtualHost, environment: Environment, loaded: Loaded, settings: RouterSettings) -> Terms:
    """The TLS of a virtual host with the stores as they are loaded.

    Raises:
        Unusable: it has no certificate to show, or OpenSSL takes its settings not.
    """
    info = host.tls
    if info is None:
        raise Unusable(f"virtual host {host.name} speaks no TLS")
    keystore, truststore = loaded.store(environment, info.key_store), loaded.store(environment, info.trust_store)
    held = entry(keystore, info.key_alias)
    if held is None:
        raise Unusable(f"virtual host {host.name}: keystore {info.key_store} has no key under {info.key_alias!r}")
    wants = info.client_auth_enabled is True
    if wants and truststore is None:
        raise Unusable(f"virtual host {host.name}: truststore {info.trust_store} is not there")
    required = Requirements(anchors(truststore), settings.verify_depth) if wants else None
    return Terms(
        server_context(held, protocols(host, settings), host.named("ssl_ciphers") or ":".join(info.ciphers) or settings.ciphers, required),
        wants, bool(info.ignore_validation_errors), at_rest(keystore, info.key_alias, truststore if wants else None),
    )  # fmt: skip


def protocols(host: VirtualHost, settings: RouterSettings) -> tuple[str, ...]:
    """A virtual host's protocols: its own where it has some, and of those only what the Router has as a whole."""
    own = (host.named("ssl_protocols") or "").split() or list(host.tls.protocols if host.tls is not None else ())
    return tuple(word for word in protocols_of(own, "ssl_protocols") if word in settings.protocols) if own else settings.protocols


def default_terms(environment: Environment, loaded: Loaded, settings: RouterSettings) -> Terms | None:
    """What a client with a name of nobody is shown; None: it is refused."""
    if settings.unmatched == "refuse":
        return None
    store = loaded.store(environment, settings.default[0])
    held: Held | None = entry(store, settings.default[1])
    if held is None:
        return None
    return Terms(server_context(held, settings.protocols, settings.ciphers, None), False, False, at_rest(store, settings.default[1], None))


class Opening(NamedTuple):
    """The first bytes of a client, as far as they tell what to do. ``hello`` None: no ClientHello that can be read; OpenSSL says why."""

    whole: bool
    hello: ClientHello | None = None


def opening(data: bytes) -> Opening:
    """The ClientHello in the first bytes; not ``whole``: more is to come."""
    cut = split(data)
    if cut.records and cut.records[0].content_type == SSLV2:
        return Opening(True)
    records = [record for record in cut.records if record.content_type == HANDSHAKE]
    found = next(iter(messages(data, records)), None)
    if found is not None and (found.problem or found.number != CLIENT_HELLO):
        return Opening(True)
    if found is not None and found.complete:
        value = read(CLIENT_HELLO, found.body)
        return Opening(True, value if isinstance(value, ClientHello) else None)
    stopped = cut.stop in ("foreign", "overflow") or len(records) != len(cut.records) or len(data) >= MOST_HELLO or len(records) > MOST_RECORDS
    return Opening(stopped)
