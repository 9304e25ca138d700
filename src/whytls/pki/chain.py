"""What is wrong with the chain that one side sent: all of it, at a given time, with or without its judge's store.

Theory of operation
-------------------
What was sent is a list of certificates; what a validator wants is a path: the sender's own certificate, its issuer, that one's
issuer, up to an anchor in the validator's store. The list should be that path in order without the root (RFC 5246 section
7.4.2; RFC 8446 section 4.4.2 tells receivers to put up with disorder and extras). Here

1. ``path.Search`` finds all paths through what was sent, the anchors if they are given, and other certificates known;
2. ``faults`` names what is wrong on each path whatever the time and the host, and one path is chosen: the one that the best
   validator would find (JSSE and Go try all; OpenSSL only one);
3. this module compares list and path (missing, wrong, out of order, superfluous), judges time and name, and adds what is wrong
   with certificates by themselves.

1 and 2 depend on the bytes only and are cached; 3 is cheap and exact to the second.

What cannot be known is not claimed. Without anchors nobody can say whether a path that ends in an intermediate is complete: the
root is rightly left out, and whether the last certificate's issuer is the root or a further intermediate does not show. A leaf
sent alone lacks its intermediate unless a root issued it, which public CAs do not do and small private ones do. So that defect
is not ``certain`` unless its issuer is known from elsewhere (``known``) and is no root.

When the issuer is there by name, and its key does not fit the signature, either the wrong certificate was sent (a CA of the same
name with another key) or the certificate was changed after signing. The key identifiers decide: equal ones mean the right
issuer and a damaged certificate; different ones another key; where one is missing it stays open (``or-other-key``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from whytls.pki import faults
from whytls.pki.cache import Bounded
from whytls.pki.certificate import SECOND, Certificate, read
from whytls.pki.defect import Defect, Purpose
from whytls.pki.links import self_signed, verifies
from whytls.pki.name import NameMatch, match
from whytls.pki.path import MOST_CERTIFICATES, Ending, Path, Pool, Search
from whytls.tuples import NamedTuple

FIRST_TLS = 788_918_400 * 1_000_000_000  # 1995: a recording from before SSL was made by a clock that was not set
LONG = 10  # certificates; Java's default limit (jdk.tls.maxCertificateChainLength)


class ChainReport(NamedTuple):
    """Everything that was found about one chain."""

    certificates: tuple[Certificate, ...]  # as sent, at most 32
    purpose: Purpose
    at: int  # nanoseconds since 1970
    host: str | None
    defects: tuple[Defect, ...] = ()
    name: NameMatch | None = None  # only for a server whose host is known
    path: tuple[int, ...] = ()  # the certificates on the path, as indices into what was sent, leaf first
    path_certificates: tuple[Certificate, ...] = ()  # the same with those that were not sent
    ends_at: Ending | None = None  # None: nothing was sent
    last_issuer: str = ""  # issuer of the last certificate of the path that was sent
    last_self_signed: bool = False
    superfluous: tuple[int, ...] = ()
    anchored: bool | None = None  # the path ends in an anchor with every signature right; None: no anchors were given
    other_paths: int = 0  # how many more there are (cross-signing)
    slugs: frozenset[str] = frozenset()  # of all defects
    steady: tuple[int, int] = (0, 0)  # from when until before when the same is said: nothing begins or ceases to be valid

    @property
    def leaf(self) -> Certificate | None:
        """The sender's own certificate."""
        return self.certificates[0] if self.certificates else None

    @property
    def complete(self) -> bool:
        """Whether the path ends in a self-signed certificate or an anchor."""
        return self.ends_at in ("root", "anchor")

    def has(self, slug: str, detail: str | None = None) -> bool:
        """Whether there is a defect of that slug (in that form)."""
        return self.find(slug, detail) is not None

    def find(self, slug: str, detail: str | None = None) -> Defect | None:
        """The first defect of that slug (in that form)."""
        return next((d for d in self.defects if d.slug == slug and (detail is None or d.detail == detail)), None)


