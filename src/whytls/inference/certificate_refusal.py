"""One side refused the other's certificate: which chain it was, what is wrong with it, and how that fits the refusal.

Theory of operation
-------------------
The alert names the cause in some stacks and not in others: for one and the same fault OpenSSL sends ``unknown_ca``, Go
``bad_certificate`` and JSSE ``certificate_unknown``; nginx, Node and, for host names, curl send nothing (edge.md section 3). So the
certificates are judged again, at the time of the handshake, and every defect is laid beside the alert:

* an alert that *names* the defect, with the defect in the chain, proves it;
* an alert that *fits* (the stacks that say it for everything) proves the defect if it is the only one that a client must mind;
* an alert that says something else is not explained by the defect, and ranking puts it behind those that explain it;
* without an alert, closing at the very moment when the certificate was due for judgement counts like a fitting alert; closing a
  handshake that had completed makes ``likely`` only (``late_rejection.py``).

In TLS 1.3 the chain is hidden. Then the alert, if it is in the clear (OpenSSL's clients), or the chain that the same server showed
to somebody else for the same name in TLS 1.2, makes ``likely``. So does what the keystore of the side that sent it holds
(``stand_in.py``); where the record has just that chain's size *and* an alert in the clear names its only defect, it is ``proven``.

The rejecting side's truststore, where it is given, is part of what is judged: a root that it lacks is a defect like any other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from whytls.inference.client_flight import client_flight
from whytls.inference.late_rejection import dropped_by_client, refused_in_words, short_answer_and_close, traffic
from whytls.inference.memo import Same, remembered
from whytls.inference.quote import describe_defect, quote_ending, quote_event, side_name
from whytls.inference.refused_chain import anchors_of, chain_in_question, examined, judged_at
from whytls.model import (
    Answer,
    CannotTell,
    Confidence,
    Context,
    Event,
    Evidence,
    Finding,
    Handshake,
    Hop,
    NotApplicable,
    Owner,
    Side,
    Silent,
)
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from whytls.inference.stand_in import StandIn
    from whytls.pki.chain import ChainReport
    from whytls.pki.defect import Defect

# Alerts by which stacks refuse a certificate (RFC 8446 section 6.2); 40 and 47 are used for other things and are not among them.
CERTIFICATE_ALERTS = frozenset({41, 42, 43, 44, 45, 46, 48, 49, 51, 71, 113, 114, 116})
UNKNOWN_CA = 48  # names several defects: with a hidden chain only "untrusted" may be read off it, the others are alternatives
GENERIC = frozenset({42, 46, 49})  # Go says 42, JSSE 46, GnuTLS servers 49 and then 42, whatever is wrong
IN_SIGHT = frozenset({"self-signed-leaf", "wrong-intermediate"})  # what a chain that was captured shows, or does not have
_new = tuple.__new__
# Defects that every client that checks certificates at all must mind; the others depend on the client's settings.
WEIGHTY = frozenset({
    "expired", "not-yet-valid", "name-mismatch", "self-signed-leaf", "missing-intermediate", "wrong-intermediate", "bad-signature",
    "wrong-usage", "issuer-not-ca", "path-length-exceeded", "name-constraints", "untrusted-root", "malformed",
})  # fmt: skip


class CertificateRefusal(NamedTuple):
    """A refusal at the place where a certificate is judged."""

    whose: Side  # the side whose certificate was refused
    rejecting: Side
    chain: tuple[bytes, ...] | None  # None: hidden
    report: ChainReport | None
    alert: int | None
    explains: tuple[Event, ...]
    late: bool  # the handshake had completed on the wire, and only what came after lets us think of a refusal
    borrowed: Evidence | None = None  # the chain is known from another handshake of the recording, or from a keystore only
    holes: bool = False  # bytes of the side that refused are missing in the recording
    stand_in: StandIn | None = None  # that keystore's entry

    @property
    def certain_chain(self) -> bool:
        """Whether the chain is what was sent: it was seen, or is the one of the keystore that has the size of the hidden one."""
        return self.borrowed is None or (self.stand_in is not None and self.stand_in.record is not None)


@remembered
def refusal(handshake: Handshake, context: Context, whose: Side) -> CertificateRefusal | None:
    """The refusal of that side's certificate, or None where the handshake did not end like one."""
    ending = context.ending
    rejecting: Side = "client" if whose == "server" else "server"
    page = short_answer_and_close(handshake) if whose == "client" and ending.phase == "finished" and _asked(handshake) else None
    if page is not None:
        chain, borrowed, stored = chain_in_question(handshake, context, whose)
        report = examined(handshake, context, chain, whose) if chain else None
        said = bool(refused_in_words(handshake))  # then nothing is guessed: it is an answer to the certificate as an alert would be
        return CertificateRefusal(whose, rejecting, chain, report, None, page, not said, borrowed, stand_in=stored)
    if ending.breaker != rejecting or ending.how in ("silence", "foreign", "refused", "unreachable", "none"):
        return None
    if (
        ending.alert is not None
        and ending.how == "alert"
        and ending.alert not in CERTIFICATE_ALERTS
        and not _client_auth_alert(handshake, whose, ending.alert)
    ):
        return None
    explains, late = ending.events, False
    if whose == "server":
        if ending.phase == "finished":
            late = ending.how not in ("alert", "hidden-alert")
            if late and dropped_by_client(handshake) is None:
                return None
        elif ending.phase == "server-turn":
            if ending.how not in ("alert", "hidden-alert"):
                return None
            late = ending.how == "hidden-alert"
        elif ending.phase != "client-turn":
            return None
    else:
        placed = _client_side(handshake, context)
        if placed is None:
            return None
        explains, late = placed
    chain, borrowed, stored = chain_in_question(handshake, context, whose)
    report = examined(handshake, context, chain, whose) if chain else None
    alert = ending.alert if ending.how == "alert" else None
    holes = handshake.coverage.client_gap if rejecting == "client" else handshake.coverage.server_gap
    return _new(CertificateRefusal, (whose, rejecting, chain, report, alert, explains, late, borrowed, holes, stored))


