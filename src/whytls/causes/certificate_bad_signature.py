"""A certificate in the server's chain carries a signature that does not verify.

What happened
-------------
The certificate names the right issuer, and the issuer's key does not confirm the signature: the file was changed or damaged after
signing, or re-encoded on the way.

How it looks
------------
The server's Certificate message, then `decrypt_error` (51) from OpenSSL, `bad_certificate` (42) from Go, `certificate_unknown`
(46) from Java.

Tell it from
------------
`chain-wrong-intermediate`: there another CA's certificate was sent with the right name or another one. `certificate-weak-digest`:
the signature is right and its digest is refused.

Fix
---
Get the certificate again from the CA and install it unchanged (compare its SHA-256 fingerprint).

References
----------
RFC 5280 section 6.1.3; RFC 8446 section 6.2; runbook R7, R24.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: the signature on {leaf} does not verify",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"bad-signature"}),
    names=frozenset({51}),
    references=("RFC 5280 section 6.1.3", "R7", "R24"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A broken signature on the path, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names, fits=frozenset({42, 46, 48}))


def fix(finding: Finding, context: Context) -> Fix:
    """The certificate as the CA issued it."""
    return Fix("server", "fetch the certificate again from the CA and install it unchanged; compare its SHA-256 fingerprint", "reload")
