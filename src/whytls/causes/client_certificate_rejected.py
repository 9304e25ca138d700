"""The server refused the client's certificate, and the recording does not show why.

What happened
-------------
Mutual TLS in TLS 1.3: the client's certificate and the server's alert are encrypted. What shows is that the client sent a
certificate and that the server broke off at once.

How it looks
------------
The client's encrypted flight is large enough for a certificate; the server answers with a record of alert size and closes, often
after the client believes that it is connected.

Tell it from
------------
`client-certificate-missing`: the flight has the size of an empty Certificate message. `certificate-rejected`: the client breaks
off.

Fix
---
Give the stores of both ends (`--keystore SIDE=STORE --truststore SIDE=STORE`). Read the server's log; check the client's certificate against the server's truststore: expiry, issuer, chain, usage.

References
----------
RFC 8446 sections 4.4.2.4 and 6.2; runbook R8, R17.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import not_of_keystore, refusal, store_option
from whytls.inference.client_flight import client_flight
from whytls.inference.quote import quote_event
from whytls.inference.replayed import certificate_demand
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent

CAUSE = Cause(
    title="the {server} refused the {client}'s certificate; TLS 1.3 hides which fault it saw",
    titles={
        "refused-in-http": "the {server} answered the {client}'s request with one short page and closed, as nginx does that dislikes a client certificate",
        "visible": "the {server} refused the {client}'s certificate, in which no fault is seen",
    },
    cause_class="client-certificate",
    completed=True,
    owners=("client", "server"),
    phases=("server-turn", "finished"),
    breaker="server",
    at_rest=frozenset({"refused", "malformed", "bad-signature", "weak-key", "weak-digest", "issuer-not-ca", "path-length-exceeded", "name-constraints", "wrong-order", "key-identifier-differs", "name-encoding-differs"}),
    references=("RFC 8446 section 4.4.2.4", "R8", "R17"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A flight that holds a certificate, and a server that broke off after it."""
    refused = refusal(handshake, context, "client")
    if refused is None:
        return NotApplicable()
    if handshake.client_chain is not None:
        if refused.late:
            return Silent()
        return _visible(context, refused.explains) if handshake.client_chain else Silent()
    cut = handshake.first("certificate", "client")
    if cut is not None:
        return _visible(context, refused.explains)
    flight = client_flight(handshake)
    if flight.content != "certificate":
        return Silent()
    frames = flight.events[-1].frames if flight.events else ()
    return Finding(
        failing_side="server",
        explains=refused.explains,
        evidence=(
            Evidence("the client's flight is large enough for a certificate", frames, handshake.file),
            *_quoted(context, refused.explains),
            *not_of_keystore(handshake, context, refused),
            *((demand.evidence,) if (demand := certificate_demand(context)) is not None else ()),
        ),
        confidence="likely",
        detail="refused-in-http" if refused.late else "",
        would_decide=_would_decide(context),
        assumptions=("which fault it has cannot be seen", *(("the client presents something else than its keystore holds",) if refused.stand_in else ())),
    )


def _would_decide(context: Context) -> str:
    if context.client_stores.keystore is not None:
        return "the server's log, or a key log of this connection (SSLKEYLOGFILE)"
    stores = f"{store_option(context, 'client', 'keystore')} {store_option(context, 'server')}"
    return f"the server's log, a key log of this connection (SSLKEYLOGFILE), or the stores: {stores}"


def _visible(context: Context, explains: tuple[object, ...]) -> Finding:
    events = context.ending.events
    return Finding(
        failing_side="server",
        explains=events,
        evidence=_quoted(context, events),
        confidence="possible",
        detail="visible",
        would_decide="the server's log",
        assumptions=("its certificate is what the server minded", "which fault it has cannot be seen"),
    )


def _quoted(context: Context, events: tuple[object, ...]) -> tuple[Evidence, ...]:
    return tuple(quote_event(e, context) for e in context.ending.events[:3] if e in events)


def fix(finding: Finding, context: Context) -> Fix:
    """Compare the certificate with the server's truststore; where its fault is known, a certificate without it."""
    if finding.detail == "at-rest":
        return Fix("client", "install a client certificate without this fault, with its complete chain, in the client's keystore", "reload")
    return Fix(
        "client", "read the server's log, and check the client's certificate against the server's truststore: expiry, issuer, chain, usage", "check"
    )
