"""The server sent an intermediate certificate that did not issue its own.

What happened
-------------
A chain was configured, but its intermediate belongs to another CA, or to an older key of the same CA: issuer and subject, key
identifiers or the signature do not fit (R7).

How it looks
------------
A Certificate message of two or more certificates where the first one's issuer is none of the others; then `unknown_ca` (48),
`bad_certificate` (42) or `certificate_unknown` (46) from the client.

Tell it from
------------
`chain-incomplete`: nothing was sent above the leaf. `certificate-bad-signature`: the right issuer is there, and the certificate
is damaged. `chain-order`: all is there, in the wrong order.

Fix
---
Replace the intermediate by the one that issued this certificate; the CA names it (or the certificate's caIssuers address does)
(R24).

References
----------
RFC 5280 section 6.1; runbook R7, R16, R24.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server} sends an intermediate certificate that did not issue {leaf}",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    at_rest=frozenset({"key-identifier-differs", "name-encoding-differs"}),
    defects=frozenset({"wrong-intermediate"}),
    names=frozenset({48}),
    references=("RFC 5280 section 6.1", "R7", "R16", "R24"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A link of the chain that does not hold, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """The intermediate that really issued the certificate."""
    return Fix(
        "server",
        "replace the intermediate by the one that issued this certificate, and verify the chain before installing it",
        "reload",
        (
            Artefact(
                "command", "openssl verify -CAfile root.pem -untrusted intermediate.pem leaf.pem", "where the certificate files are, before uploading"
            ),
        ),
    )
