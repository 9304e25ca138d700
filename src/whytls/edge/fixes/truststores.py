"""An anchor into a truststore of the gateway: the Message Processor's for a backend, the Router's for its clients (R26).

As with keystores, a truststore behind a reference is not changed: a new one is made with all that the old one has and the anchor besides, and
the reference goes over to it. One that is named literally gets the anchor added, and the component a restart.

What a peer showed is no reason to trust it. Every text names the fingerprint, for somebody to compare it with what the CA publishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whytls.edge.environment import NamedStore
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.change import NewAlias
from whytls.edge.fixes.keystores import free_name, leading, next_name, short_name
from whytls.edge.fixes.remedy import Bench, Remedy, remedy, restarts, sketch
from whytls.edge.tlsinfo import REFERENCE, store_kind
from whytls.model import Artefact
from whytls.pki.certificate import Certificate, read
from whytls.pki.defect import Purpose
from whytls.pki.extract import armoured
from whytls.pki.links import self_signed
from whytls.pki.repair import repaired


def anchor_of(chain: tuple[bytes, ...], bench: Bench, purpose: Purpose) -> tuple[Certificate | None, str]:
    """What is to be trusted for this chain: its root; where that is not at hand, its topmost CA; and what to say of it."""
    if not chain:
        return None, ""
    mended = repaired(chain, at=bench.at, given=bench.certificates, purpose=purpose)
    if mended.root is not None:
        return read(mended.root), ""
    top = read(mended.chain[-1]) if mended.chain else None
    if top is None or (not top.is_ca and not self_signed(top)):
        return None, f"the certificate of {top.issuer}" if top is not None else ""
    return top, f"its root {top.issuer} is not at hand, so the CA below it is trusted; Java ends a path there" if not self_signed(top) else ""


def trusted(case: Case, bench: Bench, chain: tuple[bytes, ...], purpose: Purpose) -> Iterator[Remedy]:
    """The chain's anchor into the truststore of the side of the gateway that judges it."""
    component, who = ("message-processor", "the Message Processor") if purpose == "server" else ("router", "the Router")
    anchor, about = anchor_of(chain, bench, purpose)
    if anchor is None:
        whose = "the backend" if purpose == "server" else "the client"
        wanted = f"{about}: --with FILE" if about else f"{whose}'s chain: --probe, a capture that shows it, or --with FILE"
        yield remedy("gateway", f"add the root of {whose}'s chain to the truststore of {case.subject or who}", lacks=(wanted,))
        return
    held = bench.environment.store(case.tls.trust_store)
    compare = f"compare its SHA-256 with what the CA publishes: {anchor.sha256}"
    known = held is not None and any(anchor.der in alias.certificates for alias in held.store.aliases)
    if held is not None and known:
        machines = bench.given.message_processors if component == "message-processor" else bench.given.routers
        text = f"{anchor.subject} is already in {held}: let {who} read it again, by a switch of the reference or a restart"
        yield remedy("gateway", text, "restart", restarts(component, machines))
        return
    told = f"trust {anchor.subject}{f' ({about})' if about else ''}; {compare}"
    if held is not None and store_kind(case.tls.trust_store) == "literal":
        yield _added(bench, held, anchor, told, component)
    yield _moved(case, bench, held, anchor, told)


def _added(bench: Bench, held: NamedStore, anchor: Certificate, told: str, component: str) -> Remedy:
    made = changes.alias(held.store.name, NewAlias(_alias(anchor, {alias.name for alias in held.store.aliases}), (anchor.der,)))
    machines = bench.given.message_processors if component == "message-processor" else bench.given.routers
    found = remedy("gateway", f"{told}. It is added to truststore {held.store.name}, and used after a restart", "restart", made=(made,), bench=bench)
    return found._replace(fix=found.fix._replace(artefacts=(*found.fix.artefacts, *restarts(component, machines))))


def _moved(case: Case, bench: Bench, held: NamedStore | None, anchor: Certificate, told: str) -> Remedy:
    environment = bench.environment
    old = held.store.aliases if held is not None else ()
    base = held.store.name if held is not None else f"{short_name(case)}-trust"
    name = next_name(base, environment.keystores) if held is not None else free_name(base, environment.keystores)
    kept = [NewAlias(alias.name, alias.certificates) for alias in old if alias.certificates]
    made = [changes.keystore(name, [*kept, NewAlias(_alias(anchor, {alias.name for alias in old}), (anchor.der,))])]
    made += leading(case, bench, "trust_store", name, replace(case.tls, enabled=True if case.tls.enabled is None else case.tls.enabled))
    switched = any(one.kind == "reference" and one.before is not None for one in made)
    way = "the reference is switched to it" if switched else "it is reached by a new reference"
    lost = [alias.name for alias in old if not alias.certificates or alias.has_key]
    lacks = (f"the certificates of {', '.join(lost[:3])}, which the API does not hand out",) if any(not a.certificates for a in old) else ()
    shown = sketch(case, replace(case.tls, enabled=True, trust_store=REFERENCE + made[-1].name))
    return remedy("gateway", f"{told}. New truststore {name}, {way}: no restart", "reload", shown, made=tuple(made), lacks=lacks, bench=bench)


def backend_truststore(case: Case, bench: Bench, chain: tuple[bytes, ...]) -> Iterator[Remedy]:
    """The anchor of our client certificate, for whoever runs the backend."""
    anchor, about = anchor_of(chain, bench, "client")
    lines = Artefact(
        "nginx", "ssl_client_certificate /etc/nginx/clients.pem;\nssl_verify_client on;\nssl_verify_depth 3;", "the backend, where it is an nginx"
    )
    if anchor is None:
        yield remedy("backend", "add the root of the Message Processor's certificate to the backend's truststore", artefacts=(lines,))
        return
    pem = Artefact("pem", armoured(anchor.der), "for the backend's truststore")
    text = f"add {anchor.subject} to the backend's truststore{f' ({about})' if about else ''}; its SHA-256 is {anchor.sha256}"
    yield remedy("backend", text, artefacts=(pem, lines))


def _alias(anchor: Certificate, taken: set[str]) -> str:
    plain = (
        "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in (anchor.common_name or "anchor")[:40]).strip("-").lower() or "anchor"
    )
    return free_name(plain, taken)
