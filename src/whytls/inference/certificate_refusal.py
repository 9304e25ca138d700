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
to somebody else for the same name in TLS 1.2, makes ``likely``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from whytls.inference.client_flight import client_flight
from whytls.inference.late_rejection import dropped_by_client, short_answer_and_close, traffic
from whytls.inference.memo import remembered
from whytls.inference.quote import describe_defect, quote_ending, quote_event
from whytls.model import (
    Answer,
    CannotTell,
    ClientProfile,
    Confidence,
    Context,
    Event,
    Evidence,
    Finding,
    Handshake,
    NotApplicable,
    Owner,
    ServerProfile,
    Side,
    Silent,
)

if TYPE_CHECKING:
    from whytls.pki.chain import ChainReport
    from whytls.pki.defect import Defect

# Alerts by which stacks refuse a certificate (RFC 8446 section 6.2); 40 and 47 are used for other things and are not among them.
CERTIFICATE_ALERTS = frozenset({41, 42, 43, 44, 45, 46, 48, 49, 51, 71, 113, 114, 116})
UNKNOWN_CA = 48  # names several defects: with a hidden chain only "untrusted" may be read off it, the others are alternatives
GENERIC = frozenset({42, 46, 49})  # Go says 42, JSSE 46, GnuTLS servers 49 and then 42, whatever is wrong
IN_SIGHT = frozenset({"self-signed-leaf", "wrong-intermediate"})  # what a chain that was captured shows, or does not have
MOST_SPANS = 8  # of one chain and host; a recording that goes on for years has few
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
    late: bool  # the handshake had completed on the wire
    borrowed: Evidence | None = None  # the chain is known from another handshake of the recording only
    holes: bool = False  # bytes of the side that refused are missing in the recording


@remembered
def refusal(handshake: Handshake, context: Context, whose: Side) -> CertificateRefusal | None:
    """The refusal of that side's certificate, or None where the handshake did not end like one."""
    ending = context.ending
    rejecting: Side = "client" if whose == "server" else "server"
    page = short_answer_and_close(handshake) if whose == "client" and ending.phase == "finished" and _asked(handshake) else None
    if page is not None:
        chain, _ = _chain(handshake, context, whose)
        report = _examine(handshake, context, chain, whose) if chain else None
        return CertificateRefusal(whose, rejecting, chain, report, None, page, late=True)
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
    chain, borrowed = _chain(handshake, context, whose)
    report = _examine(handshake, context, chain, whose) if chain else None
    alert = ending.alert if ending.how == "alert" else None
    holes = handshake.coverage.client_gap if rejecting == "client" else handshake.coverage.server_gap
    return CertificateRefusal(whose, rejecting, chain, report, alert, explains, late, borrowed, holes)


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


def _chain(handshake: Handshake, context: Context, whose: Side) -> tuple[tuple[bytes, ...] | None, Evidence | None]:
    """The chain in question: seen in this handshake, or shown by the same server for the same name in another one."""
    chain = handshake.server_chain if whose == "server" else handshake.client_chain
    if chain is not None or whose == "client" or context.server_profile is None:
        return chain, None
    profile = context.server_profile
    for seen in (*profile.completed, *profile.failed):
        if seen.chain and seen.offered_versions and seen.sni == handshake.sni:  # whose hello was seen: else its name is not known
            text = f"the same server showed this chain to {seen.client.address} for the same name"
            return seen.chain, Evidence(text, (seen.frame,), seen.file)
    return None, None


def _examine(handshake: Handshake, context: Context, chain: tuple[bytes, ...], whose: Side) -> ChainReport:
    at = _judged_at(handshake, context)
    host = (handshake.sni or None) if whose == "server" else None
    report = _report(chain, at, host, _Anchors(context.trust), whose, ())
    gap = report.find("missing-intermediate") if "missing-intermediate" in report.slugs else None
    known = _known(context.server_profile, context.client_profile) if gap is not None and not gap.certain else ()
    return _report(chain, at, host, _Anchors(context.trust), whose, known) if known else report


def _judged_at(handshake: Handshake, context: Context) -> int:
    return context.at if context.at is not None else handshake.started_at


class _Anchors:
    """A truststore that was given, compared by identity: it is one for a whole run, and large."""

    __slots__ = ("given",)

    def __init__(self, given: Sequence[bytes] | None) -> None:
        self.given = given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Anchors) and other.given is self.given

    def __hash__(self) -> int:
        return id(self.given)


@lru_cache(maxsize=2048)
def _reports(chain: tuple[bytes, ...], host: str | None, anchors: _Anchors, whose: Side, known: tuple[bytes, ...]) -> list[ChainReport]:
    """What was said of a chain that holds for a span of time: handshakes that fail in a storm bring the same ones many times."""
    return []


