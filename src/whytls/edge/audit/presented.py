"""What a virtual host or a target presents out of its keystore: is there a certificate with a key, and is its chain in order?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whytls.checking.at_hand import AtHand
from whytls.checking.judge import Judge
from whytls.checking.naming import problem
from whytls.checking.result import Ask, CheckResult, Problem
from whytls.edge.audit.result import Concern, Subject, of_problem
from whytls.edge.audit.rules import said, will_fail
from whytls.edge.environment import Environment
from whytls.edge.keystore import Alias
from whytls.edge.origin import Origin
from whytls.edge.tlsinfo import TlsInfo, referred, store_kind
from whytls.model import Evidence, Hop
from whytls.pki.certificate import read
from whytls.pki.chain import FIRST_TLS
from whytls.pki.defect import Defect, Purpose
from whytls.pki.name import match
from whytls.pki.pair import pair
from whytls.pki.stacks import OF_PAIRS
from whytls.pki.store import Entry, Place


class Presents(NamedTuple):
    """Who presents something, on which hop, in which role, and where that is configured."""

    subject: Subject
    hop: Hop
    purpose: Purpose
    tls: TlsInfo
    origin: Origin | None

    @property
    def who(self) -> str:
        """For people: ``the Router`` or ``the Message Processor``."""
        return "the Router" if self.purpose == "server" else "the Message Processor"


def stores_known(environment: Environment) -> bool:
    """Whether the environment's stores were read at all; without that a name that is not among them says nothing."""
    return bool(environment.keystores)


def missing(by: Presents, environment: Environment) -> Iterator[Concern]:
    """What of keystore, alias and key is not there."""
    tls = by.tls
    kind = store_kind(tls.key_store)
    if kind == "template" or not stores_known(environment) or environment.presented(tls) is not None:
        return
    held = environment.store(tls.key_store)
    reference = environment.references.get(referred(tls.key_store)) if kind == "reference" else None
    if kind == "none":
        text, field = "it names no keystore", "tls"
    elif held is None and kind == "reference" and reference is None:
        text, field = f"there is no reference {referred(tls.key_store)}", "tls.key_store"
    elif held is None:
        text, field = f"there is no keystore {reference.refers if reference else tls.key_store}", "tls.key_store"
    elif tls.key_alias:
        text, field = f"{held} has no alias {tls.key_alias}", "tls.key_alias"
    else:
        text, field = f"{held} has {'several aliases' if held.store.aliases else 'no alias'} with a key, and none is named", "tls.key_store"
    slug = "certificate-unusable" if by.purpose == "server" else "client-certificate-missing"
    facts = {"defect": "no-certificate", "problem": text, "server": "Router"}
    title = f"{by.who} has no certificate to present: {text}"
    yield will_fail(slug, by.subject, by.hop, title, (said(text, by.origin, field),), facts, detail="missing", purpose=by.purpose)


def judged(by: Presents, environment: Environment, ask: Ask) -> Iterator[Concern]:
    """The chain at rest: complete, in order, within its time, with names that fit."""
    found = environment.presented(by.tls)
    if found is None:
        return
    held, alias = found
    where = _place(alias, held.store.origin, environment)
    if not alias.has_key:
        text = f"alias {alias.name} of {held} has a certificate and no key"
        facts = {"defect": "no-key", "problem": text, "server": "Router"}
        slug = "certificate-unusable" if by.purpose == "server" else "client-certificate-missing"
        yield will_fail(
            slug, by.subject, by.hop, f"{by.who} cannot present it: {text}", (_at(text, where),), facts, detail="no-key", purpose=by.purpose
        )
    if not alias.certificates:
        yield from _described(by, alias, where, ask)
        return
    result = _checked(by, held.store.name, alias, where, environment, ask)
    for one in result.problems:
        yield of_problem(_on_hop(one, result, by), by.subject, by.hop, alias.certificates, by.purpose)