def _client_auth_alert(handshake: Handshake, whose: Side, alert: int) -> bool:
    """handshake_failure is what TLS 1.2 servers say to a client that owes a certificate (RFC 5246 section 7.4.6)."""
    if whose != "client":
        return False
    if handshake.client_chain == ():  # GnuTLS cannot decode an empty Certificate message, others say handshake_failure
        return True
    return alert in (40, 10, 80) and (handshake.certificate_request is not None or handshake.client_chain is not None)


def _asked(handshake: Handshake) -> bool:
    """Whether the server asked for a client certificate: seen in the clear, or told by the size of the client's flight."""
    if (handshake.version or 0) >= 0x0304:
        return client_flight(handshake).content in ("empty-certificate", "certificate")
    return handshake.certificate_request is not None or handshake.first("certificate", "client") is not None


def _client_side(handshake: Handshake, context: Context) -> tuple[tuple[Event, ...], bool] | None:
    """What the server's refusal of a client certificate explains, and whether it came after completion."""
    ending = context.ending
    if not _asked(handshake):
        return None
    if ending.phase == "server-turn" or (ending.phase == "finished" and ending.how in ("alert", "hidden-alert")):
        return ending.events, False
    if (handshake.version or 0) >= 0x0304 and ending.phase == "finished" and ending.how in ("rst", "fin"):
        # Node closes without an alert; a server that has said something first had accepted the client.
        return (ending.events, False) if not traffic(handshake).server_data else None
    return None


def kin_of_anchors(context: Context, refused: CertificateRefusal) -> bool:
    """A certificate sent alone whose issuer is not trusted: whether an anchor is of the issuer's organisation.

    Then the issuer is an intermediate of theirs that is missing; else it is a CA that is not known there.
    """
    from whytls.pki.name import organisation

    leaf = refused.report.leaf if refused.report else None
    own = organisation(leaf.issuer_der) if leaf is not None else None
    return own is not None and own in _organisations(Same(anchors_of(context, refused.rejecting)))


@lru_cache(maxsize=8)
def _organisations(anchors: Same) -> frozenset[str | None]:
    from whytls.pki.certificate import read
    from whytls.pki.name import organisation

    return frozenset(organisation(read(der).subject_der) for der in anchors.value or ())


