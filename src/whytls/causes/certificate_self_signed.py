"""The server's certificate is self-signed, and the client does not trust it.

What happened
-------------
The server sent a certificate that it issued to itself. A client trusts such a certificate only where it stands in its truststore
itself.

How it looks
------------
One certificate whose issuer equals its subject, then `unknown_ca` (48) from OpenSSL, curl and Python, `bad_certificate` (42) from
Go, `certificate_unknown` (46) from Java; from nginx and Node none.

Tell it from
------------
`chain-incomplete`: one certificate too, with another issuer. `certificate-untrusted`: a chain up to a root that the client does
not know.

Fix
---
Install a certificate from a CA that the clients trust. For a test system: put this certificate into the client's truststore
(R26).

References
----------
RFC 5280 section 3.2; runbook R8, R26.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s self-signed certificate ({leaf})",
    cause_class="server-certificate",
    owners=("server", "client"),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"self-signed-leaf"}),
    names=frozenset({48}),
    references=("RFC 5280 section 3.2", "R8", "R26"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A self-signed leaf, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A certificate from a CA, or this one in the truststore."""
    return Fix(
        "server",
        "install a certificate from a CA that the clients trust; or, where both ends are yours, add this certificate to the client's truststore",
        "reload",
    )
