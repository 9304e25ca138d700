"""The client spoke plain text (HTTP, usually) to a port that speaks TLS.

What happened
-------------
The client was configured with http:// or without TLS, and the port expects a ClientHello.

How it looks
------------
The first bytes of the client are an HTTP request. The server closes, resets, sends a TLS alert, or says it in HTTP: "The plain
HTTP request was sent to HTTPS port" (nginx), "Client sent an HTTP request to an HTTPS server" (Go).

Tell it from
------------
`tls-to-plaintext-port`: the other way round. `closed-without-answer`: there a proper ClientHello was sent.

Fix
---
Use https:// in the client's URL (on a target: SSLInfo/Enabled true), or the port that serves plain HTTP.

References
----------
RFC 9112 section 3; runbook R4.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.foreign import protocol_of, says_tls_port
from whytls.inference.quote import quote_event
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {client} sent {protocol} in plain text to a port where the {server} speaks TLS",
    cause_class="not-tls",
    owners=("client",),
    phases=("tcp", "client-hello"),
    endings=frozenset({"foreign"}),
    references=("RFC 9112",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """Plain text as the client's first bytes, and a server that shows that it wanted TLS."""
    first = context.ending.decisive
    if context.ending.how != "foreign" or first is None or first.sender != "client" or handshake.client_hello is not None:
        return NotApplicable()
    answer = next((e for e in handshake.events if e.sender == "server" and e.kind in ("alert", "foreign")), None)
    profile = context.server_profile
    speaks = profile is not None and profile.speaks_tls
    said = answer is not None and (answer.kind == "alert" or says_tls_port(answer))
    evidence = [Evidence(f"the client's first bytes are {protocol_of(first)}", first.frames, first.file)]
    if answer is not None and answer.kind == "foreign":
        evidence.append(Evidence(f"the server says so itself: {protocol_of(answer)}", answer.frames, answer.file))
    if speaks and profile is not None:
        seen = (*profile.completed, *profile.failed)[0]
        evidence.append(Evidence(f"the same port spoke TLS with {seen.client.address}", (seen.frame,), seen.file))
    evidence += [quote_event(e, context) for e in context.ending.events[1:3] if e.kind != "foreign"]
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=tuple(evidence),
        confidence="proven" if said or speaks else "likely",
        facts={"protocol": protocol_of(first)},
        assumptions=() if said or speaks else ("the port speaks TLS",),
        would_decide="a TLS handshake with the same port: whytls probe HOST:PORT",
        settled_by_later=True,
    )


def fix(finding: Finding, context: Context) -> Fix:
    """https in the client."""
    if context.hop == "southbound":
        xml = "<SSLInfo>\n  <Enabled>true</Enabled>\n</SSLInfo>"
        return Fix(
            "client",
            "switch TLS on for this target (SSLInfo/Enabled, or an https URL)",
            "reload",
            (Artefact("xml", xml, "the proxy's TargetEndpoint, or the target server"),),
        )
    return Fix("client", "use https:// in the client's URL, or the port that serves plain HTTP", "reload")
