"""The chain that was refused: where it is known from, and what was wrong with it at that time.

It was seen in the handshake; or, where TLS 1.3 hides it, it is that of the keystore whose size the record has, or the one that the same server
showed to somebody else for the same name. It is judged at the time of the handshake, against the truststore of the side that refused if
that is known, and beside the CA certificates that the recording holds: they tell a missing intermediate from an unknown root.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from whytls.inference.marks import Asked, Told
from whytls.inference.memo import Same
from whytls.inference.quote import side_name
from whytls.model import ClientProfile, Context, Evidence, Handshake, Seen, ServerProfile, Side
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from whytls.inference.stand_in import StandIn
    from whytls.pki.chain import ChainReport

MOST_SPANS = 8  # of one chain and host; a recording that goes on for years has few


def chain_in_question(handshake: Handshake, context: Context, whose: Side) -> tuple[tuple[bytes, ...] | None, Evidence | None, StandIn | None]:
    """The chain in question: seen in this handshake; of the keystore, by its size; or shown by the same server in another handshake."""
    chain = handshake.server_chain if whose == "server" else handshake.client_chain
    if chain is not None:
        return chain, None, None
    stored = None
    if context.stores(whose).keystore is not None:
        from whytls.inference.stand_in import stand_in

        stored = stand_in(handshake, context, whose)
        if stored is not None and stored.record is not None:
            return stored.chain, _standing_in(context, stored, whose), stored
    shown = shown_before(handshake.sni, context.server_profile) if whose == "server" else None
    if shown is not None:
        return shown.chain, showed(shown.seen), None
    if stored is not None:
        return stored.chain, _standing_in(context, stored, whose), stored
    return None, None, None


class Shown(NamedTuple):
    """A chain that the same server showed to somebody else."""

    chain: tuple[bytes, ...]
    seen: Seen


def shown_before(name: str | None, profile: ServerProfile | Asked | None) -> Shown | None:
    """The chain that the server showed in another handshake, for the same name."""
    if isinstance(profile, Asked):
        found: Shown | None = profile.answer(shown_before, name)
        return found
    if profile is not None:
        for seen in (*profile.completed, *profile.failed):
            if seen.chain and seen.offered_versions and seen.sni == name:  # whose hello was seen: else its name is not known
                return Shown(seen.chain, seen)
    return None


def showed(seen: Seen | Told) -> Evidence:
    """That the same server showed the chain in question in another handshake."""
    if isinstance(seen, Told):
        return seen.line(showed)
    return Evidence(f"the same server showed this chain to {seen.client.address} for the same name", (seen.frame,), seen.file)


def _standing_in(context: Context, stored: StandIn, whose: Side) -> Evidence:
    """That the chain is the keystore's and was not seen, and how far sizes speak for it."""
    owner, of = side_name(whose, context), "" if len(stored.chain) == len(stored.entry.chain) else f" the first {len(stored.chain)} of"
    if len(stored.chain) == 1 and of:
        of = " the first certificate of"
    text = f"TLS 1.3 hides the {owner}'s chain;{of} {stored.entry.place} stands in for it"
    if stored.record is None:
        return Evidence(f"{text} (it was not seen that this is what was sent)", (), stored.entry.place)
    return Evidence(f"{text}: this record has just its size", stored.record.frames, stored.record.file)


def examined(handshake: Handshake, context: Context, chain: tuple[bytes, ...], whose: Side) -> ChainReport:
    """What is wrong with a chain of that side, at the time of the handshake."""
    at = judged_at(handshake, context)
    host = (handshake.sni or None) if whose == "server" else None
    anchors = Same(anchors_of(context, "client" if whose == "server" else "server"))  # one for a whole run, and large
    report = _report(chain, at, host, anchors, whose, ())
    gap = report.find("missing-intermediate") if "missing-intermediate" in report.slugs else None
    if gap is None or gap.certain:
        return report
    known = _known(context.server_profile, context.client_profile)
    keystore = context.stores(whose).keystore
    if keystore is not None:
        from whytls.inference.at_rest import certificates_at_hand

        known = (*certificates_at_hand(chain, keystore), *known)
    return _report(chain, at, host, anchors, whose, known) if known else report


def anchors_of(context: Context, side: Side) -> Sequence[bytes] | None:
    """What that side trusts, if it is known: its truststore, or what was given for whichever side rejects."""
    own = context.stores(side).truststore
    return context.trust if own is None else own.anchors


def judged_at(handshake: Handshake, context: Context) -> int:
    """The time at which certificates are judged, nanoseconds since 1970: that of the handshake, unless the call names one."""
    return context.at if context.at is not None else handshake.started_at


@lru_cache(maxsize=2048)
def _reports(chain: tuple[bytes, ...], host: str | None, anchors: Same, whose: Side, known: tuple[bytes, ...]) -> list[ChainReport]:
    """What was said of a chain that holds for a span of time: handshakes that fail in a storm bring the same ones many times."""
    return []


def _report(chain: tuple[bytes, ...], at: int, host: str | None, anchors: Same, whose: Side, known: tuple[bytes, ...]) -> ChainReport:
    """A chain judged at a time; said again where nothing began or ceased to be valid since."""
    said = _reports(chain, host, anchors, whose, known)
    for report in said:
        if report.steady[0] <= at < report.steady[1]:
            return report
    from whytls.pki.chain import examine

    report = examine(chain, at=at - at % 1_000_000_000, host=host, anchors=anchors.value, purpose=whose, known=known)
    if len(said) < MOST_SPANS:
        said.append(report)
    return report


@lru_cache(maxsize=2048)
def _known(of_server: ServerProfile | None, of_client: ClientProfile | None) -> tuple[bytes, ...]:
    """CA certificates that this server showed, or this client was shown, in other handshakes of the recording.

    They tell a missing intermediate from an unknown root.
    """
    shown: list[bytes] = []
    for profile in (of_server, of_client):
        if profile is not None:
            shown += [der for seen in (*profile.completed, *profile.failed) for der in (seen.chain or ())[1:]]
    return tuple(dict.fromkeys(shown))[:16]
