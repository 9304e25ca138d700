"""What is to be mended: a verdict, and the gateway's own resource that it is about."""

from __future__ import annotations

from typing import NamedTuple

from whytls.edge.audit.backends import NAMES, shown_chain, suites_of
from whytls.edge.audit.result import Concern
from whytls.edge.audit.targets import subject_of
from whytls.edge.audit.virtual_hosts import subject_of as subject_of_host
from whytls.edge.context import EdgeContext, Met
from whytls.edge.environment import Environment, Target, targets
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.virtualhost import VirtualHost
from whytls.model import Diagnosis, Fix, Hop
from whytls.surveying.result import Survey


class Case(NamedTuple):
    """One failure, or one concern of an audit. What is not known is empty."""

    cause: str  # a cause's slug, or a rule of the audit
    title: str
    hop: Hop
    detail: str = ""
    host: VirtualHost | None = None  # northbound
    target: Target | None = None  # southbound
    name: str = ""  # that the client called
    server_chain: tuple[bytes, ...] = ()  # as it was shown, DER
    client_chain: tuple[bytes, ...] = ()
    accepts: tuple[str, ...] = ()  # the server's protocols, by Java's names
    suites: tuple[int, ...] = ()  # the server's
    offers: tuple[str, ...] = ()  # the client's protocols
    offered_suites: tuple[int, ...] = ()
    fixes: tuple[Fix, ...] = ()  # the verdict's own
    file: str = ""

    @property
    def tls(self) -> TlsInfo:
        """The TLS settings of the resource that it is about."""
        found = self.host.tls if self.host is not None else self.target.tls if self.target is not None else None
        return found or TlsInfo()

    @property
    def subject(self) -> str:
        """For people: which resource."""
        if self.host is not None:
            return f"virtual host {self.host.name}"
        return str(subject_of(self.target)) if self.target is not None else ""

    def surveyed(self, survey: Survey | None) -> Case:
        """The same, with what a probe of its server told."""
        if survey is None or not survey.accepts:
            return self
        accepts = tuple(NAMES[found.version] for found in survey.inventory.versions if found.suites and found.version in NAMES)
        return self._replace(server_chain=shown_chain(survey) or self.server_chain, accepts=accepts, suites=tuple(suites_of(survey)))


def of_diagnosis(diagnosis: Diagnosis, context: EdgeContext) -> Case:
    """The case of a verdict on a recorded handshake, with all that the recording shows."""
    handshake = diagnosis.handshake
    met = context.met(handshake, diagnosis.hop) if handshake is not None else None
    fixes = tuple(fix for fix in (diagnosis.fix, *diagnosis.more_fixes) if fix is not None)
    case = Case(
        diagnosis.cause or "", diagnosis.title, diagnosis.hop, diagnosis.detail, met.virtual_host if met else None, met.target if met else None,
        diagnosis.sni or "", fixes=fixes, file=diagnosis.file,
    )  # fmt: skip
    if handshake is None:
        return case
    hello = handshake.retried_hello or handshake.client_hello
    profile = diagnosis.context.server_profile if diagnosis.context is not None else None
    seen_of_it = {seen.version for seen in profile.completed} if profile is not None else set()
    accepted = sorted(version for version in seen_of_it | {handshake.version} if version is not None)  # also one that the client then refused
    offered = sorted(version for version in (hello.versions if hello is not None else ()) if version in NAMES)
    return case._replace(
        server_chain=handshake.server_chain or (), client_chain=handshake.client_chain or (),
        accepts=tuple(NAMES[version] for version in accepted if version in NAMES), offers=tuple(NAMES[version] for version in offered),
        suites=tuple({seen.cipher_suite for seen in profile.completed if seen.cipher_suite is not None}) if profile is not None else (),
        offered_suites=tuple(hello.cipher_suites) if hello is not None else (),
    )  # fmt: skip


def of_concern(concern: Concern, environment: Environment) -> Case:
    """The case of a concern."""
    host = next((one for one in environment.virtual_hosts.values() if subject_of_host(one) == concern.subject), None)
    target = next((one for one in targets(environment) if subject_of(one) == concern.subject), None)
    chains = {"client": ((), concern.chain), "server": (concern.chain, ())}.get(concern.purpose or "server", ((), ()))
    fixes = (concern.fix,) if concern.fix is not None else ()
    name = target.host if target is not None else next(iter(host.host_aliases), "") if host is not None else ""
    return Case(concern.rule, concern.title, concern.hop, concern.detail, host, target, name, *chains, fixes=fixes)


def located(context: EdgeContext, hop: Hop, name: str, port: int) -> tuple[Hop, Met | None]:
    """What a name and a port mean in this gateway; where the hop was not told, the one side that fits."""
    if hop != "direct":
        return hop, context.meant(hop, name, port)
    sides: tuple[Hop, Hop] = ("northbound", "southbound")
    found = [(side, met) for side in sides if (met := context.meant(side, name, port)) is not None]
    return found[0] if len(found) == 1 else ("direct", None)
