"""The client spoke TLS to a port that does not.

What happened
-------------
The client sent a ClientHello, and the other end answered in another protocol: plain HTTP, an SMTP or SSH banner, or something
unknown. The port is the wrong one, or its protocol wants a step to TLS first (STARTTLS).

How it looks
------------
ClientHello, then bytes that are no TLS record: "HTTP/1.1 400 Bad Request", "220 mail ESMTP", "SSH-2.0-…". OpenSSL then says
`wrong version number`, Java `Unsupported or unrecognized SSL message`, Envoy `WRONG_VERSION_NUMBER`.

Tell it from
------------
`plaintext-to-tls-port`: the other way round. `malformed-message`: the answer is TLS, and contradicts itself. `proxy-refused`: a
proxy in front answers.

Fix
---
Correct the port or the URL's scheme, switch TLS on at the server's port, or use STARTTLS where the protocol has it.

References
----------
RFC 8446 section 5.1; RFC 3207; runbook R4.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.foreign import dialect_of, protocol_of
from whytls.inference.quote import describe_hello, quote_event
from whytls.model import Answer, Context, Event, Evidence, Finding, Fix, Handshake, NotApplicable

CAUSE = Cause(
    title="the {client} spoke TLS to a port where the {server} speaks {protocol}",
    titles={"starttls-left-out": "the {client} spoke TLS at once to a port where the {server} speaks {protocol}, which wants STARTTLS first"},
    cause_class="not-tls",
    owners=("client", "server"),
    phases=("tcp", "client-hello"),
    endings=frozenset({"foreign"}),
    references=("RFC 8446 section 5.1", "RFC 3207"),
)

_UPGRADES = frozenset({"smtp", "imap", "pop3", "ftp", "mysql", "xmpp", "smtp-or-ftp"})


def look(handshake: Handshake, context: Context) -> Answer:
    """An answer to the ClientHello that is not TLS."""
    answer = context.ending.decisive
    if context.ending.how != "foreign" or answer is None or answer.sender != "server" or answer.kind != "foreign":
        return NotApplicable()
    if handshake.first("client-hello") is None or (handshake.prelude is not None and not handshake.prelude.upgraded):
        return NotApplicable()
    dialect = dialect_of(answer)
    # A server that wants no PROXY header answers the header, which is plain text to it; what its port speaks stays open.
    header = handshake.prelude is not None and handshake.prelude.kind.startswith("proxy-v")
    doubts = ("it is not the PROXY header that it answers",) if header else ()
    if not _all_is_seen(handshake, answer):
        doubts = (*doubts, "what the recording lacks is no step to TLS")
    return Finding(
        failing_side="client",
        explains=context.ending.events,
        evidence=(
            describe_hello(handshake, context),
            Evidence(f"the server's first bytes are {protocol_of(answer)}", answer.frames, answer.file),
            *(quote_event(e, context) for e in context.ending.events[1:3] if e.kind != "foreign"),
        ),
        confidence="likely" if doubts else "proven",
        assumptions=doubts,
        would_decide="the same connection without the PROXY header" if header else "a recording from the start, without holes",
        facts={"protocol": protocol_of(answer), "dialect": dialect},
        detail="starttls-left-out" if dialect in _UPGRADES else dialect,
    )


def _all_is_seen(handshake: Handshake, answer: Event) -> bool:
    """Whether nothing is missing that could change what the answer means; the ends of hello and answer that a snap length cut off are
    nothing of that kind."""
    coverage, before = handshake.coverage, handshake.events[: handshake.events.index(answer)]
    if coverage.whole:
        return True
    kinds = [(e.kind, e.sender) for e in before if e.kind in ("client-hello", "gap")]
    cut_only = coverage.snapped and coverage.start and coverage.client and coverage.server
    return cut_only and kinds[:1] == [("client-hello", "client")] and ("gap", "server") not in kinds


def fix(finding: Finding, context: Context) -> Fix:
    """The right port, or the step to TLS."""
    if finding.detail == "starttls-left-out":
        return Fix(
            "client", "let the client use STARTTLS on this port, or the port where the server speaks TLS at once (465, 993, 995, 990)", "reload"
        )
    return Fix("client", "correct the port or the scheme of the client's URL, or switch TLS on at this port of the server", "reload")
