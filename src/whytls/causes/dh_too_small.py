"""The server's Diffie-Hellman prime is too small for the client.

What happened
-------------
A finite-field DHE suite was chosen, and the server sent a prime (1024 bits or less, usually) that the client's security level
refuses.

How it looks
------------
ServerKeyExchange with the prime, then a fatal `handshake_failure` (40), `insufficient_security` (71) or `illegal_parameter` (47)
from the client.

Tell it from
------------
`certificate-weak-key`: there it is the key in the certificate. `extended-master-secret-missing`: the same alert in the same
place; there the ServerHello lacks an extension and no small prime is seen.

Fix
---
Prefer ECDHE on the server, or give it a prime of 2048 bits (one of RFC 7919).

References
----------
RFC 7919; RFC 9325 section 4.2; CVE-2015-4000.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_ending
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent

_ALERTS = frozenset({40, 71, 47})

CAUSE = Cause(
    title="the {client} refuses the {server}'s Diffie-Hellman prime: it has {bits} bits",
    cause_class="hello",
    owners=("server",),
    phases=("server-flight", "client-turn", "server-turn"),
    breaker="client",
    alerts=_ALERTS,
    needs=("server-key-exchange",),
    references=("RFC 7919", "RFC 9325 section 4.2"),
)

_SMALLEST_USUAL = 2048  # OpenSSL at Debian's security level 2, JDK 17: jdk.tls.disabledAlgorithms "DH keySize < 1024"


def look(handshake: Handshake, context: Context) -> Answer:
    """A small prime on the wire, and a client that broke off right after it."""
    exchange, ending = handshake.server_key_exchange, context.ending
    if exchange is None or exchange.dh_bits is None or ending.breaker != "client":
        return NotApplicable()
    if exchange.dh_bits >= _SMALLEST_USUAL or (ending.alert is not None and ending.alert not in _ALERTS):
        return Silent()
    event = handshake.first("server-key-exchange")
    said = Evidence(f"ServerKeyExchange with a prime of {exchange.dh_bits} bits", event.frames if event else (), handshake.file)
    return Finding(
        failing_side="client",
        explains=ending.events,
        evidence=(said, *quote_ending(context)),
        confidence="proven" if ending.alert is not None and ending.phase == "client-turn" else "likely",
        facts={"bits": exchange.dh_bits},
        would_decide="the client's own error message",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """ECDHE, or a large prime."""
    return Fix(
        "server",
        "let the server prefer ECDHE suites, or use a Diffie-Hellman prime of 2048 bits or more",
        "reload",
        (Artefact("nginx", "ssl_dhparam /etc/nginx/ffdhe2048.pem;", "an nginx server's configuration"),),
    )
