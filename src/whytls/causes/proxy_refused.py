"""A proxy in front refused the connection before TLS could begin.

What happened
-------------
The client asked an HTTP or SOCKS proxy for a connection to the server, and the proxy said no: it wants a login, forbids the
target, or cannot reach it.

How it looks
------------
CONNECT host:port, then 407, 403 or 502; or a SOCKS reply other than granted. No ClientHello follows, or it stays unanswered.

Tell it from
------------
`tls-to-plaintext-port`: no proxy was asked. `connection-refused`: the refusal is TCP's own.

Fix
---
Give the client the proxy's credentials, allow the target in the proxy, or take the proxy out of the client's configuration for
this target.

References
----------
RFC 9110 section 9.3.6; RFC 1928 section 6.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="a proxy refused the {client}'s connection to {target}{words}",
    cause_class="not-tls",
    owners=("client", "network"),
    phases=("tcp", "client-hello"),
    needs=("prelude",),
    references=("RFC 9110 section 9.3.6", "RFC 1928"),
)

_PROXIES = ("http-connect", "socks4", "socks5")


def look(handshake: Handshake, context: Context) -> Answer:
    """A proxy that was asked and did not grant."""
    prelude = handshake.prelude
    if prelude is None or prelude.upgraded or prelude.kind not in _PROXIES:
        return NotApplicable()
    words = f": {prelude.refusal}" if prelude.refusal else ""
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=(Evidence(f"{prelude.kind}: {prelude.target or 'the target'} was refused{words}", prelude.frames, handshake.file),),
        confidence="proven" if handshake.coverage.whole else "likely",
        would_decide="the proxy's log, or a recording without holes",
        facts={"target": prelude.target or "the server", "words": words},
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The proxy's permission."""
    return Fix("client", "give the client the proxy's credentials, allow the target in the proxy, or leave the proxy out for this target", "reload")
