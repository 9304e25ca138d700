"""What a replay says to the causes: which change lets the handshake through, and the attempts that show it.

Causes of the ClientHello learn it by ``hello_refusal.weigh``. Those that only name how it ended (closed, reset, silent) stand back where the
content of the hello is shown to decide; and those of things that are no dimension of the offer ask ``mended_by`` themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from whytls.inference.quote import describe_hello, quote_ending
from whytls.model import Context, Evidence, Finding, Handshake, Owner, Replayed, Tried
from whytls.tuples import NamedTuple


def mended_by(context: Context) -> Replayed | None:
    """The replay, if it reproduced the failure and found a change with which the hello goes through."""
    replayed = context.replayed
    return replayed if replayed is not None and replayed.minimal and replayed.reproduced else None


def evidence_of(replayed: Replayed) -> tuple[Evidence, ...]:
    """The control, the smallest change, and what else was tried, each with its attempts."""
    control = next((t for t in replayed.tried if not t.changes), None)
    found = []
    if control is not None:
        text = f"sent again to {replayed.target}, this ClientHello failed the same way {replayed.reproduced} of {replayed.controls} times"
        found.append(_line(text, control))
    helped = smallest(replayed)
    if helped is not None:
        found.append(_line(f"{helped.text} is enough{_others(replayed)}: {helped.outcome}{_times(replayed)}", helped))
    found += [_line(f"{t.text} is enough as well: {t.outcome}", t) for t in replayed.also[:2]]
    return tuple(found)


def smallest(replayed: Replayed) -> Tried | None:
    """The attempt with the smallest change; None where none was found."""
    wanted = [a.text for a in replayed.minimal]
    return next((t for t in replayed.tried if wanted and [a.text for a in t.changes] == wanted), None)


def _others(replayed: Replayed) -> str:
    many = 0 if replayed.contradictions else len(replayed.alone)  # a server that refuses by turns says nothing of the others
    return f"; none of {many} other changes is" if many > 1 else "; another change is not" if many else ""


def _times(replayed: Replayed) -> str:
    if replayed.contradictions:
        return f", but not each time ({replayed.contradictions} answers differed)"
    return f", {replayed.confirmed + 1} of {replayed.confirmed + 1} times" if replayed.confirmed else ""


def _line(text: str, tried: Tried) -> Evidence:
    """A statement about an attempt; its hello is the event that it points at."""
    event = tried.handshake.first("client-hello")
    return Evidence(text, event.frames if event else (), tried.handshake.file)


def refused_for_lack(dimension: str, handshake: Handshake, context: Context, **given: Unpack[Given]) -> Finding | None:
    """The finding of a cause that only a replay can show: the server refused the hello, and this dimension mends it; None where it does not."""
    replayed = mended_by(context)
    if replayed is None or dimension not in replayed.dimensions or context.ending.breaker != "server":
        return None
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=(describe_hello(handshake, context), *quote_ending(context), *evidence_of(replayed)),
        confidence="proven" if replayed.certain else "likely",
        facts=given.get("facts", {}),
        detail=given.get("detail", ""),
        owners=given.get("owners", ()),
        would_decide="the server's log",
    )


class Demand(NamedTuple):
    """That the server asks for a client certificate, as the handshake shows that was carried on in the client's place."""

    evidence: Evidence
    refuses_without: bool  # it was shown none, and broke off


def certificate_demand(context: Context) -> Demand | None:
    """What the server asks of the client; None where the handshake was not carried on, or it asks for nothing."""
    carried = context.replayed.carried_on if context.replayed is not None else None
    request = carried.handshake.certificate_request if carried is not None else None
    if carried is None or request is None:
        return None
    from whytls.pki.name import text

    names = [text(name) for name in request.authorities[:3]]
    count = len(request.authorities)
    named = f"{count} acceptable CA{'s' if count != 1 else ''}{f' ({chr(59).join(names)})' if names else ''}" if count else "no CA in particular"
    shown = "a client certificate" if carried.handshake.client_chain else "no client certificate"
    said = f"done again with {shown}, {context.replayed.target if context.replayed else ''} names {named} and answers: {carried.outcome}"
    event = carried.handshake.first("certificate-request")
    without = not carried.handshake.client_chain and carried.handshake.outcome == "failed"
    return Demand(Evidence(said, event.frames if event else (), carried.handshake.file), without)


if TYPE_CHECKING:  # as a class it would be compiled at every start

    from typing import TypedDict, Unpack

    class Given(TypedDict, total=False):
        """What a cause adds of its own."""

        facts: Mapping[str, Any]
        detail: str
        owners: tuple[Owner, ...]
