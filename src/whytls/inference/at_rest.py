"""What was sent, beside what the stores hold: which entry it is, what it lacks, and which store has to be mended.

Nothing here decides a cause. ``certificate_refusal`` judges the chain by the truststore; this module says where the certificates of that
chain stand at rest, and writes it for people: a file, its alias, and the chain that should be uploaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from whytls.inference.quote import day, side_name
from whytls.model import Artefact, Context, Evidence, Finding, Fix, Handshake, KeyEntry, Keystore, Side, Truststore

if TYPE_CHECKING:
    from whytls.inference.certificate_refusal import CertificateRefusal
    from whytls.pki.defect import Defect

Relation = Literal[
    "same",  # sent as it stands in the entry (a root left out counts as the same)
    "shorter",  # the entry has certificates that were not sent
    "longer",  # others were sent above it than the entry has
    "other",  # the keystore has another certificate for the same name
    "none",  # the keystore has nothing like it
]
# Defects that the keystore's own certificates can mend.
OF_THE_CHAIN = frozenset({"missing-intermediate", "wrong-intermediate", "wrong-order"})


class Comparison(NamedTuple):
    """A chain that was sent, and the keystore of the side that sent it."""

    relation: Relation
    entry: KeyEntry | None  # the one that it is, or that is nearest
    newer: bool = False  # the entry's certificate ends later than the one that was sent
    ends: int = 0  # when that is, nanoseconds since 1970


class Mended(NamedTuple):
    """A chain put right from what the keystore holds."""

    chain: tuple[bytes, ...]  # ready to be uploaded; empty where there is nothing to mend or not enough to mend it with
    missing: str = ""  # the subject of the certificate that neither what was sent nor the keystore holds


class _Held:
    """A store, compared by identity: it is one for a whole run, and large."""

    __slots__ = ("certificates", "entries", "store")

    def __init__(self, store: Keystore | None) -> None:
        self.store = store
        self.entries = store.entries if store is not None else ()
        self.certificates = store.certificates if store is not None else ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.store is self.store

    def __hash__(self) -> int:
        return id(self.store)


def statements(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect | None) -> tuple[Evidence, ...]:
    """What the stores say of a chain that was refused: what the truststore lacks, and which entry of the keystore it is."""
    keystore, chain, lines = context.stores(refused.whose).keystore, refused.chain or (), []
    store = trusted_by(context, refused.rejecting)
    if store is not None and defect is not None and defect.slug in ("untrusted-root", "self-signed-leaf"):
        issuer = defect.facts.get("issuer") or defect.facts.get("subject") or "its issuer"
        namesakes = defect.facts.get("namesakes", ())
        lines.append(truststore_evidence(store, issuer, namesakes, context, refused.rejecting))
    told = refused.stand_in is not None and len(chain) == len(refused.stand_in.entry.chain)  # by the stand-in itself
    if keystore is not None and chain and not told:
        lines.append(keystore_evidence(chain, keystore, context, refused.whose, handshake.sni if refused.whose == "server" else None))
    return tuple(lines)


def facts(handshake: Handshake, context: Context, refused: CertificateRefusal, defect: Defect) -> dict[str, object]:
    """For ``mending``: the store that has to be mended for this defect, and what to put there."""
    at = context.at if context.at is not None else handshake.started_at
    keystore, chain = context.stores(refused.whose).keystore, refused.chain or ()
    if defect.slug == "untrusted-root":
        store = trusted_by(context, refused.rejecting)
        return _anchor_facts(store, chain, keystore, at, refused.whose) if store is not None and store.places else {}
    if keystore is None or not chain:
        return {}
    return mend_facts(chain, keystore, defect.slug, at, refused.whose, handshake.sni if refused.whose == "server" else None)


def _anchor_facts(store: Truststore, chain: tuple[bytes, ...], keystore: Keystore | None, at: int, whose: Side) -> dict[str, object]:
    """The truststore, and the root that it lacks where that is at hand."""
    root = _root(chain, _Held(keystore), at - at % 1_000_000_000, whose)
    if root is None:
        return {"mend": store.source}
    return {"mend": store.source, "pem": (root,), "how": f"add {_subject(root)}, which stands below, to {store.source}"}


@lru_cache(maxsize=256)
def _root(chain: tuple[bytes, ...], held: _Held, at: int, whose: Side) -> bytes | None:
    """The self-signed certificate that a chain leads to, if it was sent or is in the keystore."""
    from whytls.pki.repair import repaired

    return repaired(chain, at=at, given=held.certificates, purpose=whose, own=chain[0]).root


def trusted_by(context: Context, side: Side) -> Truststore | None:
    """That side's truststore; what ``--trust`` gave stands for whichever side rejected."""
    own = context.stores(side).truststore
    if own is not None or context.trust is None:
        return own
    return Truststore("the truststore given", tuple(context.trust), ())


