"""The client does not know the root to which the server's certificate leads.

What happened
-------------
The chain that the server sent is sound, but it leads to a CA that is not in the client's truststore: a private CA, a new public
root, or a truststore with the wrong entries (R8).

How it looks
------------
The server's Certificate message without any visible fault, then `unknown_ca` (48) from OpenSSL, curl and Python,
`bad_certificate` (42) from Go, `certificate_unknown` (46) from Java; nginx and Node close without an alert.

Tell it from
------------
`chain-incomplete`: the chain stops before an issuer. `certificate-self-signed`: the leaf is its own issuer. Other defects in the
chain come first, for they are seen; the truststore is not, unless it is given (`--truststore SIDE=STORE`, `--trust`).

Fix
---
Add the root (or the issuing CA) to the truststore of the side that refused (R26); or install a certificate from a CA that it
trusts.

References
----------
RFC 5280 section 6.1; RFC 8446 section 6.2; runbook R8, R17, R26.
"""

from __future__ import annotations

from functools import lru_cache

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import (
    CERTIFICATE_ALERTS,
    GENERIC,
    UNKNOWN_CA,
    WEIGHTY,
    CertificateRefusal,
    at_rest,
    ending_evidence,
    judged,
    kin_of_anchors,
    not_of_keystore,
    refusal,
    store_option,
    would_show,
)
from whytls.inference.late_rejection import aborted_by_client, dropped_by_client
from whytls.inference.quote import side_name
from whytls.inference.refused_chain import anchors_of
from whytls.model import Answer, Artefact, Confidence, Context, Evidence, Finding, Fix, Handshake, Hop, NotApplicable, Silent

CAUSE = Cause(
    title="the {client} does not trust the CA that the {server}'s certificate leads to ({root})",
    titles={"alert-only": "the {client} says that it does not know the CA of the {server}'s certificate"},
    cause_class="server-certificate",
    owners=("client", "server"),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    at_rest=frozenset({"untrusted-root"}),
    references=("RFC 5280 section 6.1", "R8", "R17", "R26"),
    completed=True,
)


_ALERTS = GENERIC | {UNKNOWN_CA}


def look(handshake: Handshake, context: Context) -> Answer:
    """A truststore that was given and lacks the root; or a refusal of a chain without visible fault."""
    if anchors_of(context, "client") is not None:
        answer = judged(handshake, context, "server", frozenset({"untrusted-root"}), names=frozenset({UNKNOWN_CA}), owners=("client", "server"))
        if isinstance(answer, Finding) and answer.detail != "alert-only":
            facts = {**answer.facts, "root": answer.facts.get("issuer") or answer.facts.get("subject") or answer.facts["leaf"]}
            refused = refusal(handshake, context, "server")
            lone = refused is not None and refused.report is not None and refused.report.has("missing-intermediate")
            if lone and refused is not None and kin_of_anchors(context, refused):
                answer = answer._replace(confidence="possible")  # an intermediate of that CA is missing, rather
            return answer._replace(facts=facts, detail="")
    refused = refusal(handshake, context, "server")
    if refused is None or (refused.alert is not None and refused.alert not in _ALERTS):
        return NotApplicable()
    if handshake.outcome == "completed" and not (aborted_by_client(handshake) or _request_gave_up(handshake, context)):
        return Silent()
    if refused.report is None:
        return _hidden(handshake, context, refused) if refused.alert == UNKNOWN_CA else Silent()
    if refused.report.anchored:
        return _though_anchored(handshake, context, refused)
    # A leaf alone may lack an intermediate, or be issued by a root that is not known: then both stand.
    faults = {d.slug for d in refused.report.defects if d.slug in WEIGHTY and (d.certain or d.slug != "missing-intermediate")}
    if faults and (refused.alert != UNKNOWN_CA or faults & _SAME_ALERT):
        return Silent()
    return _sound(handshake, context, refused)


def _though_anchored(handshake: Handshake, context: Context, refused: CertificateRefusal) -> Answer:
    """The truststore that was given ends the chain: only an unknown_ca can still speak of it."""
    report = refused.report
    if report is None or refused.alert != UNKNOWN_CA:
        return Silent()
    if not refused.certain_chain:
        return _hidden(handshake, context, refused, "the server presents another chain than its keystore holds")
    last = report.path_certificates[-1] if report.path_certificates else None
    if last is None or last.self_issued or report.slugs & WEIGHTY:
        return Silent()  # the root is there: something else was minded
    # OpenSSL ends a path at roots only (X509_V_FLAG_PARTIAL_CHAIN is off by default): an intermediate in its store is not enough.
    event = handshake.first("certificate", "server")
    lines = (
        *((refused.borrowed,) if refused.borrowed else ()),
        Evidence(f"the client's truststore has {last.subject}, which is no root, and OpenSSL wants the root above it",
                 event.frames if event and refused.borrowed is None else (), handshake.file, last.sha256),
        *ending_evidence(context, refused)[:2],
    )  # fmt: skip
    facts = {"root": last.issuer, "leaf": report.leaf.subject if report.leaf else "", "defect": None}
    doubt = ("the client ends no path at a certificate that is not self-signed",)
    return Finding("client", refused.explains, lines, "likely", facts, doubt, would_decide="which TLS stack the client uses")


