"""One end broke off because of a fault of its own.

What happened
-------------
The end that sent the alert says that the fault is not the other's: it ran out of something, its key does not work, its
configuration for this site is broken, or it has no certificate to show.

How it looks
------------
`internal_error` (80), without anything in the other end's messages that explains it.

Tell it from
------------
`sni-missing` and `sni-unknown`: Go servers say `internal_error` when they have no certificate for the name.
`signature-algorithm-mismatch`: JSSE says it when no key fits.

Fix
---
Read the log of the end that sent the alert, at that second.

References
----------
RFC 8446 section 6.2.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.client_habit import refuses_old_signature
from whytls.inference.quote import describe_hello, quote_event, side_name
from whytls.inference.replayed import mended_by
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable

INTERNAL_ERROR = 80

CAUSE = Cause(
    title="the {who} broke off with an internal error of its own",
    cause_class="hello",
    owners=("server",),
    phases=("client-hello", "retry", "server-flight", "client-turn", "server-turn", "finished"),
    endings=frozenset({"alert"}),
    alerts=frozenset({INTERNAL_ERROR}),
    references=("RFC 8446 section 6.2",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """The alert, where nothing else explains it better."""
    ending = context.ending
    if ending.how != "alert" or ending.alert != INTERNAL_ERROR or ending.breaker is None:
        return NotApplicable()
    if mended_by(context) is not None:
        return NotApplicable()  # a replay shows what in the hello brings it about
    if refuses_old_signature(handshake, ending):
        return NotApplicable()
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    return Finding(
        failing_side=ending.breaker,
        explains=ending.events,
        evidence=(*hello, *(quote_event(e, context) for e in ending.events[:2])),
        confidence="likely",
        facts={"who": side_name(ending.breaker, context)},
        owners=("server",) if ending.breaker == "server" else ("client",),
        assumptions=("nothing in the other end's messages brought it about", "it had a certificate to show"),
        would_decide="the log of the end that sent the alert",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The log of that second."""
    return Fix(finding.owners[0], f"read the {finding.facts['who']}'s log at this second", "check")
