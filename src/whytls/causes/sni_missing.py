"""The server needs a server name, and the client sent none.

What happened
-------------
The server serves several sites on one address and picks certificate and configuration by the name in the ClientHello (server_name,
SNI). The client sent no name: an old client, one with SNI switched off (on the Message Processor of a private cloud that is the default), or
one that was given an IP address (R9).

How it looks
------------
ClientHello without server_name, then a fatal alert of the server: `unrecognized_name` (112) from nginx and HAProxy,
`handshake_failure` (40) from many, `internal_error` (80) from Go, `missing_extension` (109) by the RFC.

Tell it from
------------
`cipher-mismatch`: the same `handshake_failure`; there a proper server_name was sent (R10). `sni-default-certificate`: the server does
go on, with another site's certificate. `sni-unknown`: a name was sent, and the server does not know it.

Fix
---
Let the client send the name. On a Message Processor: `conf_system_jsse.enableSNIExtension=true`, then restart, on every Message
Processor (R27).

References
----------
RFC 6066 section 3; RFC 8446 section 9.2; runbook R9, R10, R19, R20, R27.
"""

from __future__ import annotations

from whytls.causes._message_processor import sni_switch
from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import hello_refusal, said_for
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {server} serves several sites and aborts a handshake that names none; the {client} sent no server_name",
    cause_class="hello",
    owners=("client",),
    phases=FROM_HELLO,
    breaker="server",
    alerts=said_for("sni"),
    dimension="sni",
    needs=("client-hello",),
    who_can_confirm="private-cloud operator",
    references=("RFC 6066 section 3", "R9", "R10", "R19", "R20", "R27"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """No name in the hello, and a refusal that says so, that another handshake explains, or that leaves it as R10's reading."""
    refusal = hello_refusal(handshake, context)
    if refusal is None or not refusal.over_choice or refusal.hello.server_name:
        return NotApplicable()
    decide = "the server's sites; or whytls replay CAPTURE#N --to HOST:PORT --name NAME, which sends this hello with a name"
    return refused_for("sni", refusal, handshake, context, decide=decide)


def fix(finding: Finding, context: Context) -> Fix:
    """Send the name: on the Message Processor by its switch, elsewhere in the client."""
    if context.hop == "southbound":
        return sni_switch()
    return Fix(
        "client",
        "let the client send the server's name (call it by name, not by IP address; switch SNI on)",
        "restart",
        (
            Artefact("properties", "jsse.enableSNIExtension=true", "a Java client's system properties"),
            Artefact("nginx", "proxy_ssl_server_name on;", "an nginx proxy that is the client"),
        ),
    )