# These are said with unknown_ca as well, and they are visible: they come before the truststore that is not.
_SAME_ALERT = frozenset({"self-signed-leaf", "missing-intermediate", "wrong-intermediate", "issuer-not-ca", "path-length-exceeded"})


def _sound(handshake: Handshake, context: Context, refused: CertificateRefusal) -> Finding:
    report = refused.report
    assert report is not None  # noqa: S101  (the caller has looked)
    root = report.last_issuer or "its CA"
    event = handshake.first("certificate", "server")
    text = f"Certificate: the chain is sound and leads to {root}" + (", which was sent itself" if report.last_self_signed else "")
    confidence: Confidence = "likely"
    doubts = [] if refused.alert == UNKNOWN_CA else ["nothing else in the certificate was minded"]
    doubts += ["the name called is in it", "it was called by that name"] if not handshake.sni and refused.alert != UNKNOWN_CA else []
    if "missing-intermediate" in report.slugs:
        confidence, text = "possible", f"Certificate: issued by {root}, whose certificate was not sent"
        doubts.append("a root issued it directly")
    if refused.alert == UNKNOWN_CA and report.last_self_signed and refused.borrowed is None and not doubts:
        confidence = "proven"  # sound from leaf to root, all of it seen: what is unknown can only be that root
    if refused.late and _request_gave_up(handshake, context):
        text += "; the connection was never used, and the request that waited for it was answered at once"
    elif refused.late:
        confidence, doubts = "possible", ["the client closed because of the certificate"]
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=(
            *((refused.borrowed,) if refused.borrowed else ()),
            Evidence(text, event.frames if event else (), handshake.file),
            *ending_evidence(context, refused)[:2],
            *at_rest(handshake, context, refused),
        ),
        confidence=confidence,
        facts={"root": root, "leaf": report.leaf.subject if report.leaf else "", "defect": None},
        assumptions=tuple(doubts),
        would_decide=_would_decide(context.hop),
    )


@lru_cache(maxsize=4)
def _would_decide(hop: Hop) -> str:
    context = Context(hop=hop)
    return f"the {side_name('client', context)}'s truststore: whytls diagnose {store_option(context, 'client')}"


def _request_gave_up(handshake: Handshake, context: Context) -> bool:
    """A gateway that dropped the finished connection unused, and answered the request that had waited for it: it disliked what it saw."""
    return context.waiting is not None and dropped_by_client(handshake) is not None


def _hidden(handshake: Handshake, context: Context, refused: CertificateRefusal, unless: str = "") -> Finding:
    """The alert alone; ``unless`` is what would have to be so, where the stores speak against it."""
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=(
            *((refused.borrowed,) if refused.borrowed else ()),
            *ending_evidence(context, refused)[:2],
            *not_of_keystore(handshake, context, refused),
        ),
        confidence="possible" if unless else "likely",
        facts={"root": "hidden by TLS 1.3", "leaf": "", "defect": None},
        assumptions=("the chain, which TLS 1.3 hides, is complete", *((unless,) if unless else ())),
        detail="alert-only",
        would_decide=would_show(context, "server"),
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The root into the truststore of the side that refused."""
    if finding.detail == "alert-only":
        return Fix(
            "client",
            "look at the server's chain first, with whytls check HOST:PORT: if it is complete, add its root "
            "to the truststore of the side that refused; if it is self-signed or stops short, mend it on the server",
            "check",
        )
    where = {"southbound": "the Message Processor's truststore (the target's TrustStore)", "northbound": "the client's truststore"}.get(
        context.hop, "the client's truststore"
    )
    return Fix(
        "client",
        f"add the root certificate ({finding.facts['root']}) to {where}; or install on the server a certificate of a CA that it trusts",
        "reload",
        _IMPORT,
    )


_IMPORT = (
    Artefact(
        "command",
        "keytool -importcert -trustcacerts -alias backend-root -file root.pem -keystore truststore.p12",
        "where a Java client's truststore is",
    ),
)
