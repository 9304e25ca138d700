"""What a live backend accepts against what its target's configuration offers: the half of an audit that asks (`--probe`).

A Survey is of what listens there, asked from this machine. A Message Processor elsewhere can be led to another one by its resolver; that is
why the address stands in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from whytls.checking.result import Ask
from whytls.edge import ciphers
from whytls.edge.audit.presented import Presents, against
from whytls.edge.audit.result import Concern, Subject
from whytls.edge.audit.rules import minded, said, will_fail
from whytls.edge.audit.targets import subject_of
from whytls.edge.environment import Environment, Target
from whytls.edge.settings import CLIENT_PROTOCOLS, find, sends_server_name
from whytls.edge.tlsinfo import TlsInfo
from whytls.model import Evidence
from whytls.pki.certificate import read
from whytls.surveying.result import Survey
from whytls.wire.registry import SSL2, SSL3, TLS10, TLS11, TLS12, TLS13, suite_facts, suite_name, version_name

NUMBERS: Mapping[str, int] = {"SSLv2Hello": SSL2, "SSLv3": SSL3, "TLSv1": TLS10, "TLSv1.1": TLS11, "TLSv1.2": TLS12, "TLSv1.3": TLS13}
NAMES: Mapping[int, str] = {number: name for name, number in NUMBERS.items()}
# What a Message Processor on Java 8 offers where nothing says otherwise (its client's default, and the runbook's).
USUAL = ("TLSv1.2",)
_CERTIFICATES = "server-certificate"


def concerns(target: Target, survey: Survey, environment: Environment, ask: Ask) -> Iterator[Concern]:
    """What does not go together."""
    subject = subject_of(target)
    if not survey.accepts:
        yield from _not_tls(target, survey, subject)
        return
    if not target.speaks_tls:
        title = f"plain HTTP is spoken to {subject.at}, and TLS is what it speaks there"
        facts = {"port": target.port, "hello": False}
        evidence = (said("no SSLInfo with Enabled true", target.origin, "tls"), _accepts(survey))
        yield will_fail("plaintext-to-tls-port", subject, "southbound", title, evidence, facts)
        return
    tls = target.tls or TlsInfo()
    versions = list(_protocols(target, tls, survey, subject, environment))
    yield from versions
    if not versions:
        yield from _suites(target, tls, survey, subject)
    yield from _names(target, survey, subject, environment)
    yield from _certificates(target, tls, survey, subject, environment, ask)
    yield from _client_certificate(target, tls, survey, subject, environment)


def offered(tls: TlsInfo, environment: Environment) -> tuple[tuple[str, ...], str]:
    """The protocols that a Message Processor offers for a target, by Java's names, and what says so."""
    if tls.protocols:
        return tls.protocols, "its Protocols"
    for token in CLIENT_PROTOCOLS:
        setting = find(environment.settings, token, "message-processor")
        if setting is not None:
            return tuple(word.strip() for word in setting.value.split(",") if word.strip()), str(setting)
    return USUAL, "a Message Processor's usual protocol"


def suites_of(survey: Survey) -> frozenset[int]:
    """Every suite that it accepts, in any version."""
    return frozenset(suite for version in survey.inventory.versions for suite in version.suites)


def shown_chain(survey: Survey) -> tuple[bytes, ...]:
    """The chain that those see who send the right name."""
    shown = survey.inventory.certificates
    ours = [one.chain for one in shown if one.server_name == survey.inventory.server_name]
    return (ours or [one.chain for one in shown] or [()])[0]


def _not_tls(target: Target, survey: Survey, subject: Subject) -> Iterator[Concern]:
    first = survey.problems[0] if survey.problems else None
    if not target.speaks_tls:
        return
    if first is None or first.cause in ("connection-refused", "connection-timeout", "unexplained"):
        title = f"nothing was reached at {subject.at}" + (f": {first.title}" if first else "")
        yield minded("backend-not-reached", subject, "southbound", title, first.evidence if first else (), confidence="possible")
        return
    yield Concern(
        "failure", first.cause, subject, "southbound", first.title, first.owners, first.evidence, first.fix, first.cause, first.cause_class,
        first.detail, first.confidence, first.would_decide,
    )  # fmt: skip


def _accepts(survey: Survey) -> Evidence:
    versions = [version_name(found.version) for found in survey.inventory.versions if found.suites]
    return Evidence(f"{survey.address} accepts {', '.join(versions)}")


def _protocols(target: Target, tls: TlsInfo, survey: Survey, subject: Subject, environment: Environment) -> Iterator[Concern]:
    accepted = [found.version for found in survey.inventory.versions if found.suites]
    names, source = offered(tls, environment)
    if set(accepted) & {NUMBERS[name] for name in names if name in NUMBERS}:
        return
    sure = bool(tls.protocols) or source.startswith(CLIENT_PROTOCOLS)
    listed = ", ".join(version_name(version) for version in accepted)
    title = f"the Message Processor offers {', '.join(names)}, and the backend accepts {listed} only"
    facts = {"newest": max(accepted), "oldest": min(accepted)}
    newer = max(accepted) > max((NUMBERS.get(name, 0) for name in names), default=0)
    yield will_fail(
        "protocol-mismatch", subject, "southbound", title, (said(f"{source}: {', '.join(names)}", target.origin, "tls.protocols"), _accepts(survey)),
        facts, detail="client-too-old" if newer else "server-too-old", confidence="proven" if sure else "likely",
        would_decide="" if sure else "the Message Processor's https.protocols or jdk.tls.client.protocols", chain=shown_chain(survey),
    )  # fmt: skip