def examine(
    chain: Sequence[bytes],
    *,
    at: int,
    host: str | None = None,
    anchors: Sequence[bytes] | None = None,
    purpose: Purpose = "server",
    known: Sequence[bytes] = (),
) -> ChainReport:
    """Finds all defects of a chain as it was sent, the sender's own certificate first.

    ``anchors`` are what the rejecting side trusts, if that is known; ``known`` are certificates seen elsewhere, which can
    show that one is missing here. A time before 1995 is no time: validity is not judged then. ``host`` is what a client
    asked for; it is not compared for ``purpose="client"``.
    """
    if not chain:
        return ChainReport((), purpose, at, host, anchored=None if anchors is None else False)
    structure = _structure(tuple(chain), None if anchors is None else tuple(anchors), tuple(known), purpose)
    judged = min(structure.judged, key=lambda j: _rank(j, at))
    path = judged.path
    sent = tuple(node.sent for node in path.nodes if node.sent is not None)
    name = match(host, structure.certificates[0]) if host and purpose == "server" else None
    of_name = _name(name, host, structure.certificates[0]) if name else ()
    defects = [*_validity(path, at, anchors_known=anchors is not None), *of_name, *judged.defects]
    last = structure.certificates[sent[-1]]
    return ChainReport(
        certificates=structure.certificates, purpose=purpose, at=at, host=host, defects=tuple(defects), name=name, path=sent,
        path_certificates=tuple(node.certificate for node in path.nodes), ends_at=path.ending, last_issuer=last.issuer,
        last_self_signed=self_signed(last), superfluous=judged.superfluous,
        anchored=None if anchors is None else path.ending == "anchor" and not path.broken,
        other_paths=len(structure.judged) - 1, slugs=frozenset([defect.slug for defect in defects]), steady=_steady(structure, at),
    )  # fmt: skip


