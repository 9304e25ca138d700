"""The client refused the server's certificate, and the recording does not show why.

What happened
-------------
TLS 1.3 encrypts the certificate, and often the alert. What shows is that the client broke off at the moment when it had the
server's certificate to judge.

How it looks
------------
ServerHello of TLS 1.3 and encrypted records of the server; then, as the client's first answer, a record of alert size, an alert
in the clear that names nothing (42, 46), or a close.

Tell it from
------------
`certificate-expired`, `certificate-untrusted` and their kin are said instead where the alert or another handshake shows the
reason. `client-certificate-rejected`: there the server breaks off, after the client's flight.

Fix
---
Give the stores of both ends (`--keystore SIDE=STORE --truststore SIDE=STORE`): the server's keystore stands in for what is hidden.
Or look at the certificate itself: `whytls check HOST:PORT` as the client would, or the client's own error message.

References
----------
RFC 8446 sections 4.4.2.4 and 6.2; runbook R8.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, WEIGHTY, ending_evidence, not_of_keystore, refusal, would_show
from whytls.inference.late_rejection import aborted_by_client
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent

CAUSE = Cause(
    title="the {client} broke off when it had the {server}'s certificate to judge; TLS 1.3 hides which fault it saw",
    titles={
        "after-finishing": "the {client} finished the handshake and threw the connection away without using it, as clients do that dislike a certificate"
    },
    cause_class="server-certificate",
    owners=("server", "client"),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    at_rest=frozenset({"refused"}),
    references=("RFC 8446 section 4.4.2.4", "R8"),
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """The place of the break, and nothing more."""
    refused = refusal(handshake, context, "server")
    if refused is None:
        return NotApplicable()
    seen = refused.report if refused.borrowed is None else None
    if refused.late and not aborted_by_client(handshake):
        return Silent()
    if seen is not None and not (refused.late and seen.anchored and not seen.slugs & WEIGHTY):
        return Silent()  # it was seen: what is wrong with it says its own cause, or that its root is not known
    flight = handshake.first("encrypted", "server") if seen is None else handshake.first("certificate", "server")
    what = "is in the encrypted records from here on" if seen is None else "has no visible fault, and the client has its root"
    lines = [Evidence(f"the server's certificate {what}", flight.frames, flight.file)] if flight else []
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=(*lines, *ending_evidence(context, refused), *not_of_keystore(handshake, context, refused)),
        confidence="possible" if refused.late else "likely",
        assumptions=("what it minded was the certificate", "which fault it has cannot be seen"),
        detail="after-finishing" if refused.late else "",
        would_decide=f"{would_show(context, 'server')}; or the client's error message" if seen is None else "the client's error message",
        settled_by_later=True,
    )


def fix(finding: Finding, context: Context) -> Fix:
    """Look at the certificate."""
    return Fix("server", "look at the certificate and its chain as the client sees them, and read the client's error message", "check")