def _suites(target: Target, tls: TlsInfo, survey: Survey, subject: Subject) -> Iterator[Concern]:
    mine, _ = ciphers.of_names(tls.ciphers)
    if not mine:
        return
    allowed = {NUMBERS[name] for name in tls.protocols if name in NUMBERS}
    theirs = {suite for found in survey.inventory.versions if not allowed or found.version in allowed for suite in found.suites}
    if theirs & set(mine) or not theirs:
        return
    some = sorted(theirs, key=lambda suite: not suite_facts(suite).tls13)
    title = f"none of the cipher suites that it offers is among the {len(theirs)} that the backend accepts"
    evidence = (
        said(f"Ciphers {ciphers.named(mine)}", target.origin, "tls.ciphers"),
        Evidence(
            f"{survey.address} accepts {', '.join(suite_name(suite) for suite in some[:3])}{f' and {len(some) - 3} more' if len(some) > 3 else ''}"
        ),
    )
    yield will_fail("cipher-mismatch", subject, "southbound", title, evidence, {"old_client": False}, chain=shown_chain(survey))


def _names(target: Target, survey: Survey, subject: Subject, environment: Environment) -> Iterator[Concern]:
    """A backend that serves several sites, and a Message Processor that sends no name (R9, R19, R20)."""
    habit = survey.names.habit
    switch = sends_server_name(environment.settings)
    if habit not in ("required", "default") or (switch is not None and switch[0]) or environment.dialect == "x":
        return
    shown = Evidence(survey.names.statements[0].text if survey.names.statements else f"without server_name it is {habit}")
    if switch is None:
        known = Evidence("whether the Message Processor sends a server name is not known: a private cloud's does not unless it is told to")
        level, sure, decide = "warning", "possible", "jsse.enableSNIExtension in the Message Processor's system.properties"
    else:
        known = Evidence(str(switch[1]), (), switch[1].place.file, None, switch[1].place.line)
        level, sure, decide = "failure", "proven", ""
    slug = "sni-missing" if habit == "required" else "sni-default-certificate"
    title = f"the backend {'refuses' if habit == 'required' else 'shows another certificate to'} those who send no server name" + (
        ", as the Message Processor is set" if switch is not None else ""
    )
    facts = {"name": target.host, "host": target.host, "names": target.host}
    yield will_fail(
        slug, subject, "southbound", title, (shown, known), facts, level="failure" if level == "failure" else "warning",
        confidence="proven" if sure == "proven" else "possible", would_decide=decide, chain=shown_chain(survey), purpose="server",
    )  # fmt: skip


def _certificates(target: Target, tls: TlsInfo, survey: Survey, subject: Subject, environment: Environment, ask: Ask) -> Iterator[Concern]:
    """The backend's chain, judged by the truststore of its target; what a gateway overlooks is a warning."""
    chain = shown_chain(survey)
    by = Presents(subject, "southbound", "server", tls, target.origin)
    held = environment.store(tls.trust_store)
    anchors = tuple(der for alias in held.store.aliases for der in alias.certificates) if held is not None else ()
    compares_names = environment.dialect == "x"
    trusted: list[Concern] = []
    if anchors and not tls.ignore_validation_errors:
        trusts = f"the Message Processor's truststore {held.store.name}" if held is not None else ""
        trusted = list(against(by, chain, f"what {survey.address} shows", anchors, trusts, ask, target.host if compares_names else None))
        yield from trusted
    told = {concern.cause for concern in trusted}
    for problem in survey.problems:
        if problem.cause_class != _CERTIFICATES or problem.cause in told or problem.defect is None:
            continue
        if problem.defect.slug in ("untrusted-root", "self-signed-leaf", "missing-intermediate") and (anchors or problem.level == "warning"):
            continue  # the truststore decides that
        if problem.cause == "certificate-name-mismatch" and not compares_names:
            title = f"{problem.title}: overlooked here, and refused where names are compared"
            yield minded("name-not-compared", subject, "southbound", title, problem.evidence)
            continue
        level = problem.level if anchors and not tls.ignore_validation_errors else "warning"
        yield Concern(
            level, problem.cause, subject, "southbound", problem.title, problem.owners, problem.evidence, problem.fix, problem.cause,
            problem.cause_class, problem.detail, problem.confidence, problem.would_decide, (), chain, "server",
        )  # fmt: skip


def _client_certificate(target: Target, tls: TlsInfo, survey: Survey, subject: Subject, environment: Environment) -> Iterator[Concern]:
    asked = survey.inventory.client_certificate
    if asked.wanted != "required":
        return
    if not tls.client_auth_enabled:
        title = "the backend wants a client certificate, and the target has none"
        evidence = (
            said("ClientAuthEnabled is not set", target.origin, "tls.client_auth_enabled"),
            Evidence(f"{survey.address} refuses those without one"),
        )
        yield will_fail(
            "client-certificate-missing", subject, "southbound", title, evidence, {"sent": False}, detail="none-configured", purpose="client"
        )
        return
    found = environment.presented(tls)
    if found is None or not found[1].certificates or not asked.authorities:
        return
    issuers = {read(der).issuer_der for der in found[1].certificates}
    if not issuers & set(asked.authorities):
        title = f"the backend names {len(asked.authorities)} CAs; none issued what {found[0]}, alias {found[1].name} holds: Java then sends nothing"
        issued = (Evidence(f"issued by {read(found[1].certificates[0]).issuer}"),)
        yield will_fail(
            "client-certificate-untrusted", subject, "southbound", title, issued, {"root": read(found[1].certificates[-1]).issuer},
            detail="not-among-issuers", confidence="likely", chain=found[1].certificates, purpose="client",
        )  # fmt: skip
