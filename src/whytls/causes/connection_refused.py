"""Nothing listens on the port: TCP itself refused the connection.

What happened
-------------
The client's SYN was answered by a RST: no process listens on that address and port, or a firewall answers for it. TLS never
began.

How it looks
------------
SYN, then RST with ACK from the server, once or several times.

Tell it from
------------
`connection-timeout`: the SYN gets no answer at all. `connection-reset`: TCP came up first.

Fix
---
Start the server, or correct the address or port in the client; look for a firewall rule that rejects.

References
----------
RFC 9293 section 3.5.2.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_event
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="nothing listens on {address}: the {client}'s connection was refused",
    cause_class="transport",
    owners=("server", "client"),
    phases=("tcp",),
    endings=frozenset({"refused", "unreachable"}),
    references=("RFC 9293 section 3.5.2",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A SYN that was answered by a RST, or reported unreachable."""
    if context.ending.how not in ("refused", "unreachable"):
        return NotApplicable()
    syn = handshake.first("syn")
    return Finding(
        # The end that gave up is the client, which was told no by the other end's system and not by a TLS server.
        failing_side="client",
        explains=context.ending.events,
        evidence=tuple(quote_event(e, context) for e in ((syn,) if syn else ()) + context.ending.events[:2]),
        confidence="likely" if handshake.coverage.server_gap else "proven",  # then a SYN-ACK may be what is missing
        facts={"address": str(handshake.server)},
        detail="unreachable" if context.ending.how == "unreachable" else "",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """A server on that port."""
    return Fix(
        "server",
        f"start the server on {finding.facts['address']}, or correct the address or port in the client; look for a firewall rule that rejects",
        "check",
    )
