"""A defect named as a Problem: its cause, who mends it and how come from the causes' own files (``defects``, ``at_rest``, ``fix``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from whytls import causes
from whytls.causes.cause import LoadedCause
from whytls.checking.result import Level, Problem
from whytls.model import Confidence, Context, Evidence, Finding, Fix, Hop, Owner
from whytls.pki.certificate import Certificate
from whytls.pki.defect import Defect, Purpose
from whytls.pki.notes import said
from whytls.pki.trust import habit

# What validators pass over, every one of them: told as a note and never as a problem.
UNMINDED = frozenset({
    "superfluous", "duplicate", "missing-authority-key-id", "duplicate-key-id", "odd-encoding", "long-chain",
})  # fmt: skip
# So unless the other side holds certificates that we have not seen; without them it fails.
FAILS_UNLESS = frozenset({"missing-intermediate", "wrong-intermediate", "bad-signature", "untrusted-root"})


@lru_cache(maxsize=256)
def cause_of(slug: str, purpose: Purpose) -> LoadedCause:
    """The cause that a defect of such a certificate becomes; ``KeyError`` where no cause declares it."""
    found = [c for c in causes.load_all() if slug in c.declaration.defects | c.declaration.at_rest]
    own = [c for c in found if c.declaration.cause_class == f"{purpose}-certificate"]
    for cause in own or found:
        return cause
    raise KeyError(slug)


def problem(
    defect: Defect, subject: Certificate | None, at: int, *, level: Level, evidence: tuple[Evidence, ...], purpose: Purpose = "server",
    hop: Hop = "direct", facts: Mapping[str, Any] | None = None, would_decide: str = "",
) -> Problem:  # fmt: skip
    """A defect as a problem of that certificate; ``facts`` add to the defect's own."""
    cause = cause_of(defect.slug, purpose)
    known = {**defect.facts, **_names(defect, subject), **(facts or {}), "defect": defect.slug}
    detail = "at-rest" if cause.slug == "client-certificate-rejected" else defect.detail
    name = subject.subject if subject is not None else ""
    said_of_it = said(Defect(defect.slug, defect.index, defect.certificate, defect.detail, known, defect.certain), at)
    title = f"{name}: {said_of_it}" if name else said_of_it
    confidence: Confidence = "proven" if defect.certain else "likely"
    found = named(cause, title, confidence, evidence, known, level=level, detail=detail, hop=hop, would_decide=would_decide)
    several = len(cause.declaration.defects | cause.declaration.at_rest) > 1
    form = defect.detail or (defect.slug if several else "")
    return found._replace(detail=form, refused_by=tuple(sorted(habit(defect).refused_by)), defect=defect)


def named(
    cause: LoadedCause, title: str, confidence: Confidence, evidence: tuple[Evidence, ...], facts: Mapping[str, Any], *,
    level: Level = "failure", detail: str = "", hop: Hop = "direct", would_decide: str = "",
) -> Problem:  # fmt: skip
    """A problem under that cause, with the cause's own fix."""
    from whytls.causes.cause import resolve_owners

    declared = cause.declaration
    owners: tuple[Owner, ...] = resolve_owners(declared.owners, hop)
    finding = Finding("client", (), evidence, confidence, facts, detail=detail, owners=owners)
    warnings: tuple[str, ...] = ()
    fix: Fix | None = None
    try:
        made = cause.fix(finding, Context(hop=hop))
        fix = Fix(resolve_owners((made.owner,), hop)[0], made.text, made.grade, made.artefacts)
    except Exception as broken:  # a cause that raises is our bug: said, and the verdict stands
        warnings = (f"bug in whytls: the fix of {cause.slug} broke: {type(broken).__name__}: {broken}",)
    if fix is not None and fix.owner not in owners:
        owners = (fix.owner, *owners)
    elif fix is not None:
        owners = (fix.owner, *(owner for owner in owners if owner != fix.owner))
    return Problem(level, cause.slug, declared.cause_class, title, confidence, owners, evidence, fix, detail, (), would_decide, warnings)


def _names(defect: Defect, subject: Certificate | None) -> dict[str, Any]:
    """What the causes' fixes want to name."""
    presented = defect.facts.get("presented") or ()
    listed = ", ".join(map(str, presented[:3])) + (f" and {len(presented) - 3} more" if len(presented) > 3 else "")
    leaf = subject.subject if subject is not None else "the certificate"
    return {
        "leaf": leaf, "names": listed or "no name at all", "root": defect.facts.get("issuer") or defect.facts.get("subject") or leaf,
    }  # fmt: skip


def level_of(defect: Defect, *, presented: bool) -> Level | None:
    """How grave it is; ``None``: a note. ``presented``: somebody shows just this chain to others."""
    if defect.slug in UNMINDED:
        return None
    minded = habit(defect).refused_by or defect.slug in ("malformed", "no-certificate", "no-key", "key-differs", "refused")
    if not minded:
        return "warning"
    if defect.certain or (presented and defect.slug in FAILS_UNLESS):
        return "failure"
    return "warning"
