"""The server does not know the name that the client asked for.

What happened
-------------
The client sent a server name for which the server has no site, virtual host or certificate, and the server refuses instead of
falling back to a default one.

How it looks
------------
ClientHello with server_name, then `unrecognized_name` (112); Go servers say `internal_error` (80).

Tell it from
------------
`sni-missing`: no name was sent. `certificate-name-mismatch`: the server goes on with a certificate for another name.

Fix
---
Configure the name on the server (an Edge virtual host needs it as host alias), or correct the name that the client calls: also the DNS
record that leads to this server.

References
----------
RFC 6066 section 3; runbook R9, R19.
"""

from __future__ import annotations

from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import hello_refusal, said_for
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable, in_words

CAUSE = Cause(
    title="the {server} does not know the name {name} that the {client} asked for",
    titles={"cut-off": "the {server}, or a box before it, cuts off a handshake that asks for {name}; it goes through {otherwise}"},
    cause_class="hello",
    owners=("client", "server"),
    phases=FROM_HELLO,
    breaker="server",
    alerts=said_for("sni"),
    dimension="sni",
    needs=("client-hello",),
    references=("RFC 6066 section 3", "R19"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A name in the hello, and a refusal that says so or that another name did not meet."""
    refusal = hello_refusal(handshake, context)
    if refusal is None or not refusal.over_choice or not refusal.hello.server_name:
        return NotApplicable()
    decide = "the server's list of sites; or whytls replay CAPTURE#N --to HOST:PORT, which sends this hello with other names"
    facts = {"name": refusal.hello.server_name, "otherwise": ""}
    if refusal.replayed is None or context.ending.how not in ("rst", "silence"):
        return refused_for("sni", refusal, handshake, context, decide=decide, facts=facts)
    # A server that does not know a name resets (http.sys), and so does a filter on the way that minds a name which the server knows well.
    facts["otherwise"] = in_words(refusal.replayed.minimal)
    decide = "the same ClientHello sent from beside the server, behind whatever filters on the way"
    answer = refused_for("sni", refusal, handshake, context, decide=decide, facts=facts, detail="cut-off")
    if not isinstance(answer, Finding):
        return answer
    return answer._replace(confidence="likely", assumptions=(*answer.assumptions, "no box on the way filters by the name"))


def fix(finding: Finding, context: Context) -> Fix:
    """The name on the server, or the right name in the client."""
    name = finding.facts["name"]
    if context.hop == "northbound":
        return Fix(
            "server",
            f"add {name} to the host aliases of the virtual host that is to serve it, or correct the client's URL",
            "reload",
        )
    return Fix(
        "client",
        f"check that {name} is the right name and leads to this server; if it is, configure it there with its certificate",
        "check",
    )
