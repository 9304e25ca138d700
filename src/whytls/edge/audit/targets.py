"""Targets as they are configured: what the Message Processor validates, presents and offers. What a live backend says to it is ``backends``."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.checking.result import Ask
from whytls.edge import ciphers
from whytls.edge.audit.presented import Presents, against, judged, missing, stores_known
from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.rules import minded, said, will_fail
from whytls.edge.audit.virtual_hosts import OLD
from whytls.edge.environment import Environment, Target
from whytls.edge.settings import Setting, disabled_algorithms
from whytls.edge.tlsinfo import TlsInfo, referred, store_kind
from whytls.model import AtRest, Evidence


def subject_of(target: Target) -> Subject:
    """The target as an audit names it: by its target server, where it has one."""
    at = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    endpoint = target.endpoint
    if target.server is not None:
        return Subject("target server", target.server.name, at, endpoint.proxy if endpoint is not None and target.server.tls is None else "")
    return Subject("target endpoint", endpoint.name, at, endpoint.proxy, endpoint.revision) if endpoint else Subject("target endpoint", at, at)


def concerns(target: Target, environment: Environment, ask: Ask, backends: AtRest) -> Iterator[Concern]:
    """Everything that its configuration says; ``backends`` are stores of the servers that are called, as far as they are given."""
    subject = subject_of(target)
    if not target.speaks_tls:
        yield from _plain(target, subject)
        return
    tls = target.tls or TlsInfo()
    by = Presents(subject, "southbound", "client", tls, target.origin)
    if tls.client_auth_enabled:
        yield from missing(by, environment)
        yield from judged(by, environment, ask)
    yield from _validation(target, tls, subject, environment)
    yield from _literal(target, tls, subject)
    yield from _pairs(by, environment, ask, backends, target)
    yield from _protocols(target, tls, subject, environment)
    yield from _suites(target, tls, subject)


def _plain(target: Target, subject: Subject) -> Iterator[Concern]:
    """A target server without SSLInfo on a port that is known for TLS: plain HTTP goes there, and the answer is a 502."""
    if target.port not in (443, 8443):
        return
    title = f"plain HTTP is spoken to port {target.port}: TLS is not enabled for it"
    facts = {"port": target.port, "hello": False}
    evidence = (said("no SSLInfo with Enabled true", target.origin, "tls"),)
    yield will_fail(
        "plaintext-to-tls-port", subject, "southbound", title, evidence, facts, level="warning", confidence="likely",
        would_decide="whytls audit --probe asks the backend whether it speaks TLS there",
    )  # fmt: skip


def _validation(target: Target, tls: TlsInfo, subject: Subject, environment: Environment) -> Iterator[Concern]:
    if tls.ignore_validation_errors and not (environment.dialect == "x" and tls.enforce):
        title = "IgnoreValidationErrors: the backend's certificate is accepted whatever is wrong with it"
        yield minded(
            "validation-off", subject, "southbound", title, (said("IgnoreValidationErrors is true", target.origin, "tls.ignore_validation_errors"),)
        )
    kind = store_kind(tls.trust_store)
    held = environment.store(tls.trust_store)
    if kind == "none" and not tls.ignore_validation_errors and not (environment.dialect == "x" and tls.enforce):
        title = "no truststore: any certificate of the backend is accepted"
        yield minded("nothing-validated", subject, "southbound", title, (said("no TrustStore", target.origin, "tls"),))
    elif kind in ("literal", "reference") and held is None and stores_known(environment):
        text = f"its truststore {referred(tls.trust_store)} is not there, so no certificate of the backend can be trusted"
        evidence = (said(text, target.origin, "tls.trust_store"),)
        yield will_fail("certificate-untrusted", subject, "southbound", text, evidence, {"root": "the backend's root"}, detail="no-truststore")
    elif held is not None and not held.store.aliases and not tls.ignore_validation_errors:
        text = f"its truststore {held.store.name} is empty, so no certificate of the backend can be trusted"
        evidence = (said(text, target.origin, "tls.trust_store"),)
        yield will_fail("certificate-untrusted", subject, "southbound", text, evidence, {"root": "the backend's root"}, detail="no-truststore")


def _literal(target: Target, tls: TlsInfo, subject: Subject) -> Iterator[Concern]:
    for field, what in (("key_store", "keystore"), ("trust_store", "truststore")):
        value = getattr(tls, field)
        if store_kind(value) == "literal" and (field == "trust_store" or tls.client_auth_enabled):
            text = f"its {what} {value} is named literally: a replacement is used only after a restart (public cloud: a support ticket)"
            evidence = (said(f"{what} {value}", target.origin, f"tls.{field}"),)
            yield minded("literal-store-name", subject, "southbound", text, evidence, reference=f"{value}-ref")


def _pairs(by: Presents, environment: Environment, ask: Ask, backends: AtRest, target: Target) -> Iterator[Concern]:
    """Backend truststore against the Message Processor's keystore, and the Message Processor's truststore against the backend's keystore (R17)."""
    found = environment.presented(by.tls) if by.tls.client_auth_enabled else None
    if backends.truststore is not None and found is not None:
        source, trusts = f"{found[0]}, alias {found[1].name}", f"the backend's truststore {backends.truststore.source}"
        yield from against(by, found[1].certificates, source, backends.truststore.anchors, trusts, ask)
    held = environment.store(by.tls.trust_store)
    if backends.keystore is None or held is None or by.tls.ignore_validation_errors:
        return
    anchors = tuple(der for alias in held.store.aliases for der in alias.certificates)
    whose = Presents(by.subject, "southbound", "server", by.tls, by.origin)
    for entry in backends.keystore.entries if anchors else ():
        yield from against(whose, entry.chain, f"the backend's {entry.place}", anchors, f"the Message Processor's truststore {held.store.name}", ask)


