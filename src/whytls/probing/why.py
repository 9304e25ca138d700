"""Why a server refuses an offer: other offers, the likeliest first, until one is taken; then the smallest difference between the two.

Theory of operation
-------------------
The refused offer is the control. If it did not offer everything, everything is offered: what an offer left out is the commonest reason. If
that is refused too, something in it is not wanted (a name, a protocol, an extension, its size), or what the server wants is older still;
``_others`` lists such offers, and the alert puts those first that it speaks for. An alert only orders the list. It proves nothing, for
stacks differ in what they say.

Where an offer is taken, the parts in which it differs are put back one after the other as they were in the control, as long as it is still
taken. What cannot be put back is ``needed``: each of these changes is necessary, and together they are enough, both shown by attempts.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from whytls.probing.offer import OWN, Answer, Dialogue, Offer, broad, groups_for, suites_for
from whytls.wire.registry import SSL2, SSL3, TLS10, TLS12, TLS13, suite_facts

Reason = Literal[
    "accepted", "not-tls", "version", "suites", "groups", "signature-schemes", "alpn", "sni", "extensions", "key-share", "silence", "unreachable",
    "unknown",
]  # fmt: skip
MOST = 20  # questions
_SILENCES = 3  # in a row, and no more is asked
_REASONS: dict[str, Reason] = {
    "versions": "version", "name": "sni", "suites": "suites", "groups": "groups", "schemes": "signature-schemes", "alpn": "alpn",
    "shape": "extensions", "share": "key-share",
}  # fmt: skip
_UNRECOGNIZED_NAME, _NO_PROTOCOL, _VERSION = 112, 120, 70


class Why(NamedTuple):
    """Why an offer was refused."""

    reason: Reason  # the first of ``needed``; or what all attempts have in common
    refused: int  # the attempt with the offer
    accepted: int | None = None  # the attempt that differs from it in ``needed`` only, and was taken
    needed: tuple[str, ...] = ()  # parts of the offer (Offer's fields) that have to be changed, all of them
    offer: Offer | None = None  # the one that was taken


def modern() -> Offer:
    """What today's clients offer."""
    suites = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035)
    groups, schemes = (0x001D, 0x0017, 0x0018), (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)
    return Offer("as today's clients", (TLS13, TLS12), suites, groups, schemes, ("h2", "http/1.1"), share=True)


def why(offer: Offer, refused: Answer, *, named: bool) -> Dialogue[Why]:
    """Why this offer was refused with this answer; ``named``: the target has a name of its own, which is sent."""
    if refused.accepted:
        return Why("accepted", refused.attempt, refused.attempt, (), offer)
    if refused.gone or refused.end == "foreign":
        return Why("unreachable" if refused.gone else "not-tls", refused.attempt)
    ends = [refused.end]
    for other in _others(offer, refused.alert, named):
        if len(ends) >= MOST - len(_REASONS) or ends[-_SILENCES:] == ["silence"] * _SILENCES:
            break
        answer = yield other
        ends.append(answer.end)
        if answer.accepted:
            return (yield from _smallest(offer, refused, other, answer))
    if all(end == "silence" for end in ends):
        return Why("silence", refused.attempt)
    return Why("sni" if refused.alert == _UNRECOGNIZED_NAME else "unknown", refused.attempt)


def _smallest(control: Offer, refused: Answer, taken: Offer, answer: Answer) -> Dialogue[Why]:
    """Puts back what need not be changed."""
    needed = [part for part in _REASONS if getattr(control, part) != getattr(taken, part)]
    for part in reversed(tuple(needed)):
        if len(needed) == 1:
            break
        tried = taken._replace(**{part: getattr(control, part)}, purpose=f"the same with the {_SAID[part]} as before")
        again = yield tried
        if again.accepted:
            taken, answer = tried, again
            needed.remove(part)
    return Why(_REASONS[needed[0]] if needed else "unknown", refused.attempt, answer.attempt, tuple(needed), taken)


_SAID = {
    "versions": "versions", "name": "server name", "suites": "cipher suites", "groups": "groups", "schemes": "signature schemes",
    "alpn": "application protocols", "shape": "extensions", "share": "key share",
}  # fmt: skip


def _others(offer: Offer, alert: int | None, named: bool) -> list[Offer]:
    """Offers that a server may take that does not take this one, the likeliest first."""
    everything, usual = broad(), modern()
    found = [] if set(offer.suites) >= set(everything.suites) else [everything]
    without_name = [everything._replace(name=None, purpose="everything, without a name")] if named and offer.name == OWN else []
    without_protocols = [everything._replace(alpn=(), purpose="everything, without application protocols")]
    before_13 = everything._replace(versions=(TLS12,), suites=suites_for(TLS12), groups=groups_for(TLS12), purpose="TLS 1.2 and everything in it")
    plain = before_13._replace(suites=_common(), groups=usual.groups, schemes=usual.schemes, alpn=(), purpose="TLS 1.2 as older clients speak it")
    oldest = [
        Offer("TLS 1.0 without extensions", (TLS10,), tuple(suite for suite in _common() if suite_facts(suite).usable(TLS10)), shape="bare"),
        Offer("SSL 3.0", (SSL3,), suites_for(SSL3), shape="bare"),
        Offer("SSLv2", (SSL2,), suites_for(SSL2), shape="bare"),
    ]
    short = [usual._replace(purpose="as today's clients, without application protocols", alpn=()), plain]
    nameless = [plain._replace(name=None, purpose="TLS 1.2 as older clients speak it, without a name")] if without_name else []
    first: list[Offer] = {_UNRECOGNIZED_NAME: without_name, _NO_PROTOCOL: without_protocols, _VERSION: oldest}.get(alert or -1, [])
    rest = [*without_protocols, *without_name, *short, before_13, *nameless, *oldest]
    return [*found, *first, *[other for other in rest if other not in first]]


def _common() -> tuple[int, ...]:
    """The suites that are most met before TLS 1.3, fewer than 32: some servers cannot read long lists."""
    return (
        0xC02F, 0xC030, 0xC02B, 0xC02C, 0xCCA8, 0xCCA9, 0xC027, 0xC028, 0xC023, 0xC024, 0xC013, 0xC014, 0xC009, 0xC00A, 0x009E, 0x009F,
        0x0067, 0x006B, 0x0033, 0x0039, 0x009C, 0x009D, 0x003C, 0x003D, 0x002F, 0x0035, 0x000A, 0x0016, 0x0005, 0x0004,
    )  # fmt: skip
