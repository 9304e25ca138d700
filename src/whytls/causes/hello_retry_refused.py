"""The server asked for another ClientHello, and the client refused to go along.

What happened
-------------
A TLS 1.3 server that cannot use the key share offered sends a HelloRetryRequest that names the group it wants. The client aborts
when the request asks for a group that it never offered, for one it had already sent a share for, or when a second one comes.

How it looks
------------
ClientHello, HelloRetryRequest, then `illegal_parameter` (47) or `unexpected_message` (10) from the client. All of it is in the clear.

Tell it from
------------
`group-mismatch`: there the server gives up by itself, without asking for a retry. `malformed-message`: there a message
contradicts its own lengths.

Fix
---
This is a fault of the server (or of a device between that answers for it): update its TLS library, or let it use a group for which
clients send a share at once (x25519 or P-256).

References
----------
RFC 8446 section 4.1.4 and 4.2.8.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.quote import quote_ending
from whytls.model import Answer, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Silent
from whytls.wire.registry import group_name

CAUSE = Cause(
    title="the {server} asked for a new ClientHello that the {client} cannot give: {fault}",
    cause_class="hello",
    owners=("server",),
    phases=("client-hello", "retry", "server-flight", "client-turn"),
    breaker="client",
    needs=("client-hello", "hello-retry-request"),
    references=("RFC 8446 section 4.1.4",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """A HelloRetryRequest that breaks the rules, and a client that broke off after it."""
    request, hello = handshake.hello_retry_request, handshake.client_hello
    if request is None or hello is None or context.ending.breaker != "client":
        return NotApplicable()
    requests = handshake.all("hello-retry-request")
    event = handshake.first("client-hello")
    if event is None or (requests and requests[0].frame < event.frame):
        return NotApplicable()  # the hello that was seen is the second one
    detail, fault = _fault(handshake, len(requests))
    if not detail:
        return Silent()
    said = [Evidence(f"HelloRetryRequest asks for {_asked(request.group)}", e.frames, e.file) for e in requests]
    shares = ", ".join(group_name(g) for g in hello.key_shares or ()) or "none"
    offered = ", ".join(group_name(g) for g in (hello.groups or ())[:6]) or "none"
    return Finding(
        failing_side="client",
        explains=context.ending.events,
        evidence=(
            Evidence(
                f"ClientHello offers the groups {offered} and sends a share for {shares}",
                event.frames,
                handshake.file,
            ),
            *said,
            *quote_ending(context),
        ),
        confidence="proven",
        facts={"fault": fault},
        detail=detail,
        would_decide="the server's own log",
    )


def _fault(handshake: Handshake, count: int) -> tuple[str, str]:
    """What is wrong with the request (RFC 8446 section 4.1.4), as slug and in words."""
    request, hello = handshake.hello_retry_request, handshake.client_hello
    if request is None or hello is None:
        return "", ""
    if count > 1:
        return "second-request", "it asked twice"
    if request.group is not None and request.group not in (hello.groups or ()):
        return "group-not-offered", f"it wants {group_name(request.group)}, which was not offered"
    if request.group is not None and request.group in (hello.key_shares or ()):
        return "share-already-sent", f"it wants {group_name(request.group)}, for which a share was sent already"
    if request.group is None and not request.cookie:
        return "nothing-asked", "it asks for nothing new"
    if handshake.server_hello is not None and request.group is not None and handshake.server_hello.group not in (None, request.group):
        return "group-changed", "the ServerHello then chose another group than the one asked for"
    return "", ""


def _asked(group: int | None) -> str:
    return group_name(group) if group is not None else "no group"


def fix(finding: Finding, context: Context) -> Fix:
    """The server's fault; a group that needs no retry avoids it."""
    return Fix(
        "server",
        "update the server's TLS library (or the device that answers for it); until then let it use x25519 or secp256r1",
        "restart",
    )
