"""Verdicts with the gateway's own names: which virtual host or target, which keystore and alias, and what its configuration says of the cause.

The configuration is what somebody wrote; what runs can be older. So what is added here is evidence with its place, and no verdict is made surer.
"""

from __future__ import annotations

from collections.abc import Iterator

from whytls.edge import ciphers
from whytls.edge.context import EdgeContext, Met
from whytls.edge.environment import Environment
from whytls.edge.origin import Origin
from whytls.edge.settings import ROUTER_CIPHERS, ROUTER_PROTOCOLS, Setting, disabled_algorithms, find, sends_server_name
from whytls.edge.tlsinfo import TlsInfo, store_kind
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import InputError
from whytls.model import Diagnosis, Evidence, Handshake
from whytls.pki.store import Place

_OF_NAMES = frozenset({"sni-missing", "sni-default-certificate", "sni-unknown"})
_OF_CLIENTS = "client-certificate"


def named(diagnosis: Diagnosis, context: EdgeContext) -> Diagnosis:
    """The diagnosis with what the gateway's configuration says of it; one that did not fail stays as it is."""
    handshake = diagnosis.handshake
    if diagnosis.cause is None or handshake is None:
        return diagnosis
    met = context.met(handshake, diagnosis.hop)
    if met is None:
        return diagnosis
    found = tuple(
        _northbound(diagnosis, handshake, met, context.environment) if met.virtual_host else _southbound(diagnosis, met, context.environment)
    )
    return diagnosis._replace(evidence=(*diagnosis.evidence, *found)) if found else diagnosis


def _northbound(d: Diagnosis, handshake: Handshake, met: Met, environment: Environment) -> Iterator[Evidence]:
    host = met.virtual_host
    if host is None or host.tls is None:
        return
    yield _said(f"the Router answers as virtual host {host.name} of {environment} ({met.by}): {_presents(host.tls, environment)}", host.origin)
    if d.cause_class == _OF_CLIENTS:
        yield _said(_asks(host.tls, environment), host.origin, "tls.client_auth_enabled")
    if d.cause == "protocol-mismatch":
        yield from _listed(host, "ssl_protocols", ROUTER_PROTOCOLS, environment, "accepts the protocols")
    if d.cause == "cipher-mismatch":
        yield from _suites(host, handshake, environment)
    if d.cause == "sni-unknown":
        yield _said(f"its host aliases are {', '.join(host.host_aliases[:8]) or 'none'}", host.origin, "host_aliases")


def _southbound(d: Diagnosis, met: Met, environment: Environment) -> Iterator[Evidence]:
    target = met.target
    if target is None:
        return
    tls = target.tls or TlsInfo()
    trusts = f"truststore {_store(tls.trust_store, environment)}" if tls.trust_store else "no truststore of its own"
    how = f", {_presents(tls, environment)}" if tls.client_auth_enabled else ""
    yield _said(f"the Message Processor calls it as {target} of {environment} ({met.by}): {trusts}{how}", target.origin, "tls")
    if d.cause_class == _OF_CLIENTS and not tls.client_auth_enabled:
        yield _said(f"{target} has no client authentication, so the Message Processor presents no certificate", target.origin, "tls")
    if d.cause_class == "server-certificate" and tls.ignore_validation_errors:
        yield _said(
            f"{target} has IgnoreValidationErrors set, and the certificate was refused all the same", target.origin, "tls.ignore_validation_errors"
        )
    if d.cause == "protocol-mismatch":
        if tls.protocols:
            yield _said(f"{target} offers the protocols {', '.join(tls.protocols)} and no other", target.origin, "tls.protocols")
        disabled = disabled_algorithms(environment.settings)
        old = [word for word in disabled[0] if word in ("SSLv3", "TLSv1", "TLSv1.1")] if disabled else []
        if disabled and old:
            yield _evidence(f"the Message Processor's Java does not use {', '.join(old)} ({disabled[1].token})", disabled[1].place)
    if d.cause == "cipher-mismatch" and tls.ciphers:
        suites, unknown = ciphers.of_names(tls.ciphers)
        odd = f"; {', '.join(unknown[:3])} is none that is known" if unknown else ""
        yield _said(f"{target} offers the cipher suites {ciphers.named(suites)} and no other{odd}", target.origin, "tls.ciphers")
    switch = sends_server_name(environment.settings)
    if d.cause in _OF_NAMES and switch is not None:
        sends, setting = switch
        text = "is on: the Message Processor was to send a server name" if sends else "is off: the Message Processor sends no server name"
        yield _evidence(f"{setting} {text}", setting.place)


def _presents(tls: TlsInfo, environment: Environment) -> str:
    """What is presented: ``keystore front-1 (reference front), alias own``."""
    if not tls.key_store:
        return "no keystore"
    found = environment.presented(tls)
    if found is not None:
        return f"{found[0]}, alias {found[1].name}"
    missing = f", which has no alias {tls.key_alias}" if tls.key_alias and environment.store(tls.key_store) is not None else ""
    return f"keystore {_store(tls.key_store, environment)}{missing}"


def _store(value: str, environment: Environment) -> str:
    held = environment.store(value)
    if held is not None:
        return str(held).removeprefix("keystore ")
    kind = store_kind(value)
    return f"{value}, which the running gateway fills in" if kind == "template" else f"{value}, which is not known in {environment}"


def _asks(tls: TlsInfo, environment: Environment) -> str:
    if not tls.client_auth_enabled:
        return "it does not ask for a client certificate"
    trusts = f"truststore {_store(tls.trust_store, environment)}" if tls.trust_store else "no truststore"
    errors = ", and ignores what is wrong with it" if tls.ignore_validation_errors else ""
    return f"it asks for a client certificate and judges it by {trusts}{errors}"


def _in_force(host: VirtualHost, name: str, token: str, environment: Environment) -> tuple[str, Place] | None:
    """A list of the Router: the virtual host's own, else what holds for all of them."""
    own = host.named(name)
    if own:
        origin = host.origin or Origin(environment.source)
        return own, origin.place(f"properties.{name}")
    setting: Setting | None = find(environment.settings, token, "router")
    return None if setting is None else (setting.value, setting.place)


def _listed(host: VirtualHost, name: str, token: str, environment: Environment, what: str) -> Iterator[Evidence]:
    found = _in_force(host, name, token, environment)
    if found is not None:
        yield _evidence(f"virtual host {host.name} {what} {found[0]}", found[1])


def _suites(host: VirtualHost, handshake: Handshake, environment: Environment) -> Iterator[Evidence]:
    found = _in_force(host, "ssl_ciphers", ROUTER_CIPHERS, environment)
    hello = handshake.retried_hello or handshake.client_hello
    if found is None or hello is None:
        return
    try:
        expanded = ciphers.expand(found[0])
    except InputError as error:
        yield _evidence(f"virtual host {host.name}: {error.problem}", found[1])
        return
    common = tuple(suite for suite in expanded.suites if suite in hello.cipher_suites)
    shared = f"has {ciphers.named(common)} in common with what was offered" if common else "has none of those that were offered"
    yield _evidence(f"virtual host {host.name} accepts {found[0]}, which {shared} (expanded by {expanded.by})", found[1])


def _said(text: str, origin: Origin | None, field: str = "") -> Evidence:
    return _evidence(text, origin.place(field) if origin is not None else None)


def _evidence(text: str, place: Place | None) -> Evidence:
    return Evidence(text) if place is None else Evidence(f"{text} ({place})", (), place.file, None, place.line)
