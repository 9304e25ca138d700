"""A device between the two ends broke the connection off.

What happened
-------------
A firewall, an intrusion prevention system or a filter on the way sent a reset in the name of one end. Neither end knows of it:
each believes that the other did it.

How it looks
------------
A RST whose time-to-live or sequence number does not fit the other packets of the end that it claims to come from, often right
after the ClientHello (filters read the server_name in it).

Tell it from
------------
`connection-reset`: the reset fits its sender.

Fix
---
Find the device (compare recordings at both ends: the reset is missing in the one of its supposed sender) and its rule for this
name, address or version.

References
----------
RFC 9293 section 3.5.3; RFC 5961; RFC 8404 section 2.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import describe_hello, quote_event, side_name
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, Silent

CAUSE = Cause(
    title="a device on the way reset the connection in the {who}'s name",
    cause_class="transport",
    owners=("network",),
    phases=("tcp", "client-hello", "retry", "server-flight", "client-turn", "server-turn", "finished"),
    endings=frozenset({"rst"}),
    needs=("foreign-reset",),
    references=("RFC 5961",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A reset that does not fit the stream of the end that it claims to come from."""
    ending, transport = context.ending, handshake.transport
    if not transport.foreign_reset or ending.how != "rst" or ending.breaker is None:
        return Silent()
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    reset = ending.events[0]
    return Finding(
        failing_side="network",
        explains=ending.events,
        evidence=(
            *hello,
            quote_event(reset, context),
            Evidence(f"this reset does not fit: {transport.foreign_reset_reason}", reset.frames, reset.file),
        ),
        confidence="likely",
        facts={"who": side_name(ending.breaker, context)},
        would_decide="a recording at the end in whose name the reset came: it is missing there",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """Find the device."""
    return Fix(
        "network", "record at both ends at once: the reset is missing at its supposed sender; then find the device between and its rule", "check"
    )