def judged(
    handshake: Handshake, context: Context, whose: Side, slugs: frozenset[str], *,
    names: frozenset[int] = frozenset(), fits: frozenset[int] = GENERIC, owners: tuple[Owner, ...] = (), decide: str = "",
) -> Answer:  # fmt: skip
    """The answer of a cause that is one defect of a chain.

    ``names``: alerts that say just this; ``fits``: alerts that some stack sends for it. Owners: the cause's own, unless given.
    """
    refused = refusal(handshake, context, whose)
    if refused is None:
        return NotApplicable()
    if refused.report is None:
        return _hidden(handshake, context, refused, names, decide)
    if slugs.isdisjoint(refused.report.slugs):
        return Silent() if refused.alert not in names or _ruled_out(refused, slugs) else _named_only(context, refused, names, decide)
    fault = _fault(Same(refused.report), slugs)
    defect = fault.defect
    fitting = refused.alert is None or refused.alert in names or refused.alert in fits
    explains = refused.explains if fitting else tuple(e for e in refused.explains if e.kind != "alert")
    confidence, doubts = _confidence(refused, fault, fitting, names)
    return _new(Finding, (
        refused.rejecting,
        explains,
        (*_certificate_evidence(handshake, context, refused, defect), *ending_evidence(context, refused)),
        confidence,
        {**fault.facts, **mend_facts(handshake, context, refused, defect)},
        doubts,
        defect.detail or "",
        owners,
        decide or _would_tell(context, refused.rejecting),
        refused.borrowed is not None,  # settled by later
    ))  # fmt: skip


class _Fault(NamedTuple):
    """The first of some defects in a chain, and what is beside it."""

    defect: Defect
    facts: dict[str, object]
    rivals: tuple[str, ...]  # that it was not one of the others that every client must mind


@lru_cache(maxsize=2048)  # many clients judge one chain, and find the same
def _fault(same: Same, slugs: frozenset[str]) -> _Fault:
    report: ChainReport = same.value
    defect = next(d for d in report.defects if d.slug in slugs)
    facts = {"defect": defect.slug, "leaf": report.leaf.subject if report.leaf else "the certificate", **_plain(defect)}
    rivals = sorted({d.slug for d in report.defects if d.slug in WEIGHTY and d.slug not in slugs})
    return _Fault(defect, facts, tuple(f"not because of its other defect: {slug}" for slug in rivals))


def _confidence(
    refused: CertificateRefusal, fault: _Fault, fitting: bool, names: frozenset[int]
) -> tuple[Confidence, tuple[str, ...]]:
    """How sure, and under which assumptions; see the theory above."""
    report, defect = refused.report, fault.defect
    rivals = doubts = fault.rivals
    if report is not None and report.anchored is False and defect.certain and defect.slug == "missing-intermediate":
        doubts = (*doubts, "the truststore given, which does not have the root above it either, is not the one that was asked")
        return ("likely" if fitting else "possible"), doubts
    if not fitting:
        return "possible", ("the alert says something else", *doubts)
    if refused.late or not defect.certain or (refused.borrowed is not None and not refused.certain_chain):
        return "likely", doubts
    if refused.borrowed is not None:  # not seen: an alert that names it, and nothing else wrong; unknown_ca also needs the truststore
        named = refused.alert in names and (refused.alert != UNKNOWN_CA or (report is not None and report.anchored is not None))
        # Intermediates of one CA are of one length, so that a size does not tell the wrong one from the right one.
        return ("proven", ()) if named and not rivals and defect.slug != "wrong-intermediate" else ("likely", doubts)
    if refused.alert in names:
        return "proven", ()
    if refused.alert is None and refused.holes:
        return "likely", doubts  # what it said is not in the recording
    if defect.slug in WEIGHTY and not rivals:
        return "proven", ()
    if refused.alert is not None and not rivals:
        return "proven", ()
    return "likely", doubts


def _ruled_out(refused: CertificateRefusal, slugs: frozenset[str]) -> bool:
    """Whether the chain that was captured does not have the defect, whatever the alert names."""
    report = refused.report
    if not refused.certain_chain or report is None:
        return False
    if slugs <= IN_SIGHT:
        return True
    return slugs <= IN_SIGHT | {"missing-intermediate"} and (report.complete or any(report.has(slug) for slug in IN_SIGHT))


def _hidden(handshake: Handshake, context: Context, refused: CertificateRefusal, names: frozenset[int], decide: str) -> Answer:
    """No chain to judge: only an alert that names the defect speaks."""
    if refused.alert is not None and refused.alert in names:
        return _named_only(context, refused, names, decide)
    return CannotTell(would_show(context, refused.whose))


