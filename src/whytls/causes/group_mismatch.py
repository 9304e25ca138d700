"""Client and server have no key-exchange group in common.

What happened
-------------
Version and cipher suite would fit, but the server supports none of the groups (elliptic curves, finite-field groups) that the
client lists in supported_groups, so that no key can be agreed.

How it looks
------------
ClientHello, then a fatal `handshake_failure` (40) or `insufficient_security` (71); JSSE says `unexpected_message` (10) for TLS 1.3. The client's list
of groups is short or unusual: no x25519, no P-256.

Tell it from
------------
`cipher-mismatch`: the same alert; there the groups are the usual ones and the list of suites is restricted.
`hello-retry-refused`: the server did ask for another group, and the client refused that.

Fix
---
Enable x25519 or P-256 on the end whose list is restricted.

References
----------
RFC 8446 sections 4.2.7 and 9.1; RFC 8422 section 5.1.
"""

from __future__ import annotations

from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import Refusal, hello_refusal, said_for
from whytls.inference.quote import listed
from whytls.inference.replayed import smallest
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake, NotApplicable
from whytls.wire.registry import TLS13, group_name

EVERYBODYS = (0x001D, 0x0017)  # x25519 and secp256r1: nearly every server has one of them

CAUSE = Cause(
    title="the {server} supports none of the key-exchange groups that the {client} offers ({groups})",
    titles={
        "certificate-curve": "the key in the {server}'s certificate lies on {curve}, which is not among the groups that the {client} offers ({groups})"
    },
    cause_class="hello",
    owners=("client", "server"),
    phases=FROM_HELLO,
    breaker="server",
    alerts=said_for("group"),
    dimension="group",
    needs=("client-hello",),
    references=("RFC 8446 section 4.2.7",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """By another handshake, or by a list of groups that lacks what every server has."""
    refusal = hello_refusal(handshake, context)
    if refusal is None or not refusal.over_choice or refusal.hello.groups is None:
        return NotApplicable()
    groups = listed([group_name(g) for g in refusal.hello.groups], 6) or "none"
    curve = _curve_of_certificate(refusal)
    decide = "the server's groups (nginx ssl_ecdh_curve, jdk.tls.namedGroups); or whytls replay CAPTURE#N --to HOST:PORT, which sends this hello with other groups"
    offered = f"supported_groups: {groups}"
    lacking = [group_name(g) for g in EVERYBODYS if g not in refusal.hello.groups]
    facts = {"groups": groups, "curve": curve, "lacking": " or ".join(lacking) or "one of the server's groups"}
    return refused_for(
        "group", refusal, handshake, context, offered=offered, decide=decide, facts=facts, detail="certificate-curve" if curve else ""
    )


def _curve_of_certificate(refusal: Refusal) -> str:
    """The curve of the key in the server's certificate, where a replay shows that it is what the hello does not list: below TLS 1.3 the list
    of groups speaks for certificates too (RFC 8422 section 5.1.1). Empty where it is not that, or nothing shows it."""
    helped = smallest(refusal.replayed) if refusal.replayed is not None else None
    if helped is None or not helped.handshake.server_chain or (helped.handshake.version or 0) >= TLS13:
        return ""
    from whytls.pki.certificate import read

    curve = read(helped.handshake.server_chain[0]).curve
    added = {group_name(g) for g in (helped.handshake.client_hello.groups if helped.handshake.client_hello else None) or ()}
    return curve if curve in added - {group_name(g) for g in refusal.hello.groups or ()} else ""


def fix(finding: Finding, context: Context) -> Fix:
    """The groups that everybody has; for a certificate on another curve that curve, or a certificate on P-256."""
    if finding.detail == "certificate-curve":
        curve = finding.facts["curve"]
        return Fix("client", f"enable {curve} in the client's list of groups, or give the server a certificate with an RSA or secp256r1 key", "restart")
    return Fix(
        "client",
        f"enable {finding.facts['lacking']} in the client's list of groups, or enable one of its groups on the server",
        "restart",
        (
            Artefact("properties", "jdk.tls.namedGroups=x25519,secp256r1,secp384r1", "a Java client's system properties"),
            Artefact("nginx", "ssl_ecdh_curve X25519:prime256v1:secp384r1;", "an nginx server's configuration"),
        ),
    )
