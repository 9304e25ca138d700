"""The server, or a box before it, cannot stand something in the ClientHello that it has to ignore.

What happened
-------------
A server has to ignore what it does not know: extensions, GREASE values, a longer hello, a newer version beside the old ones. Some old servers,
load balancers and firewalls do not: they drop, reset or refuse the hello for its size (more than 255 bytes; more than one packet, since
post-quantum key shares), for an extension, or for a version that they have not heard of. The newest clients fail first.

How it looks
------------
Silence, a reset, a close or any alert right after the ClientHello, while older clients get through. Nothing in a recording alone shows it.
A replay does: the same ClientHello goes through as soon as the one thing is taken out, and nothing that is added helps.

Tell it from
------------
`cipher-mismatch`, `group-mismatch`, `protocol-mismatch`: there something has to be added. `client-hello-lost`: there packets of full size are lost
whatever they hold; a replay from the other side of the loss goes through. `handshake-timeout`: a server that answers nobody.

Fix
---
Update the server or the box, or take the box's TLS inspection out of the way; until then switch the thing off in the client.

References
----------
RFC 8446 sections 4.1.2 and 9.3; RFC 8701; RFC 7685 section 1; RFC 6176.
"""

from __future__ import annotations

from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.replayed import mended_by, refused_for_lack
from whytls.model import Answer, Context, Finding, Fix, Handshake, NotApplicable, Silent
from whytls.phrases import together
from whytls.wire.registry import version_name

CAUSE = Cause(
    title="the {server}, or a box before it, does not stand the {client}'s ClientHello: it gets through after {without}",
    titles={
        "size": "the {server}, or a box before it, does not stand a ClientHello of this length: it gets through after {without}",
        "newer-version": "the {server}, or a box before it, does not stand a ClientHello that offers {newest}: it gets through after {without}",
    },
    cause_class="hello",
    owners=("server", "network", "client"),
    phases=FROM_HELLO,
    breaker="server",
    needs=("client-hello", "replay"),
    references=("RFC 8446 section 9.3", "RFC 8701", "RFC 7685"),
)

_INTOLERANCES = ("size", "grease", "extension", "newer-version", "session-id", "compression", "record-version", "form")


def look(handshake: Handshake, context: Context) -> Answer:
    """Only a replay shows it: the hello goes through with less in it."""
    replayed = mended_by(context)
    if replayed is None:
        return NotApplicable()
    dimension = next((d for d in _INTOLERANCES if d in replayed.dimensions), None)
    hello = handshake.client_hello
    if dimension is None or hello is None or any(a.lacked for a in replayed.minimal if a.dimension not in _INTOLERANCES):
        return Silent()  # something had to be added: what was taken out besides merely stood in the union that passed
    facts = {"without": together([one.text for one in replayed.minimal]), "newest": version_name(hello.max_version)}
    return refused_for_lack(dimension, handshake, context, facts=facts, detail=dimension) or Silent()


def fix(finding: Finding, context: Context) -> Fix:
    """The one that has to ignore it; the client can only avoid it."""
    return Fix(
        "server",
        f"update the server, or whatever terminates or inspects TLS before it, to one that ignores what it does not know; until then "
        f"let the client connect {finding.facts['without']}",
        "restart",
    )
