"""The name that the client called is not in the server's certificate.

What happened
-------------
The client checks that the host name in its URL stands in the certificate (subjectAltName, or the common name where there is no
SAN). It does not: another site's certificate was installed, a wildcard does not reach that deep, or the client called an IP
address (R6).

How it looks
------------
The server_name of the ClientHello against the names in the Certificate message. The client sends `bad_certificate` (42: OpenSSL,
Go, Python) or `certificate_unknown` (46: Java); curl, nginx and Node send nothing or a mere close_notify, after the handshake.

Tell it from
------------
`sni-default-certificate`: the client named nobody and got the default site's certificate. `sni-unknown`: the server refused the
name itself. `certificate-untrusted`: the same generic alerts, and the name fits.

Fix
---
Install a certificate that has the name in its subjectAltName (or a fitting one-label wildcard), with its chain (R23); or correct
the name that the client calls. On a call by IP address: call by name.

References
----------
RFC 9525; RFC 6125; RFC 5280 section 4.2.1.6; runbook R6, R15, R23.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, WEIGHTY, ending_evidence, judged, refusal
from whytls.inference.client_habit import names_only_when_told
from whytls.inference.quote import describe_hello
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, Silent

CAUSE = Cause(
    title="the {client} called {host}, and the {server}'s certificate is for {names}",
    titles={
        "no-name-sent": "the {client} called the {server} without a name, and its certificate ({names}) does not hold the address {host}",
        "cn-only": "the {server}'s certificate names {host} only as its common name, which the {client} does not accept",
    },
    cause_class="server-certificate",
    owners=("server", "client"),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    at_rest=frozenset({"name-mismatch", "cn-only", "lax-wildcard"}),
    needs=("client-hello",),
    references=("RFC 9525", "R6", "R15", "R23"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A name that the certificate does not hold; a common name without SAN; or no name at all, and an address that it does not hold."""
    host = handshake.sni
    if host:
        refused = refusal(handshake, context, "server")
        if refused is not None and refused.report is not None and _OF_NAMES.isdisjoint(refused.report.slugs):
            return Silent()
        answer = judged(handshake, context, "server", frozenset({"name-mismatch"}))
        if not isinstance(answer, Finding) or answer.detail == "alert-only":
            answer = _common_name(handshake, context) or answer
        return _with_names(answer, host)
    return _without_name(handshake, context)


_OF_NAMES = frozenset({"name-mismatch", "cn-only"})


def _with_names(answer: Answer, host: str) -> Answer:
    if not isinstance(answer, Finding):
        return answer
    presented = answer.facts.get("presented") or ()
    return answer._replace(facts={**answer.facts, "host": host, "names": _names(tuple(presented))})


def _common_name(handshake: Handshake, context: Context) -> Finding | None:
    """A certificate without SAN whose common name fits: refused by Go and by browsers, taken by OpenSSL and Java."""
    refused = refusal(handshake, context, "server")
    if refused is None or refused.report is None or "cn-only" not in refused.report.slugs:
        return None
    answer = judged(handshake, context, "server", frozenset({"cn-only"}))
    return answer._replace(detail="cn-only") if isinstance(answer, Finding) else None


def _without_name(handshake: Handshake, context: Context) -> Answer:
    """Clients send no server_name when they are called by an IP address (RFC 6066 section 3): then the address must be in the certificate."""
    refused, hello = refusal(handshake, context, "server"), handshake.client_hello
    if refused is None or hello is None or refused.report is None or handshake.outcome == "completed" or refused.alert == 48:
        return Silent()
    from whytls.pki.name import match

    leaf = refused.report.leaf
    if leaf is None or any(d.slug in WEIGHTY for d in refused.report.defects) or match(handshake.server.address, leaf).matches:
        return Silent()
    names = match(handshake.server.address, leaf).presented
    event = handshake.first("certificate", "server")
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=(
            describe_hello(handshake, context),
            Evidence(f"the certificate is for {_names(names)}", event.frames if event else (), handshake.file, leaf.sha256),
            *ending_evidence(context, refused)[:2],
        ),
        confidence="likely",
        facts={"host": handshake.server.address, "names": _names(names), "defect": None},
        assumptions=(
            "its root is trusted",
            "the client called the server by its IP address",
            *(("it would have sent a name without being told to",) if context.hop == "southbound" or names_only_when_told(hello) else ()),
        ),
        detail="no-name-sent",
        owners=("client", "server"),
        would_decide="the URL that the client called",
        settled_by_later=True,
    )


def _names(presented: tuple[str, ...]) -> str:
    if not presented:
        return "no name at all"
    return ", ".join(presented[:3]) + (f" and {len(presented) - 3} more" if len(presented) > 3 else "")


def fix(finding: Finding, context: Context) -> Fix:
    """The name into the certificate, or the right name into the client."""
    host = finding.facts.get("host", "the name")
    if finding.detail == "no-name-sent":
        return Fix(
            "client", f"let the client call the server by a name that its certificate holds ({finding.facts['names']}), not by {host}", "reload"
        )
    return Fix(
        "server",
        f"install a certificate that holds {host} in its subjectAltName (or a fitting wildcard), with its complete chain; or correct the name that is called",
        "reload",
    )
