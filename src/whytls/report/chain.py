"""A chain of certificates drawn for a terminal: one certificate a line, what ties each to the next, and where it breaks.

``drawing`` decides what is said: rows from the own certificate upwards along the path, a tie after each, a hole where a certificate
is missing, and apart from them what was sent and is on no path. ``draw`` only places it. All names are the sender's: control
characters are made visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from whytls.pki.certificate import Certificate
from whytls.pki.chain import ChainReport
from whytls.pki.defect import Defect
from whytls.pki.links import link, self_signed
from whytls.pki.notes import day, said
from whytls.pki.revocation import Status
from whytls.report.terminal import PLAIN, Style
from whytls.report.visible import clipped, visible

Mark = Literal["sound", "bad", "hole", "apart"]
LONGEST_NAME = 200
_KEYS = {"rsa": "RSA", "rsa-pss": "RSA-PSS", "ec": "EC", "dsa": "DSA", "ed25519": "Ed25519", "ed448": "Ed448"}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# What is drawn as a tie or a place, and would be said twice as a note.
_DRAWN = frozenset({
    "missing-intermediate", "wrong-intermediate", "superfluous", "duplicate", "bad-signature", "key-identifier-differs",
    "name-encoding-differs", "untrusted-root",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tie:
    """What stands between a certificate and the next one up."""

    sound: bool
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One certificate, or the hole where one is missing."""

    mark: Mark
    place: str  # "#2": where it was sent; "–": it was not
    role: str
    text: tuple[str, ...]  # names, dates, key
    notes: tuple[str, ...] = ()  # what is wrong with it by itself
    tie: Tie | None = None  # to the next row


@dataclass(frozen=True, slots=True)
class Drawing:
    """The chain as rows from the own certificate upwards, and what is on no path."""

    rows: tuple[Row, ...]
    apart: tuple[Row, ...] = ()
    remarks: tuple[str, ...] = ()  # about the chain as a whole


def drawing(report: ChainReport, statuses: Sequence[Status] = ()) -> Drawing:
    """The rows of a chain; ``statuses`` add what is known of revocation."""
    path = report.path_certificates
    numbers = {certificate.sha256: index for index, certificate in reversed(list(enumerate(report.certificates)))}
    gap = report.find("missing-intermediate") or report.find("wrong-intermediate")
    gap = gap if gap is not None and "instead" in gap.facts else None
    standing = {status.certificate.sha256: _revocation(status) for status in statuses}
    rows = []
    for position, certificate in enumerate(path):
        number = numbers.get(certificate.sha256)
        role = _role(report, position)
        unsent = number is None and role not in ("root", "anchor")
        notes = (*_notes(report, certificate), *standing.get(certificate.sha256, ()))
        bad = any(_belongs(d, certificate) and d.slug not in _FAINT for d in report.defects) or any(n.startswith("revoked") for n in notes)
        mark: Mark = "hole" if unsent else "bad" if bad else "sound"
        above = path[position + 1] if position + 1 < len(path) else None
        tie = _tie(report, certificate, above, numbers, gap)
        rows.append(Row(mark, _place(number), f"{role}, not sent" if unsent else role, _described(certificate), notes, tie))
    hole = _hole(report, gap) if path else None
    apart = tuple(_apart(report, index, gap) for index in range(len(report.certificates)) if index not in report.path)
    return Drawing((*rows, *([hole] if hole else [])), apart, tuple(_remarks(report)))


def draw(report: ChainReport, style: Style = PLAIN, *, statuses: Sequence[Status] = ()) -> list[str]:
    """The drawing as lines, in the colours and the width of the style; colour codes count for no width."""
    shown = drawing(report, statuses)
    if not shown.rows:
        return ["no certificate"]
    lines: list[str] = []
    for row in shown.rows:
        lines += _row(row, style)
        if row.tie is not None:
            mark, colour = ("✓", "green") if row.tie.sound else ("✗", "red")
            fitted = style.fit(f"{mark} {row.tie.text}", "  │ ", "  │   ")
            lines += _painted(fitted, 4, colour, style)
    if shown.apart:
        lines.append("not on the path:")
        lines += [line for row in shown.apart for line in _row(row, style)]
    for remark in shown.remarks:
        lines += style.tint(style.fit(f"note: {remark}", "", "      "), "yellow")
    return [style.sign(line) for line in lines]


