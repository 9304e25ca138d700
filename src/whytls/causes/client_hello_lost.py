"""The ClientHello did not reach the server: its packets were lost on the way.

What happened
-------------
TCP came up with small packets. The ClientHello is larger, a segment of full size with post-quantum key shares even two, and
exactly these packets vanish: a path with a smaller MTU and a firewall that drops the ICMP message which would say so, or a device
that drops large hellos.

How it looks
------------
The client sends the ClientHello again and again; the server acknowledges none of it, or only the first part, while small packets
pass both ways.

Tell it from
------------
`handshake-timeout`: the ClientHello was acknowledged. `connection-timeout`: not even the SYN was answered.

Fix
---
Allow ICMP "fragmentation needed" / "packet too big" on the path, or lower the MSS (clamp it on the router or firewall); look for
a device that drops large ClientHellos.

References
----------
RFC 1191; RFC 8201; RFC 2923 section 2.1.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.ending import SILENCE
from whytls.inference.quote import describe_hello, quote_event
from whytls.inference.replayed import mended_by
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, Silent

CAUSE = Cause(
    title="the {client}'s ClientHello was sent {count} times and never reached the {server}",
    titles={"partly": "a part of the {client}'s ClientHello ({size} bytes in one packet) never reached the {server}"},
    cause_class="transport",
    owners=("network",),
    phases=("tcp", "client-hello"),
    endings=frozenset({"silence", "fin", "rst", "close-notify", "foreign", "unreachable"}),
    needs=("retransmission",),
    references=("RFC 1191", "RFC 8201", "RFC 2923 section 2.1"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """Bytes of the client that were sent again and never acknowledged."""
    transport, ending = handshake.transport, context.ending
    repeated = transport.client_retransmissions
    if transport.client_acked >= transport.client_bytes or not repeated or not handshake.coverage.server:
        return Silent()
    if mended_by(context) is not None:
        return Silent()  # sent from elsewhere it did arrive, and was met with the same silence
    if ending.how == "alert" or handshake.first("foreign", "server") is not None:
        return Silent()
    if ending.breaker == "server" and ending.how in ("fin", "rst", "close-notify") and ending.delay < SILENCE:
        return Silent()  # it answers at once, so something did arrive
    hello_event = handshake.first("client-hello")
    if hello_event is not None and handshake.prelude is None and transport.client_acked >= hello_event.length:
        return Silent()  # it did arrive; what was not acknowledged came after it
    missing = transport.client_bytes - transport.client_acked
    hello = (describe_hello(handshake, context),) if handshake.client_hello else ()
    line = Evidence(
        f"{missing} of {transport.client_bytes} bytes of the client were never acknowledged, though sent {repeated + 1} times",
        (handshake.events[0].frame, handshake.events[-1].frame),
        handshake.file,
    )
    return Finding(
        failing_side="server",  # the end whose expected message, the ServerHello, is missing
        explains=ending.events,
        evidence=(*hello, line, *(quote_event(e, context) for e in ending.events[:2] if e.kind in ("fin", "rst"))),
        confidence="proven" if repeated > 1 and handshake.coverage.whole else "likely",
        facts={"count": repeated + 1, "size": transport.largest_unacknowledged},
        detail="partly" if transport.client_acked else "",
        would_decide="a recording at the server",
    )


def fix(finding: Finding, context: Context) -> Fix:
    """The path's MTU."""
    return Fix(
        "network",
        "let ICMP 'fragmentation needed' and 'packet too big' pass on the way, or clamp the MSS; look for a device that drops large ClientHellos",
        "reload",
        (
            Artefact("command", "ping -M do -s 1472 SERVER", "the client's machine: shows whether full-sized packets pass"),
            Artefact(
                "command",
                "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
                "the router or firewall on the way",
            ),
        ),
    )
