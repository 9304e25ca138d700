"""What a server makes of the name that it is asked for (R19): the names to ask, what each led to, and what that amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from whytls.probing.asking import alert_of
from whytls.probing.attempt import Attempt
from whytls.probing.offer import BROKEN_OFF
from whytls.probing.result import CertificateShown, NameAsked, Named, Refused
from whytls.wire.message import Alert

# sni-required: who sends no name is refused. sni-default: who sends none is shown another certificate than the right name's owner.
# sni-unknown-rejected: who sends a name that the server does not have is refused.
Habit = Literal["sni-required", "sni-default", "sni-unknown-rejected"]

_CLOSE_NOTIFY = 0


class Question(NamedTuple):
    """A name to ask for."""

    named: Named
    server_name: str | None


def questions(server_name: str | None, random_label: str) -> tuple[Question, ...]:
    """The names to ask a server for besides its own; ``random_label`` is one that nobody has.

    Without a name of its own the server was asked without one already.
    """
    foreign = Question("unknown", f"{random_label}.example")
    if server_name is None:
        return (foreign,)
    parent = server_name.partition(".")[2]
    # Under a name of two labels, for its neighbours belong to somebody else.
    stranger = f"{random_label}.{parent if '.' in parent else server_name}"
    near = server_name.removeprefix("www.") if server_name.startswith("www.") else f"www.{server_name}"
    return (Question("none", None), Question("unknown", stranger), foreign, Question("wrong", near))


def asked(question: Question, attempt: Attempt) -> NameAsked:
    """What asking for a name led to."""
    handshake = attempt.handshake
    alerts = [e.value for e in handshake.events if e.sender == "server" and isinstance(e.value, Alert)]
    warning = next((alert.description for alert in alerts if alert.level == 1 and alert.description != _CLOSE_NOTIFY), None)
    # Who shows a certificate took the name; what it may refuse later is something else (our having no certificate, say).
    chosen = handshake.server_chain is not None or (attempt.answer is not None and attempt.end not in BROKEN_OFF)
    refused = None if chosen else Refused(attempt.number, attempt.end, alert_of(handshake.events))
    return NameAsked(*question, attempt.number, handshake.server_chain, refused, warning if chosen else None)


def habits(names: Sequence[NameAsked], certificates: Sequence[CertificateShown] = ()) -> tuple[Habit, ...] | None:
    """What the server does about names; nothing where it does not care. ``None``: it was not asked enough, or refuses the right name, too.

    ``certificates`` are those that it was seen with: one that it also shows for the right name is no other one, for a server that has several
    kinds of keys may show another kind to who sends no name.
    """
    right = _first(names, "right")
    if right is None or right.refused is not None:
        return None
    known = {shown.chain[0] for shown in certificates if shown.server_name == right.server_name and shown.chain}
    known.update((right.chain or ())[:1])
    found: list[Habit] = []
    none = _first(names, "none")
    if none is not None and none.refused is not None:
        found.append("sni-required")
    elif none is not None and none.chain and known and none.chain[0] not in known:
        found.append("sni-default")
    unknown = [asked for asked in names if asked.named == "unknown"]
    if unknown and all(asked.refused is not None for asked in unknown):
        found.append("sni-unknown-rejected")
    return tuple(found)


def _first(names: Sequence[NameAsked], named: Named) -> NameAsked | None:
    return next((asked for asked in names if asked.named == named), None)
