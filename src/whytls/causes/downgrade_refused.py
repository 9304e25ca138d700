"""A fallback to an older version was refused, because both ends can do better.

What happened
-------------
The client marked its hello as a second try in a lower version (TLS_FALLBACK_SCSV), and the server speaks a higher one; or a client saw
the server's downgrade mark in a ServerHello. Somebody on the way, or a first try that failed for another reason, forced the step down.

How it looks
------------
ClientHello with the suite TLS_FALLBACK_SCSV, then `inappropriate_fallback` (86); or a ServerHello of TLS 1.2 or lower whose random ends
in "DOWNGRD", then `illegal_parameter` (47) from the client.

Tell it from
------------
`protocol-mismatch`: there one end really does not speak the other's version.

Fix
---
Find why the first try, in the higher version, failed: that is the fault. Then take the fallback out of the client.

References
----------
RFC 7507 section 3; RFC 8446 section 4.1.3.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.hello_refusal import INAPPROPRIATE_FALLBACK
from whytls.inference.quote import describe_hello, quote_ending
from whytls.inference.replayed import mended_by, refused_for_lack
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent
from whytls.wire.registry import version_name

CAUSE = Cause(
    title="the {server} refuses the {client}'s fallback to {version}: it speaks a newer version",
    titles={"downgrade-mark": "the {client} saw the {server}'s mark that the version was forced down to {version}"},
    cause_class="hello",
    owners=("client", "network"),
    phases=("client-hello", "retry", "server-flight", "client-turn"),
    endings=frozenset({"alert", "fin", "rst", "close-notify", "silence"}),
    alerts=frozenset({86, 47, 40, 70}),
    names=frozenset({INAPPROPRIATE_FALLBACK}),
    needs=("client-hello",),
    either=("server-hello", "replay"),
    references=("RFC 7507", "RFC 8446 section 4.1.3"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """The alert of RFC 7507, or the sentinel of RFC 8446 and a client that minded it; or a replay that went through without the mark."""
    hello, answer, ending = handshake.client_hello, handshake.server_hello, context.ending
    if hello is None:
        return NotApplicable()
    if mended_by(context) is not None:
        version = version_name(hello.max_version)
        if found := refused_for_lack("fallback", handshake, context, facts={"version": version}):
            return found
    if ending.breaker == "server" and ending.alert == INAPPROPRIATE_FALLBACK:
        return _finding(handshake, context, "", version_name(hello.max_version), "server", describe_hello(handshake, context))
    if answer is None or answer.downgrade is None or ending.breaker != "client" or ending.alert != 47:
        return NotApplicable()
    if hello.max_version <= answer.version:
        return Silent()
    event = handshake.first("server-hello")
    said = Evidence(f"ServerHello of {version_name(answer.version)} whose random carries the downgrade mark", event.frames if event else ())
    return _finding(handshake, context, "downgrade-mark", version_name(answer.version), "client", said)


def _finding(handshake: Handshake, context: Context, detail: str, version: str, side: str, said: Evidence) -> Finding:
    return Finding(
        failing_side="server" if side == "server" else "client",
        explains=context.ending.events,
        evidence=(said, *quote_ending(context)),
        confidence="proven",
        facts={"version": version},
        detail=detail,
        would_decide="a recording of the first try, in the higher version",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The first try is what failed."""
    return Fix(
        "client",
        "find out why the client's first try, in its newest version, failed (record it too), and take the fallback out of the client",
        "check",
    )
