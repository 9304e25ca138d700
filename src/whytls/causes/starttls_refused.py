"""The step from plain text to TLS was refused or left out by the server.

What happened
-------------
The protocol begins in plain text and changes to TLS on request (STARTTLS, SSLRequest). The client asked for it, and the server
said no: TLS is not configured there, or a device between removes the offer.

How it looks
------------
The dialect's request for TLS, then a refusal: SMTP 454 or 502, IMAP NO or BAD, POP3 -ERR, FTP 5xx, PostgreSQL "N", LDAP a result
other than success.

Tell it from
------------
`tls-to-plaintext-port`: the client did not ask and spoke TLS at once. `proxy-refused`: a proxy refused the connection.

Fix
---
Configure TLS (certificate and key) on the server for this protocol; if the server does offer it elsewhere, look for a device on
the way that changes the conversation.

References
----------
RFC 3207; RFC 2595; RFC 4217; RFC 4511 section 4.14.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {server} refused the {client}'s request to change from {dialect} to TLS",
    cause_class="not-tls",
    owners=("server", "network"),
    phases=("tcp", "client-hello"),
    needs=("prelude",),
    references=("RFC 3207", "RFC 2595"),
)

_PROXIES = ("http-connect", "socks4", "socks5", "proxy-v1", "proxy-v2")


def look(handshake: Handshake, context: Context) -> Answer:
    """A dialect with a step to TLS that was asked for and not granted."""
    prelude = handshake.prelude
    if prelude is None or prelude.upgraded or prelude.kind in _PROXIES:
        return NotApplicable()
    words = f": {prelude.refusal}" if prelude.refusal else ""
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=(Evidence(f"{prelude.kind}: the request for TLS was refused{words}", prelude.frames, handshake.file),),
        confidence="proven" if prelude.refusal and handshake.coverage.whole else "likely",
        facts={"dialect": prelude.kind.upper()},
        would_decide="the server's log",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """TLS on the server for this protocol."""
    return Fix("server", "configure TLS (certificate and key) on the server for this protocol", "reload")