def _report(chain: tuple[bytes, ...], at: int, host: str | None, anchors: _Anchors, whose: Side, known: tuple[bytes, ...]) -> ChainReport:
    """A chain judged at a time; said again where nothing began or ceased to be valid since."""
    said = _reports(chain, host, anchors, whose, known)
    for report in said:
        if report.steady[0] <= at < report.steady[1]:
            return report
    from whytls.pki.chain import examine

    report = examine(chain, at=at - at % 1_000_000_000, host=host, anchors=anchors.given, purpose=whose, known=known)
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
    defects = [d for d in refused.report.defects if d.slug in slugs]
    if not defects:
        return Silent() if _ruled_out(refused, slugs) else _named_only(handshake, context, refused, names, decide)
    defect = defects[0]
    fitting = refused.alert is None or refused.alert in names or refused.alert in fits
    explains = refused.explains if fitting else tuple(e for e in refused.explains if e.kind != "alert")
    confidence, doubts = _confidence(refused, defect, fitting, names, slugs)
    return Finding(
        failing_side=refused.rejecting,
        explains=explains,
        evidence=(*_certificate_evidence(handshake, context, refused, defect), *_ending_evidence(context, refused)),
        confidence=confidence,
        facts={"defect": defect.slug, "leaf": _leaf_name(refused), **_plain(defect)},
        assumptions=doubts,
        detail=defect.detail or "",
        owners=owners,
        would_decide=decide or "the error message of the side that refused, or its truststore (--trust)",
        settled_by_later=refused.borrowed is not None,
    )


def _confidence(
    refused: CertificateRefusal, defect: Defect, fitting: bool, names: frozenset[int], slugs: frozenset[str]
) -> tuple[Confidence, tuple[str, ...]]:
    """How sure, and under which assumptions; see the theory above."""
    report = refused.report
    rivals = {d.slug for d in report.defects if d.slug in WEIGHTY and d.slug not in slugs} if report else set()
    doubts = tuple(f"not because of its other defect: {slug}" for slug in sorted(rivals))
    if not fitting:
        return "possible", ("the alert says something else", *doubts)
    if refused.borrowed is not None or refused.late or not defect.certain:
        return "likely", doubts
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
    if refused.borrowed is not None or report is None:
        return False
    if slugs <= IN_SIGHT:
        return True
    return slugs <= IN_SIGHT | {"missing-intermediate"} and (report.complete or any(report.has(slug) for slug in IN_SIGHT))


def _hidden(handshake: Handshake, context: Context, refused: CertificateRefusal, names: frozenset[int], decide: str) -> Answer:
    """No chain to judge: only an alert that names the defect speaks."""
    if refused.alert is not None and refused.alert in names:
        return _named_only(handshake, context, refused, names, decide)
    return CannotTell("the certificate, which TLS 1.3 hides: a key log of this connection, or whytls check HOST:PORT")


def _named_only(handshake: Handshake, context: Context, refused: CertificateRefusal, names: frozenset[int], decide: str) -> Answer:
    """The alert names the defect, and no chain shows it: what the peer says is believed, as likely."""
    if refused.alert is None or refused.alert not in names:
        return Silent()
    hidden = refused.report is None
    return Finding(
        failing_side=refused.rejecting,
        explains=refused.explains,
        evidence=_ending_evidence(context, refused),
        confidence="likely" if hidden and refused.alert != UNKNOWN_CA else "possible",
        facts={"leaf": "the certificate", "defect": None},
        assumptions=("the alert names what the peer minded",) if hidden else ("the alert names it", "the chain that was sent does not show it"),
        detail="alert-only",
        owners=(refused.whose,),
        would_decide=decide
        or "the certificate, which TLS 1.3 hides: a key log of this connection, or whytls check HOST:PORT",
    )


def _ending_evidence(context: Context, refused: CertificateRefusal) -> tuple[Evidence, ...]:
    if refused.explains is context.ending.events:
        return quote_ending(context)
    return tuple(quote_event(e, context) for e in refused.explains[:3])


def _certificate_evidence(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect) -> tuple[Evidence, ...]:
    event = handshake.first("certificate", refused.whose)
    frames = event.frames if event is not None and refused.borrowed is None else ()
    text = describe_defect(defect, refused.chain or (), refused.whose, _judged_at(handshake, context), context)
    line = Evidence(text, frames, handshake.file, defect.certificate)
    return (line,) if refused.borrowed is None else (refused.borrowed, line)


def _leaf_name(refused: CertificateRefusal) -> str:
    from whytls.pki.certificate import read

    return read(refused.chain[0]).subject if refused.chain else "the certificate"


def _plain(defect: Defect) -> dict[str, object]:
    return {key: value for key, value in defect.facts.items() if key not in ("leaf", "defect")}
