"""From a case to its remedies: which of the files beside this one is asked for which cause, and in which order the answers stand.

What weakens security is never first, whatever it costs otherwise. Where nothing here knows the cause, the verdict's own fixes stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from whytls.edge.fixes import change as changes
from whytls.edge.fixes import hellos, keystores, truststores
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.change import Change
from whytls.edge.fixes.clients import advice
from whytls.edge.fixes.keystores import PROCESSOR, ROUTER
from whytls.edge.fixes.remedy import Bench, Remedy, remedy, with_tls
from whytls.edge.keystore import Reference
from whytls.edge.tlsinfo import REFERENCE, CommonName, store_kind
from whytls.model import Artefact
from whytls.pki.certificate import read
from whytls.pki.repair import repaired, to_pem

Maker = Callable[[Case, Bench], Iterator[Remedy]]
_VERIFY = Artefact("command", keystores.VERIFY, "before installing")


class Mending(NamedTuple):
    """One kind of failure, how often it is in what was given, and the ways to mend it, the best first."""

    case: Case
    remedies: tuple[Remedy, ...]
    bench: Bench
    times: int = 1

    @property
    def first(self) -> int | None:
        """The number, from 1, of the first way that can be applied and does not weaken security."""
        numbered = enumerate(self.remedies, 1)
        return next((number for number, one in numbered if one.applicable and one.fix.grade != "weakens security"), None)


def remedies(case: Case, bench: Bench) -> tuple[Remedy, ...]:
    """All ways to mend it, the best first."""
    maker = MAKERS.get(case.cause)
    made = list(maker(case, bench)) if maker is not None else []
    made = [one for one in made if one.fix.text]
    if not made:
        made = [Remedy(fix) for fix in case.fixes]
    return tuple(sorted(made, key=lambda one: one.fix.grade == "weakens security"))


def _server_chain(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A chain that is short or out of order: put right where it is presented."""
    if case.hop == "northbound":
        yield from keystores.chain_mended(case, bench, ROUTER)
        return
    yield from _backends_own(case, bench, "install the complete chain on the backend: its certificate first, then every intermediate")
    if case.hop == "southbound" and case.cause == "chain-incomplete":
        yield from _intermediates(case, bench)


def _intermediates(case: Case, bench: Bench) -> Iterator[Remedy]:
    """What the backend leaves out, trusted by the Message Processor itself: Java finds it there."""
    mended = repaired(case.server_chain, at=bench.at, given=bench.certificates) if case.server_chain else None
    if mended is not None and mended.root is not None and not mended.added:  # nothing is left out but the root: that one is not trusted
        yield from truststores.trusted(case, bench, case.server_chain, "server")
    elif mended is not None and mended.added:
        for one in truststores.trusted(case, bench, mended.chain[-1:], "server"):
            yield one._replace(fix=one.fix._replace(text=f"until the backend sends its whole chain: {one.fix.text}"))


