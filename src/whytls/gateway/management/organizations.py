"""Organizations, environments, and the sign-in that clients of Edge's public cloud do before anything else."""

from __future__ import annotations

import hmac

from whytls.edge import fields
from whytls.exceptions import InputError
from whytls.gateway import store as stores
from whytls.gateway.management import problem
from whytls.gateway.management.route import FORM, JSON, Answer, Call, Route, Shape, checked_name
from whytls.gateway.store import Refused, Scope

ORGANIZATION = "/v1/organizations/{organization}"
ENVIRONMENT = ORGANIZATION + "/environments/{environment}"
TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
EXPIRES = 1799  # seconds; what Edge's sign-in says, so that clients that keep a token ask again


def _organizations(call: Call) -> Answer:
    return Answer(stores.organizations(call.store))


def _create_organization(call: Call) -> Answer:
    name = checked_name(fields.mapping(call.json(), "organization").get("name"), "organization")
    stores.create_organization(call.store, name)
    return Answer(_described(call, name), 201)


def _organization(call: Call) -> Answer:
    return Answer(_described(call, call.path["organization"]))


def _environments(call: Call) -> Answer:
    return Answer(stores.environments(call.store, call.path["organization"]))


def _create_environment(call: Call) -> Answer:
    name = checked_name(fields.mapping(call.json(), "environment").get("name"), "environment")
    stores.create_environment(call.store, Scope(call.path["organization"], name))
    return Answer({"name": name, "properties": {"property": []}}, 201)


def _environment(call: Call) -> Answer:
    organization, name = call.scope
    if name not in stores.environments(call.store, organization):
        raise Refused("missing", "environment", f"Environment {name} does not exist in organization {organization}")
    return Answer({"name": name, "properties": {"property": []}})


def _described(call: Call, name: str) -> dict[str, object]:
    return {
        "name": name, "displayName": name, "type": "paid", "environments": stores.environments(call.store, name), "properties": {"property": []},
    }  # fmt: skip


def _token(call: Call) -> Answer:
    given = call.form()
    token = call.store.secret.token
    if given.get("grant_type") == "refresh_token":
        right = hmac.compare_digest(given.get("refresh_token", "").encode(), token.encode())
    elif given.get("grant_type") == "password":
        known = hmac.compare_digest(given.get("username", "").encode(), call.settings.user.encode())
        right = hmac.compare_digest(given.get("password", "").encode(), token.encode()) and known
    else:
        raise InputError("no such grant_type", hint="password or refresh_token")
    if not right:
        return problem.answer(401, "gateway.management.Unauthorized", "The user or the password is not known here")
    answer = {"access_token": token, "refresh_token": token, "token_type": "bearer", "expires_in": EXPIRES, "scope": ""}
    return Answer(answer, headers={"cache-control": "no-store"})


_NAMED = (Shape(JSON, "Named"),)
ROUTES = (
    Route(
        "POST",
        TOKEN_PATH,
        _token,
        "Sign in, as on Edge's sign-in server: the token for Authorization: Bearer",
        "Token",
        takes=(Shape(FORM, "SignIn"),),
    ),
    Route("GET", "/v1/organizations", _organizations, "The organizations", "Names"),
    Route("POST", "/v1/organizations", _create_organization, "Make an organization", "Organization", 201, takes=_NAMED),
    Route("GET", ORGANIZATION, _organization, "An organization", "Organization"),
    Route("GET", ORGANIZATION + "/environments", _environments, "The environments of an organization", "Names"),
    Route("POST", ORGANIZATION + "/environments", _create_environment, "Make an environment", "Environment", 201, takes=_NAMED),
    Route("GET", ENVIRONMENT, _environment, "An environment", "Environment"),
)
