"""The chain as it should have been sent or stored: own certificate first, each followed by its issuer, ready to upload.

Theory of operation
-------------------
The path is the one that ``chain.examine`` finds through what was sent and what else is at hand (files, other entries of the
store, certificates fetched with permission). A repair only chooses and orders: it never puts a certificate above another one
whose signature it does not confirm, and where the next issuer is not at hand it stops and names it (``Missing``).

The root is left out: the other side has it or does not trust it (RFC 8446 section 4.4.2). An intermediate stays in, also where
the other side holds it as an anchor, because only some stacks end a path there (Java and Go do, OpenSSL does not by default).

Whose chain it is shows by the first certificate, except where the list stands upside down: then it is the one that is no CA and
issued none of the others. Where there are several of those, the first is taken and the others are named as dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from whytls.pki.certificate import Certificate, read
from whytls.pki.chain import examine
from whytls.pki.defect import Defect, Purpose
from whytls.pki.links import self_signed, verifies
from whytls.pki.path import MOST_CERTIFICATES

MOST_GIVEN = 20_000  # certificates looked through for issuers
Reason = Literal["", "root", "duplicate", "not-on-path", "other-owner", "signature-differs", "unreadable", "beyond-limit"]


class Change(NamedTuple):
    """One certificate that a repair added, dropped or moved."""

    sha256: str
    subject: str
    sent: int | None  # its place in what was sent, from 0; None: it was not sent
    place: int | None  # its place in the repaired chain, from 0; None: it is not in it
    reason: Reason = ""  # why it was dropped


class Missing(NamedTuple):
    """An issuer that is not at hand: the next certificate upwards from the repaired chain."""

    subject: str  # what its subject must be, RFC 4514
    key_id: str  # what its subject key identifier must be, hexadecimal; empty: not told
    urls: tuple[str, ...]  # where the certificate below it says that it can be fetched (RFC 5280 section 4.2.2.1)
    below: str  # the subject of the certificate that it issued
    maybe_root: bool  # it could be the root, which is not sent; False: the own certificate's issuer, seldom a root


@dataclass(frozen=True, slots=True)
class Repair:
    """A chain put right as far as the certificates at hand allow."""

    chain: tuple[bytes, ...]  # DER, own certificate first
    added: tuple[Change, ...] = ()
    dropped: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()
    missing: Missing | None = None
    complete: bool = False  # it leads to a self-signed certificate or an anchor that is at hand, each signature right
    root: bytes | None = None  # the self-signed certificate that it leads to, also where it is left out of ``chain``
    remaining: tuple[Defect, ...] = ()  # what no order and no intermediate mends, as ``examine`` finds it in ``chain``

    @property
    def changed(self) -> bool:
        """Whether the chain differs from what was sent."""
        return bool(self.added or self.dropped or self.moved)


def repaired(
    sent: Sequence[bytes],
    *,
    at: int,
    given: Sequence[bytes] = (),
    anchors: Sequence[bytes] | None = None,
    purpose: Purpose = "server",
    own: bytes | None = None,
    with_root: bool = False,
) -> Repair:
    """Puts a chain in order, completes it from ``given``, and says what was done and what is still missing.

    ``at`` (nanoseconds since 1970) chooses between paths of which one is out of its time. ``anchors`` are what the other side
    trusts, if that is known: the path that ends there is preferred. ``own`` is the certificate whose chain it is, where the
    caller knows (it has the key). Bounded: 32 certificates sent, 20,000 given, of which the 32 nearest are used. Raises nothing.
    """
    certificates = [read(der) for der in sent[:MOST_CERTIFICATES]]
    first, rivals = _own(certificates, own)
    if first is None:
        return Repair((), dropped=tuple(_dropped(certificates, len(sent), [], [], (), None)))
    rest = [c for c in certificates if c != first]
    known = nearest([first, *rest], given)
    trusted = None if anchors is None else nearest([first, *rest, *known], anchors)
    path, whole = _path(first, rest, known, trusted, at, purpose)
    root = path[-1] if whole and len(path) > 1 and self_signed(path[-1]) else None
    chain = path if root is None or with_root else path[:-1]
    whole_root = root or (first if whole and self_signed(first) else None)
    ders = tuple(c.der for c in chain)
    remaining = examine(ders, at=at, purpose=purpose, anchors=None if trusted is None else [c.der for c in trusted], known=[c.der for c in known])
    return Repair(
        ders,
        added=tuple(_added(chain, certificates)),
        dropped=tuple(_dropped(certificates, len(sent), chain, path, rivals, root)),
        moved=tuple(_moved(chain, certificates)),
        missing=None if whole else _missing(chain),
        complete=whole,
        root=whole_root.der if whole_root else None,
        remaining=remaining.defects,
    )


def nearest(certificates: Sequence[Certificate], given: Sequence[bytes]) -> list[Certificate]:
    """Those of the given certificates that can be issuers, step by step upwards; at most 32, and none of what was sent."""
    by_subject: dict[str, list[Certificate]] = {}
    for der in given[:MOST_GIVEN]:
        certificate = read(der)
        if certificate.subject_der:
            by_subject.setdefault(certificate.subject_canonical, []).append(certificate)
    found: dict[str, Certificate] = {}
    seen, wanted = {c.sha256 for c in certificates}, [c.issuer_canonical for c in certificates if c.issuer_der]
    asked: set[str] = set()
    while wanted and len(found) < MOST_CERTIFICATES:
        name = wanted.pop(0)
        if name in asked:
            continue
        asked.add(name)
        for issuer in by_subject.get(name, ())[:MOST_CERTIFICATES]:
            if issuer.sha256 not in seen and len(found) < MOST_CERTIFICATES:
                found[issuer.sha256] = issuer
                seen.add(issuer.sha256)
                wanted.append(issuer.issuer_canonical)
    return list(found.values())


def to_pem(chain: Iterable[bytes]) -> str:
    """The chain as PEM, with a comment line over each block: subject, issuer, dates."""
    from whytls.pki.extract import armoured, moment, one_line

    blocks = []
    for der in chain:
        c = read(der)
        names = f"subject {one_line(c.subject)}; issuer {one_line(c.issuer)}"
        blocks.append(f"# {names}; valid {moment(c.not_before)} to {moment(c.not_after)}\n{armoured(der)}")
    return "\n".join(blocks)


def _own(certificates: Sequence[Certificate], own: bytes | None) -> tuple[Certificate | None, tuple[Certificate, ...]]:
    """The certificate whose chain it is, and others that could be it as well."""
    if own is not None:
        certificate = read(own)
        return certificate, tuple(c for c in _ends(certificates) if c != certificate)
    ends = _ends(certificates)
    if not ends:
        return next((c for c in certificates if c.subject_der), None), ()
    return ends[0], tuple(ends[1:])


def _ends(certificates: Sequence[Certificate]) -> list[Certificate]:
    """The certificates that issued none of the others: those that are no CA, or where there is none the first of all."""
    readable = list(dict.fromkeys(c for c in certificates if c.subject_der))
    issuers = {c.issuer_canonical for c in readable if not c.self_issued}
    ends = [c for c in readable if c.subject_canonical not in issuers]
    return [c for c in ends if not c.is_ca] or ends[:1]


def _path(
    first: Certificate,
    rest: Sequence[Certificate],
    known: Sequence[Certificate],
    trusted: Sequence[Certificate] | None,
    at: int,
    purpose: Purpose,
) -> tuple[list[Certificate], bool]:
    """The path upwards as far as every signature fits, and whether it reaches a self-signed certificate or an anchor."""
    # All that is at hand is taken as sent: a renewed certificate that was left out is as good as the expired one that was not.
    at_hand = [first.der, *(c.der for c in rest), *(c.der for c in known)][:MOST_CERTIFICATES]
    anchors = None if trusted is None else [c.der for c in trusted]
    report = examine(at_hand, at=at, anchors=anchors, purpose=purpose)
    path, whole = _sound(report.path_certificates)
    whole = whole and report.complete
    top = path[-1]
    if whole and trusted is not None and not self_signed(top):
        # An anchor that is no root: stacks that do not end there need what is above it.
        above = examine([top.der, *at_hand], at=at, purpose=purpose, known=[c.der for c in trusted if c != top])
        further, _ = _sound(above.path_certificates)
        path += [c for c in further[1:] if c not in path]
    return path, whole


def _sound(path: Sequence[Certificate]) -> tuple[list[Certificate], bool]:
    """The path up to the first signature that does not fit, and whether that is all of it.

    One that cannot be tried (an algorithm that the library does not know) is let pass; one of a certificate cut short is not.
    """
    for place, (below, above) in enumerate(pairwise(path), 1):
        if verifies(below, above) is False or not below.whole:
            return list(path[:place]), False
    return list(path), True


def _missing(chain: Sequence[Certificate]) -> Missing | None:
    top = chain[-1]
    if not top.issuer_der:
        return None
    return Missing(top.issuer, top.aki.hex() if top.aki else "", top.aia_issuers, top.subject, len(chain) > 1)


def _added(chain: Sequence[Certificate], certificates: Collection[Certificate]) -> Iterator[Change]:
    for place, certificate in enumerate(chain):
        if certificate not in certificates:
            yield Change(certificate.sha256, certificate.subject, None, place)


def _moved(chain: Sequence[Certificate], certificates: Sequence[Certificate]) -> Iterator[Change]:
    """Those that stand in another order among themselves than they were sent in."""
    kept = [(certificates.index(c), c) for c in chain if c in certificates]
    for (index, certificate), (at_this_place, _) in zip(kept, sorted(kept, key=lambda pair: pair[0]), strict=True):
        if index != at_this_place:
            yield Change(certificate.sha256, certificate.subject, index, chain.index(certificate))


def _dropped(
    certificates: Sequence[Certificate],
    count: int,
    chain: Sequence[Certificate],
    path: Sequence[Certificate],
    rivals: Sequence[Certificate],
    root: Certificate | None,
) -> Iterator[Change]:
    on_chain, seen = {c.sha256 for c in chain}, set[str]()
    names = {c.issuer_canonical for c in path}
    for index, certificate in enumerate(certificates):
        reason: Reason = ""
        if certificate.sha256 in seen:
            reason = "duplicate"
        elif certificate.sha256 in on_chain:
            pass
        elif not certificate.subject_der:
            reason = "unreadable"
        elif certificate == root:
            reason = "root"
        elif certificate in rivals:
            reason = "other-owner"
        elif any(verifies(c, certificate) is False for c in path if c.issuer_canonical == certificate.subject_canonical):
            reason = "signature-differs"
        else:
            reason = "root" if self_signed(certificate) and certificate.subject_canonical in names else "not-on-path"
        seen.add(certificate.sha256)
        if reason:
            yield Change(certificate.sha256, certificate.subject, index, None, reason)
    for index in range(len(certificates), min(count, len(certificates) + MOST_CERTIFICATES)):
        yield Change("", "", index, None, "beyond-limit")
