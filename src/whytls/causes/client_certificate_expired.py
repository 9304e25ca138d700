"""The client's certificate was out of date when the server judged it.

What happened
-------------
Mutual TLS: the server asked for a certificate, and the one that the client sent, or one above it, had expired (R8).

How it looks
------------
CertificateRequest, the client's Certificate, then an alert of the server: `certificate_expired` (45) from OpenSSL,
`bad_certificate` (42) from Go, `certificate_unknown` (46) from Java. nginx, hence the Edge Router, completes the handshake and
answers the first request with HTTP 400.

Tell it from
------------
`client-certificate-untrusted`: dates are fine, the server does not know the issuer. `certificate-expired`: the server's
certificate.

Fix
---
Install a new certificate with its chain in the client's keystore (R25).

References
----------
RFC 5280 section 4.1.2.5; runbook R8, R18, R25.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server} refuses the {client}'s certificate: {leaf} had expired",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    defects=frozenset({"expired"}),
    names=frozenset({45}),
    references=("RFC 5280 section 4.1.2.5", "R8", "R18", "R25"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """An expired client certificate, and a refusal that fits it."""
    return judged(handshake, context, "client", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A new certificate in the client's keystore."""
    return Fix("client", "install a new certificate and its whole chain in the client's keystore", "reload")
