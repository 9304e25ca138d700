"""A certificate in the server's chain was not valid yet when the client judged it.

What happened
-------------
The notBefore of the server's certificate, or of one above it, lies after the time of the handshake: a certificate installed too
early, or a client whose clock is behind.

How it looks
------------
The server's Certificate message, then `bad_certificate` (42) from OpenSSL, Go and newer Java, `certificate_unknown` (46) from
Java 17, `certificate_expired` (45) from NSS.

Tell it from
------------
`certificate-expired`: too late instead of too early.

Fix
---
Check the clocks of both ends first. If they are right, install a certificate that is valid now.

References
----------
RFC 5280 section 4.1.2.5; runbook R8, R25.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: {leaf} was not valid yet",
    titles={
        "intermediate": "the {client} refuses the {server}'s certificate chain: an intermediate certificate was not valid yet",
    },
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"not-yet-valid"}),
    references=("RFC 5280 section 4.1.2.5", "R8", "R25"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A certificate of the future on the path, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, fits=frozenset({42, 46, 45}))


def fix(finding: Finding, context: Context) -> Fix:
    """Clocks first, then the certificate."""
    return Fix(
        "server",
        "compare the clocks of both ends with the certificate's notBefore; if they are right, install a certificate that is valid now",
        "check",
    )