def _named_only(context: Context, refused: CertificateRefusal, names: frozenset[int], decide: str) -> Answer:
    """The alert names the defect, and no chain shows it: what the peer says is believed, as likely."""
    if refused.alert is None or refused.alert not in names:
        return Silent()
    hidden = refused.report is None
    return _new(Finding, (
        refused.rejecting,
        refused.explains,
        ending_evidence(context, refused),
        "likely" if hidden and refused.alert != UNKNOWN_CA else "possible",
        {"leaf": "the certificate", "defect": None},
        ("the alert names what the peer minded",) if hidden else ("the alert names it", "the chain that was sent does not show it"),
        "alert-only",
        (refused.whose,),
        decide or would_show(context, refused.whose),
        False,  # settled by later
    ))  # fmt: skip


def ending_evidence(context: Context, refused: CertificateRefusal) -> tuple[Evidence, ...]:
    """What the refusal explains, quoted: at most three events."""
    if refused.explains is context.ending.events:
        return quote_ending(context)
    return tuple([quote_event(e, context) for e in refused.explains[:3]])


def _certificate_evidence(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect) -> tuple[Evidence, ...]:
    event = handshake.first("certificate", refused.whose)
    frames = event.frames if event is not None and refused.borrowed is None else ()
    text = describe_defect(defect, refused.chain or (), refused.whose, judged_at(handshake, context), context)
    place = handshake.file if refused.stand_in is None else refused.stand_in.entry.place
    line = Evidence(text, frames, place, defect.certificate)
    return (*((refused.borrowed,) if refused.borrowed else ()), line, *at_rest(handshake, context, refused, defect))


def at_rest(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect | None = None) -> tuple[Evidence, ...]:
    """What the stores say of the chain: which entry of the keystore it is, and what the truststore lacks."""
    if not refused.chain or (context.trust is None and context.client_stores is context.server_stores):
        return ()  # no store was given
    from whytls.inference.at_rest import statements

    return statements(handshake, context, refused, defect)


def not_of_keystore(handshake: Handshake, context: Context, refused: CertificateRefusal) -> tuple[Evidence, ...]:
    """That a keystore was given and nothing of it can stand in for the chain that TLS 1.3 hides."""
    keystore = context.stores(refused.whose).keystore
    if keystore is None or refused.chain is not None or (handshake.version or 0) < 0x0304:
        return ()
    text = f"no record has the size of a chain in {keystore.source}: that the {side_name(refused.whose, context)} sent one does not show"
    return (Evidence(text, (), keystore.source),)


def mend_facts(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect) -> dict[str, object]:
    """Facts of a finding that say in which store the defect is mended, where the stores are known."""
    if not refused.chain or (context.trust is None and context.client_stores is context.server_stores):
        return {}
    from whytls.inference.at_rest import facts

    return facts(handshake, context, refused, defect)


def would_show(context: Context, whose: Side) -> str:
    """What would show a chain that TLS 1.3 hides."""
    return _would_show(context.hop, whose, context.stores(whose).keystore is None)


@lru_cache(maxsize=16)
def _would_show(hop: Hop, whose: Side, unknown: bool) -> str:
    ways = ["a key log of this connection"]
    if unknown:
        ways.append(f"its keystore ({_option(hop, whose, 'keystore')})")
    if whose == "server":
        ways.append("whytls check HOST:PORT")
    return f"the certificate, which TLS 1.3 hides: {', '.join(ways[:-1])}{', or ' if len(ways) > 1 else ''}{ways[-1]}"


def _would_tell(context: Context, rejecting: Side) -> str:
    """What would tell what the side that refused had to say."""
    return _would_say(context.hop, rejecting, anchors_of(context, rejecting) is not None)


@lru_cache(maxsize=16)
def _would_say(hop: Hop, rejecting: Side, given: bool) -> str:
    said = "the error message of the side that refused"
    return said if given else f"{said}, or its truststore ({_option(hop, rejecting, 'truststore')})"


def store_option(context: Context, side: Side, option: str = "truststore") -> str:
    """The option that names that side's store: ``--truststore message-processor=STORE``."""
    return _option(context.hop, side, option)


@lru_cache(maxsize=32)
def _option(hop: Hop, side: Side, option: str) -> str:
    return f"--{option} {side_name(side, Context(hop=hop)).lower().replace(' ', '-')}=STORE"


def _plain(defect: Defect) -> dict[str, object]:
    return {key: value for key, value in defect.facts.items() if key not in ("leaf", "defect")}
