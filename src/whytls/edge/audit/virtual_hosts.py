"""Virtual hosts: what the Router presents and to whom, whom it asks for a certificate, which protocols and suites it accepts."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.checking.result import Ask
from whytls.edge import ciphers
from whytls.edge.audit.presented import Presents, against, judged, missing, names, stores_known
from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.rules import minded, said, will_fail
from whytls.edge.environment import Environment
from whytls.edge.origin import Origin
from whytls.edge.settings import ROUTER_CIPHERS, ROUTER_PROTOCOLS, find
from whytls.edge.tlsinfo import TlsInfo, protocol, referred, store_kind
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import InputError
from whytls.model import AtRest, Evidence
from whytls.pki.certificate import read
from whytls.pki.store import Place
from whytls.wire.registry import suite_facts, suite_name

OLD = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_WEAK = ("NULL", "RC4", "DES", "RC2", "EXPORT", "anon", "MD5")


def subject_of(host: VirtualHost) -> Subject:
    """The virtual host as an audit names it."""
    aliases = ", ".join(host.host_aliases[:2]) + (f" and {len(host.host_aliases) - 2} more" if len(host.host_aliases) > 2 else "")
    return Subject("virtual host", host.name, f"{aliases or '*'}:{host.port}")


def concerns(host: VirtualHost, environment: Environment, ask: Ask, clients: AtRest) -> Iterator[Concern]:
    """Everything that is wrong with one; ``clients`` are the stores of those who call it, as far as they are given."""
    tls = host.tls
    if tls is None or not host.speaks_tls:
        return
    subject = subject_of(host)
    by = Presents(subject, "northbound", "server", tls, host.origin)
    yield from missing(by, environment)
    yield from judged(by, environment, ask)
    yield from names(by, host.host_aliases, environment, ask)
    yield from _literal(host, tls, subject)
    yield from _client_authentication(host, tls, subject, environment)
    yield from _pairs(by, tls, environment, ask, clients, host)
    yield from _protocols(host, subject, environment)
    yield from _suites(host, tls, subject, environment)


def twice(environment: Environment) -> Iterator[Concern]:
    """Host alias and port are unique over an installation (using-sni-edge); two of one environment cannot both be served."""
    seen: dict[tuple[str, int], VirtualHost] = {}
    for host in environment.virtual_hosts.values():
        for alias in dict.fromkeys(alias.lower().rstrip(".") for alias in host.host_aliases):
            other = seen.setdefault((alias, host.port), host)
            if other is not host:
                text = f"{alias} on port {host.port} is also an alias of virtual host {other.name}"
                yield minded("alias-twice", subject_of(host), "northbound", text, (said(text, host.origin, "host_aliases"),))


def _literal(host: VirtualHost, tls: TlsInfo, subject: Subject) -> Iterator[Concern]:
    for field, what in (("key_store", "keystore"), ("trust_store", "truststore")):
        value = getattr(tls, field)
        if store_kind(value) == "literal" and (field == "key_store" or tls.client_auth_enabled):
            text = f"its {what} {value} is named literally: a replacement is used only after a restart (public cloud: a support ticket)"
            yield minded(
                "literal-store-name", subject, "northbound", text, (said(f"{what} {value}", host.origin, f"tls.{field}"),), reference=f"{value}-ref"
            )


def _client_authentication(host: VirtualHost, tls: TlsInfo, subject: Subject, environment: Environment) -> Iterator[Concern]:
    if not tls.client_auth_enabled:
        return
    kind = store_kind(tls.trust_store)
    held = environment.store(tls.trust_store)
    text = ""
    if kind == "none":
        text = "it asks for a client certificate and names no truststore, so it can accept none"
    elif held is None and kind != "template" and stores_known(environment):
        text = f"it asks for a client certificate, and its truststore {referred(tls.trust_store)} is not there"
    elif held is not None and not held.store.aliases:
        text = f"it asks for a client certificate, and its truststore {held.store.name} is empty"
    if text:
        facts = {"root": "the clients' CA", "leaf": "any client certificate"}
        evidence = (said(text, host.origin, "tls.trust_store" if kind != "none" else "tls.client_auth_enabled"),)
        yield will_fail("client-certificate-untrusted", subject, "northbound", text, evidence, facts, detail="no-truststore", purpose="client")
    if tls.ignore_validation_errors:
        title = "it asks for a client certificate, and accepts what is wrong with it (IgnoreValidationErrors)"
        yield minded("validation-off", subject, "northbound", title, (said(title, host.origin, "tls.ignore_validation_errors"),))


def _pairs(by: Presents, tls: TlsInfo, environment: Environment, ask: Ask, clients: AtRest, host: VirtualHost) -> Iterator[Concern]:
    """Client truststore against Router keystore, and Router truststore against client keystore (R17)."""
    found = environment.presented(tls)
    if clients.truststore is not None and found is not None:
        called = next((name for name in host.host_aliases if not name.startswith("*")), None)
        source = f"{found[0]}, alias {found[1].name}"
        yield from against(
            by, found[1].certificates, source, clients.truststore.anchors, f"the client's truststore {clients.truststore.source}", ask, called
        )
    held = environment.store(tls.trust_store)
    if clients.keystore is None or not tls.client_auth_enabled or held is None:
        return
    anchors = tuple(der for alias in held.store.aliases for der in alias.certificates)
    whose = Presents(by.subject, "northbound", "client", tls, by.origin)
    for entry in clients.keystore.entries if anchors else ():
        yield from against(whose, entry.chain, f"the client's {entry.place}", anchors, f"the Router's trust{held.store and str(held)[3:]}", ask)


def _in_force(host: VirtualHost, name: str, token: str, environment: Environment) -> tuple[str, Place] | None:
    """A list of the Router: the virtual host's own, else what holds for all of them."""
    own = host.named(name)
    if own:
        return own, (host.origin or Origin(environment.source)).place(f"properties.{name}")
    found = find(environment.settings, token, "router")
    return None if found is None else (found.value, found.place)


