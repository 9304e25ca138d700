"""The client's certificate was not valid yet when the server judged it.

What happened
-------------
Mutual TLS: the notBefore of the client's certificate lies after the time of the handshake; one of the clocks is wrong, or it was
installed too early.

How it looks
------------
CertificateRequest, the client's Certificate, then `bad_certificate` (42) or `certificate_unknown` (46) from the server.

Tell it from
------------
`client-certificate-expired`: too late instead of too early.

Fix
---
Check the clocks of both ends, then install a certificate that is valid now.

References
----------
RFC 5280 section 4.1.2.5; runbook R8, R25.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server} refuses the {client}'s certificate: {leaf} was not valid yet",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    defects=frozenset({"not-yet-valid"}),
    references=("RFC 5280 section 4.1.2.5", "R8", "R25"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A client certificate of the future, and a refusal that fits it."""
    return judged(handshake, context, "client", CAUSE.defects, fits=frozenset({42, 46, 45}))


def fix(finding: Finding, context: Context) -> Fix:
    """Clocks first, then the certificate."""
    return Fix(
        "client",
        "compare the clocks of both ends with the certificate's notBefore; if they are right, install a certificate that is valid now",
        "check",
    )
