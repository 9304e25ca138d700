"""A CA above the server's certificate is not allowed to issue for its name.

What happened
-------------
An intermediate carries name constraints, and the server's certificate has a name outside of what they permit.

How it looks
------------
The server's Certificate message, then `certificate_unknown` (46) from OpenSSL and Java, `bad_certificate` (42) from Go.

Tell it from
------------
`certificate-name-mismatch`: there the name called is not in the certificate; here it is, and the CA was not allowed to put it
there.

Fix
---
Have the certificate issued by a CA without that constraint, or with a name that it permits.

References
----------
RFC 5280 section 4.2.1.10.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: its CA is not permitted to issue for its name",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"name-constraints"}),
    references=("RFC 5280 section 4.2.1.10",),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A name outside of the CA's constraints, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, fits=frozenset({42, 46, 48}))


def fix(finding: Finding, context: Context) -> Fix:
    """Another CA or another name."""
    return Fix("server", "have the certificate issued by a CA whose name constraints permit its names", "reload")
