"""What the Message Processor does with a target: where it connects, which TLS it speaks there, what it thinks of the certificate it is shown.

Edge's defaults, as documented: no truststore means that no chain is checked; host names are not compared; no ``server_name`` is sent in private
cloud unless the switch is on, and never for an address. Apigee X's ``Enforce`` is the switch per target that has both checked, against the
truststore or the anchors of the platform, whatever ``IgnoreValidationErrors`` says; whether Edge itself honours it is not known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from OpenSSL import SSL

from whytls.clients import load
from whytls.edge.resources import TargetEndpoint, TargetServer, TlsInfo, address
from whytls.gateway.environment import Environment, Held, Loaded, Store, anchors, at_rest, entry
from whytls.gateway.settings import ProcessorSettings, protocols_of
from whytls.gateway.tls import Identity, Unusable, client_context, identity, sent_chain
from whytls.model import AtRest
from whytls.pki.certificate import read
from whytls.pki.name import as_address, match
from whytls.pki.profiles import Decision, decide
from whytls.wire.registry import suite_name

_PROTOCOLS = {0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}


class Backend(NamedTuple):
    """One place to call."""

    host: str
    port: int
    tls: TlsInfo | None  # None: plain HTTP
    server: str = ""  # the target server's name; empty: the TargetEndpoint's URL
    path: str = ""  # that the URL puts in front

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}{self.path}"


class Timeouts(NamedTuple):
    """Seconds, as the TargetEndpoint's properties have them or the processor's settings."""

    connect: float
    handshake: float
    io: float
    keepalive: float


class Dressed(NamedTuple):
    """The TLS of one backend with the stores as they are loaded."""

    context: SSL.Context
    server_name: str
    judge: Callable[[tuple[bytes, ...]], Decision | None]  # None: nothing is minded
    stores: AtRest  # ours, for a verdict
    identity: Identity | None  # what is shown where the server asks
    key: tuple[object, ...]  # connections with another one are not used for it


def backend(endpoint: TargetEndpoint) -> Backend | None:
    """The backend of a TargetEndpoint that has a URL; None: it has none, or a template."""
    found = address(endpoint.url)
    if found is None:
        return None
    tls = (endpoint.tls or TlsInfo(enabled=True)) if endpoint.speaks_tls else None
    path = quote("/" + endpoint.url.split("://", 1)[1].partition("/")[2].partition("?")[0], safe="/%:=&~+!$,;'@()*")
    return Backend(found.host, found.port, tls, "", path.rstrip("/"))


def backend_of(server: TargetServer, endpoint: TargetEndpoint) -> Backend:
    """The backend of a target server: its own SSLInfo counts, the TargetEndpoint's where it has none."""
    tls = server.tls if server.speaks_tls else endpoint.tls if endpoint.tls is not None and endpoint.tls.enabled else None
    return Backend(server.host, server.port, tls, server.name, _balanced_path(endpoint))


def _balanced_path(endpoint: TargetEndpoint) -> str:
    """``HTTPTargetConnection/Path``, which stands before every request's path where load is balanced."""
    connection = endpoint.document.child("HTTPTargetConnection") if endpoint.document is not None else None
    path = (connection.value("Path") or "") if connection is not None else ""
    return quote("/" + path.strip("/"), safe="/%:=&~+!$,;'@()*").rstrip("/")


def timeouts(endpoint: TargetEndpoint, settings: ProcessorSettings) -> Timeouts:
    """``connect.timeout.millis``, ``io.timeout.millis`` and ``keepalive.timeout.millis`` of the TargetEndpoint, where it has them."""
    given: dict[str, float] = {}
    connection = endpoint.document.child("HTTPTargetConnection") if endpoint.document is not None else None
    listed = connection.child("Properties") if connection is not None else None
    for one in listed.all("Property") if listed is not None else []:
        name, text = one.attribute("name") or "", one.text.strip()
        if text.isdecimal() and len(text) < 10:
            given[name] = max(int(text), 1) / 1000
    return Timeouts(
        given.get("connect.timeout.millis", settings.connect_timeout), settings.handshake_timeout,
        given.get("io.timeout.millis", settings.io_timeout), given.get("keepalive.timeout.millis", settings.keepalive_timeout),
    )  # fmt: skip


