"""The certificate, or the private key that goes with it, cannot be used by the side that is to present it.

What happened
-------------
A keystore or a configuration names a certificate and a key that do not belong together, or one of the two is missing or cannot
be read. The side that is to present it does not start, or presents nothing.

How it looks
------------
Found at rest, by `whytls check`. On the wire it is seen only by what follows: nginx and Apache do not start; Java has no
certificate to offer and answers `handshake_failure` (40), as if there were no cipher suite in common; a program that does not compare
the two signs with the wrong key, and its peer says `decrypt_error` (51).

Tell it from
------------
`cipher-mismatch`: the same alert from a Java server whose certificate is in order. `certificate-bad-signature`: there the signature
on the certificate is wrong, not the key beside it.

Fix
---
Install the private key from which the certificate was requested, or request a new certificate with the key that is there; then
compare: `whytls check FILE` says whether they fit (R23, R25).

References
----------
RFC 8446 section 4.4.3; RFC 5246 section 7.4.8; runbook R23, R25.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {server}'s certificate cannot be used with the private key beside it",
    cause_class="server-certificate",
    owners=("server",),
    phases=(),
    at_rest=frozenset({"no-certificate", "no-key", "key-differs", "malformed"}),
    references=("RFC 8446 section 4.4.3", "R23", "R25"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """Nothing: a handshake shows what follows from it, and that has other causes too."""
    return NotApplicable()


def fix(finding: Finding, context: Context) -> Fix:
    """What belongs together, together."""
    if finding.facts.get("defect") == "key-differs":
        if finding.detail == "other-place":
            return Fix("server", "put the certificate that belongs to the private key first, each certificate followed by its issuer", "reload")
        return Fix(
            "server",
            "install the private key from which this certificate was requested, or have the certificate issued again for the key that is there",
            "reload",
            (Artefact("command", "openssl req -new -key server.key -out server.csr", "where the private key is, for a new certificate"),),
        )
    if finding.facts.get("defect") == "malformed":
        return Fix("server", "fetch the certificate again from the CA and install it unchanged", "reload")
    return Fix("server", "put the file that is missing in its place, or correct the path that names it", "reload")