def _steady(structure: _Structure, at: int) -> tuple[int, int]:
    """The span around a time in which no certificate of any path begins or ceases to be valid, so that nothing that was found changes."""
    since, until = FIRST_TLS, 1 << 63
    for judged in structure.judged:
        for node in judged.path.nodes:
            for turn in (node.certificate.not_before, (node.certificate.not_after or 0) // SECOND * SECOND + SECOND):
                if turn is not None and since < turn <= at:
                    since = turn
                elif turn is not None and at < turn < until:
                    until = turn
    return (since, until) if at >= FIRST_TLS else (0, FIRST_TLS)


def in_system_store(report: ChainReport) -> bool | None:
    """Whether this machine's own store could complete the chain; ``None`` where it has no readable store.

    Only a hint: what counts is the store of the side that judged, which is another one.
    """
    from whytls.pki.store import system_anchors

    if not report.certificates:
        return None
    anchors = system_anchors()
    if not anchors:
        return None
    chain = tuple(certificate.der for certificate in report.certificates)
    return examine(chain, at=report.at, anchors=anchors, purpose=report.purpose).anchored


class _Judged(NamedTuple):
    """One path and what is wrong with it at any time."""

    path: Path
    defects: tuple[Defect, ...]
    superfluous: tuple[int, ...]


class _Structure(NamedTuple):
    certificates: tuple[Certificate, ...]
    judged: tuple[_Judged, ...]  # never empty


_Key = tuple[tuple[bytes, ...], tuple[bytes, ...] | None, tuple[bytes, ...], Purpose]
_structures: Bounded[_Key, _Structure] = Bounded(1024, 8 << 20, lambda key: sum(map(len, key[0])) + sum(map(len, key[2])))


def _structure(chain: tuple[bytes, ...], anchors: tuple[bytes, ...] | None, known: tuple[bytes, ...], purpose: Purpose) -> _Structure:
    key = (chain, anchors, known, purpose)
    return _structures.get(key) or _structures.put(key, _examine(*key))


def _examine(chain: tuple[bytes, ...], anchors: tuple[bytes, ...] | None, known: tuple[bytes, ...], purpose: Purpose) -> _Structure:
    certificates = tuple(read(der) for der in chain[:MOST_CERTIFICATES])
    trusted = _anchors(anchors) if anchors else ()
    pool = Pool(certificates, trusted, [read(der) for der in known[:MOST_CERTIFICATES]])
    search = Search(pool, pool.first(certificates[0]))
    common = [*_form(certificates, len(chain))]
    judged = []
    used = {node.sent for path in search.paths for node in path.nodes}
    for path in search.paths:
        extra = _superfluous(certificates, used)
        defects = [*faults.of_path(path, purpose), *_arrangement(certificates, path, extra), *common]
        if anchors is not None and path.ending != "anchor":
            defects += _untrusted(path, pool, defects)
        judged.append(_Judged(path, tuple(defects), tuple(extra)))
    return _Structure(certificates, tuple(judged))


@lru_cache(maxsize=8)
def _anchors(ders: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    return tuple(read(der) for der in ders)


def _rank(judged: _Judged, at: int) -> tuple[bool, bool, int, bool]:
    """The path that the best validator would find comes first."""
    path = judged.path
    out_of_time = any(n.certificate.expired(at) or n.certificate.not_yet_valid(at) for n in path.nodes)
    faulty = sum(1 for defect in judged.defects if defect.certain and defect.slug not in _HARMLESS)
    return (path.broken, path.ending != "anchor", faulty + out_of_time, path.ending != "root")


_HARMLESS = frozenset({"superfluous", "duplicate", "wrong-order", "weak-key", "weak-digest", "missing-authority-key-id", "name-encoding-differs"})


def _validity(path: Path, at: int, *, anchors_known: bool) -> Iterator[Defect]:
    if at < FIRST_TLS:
        return
    for place, node in enumerate(path.nodes):
        certificate, where = node.certificate, faults.position(path, place)
        facts = {"position": where, "not_before": certificate.not_before, "not_after": certificate.not_after}
        # A root is judged from the validator's own store, where a newer one of the same name and key can be; so can be the
        # root of which the topmost certificate sent is a cross-signed form (AddTrust in 2020, DST Root CA X3 in 2021).
        crossed = place > 1 and node is path.nodes[-1] and not anchors_known
        for slug, so in (("expired", certificate.expired(at)), ("not-yet-valid", certificate.not_yet_valid(at))):
            if so:
                yield Defect(slug, node.sent, certificate.sha256, where, facts, where != "root" and not crossed)


def _name(name: NameMatch, host: str | None, leaf: Certificate) -> Iterator[Defect]:
    facts = {"host": host, "presented": name.presented, "nearest": name.pattern, "position": "leaf"}
    if not name.matches:
        yield Defect("name-mismatch", 0, leaf.sha256, name.why, facts)
    elif not name.strict:
        slug = "cn-only" if name.why == "cn-only" else "lax-wildcard"
        yield Defect(slug, 0, leaf.sha256, name.why if slug != name.why else "", facts)


def _form(certificates: Sequence[Certificate], count: int) -> Iterator[Defect]:
    """What is wrong with certificates by themselves, and with their number."""
    for index, certificate in enumerate(certificates):
        if certificate.problems:
            slug, detail = ("malformed", "" if certificate.subject_der else "unreadable") if not certificate.whole else ("odd-encoding", "")
            yield Defect(slug, index, certificate.sha256, detail, {"problems": certificate.problems})
    leaf = certificates[0]
    if leaf.aki is None and not leaf.problems and not leaf.self_issued:
        yield Defect("missing-authority-key-id", 0, leaf.sha256)
    if count > LONG:
        yield Defect("long-chain", facts={"count": count, "read": len(certificates)})
    by_ski: dict[bytes, tuple[int, Certificate]] = {}
    for index, certificate in enumerate(certificates):
        if certificate.ski is not None and certificate.key_sha256:
            first, other = by_ski.setdefault(certificate.ski, (index, certificate))
            if other.key_sha256 != certificate.key_sha256:
                clash = {"key_id": certificate.ski.hex(), "other_index": first}
                yield Defect("duplicate-key-id", index, certificate.sha256, "", clash)


def _superfluous(certificates: Sequence[Certificate], used: set[int | None]) -> list[int]:
    """The certificates that are on no path. A second copy of one is as well."""
    return [index for index in range(len(certificates)) if index not in used]


def _arrangement(certificates: Sequence[Certificate], path: Path, extra: Iterable[int]) -> Iterator[Defect]:
    """The list that was sent against the path that it should be."""
    leaf, order = certificates[0], [node.sent for node in path.nodes if node.sent is not None]
    if self_signed(leaf) and not path.nodes[0].anchor:
        yield Defect("self-signed-leaf", 0, leaf.sha256, "", {"subject": leaf.subject})
    elif leaf.self_issued and len(path.nodes) == 1 and verifies(leaf, leaf) is False and leaf.aki in (None, leaf.ski):
        # Subject and issuer are equal, also where somebody gave a CA and its first certificate the same name (openssl req's
        # defaults do): only a key identifier tells that from a self-signed certificate that was damaged.
        own = leaf.aki is not None
        facts = {"issuer": leaf.issuer, "position": "leaf"}
        yield Defect("bad-signature", 0, leaf.sha256, "own" if own else "or-other-key", facts, own)
    if order != sorted(order):
        yield Defect("wrong-order", facts={"order": tuple(order)})
    issued = [i for i, c in enumerate(certificates) if c.issuer_canonical == leaf.subject_canonical and c != leaf]
    if issued and leaf.is_ca:
        yield Defect("wrong-order", 0, leaf.sha256, "leaf-not-first", {"issued_index": issued[0]})
    first = {certificate.sha256: index for index, certificate in reversed(list(enumerate(certificates)))}
    copies = [index for index in extra if first[certificates[index].sha256] != index]
    for index in copies:
        certificate = certificates[index]
        yield Defect("duplicate", index, certificate.sha256, "", {"first": first[certificate.sha256]})
    strangers = [index for index in extra if index not in copies]
    gap = _gap(certificates, path, strangers)
    if gap:
        yield gap
    for index in strangers:
        if gap is None or index not in gap.facts["instead_indices"]:
            certificate = certificates[index]
            yield Defect("superfluous", index, certificate.sha256, "", {"subject": certificate.subject})


def _gap(certificates: Sequence[Certificate], path: Path, strangers: Sequence[int]) -> Defect | None:
    """Whether the path stops, or goes on only through certificates that were not sent; what stands there instead."""
    top = max(place for place, node in enumerate(path.nodes) if node.sent is not None)
    last = path.nodes[top]
    missing = [n.certificate for n in path.nodes[top + 1 :] if not n.anchor and not self_signed(n.certificate)]
    if not missing and (path.nodes[-1] != last or path.ending in ("anchor", "root")):
        return None
    if not last.certificate.issuer_der:
        return None  # not readable: who issued it is not known
    # Another certificate of a CA that is on the path (renewed, cross-signed) stands in nobody's place.
    on_path = {node.certificate.subject_canonical for node in path.nodes}
    others = [index for index in strangers if certificates[index].subject_canonical not in on_path]
    instead = [index for index in others if certificates[index].is_ca or self_signed(certificates[index])]
    roots_only = all(self_signed(certificates[index]) for index in instead)
    if not instead and top and not missing:
        return None  # the usual case: the root is left out
    if not instead or (top == 0 and roots_only):
        slug, detail, certain = "missing-intermediate", ("gap" if instead else "upper" if top else "leaf-only"), bool(missing)
    else:
        slug, detail, certain = "wrong-intermediate", "other-root" if roots_only else "other-name", top == 0
    facts = {
        "subject": last.certificate.subject, "issuer": last.certificate.issuer, "issuer_urls": last.certificate.aia_issuers,
        "instead": tuple(certificates[index].subject for index in instead), "instead_indices": tuple(instead),
        "missing": tuple(certificate.sha256 for certificate in missing),
    }  # fmt: skip
    return Defect(slug, last.sent, last.certificate.sha256, detail, facts, certain)


def _untrusted(path: Path, pool: Pool, found: Sequence[Defect]) -> Iterator[Defect]:
    """The anchors are known and the path ends in none of them: in what way, unless another defect says it already."""
    last = path.nodes[-1]
    breaks = [d for d in found if d.slug in ("missing-intermediate", "wrong-intermediate", "self-signed-leaf")]
    if any(defect.certain for defect in breaks):
        return
    namesakes = [node for node in pool.named(last.certificate.issuer_canonical) if node.anchor]
    detail = "same-name" if namesakes else {"root": "root-sent", "leaf": "issuer-unknown"}.get(path.ending, "root-not-sent")
    facts = {
        "issuer": last.certificate.issuer, "subject": last.certificate.subject,
        "namesakes": tuple(node.certificate.sha256 for node in namesakes),
    }  # fmt: skip
    yield Defect("untrusted-root", last.sent, last.certificate.sha256, detail, facts, not breaks)