def _protocols(target: Target, tls: TlsInfo, subject: Subject, environment: Environment) -> Iterator[Concern]:
    if not tls.protocols:
        return
    written = said(f"Protocols {', '.join(tls.protocols)}", target.origin, "tls.protocols")
    disabled = disabled_algorithms(environment.settings)
    off = set(disabled[0]) if disabled else set()
    usable = [word for word in tls.protocols if word not in off and not (environment.dialect == "x" and word in OLD)]
    if not usable:
        why = f"the Message Processor's Java does not use them ({disabled[1]})" if disabled and off else "Apigee X does not support them"
        title = f"it is pinned to {', '.join(tls.protocols)}, and {why}: nothing is even sent"
        evidence = (written, *([_setting(disabled[1])] if disabled and off else []))
        yield will_fail("protocol-mismatch", subject, "southbound", title, evidence, {"newest": 0x0301}, detail="client-too-old")
    elif all(word in OLD for word in tls.protocols):
        yield minded("old-protocol", subject, "southbound", f"it is pinned to {', '.join(tls.protocols)}", (written,))


def _setting(setting: Setting) -> Evidence:
    return Evidence(str(setting), (), setting.place.file, None, setting.place.line)


def _suites(target: Target, tls: TlsInfo, subject: Subject) -> Iterator[Concern]:
    if not tls.ciphers:
        return
    known, unknown = ciphers.of_names(tls.ciphers)
    odd = [name for name in tls.ciphers if name not in unknown and not name.startswith(("TLS_", "SSL_"))]
    if not known:
        title = f"none of its cipher suites is known ({', '.join(unknown[:3])}): it has nothing to offer"
        evidence = (said(f"Ciphers {', '.join(tls.ciphers[:6])}", target.origin, "tls.ciphers"),)
        yield will_fail("cipher-mismatch", subject, "southbound", title, evidence, {"old_client": False}, detail="no-suite", confidence="likely")
    elif unknown or odd:
        title = f"{', '.join((*unknown, *odd)[:3])} is no name of a cipher suite that Java knows"
        yield minded("unknown-cipher", subject, "southbound", title, (said("Ciphers", target.origin, "tls.ciphers"),))
