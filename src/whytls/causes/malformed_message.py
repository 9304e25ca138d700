"""One end sent a TLS message that contradicts itself.

What happened
-------------
A message's lengths do not add up, a record is longer than TLS allows, or a message came where none was due. A broken stack, a
device that rewrites the stream, or bytes lost on the way (which TCP would not allow) make such.

How it looks
------------
A handshake message that cannot be read, and then `decode_error` (50), `unexpected_message` (10), `record_overflow` (22) or
`illegal_parameter` (47) from the other end.

Tell it from
------------
`tls-to-plaintext-port`: the bytes are no TLS at all. `hello-retry-refused`: the messages are well-formed, and the request in them
is not allowed.

Fix
---
Update the TLS library of the end that sent it; record at both ends to see whether the bytes changed on the way.

References
----------
RFC 8446 section 6.2.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_event, side_name
from whytls.model import Answer, Context, Event, Evidence, Finding, Fix, Handshake, NotApplicable

_COMPLAINTS = frozenset({10, 22, 47, 50})

CAUSE = Cause(
    title="the {who} sent a message that contradicts itself ({problem})",
    titles={"said-by-peer": "the {other} could not make sense of what the {who} sent"},
    cause_class="transport",
    owners=("server", "network"),
    phases=("client-hello", "retry", "server-flight", "client-turn", "server-turn"),
    endings=frozenset({"alert", "foreign", "fin", "rst"}),
    alerts=_COMPLAINTS,
    references=("RFC 8446 section 6.2",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A message that we cannot read either; or the peer's complaint about one that we can."""
    ending = context.ending
    complaint = ending.alert in _COMPLAINTS
    if ending.how == "alert" and not complaint:
        return NotApplicable()
    broken = _broken(handshake)
    if broken is not None and (complaint or ending.how in ("foreign", "fin", "rst")):
        event, problem = broken
        who = side_name(event.sender, context)
        return Finding(
            failing_side="server" if event.sender == "client" else "client",
            explains=ending.events,
            evidence=(
                Evidence(f"{event.kind}: {problem}", event.frames, event.file),
                *(quote_event(e, context) for e in ending.events[:2] if e is not event),
            ),
            confidence="proven" if complaint else "likely",
            facts={"who": who, "problem": problem, "other": ""},
            owners=(event.sender, "network"),
            would_decide="recordings at both ends: do the bytes differ?",
        )
    if not complaint or ending.how != "alert" or ending.breaker is None:
        return NotApplicable()
    blamed: str = "client" if ending.breaker == "server" else "server"
    return Finding(
        failing_side=ending.breaker,
        explains=ending.events,
        evidence=tuple(quote_event(e, context) for e in ending.events[:2]),
        confidence="possible",
        facts={"who": side_name("client" if blamed == "client" else "server", context), "other": side_name(ending.breaker, context), "problem": ""},
        detail="said-by-peer",
        owners=("client" if blamed == "client" else "server", "network"),
        assumptions=("the complaint is about a message's form",),
        would_decide="the complaining end's log",
    )


def _broken(handshake: Handshake) -> tuple[Event, str] | None:
    """The first message that could not be read, and what is wrong with it."""
    for event in handshake.events:
        problem = getattr(event.value, "problem", None)
        if problem:
            return event, str(problem)
    return None


def fix(finding: Finding, context: Context) -> Fix:
    """The library, or the path."""
    return Fix(
        finding.owners[0],
        f"update the TLS library of the {finding.facts['who']}; record at both ends to see whether the bytes change on the way",
        "check",
    )
