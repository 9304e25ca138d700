"""The client sent its certificate without the intermediate that issued it.

What happened
-------------
Mutual TLS: the server knows the root, and the client sent its own certificate only, so the server finds no way from one to the
other (R7).

How it looks
------------
CertificateRequest, a client Certificate message with one certificate that is not self-signed, then `unknown_ca` (48) from
OpenSSL, `bad_certificate` (42) from Go, `certificate_unknown` (46) from Java.

Tell it from
------------
`client-certificate-untrusted`: the chain is complete, and the server does not have its root. A certificate that a root issued
directly looks the same: the CA names in the CertificateRequest tell more.

Fix
---
Put the complete chain into the client's keystore: its certificate first, then every intermediate (R24).

References
----------
RFC 8446 section 4.4.2; runbook R7, R16, R24.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} does not send the intermediate certificate that issued its own, so the {server} finds no way to a root",
    cause_class="client-certificate",
    owners=("client",),
    phases=("server-turn", "finished"),
    breaker="server",
    defects=frozenset({"missing-intermediate", "wrong-intermediate"}),
    names=frozenset({48}),
    references=("RFC 8446 section 4.4.2", "R7", "R16", "R24"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A client chain that stops before an issuer, and a refusal that fits it."""
    return judged(handshake, context, "client", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """The whole chain in the client's keystore."""
    return Fix("client", "put the complete chain into the client's keystore: its certificate first, then every intermediate", "reload")