def _server_certificate(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A certificate that has to be another one."""
    if case.hop == "northbound":
        yield from keystores.replaced(case, bench, ROUTER)
        return
    yield from _backends_own(case, bench, "install a new certificate and its whole chain on the backend")


def _name(case: Case, bench: Bench) -> Iterator[Remedy]:
    yield from _server_certificate(case, bench)
    if case.hop == "northbound":
        yield remedy("client", "or let the client call a name that the certificate holds", "reload", advice("name", case.name))
        return
    names = read(case.server_chain[0]).dns_names if case.server_chain else ()
    if case.hop == "southbound" and bench.environment.dialect == "x" and names and case.target is not None:
        made = with_tls(case, replace(case.tls, common_name=CommonName(names[0], names[0].startswith("*."))), bench)
        yield remedy(
            "gateway",
            f"or let the gateway expect {names[0]}, if that is the backend's right name (SSLInfo/CommonName)",
            "reload",
            made=made,
            bench=bench,
        )
    if case.hop == "southbound" and not case.tls.ignore_validation_errors and case.target is not None:
        made = with_tls(case, replace(case.tls, ignore_validation_errors=True), bench)
        text = "or ignore what is wrong with the backend's certificate (IgnoreValidationErrors): then anybody can be the backend"
        yield remedy("gateway", text, "weakens security", made=made, bench=bench)


def _backends_own(case: Case, bench: Bench, text: str) -> Iterator[Remedy]:
    artefacts = [_VERIFY, Artefact("nginx", "ssl_certificate chain.pem;\nssl_certificate_key key.pem;", "the backend, where it is an nginx")]
    if case.server_chain:
        mended = repaired(case.server_chain, at=bench.at, given=bench.certificates)
        if mended.changed:
            artefacts.insert(0, Artefact("pem", to_pem(mended.chain), "chain.pem: the repaired chain"))
    yield remedy("backend" if case.hop == "southbound" else "server", text, "reload", tuple(artefacts))


def _server_trust(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A server's certificate that the client does not trust (R26)."""
    if case.hop == "southbound":
        yield from truststores.trusted(case, bench, case.server_chain, "server")
        if not case.tls.ignore_validation_errors and case.target is not None:
            made = with_tls(case, replace(case.tls, ignore_validation_errors=True), bench)
            text = "or ignore what is wrong with the backend's certificate (IgnoreValidationErrors): then anybody can be the backend"
            yield remedy("gateway", text, "weakens security", made=made, bench=bench)
        return
    yield remedy(
        "client", "add the root of the Router's chain to the client's truststore", "reload", (*_root(case, bench), *advice("trust", case.name))
    )
    if case.hop == "northbound":
        yield from keystores.replaced(case, bench, ROUTER)


def _root(case: Case, bench: Bench) -> tuple[Artefact, ...]:
    found = bench.environment.presented(case.tls)
    chain = case.server_chain or (found[1].certificates if found is not None else ())
    root = repaired(chain, at=bench.at, given=bench.certificates).root if chain else None
    return (Artefact("pem", to_pem([root]), "root.pem"),) if root is not None else ()


def _client_certificate(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A client certificate that has to be another one, or is not there (R25)."""
    if case.hop == "southbound":
        yield from keystores.replaced(case, bench, PROCESSOR)
        return
    yield remedy(
        "client",
        "give the client a valid certificate with its key and chain, from a CA that the Router trusts",
        "reload",
        advice("certificate", case.name),
    )
    if case.cause == "client-certificate-missing" and case.host is not None and case.tls.client_auth_enabled:
        made = with_tls(case, replace(case.tls, client_auth_enabled=False), bench)
        text = f"or let virtual host {case.host.name} ask for none: then everybody gets in"
        yield remedy("gateway", text, "weakens security", made=made, bench=bench)


def _client_chain(case: Case, bench: Bench) -> Iterator[Remedy]:
    if case.hop == "southbound":
        yield from keystores.chain_mended(case, bench, PROCESSOR)
        return
    yield remedy(
        "client",
        "let the client send its whole chain: its certificate first, then every intermediate",
        "reload",
        (_VERIFY, *advice("certificate", case.name)),
    )


def _client_trust(case: Case, bench: Bench) -> Iterator[Remedy]:
    if case.hop == "northbound":
        yield from truststores.trusted(case, bench, case.client_chain, "client")
        return
    found = bench.environment.presented(case.tls)
    chain = case.client_chain or (found[1].certificates if found is not None else ())
    yield from truststores.backend_truststore(case, bench, chain)
    if case.target is not None:
        yield from keystores.replaced(case, bench, PROCESSOR)


def _by_reference(case: Case, bench: Bench) -> Iterator[Remedy]:
    """Stores that are named literally, each behind a reference."""
    tls = case.tls
    made: list[Change] = []
    names: list[str] = []
    for field in ("key_store", "trust_store"):
        value = getattr(tls, field)
        if store_kind(value) == "literal" and value in bench.environment.keystores:
            standing = next((one.name for one in bench.environment.references.values() if one.refers == value), "")
            label = standing or keystores.free_name(f"{value}-ref", bench.environment.references)
            if not standing and label not in names:
                made.append(changes.reference(None, Reference(label, value)))
                names.append(label)
            tls = replace(tls, key_store=REFERENCE + label) if field == "key_store" else replace(tls, trust_store=REFERENCE + label)
    if tls != case.tls:
        text = f"let {case.subject} name its stores by reference, so that the next one needs no restart"
        yield remedy("gateway", text, made=(*made, *with_tls(case, tls, bench)), bench=bench)


def _validate(case: Case, bench: Bench) -> Iterator[Remedy]:
    if case.tls.ignore_validation_errors:
        made = with_tls(case, replace(case.tls, ignore_validation_errors=False), bench)
        yield remedy(
            "gateway", f"let {case.subject} refuse certificates that are not in order (IgnoreValidationErrors false)", made=made, bench=bench
        )


def _validate_by(case: Case, bench: Bench) -> Iterator[Remedy]:
    yield from truststores.trusted(case, bench, case.server_chain, "server")


MAKERS: Mapping[str, Maker] = {
    **dict.fromkeys(("chain-incomplete", "chain-order", "chain-wrong-intermediate"), _server_chain),
    **dict.fromkeys(
        ("certificate-expired", "certificate-not-yet-valid", "certificate-revoked", "certificate-unusable", "certificate-usage",
         "certificate-weak-digest", "certificate-weak-key", "certificate-bad-signature", "certificate-issuer-not-ca",
         "certificate-name-constraints", "certificate-rejected"), _server_certificate),
    "certificate-name-mismatch": _name,
    **dict.fromkeys(("certificate-untrusted", "certificate-self-signed"), _server_trust),
    **dict.fromkeys(
        ("client-certificate-expired", "client-certificate-not-yet-valid", "client-certificate-revoked", "client-certificate-usage",
         "client-certificate-missing", "client-certificate-rejected"), _client_certificate),
    "client-chain-incomplete": _client_chain,
    "client-certificate-untrusted": _client_trust,
    "protocol-mismatch": hellos.protocol,
    "cipher-mismatch": hellos.cipher,
    **dict.fromkeys(("sni-missing", "sni-default-certificate", "server-name-off"), hellos.server_name),
    "sni-unknown": hellos.unknown_name,
    "plaintext-to-tls-port": hellos.speak_tls,
    "tls-to-plaintext-port": hellos.speak_plain,
    "literal-store-name": _by_reference,
    "validation-off": _validate,
    "nothing-validated": _validate_by,
    "old-protocol": hellos.old_protocols,
}  # fmt: skip
