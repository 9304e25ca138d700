"""The server's certificate is not meant for a TLS server.

What happened
-------------
The certificate's extended key usage lacks serverAuth (a client or code-signing certificate was installed), or its key usage does
not allow signing.

How it looks
------------
The server's Certificate message, then `unsupported_certificate` (43) from OpenSSL, `bad_certificate` (42) from Go,
`certificate_unknown` (46) from Java and NSS.

Tell it from
------------
`certificate-issuer-not-ca`: there an issuing certificate lacks the right to issue. `client-certificate-usage`: the client's
certificate.

Fix
---
Install a certificate whose extended key usage includes serverAuth.

References
----------
RFC 5280 sections 4.2.1.3 and 4.2.1.12.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: {leaf} is not meant for a TLS server",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"wrong-usage"}),
    names=frozenset({43}),
    references=("RFC 5280 section 4.2.1.12",),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A certificate for another purpose, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A certificate for serverAuth."""
    return Fix("server", "install a certificate whose extended key usage includes serverAuth", "reload")
