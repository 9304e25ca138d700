"""One entry judged: everything that is wrong with its chain, its key and its names, whoever would mind it.

What an entry is decides what is asked of it. A chain that somebody presents (a key entry, a server's certificate in a
configuration, a file with several certificates, a live endpoint) is judged as its peer would judge it; an anchor, and a CA certificate that
stands alone, only for what can be wrong with it alone. Without anchors nothing is said about trust: that a CA is not in this machine's
store is no fault of a certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from whytls.checking.at_hand import AtHand
from whytls.checking.naming import level_of, problem
from whytls.checking.result import Ask, CheckResult, Kind, Problem
from whytls.model import Evidence
from whytls.pki.certificate import CLIENT_AUTH, SECOND, SERVER_AUTH, Certificate, read
from whytls.pki.chain import ChainReport, examine
from whytls.pki.defect import Defect, Purpose
from whytls.pki.name import match
from whytls.pki.notes import said
from whytls.pki.store import WORDS, Entry, Store

if TYPE_CHECKING:
    from whytls.pki.families import FamilyMatch
    from whytls.pki.profiles import Decision
    from whytls.pki.repair import Repair
    from whytls.pki.revocation import Status

DAY = 86_400 * SECOND
MOST_REMEMBERED = 2048  # analyses: a folder that holds one chain a thousand times is judged once
CLIENT_ROLES = ("proxy_", "grpc_", "uwsgi_")  # an nginx that presents a certificate to what is behind it
ARRANGEMENT = frozenset({
    "missing-intermediate", "wrong-intermediate", "wrong-order", "superfluous", "duplicate", "key-identifier-differs", "untrusted-root",
})  # fmt: skip
NOT_READ = " is not read: "  # what a configuration names and is no file: no fault of anybody
ISSUER_WANTED = "the issuer's certificate: name its file with --with, or let it be fetched with --fetch-issuers"


class _Analysis(NamedTuple):
    """What depends on the chain and the question only."""

    report: ChainReport
    statuses: tuple[Status, ...]
    revoked: tuple[Defect, ...]  # what follows from them
    decisions: tuple[Decision, ...]
    names: tuple[FamilyMatch, ...]
    repair: Repair | None
    notes: tuple[str, ...]


class Judge:
    """Judges the entries of one source; ``at_hand`` are the certificates from which chains are completed."""

    def __init__(self, ask: Ask, source: str, form: str, at_hand: AtHand, *, alone: bool) -> None:
        self._ask, self._source, self._form, self._hand = ask, source, form, at_hand
        self._alone = alone  # a file that was named, and none of a folder's many: what is in it is meant to be presented
        self._known: dict[tuple[tuple[bytes, ...], Purpose, str | None, bool], _Analysis] = {}

    def entry(self, entry: Entry) -> CheckResult:
        """The result of one entry."""
        kind: Kind = "key" if entry.kind == "key" else "trusted" if entry.kind == "trusted" else "certificate"
        purpose = self._purpose(entry)
        begun = CheckResult(
            self._source, self._form, kind, entry.place, self._ask.at, purpose, entry.alias, entry.role, chain=entry.chain, key=entry.key,
            key_fits=entry.key_fits, notes=entry.warnings,
        )  # fmt: skip
        if not entry.chain:
            return self._empty(begun, entry)
        if kind == "trusted" or (kind == "certificate" and not entry.role and _is_authority(entry.chain)):
            return self._anchor(begun, entry)
        return self.chain(begun, entry)

    def chain(self, begun: CheckResult, entry: Entry) -> CheckResult:
        """The result of a chain that somebody presents, or could."""
        host = self._ask.host if begun.purpose == "server" else None
        begun = replace(begun, host=host)
        presented = begun.kind in ("key", "endpoint") or bool(entry.role) or len(entry.chain) > 1
        loose = not presented and not self._alone
        judged = self._completed(entry.chain) if loose and self._ask.anchors is not None else entry.chain
        found = self._analysis(judged, begun.purpose, host, whole=not loose or self._ask.anchors is not None)
        problems = [*self._of_key(begun, entry)]
        notes = [note for note in begun.notes if note not in {p.defect.facts.get("problem") for p in problems if p.defect is not None}]
        for defect in (*found.report.defects, *found.revoked):
            level = level_of(defect, presented=presented or self._ask.anchors is not None)
            if loose and defect.slug == "missing-intermediate" and self._ask.anchors is None:
                continue  # one certificate of a folder: nobody presents it like this
            if level is None:
                notes.append(_note(defect, found.report))
                continue
            level = "warning" if loose and defect.slug == "self-signed-leaf" else level
            problems.append(self._problem(defect, begun, level))
        problems += self._of_server_names(begun, entry)
        problems += self._soon(begun, entry.chain)
        problems += self._refusals(begun, found, problems)
        return replace(
            begun, problems=_grave_first(problems), notes=(*dict.fromkeys([*notes, *found.notes]),), report=found.report, statuses=found.statuses,
            decisions=found.decisions, names=found.names, repair=found.repair,
        )  # fmt: skip

    def _purpose(self, entry: Entry) -> Purpose:
        """Whose certificate it is: as asked; as its place in a configuration says; as its extended key usage says; else a server's."""
        if self._ask.purpose is not None or self._ask.host is not None:
            return self._ask.purpose or "server"
        if entry.role:
            return "client" if entry.role.startswith(CLIENT_ROLES) else "server"
        usages = read(entry.chain[0]).extended_key_usage if entry.chain else None
        return "client" if usages is not None and CLIENT_AUTH in usages and SERVER_AUTH not in usages else "server"

    def _analysis(self, chain: tuple[bytes, ...], purpose: Purpose, host: str | None, *, whole: bool) -> _Analysis:
        """``whole``: the chain is all that is presented; else what is missing in it is not asked for."""
        key = (chain, purpose, host, whole)
        if key not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._analysed(chain, purpose, host, whole)
        return self._known[key]

    def _analysed(self, chain: tuple[bytes, ...], purpose: Purpose, host: str | None, whole: bool) -> _Analysis:
        ask = self._ask
        notes = self._fetched(chain) if ask.fetch else []
        known: tuple[bytes, ...] = ()
        report = examine(chain, at=ask.at, host=host, anchors=ask.anchors, purpose=purpose)
        if report.slugs & ARRANGEMENT and (whole or not report.has("missing-intermediate")):
            known = self._hand.above(chain)
            report = examine(chain, at=ask.at, host=host, anchors=ask.anchors, purpose=purpose, known=known) if known else report
        mendable = bool(known or report.slugs & ARRANGEMENT - {"missing-intermediate"})
        standing, withdrawn = self._standing(report) if ask.revocation else ((), ())
        decided = self._decided(chain, purpose, host, ask.anchors) if ask.anchors is not None else ()
        names = self._names(host, report) if host else ()
        return _Analysis(report, standing, withdrawn, decided, names, self._mended(chain, known, purpose) if mendable else None, tuple(notes))

    # What is not asked of most chains is imported where it is.

    def _standing(self, report: ChainReport) -> tuple[tuple[Status, ...], tuple[Defect, ...]]:
        from whytls.pki.revocation import revoked, statuses

        found = statuses(report.path_certificates, self._ask.revocation, at=self._ask.at, anchored=report.ends_at == "anchor")
        return found, tuple(revoked(found, report.certificates))

    def _decided(self, chain: tuple[bytes, ...], purpose: Purpose, host: str | None, anchors: tuple[bytes, ...]) -> tuple[Decision, ...]:
        from whytls.pki.profiles import applicable, decide

        return tuple([decide(profile, chain, anchors, at=self._ask.at, host=host, purpose=purpose) for profile in applicable(purpose)])

    def _names(self, host: str, report: ChainReport) -> tuple[FamilyMatch, ...]:
        from whytls.pki.families import families

        return families(host, report.certificates[0])

    def _mended(self, chain: tuple[bytes, ...], known: tuple[bytes, ...], purpose: Purpose) -> Repair:
        from whytls.pki.repair import repaired

        anchors = self._ask.anchors
        above = () if anchors is None else AtHand(anchors).above([*chain, *known])
        return repaired(chain, at=self._ask.at, given=[*known, *above], anchors=None if anchors is None else above, purpose=purpose)

    def _completed(self, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """One certificate of a folder with its issuers out of the same folder: so its owner could present it."""
        from whytls.pki.repair import repaired

        return repaired(chain, at=self._ask.at, given=self._hand.above(chain)).chain or chain

    def _fetched(self, chain: tuple[bytes, ...]) -> list[str]:
        """Fetches the issuers that the chain lacks; says what went wrong."""
        from whytls.pki.fetch import fetch_issuers, is_public

        allow = (lambda _address: True) if self._ask.allow_private else is_public
        found = fetch_issuers(chain, at=self._ask.at, known=self._hand.above(chain), allow=allow)
        self._hand.add(found.certificates)
        return [f"{attempt.url}: {attempt.problem}" if attempt.problem else f"issuer fetched from {attempt.url}" for attempt in found.attempts]

    def _problem(self, defect: Defect, about: CheckResult, level: str | None = None, would_decide: str = "") -> Problem:
        index = defect.index if defect.index is not None and defect.index < len(about.chain) else None
        certificate = read(about.chain[index]) if index is not None else None
        subject = certificate or about.own
        wanted = would_decide or (ISSUER_WANTED if not defect.certain and defect.slug == "missing-intermediate" else "")
        return problem(
            defect, subject, about.at, level="failure" if level == "failure" else "warning", purpose=about.purpose, would_decide=wanted,
            evidence=(_evidence(about, index, certificate or subject),),
        )  # fmt: skip

    def _empty(self, begun: CheckResult, entry: Entry) -> CheckResult:
        """A key without a certificate, or a directive whose file is not there."""
        why = entry.warnings[0] if entry.warnings else "there is no certificate for this private key"
        if NOT_READ in why:
            return begun
        if not entry.role and begun.kind == "key" and self._form in ("PEM", "DER", "folder"):
            return self._lone_key(begun, entry)
        defect = Defect("no-certificate", facts={"problem": why}, detail="missing")
        return replace(begun, problems=(self._problem(defect, begun, "failure"),), notes=entry.warnings[1:])

    def _lone_key(self, begun: CheckResult, entry: Entry) -> CheckResult:
        """A private key in a file of its own, as servers are given it: which certificate at hand it belongs to."""
        own = self._hand.of_key(entry.public_key)
        if own is not None:
            return replace(begun, notes=(*entry.warnings, f"the private key of {own.subject}"))
        closed = "it was not opened, so that it is not known whose it is" if not entry.public_key else ""
        why = closed or "a private key, and none of the certificates at hand is its own"
        if closed or not (self._alone and self._ask.given):
            return replace(begun, notes=(*entry.warnings, f"{why}: name its certificate with --with" if self._alone else why))
        return replace(begun, problems=(self._problem(Defect("key-differs", facts={"problem": why}), begun, "failure"),), notes=entry.warnings)

    def _anchor(self, begun: CheckResult, entry: Entry) -> CheckResult:
        """A certificate that is trusted, or a CA's that stands alone."""
        certificate = read(entry.chain[0])
        facts = {"position": "anchor", "not_before": certificate.not_before, "not_after": certificate.not_after}
        found, notes = [], list(begun.notes)
        if not certificate.subject_der:
            found.append(Defect("malformed", 0, certificate.sha256, "unreadable", {"problems": certificate.problems}))
        if certificate.expired(begun.at):
            found.append(Defect("expired", 0, certificate.sha256, "root", facts))
        if certificate.not_yet_valid(begun.at):
            found.append(Defect("not-yet-valid", 0, certificate.sha256, "root", facts))
        no_ca = certificate.subject_der and not certificate.is_ca and certificate.version != 1
        # The system's own stores have some that have ended at any time; nobody mends them by hand, and nothing leads to them.
        grave = "warning" if begun.source in WORDS else "failure"
        problems = [self._problem(defect, begun, grave) for defect in found]
        if no_ca and begun.kind == "trusted":
            foreign = Defect("issuer-not-ca", 0, certificate.sha256, "anchor", {"position": "anchor"})
            if certificate.self_issued:
                notes.append(f"{certificate.subject}: trusted by itself, as a self-signed certificate; {said(foreign, begun.at)}")
            else:
                problems.append(self._problem(foreign, begun, "warning"))
        weak = examine([certificate.der], at=begun.at).find("weak-key")
        if weak is not None:
            problems.append(self._problem(weak, begun, "failure" if weak.detail == "rsa-below-1024" else "warning"))
        problems += self._soon(begun, entry.chain, "anchor")
        return replace(begun, problems=_grave_first(problems), notes=tuple(notes))

    def _of_key(self, begun: CheckResult, entry: Entry) -> Iterator[Problem]:
        """The private key against the certificate."""
        if entry.key_fits is False:
            where = next((warning for warning in entry.warnings if "belongs to certificate" in warning), "")
            facts = {"problem": where} if where else {}
            yield self._problem(Defect("key-differs", 0, read(entry.chain[0]).sha256, "other-place" if where else "", facts), begun, "failure")
        elif entry.role and not entry.key and not any(NOT_READ in warning for warning in entry.warnings):
            why = entry.warnings[0] if entry.warnings else "no key is named"
            yield self._problem(Defect("no-key", 0, read(entry.chain[0]).sha256, "", {"problem": why}), begun, "failure")

    def _of_server_names(self, begun: CheckResult, entry: Entry) -> Iterator[Problem]:
        """The names of an nginx server against its certificate's."""
        if entry.role != "ssl_certificate":
            return
        own = read(entry.chain[0])
        for name in _host_names(entry.alias):
            found = match(name.replace("*", "any-name", 1) if name.startswith("*.") else name, own)
            if not found.matches:
                facts = {"host": name, "presented": found.presented, "nearest": found.pattern, "position": "leaf"}
                yield self._problem(Defect("name-mismatch", 0, own.sha256, found.why, facts), begun, "failure")

    def _soon(self, begun: CheckResult, chain: Sequence[bytes], position: str = "") -> Iterator[Problem]:
        """What ends within the days of warning."""
        for index, der in enumerate(dict.fromkeys(chain)):
            certificate = read(der)
            end = certificate.not_after
            if end is not None and not certificate.expired(begun.at) and end - begun.at < self._ask.warn_days * DAY:
                left = max(0, (end - begun.at) // DAY)
                facts = {
                    "not_after": end, "days": in_days(left), "days_left": left,
                    "position": position or ("leaf" if not index else "intermediate"),
                }  # fmt: skip
                yield self._problem(Defect("expired", index, certificate.sha256, "soon", facts), begun, "warning")

    def _refusals(self, begun: CheckResult, found: _Analysis, told: Sequence[Problem]) -> Iterator[Problem]:
        """Profiles that refuse the chain for what no defect tells: their own words are told."""
        if any(problem.level == "failure" for problem in told):
            return
        for decision in found.decisions:
            if not decision.accepted and not decision.exhausted:
                facts = {"stack": STACK_NAMES[decision.profile], "words": decision.words}
                index = decision.index or 0
                yield self._problem(Defect("refused", index, decision.certificate, decision.profile, facts), begun, "failure")


STACK_NAMES = {"openssl": "OpenSSL", "java": "Java", "go": "Go", "browser": "a browser"}


def in_days(count: int) -> str:
    """How far away: ``in less than a day``, ``in 1 day``, ``in 12 days``."""
    return "in less than a day" if count == 0 else f"in {count:,} day{'' if count == 1 else 's'}"


def _is_authority(chain: Sequence[bytes]) -> bool:
    """One CA certificate alone: nobody presents it as its own."""
    certificate = read(chain[0])
    return len(chain) == 1 and (bool(certificate.is_ca) or (certificate.version == 1 and certificate.self_issued))


def _host_names(alias: str) -> list[str]:
    """The names of a server_name that a client can ask for; ``listen ...`` is the alias of a server that has none."""
    if alias.startswith("listen "):
        return []
    names = [name[1:] if name.startswith(".") else name for name in alias.split()]
    return [name for name in names if "." in name and not name.startswith("~") and not name.endswith("*") and "$" not in name]


def _evidence(about: CheckResult, index: int | None, certificate: Certificate | None) -> Evidence:
    """Which certificate it is, and where it stands."""
    from whytls.pki.notes import day

    count = len(about.chain)
    parts = [f"alias {about.alias}"] if about.alias and not about.role else [f"{about.role} of {about.alias}"] if about.role else []
    if certificate is not None and certificate.subject_der:
        place = f"certificate {index + 1} of {count}" if index is not None and count > 1 else "certificate"
        parts += [f"{place}, valid {day(certificate.not_before)} to {day(certificate.not_after)}, SHA-256 {certificate.sha256[:16]}…"]
    return Evidence(
        ", ".join(parts) or "no certificate", file=about.place.file, certificate=certificate.sha256 if certificate is not None else None,
        line=about.place.line,
    )  # fmt: skip


def _note(defect: Defect, report: ChainReport) -> str:
    certificate = report.certificates[defect.index] if defect.index is not None and defect.index < len(report.certificates) else None
    words = said(defect, report.at)
    return f"{certificate.subject}: {words}" if certificate is not None and certificate.subject else words


def _grave_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Failures before warnings, what is proven first; each once."""
    once: dict[tuple[str, str], Problem] = {}
    for found in problems:
        once.setdefault((found.cause, found.title), found)
    return tuple(sorted(once.values(), key=lambda p: (p.level != "failure", p.confidence != "proven")))


def at_hand(store: Store, ask: Ask) -> AtHand:
    """What chains of a store are completed from: its own certificates and what was given besides."""
    return AtHand([*store.certificates, *ask.given])
