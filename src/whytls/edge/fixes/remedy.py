"""One way to mend something: the fix in words and artefacts, the changes that a Management API can be asked for, and what is still lacking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from whytls.edge.environment import Environment, Target
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.change import Change
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.xml import element, write
from whytls.model import Artefact, Fix, Grade, Owner

if TYPE_CHECKING:
    from whytls.probing.facts import Identity

SERVICE = "/opt/apigee/apigee-service/bin/apigee-service"
PROPERTIES = "/opt/apigee/customer/application/{component}.properties"
OWNER = "apigee:apigee"


class Given(NamedTuple):
    """What the user has at hand."""

    identity: Identity | None = None  # a certificate with its chain and private key
    certificates: tuple[bytes, ...] = ()  # others, DER
    message_processors: tuple[str, ...] = ()  # their machines
    routers: tuple[str, ...] = ()


class Bench(NamedTuple):
    """Where fixes are made: the environment as it was read, what is at hand, and the time."""

    environment: Environment
    given: Given
    at: int  # nanoseconds since 1970

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Every certificate at hand: those given, and those of all keystores."""
        held = (der for store in self.environment.keystores.values() for alias in store.aliases for der in alias.certificates)
        own = self.given.identity.chain if self.given.identity is not None else ()
        return tuple(dict.fromkeys((*self.given.certificates, *own, *held)))


class Remedy(NamedTuple):
    """One way. It can be applied where it has changes and lacks nothing."""

    fix: Fix
    changes: tuple[Change, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def applicable(self) -> bool:
        """Whether the Management API can be asked for it."""
        return bool(self.changes) and not self.lacks


def remedy(
    owner: Owner, text: str, grade: Grade = "reload", artefacts: tuple[Artefact, ...] = (), *, made: tuple[Change, ...] = (),
    lacks: tuple[str, ...] = (), bench: Bench | None = None,
) -> Remedy:  # fmt: skip
    """A remedy; the changes' own artefacts stand after those given."""
    written = tuple(artefact for one in made for artefact in changes.artefacts(one, bench.environment)) if bench is not None else ()
    return Remedy(Fix(owner, text, grade, (*artefacts, *written)), made, lacks)


def with_tls(case: Case, tls: TlsInfo, bench: Bench) -> tuple[Change, ...]:
    """The change that gives the case's virtual host or target these TLS settings; nothing where they are its own already."""
    if tls == case.tls:
        return ()
    if case.host is not None:
        return (changes.virtual_host(case.host, replace(case.host, tls=tls)),)
    return with_target(case.target, tls, bench) if case.target is not None else ()


def with_target(target: Target, tls: TlsInfo, bench: Bench) -> tuple[Change, ...]:
    """The same for a target: its target server's own settings count before those of the TargetEndpoint that names it."""
    server, endpoint = target.server, target.endpoint
    if server is not None and (server.tls is not None or endpoint is None or endpoint.tls is None):
        return (changes.target_server(server, replace(server, tls=tls), bench.environment),)
    if endpoint is not None and endpoint.proxy:
        return (changes.proxy(endpoint, replace(endpoint, tls=tls)),)
    return ()


def sketch(case: Case, tls: TlsInfo) -> tuple[Artefact, ...]:
    """The TLS settings as XML to be put in by hand, where it is not known which target they belong to (R21)."""
    if case.target is not None or case.hop != "southbound":
        return ()
    written = write(element("HTTPTargetConnection", children=(tls.to_xml(),)))
    return (Artefact("xml", written, "the proxy's TargetEndpoint; of a target server the same as its sSLInfo"),)


def restarts(component: str, machines: tuple[str, ...]) -> tuple[Artefact, ...]:
    """The restart of a component, on each machine that is known, one after the other."""
    where = {"message-processor": "every Message Processor, in turn", "router": "every Router, in turn"}[component]
    lines = [f"{SERVICE} edge-{component} restart", f"{SERVICE} edge-{component} wait_for_ready"]
    if machines:
        lines = [f"ssh {machine} '{lines[0]} && {lines[1]}'" for machine in machines]
        where += f": {', '.join(machines)}"
    return (Artefact("command", "\n".join(lines), where),)


def setting(component: str, line: str, machines: tuple[str, ...]) -> tuple[Artefact, ...]:
    """A line of a customer's properties file, its owner, and the restart that makes it count (R27)."""
    path = PROPERTIES.format(component=component)
    kind = "Message Processor" if component == "message-processor" else "Router"
    return (
        Artefact("properties", line, f"{path} on every {kind}, owner {OWNER}"),
        Artefact("command", f"chown {OWNER} {path}", f"every {kind}"),
        *restarts(component, machines),
    )