_FAINT = frozenset({"missing-authority-key-id", "duplicate-key-id", "odd-encoding", "name-encoding-differs", "superfluous", "duplicate"})
_SIGNS: Mapping[Mark, tuple[str, str]] = {"sound": ("✓", "green"), "bad": ("✗", "red"), "hole": ("○", "yellow"), "apart": ("·", "dim")}


def _row(row: Row, style: Style) -> Iterator[str]:
    sign, colour = _SIGNS[row.mark]
    head = f"{sign} {row.place:<3} {row.role:<12}  "
    fitted = _packed(row.text, head, "  │   " if row.tie is not None else "      ", style)
    yield style.paint(sign, colour, "bold") + fitted[0][1:]
    yield from fitted[1:]
    bar = "│" if row.tie is not None else " "
    for note in row.notes:
        bad = row.mark == "bad"
        yield from _painted(style.fit(f"{'✗' if bad else '–'} {note}", f"  {bar} ", f"  {bar}   "), 4, "red" if bad else "dim", style)


def _packed(pieces: Sequence[str], head: str, hanging: str, style: Style) -> list[str]:
    """Names, dates and key on one line where they fit; else broken between them, and within one only where it must be."""
    lines, line = list[str](), head + pieces[0]
    for piece in pieces[1:]:
        if style.width is not None and len(line) + 2 + len(piece) > style.width:
            lines.append(line)
            line = hanging + piece
        else:
            line += "  " + piece
    kept = [(text[: len(head)], text[len(head) :]) if not at else (hanging, text[len(hanging) :]) for at, text in enumerate([*lines, line])]
    return [fitted for begin, rest in kept for fitted in style.fit(rest, begin, hanging)]


def _painted(lines: Iterable[str], skip: int, colour: str, style: Style) -> list[str]:
    return [line[:skip] + style.paint(line[skip:], colour) for line in lines]


def _place(index: int | None) -> str:
    return "–" if index is None else f"#{index + 1}"


def _named(text: str) -> str:
    return clipped(text, LONGEST_NAME) if text else "(no name)"


def _role(report: ChainReport, position: int) -> str:
    last = position + 1 == len(report.path_certificates)
    if last and report.ends_at == "anchor":
        return "own, anchor" if not position else "anchor"
    if position and self_signed(report.path_certificates[position]):
        return "root"
    return "intermediate" if position else "own"


def _described(certificate: Certificate) -> tuple[str, ...]:
    """Subject, issuer, dates, key."""
    if not certificate.subject_der:
        return (f"not readable: {clipped(certificate.problem or 'no certificate', LONGEST_NAME)}",)
    issuer = "self-signed" if self_signed(certificate) else f"← {_named(certificate.issuer)}"
    return (_named(certificate.subject), issuer, f"{day(certificate.not_before)} to {day(certificate.not_after)}", _key(certificate))


def _key(certificate: Certificate) -> str:
    kind = _KEYS.get(certificate.key_type, visible(certificate.key_type) or "key not readable")
    size = _CURVES.get(certificate.curve, certificate.curve) or (str(certificate.key_bits) if certificate.key_type.startswith(("rsa", "dsa")) else "")
    return f"{kind} {size}".strip()


def _tie(report: ChainReport, below: Certificate, above: Certificate | None, numbers: Mapping[str, int], gap: Defect | None) -> Tie | None:
    """What ties a certificate of the path to the next: a signature, or the break."""
    number = _place(numbers.get(below.sha256))
    if above is None:
        return _end(report, below, number, gap)
    edge = link(below, above)
    other = _place(numbers.get(above.sha256)) if above.sha256 in numbers else "the next"
    if edge.broken:
        why = f"; it names the key {_hex(below.aki)}, {other} has {_hex(above.ski)}" if edge.key_id is False else ""
        return Tie(False, f"the key of {other} did not make the signature of {number}{why}")
    if gap is not None and gap.certificate == below.sha256:
        return Tie(False, _gap_text(report, below, number, gap))
    if edge.key_id is False:
        return Tie(False, f"signed by {other}, but it names the key {_hex(below.aki)}, and {other} calls its own {_hex(above.ski)}")
    if edge.verified is None:
        return Tie(False, f"the names fit {other}; the signature could not be tried")
    return Tie(True, f"signed by {other}" + ("" if edge.exact else ", whose name is encoded differently"))


