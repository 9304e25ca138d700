"""A certificate in the server's chain was out of date when the client judged it.

What happened
-------------
The server's certificate, or one above it, had passed its notAfter at the time of the handshake. Clients that check certificates
refuse it (R8).

How it looks
------------
The server's Certificate message, then an alert of the client: `certificate_expired` (45) from OpenSSL, curl, Python and newer
Java, `bad_certificate` (42) from Go, `certificate_unknown` (46) from Java 17; from nginx and Node none, they close after the
handshake. The dates are judged at the time of the capture.

Tell it from
------------
`certificate-not-yet-valid`: too early instead of too late; a wrong clock at the client makes either.
`client-certificate-expired`: there the server refuses the client's. `certificate-untrusted`: the same generic alerts, and dates
that are fine.

Fix
---
Install a new certificate with its whole chain on the server that sent it (R25); on Edge a new keystore with the same alias, then
switch the reference. Check the client's clock if the dates look right.

References
----------
RFC 5280 section 4.1.2.5; RFC 8446 section 6.2; runbook R8, R18, R25.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, judged
from whytls.model import Answer, Context, Finding, Fix, Handshake

CAUSE = Cause(
    title="the {client} refuses the {server}'s certificate: {leaf} had expired",
    titles={
        "intermediate": "the {client} refuses the {server}'s certificate chain: an intermediate certificate had expired",
        "root": "the {client} refuses the {server}'s certificate chain: the root that it sent had expired",
        "alert-only": "the {client} says that the {server}'s certificate has expired",
    },
    cause_class="server-certificate",
    owners=("server",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    defects=frozenset({"expired"}),
    names=frozenset({45}),
    references=("RFC 5280 section 4.1.2.5", "R8", "R18", "R25"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """An expired certificate on the path, and a refusal that fits it."""
    return judged(handshake, context, "server", CAUSE.defects, names=CAUSE.names)


def fix(finding: Finding, context: Context) -> Fix:
    """A new certificate where the old one was sent from; an anchor is exchanged in the truststore."""
    if finding.facts.get("position") == "anchor":
        return Fix("client", "replace this root certificate in the truststore by its successor, or take it out if nothing leads to it", "reload")
    if context.hop == "northbound":
        return Fix(
            "server",
            "upload a new certificate and its whole chain to a new keystore with the same alias, and switch the virtual host's reference to it",
            "reload",
        )
    return Fix("server", "install a new certificate and its whole chain on the server that sent the expired one", "reload")
