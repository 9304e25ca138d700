"""The server requires a client certificate, and the client sent none.

What happened
-------------
Mutual TLS: the server asked for a certificate. The client has none configured, or none from an issuer that the server named, and
sent an empty Certificate message.

How it looks
------------
CertificateRequest, an empty Certificate message, then `handshake_failure` (40) in TLS 1.2 or `certificate_required` (116) in TLS
1.3 from OpenSSL, `bad_certificate` (42) from Go and Java. In TLS 1.3 the size of the client's flight tells. nginx, hence the Edge
Router, completes the handshake and answers the first request with HTTP 400 "No required SSL certificate was sent".

Tell it from
------------
`client-certificate-untrusted` and its kin: there a certificate was sent. `cipher-mismatch`: the same `handshake_failure`, right
after the ClientHello.

Fix
---
Configure the client's key and certificate (on a target: KeyStore, KeyAlias and ClientAuthEnabled). If one is configured: its
issuer must be among the CA names that the server sends, with the chain up to it; given the client's keystore (`--keystore
SIDE=STORE`), the verdict says whether it has one.

References
----------
RFC 8446 section 4.4.2.4; RFC 5246 section 7.4.6; runbook R8, R17, R25.
"""

from __future__ import annotations

from collections.abc import Mapping

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import ending_evidence, refusal
from whytls.inference.client_flight import client_flight
from whytls.inference.replayed import certificate_demand
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent

CAUSE = Cause(
    title="the {server} requires a client certificate, and the {client} sent none",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    references=("RFC 8446 section 4.4.2.4", "R8", "R17", "R25"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """An empty Certificate message, seen or told by the size of the client's flight, and a server that broke off."""
    refused = refusal(handshake, context, "client")
    if refused is None:
        return NotApplicable()
    lines = _asked(handshake)
    if handshake.client_chain is not None:
        if handshake.client_chain:
            return Silent()
        event = handshake.first("certificate", "client")
        lines.append(Evidence("the client's Certificate message is empty", event.frames if event else (), handshake.file))
    else:
        flight = client_flight(handshake)
        if flight.content != "empty-certificate":
            return Silent()
        frames = flight.events[0].frames if flight.events else ()
        lines.append(Evidence("the client's flight has the size of an empty Certificate message and Finished", frames, handshake.file))
    stored, facts = _at_rest(handshake, context)
    demand = certificate_demand(context)
    lines += [demand.evidence] if demand is not None else []
    # The size says that it sent none; that this is what the server minded, a handshake of ours without one can show.
    shown = handshake.client_chain is not None or (demand is not None and demand.refuses_without)
    proven = shown and not refused.late
    return Finding(
        failing_side="server",
        explains=refused.explains,
        evidence=(*lines, *ending_evidence(context, refused), *stored),
        confidence="proven" if proven else "likely",
        facts=facts,
        would_decide="the server's log (nginx: client sent no required SSL certificate), or a key log of this connection",
        detail="refused-in-http" if refused.late else "",
    )


def _at_rest(handshake: Handshake, context: Context) -> tuple[tuple[Evidence, ...], Mapping[str, object]]:
    """What the client's keystore had to offer, where it is known."""
    if context.client_stores.keystore is None:
        return (), {}
    from whytls.inference.at_rest import choice

    found = choice(handshake, context)
    return (found.lines, found.facts) if found is not None else ((), {})


def _asked(handshake: Handshake) -> list[Evidence]:
    event, request = handshake.first("certificate-request"), handshake.certificate_request
    if event is None or request is None:
        return []
    count = len(request.authorities)
    return [Evidence(f"CertificateRequest names {count} acceptable CA{'s' if count != 1 else ''}", event.frames, event.file)]


def fix(finding: Finding, context: Context) -> Fix:
    """A key and certificate for the client."""
    if context.hop == "southbound":
        xml = "<SSLInfo>\n  <Enabled>true</Enabled>\n  <ClientAuthEnabled>true</ClientAuthEnabled>\n  <KeyStore>ref://KEYSTORE-REFERENCE</KeyStore>\n  <KeyAlias>ALIAS</KeyAlias>\n</SSLInfo>"
        return Fix(
            "client",
            "give the target a keystore with the client certificate and its chain, from an issuer that the backend names",
            "reload",
            (Artefact("xml", xml, "the proxy's TargetEndpoint, or the target server"),),
        )
    return Fix(
        "client",
        "configure a certificate and key in the client, with its chain, from an issuer that the server names in its CertificateRequest",
        "reload",
        (Artefact("command", "curl --cert client.pem --key client.key https://HOST/", "the client, as a test"),),
    )
