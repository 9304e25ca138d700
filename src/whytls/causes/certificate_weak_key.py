"""The server's certificate has a key that is too small for the client.

What happened
-------------
The key in the certificate, or in one above it, is shorter than the client's minimum: OpenSSL at security level 2 wants RSA of
2048 bits, Java 1024 or more.

How it looks
------------
The server's Certificate message, then `bad_certificate` (42), `certificate_unknown` (46) or `insufficient_security` (71).

Tell it from
------------
`dh-too-small`: there the key-exchange prime is the small one. `certificate-weak-digest`: the key is fine, the signature's digest
is not.

Fix
---
Install a certificate with an RSA key of 2048 bits or more, or an ECDSA key on P-256.

References
----------
RFC 9325 section 4.5; NIST SP 800-57.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: its key is too small",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"weak-key"}),
    names=frozenset({71}),
    references=("RFC 9325 section 4.5",),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A key below the usual minimum, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A certificate with a larger key."""
    return Fix("server", "install a certificate with an RSA key of 2048 bits or more, or an ECDSA key on P-256", "reload")
