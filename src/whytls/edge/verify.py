"""Whether a fix has helped: the environment as it is now, looked at again, and what is live asked again."""

from __future__ import annotations

from typing import NamedTuple

from whytls.checking.result import Ask
from whytls.edge.audit.backends import shown_chain
from whytls.edge.audit.run import Surveys, audit
from whytls.edge.audit.targets import subject_of
from whytls.edge.audit.virtual_hosts import subject_of as subject_of_host
from whytls.edge.environment import Environment, Target, targets
from whytls.edge.fixes.case import Case
from whytls.surveying.result import Survey


class Verified(NamedTuple):
    """``good`` is None where nothing could be asked that would tell."""

    good: bool | None
    told: tuple[str, ...]


def verified(case: Case, now: Environment, ask: Ask, surveys: Surveys, router: Survey | None = None) -> Verified:
    """Judges a case anew. ``surveys`` are of the backends, ``router`` of the virtual host, each asked after the change."""
    if case.host is not None:
        return _northbound(case, now, ask, router)
    if case.target is not None:
        return _southbound(case, case.target, now, ask, surveys)
    return Verified(None, ("it is about no resource of this environment, so there is nothing to ask",))


def _southbound(case: Case, called: Target, now: Environment, ask: Ask, surveys: Surveys) -> Verified:
    place = (called.host, called.port)
    found = audit(now, ask, surveys=surveys)
    names = {subject_of(target)[:2] for target in targets(now) if (target.host, target.port) == place}
    left = [concern for concern in found.concerns if concern.subject[:2] in names and concern.rule == case.cause]
    told = [f"still so: {concern.title}" for concern in left]
    survey = surveys.get(place)
    if survey is None:
        told.append("the backend was not asked: only what is configured was looked at")
        return Verified(False if left else None, tuple(told))
    if not survey.accepts:
        return Verified(False, (*told, f"the backend at {survey.address} takes no handshake"))
    versions = [version for version in survey.inventory.versions if version.suites]
    told.append(
        f"the backend at {survey.address} was asked: {len(versions)} versions, {sum(len(version.suites) for version in versions)} cipher suites"
    )
    others = [concern for concern in found.concerns if concern.subject[:2] in names and concern.level == "failure" and concern.rule != case.cause]
    told += [f"and besides: {concern.title}" for concern in others]
    return Verified(not left and not others, tuple(told))


def _northbound(case: Case, now: Environment, ask: Ask, router: Survey | None) -> Verified:
    host = now.virtual_hosts.get(case.host.name) if case.host is not None else None
    if host is None:
        return Verified(False, ("the virtual host is not there any more",))
    left = [c for c in audit(now, ask).concerns if c.subject[:2] == subject_of_host(host)[:2] and c.rule == case.cause]
    told = [f"still so: {concern.title}" for concern in left]
    if router is None:
        told.append("the Router was not asked: only what is configured was looked at (--verify HOST:PORT asks it)")
        return Verified(False if left else None, tuple(told))
    if not router.accepts:
        return Verified(False, (*told, f"the Router at {router.address} takes no handshake"))
    found = now.presented(host.tls)
    held = found[1].certificates if found is not None else ()
    shown = shown_chain(router)
    if held and shown[:1] != held[:1]:
        own = found[1].name if found is not None else ""
        told.append(f"the Router at {router.address} still shows another certificate than alias {own} holds: does it need a restart?")
        return Verified(False, tuple(told))
    if held and shown != held:
        told.append(f"the Router at {router.address} shows {len(shown)} certificates, and the alias holds {len(held)}")
        return Verified(False, tuple(told))
    problems = [problem for problem in router.problems if problem.level == "failure"]
    told += [f"and besides: {problem.title}" for problem in problems]
    told.append(f"the Router at {router.address} was asked, and shows what its keystore holds")
    return Verified(not left and not problems, tuple(told))
