"""A certificate into a keystore of the gateway: the Router's own, or the one that the Message Processor presents (R23–R25).

Theory of operation
-------------------
A keystore that is in use is not changed. A new one is made, with the same alias, and the reference goes over to it; then no restart is needed,
and the way back is the reference alone (Edge's documentation of references). A keystore that is named literally gets a reference on this
occasion. Only where nobody has the private key at hand, and it is the chain around the certificate that is wrong, is the chain of the alias
replaced in place: the API takes that, keeps the key, and the running gateway knows it only after a restart.

What else lies in the old keystore moves with it, as far as it can: trusted certificates do, keys do not leave the gateway. Where another
resource uses another key of the same keystore, the reference is left alone and this resource gets one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from whytls.edge.environment import Environment, targets
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.change import Change, NewAlias
from whytls.edge.fixes.remedy import Bench, Remedy, remedy, restarts, sketch, with_tls
from whytls.edge.keystore import Alias, KeyStore, Reference
from whytls.edge.tlsinfo import REFERENCE, TlsInfo, referred, store_kind
from whytls.model import Artefact
from whytls.pki.certificate import read
from whytls.pki.defect import Purpose
from whytls.pki.repair import Repair, repaired

_COUNTED = re.compile(r"(.*?)([-_]?)(\d+)$")
MOST_NAMES = 10_000
VERIFY = "openssl verify -CAfile root.pem -untrusted chain.pem chain.pem"


class Holder(NamedTuple):
    """Whose keystore it is."""

    who: str  # the Router, the Message Processor
    component: str
    purpose: Purpose


ROUTER = Holder("the Router", "router", "server")
PROCESSOR = Holder("the Message Processor", "message-processor", "client")


def chain_mended(case: Case, bench: Bench, holder: Holder) -> Iterator[Remedy]:
    """The same certificate with its chain put right."""
    found = bench.environment.presented(case.tls)
    sent = found[1].certificates if found is not None and found[1].certificates else case.server_chain or case.client_chain
    if not sent:
        yield from replaced(case, bench, holder)
        return
    mended = repaired(sent, at=bench.at, given=bench.certificates, purpose=holder.purpose, own=sent[0])
    short = _lacking(mended)
    if short or not mended.changed:
        text = f"obtain the complete chain of {read(sent[0]).subject} and upload it: its certificate first, then every intermediate"
        lacks = short or (f"a chain for {read(sent[0]).subject} that is in order: --with FILE",)
        yield remedy("gateway", text, artefacts=(Artefact("command", VERIFY, "before uploading"),), lacks=lacks)
        return
    identity = bench.given.identity
    if identity is not None and identity.chain[0] == sent[0]:
        yield _moved(case, bench, holder, mended.chain, f"upload the repaired chain of {read(sent[0]).subject}")
    if found is not None:
        yield _in_place(case, bench, holder, found[0].store, found[1], mended)
    if identity is None or identity.chain[0] != sent[0]:
        text = "upload the repaired chain with its private key into a new keystore, and switch the reference: no restart is needed"
        yield _moved(case, bench, holder, mended.chain, text, keyed=False)


def replaced(case: Case, bench: Bench, holder: Holder) -> Iterator[Remedy]:
    """Another certificate, with its chain and its key."""
    identity = bench.given.identity
    if identity is None:
        holds = f" that holds {case.name}" if case.name and holder.purpose == "server" else ""
        text = f"obtain a new certificate for {holder.who}{holds}, and upload it with its whole chain"
        yield _moved(case, bench, holder, (), text, keyed=False)
        return
    mended = repaired(identity.chain, at=bench.at, given=bench.certificates, purpose=holder.purpose, own=identity.chain[0])
    text = f"upload {read(identity.chain[0]).subject} with its whole chain"
    yield _moved(case, bench, holder, mended.chain, text, lacks=_unfit(case, bench, holder, mended))


def _unfit(case: Case, bench: Bench, holder: Holder, mended: Repair) -> tuple[str, ...]:
    """Why the certificate at hand would not mend it."""
    from whytls.pki.name import match

    own = read(mended.chain[0])
    found = [f"a certificate that is valid now: {own.subject} has ended"] if own.expired(bench.at) else []
    found += [f"a certificate that is valid already: {own.subject} is not yet"] if own.not_yet_valid(bench.at) else []
    name = case.name.replace("*", "any-name", 1) if case.name.startswith("*.") else case.name
    if holder.purpose == "server" and case.cause == "certificate-name-mismatch" and name and not match(name, own).matches:
        found.append(f"a certificate that holds {case.name}: {own.subject} does not")
    return (*found, *_lacking(mended))


def _lacking(mended: Repair) -> tuple[str, ...]:
    missing = mended.missing
    if missing is None or missing.maybe_root:
        return ()
    where = f" (it can be fetched from {missing.urls[0]})" if missing.urls else ""
    return (f"the certificate of the issuer {missing.subject}{where}: --with FILE",)


def _moved(
    case: Case, bench: Bench, holder: Holder, chain: tuple[bytes, ...], text: str, *, keyed: bool = True, lacks: tuple[str, ...] = ()
) -> Remedy:  # fmt: skip
    """A new keystore with the same alias, and what leads to it."""
    environment, tls = bench.environment, case.tls
    held = environment.store(tls.key_store)
    alias = tls.key_alias or (held.store.aliases[0].name if held is not None and held.store.aliases else "own")
    old = held.store.name if held is not None else f"{short_name(case)}-keys"
    name = next_name(old, environment.keystores) if held is not None else free_name(old, environment.keystores)
    kept = held.store.aliases if held is not None else ()
    others = [NewAlias(one.name, one.certificates) for one in kept if one.certificates and not one.has_key and one.name != alias]
    made = [changes.keystore(name, [NewAlias(alias, chain, True), *others])]
    made += leading(case, bench, "key_store", name, tls_of(tls, alias, holder))
    wanting = (f"the private key with its certificate: --certificate STORE{' and --key FILE' if chain else ''}",) if not keyed else ()
    told = f"{text}; new keystore {name}, the same alias {alias}, {_way(made)}"
    shown = sketch(case, replace(tls_of(tls, alias, holder), key_store=REFERENCE + made[-1].name)) if holder is PROCESSOR else ()
    return remedy("gateway", told, "reload", shown, made=tuple(made), lacks=(*wanting, *lacks), bench=bench)


def tls_of(tls: TlsInfo, alias: str, holder: Holder) -> TlsInfo:
    """The settings with the alias, and for a client with client authentication switched on."""
    if holder.purpose == "client":
        return replace(tls, enabled=True, client_auth_enabled=True, key_alias=alias)
    return replace(tls, key_alias=alias)


def leading(case: Case, bench: Bench, field: str, name: str, tls: TlsInfo) -> list[Change]:
    """What lets the case's resource use the keystore of that name: its reference switched, or a new reference and the resource itself."""
    environment, value = bench.environment, getattr(tls, field)
    reference = environment.references.get(referred(value)) if store_kind(value) == "reference" else None
    if reference is not None and not _shared(case, environment, reference, tls, field):
        moved = [changes.reference(reference, replace(reference, refers=name, origin=None))]
        return [*moved, *with_tls(case, tls, bench)]
    label = free_name(f"{referred(value) or name}{'' if reference else '-ref'}", environment.references)
    named = replace(tls, key_store=REFERENCE + label) if field == "key_store" else replace(tls, trust_store=REFERENCE + label)
    return [changes.reference(None, Reference(label, name)), *with_tls(case, named, bench)]


