"""One side waited for the other's next message, and it never came.

What happened
-------------
TCP is up and the last message was acknowledged, yet the other end stays silent until somebody gives up: an overloaded or hanging
server, a device that waits for something else, a worker that is never scheduled. On Edge the caller sees 502.

How it looks
------------
The ClientHello (or a later flight) is acknowledged, then nothing for seconds, then the waiting side closes, or the recording goes
on without an answer.

Tell it from
------------
`client-hello-lost`: the message was never acknowledged. `connection-timeout`: TCP did not come up. `closed-without-answer`: the
silent side closes at once.

Fix
---
Look at the load and the logs of the silent end at that time; raise the waiting side's time-out only if the other end is known to
be slow.

References
----------
RFC 8446 section 4; runbook R12.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.ending import SILENCE
from whytls.inference.quote import describe_hello, quote_event, side_name
from whytls.inference.replayed import mended_by
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {who} stayed silent for {seconds} s {when}",
    cause_class="transport",
    owners=("server", "network"),
    phases=("tcp", "client-hello", "retry", "server-flight", "client-turn", "server-turn"),
    endings=frozenset({"silence"}),
    references=("RFC 8446 section 4", "R12"),
)

_WHEN = {
    "tcp": "after the connection came up",
    "client-hello": "after the ClientHello",
    "retry": "after the HelloRetryRequest",
    "server-flight": "in the middle of the server's flight",
    "client-turn": "after the server's flight",
    "server-turn": "after the client's flight",
}


def look(handshake: Handshake, context: Context) -> Answer:
    """Silence of the side that owed a message, with the last word acknowledged."""
    ending = context.ending
    if ending.how != "silence" or ending.breaker is None or (not handshake.transport.syn_ack_seen and handshake.transport.syn_seen):
        return NotApplicable()
    if mended_by(context) is not None:
        return NotApplicable()  # a replay shows what in the hello is met with silence
    who = side_name(ending.breaker, context)
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    seconds = f"{ending.delay / 1e9:.1f}"
    acknowledged = handshake.transport.client_acked >= handshake.transport.client_bytes if ending.breaker == "server" else True
    gap = handshake.coverage.server_gap if ending.breaker == "server" else handshake.coverage.client_gap
    acknowledged = acknowledged and not gap  # what is missing in the recording was said
    closed = ending.events[0] if ending.events and ending.events[0].kind in ("fin", "rst", "alert") else None
    # A recording that ends with the FIN of the one who waited does not hold what was on its way to it (a proxy answers late, in HTTP).
    ended = closed is None or closed.kind != "fin" or handshake.transport.end_acked or handshake.quiet >= SILENCE
    line = Evidence(f"the {who} sent nothing for {seconds} s", ending.events[0].frames if ending.events else (), handshake.file)
    return Finding(
        failing_side=ending.breaker,
        explains=ending.events,
        evidence=(*hello, line, *((quote_event(closed, context),) if closed else ())),
        confidence="proven" if acknowledged and ended and handshake.coverage.whole else "likely",
        facts={"who": who, "seconds": seconds, "when": _WHEN[ending.phase]},
        assumptions=(
            *(() if acknowledged else ("its last message did arrive",)),
            *(() if ended else ("nothing came after the end of the recording",)),
        ),
        owners=("server", "network") if ending.breaker == "server" else ("client", "network"),
        would_decide="a recording at the silent end",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The silent end."""
    return Fix(finding.owners[0], f"look at the load, the worker threads and the logs of the {finding.facts['who']} at this time", "check")
