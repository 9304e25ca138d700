"""Deployments of API proxies, in all the places where Edge has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from whytls.exceptions import InputError
from whytls.gateway import proxies as held
from whytls.gateway.management.organizations import ENVIRONMENT, ORGANIZATION
from whytls.gateway.management.route import FORM, NAME, NUMBER, Answer, Call, Parameter, Route, Shape, checked_name
from whytls.gateway.proxies import Deployment
from whytls.gateway.store import Refused, Scope

SERVERS = ("router", "message-processor")
_BASE_PATH = re.compile(r"/?[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]{0,250}")


def _of_organization(call: Call) -> Answer:
    return Answer(_by_environment(call, held.deployments(call.store, call.path["organization"])))


def _of_environment(call: Call) -> Answer:
    organization, environment = call.scope
    return Answer(_environment(organization, environment, held.deployments(call.store, organization, environment=environment)))


def _of_proxy(call: Call) -> Answer:
    organization, name = call.path["organization"], call.path["name"]
    found = held.deployments(call.store, organization, proxy=name)
    listed = [
        {"name": environment, "revision": [_revision(organization, one) for one in group]}
        for environment, group in groupby(found, key=lambda one: one.environment)
    ]
    return Answer({"name": name, "organization": organization, "environment": listed})


def _of_proxy_there(call: Call) -> Answer:
    organization, environment = call.scope
    name = call.path["name"]
    found = held.deployments(call.store, organization, environment=environment, proxy=name)
    if not found:
        raise _not_deployed(f"APIProxy {name} is not deployed in environment {environment}")
    listed = [_revision(organization, one) for one in found]
    return Answer({"name": name, "aPIProxy": name, "organization": organization, "environment": environment, "revision": listed})


def _of_revision(call: Call) -> Answer:
    organization, name, number = call.path["organization"], call.path["name"], call.revision
    found = held.deployments(call.store, organization, proxy=name, number=number)
    listed = [{**_revision(organization, one), "name": one.environment, "revision": str(one.number)} for one in found]
    return Answer({"name": str(number), "aPIProxy": name, "organization": organization, "environment": listed})


def _of_revision_there(call: Call) -> Answer:
    organization, environment = call.scope
    found = held.deployments(call.store, organization, environment=environment, proxy=call.path["name"], number=call.revision)
    if not found:
        raise _not_deployed(f"APIProxy {call.path['name']} revision {call.revision} is not deployed in environment {environment}")
    return Answer(_one(organization, found[0]))


def _deploy_there(call: Call) -> Answer:
    return _act(call, call.form(), call.path["environment"], call.revision, "deploy")


def _undeploy_there(call: Call) -> Answer:
    return Answer(_one(call.path["organization"], held.undeploy(call.store, call.scope, call.path["name"], call.revision), "undeployed"))


def _act_on_revision(call: Call) -> Answer:
    given = call.form()
    return _act(call, given, checked_name(given.get("env"), "env"), call.revision, "")


def _act_on_proxy(call: Call) -> Answer:
    given = call.form()
    number = given.get("revision", "")
    if not re.fullmatch(NUMBER, number):
        raise InputError(f"revision is {number[:40]!r}", hint="expected a number from 1")
    return _act(call, given, checked_name(given.get("env"), "env"), int(number), "")


def _act(call: Call, given: dict[str, str], environment: str, number: int, default: str) -> Answer:
    """Deploys or undeploys, as ``action`` says. ``delay`` and ``force`` are accepted: here nothing has to wait."""
    action = given.get("action") or default
    scope, name = Scope(call.path["organization"], environment), call.path["name"]
    if action == "undeploy":
        return Answer(_one(scope.organization, held.undeploy(call.store, scope, name, number), "undeployed"))
    if action != "deploy":
        raise InputError(f"action is {action[:40]!r}", hint="deploy or undeploy")
    base_path = given.get("basepath") or "/"
    if not _BASE_PATH.fullmatch(base_path):
        raise InputError(f"basepath is {base_path[:60]!r}", hint="expected a path such as /v1")
    override = given.get("override", "").lower() == "true"
    given_way = held.deploy(call.store, scope, name, number, held.joined("", base_path), override=override)
    now = held.deployments(call.store, scope.organization, environment=environment, proxy=name, number=number)[0]
    made = _one(scope.organization, now)
    if given_way:  # Edge then tells of each revision
        gone = [_one(scope.organization, one, "undeployed") for one in given_way]
        made = {"aPIProxy": name, "organization": scope.organization, "environment": [made, *gone]}
    return Answer(made)


# --- shapes -------------------------------------------------------------------------------------------------------------------------------------


def _one(organization: str, found: Deployment, state: str = "deployed") -> dict[str, Any]:
    """One deployment as Edge tells of it when it is made."""
    where = {"aPIProxy": found.proxy, "revision": str(found.number), "organization": organization, "environment": found.environment}
    return {**where, **_revision(organization, found, state)}


def _revision(organization: str, found: Deployment, state: str = "deployed") -> dict[str, Any]:
    """One deployment in a list, where it is named by its revision."""
    configuration = {"basePath": found.base_path, "steps": []}
    return {"name": str(found.number), "state": state, "configuration": configuration, "server": _servers(organization, found, state)}


def _servers(organization: str, found: Deployment, state: str) -> list[dict[str, Any]]:
    """The components that serve it; each has a number that stays the same."""
    place = f"urn:{organization}:{found.environment}"
    return [{"status": state, "type": [kind], "uUID": str(uuid5(NAMESPACE_URL, f"{place}:{kind}"))} for kind in SERVERS]


def _environment(organization: str, name: str, found: Iterable[Deployment]) -> dict[str, Any]:
    listed = [
        {"name": proxy, "revision": [_revision(organization, one) for one in group]} for proxy, group in groupby(found, key=lambda one: one.proxy)
    ]
    return {"name": name, "organization": organization, "aPIProxy": listed}


def _by_environment(call: Call, found: list[Deployment]) -> dict[str, Any]:
    organization = call.path["organization"]
    listed = [_environment(organization, name, group) for name, group in groupby(found, key=lambda one: one.environment)]
    return {"name": organization, "environment": listed}


def _not_deployed(problem: str) -> Refused:
    return Refused("invalid", "deployment", problem, code="distribution.ApplicationNotDeployed")


API = ORGANIZATION + "/apis/{name}"
API_THERE = ENVIRONMENT + "/apis/{name}"
_ENV = Parameter("env", "the environment", pattern=NAME)
_ACTION = Parameter("action", "what to do", choices=("deploy", "undeploy"))
_MORE = (
    Parameter("override", "undeploy the revision that is deployed", "boolean"), Parameter("delay", "accepted; nothing waits", "integer"),
    Parameter("force", "accepted; nothing waits", "boolean"), Parameter("basepath", "before the base paths of the proxy"),
)  # fmt: skip
_TAKES = (Shape(FORM, "Deploy"),)
ROUTES = (
    Route("GET", ORGANIZATION + "/deployments", _of_organization, "All deployments of an organization", "Deployments"),
    Route("GET", ENVIRONMENT + "/deployments", _of_environment, "All deployments in an environment", "Deployments"),
    Route("GET", API + "/deployments", _of_proxy, "Where a proxy is deployed", "Deployments"),
    Route(
        "POST", API + "/deployments", _act_on_proxy, "Deploy or undeploy a revision", "Deployed", 200,
        (_ACTION, _ENV, Parameter("revision", "the revision", pattern=NUMBER), *_MORE), _TAKES,
    ),
    Route("GET", API + "/revisions/{revision}/deployments", _of_revision, "Where a revision is deployed", "Deployments"),
    Route(
        "POST", API + "/revisions/{revision}/deployments", _act_on_revision, "Deploy or undeploy a revision", "Deployed", 200,
        (_ACTION, _ENV, *_MORE), _TAKES,
    ),
    Route("GET", API_THERE + "/deployments", _of_proxy_there, "Which revision of a proxy is deployed there", "Deployments"),
    Route("GET", API_THERE + "/revisions/{revision}/deployments", _of_revision_there, "Whether a revision is deployed there", "Deployed"),
    Route(
        "POST", API_THERE + "/revisions/{revision}/deployments", _deploy_there, "Deploy a revision", "Deployed", 200, (_ACTION, *_MORE), _TAKES
    ),
    Route("DELETE", API_THERE + "/revisions/{revision}/deployments", _undeploy_there, "Undeploy a revision", "Deployed"),
)  # fmt: skip
