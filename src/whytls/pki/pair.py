"""Would the side that trusts accept what the other side presents, and if not: why, and who must mend what in which store.

The four pairs of the runbook (R17) are one question asked of two stores: the certificates in one side's keystore, and the other
side's truststore. ``usage`` says whose certificate it is: the server's, or the client's in mutual TLS. How the stacks decide, and
with which alert, is ``stacks``; how the chain is put right is ``repair``; here both become a list of things to do, and the list is
tried: ``mended`` is the judgement of the repaired chain by the completed truststore.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from whytls.pki.certificate import read
from whytls.pki.chain import ChainReport
from whytls.pki.defect import Defect, Purpose
from whytls.pki.readers.revocation import Source
from whytls.pki.repair import Repair, repaired
from whytls.pki.revocation import Status
from whytls.pki.stacks import STACKS, UNANCHORED, Decision, Judge, alerts_of, in_order, minds

Holder = Literal["presents", "trusts"]  # the keystore of the side that presents, the truststore of the side that trusts
Action = Literal[
    "upload-chain",  # the repaired chain into the keystore
    "obtain-issuer",  # the certificate that ``repair.missing`` names is needed first
    "replace-certificate",  # a new own certificate, with its chain
    "replace-intermediate",  # a CA certificate of the chain must be exchanged for a sound one
    "add-anchor",  # ``anchor`` into the truststore
    "renew-anchor",  # the root in the truststore is out of its time
    "raise-depth",  # the setting beside the truststore: ssl_verify_depth, proxy_ssl_verify_depth
]


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the truststore lacks: the root of the chain, or the self-signed certificate itself."""

    subject: str
    sha256: str = ""  # empty: the certificate is not at hand, only its name is known
    der: bytes | None = None


class Mend(NamedTuple):
    """One thing to do, and in which store."""

    holder: Holder
    action: Action
    slug: str  # the defect that it mends
    alternative: bool = False  # another way to the same end as the one before it


@dataclass(frozen=True, slots=True)
class PairReport:
    """Everything that was found about a pair of stores."""

    usage: Purpose
    at: int  # nanoseconds since 1970
    host: str | None
    report: ChainReport
    decisions: tuple[Decision, ...]
    defects: tuple[Defect, ...]  # all of them, the one that decides first
    deciding: Defect | None  # None: no stack refuses it
    repair: Repair
    anchor: Anchor | None  # what would have to be added to the truststore
    mends: tuple[Mend, ...]
    mended: bool | None  # every stack accepts the repaired chain with the anchor added; None: of some it is not known
    statuses: tuple[Status, ...] = ()  # by the revocation lists and OCSP responses given
    withheld: bool = False  # Java, Go and NSS clients send no certificate at all: the server names none of its issuers

    @property
    def accepted(self) -> bool | None:
        """Whether every stack accepts (True) or refuses (False) it; ``None``: that depends on the stack, or is not known."""
        told = {decision.accepts for decision in self.decisions}
        return told.pop() if len(told) == 1 else None

    def by(self, stack: str) -> Decision:
        """The decision of one stack; ``KeyError`` for one that is not among those that judge this usage."""
        return {decision.stack: decision for decision in self.decisions}[stack]

    def alerts(self, stack: str) -> frozenset[int | None]:
        """What that stack is seen to send for this pair (``None``: it closes without an alert); empty: it accepts, or not measured."""
        sent = frozenset(self.by(stack).alerts)
        return sent | frozenset(alerts_of(stack, Defect("no-certificate"), self.usage)) if self.withheld else sent


