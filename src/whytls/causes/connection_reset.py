"""The connection was reset in the middle of the handshake.

What happened
-------------
One end, or a device that speaks for it, sent a TCP RST instead of a TLS message: a server that crashed or whose process is gone,
a load balancer without a healthy backend, a rate limit, or a server that does not even send an alert for what it dislikes.

How it looks
------------
RST right after the connection came up, after the ClientHello, or inside the server's flight, without an alert. A RST that
acknowledges none of the ClientHello was sent before a byte of it had come.

Tell it from
------------
`middlebox-interference`: the reset does not fit the stream of the end that it claims to come from. `closed-without-answer`: an
orderly FIN. `protocol-mismatch`, `sni-missing`: some servers reset for these; another handshake that got through decides.

Fix
---
Read the log of the end that reset, and of any load balancer in front of it, at that second.

References
----------
RFC 9293 section 3.5.2; runbook R4.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import closed_unread, describe_hello, quote_ending, side_name
from whytls.inference.replayed import mended_by
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {who} reset the connection {when}",
    cause_class="transport",
    owners=("server", "network"),
    phases=("tcp", "client-hello", "retry", "server-flight", "client-turn", "server-turn"),
    endings=frozenset({"rst"}),
    references=("RFC 9293 section 3.5.2", "R4"),
)

_WHEN = {
    "tcp": "as soon as it was up, before any TLS message",
    "client-hello": "right after the ClientHello, without a TLS alert",
    "retry": "after the second ClientHello",
    "server-flight": "in the middle of the server's flight",
    "client-turn": "after the server's flight, without a TLS alert",
    "server-turn": "after the client's flight, without a TLS alert",
}

_DETAIL = {"tcp": "on-accept", "client-hello": "after-client-hello", "server-flight": "in-server-flight", "client-turn": "in-server-flight"}


def look(handshake: Handshake, context: Context) -> Answer:
    """A RST as the first thing that ended it."""
    ending = context.ending
    if ending.how != "rst" or ending.breaker is None or (ending.phase == "client-turn" and ending.breaker == "client"):
        return NotApplicable()
    if mended_by(context) is not None:
        return NotApplicable()  # a replay shows what in the hello it is reset for
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    # That it was reset is seen. What the hello had to do with it is not, unless the reset came before a byte of it was read.
    unread = closed_unread(handshake, context) if ending.breaker == "server" else ()
    unasked = bool(unread) or (ending.phase == "tcp" and handshake.prelude is None)
    placed = unasked or ending.phase in ("server-flight", "client-turn")
    # Whose reset it is shows beside other packets of the server's: a device that resets in its name looks the same alone.
    known = handshake.transport.syn_ack_seen or handshake.transport.server_bytes > 0
    certain = ending.breaker == "server" and placed and known and not handshake.transport.foreign_reset and handshake.coverage.whole
    return Finding(
        failing_side=ending.breaker,
        explains=ending.events,
        evidence=(*hello, *quote_ending(context)[:2], *unread),
        confidence="proven" if certain else "likely",
        facts={"who": side_name(ending.breaker, context), "when": "before the ClientHello had come to it" if unread else _WHEN[ending.phase]},
        detail="on-accept" if unread else _DETAIL.get(ending.phase, ""),
        owners=("server", "network") if ending.breaker == "server" else ("client", "network"),
        would_decide="the log of the end that reset; or whytls replay CAPTURE#N --to HOST:PORT, which changes one thing of this hello at a time",
        assumptions=() if certain else ("what the hello holds had nothing to do with it",),
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The log of that second."""
    return Fix(finding.owners[0], f"read the {finding.facts['who']}'s log, and that of any load balancer in front of it, at this second", "check")
