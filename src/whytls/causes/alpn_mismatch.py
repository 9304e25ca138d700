"""Client and server have no application protocol in common.

What happened
-------------
The client offered application protocols (ALPN), such as h2, and the server supports none of them and refuses instead of going
on without.

How it looks
------------
ClientHello with the ALPN extension, then a fatal `no_application_protocol` (120) from the server.

Tell it from
------------
`cipher-mismatch` and the other mismatches of the ClientHello: their alerts are others; 120 is sent for nothing else.

Fix
---
Offer http/1.1 as well in the client, or enable the protocol on the server.

References
----------
RFC 7301 section 3.2.
"""

from __future__ import annotations

from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import hello_refusal, said_for
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {server} speaks none of the application protocols that the {client} offers ({protocols})",
    cause_class="hello",
    owners=("client", "server"),
    phases=(*FROM_HELLO, "client-turn"),
    breaker="server",
    alerts=said_for("alpn"),
    dimension="alpn",
    needs=("client-hello",),
    references=("RFC 7301 section 3.2",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """By the alert, or by another handshake that differs in ALPN only."""
    refusal = hello_refusal(handshake, context)
    if refusal is None or refusal.hello.alpn is None:
        return NotApplicable()
    protocols = ", ".join(refusal.hello.alpn[:6]) or "none"
    return refused_for(
        "alpn", refusal, handshake, context,
        offered=f"ALPN offers: {protocols}", decide="a try without ALPN", facts={"protocols": protocols},
    )  # fmt: skip


def fix(finding: Finding, context: Context) -> Fix:
    """A protocol that both know."""
    return Fix(
        "client",
        "offer http/1.1 as well in the client, or enable its protocol on the server",
        "reload",
        (Artefact("nginx", "listen 443 ssl http2;", "an nginx server, where the client offers h2 only"),),
    )
