"""The client named no site, got the default site's certificate, and refused it.

What happened
-------------
The server has several sites. Without a server_name in the ClientHello it answers with the certificate of its default site, which
is for another name than the client expects (R9).

How it looks
------------
ClientHello without server_name; a Certificate message for another name; a refusal by the client with a generic alert or none.
Another client of the same recording that sends the name is shown another certificate.

Tell it from
------------
`certificate-name-mismatch`: the client did send a name, or called an IP address. `sni-missing`: the server does not go on at all.
`certificate-untrusted`: the certificate is the right one.

Fix
---
Let the client send the name (R27 on the Message Processor; `proxy_ssl_server_name on` in nginx).

References
----------
RFC 6066 section 3; runbook R9, R19, R27.
"""

from __future__ import annotations

from whytls.causes._message_processor import sni_switch
from whytls.causes.cause import Cause
from whytls.inference.certificate_refusal import CERTIFICATE_ALERTS, CertificateRefusal, ending_evidence, refusal
from whytls.inference.client_habit import names_only_when_told
from whytls.inference.quote import describe_hello
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Seen, Silent

CAUSE = Cause(
    title="the {client} sent no server_name and was shown the certificate of the {server}'s default site ({names}), which it refuses",
    cause_class="server-certificate",
    owners=("client",),
    phases=("client-turn", "server-turn", "finished"),
    breaker="client",
    alerts=CERTIFICATE_ALERTS,
    needs=("client-hello",),
    references=("RFC 6066 section 3", "R9", "R19", "R27"),
    who_can_confirm="private-cloud operator",
    completed=True,
)


def look(handshake: Handshake, context: Context) -> Answer:
    """No name was sent, and the certificate was refused; another certificate for a client that did send one proves it."""
    if handshake.sni:
        return NotApplicable()
    refused = refusal(handshake, context, "server")
    if refused is None or refused.report is None or refused.borrowed is not None or refused.alert == 48:
        return Silent()
    if any(d.slug in ("expired", "not-yet-valid", "bad-signature", "self-signed-leaf", "wrong-usage") for d in refused.report.defects):
        return Silent()
    other = _other_certificate(refused, context)
    if other is None and handshake.outcome == "completed":
        return Silent()
    leaf = refused.report.leaf
    names = (leaf.dns_names or leaf.common_names) if leaf else ()
    shown = ", ".join(names[:3]) or "no name at all"
    event = handshake.first("certificate", "server")
    evidence = [describe_hello(handshake, context), Evidence(f"the certificate is for {shown}", event.frames if event else (), handshake.file)]
    if other is not None:
        text = f"the same server showed another certificate to {other.client.address}, which named {other.sni}"
        evidence.append(Evidence(text, (other.frame,), other.file))
    hello = handshake.client_hello
    told = hello is not None and names_only_when_told(hello)
    doubts = ("its root is trusted", "the client was meant to send a name", *(() if told else ("it was not called by its IP address",)))
    if context.hop == "southbound":  # a private cloud's Message Processor sends no name unless it is told to (R20)
        doubts = ("its root is trusted",)
    return Finding(
        failing_side="client",
        explains=refused.explains,
        evidence=(*evidence, *ending_evidence(context, refused)[:2]),
        confidence="proven" if other is not None and not refused.late else "likely",
        facts={"names": shown},
        assumptions=() if other is not None else doubts,
        would_decide="the certificate that the server shows for the right name; or whytls probe HOST:PORT --name NAME, which asks with it and without",
        settled_by_later=True,
    )


def _other_certificate(refused: CertificateRefusal, context: Context) -> Seen | None:
    """A handshake in which the same server showed another leaf to a client that sent a name."""
    profile = context.server_profile
    if profile is None or not refused.chain:
        return None
    for seen in (*profile.completed, *profile.failed):
        if seen.sni and seen.chain and seen.chain[0] != refused.chain[0]:
            return seen
    return None


def fix(finding: Finding, context: Context) -> Fix:
    """Send the name."""
    if context.hop == "southbound":
        return sni_switch()
    return Fix(
        "client",
        "let the client send the server's name (server_name)",
        "restart",
        (Artefact("nginx", "proxy_ssl_server_name on;", "an nginx proxy that is the client"),),
    )
