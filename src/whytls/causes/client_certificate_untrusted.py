"""The server does not know the CA of the client's certificate.

What happened
-------------
Mutual TLS: the client sent a certificate that leads to a CA which is not in the server's truststore (on an Edge Router: the
virtual host's TrustStore), or a self-signed one (R8).

How it looks
------------
CertificateRequest, the client's Certificate without a visible fault, then `unknown_ca` (48) from OpenSSL, `bad_certificate` (42)
from Go, `certificate_unknown` (46) from Java. nginx completes the handshake and answers with HTTP 400. The CA names of the
CertificateRequest often show that the issuer is missing.

Tell it from
------------
`client-chain-incomplete`: the chain stops before an issuer. `client-certificate-expired`: the dates are wrong.
`client-certificate-rejected`: TLS 1.3, and the certificate is hidden.

Fix
---
Add the client's root to the server's truststore (R26), or use a client certificate from a CA that the server names.

References
----------
RFC 8446 section 4.4.2; runbook R8, R17, R26.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import (
    GENERIC,
    UNKNOWN_CA,
    WEIGHTY,
    CertificateRefusal,
    at_rest,
    ending_evidence,
    judged,
    kin_of_anchors,
    refusal,
    store_option,
)
from whytls.inference.quote import side_name
from whytls.inference.refused_chain import anchors_of
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Owner, Silent

ACCESS_DENIED = 49
_FITS = GENERIC - {ACCESS_DENIED} | {40}
BOTH: tuple[Owner, ...] = ("client", "server")

CAUSE = Cause(
    title="the {server} does not trust the CA of the {client}'s certificate ({root})",
    titles={"self-signed": "the {server} does not trust the {client}'s self-signed certificate ({root})"},
    cause_class="client-certificate",
    owners=("client", "server"),
    phases=("server-turn", "finished"),
    breaker="server",
    at_rest=frozenset({"untrusted-root", "self-signed-leaf"}),
    references=("RFC 8446 section 4.4.2", "R8", "R17", "R26"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A truststore that lacks the root; a self-signed certificate; an issuer that was not named; or a chain without visible fault."""
    refused = refusal(handshake, context, "client")
    if refused is None or refused.report is None:
        return NotApplicable()
    if refused.alert is not None and refused.alert not in GENERIC | {UNKNOWN_CA, 40}:
        return Silent()
    if anchors_of(context, "server") is not None:
        answer = judged(handshake, context, "client", frozenset({"untrusted-root"}), names=frozenset({UNKNOWN_CA}), fits=_FITS, owners=BOTH)
        if isinstance(answer, Finding) and answer.detail != "alert-only":
            facts = {**answer.facts, "root": answer.facts.get("issuer") or refused.report.last_issuer}
            if refused.report.has("missing-intermediate") and kin_of_anchors(context, refused):
                answer = answer._replace(confidence="possible")  # an intermediate of that CA is missing, rather
            return answer._replace(facts=facts, evidence=(*answer.evidence, *_not_named(handshake, refused)), detail="")
        if refused.report.anchored:
            return Silent()  # the server has its root
    self_signed = refused.report.has("self-signed-leaf")
    lone = refused.report.find("missing-intermediate")
    foreign = lone is not None and not lone.certain and _foreign(handshake, refused)
    faults = {d.slug for d in refused.report.defects if d.slug in WEIGHTY} - {"self-signed-leaf", "untrusted-root"}
    faults -= {"missing-intermediate"} if lone is not None and not lone.certain else set()
    if faults:
        return Silent()
    unnamed = _issuer_not_named(handshake, refused)
    if (refused.late or refused.alert == ACCESS_DENIED) and not (unnamed or self_signed):
        return Silent()  # access_denied by itself says that the certificate was good, and its owner unwelcome
    # Every issuer that is seen is unknown to the server; but the last one need not be a root: if the server named the root above it, an
    # intermediate was left out. A self-signed certificate has nothing above it.
    whole = self_signed or refused.report.last_self_signed
    sure = (self_signed or (unnamed and whole)) and refused.alert is not None and lone is None
    if self_signed or (unnamed and (whole or lone is not None)):
        doubts: tuple[str, ...] = ()
    else:
        doubts = ("its issuer is a root, not an intermediate that was left out" if unnamed else "nothing else in the certificate was minded",)
    return Finding(
        failing_side="server",
        explains=refused.explains,
        evidence=(
            *_lines(handshake, refused, unnamed),
            *ending_evidence(context, refused),
            *at_rest(handshake, context, refused),
        ),
        confidence="proven" if sure and not refused.late and refused.borrowed is None else "likely" if foreign or lone is None else "possible",
        facts={"root": refused.report.last_issuer or "its CA", "defect": "self-signed-leaf" if self_signed else None},
        assumptions=doubts,
        detail="self-signed" if self_signed else "",
        would_decide=f"the {side_name('server', context)}'s truststore: whytls diagnose {store_option(context, 'server')}",
    )


def _issuer_not_named(handshake: Handshake, refused: CertificateRefusal) -> bool:
    """Whether the server named acceptable CAs and none of the chain's issuers is among them."""
    request, report = handshake.certificate_request, refused.report
    if request is None or not request.authorities or report is None:
        return False
    return not {c.issuer_der for c in report.certificates} & set(request.authorities)


def _foreign(handshake: Handshake, refused: CertificateRefusal) -> bool:
    """A leaf sent alone, whose issuer belongs to none of the organisations that the server names: not an intermediate of theirs."""
    from whytls.pki.name import organisation

    request, report = handshake.certificate_request, refused.report
    if request is None or not request.authorities or report is None or report.leaf is None:
        return False
    own = organisation(report.leaf.issuer_der)
    return own is not None and own not in {organisation(name) for name in request.authorities}


def _lines(handshake: Handshake, refused: CertificateRefusal, unnamed: bool) -> list[Evidence]:
    event = handshake.first("certificate", "client")
    root = refused.report.last_issuer if refused.report else ""
    if refused.borrowed is not None:
        return [refused.borrowed, Evidence(f"its certificate was issued by {root}", (), handshake.file)]
    lines = [Evidence(f"client's Certificate: issued by {root}", event.frames if event else (), handshake.file)]
    return lines + _not_named(handshake, refused) if unnamed else lines


def _not_named(handshake: Handshake, refused: CertificateRefusal) -> list[Evidence]:
    request = handshake.first("certificate-request")
    if request is None or not _issuer_not_named(handshake, refused):
        return []
    return [Evidence("CertificateRequest does not name this issuer", request.frames, request.file)]


def fix(finding: Finding, context: Context) -> Fix:
    """The client's root into the server's truststore, or a certificate from a CA that it names."""
    where = {"northbound": "the virtual host's TrustStore", "southbound": "the backend's truststore"}.get(context.hop, "the server's truststore")
    return Fix(
        "server",
        f"add the client's root certificate ({finding.facts['root']}) to {where}; or use a client certificate from a CA that the server names",
        "reload",
    )