def _end(report: ChainReport, below: Certificate, number: str, gap: Defect | None) -> Tie | None:
    """What is said above the last certificate of the path."""
    if gap is not None and gap.certificate == below.sha256:
        return Tie(False, _gap_text(report, below, number, gap))
    if report.ends_at in ("root", "anchor"):
        untrusted = report.anchored is False and report.ends_at != "anchor"
        return Tie(False, "not among the anchors of the other side") if untrusted else None
    if not below.issuer_der:
        return None
    if report.anchored is False:
        return Tie(False, "its issuer is not among the anchors of the other side")
    return Tie(True, "its issuer was not sent: right, if that is the root")


def _gap_text(report: ChainReport, below: Certificate, number: str, gap: Defect) -> str:
    issuer = _named(below.issuer)
    instead = gap.facts.get("instead_indices") or ()
    if not instead:
        return f"{number} says issuer {issuer}, and no certificate of that name was sent"
    other = instead[0]
    return f"{number} says issuer {issuer}, but #{other + 1}'s subject is {_named(report.certificates[other].subject)}"


def _hex(key_id: bytes | None) -> str:
    return key_id[:20].hex() if key_id else "(none)"


def _hole(report: ChainReport, gap: Defect | None) -> Row | None:
    """The certificate that should stand above the path, where it ends too early."""
    top = report.path_certificates[-1]
    ends = report.ends_at in ("root", "anchor")
    if ends or not top.issuer_der:
        return None
    known = [f"key identifier {_hex(top.aki)}"] if top.aki else []
    known += [f"to be had at {clipped(url, LONGEST_NAME)}" for url in top.aia_issuers[:2]]
    missing = gap is not None and gap.certificate == top.sha256
    return Row("hole", "–", "missing" if missing else "not sent", (_named(top.issuer), *known))


def _apart(report: ChainReport, index: int, gap: Defect | None) -> Row:
    certificate = report.certificates[index]
    first = next(i for i, c in enumerate(report.certificates) if c == certificate)
    if first != index:
        why = f"a second copy of #{first + 1}"
    elif gap is not None and index in gap.facts.get("instead_indices", ()):
        why = "stands where the issuer should be"
    else:
        why = "superfluous" if index in report.superfluous else "on another path upwards"
    role = "root" if self_signed(certificate) else "CA" if certificate.is_ca else "no CA"
    return Row("apart", _place(index), role, (*_described(certificate), why))


def _belongs(defect: Defect, certificate: Certificate) -> bool:
    return defect.certificate == certificate.sha256 and defect.slug not in _DRAWN


def _notes(report: ChainReport, certificate: Certificate) -> Iterator[str]:
    for defect in report.defects:
        if _belongs(defect, certificate) and defect.detail != "unreadable":  # that stands in place of its names
            yield note(defect, report.at)


def _revocation(status: Status) -> tuple[str, ...]:
    if status.state == "revoked":
        since = f" since {day(status.revoked_at)}" if status.revoked_at is not None else ""
        return (f"revoked{since}: {visible(status.reason) or 'no reason given'}",)
    if status.state in ("good", "unknown"):
        return ("not revoked" if status.state == "good" else "its responder does not know it",)
    return tuple(f"{visible(each.source)} does not count: {UNCOUNTED[each.why]}" for each in status.said[:4] if each.why)


UNCOUNTED = {
    "stale": "it is out of date (nextUpdate has passed)", "not-yet": "it was issued after the time in question",
    "no-next-update": "it does not say how long it holds", "signature-differs": "its signature is not of the issuer's key",
    "signature-not-tried": "its signature could not be tried", "signer-not-allowed": "whoever signed it has no right to",
    "signer-not-at-hand": "the certificate of its responder is not at hand", "delta": "it is a delta list, which is not put together here",
    "indirect": "it is an indirect list, which is not followed here", "other-scope": "it is about other certificates of the issuer",
    "some-reasons": "it is not about all reasons", "critical-extension": "it has a critical extension that is not understood",
    "not-listed": "it is about other certificates", "no-answer": "the responder gave no answer", "unreadable": "it is damaged",
}  # fmt: skip


def _remarks(report: ChainReport) -> Iterator[str]:
    for defect in report.defects:
        if defect.slug == "wrong-order" and "order" in defect.facts:
            order = ", ".join(f"#{index + 1}" for index in defect.facts["order"])
            yield f"sent out of order; right is {order}"
        elif defect.certificate is None and defect.slug not in _DRAWN:
            yield note(defect, report.at)
    if report.other_paths:
        yield f"{report.other_paths} more {'path' if report.other_paths == 1 else 'paths'} upwards (cross-signed certificates)"


def note(defect: Defect, at: int) -> str:
    """A defect, judged for that time (nanoseconds since 1970), in a few words for beside its certificate."""
    return visible(said(defect, at))
