"""The client refuses the server's certificate because its CA revoked it.

What happened
-------------
The CA withdrew the certificate (or one above it), and the client checks revocation lists or OCSP.

How it looks
------------
`certificate_revoked` (44) from OpenSSL, curl and Python; Java says `certificate_unknown` (46). The capture does not show the
revocation itself.

Tell it from
------------
`certificate-untrusted`: the same generic alerts; a certificate without visible fault can be either.

Fix
---
Install a new certificate. Ask the CA why it was revoked: a key that leaked must not be used again.

References
----------
RFC 5280 section 5; RFC 6960; runbook R8.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import ending_evidence, refusal
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable, Silent

CERTIFICATE_REVOKED = 44

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: it says that it was revoked",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=frozenset({CERTIFICATE_REVOKED}),
    at_rest=frozenset({"revoked"}),
    references=("RFC 5280 section 5", "R8"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """The alert that says it; nothing else sends it."""
    refused = refusal(handshake, context, "server")
    if refused is None:
        return NotApplicable()
    if refused.alert != CERTIFICATE_REVOKED:
        return Silent()
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=ending_evidence(context, refused),
        confidence="proven",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """A new certificate with a new key."""
    return Fix("server", "install a new certificate with a new key, and ask the CA why this one was revoked", "reload")
