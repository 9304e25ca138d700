"""The server's certificate is signed with a digest that the client refuses.

What happened
-------------
The certificate's signature uses MD5 or SHA-1, which clients have stopped to accept.

How it looks
------------
The server's Certificate message, then `bad_certificate` (42), `certificate_unknown` (46) or `insufficient_security` (71). A
root's own digest does not matter.

Tell it from
------------
`certificate-bad-signature`: there the signature itself is wrong. `signature-algorithm-mismatch`: the handshake ends before a
certificate is sent.

Fix
---
Have the certificate issued again with SHA-256.

References
----------
RFC 9155; RFC 9325 section 4.4.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: its signature uses an outdated digest",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"weak-digest"}),
    names=frozenset({71}),
    references=("RFC 9155", "RFC 9325 section 4.4"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """An outdated digest on the path, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A certificate signed with SHA-256."""
    return Fix("server", "have the certificate issued again with SHA-256 and install it with its chain", "reload")
