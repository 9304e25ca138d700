"""Client and server have no cipher suite in common.

What happened
-------------
The versions overlap, but the server supports none of the suites in the ClientHello: the lists are disjoint, or they meet only in
suites that the server's certificate cannot serve (an ECDSA suite needs an ECDSA certificate) (R5).

How it looks
------------
ClientHello, then a fatal `handshake_failure` (40) from the server; OpenSSL, nginx, Go and JSSE all say so. `insufficient_security`
(71) names it, or the groups. The list in the ClientHello against the server's list (nginx `ssl_ciphers`, JSSE enabled suites) shows it.

Tell it from
------------
`sni-missing`: the same alert; there the ClientHello has no server_name (R10). `group-mismatch` and
`signature-algorithm-mismatch`: the same alert again; there the list of groups or of signature schemes is the restricted one.
`protocol-mismatch`: the alert is `protocol_version`.

Fix
---
Let the two lists meet: enable a modern suite (ECDHE with AES-GCM) on the end that is behind. An old Java client needs the JCE
unlimited policy or an update (R22).

References
----------
RFC 8446 section 4.1.2 and 9.1; RFC 5246 section 7.4.1.2; RFC 9325 section 4.2; runbook R5, R10, R22.
"""

from __future__ import annotations

from functools import lru_cache

from whytls.causes.cause import FROM_HELLO, Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import Refusal, hello_refusal, said_for
from whytls.inference.offer import Narrowness, restrictions
from whytls.inference.quote import quote_ending
from whytls.inference.replayed import smallest
from whytls.model import Answer, Artefact, Context, Finding, Fix, Handshake, NotApplicable, Owner
from whytls.tuples import NamedTuple
from whytls.wire.registry import suite_facts, suite_name

HANDSHAKE_FAILURE = 40

CAUSE = Cause(
    title="the {server} supports none of the {count} cipher suites that the {client} offers ({some})",
    titles={"restricted-offer": "the {server} supports none of the cipher suites that the {client} offers: {narrow}"},
    cause_class="hello",
    owners=("server", "client"),
    phases=FROM_HELLO,
    breaker="server",
    alerts=said_for("suite"),
    dimension="suite",
    references=("RFC 8446 section 4.1.2", "R5", "R10", "R22"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """By the alert, by another handshake, by a restricted list, or by R10 where a server_name was sent."""
    if handshake.client_hello is None:
        return _unseen(handshake, context)
    refusal = hello_refusal(handshake, context)
    if refusal is None or not refusal.over_choice:
        return NotApplicable()
    narrow = next((n for n in refusal.narrow if n.dimension == "suite" and not _without_it(n, refusal)), None)
    offer = _offer(refusal.hello.cipher_suites)
    facts = {"count": offer.many, "some": offer.some, "narrow": narrow.text if narrow else "", "old_client": offer.old}
    return refused_for(
        "suite", refusal, handshake, context,
        offered=offer.text, facts=facts, detail="restricted-offer" if narrow else "", owners=_owners(offer),
        decide="the server's list (nginx ssl_ciphers, JSSE enabled suites); or whytls replay CAPTURE#N --to HOST:PORT, which sends this hello with other suites",
    )  # fmt: skip


def _without_it(narrow: Narrowness, refusal: Refusal) -> bool:
    """Whether a replay got through with the same restriction still there, so that it is not what the server minded."""
    helped = smallest(refusal.replayed) if refusal.replayed is not None else None
    hello = helped.handshake.client_hello if helped is not None else None
    return hello is not None and any(n.text == narrow.text for n in restrictions(hello))


def _unseen(handshake: Handshake, context: Context) -> Answer:
    """handshake_failure as the server's first word, to a ClientHello that was not captured: the commonest reason, as possible."""
    ending = context.ending
    if ending.breaker != "server" or ending.alert != HANDSHAKE_FAILURE or ending.phase != "client-hello":
        return NotApplicable()
    if any(e.sender == "server" and e.kind not in ("alert", "fin", "rst", "syn-ack") for e in handshake.events):
        return NotApplicable()
    return Finding(
        failing_side="server",
        explains=ending.events,
        evidence=quote_ending(context),
        confidence="possible",
        facts={"count": "", "some": "they were not captured", "narrow": "", "old_client": False},
        assumptions=("the ClientHello, which was not captured, names the server", "its groups and signature schemes are the usual ones"),
        would_decide="a recording that holds the ClientHello: from the start, with full packets (tcpdump -s 0)",
    )


class _Offer(NamedTuple):
    """A list of suites in words."""

    many: int
    some: str
    text: str
    old: bool  # nothing with forward secrecy is in it


@lru_cache(maxsize=512)  # clients of one make offer one list
def _offer(offered: tuple[int, ...]) -> _Offer:
    suites = [s for s in offered if s not in (0x00FF, 0x5600)]
    facts = [suite_facts(s) for s in offered]
    old = not any(f.tls13 or f.key_exchange in ("ECDHE", "DHE") for f in facts)
    return _Offer(len(suites), _some(suites, 2), f"offered: {_some(suites, 4)}", old)


def _owners(offer: _Offer) -> tuple[Owner, ...]:
    """A client without forward secrecy is below today's minimum (RFC 9325); else the server's list is the cheaper place."""
    return ("client", "server") if offer.old else ("server", "client")


def _some(suites: list[int], count: int) -> str:
    names = ", ".join(suite_name(s) for s in suites[:count])
    return names + (f" and {len(suites) - count} more" if len(suites) > count else "") if names else "none"


def fix(finding: Finding, context: Context) -> Fix:
    """A modern suite on the end that is behind."""
    return _OF_AN_OLD_CLIENT if finding.facts["old_client"] else _OF_THE_LISTS


_OF_AN_OLD_CLIENT = Fix(
    "client",
    "enable suites with forward secrecy in the client (an old Java: update it, or install the JCE unlimited policy)",
    "restart",
)
_LINES = "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384;"
_OF_THE_LISTS = Fix(
    "server",
    "enable on the server one of the suites that the client offers, with a certificate of the kind that the suite needs; or widen the client's list",
    "reload",
    (Artefact("nginx", _LINES, "the server's nginx configuration (Router: /opt/nginx/conf.d/0-default.conf)"),),
)
