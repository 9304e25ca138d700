"""Keystores and references as such: which nobody uses, and which lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.rules import minded, said
from whytls.edge.environment import Environment, targets
from whytls.edge.tlsinfo import TlsInfo, referred, store_kind
from whytls.pki.certificate import SECOND, read

DAY = 86_400 * SECOND


def concerns(environment: Environment, at: int, *, proxies: bool = True) -> Iterator[Concern]:
    """All of them. ``proxies`` off: without the proxies' TargetEndpoints nobody can say that a store is unused."""
    used_references, used_stores, open_ended = _used(environment)
    for reference in environment.references.values():
        subject = Subject("reference", reference.name)
        used = reference.name in used_references
        if environment.keystores and reference.refers not in environment.keystores:
            title = f"it stands for keystore {reference.refers}, which is not there" + ("" if used else "; nobody uses it")
            evidence = (said(title, reference.origin, "refers"),)
            yield minded("dangling-reference", subject, "direct", title, evidence, level="failure" if used else "warning")
        elif not used and proxies and not open_ended:
            yield minded("unused-reference", subject, "direct", "nobody uses it", (said(f"it stands for {reference.refers}", reference.origin),))
    stands_for = {reference.refers for reference in environment.references.values()}
    for store in environment.keystores.values():
        if store.name in used_stores or store.name in stands_for or not proxies or open_ended:
            continue
        keyed = sum(alias.has_key for alias in store.aliases)
        ended = sum(1 for alias in store.aliases for der in alias.certificates[:1] if read(der).expired(at))
        what = f"{len(store.aliases)} {'alias' if len(store.aliases) == 1 else 'aliases'}, {keyed} with a key" + (
            f", {ended} expired" if ended else ""
        )
        yield minded("unused-store", Subject("keystore", store.name), "direct", f"nobody uses it ({what})", (said(what, store.origin),))


def _used(environment: Environment) -> tuple[set[str], set[str], bool]:
    """References and keystores that something names, and whether a message template could name any other."""
    infos: list[TlsInfo] = [host.tls for host in environment.virtual_hosts.values() if host.tls is not None]
    infos += [target.tls for target in targets(environment) if target.tls is not None]
    infos += [server.tls for server in environment.target_servers.values() if server.tls is not None]
    infos += [endpoint.tls for endpoint in environment.target_endpoints if endpoint.tls is not None]
    values = [value for tls in infos for value in (tls.key_store, tls.trust_store)]
    references = {referred(value) for value in values if store_kind(value) == "reference"}
    stores = {value for value in values if store_kind(value) == "literal"}
    return references, stores, any(store_kind(value) == "template" for value in values)
