"""The handshake was broken off, and what the recording holds does not say why.

What happened
-------------
Who broke off and when is seen; which of several reasons applies is not. This verdict stands only where no cause explains the
ending.

How it looks
------------
An alert that fits nothing else in the handshake, or a close in a place where nothing was due for judgement.

Tell it from
------------
Every other cause: they are asked first, and this one explains least.

Fix
---
Read the log of the end that broke off; record again from the start, with full packets (`tcpdump -s 0`), at that end.

References
----------
Runbook R11, R12, R28.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import describe_hello, quote_event, side_name
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {who} broke the handshake off {when}; the recording does not show why",
    cause_class="hello",
    owners=("server", "client"),
    phases=("tcp", "client-hello", "retry", "server-flight", "client-turn", "server-turn", "finished"),
    references=("R11", "R12", "R28"),
    last_resort=True,
)

_WHEN = {
    "tcp": "before any TLS message",
    "client-hello": "over the ClientHello",
    "retry": "after the HelloRetryRequest",
    "server-flight": "during the server's flight",
    "client-turn": "after the server's flight",
    "server-turn": "after the client's flight",
    "finished": "after both sides had finished",
}


def look(handshake: Handshake, context: Context) -> Answer:
    """Whatever ended it, where nobody else has found anything."""
    ending = context.ending
    if ending.breaker is None or (ending.phase == "finished" and ending.how not in ("alert", "hidden-alert")):
        return NotApplicable()
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    return Finding(
        failing_side=ending.breaker,
        explains=ending.events,
        evidence=(*hello, *(quote_event(e, context) for e in ending.events[:3])),
        confidence="possible",
        facts={"who": side_name(ending.breaker, context), "when": _WHEN[ending.phase]},
        owners=("server", "client") if ending.breaker == "server" else ("client", "server"),
        would_decide="the log of the end that broke off",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The log of that second."""
    return Fix(
        finding.owners[0],
        f"read the {finding.facts['who']}'s log at this second; record again at that end, from the start and with full packets (tcpdump -s 0)",
        "check",
    )
