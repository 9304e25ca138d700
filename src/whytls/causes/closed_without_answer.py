"""The server closed the connection without saying why.

What happened
-------------
The server took the ClientHello (or had begun its flight) and ended the connection by FIN or close_notify. Some servers do that
for a version or a name that they do not support, some because they are shutting down or out of backends.

How it looks
------------
ClientHello acknowledged, then close_notify (fatal or warning) or FIN from the server, and no other alert. A FIN that acknowledges
none of the ClientHello was sent before a byte of it had come.

Tell it from
------------
`protocol-mismatch`: the runbook's example looks exactly like this (R4); a handshake in an older version that the same server
accepts decides. `connection-reset`: RST instead of FIN. `handshake-timeout`: the client closed, after waiting.

Fix
---
Read the server's log at that second; `whytls replay` tries another version, another name, other suites against it.

References
----------
RFC 8446 section 6.1; runbook R4, R10.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import closed_unread, describe_hello, quote_event
from whytls.inference.replayed import mended_by
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {server} closed the connection after the ClientHello without saying why",
    titles={
        "in-server-flight": "the {server} closed the connection in the middle of its own flight",
        "on-accept": "the {server} closed the connection before any TLS message came to it",
        "fatal-close-notify": "the {server} answered the ClientHello with a fatal close_notify",
        "warning-close-notify": "the {server} answered the ClientHello with a close_notify",
    },
    cause_class="transport",
    owners=("server",),
    phases=("tcp", "client-hello", "retry", "server-flight", "client-turn"),
    breaker="server",
    endings=frozenset({"fin", "close-notify"}),
    references=("RFC 8446 section 6.1", "R4", "R10"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """FIN or close_notify of the server as the first thing that ended it."""
    ending = context.ending
    if ending.breaker != "server" or ending.how not in ("fin", "close-notify") or mended_by(context) is not None:
        return NotApplicable()  # a replay shows what in the hello it minds
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    # A close where nothing was due is seen; that nothing was said before it is seen only where nothing is missing. And a close before a
    # byte of the hello had come has nothing to do with what the hello holds.
    unread = closed_unread(handshake, context)
    unasked = bool(unread) or (ending.phase == "tcp" and handshake.prelude is None)
    certain = (unasked or ending.phase in ("server-flight", "client-turn")) and handshake.coverage.whole
    return Finding(
        failing_side="server",
        explains=ending.events,
        evidence=(*hello, *(quote_event(e, context) for e in ending.events[:3]), *unread),
        confidence="proven" if certain else "likely",
        detail="on-accept" if unread else _detail(context),
        would_decide="the server's log; or whytls replay CAPTURE#N --to HOST:PORT, which changes one thing of this hello at a time",
        settled_by_later=True,
        assumptions=() if certain else ("what the hello holds had nothing to do with it",),
    )


def _detail(context: Context) -> str:
    ending = context.ending
    if ending.phase in ("server-flight", "client-turn"):
        return "in-server-flight"
    if ending.phase == "tcp":
        return "on-accept"
    if ending.how == "close-notify":
        value = ending.events[0].value
        return "fatal-close-notify" if getattr(value, "fatal", False) else "warning-close-notify"
    return "fin"


def fix(finding: Finding, context: Context) -> Fix:
    """The log, then the replay; not where the server did not even wait for a hello."""
    if finding.detail == "on-accept":
        return Fix("server", "read the server's log, and that of any load balancer in front of it, at this second", "check")
    return Fix("server", "read the server's log at this second; then try an older version, another name and other suites against it", "check")