def _shared(case: Case, environment: Environment, reference: Reference, tls: TlsInfo, field: str) -> bool:
    """Whether somebody else uses another key behind the same reference, which the new keystore would not have."""
    if field != "key_store":
        return False
    infos = [host.tls for host in environment.virtual_hosts.values() if host.tls is not None]
    infos += [target.tls for target in targets(environment) if target.tls is not None]
    return any(referred(info.key_store) == reference.name and info.key_alias not in ("", tls.key_alias) for info in infos)


def _in_place(case: Case, bench: Bench, holder: Holder, store: KeyStore, alias: Alias, mended: Repair) -> Remedy:
    made = changes.certificate(store.name, alias.name, alias.certificates, mended.chain)
    machines = bench.given.routers if holder.component == "router" else bench.given.message_processors
    text = (
        f"replace the chain of alias {alias.name} in keystore {store.name} by the repaired one; its key stays where it is. "
        f"{holder.who[0].upper()}{holder.who[1:]} uses it after a restart (public cloud: a support ticket)"
    )
    return _with_artefacts(remedy("gateway", text, "restart", made=(made,), bench=bench), restarts(holder.component, machines))


def _with_artefacts(made: Remedy, more: tuple[Artefact, ...]) -> Remedy:
    return made._replace(fix=made.fix._replace(artefacts=(*made.fix.artefacts, *more)))


def _way(made: list[Change]) -> str:
    switched = next((one for one in made if one.kind == "reference" and one.before is not None), None)
    return f"reference {switched.name} switched to it" if switched is not None else "reached by a new reference"


def short_name(case: Case) -> str:
    """A name for a store of this resource, which has none yet."""
    if case.host is not None:
        return case.host.name
    if case.target is None:
        return "gateway"
    return case.target.server.name if case.target.server is not None else case.target.endpoint.name if case.target.endpoint is not None else "target"


def next_name(name: str, taken: object) -> str:
    """The name of the keystore that comes after this one: ``front-1`` → ``front-2``, ``front`` → ``front-2``."""
    found = _COUNTED.match(name)
    base, sign, count = (found[1], found[2], int(found[3][:9])) if found else (name, "-", 1)
    for number in range(count + 1, count + MOST_NAMES):
        if f"{base}{sign}{number}" not in taken:  # type: ignore[operator]
            return f"{base}{sign}{number}"
    return f"{base}{sign}{count + MOST_NAMES}"


def free_name(name: str, taken: object) -> str:
    """The name itself, or the next one that nobody has."""
    return name if name not in taken else next_name(name, taken)  # type: ignore[operator]