def dressed(place: Backend, environment: Environment, loaded: Loaded, settings: ProcessorSettings) -> Dressed:
    """The TLS to speak with a backend.

    Raises:
        Unusable: it cannot be begun: an alias without a key, no protocol in common with what the JVM enables.
    """
    info = place.tls
    assert info is not None  # noqa: S101 -- asked for TLS backends only
    keystore = loaded.store(environment, info.key_store) if info.client_auth_enabled else None
    truststore = loaded.store(environment, info.trust_store)
    if info.trust_store and truststore is None and not info.ignore_validation_errors:
        raise Unusable(f"truststore {info.trust_store} is not there")
    held = _own(info, keystore)
    jvm = load(settings.jvm)
    enabled = tuple(_PROTOCOLS[version] for version in jvm.versions if version in _PROTOCOLS)
    wanted = protocols_of(list(info.protocols), "protocols") if info.protocols else enabled
    protocols = tuple(word for word in wanted if word not in settings.disabled_protocols)
    suites = info.ciphers or _suites(settings.jvm)
    context, shown = client_context(held, protocols, suites), identity(held) if held is not None else None
    name = place.host.rstrip(".")
    sends = settings.sni and as_address(name) is None and "." in name and name.isascii()  # JSSE: none for an address, nor without a dot
    editions = tuple((store.name, store.edition) if store else None for store in (keystore, truststore))
    minded = info.ignore_validation_errors, info.enforce, info.common_name
    server_name = name if sends else ""
    return Dressed(
        context, server_name, _opinion(info, truststore, place.host), at_rest(keystore, info.key_alias, truststore), shown,
        (place.host, place.port, context, server_name, editions, minded),
    )  # fmt: skip


def _own(info: TlsInfo, keystore: Store | None) -> Held | None:
    if not info.client_auth_enabled:
        return None
    held = entry(keystore, info.key_alias)
    if held is None:
        what = f"keystore {info.key_store} is not there" if keystore is None else f"keystore {keystore.name} has no key under {info.key_alias!r}"
        raise Unusable(what)
    return held


@lru_cache(maxsize=16)
def _suites(jvm: str) -> tuple[str, ...]:
    return tuple(suite_name(number) for number in load(jvm).hello.cipher_suites if number not in (0x00FF, 0x5600))


def _opinion(info: TlsInfo, truststore: Store | None, host: str) -> Callable[[tuple[bytes, ...]], Decision | None]:
    """What is minded about a chain: nothing, the chain, its names, or both."""
    enforced = bool(info.enforce)
    if info.ignore_validation_errors and not enforced:
        return lambda chain: None
    names = info.common_name
    trusted = anchors(truststore)
    checks_chain = truststore is not None or enforced

    def opinion(chain: tuple[bytes, ...]) -> Decision | None:
        if not chain:
            return Decision("java", False, "CertificateException", words="no certificate")
        if checks_chain:
            held = trusted if truststore is not None else _platform()
            asked = host if enforced and names is None else None
            found = _decided(chain, held, asked, int(time.time()) // 60)
            if not found.accepted:
                return found
        if names is not None and not match(names.value.replace("*", "host") if names.wildcard_match else names.value, read(chain[0])).matches:
            return Decision("java", False, "CertificateException", words=f"No name matching {names.value} found", alert=46)
        return None

    return opinion


@lru_cache(maxsize=1)
def _platform() -> tuple[bytes, ...]:
    from whytls.pki.store import system_anchors

    return system_anchors()


@lru_cache(maxsize=1024)
def _decided(chain: tuple[bytes, ...], trusted: tuple[bytes, ...], host: str | None, minute: int) -> Decision:
    """Java's decision, remembered for the minute in which it was made: a target that fails is called again and again."""
    return decide("java", chain, trusted, at=minute * 60 * 1_000_000_000, host=host)


def judge_of(opinion: Callable[[tuple[bytes, ...]], Decision | None], found: list[Decision]) -> Callable[[SSL.Connection], bool]:
    """The opinion as OpenSSL asks for it; what is minded is put into ``found``."""

    def judge(connection: SSL.Connection) -> bool:
        decision = opinion(sent_chain(connection))
        if decision is not None:
            found.append(decision)
        return decision is None

    return judge
