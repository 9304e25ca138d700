"""The server's chain is complete, but its certificates stand in the wrong order.

What happened
-------------
Every certificate should be followed by its issuer. TLS 1.3 tells clients to sort them; older and smaller clients do not (R16).

How it looks
------------
A Certificate message whose certificates do not follow each other, then a refusal by the client with a generic alert.

Tell it from
------------
`chain-wrong-intermediate`: a certificate is missing, and another stands in its place. `certificate-untrusted`: most clients sort
the chain and then miss the root.

Fix
---
Install the chain in order: the server's certificate first, then its issuer, and so on.

References
----------
RFC 5246 section 7.4.2; RFC 8446 section 4.4.2; runbook R16, R24.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server}'s certificates do not stand in order, and the {client} refuses the chain",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"wrong-order"}),
    references=("RFC 5246 section 7.4.2", "R16", "R24"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A chain out of order, and a refusal that fits it; most clients sort, so it is never the only explanation."""
    return judged(handshake, context, "server", CAUSE.defects, fits=frozenset({42, 46, 48}))


def fix(finding: Finding, context: Context) -> Fix:
    """The chain in order."""
    return Fix("server", "install the chain in order: the server's certificate first, each followed by its issuer", "reload")
