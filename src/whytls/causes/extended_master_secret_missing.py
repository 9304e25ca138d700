"""One side insists on the extended master secret, and the other does not offer it.

What happened
-------------
In TLS 1.2 and before, the extended_master_secret extension binds the keys to the handshake. A client that must have it (a Java in
FIPS mode, a hardened library) aborts when the ServerHello comes without it. A server that must have it aborts when the ClientHello does.

How it looks
------------
The ClientHello offers extended_master_secret, the ServerHello does not return it, and the client sends `handshake_failure` (40)
right after the ServerHello or the server's flight. The other way round only the server's `handshake_failure` (40) shows, and a replay:
the same ClientHello goes through with the extension added.

Tell it from
------------
`dh-too-small`: the same alert; there a small prime is on the wire. `renegotiation-refused`: there renegotiation_info is what the
ServerHello lacks.

Fix
---
Update the TLS library of the side that lacks it (OpenSSL has it since 1.1.0, Java 8 since 8u161). Letting the client go without weakens security.

References
----------
RFC 7627 section 5.2.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_ending
from whytls.inference.replayed import refused_for_lack
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent

CAUSE = Cause(
    title="the {client} requires the extended master secret, which the {server} does not offer",
    titles={"server-insists": "the {server} requires the extended master secret, which the {client} does not offer"},
    cause_class="hello",
    owners=("server", "client"),
    phases=("client-hello", "retry", "server-flight", "client-turn"),
    alerts=frozenset({10, 40, 47, 71, 80, 109}),
    needs=("client-hello",),
    either=("server-hello", "replay"),
    references=("RFC 7627 section 5.2",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """Offered, not returned, and the client broke off: with the alert that the RFC asks for, or (possible) without a word."""
    hello, answer, ending = handshake.client_hello, handshake.server_hello, context.ending
    insists = refused_for_lack("extended-master-secret", handshake, context, detail="server-insists", owners=("client", "server"))
    if insists is not None:
        return insists
    if hello is None or answer is None or ending.breaker != "client" or answer.version >= 0x0304 or ending.alert not in (40, None):
        return NotApplicable()
    if not hello.extended_master_secret or answer.extended_master_secret:
        return Silent()
    event = handshake.first("server-hello")
    rivals = _other_reasons(handshake)
    return Finding(
        failing_side="client",
        explains=ending.events,
        evidence=(
            Evidence("ServerHello without extended_master_secret, which the ClientHello offered", event.frames if event else ()),
            *quote_ending(context),
        ),
        # RFC 7627 section 5.2 asks for this alert; all else in the server's flight that is answered with it has been ruled out.
        confidence="possible" if ending.alert is None else "likely" if rivals else "proven",
        assumptions=rivals,
        would_decide="the client's own error message",
    )


def _other_reasons(handshake: Handshake) -> tuple[str, ...]:
    """What else in the server's flight a client answers with handshake_failure."""
    found = []
    exchange = handshake.server_key_exchange
    if exchange is not None and exchange.dh_bits is not None and exchange.dh_bits < 2048:
        found.append("not because of the small Diffie-Hellman prime")
    if handshake.server_hello is not None and not handshake.server_hello.secure_renegotiation:
        found.append("not because secure renegotiation is missing")
    if handshake.coverage.server_gap:
        found.append("not because of what is missing in the recording")
    return tuple(found)


def fix(finding: Finding, context: Context) -> Fix:
    """A side that knows the extension."""
    if finding.detail == "server-insists":
        return Fix("client", "update the client's TLS library to one that offers extended_master_secret (RFC 7627)", "restart")
    return Fix("server", "update the server's TLS library to one that knows extended_master_secret (RFC 7627)", "restart")
