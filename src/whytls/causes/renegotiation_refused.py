"""One side refuses the other's old, unsafe way of renegotiation.

What happened
-------------
Since RFC 5746 both hellos say that renegotiation is bound to the connection. A client that meets a server without it (OpenSSL 3:
"unsafe legacy renegotiation disabled") aborts, and so does a server that insists on it; a peer that is asked to renegotiate later can refuse that as well.

How it looks
------------
The ServerHello lacks renegotiation_info although the client signalled it, and the client sends `handshake_failure` (40); or a
`no_renegotiation` (100) after a HelloRequest or a second ClientHello. A server that insists sends `handshake_failure` (40) to a ClientHello
without the signal, and only a replay tells it from other reasons.

Tell it from
------------
`extended-master-secret-missing`: the same alert; there renegotiation_info is present and extended_master_secret is missing.

Fix
---
Update the side that lacks it to a TLS library that knows RFC 5746 (2010). Allowing legacy connections in the client weakens security.

References
----------
RFC 5746 sections 3.4 and 4.1.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_ending
from whytls.inference.replayed import refused_for_lack
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent
from whytls.wire.message import Alert

CAUSE = Cause(
    title="the {client} refuses the {server}: it does not support secure renegotiation (RFC 5746)",
    titles={
        "renegotiation-request": "a renegotiation was asked for and refused",
        "server-insists": "the {server} refuses the {client}: its ClientHello does not signal secure renegotiation (RFC 5746)",
    },
    cause_class="hello",
    owners=("server", "client"),
    phases=("client-hello", "server-flight", "client-turn", "finished"),
    alerts=frozenset({0, 10, 40, 47, 80, 100}),  # what a refused renegotiation, or a client that asks for RFC 5746, ends with
    references=("RFC 5746 section 3.4",),
)

NO_RENEGOTIATION = 100


def look(handshake: Handshake, context: Context) -> Answer:
    """A refusal of renegotiation by its own alert, or a ServerHello without renegotiation_info that the client refused."""
    ending, answer = context.ending, handshake.server_hello
    insists = refused_for_lack("renegotiation", handshake, context, detail="server-insists", owners=("client", "server"))
    if insists is not None:
        return insists
    alerts = handshake.all("alert")
    refusal = next((e for e in alerts if isinstance(e.value, Alert) and e.value.description == NO_RENEGOTIATION), None) if alerts else None
    if refusal is not None and ending.breaker is not None:
        said = Evidence(f"{refusal.sender} sent no_renegotiation", refusal.frames, refusal.file)
        return Finding(
            failing_side=refusal.sender, explains=ending.events, evidence=(said, *quote_ending(context)), confidence="likely",
            detail="renegotiation-request", would_decide="the log of the side that refused",
        )  # fmt: skip
    hello = handshake.client_hello
    if answer is None or hello is None or ending.breaker != "client" or ending.alert != 40 or answer.version >= 0x0304:
        return NotApplicable()
    if not hello.secure_renegotiation or answer.secure_renegotiation:
        return Silent()
    event = handshake.first("server-hello")
    rivals = ("not because extended_master_secret is missing",) if hello.extended_master_secret and not answer.extended_master_secret else ()
    exchange = handshake.server_key_exchange
    if exchange is not None and exchange.dh_bits is not None and exchange.dh_bits < 2048:
        rivals = (*rivals, "not because of the small Diffie-Hellman prime")
    if handshake.coverage.server_gap:
        rivals = (*rivals, "not because of what is missing in the recording")
    return Finding(
        failing_side="client",
        explains=ending.events,
        evidence=(Evidence("ServerHello without renegotiation_info", event.frames if event else ()), *quote_ending(context)),
        # RFC 5746 section 4.1 asks for this alert; all else in the server's flight that is answered with it has been ruled out.
        confidence="likely" if rivals else "proven",
        assumptions=rivals,
        would_decide="the client's own error message (OpenSSL: unsafe legacy renegotiation disabled)",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """A server that knows RFC 5746; the client's switch is for the time until then."""
    if finding.detail == "renegotiation-request":
        return Fix("server", "do not ask for renegotiation: ask for the client certificate in the first handshake instead", "reload")
    if finding.detail == "server-insists":
        return Fix("client", "update the client's TLS library to one that signals secure renegotiation (RFC 5746)", "restart")
    return Fix(
        "server",
        "update the server's TLS library to one that knows RFC 5746",
        "restart",
        (
            Artefact(
                "properties",
                "Options = UnsafeLegacyServerConnect",
                "openssl.cnf of an OpenSSL 3 client (weakens security; only until then)",
            ),
        ),
    )
