"""Roles and users, as far as apigeetool and apigeecli ask for them."""

from __future__ import annotations

from typing import Any

from whytls.edge import fields
from whytls.exceptions import InputError
from whytls.gateway import roles as held
from whytls.gateway.management.organizations import ORGANIZATION
from whytls.gateway.management.route import FORM, JSON, NAME, Answer, Call, Parameter, Route, Shape, checked_name
from whytls.gateway.store import Refused

PERMISSIONS = ("get", "put", "delete")
ROLES = ORGANIZATION + "/userroles"
ROLE = ROLES + "/{name}"


def _names(call: Call) -> Answer:
    return Answer(held.names(call.store, call.path["organization"]))


def _create(call: Call) -> Answer:
    listed = fields.mapping(call.json(), "roles").get("role")
    if not isinstance(listed, list) or not 1 <= len(listed) <= fields.MOST:
        raise InputError("the body has no roles", hint='{"role": [{"name": "operator"}]}')
    names = [checked_name(fields.mapping(role, "role").get("name"), "role") for role in listed]
    held.create(call.store, call.path["organization"], names)
    return Answer({"role": [{"name": name} for name in names]}, 201)


def _role(call: Call) -> Answer:
    _members(call)
    return Answer({"name": call.path["name"]})


def _delete(call: Call) -> Answer:
    held.delete(call.store, call.path["organization"], call.path["name"])
    return Answer({"name": call.path["name"]})


def _members(call: Call) -> list[str]:
    return held.members(call.store, call.path["organization"], call.path["name"])


def _users(call: Call) -> Answer:
    return Answer(_members(call))


def _add_user(call: Call) -> Answer:
    email = checked_name(call.form().get("id"), "user")
    held.add_member(call.store, call.path["organization"], call.path["name"], email)
    return Answer(_user(email), 201)


def _one_user(call: Call) -> Answer:
    email = call.path["email"]
    if email not in _members(call):
        raise Refused("missing", "user", f"User {email} does not have role {call.path['name']}")
    return Answer(_user(email))


def _remove_user(call: Call) -> Answer:
    held.remove_member(call.store, call.path["organization"], call.path["name"], call.path["email"])
    return Answer(_user(call.path["email"]))


def _permissions(call: Call) -> Answer:
    given = held.permissions(call.store, call.path["organization"], call.path["name"])
    wanted = call.query.get("path")
    return Answer({"resourcePermission": [_permission(call, path, words) for path, words in given.items() if wanted in (None, "", path)]})


def _permit(call: Call) -> Answer:
    source = fields.mapping(call.json(), "permissions")
    listed: Any = source.get("resourcePermission", [source])
    if not isinstance(listed, list) or len(listed) > fields.MOST:
        raise InputError("the body has no list of permissions", hint='{"resourcePermission": [{"path": "/", "permissions": ["get"]}]}')
    given: dict[str, list[str]] = {}
    for entry in listed:
        one = fields.mapping(entry, "permission")
        path = fields.text(one.get("path"), "path")
        if not path.startswith("/"):
            raise InputError(f"the path {path[:60]!r} does not begin with /")
        given[path] = list(fields.words(one.get("permissions"), "permissions"))
        if not set(given[path]) <= set(PERMISSIONS):
            raise InputError(f"permissions {', '.join(given[path])[:60]!r}", hint=f"of {', '.join(PERMISSIONS)}")
    held.permit(call.store, call.path["organization"], call.path["name"], given)
    return Answer({"resourcePermission": [_permission(call, path, words) for path, words in given.items()]}, 201)


def _permission(call: Call, path: str, words: list[str]) -> dict[str, Any]:
    return {"organization": call.path["organization"], "path": path, "permissions": words}


def _user(email: str) -> dict[str, str]:
    return {"emailId": email}


_ID = Parameter("id", "the user's e-mail address, here or in the body", pattern=NAME)
ROUTES = (
    Route("GET", ROLES, _names, "The roles of an organization", "Names"),
    Route("POST", ROLES, _create, "Make roles", "Any", 201, takes=(Shape(JSON, "Roles"),)),
    Route("GET", ROLE, _role, "A role", "Any"),
    Route("DELETE", ROLE, _delete, "Delete a role", "Any"),
    Route("GET", ROLE + "/users", _users, "The users who have a role", "Names"),
    Route("POST", ROLE + "/users", _add_user, "Give a role to a user", "Any", 201, (_ID,), (Shape(FORM, "UserId"),)),
    Route("GET", ROLE + "/users/{email}", _one_user, "Whether a user has a role", "Any"),
    Route("DELETE", ROLE + "/users/{email}", _remove_user, "Take a role from a user", "Any"),
    Route("GET", ROLE + "/permissions", _permissions, "What a role may do", "Any", 200, (Parameter("path", "only this one"),)),
    Route("POST", ROLE + "/resourcepermissions", _permit, "Set what a role may do", "Any", 201, takes=(Shape(JSON, "Permissions"),)),
)
