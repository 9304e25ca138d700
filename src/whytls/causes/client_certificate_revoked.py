"""The server refuses the client's certificate because its CA revoked it.

What happened
-------------
Mutual TLS: the CA withdrew the client's certificate, and the server checks revocation lists or OCSP.

How it looks
------------
CertificateRequest, the client's Certificate, then `certificate_revoked` (44) from the server. In TLS 1.3 the alert is encrypted.

Tell it from
------------
`client-certificate-untrusted`: the same place, another alert.

Fix
---
Have a new client certificate issued with a new key.

References
----------
RFC 5280 section 5; runbook R8.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import ending_evidence, refusal
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable, Silent

CAUSE = Cause(
    title="the {server} refuses the {client}'s certificate: it says that it was revoked",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    at_rest=frozenset({"revoked"}),
    references=("RFC 5280 section 5", "R8"),
)

CERTIFICATE_REVOKED = 44


def look(handshake: Handshake, context: Context) -> Answer:
    """The alert that says it; nothing else sends it."""
    refused = refusal(handshake, context, "client")
    if refused is None:
        return NotApplicable()
    if refused.alert != CERTIFICATE_REVOKED:
        return Silent()
    return Finding(
        failing_side="server",
        explains=refused.explains,
        evidence=ending_evidence(context, refused),
        confidence="proven",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """A new certificate with a new key."""
    return Fix("client", "have a new client certificate issued, with a new key, and install it with its chain in the client's keystore", "reload")