def names(by: Presents, aliases: Sequence[str], environment: Environment, ask: Ask) -> Iterator[Concern]:
    """The names that clients call against those in the certificate."""
    found = environment.presented(by.tls)
    if found is None or not found[1].certificates:
        return
    own = read(found[1].certificates[0])
    where = _place(found[1], found[0].store.origin, environment)
    for name in aliases:
        called = name.replace("*", "any-name", 1) if name.startswith("*.") else name
        matched = match(called, own)
        if not matched.matches:
            facts = {"host": name, "presented": matched.presented, "nearest": matched.pattern, "position": "leaf"}
            text = f"alias {found[1].name} of {found[0]}, SHA-256 {own.sha256[:16]}…"
            defect = Defect("name-mismatch", 0, own.sha256, matched.why, facts)
            made = problem(defect, own, ask.at, level="failure", evidence=(_at(text, where, own.sha256),), hop=by.hop)
            yield of_problem(made, by.subject, by.hop, found[1].certificates, "server")


def against(
    by: Presents, chain: tuple[bytes, ...], source: str, anchors: Sequence[bytes], trusts: str, ask: Ask, host: str | None = None
) -> Iterator[Concern]:  # fmt: skip
    """One of the four pairs (R17): what is presented, judged by what the other side trusts."""
    if not chain:
        return
    found = pair(chain, anchors, at=ask.at, host=host, usage=by.purpose, known=AtHand(ask.given).above(chain))
    if found.deciding is None:
        return
    defect = found.deciding if found.deciding.slug not in OF_PAIRS else Defect("missing-intermediate", 0, facts=found.deciding.facts)
    if defect.slug == "expired" and ask.at < FIRST_TLS:
        return
    index = defect.index if defect.index is not None and defect.index < len(chain) else 0
    certificate = read(chain[index])
    text = f"{source}, certificate {index + 1} of {len(chain)}, against {trusts}"
    evidence = (Evidence(text, certificate=certificate.sha256),)
    made = problem(defect, certificate, ask.at, level="failure", evidence=evidence, purpose=by.purpose, hop=by.hop)
    yield of_problem(made, by.subject, by.hop, chain, by.purpose)


def _checked(by: Presents, store: str, alias: Alias, where: Place, environment: Environment, ask: Ask) -> CheckResult:
    everything = [der for held in environment.keystores.values() for one in held.aliases for der in one.certificates]
    judge = Judge(
        ask._replace(host=None, anchors=None, purpose=by.purpose), f"keystore {store}", "keystore", AtHand([*everything, *ask.given]), alone=False
    )
    begun = CheckResult(f"keystore {store}", "keystore", "key", where, ask.at, by.purpose, alias.name, chain=alias.certificates)
    return judge.chain(begun, Entry("key", alias.certificates, where, alias.name))


def _on_hop(found: Problem, result: CheckResult, by: Presents) -> Problem:
    """The same problem with the owners and the fix that it has on this hop."""
    if found.defect is None:
        return found
    index = found.defect.index
    chain = result.chain
    subject = read(chain[index if index is not None and index < len(chain) else 0])
    return problem(
        found.defect, subject, result.at, level=found.level, evidence=found.evidence, purpose=by.purpose, hop=by.hop, would_decide=found.would_decide
    )


def _described(by: Presents, alias: Alias, where: Place, ask: Ask) -> Iterator[Concern]:
    """Where only the API's words about the certificates are known: their dates."""
    for index, info in enumerate(alias.described):
        end = info.expiry_date
        if end is not None and end * 1_000_000 < ask.at:
            position = "leaf" if not index else "intermediate"
            defect = Defect("expired", index, None, "" if not index else "intermediate", {"not_after": end * 1_000_000, "position": position})
            text = f"alias {alias.name}, as the Management API describes it: {info.subject}"
            made = problem(defect, None, ask.at, level="failure", evidence=(_at(text, where),), purpose=by.purpose, hop=by.hop)
            yield of_problem(made._replace(title=f"{info.subject or alias.name}: {made.title}"), by.subject, by.hop, (), by.purpose)


def _place(alias: Alias, store: Origin | None, environment: Environment) -> Place:
    origin = alias.origin or store
    return origin.place() if origin is not None else Place(environment.source)


def _at(text: str, place: Place, certificate: str | None = None) -> Evidence:
    return Evidence(text, (), place.file, certificate, place.line)