def compare(chain: tuple[bytes, ...], keystore: Keystore, host: str | None) -> Comparison:
    """Which entry of a keystore it is that was sent."""
    return _compare(chain, _Held(keystore), host)


@lru_cache(maxsize=1024)
def _compare(chain: tuple[bytes, ...], held: _Held, host: str | None) -> Comparison:
    entries = held.entries
    own = [entry for entry in entries if entry.chain[0] == chain[0]]
    if own:
        best = next((e for e in own if _above(e.chain) == _above(chain)), own[0])
        if _above(best.chain) == _above(chain):
            return Comparison("same", best)
        return Comparison("longer" if set(_above(best.chain)) < set(chain) else "shorter", best)
    from whytls.pki.certificate import read

    sent = read(chain[0])
    alike = [entry for entry in entries if _alike(entry, chain[0], host)]
    if not alike:
        return Comparison("none", entries[0] if len(entries) == 1 else None)
    nearest = max(alike, key=lambda entry: read(entry.chain[0]).not_after or 0)
    ends = read(nearest.chain[0]).not_after or 0
    return Comparison("other", nearest, ends > (sent.not_after or 0), ends)


def _above(chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """The chain without a self-signed root at its end, which may be sent or left out."""
    from whytls.pki.certificate import read

    return tuple(chain[:-1] if len(chain) > 1 and read(chain[-1]).self_issued else chain)


def _alike(entry: KeyEntry, own: bytes, host: str | None) -> bool:
    """Whether the entry's certificate is for the name that was asked for, or for one of those of the certificate that was sent."""
    from whytls.pki.certificate import read

    if host and _is_for(entry, host):
        return True
    mine, sent = read(entry.chain[0]), read(own)
    return mine.subject_canonical == sent.subject_canonical or any(name in mine.dns_names for name in sent.dns_names)


def _is_for(entry: KeyEntry, host: str) -> bool:
    from whytls.pki.certificate import read
    from whytls.pki.name import match

    return match(host, read(entry.chain[0])).matches


def mend(chain: tuple[bytes, ...], keystore: Keystore, at: int, whose: Side) -> Mended:
    """The chain put in order and completed from the keystore, or what is missing for that."""
    return _mend(chain, _Held(keystore), at - at % 1_000_000_000, whose)


@lru_cache(maxsize=256)
def _mend(chain: tuple[bytes, ...], held: _Held, at: int, whose: Side) -> Mended:
    from whytls.pki.repair import repaired

    repair = repaired(chain, at=at, given=held.certificates, purpose=whose, own=chain[0])
    missing = repair.missing.subject if repair.missing is not None and not repair.missing.maybe_root else ""
    return Mended(repair.chain if repair.changed and not missing else (), missing)


def certificates_at_hand(chain: tuple[bytes, ...], keystore: Keystore) -> tuple[bytes, ...]:
    """Those of the keystore that can stand above what was sent: they tell a missing intermediate from an unknown root."""
    return _at_hand(chain, _Held(keystore))


@lru_cache(maxsize=256)
def _at_hand(chain: tuple[bytes, ...], held: _Held) -> tuple[bytes, ...]:
    from whytls.pki.certificate import read
    from whytls.pki.repair import nearest

    return tuple(c.der for c in nearest([read(der) for der in chain[:32]], held.certificates))


def keystore_evidence(chain: tuple[bytes, ...], keystore: Keystore, context: Context, whose: Side, host: str | None) -> Evidence:
    """The statement on where the chain that was sent stands at rest."""
    found = compare(chain, keystore, host)
    owner = side_name(whose, context)
    file, sha = keystore.source, _digest(chain[0])
    if found.entry is None:
        count = len(keystore.entries)
        if not count:
            return Evidence(f"{keystore.source} has no entry with a private key", (), file)
        return Evidence(f"none of the {count} entries of {keystore.source} is the certificate that the {owner} sent", (), file, sha)
    place = found.entry.place
    if found.relation == "same":
        return Evidence(f"{place}: the chain that was sent", (), file, sha)
    if found.relation == "shorter":
        more = [_subject(der) for der in _above(found.entry.chain) if der not in chain]
        return Evidence(f"{place}: has {' and '.join(more[:3])} above it as well, which the {owner} did not send", (), file, sha)
    if found.relation == "longer":
        return Evidence(f"{place}: the same certificate, with fewer above it than the {owner} sent", (), file, sha)
    if found.relation == "other":
        when = f", valid until {day(found.ends)}" if found.ends else ""
        age = "a newer certificate" if found.newer else "another certificate"
        return Evidence(f"{place}: {age} for this name{when}, not the one that the {owner} sent", (), file, _digest(found.entry.chain[0]))
    return Evidence(f"{place}: {_subject(found.entry.chain[0])}, not the certificate that the {owner} sent", (), file, _digest(found.entry.chain[0]))


def truststore_evidence(store: Truststore, issuer: str, namesakes: Sequence[str], context: Context, rejecting: Side) -> Evidence:
    """The statement on what the rejecting side's truststore lacks."""
    from whytls.pki.certificate import read

    count = len(store.anchors)
    held = f"{count:,} certificate{'s' if count != 1 else ''}"
    name = f"the {side_name(rejecting, context)}'s truststore {store.source}" if store.places else store.source
    for der, place in zip(store.anchors, store.places, strict=False) if namesakes else ():
        if read(der).sha256 in namesakes:
            return Evidence(f"{name} ({held}) has another {issuer}, with another key: {place}", (), store.source, read(der).sha256)
    if count <= 3 and store.places:
        held += ": " + ", ".join(_subject(der) for der in store.anchors)
    return Evidence(f"{name} ({held}) does not have {issuer}", (), store.source if store.places else "")


class Choice(NamedTuple):
    """What a client that sent no certificate had to choose from."""

    lines: tuple[Evidence, ...]
    facts: Mapping[str, object]


def choice(handshake: Handshake, context: Context) -> Choice | None:
    """Whether the client's keystore has an entry that the server would take; None where its keystore is not known.

    What the server takes are the CAs that its CertificateRequest names; where TLS 1.3 hides it, those of the server's truststore.
    """
    from whytls.pki.name import text as name_text

    keystore, request = context.client_stores.keystore, handshake.certificate_request
    if keystore is None:
        return None
    if not keystore.entries:
        how = f"put a key with its certificate and chain into {keystore.source}"
        return Choice((Evidence(f"{keystore.source} has no entry with a private key", (), keystore.source),), {"mend": keystore.source, "how": how})
    if request is not None:
        fits = [entry for entry in keystore.entries if not request.authorities or _issued_by(entry, frozenset(request.authorities))]
        who, wanted = "CertificateRequest names", _names([name_text(name) for name in request.authorities[:4]])
    else:
        store = trusted_by(context, "server")
        if store is None:
            return None
        names = _subjects(store.anchors)
        fits, who = [entry for entry in keystore.entries if _issued_by(entry, names)], f"{store.source} has"
        wanted = _names([_subject(der) for der in store.anchors[:4]])
    if fits:
        text = f"{fits[0].place}: {_subject(fits[0].chain[0])} is what the server would take ({who} its issuer), and it was not sent"
        facts = {"mend": fits[0].place, "how": f"{fits[0].place} fits: make the client use it"}
        return Choice((Evidence(text, (), keystore.source, _digest(fits[0].chain[0])),), facts)
    lines = [
        Evidence(f"{entry.place}: {_subject(entry.chain[0])}, issued by {_issuers(entry)}; {who} none of its issuers",
                 (), keystore.source, _digest(entry.chain[0]))
        for entry in keystore.entries[:2]
    ]
    how = f"put a certificate from a CA that the server takes{wanted} into {keystore.source}"
    return Choice(tuple(lines), {"mend": keystore.source, "how": how})


def _names(names: list[str]) -> str:
    """A few names in brackets; nothing where there are none or many."""
    return f" ({' or '.join(names)})" if 0 < len(names) <= 3 else ""


def _issuers(entry: KeyEntry) -> str:
    from whytls.pki.certificate import read

    return " under ".join(dict.fromkeys(read(der).issuer for der in entry.chain[:3]))


def _issued_by(entry: KeyEntry, names: frozenset[bytes]) -> bool:
    from whytls.pki.certificate import read

    return any(read(der).issuer_der in names for der in entry.chain)


@lru_cache(maxsize=8)
def _subjects(anchors: tuple[bytes, ...]) -> frozenset[bytes]:
    from whytls.pki.certificate import read

    return frozenset(read(der).subject_der for der in anchors)


def mending(fix: Fix, finding: Finding) -> Fix:
    """The fix with the store in which it has to be made, and what can be uploaded there as it stands."""
    place, how, pem = finding.facts.get("mend", ""), finding.facts.get("how", ""), finding.facts.get("pem", ())
    text = f"{fix.text}; {how}" if how else f"{fix.text}; the store to mend: {place}"
    if not pem:
        return fix._replace(text=text)
    from whytls.pki.repair import to_pem

    return fix._replace(text=text, artefacts=(Artefact("pem", to_pem(pem), place), *fix.artefacts))


def mend_facts(chain: tuple[bytes, ...], keystore: Keystore, slug: str, at: int, whose: Side, host: str | None) -> dict[str, object]:
    """For ``mending``: the keystore's entry, and for defects of the chain the chain as it should be there."""
    found = compare(chain, keystore, host)
    if found.relation == "other" and found.newer and found.entry is not None:
        how = f"{found.entry.place} has a newer one already: make the {'server' if whose == 'server' else 'client'} load it"
        return {"mend": found.entry.place, "how": how}
    if slug == "name-mismatch" and host:
        right = next((entry for entry in keystore.entries if _is_for(entry, host) and entry.chain[0] != chain[0]), None)
        if right is not None:
            return {"mend": right.place, "how": f"{right.place} is for {host}: make the server show that one"}
    place = found.entry.place if found.entry is not None and found.relation != "none" else keystore.source
    if slug not in OF_THE_CHAIN:
        return {"mend": place}
    mended = mend(chain, keystore, at, whose)
    if mended.chain and found.relation == "shorter":
        return {"mend": place, "pem": mended.chain, "how": f"{place} has all of it: make the {whose} send that chain"}
    if mended.chain:
        return {"mend": place, "pem": mended.chain, "how": f"{keystore.source} has what is missing: upload the chain below as {place}"}
    if mended.missing:
        return {"mend": place, "how": f"{place} lacks it, too: get the certificate of {mended.missing} from the CA and upload the whole chain there"}
    return {"mend": place}


def _subject(der: bytes) -> str:
    from whytls.pki.certificate import read

    return read(der).subject or "a certificate that cannot be read"


def _digest(der: bytes) -> str:
    from whytls.pki.certificate import read

    return read(der).sha256
