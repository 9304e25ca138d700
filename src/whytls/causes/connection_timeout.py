"""The connection never came up: the client's SYN got no answer.

What happened
-------------
The client asked for a TCP connection, again and again, and nothing came back: the host is down, the address is wrong, or a
firewall drops the packets.

How it looks
------------
One or more SYN without SYN-ACK for ten seconds of recording or more.

Tell it from
------------
`connection-refused`: a RST comes back. `handshake-timeout`: TCP is up and TLS gets no answer.

Fix
---
Check address, route and firewalls between the two.

References
----------
RFC 9293 section 3.8.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {client} tried {count} times to connect to {address}, and nothing answered",
    titles={"once": "the {client} tried to connect to {address}, and nothing answered"},
    cause_class="transport",
    owners=("network", "server"),
    phases=("tcp",),
    endings=frozenset({"silence"}),
    references=("RFC 9293 section 3.8",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A SYN without an answer, long enough."""
    syns = handshake.all("syn")
    if context.ending.how != "silence" or not syns or handshake.transport.syn_ack_seen:
        return NotApplicable()
    frames = tuple(e.frame for e in (syns[0], syns[-1]))[: len(syns)]
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=(Evidence(f"SYN, {len(syns)} times, no answer in {context.ending.delay / 1e9:.0f} s of recording", frames, handshake.file),),
        confidence="likely" if handshake.coverage.client_gap else "proven",  # then there was a connection to speak on
        would_decide="a recording without holes",
        facts={"address": str(handshake.server), "count": len(syns)},
        detail="once" if len(syns) == 1 else "",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The path."""
    return Fix(
        "network",
        f"check that {finding.facts['address']} is the right address, that the host is up, and that no firewall on the way drops the packets",
        "check",
    )
