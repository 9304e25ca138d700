"""Whether a server goes by the name in the ClientHello, as the runbook asks it: the same with and without, answers compared (R19)."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.pki.certificate import read
from whytls.probing.result import Inventory, NameAsked, Named
from whytls.surveying.result import NameHabit, NamesSaid, Statement, UnknownName
from whytls.surveying.said import refusal_in_words
from whytls.wire.registry import alert_name


def names_said(inventory: Inventory) -> NamesSaid:
    """What the attempts with and without names show together."""
    right, none, unknown = (_first(inventory, named) for named in ("right", "none", "unknown"))
    statements = tuple(_statements(right, none, [n for n in inventory.names if n.named in ("unknown", "wrong")]))
    shown: UnknownName = "not-asked" if unknown is None else _beside(unknown, right or none)
    return NamesSaid(_habit(right, none, unknown), statements, shown)


def _first(inventory: Inventory, named: Named) -> NameAsked | None:
    return next((asked for asked in inventory.names if asked.named == named), None)


def _habit(right: NameAsked | None, none: NameAsked | None, unknown: NameAsked | None) -> NameHabit:
    if right is not None and right.refused is not None and any(n is not None and n.refused is None for n in (none, unknown)):
        return "unknown-name"
    if right is None or none is None or right.refused is not None:
        return "not-asked"
    if none.refused is not None:
        return "required"
    if _differ(right, none):
        return "default"
    if unknown is None:
        return "served"
    return "ignored" if _beside(unknown, right) == "same" else "served"


def _differ(one: NameAsked, other: NameAsked) -> bool:
    """Whether both showed a certificate, and not the same."""
    return bool(one.chain and other.chain) and one.chain[:1] != other.chain[:1]  # type: ignore[index]


def _beside(unknown: NameAsked, right: NameAsked | None) -> UnknownName:
    if unknown.refused is not None:
        return "refused"
    if right is None or not (unknown.chain and right.chain):
        return "not-asked"
    return "default" if _differ(unknown, right) else "same"


def _statements(right: NameAsked | None, none: NameAsked | None, others: list[NameAsked]) -> Iterator[Statement]:
    if right is not None and right.refused is not None:
        text = f"with server_name {right.server_name} it {refusal_in_words(right.refused)}"
        yield Statement("sni-refused", text, (right.attempt,), "RFC 6066 section 3")
    elif right is not None and right.warning is not None:
        warned = f"{alert_name(right.warning)} ({right.warning})"
        text = f"it goes on with server_name {right.server_name}, but warns {warned}: some clients break off at that (Java 7 does)"
        yield Statement("sni-warned", text, (right.attempt,), "RFC 6066 section 3")
    if right is not None and right.refused is None and none is not None:
        yield _without(right, none)
    yield from _of_others(right or none, others)


def _without(right: NameAsked, none: NameAsked) -> Statement:
    """The runbook's two calls of openssl s_client, compared."""
    both = (right.attempt, none.attempt)
    if none.refused is not None:
        text = (
            f"SNI is required: with server_name {right.server_name} it goes on, without one it {refusal_in_words(none.refused)}; "
            "clients that send no name do not get through"
        )
        return Statement("sni-required", text, both, "RFC 6066 section 3")
    if _differ(right, none):
        text = (
            f"SNI decides: with server_name {right.server_name} it shows {_subject(right)}, without one {_subject(none)}; "
            "clients that send no name are shown that one"
        )
        return Statement("sni-default", text, both, "RFC 6066 section 3")
    if right.chain and none.chain:
        return Statement("sni-not-required", f"SNI is not required: with server_name {right.server_name} and without, the same certificate", both)
    return Statement("sni-not-required", f"SNI is not required: with server_name {right.server_name} and without, it goes on", both)


def _of_others(known: NameAsked | None, others: list[NameAsked]) -> Iterator[Statement]:
    """What names that are not the right one lead to; those that lead to the same in one sentence."""
    alike: dict[tuple[str, str, str], list[NameAsked]] = {}
    for other in others:
        alike.setdefault(_led_to(known, other), []).append(other)
    for (slug, what, reference), asked in alike.items():
        made_up = [other.server_name or "" for other in asked if other.named == "unknown"]
        near = [other.server_name or "" for other in asked if other.named == "wrong"]
        names = [f"names that it cannot have ({', '.join(made_up)})"] if made_up else []
        names += [f"another name ({', '.join(near)})"] if near else []
        yield Statement(slug, f"{' and '.join(names)}: it {what}", tuple([other.attempt for other in asked]), reference)


def _led_to(known: NameAsked | None, other: NameAsked) -> tuple[str, str, str]:
    """The slug of it, the predicate, and the standard."""
    if other.refused is not None:
        return "sni-unknown-rejected", refusal_in_words(other.refused), "RFC 6066 section 3"
    if known is not None and _differ(known, other):
        return "sni-unknown-default", f"shows {_subject(other)}", ""
    return "sni-unknown-accepted", "shows the same certificate" if other.chain else "goes on", ""


def _subject(asked: NameAsked) -> str:
    return (read(asked.chain[0]).subject or "a certificate without a name") if asked.chain else "a certificate that was not seen"