def _protocols(host: VirtualHost, subject: Subject, environment: Environment) -> Iterator[Concern]:
    found = _in_force(host, "ssl_protocols", ROUTER_PROTOCOLS, environment)
    if found is None:
        return
    listed = [protocol(word) for word in found[0].replace(",", " ").split()]
    old = [word for word in listed if word in OLD]
    if old:
        new = [word for word in listed if word not in OLD]
        title = f"it accepts {', '.join(old)}" if new else f"it accepts {', '.join(old)} and nothing newer, which today's clients refuse"
        evidence = (Evidence(f"ssl_protocols {found[0]}", (), found[1].file, None, found[1].line),)
        if new:
            yield minded("old-protocol", subject, "northbound", title, evidence)
        else:
            facts = {"newest": 0x0301, "oldest": 0x0301}
            yield will_fail("protocol-mismatch", subject, "northbound", title, evidence, facts, detail="server-too-old", confidence="likely")


def _suites(host: VirtualHost, tls: TlsInfo, subject: Subject, environment: Environment) -> Iterator[Concern]:
    """The cipher string: does it select anything, is it weak, and does any suite go with the certificate's key?"""
    found = _in_force(host, "ssl_ciphers", ROUTER_CIPHERS, environment)
    if found is None:
        return
    evidence = (Evidence(f"ssl_ciphers {found[0]}", (), found[1].file, None, found[1].line),)
    facts = {"old_client": False}
    try:
        suites = ciphers.expand(found[0]).suites
    except InputError as error:
        yield will_fail("cipher-mismatch", subject, "northbound", f"its ssl_ciphers {error.problem}", evidence, facts, detail="no-suite")
        return
    weak = [suite_name(number) for number in suites if any(word in suite_name(number) for word in _WEAK)]
    if weak:
        yield minded(
            "weak-cipher", subject, "northbound", f"it accepts {', '.join(weak[:3])}{f' and {len(weak) - 3} more' if len(weak) > 3 else ''}", evidence
        )
    held = environment.presented(tls)
    kind = {"rsa": "RSA", "rsa-pss": "RSA", "ec": "ECDSA"}.get(read(held[1].certificates[0]).key_type if held and held[1].certificates else "", "")
    protocols = _in_force(host, "ssl_protocols", ROUTER_PROTOCOLS, environment)
    newest = protocols is not None and "TLSv1.3" in protocols[0]
    if kind and not newest and not any(suite_facts(number).authentication in (kind, "any") for number in suites):
        title = f"none of its cipher suites goes with its certificate, whose key is {kind}"
        yield will_fail("cipher-mismatch", subject, "northbound", title, evidence, facts, detail="certificate-key", confidence="likely")
