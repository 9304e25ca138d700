"""The server's chain holds an issuer that is no CA.

What happened
-------------
A certificate in the chain issued another one, and its basic constraints (or key usage, or path length) say that it was not
allowed to.

How it looks
------------
The server's Certificate message, then `unknown_ca` (48) from OpenSSL, `bad_certificate` (42) from Go, `certificate_unknown` (46)
from Java.

Tell it from
------------
`chain-wrong-intermediate`: there the link itself does not hold.

Fix
---
Have the certificate issued by a real CA certificate, and install that chain.

References
----------
RFC 5280 sections 4.2.1.9 and 6.1.4.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s chain: a certificate in it issued another one without being a CA",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"issuer-not-ca", "path-length-exceeded"}),
    references=("RFC 5280 section 4.2.1.9",),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """An issuer without the right to issue, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, fits=frozenset({42, 46, 48}))


def fix(finding: Finding, context: Context) -> Fix:
    """A chain of real CA certificates; an anchor that is none has to be exchanged for one."""
    if finding.facts.get("position") == "anchor":
        return Fix("client", "put the CA certificate that issued it into the truststore; this one is accepted for itself only, by some stacks", "reload")
    return Fix("server", "have the certificate issued by a CA certificate (basicConstraints CA:TRUE, keyCertSign) and install that chain", "reload")
