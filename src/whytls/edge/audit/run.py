"""The audit of an environment: everything that was looked at, the worst first. Pure: who probes does so before, and hands the surveys in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from whytls.checking.result import Ask
from whytls.edge.audit import backends, machines, stores, targets, virtual_hosts
from whytls.edge.audit.result import Concern, Looked, Subject, gravity
from whytls.edge.audit.virtual_hosts import subject_of
from whytls.edge.environment import Environment, Target
from whytls.edge.environment import targets as targets_of
from whytls.model import NOTHING_AT_REST, AtRest
from whytls.surveying.result import Survey

Surveys = Mapping[tuple[str, int], Survey]  # by host and port
NOTHING: Surveys = {}


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found; ``looked`` has everything that was looked at, ``concerns`` what is wrong, the worst first."""

    environment: Environment
    at: int  # nanoseconds since 1970: judged for then
    looked: tuple[Looked, ...]
    warnings: tuple[str, ...] = ()

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """Everything that is wrong, the worst first."""
        return tuple(sorted((concern for one in self.looked for concern in one.concerns), key=gravity))

    @property
    def failed(self) -> int:
        """How many will fail."""
        return sum(concern.level == "failure" for concern in self.concerns)

    def with_warnings(self, warnings: tuple[str, ...]) -> Audit:
        """The same audit, with more to be told about how it was made."""
        return replace(self, warnings=(*self.warnings, *warnings))


def audit(
    environment: Environment, ask: Ask, *, clients: AtRest = NOTHING_AT_REST, backend_stores: AtRest = NOTHING_AT_REST, surveys: Surveys = NOTHING,
    proxies: bool = True,
) -> Audit:  # fmt: skip
    """Looks at everything. ``clients`` and ``backend_stores`` are the stores of the two far sides, as far as they are given."""
    looked: dict[Subject, list[Concern]] = {}
    probed: set[Subject] = set()
    for host in environment.virtual_hosts.values():
        looked.setdefault(subject_of(host), []).extend(virtual_hosts.concerns(host, environment, ask, clients))
    for concern in virtual_hosts.twice(environment):
        looked.setdefault(concern.subject, []).append(concern)
    for target in targets_of(environment):
        subject = targets.subject_of(target)
        found = looked.setdefault(subject, [])
        survey = surveys.get((target.host, target.port))
        _add(found, targets.concerns(target, environment, ask, backend_stores))
        if survey is not None:
            probed.add(subject)
            if survey.accepts:  # what was only likely is now known
                found[:] = [concern for concern in found if concern.rule != "plaintext-to-tls-port"]
            _add(found, backends.concerns(target, survey, environment, ask))
    for concern in (*stores.concerns(environment, ask.at, proxies=proxies), *machines.concerns(environment)):
        looked.setdefault(concern.subject, []).append(concern)
    rows = tuple(Looked(subject, tuple(found), subject in probed) for subject, found in looked.items())
    return Audit(environment, ask.at, rows, environment.warnings)


def to_probe(environment: Environment) -> tuple[Target, ...]:
    """The targets that a probe asks: each place once."""
    once: dict[tuple[str, int], Target] = {}
    for target in targets_of(environment):
        if target.server is None or target.server.enabled:
            once.setdefault((target.host, target.port), target)
    return tuple(once.values())


def _add(found: list[Concern], more: Iterable[Concern]) -> None:
    """Several proxies can name one target server: what is wrong with it is told once."""
    known = {(concern.rule, concern.title) for concern in found}
    found += [concern for concern in more if (concern.rule, concern.title) not in known]
