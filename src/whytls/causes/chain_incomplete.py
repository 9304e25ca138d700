"""The server left out an intermediate certificate, and the client cannot get from leaf to root.

What happened
-------------
The server sent its own certificate without the intermediate that issued it. Browsers fetch or remember intermediates; Java,
OpenSSL, Go and gateways do not, so the same site "works in the browser" (R7).

How it looks
------------
A Certificate message whose last certificate is neither self-signed nor followed by its issuer; then `unknown_ca` (48) from
OpenSSL, `bad_certificate` (42) from Go, `certificate_unknown` (46) from Java.

Tell it from
------------
`certificate-untrusted`: the chain is complete, and the client does not have the root. A leaf that a root issued directly looks
the same as a missing intermediate: the issuer's certificate decides, for instance in the server's keystore (`--keystore
SIDE=STORE`). `chain-wrong-intermediate`: an intermediate was sent, but
not the right one.

Fix
---
Install the complete chain on the server: leaf first, then every intermediate; verify it with `openssl verify -untrusted
intermediate.pem leaf.pem` (R24).

References
----------
RFC 8446 section 4.4.2; RFC 5246 section 7.4.2; runbook R7, R16, R24.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {server} does not send the intermediate certificate that issued {leaf}, so the {client} finds no way to a root",
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"missing-intermediate"}),
    names=frozenset({48}),
    references=("RFC 8446 section 4.4.2", "R7", "R16", "R24"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A chain that stops before an issuer, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """The whole chain, verified before it is uploaded."""
    return Fix(
        "server",
        "install the complete chain on the server: its certificate first, then every intermediate",
        "reload",
        (
            Artefact(
                "command", "openssl verify -CAfile root.pem -untrusted intermediate.pem leaf.pem", "where the certificate files are, before uploading"
            ),
        ),
    )
