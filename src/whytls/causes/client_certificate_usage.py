"""The client's certificate is not meant for a TLS client.

What happened
-------------
Mutual TLS: the certificate's extended key usage lacks clientAuth; often a server certificate was put into the client's keystore.

How it looks
------------
CertificateRequest, the client's Certificate, then `unsupported_certificate` (43) from OpenSSL, `bad_certificate` (42) from Go,
`certificate_unknown` (46) from Java.

Tell it from
------------
`certificate-usage`: the server's certificate.

Fix
---
Install a certificate whose extended key usage includes clientAuth.

References
----------
RFC 5280 section 4.2.1.12.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server} refuses the {client}'s certificate: {leaf} is not meant for a TLS client",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    defects=frozenset({"wrong-usage"}),
    names=frozenset({43}),
    references=("RFC 5280 section 4.2.1.12",),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A client certificate for another purpose, and a refusal that fits it."""
    return judged(handshake, context, "client", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A certificate for clientAuth."""
    return Fix("client", "install a certificate whose extended key usage includes clientAuth in the client's keystore", "reload")