def pair(
    presents: Sequence[bytes],
    trusts: Sequence[bytes],
    *,
    at: int,
    host: str | None = None,
    usage: Purpose = "server",
    known: Sequence[bytes] = (),
    revocation: Sequence[Source] = (),
) -> PairReport:
    """Judges what one side presents (DER, own certificate first) by what the other side trusts.

    ``at`` is in nanoseconds since 1970; ``host`` is what the client asks for, and compared for ``usage="server"`` only. ``known``
    are certificates at hand elsewhere, from which the chain is completed; ``revocation`` are lists and responses that the
    trusting side is taken to know. Raises nothing: an unreadable certificate is a defect.
    """
    chain, anchors = tuple(presents), tuple(trusts)
    judge = Judge(anchors, at, host, usage, tuple(known), tuple(revocation))
    views = judge.views(chain)
    decided, view = judge.decisions(chain, views), views[False]
    repair = repaired(chain, at=at, given=[*known, *anchors], anchors=anchors, purpose=usage)
    refusing = in_order(d.deciding for d in decided if d.accepts is False and d.deciding is not None)
    anchor = _anchor(repair, judge) if refusing and chain else None
    completed = judge if anchor is None or anchor.der is None else judge._replace(anchors=(*anchors, anchor.der))
    again = completed.decisions(repair.chain) if refusing else decided
    # A depth is a setting, which the mend raises.
    after = {True if d.deciding is not None and d.deciding.slug == "verify-depth" else d.accepts for d in again}
    found = _once([*refusing, *in_order(view.defects)])
    minded = [d for d in found if d in refusing or any(minds(stack, d, views[stack.roots_only]) for stack in STACKS[usage])] if refusing else []
    return PairReport(
        usage=usage, at=at, host=host, report=view.explained, decisions=decided, defects=tuple(found),
        deciding=refusing[0] if refusing else None, repair=repair, anchor=anchor, mends=tuple(_mends(minded, repair, anchor)),
        mended=False if False in after else None if None in after else True,
        statuses=view.statuses, withheld=usage == "client" and _withheld(chain, anchors),
    )  # fmt: skip


def _once(defects: Sequence[Defect]) -> list[Defect]:
    """Each defect once, in the order of its first mention."""
    found: list[Defect] = []
    for defect in defects:
        if defect not in found:
            found.append(defect)
    return found


def _anchor(repair: Repair, judge: Judge) -> Anchor | None:
    """What the truststore lacks for the repaired chain; ``None``: nothing, or that cannot be told."""
    after = judge.decisions(repair.chain)
    if not any(d.deciding is not None and d.deciding.slug in UNANCHORED for d in after if d.accepts is False):
        return None
    if repair.root is not None:
        root = read(repair.root)
        return Anchor(root.subject, root.sha256, root.der) if root.der not in judge.anchors else None
    if len(repair.chain) > 1 or repair.complete:
        return Anchor(read(repair.chain[-1]).issuer)
    return None  # the own certificate's issuer is not at hand, and seldom a root


def _withheld(chain: Sequence[bytes], anchors: Sequence[bytes]) -> bool:
    """Whether none of the chain's issuers is among the names that the server sends (RFC 8446 section 4.2.4): those of its anchors."""
    named = {read(der).subject_canonical for der in anchors}
    return bool(chain) and bool(named) and not named & {read(der).issuer_canonical for der in chain}


def _mends(minded: Sequence[Defect], repair: Repair, anchor: Anchor | None) -> Iterator[Mend]:
    """What has to be done, the deciding defect's first, each thing once."""
    done: set[tuple[Holder, Action]] = set()
    ways = [way for defect in minded for way in _ways(defect, repair, anchor)]
    if anchor is not None and not any(way.action == "add-anchor" for way in ways):
        ways.append(Mend("trusts", "add-anchor", "untrusted-root"))
    needed = {(way.holder, way.action) for way in ways if not way.alternative}
    for way in ways:
        if (way.holder, way.action) not in done and not (way.alternative and (way.holder, way.action) in needed):
            done.add((way.holder, way.action))
            yield way


def _ways(defect: Defect, repair: Repair, anchor: Anchor | None) -> Iterator[Mend]:
    slug, place = defect.slug, defect.facts.get("position", "leaf" if defect.index == 0 else "")
    mended = not any(d.slug == slug and d.certificate == defect.certificate for d in repair.remaining)
    if slug in ("untrusted-root", "self-signed-leaf"):
        if anchor is not None:
            yield Mend("trusts", "add-anchor", slug)
            yield Mend("presents", "replace-certificate", slug, alternative=True)
    elif slug in ("missing-intermediate", "wrong-intermediate", "wrong-order", "key-identifier-differs"):
        yield Mend("presents", "upload-chain" if repair.changed and (repair.complete or mended) else "obtain-issuer", slug)
    elif slug == "verify-depth":
        yield Mend("trusts", "raise-depth", slug)
    elif place == "root" and slug in ("expired", "not-yet-valid"):
        yield Mend("trusts", "renew-anchor", slug)
    elif place == "leaf" or slug in ("no-certificate", "cn-only", "lax-wildcard"):
        yield Mend("presents", "replace-certificate", slug)
    else:
        yield Mend("presents", "upload-chain" if mended and repair.changed else "replace-intermediate", slug)
