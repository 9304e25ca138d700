"""API proxies: bundles in and out, revisions and the documents in them, one by one as apigeetool sends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from whytls.edge import fields
from whytls.edge.resources import TargetEndpoint
from whytls.edge.xml import parse
from whytls.exceptions import InputError
from whytls.gateway import bundle
from whytls.gateway import proxies as held
from whytls.gateway.management.multipart import parts
from whytls.gateway.management.organizations import ORGANIZATION
from whytls.gateway.management.route import (
    BYTES,
    FILE_NAME,
    JSON,
    LARGE,
    MEDIUM,
    MULTIPART,
    NAME,
    TEXT_XML,
    XML,
    ZIP,
    Answer,
    Call,
    Parameter,
    Route,
    Shape,
    checked_name,
)  # fmt: skip
from whytls.gateway.store import Refused

APIS = ORGANIZATION + "/apis"
API = APIS + "/{name}"
REVISION = API + "/revisions/{revision}"
VERSION = {"majorVersion": 4, "minorVersion": 0}  # of the configuration, as Edge's bundles say


def _names(call: Call) -> Answer:
    return Answer(held.names(call.store, call.path["organization"]))


def _import(call: Call) -> Answer:
    """Edge: ``action=import`` with a bundle, or a name in JSON for a proxy that is empty."""
    if call.query.get("action") == "import":
        name = checked_name(call.query.get("name"), "proxy")
        files = bundle.proxy_files(_bundle(call))
    else:
        name = checked_name(fields.mapping(call.json(), "proxy").get("name"), "proxy")
        if name in held.names(call.store, call.path["organization"]):
            raise Refused("exists", "proxy", f"APIProxy {name} exists already", code="messaging.config.beans.ApplicationAlreadyExists")
        files = {f"{bundle.ROOT}/{name}.xml": f'<APIProxy name="{name}"/>\n'.encode()}
    made = held.add_revision(call.store, call.path["organization"], name, files)
    return Answer(_described(call, made, files), 201)


def _proxy(call: Call) -> Answer:
    revisions = held.revisions(call.store, call.path["organization"], call.path["name"])
    first, last = revisions[0], max(revisions, key=lambda found: found.modified)
    about = {"createdAt": first.created, "createdBy": call.settings.user, "lastModifiedAt": last.modified, "lastModifiedBy": call.settings.user}
    return Answer({"name": first.proxy, "revision": [str(found.number) for found in revisions], "metaData": about})


def _delete(call: Call) -> Answer:
    organization, name = call.path["organization"], call.path["name"]
    last = held.revisions(call.store, organization, name)[-1]
    shown = _described(call, last, held.files(call.store, organization, name, last.number))
    held.delete(call.store, organization, name)
    return Answer(shown)


# --- revisions ------------------------------------------------------------------------------------------------------------------------------


def _revisions(call: Call) -> Answer:
    return Answer([str(found.number) for found in held.revisions(call.store, call.path["organization"], call.path["name"])])


def _revision(call: Call) -> Answer:
    found, files = _found(call), _files(call)
    if call.query.get("format") == "bundle":
        name = f'attachment; filename="{found.proxy}_rev{found.number}.zip"'
        return Answer(body=bundle.zipped(files), media=ZIP, headers={"content-disposition": name})
    return Answer(_described(call, found, files))


def _replace(call: Call) -> Answer:
    files = bundle.proxy_files(_bundle(call))
    made = held.replace_files(call.store, call.path["organization"], call.path["name"], call.revision, files)
    return Answer(_described(call, made, files))


def _delete_revision(call: Call) -> Answer:
    files = _files(call)
    return Answer(_described(call, held.delete_revision(call.store, call.path["organization"], call.path["name"], call.revision), files))


# --- the documents in a revision ----------------------------------------------------------------------------------------------------------------


def _part_routes(folder: str, root: str) -> tuple[Route, ...]:
    """The calls for one folder of a bundle: ``proxies``, ``targets``, ``policies``; ``root`` is the element that its documents begin with."""

    def names(call: Call) -> Answer:
        return Answer(list(bundle.parts(_files(call), folder)))

    def add(call: Call) -> Answer:
        return put(call, checked_name(call.query.get("name") or _own_name(call.body), folder), replace=False)

    def one(call: Call) -> Answer:
        return _part(call, _files(call), folder, call.path["file"])

    def update(call: Call) -> Answer:
        if call.path["file"] not in bundle.parts(_files(call), folder):
            raise Refused("missing", "file", f"{folder}/{call.path['file']} does not exist")
        return put(call, checked_name(call.path["file"], folder), replace=True)

    def put(call: Call, name: str, *, replace: bool) -> Answer:
        path = bundle.part_path(folder, name)
        content = call.body
        if call.media == JSON:
            content = _from_json(call, folder, path)
        bundle.check_file(path, content)
        held.put_file(call.store, call.path["organization"], call.path["name"], call.revision, path, content, replace=replace)
        return _part(call, {path: content}, folder, name, 200 if replace else 201)

    def delete(call: Call) -> Answer:
        path = bundle.part_path(folder, call.path["file"])
        content = held.delete_file(call.store, call.path["organization"], call.path["name"], call.revision, path)
        return _part(call, {path: content}, folder, call.path["file"])

    every, single = f"{REVISION}/{folder}", f"{REVISION}/{folder}/{{file}}"
    name = Parameter("name", f"the name of the {root}; left out: as in the document", pattern=NAME)
    takes = (Shape(XML, "Xml"), Shape(TEXT_XML, "Xml"), *((Shape(JSON, "TargetEndpoint"),) if folder == "targets" else ()))
    return (
        Route("GET", every, names, f"The {folder} of a revision", "Names"),
        Route("POST", every, add, f"Add a {root}", "Part", 201, (name,), takes, MEDIUM, more=(XML,)),
        Route("GET", single, one, f"A {root}", "Part", more=(XML,)),
        Route("PUT", single, update, f"Replace a {root}", "Part", 200, (), takes, MEDIUM, more=(XML,)),
        Route("POST", single, update, f"Replace a {root}, as some clients do", "Part", 200, (), takes, MEDIUM, more=(XML,)),
        Route("DELETE", single, delete, f"Delete a {root}", "Part", more=(XML,)),
    )


def _part(call: Call, files: Mapping[str, bytes], folder: str, name: str, status: int = 200) -> Answer:
    path = bundle.parts(files, folder).get(name)
    if path is None:
        raise Refused("missing", "file", f"{folder}/{name} does not exist in revision {call.path['revision']} of APIProxy {call.path['name']}")
    if call.wants_xml:
        return Answer(status=status, body=files[path], media=XML)
    if folder == "targets":
        return Answer({"type": "Target", **TargetEndpoint.from_xml(files[path], path).to_json(), "name": name}, status)
    if folder == "proxies":
        return Answer(_proxy_endpoint(bundle.proxy_endpoint(files[path], path), name), status)
    root = parse(files[path], path)
    return Answer({"name": name, "policyType": root.name, "type": "Policy", "enabled": root.attribute("enabled") != "false"}, status)


def _proxy_endpoint(found: bundle.ProxyEndpoint, name: str) -> dict[str, Any]:
    rules = [
        {"name": rule.name, "empty": not (rule.target or rule.url), "targetEndpoint": rule.target, "uRL": rule.url, "condition": rule.condition}
        for rule in found.routes
    ]
    connection = {"basePath": found.base_path, "connectionType": "httpConnection", "virtualHost": list(found.virtual_hosts)}
    return {"name": name, "type": "Proxy", "connection": connection, "routeRule": rules}


def _from_json(call: Call, folder: str, path: str) -> bytes:
    """A TargetEndpoint in JSON, put into the document that is there: its flows stay."""
    if folder != "targets":
        raise InputError("only TargetEndpoints can be sent as JSON", hint="send the document as application/xml")
    given = TargetEndpoint.from_json(call.json())
    old = _files(call).get(path)
    before = TargetEndpoint.from_xml(old, path) if old else given
    kept = TargetEndpoint("", "", PurePosixPath(path).stem, given.url, given.servers, given.tls, document=before.document)
    return kept.to_xml().encode()


def _own_name(document: bytes) -> str:
    root = parse(document, "body")
    return root.attribute("name") or ""


# --- resource files ---------------------------------------------------------------------------------------------------------------------------------


def _resources(call: Call) -> Answer:
    return Answer({"resourceFile": _resource_files(_files(call))})


def _add_resource(call: Call) -> Answer:
    kind, name = call.query["type"], call.query["name"]
    return _put_resource(call, kind, name, replace=False)


def _update_resource(call: Call) -> Answer:
    _check_resource(call)
    return _put_resource(call, call.path["type"], call.path["file"], replace=True)


def _put_resource(call: Call, kind: str, name: str, *, replace: bool) -> Answer:
    path = bundle.resource_path(kind, name)
    content = next(iter(parts(call.content_type, call.body).values()), b"") if call.media == MULTIPART else call.body
    held.put_file(call.store, call.path["organization"], call.path["name"], call.revision, path, content, replace=replace)
    return Answer({"name": name, "type": kind}, 200 if replace else 201)


def _resource(call: Call) -> Answer:
    return Answer(body=_check_resource(call), media=BYTES)


def _delete_resource(call: Call) -> Answer:
    path = bundle.resource_path(call.path["type"], call.path["file"])
    held.delete_file(call.store, call.path["organization"], call.path["name"], call.revision, path)
    return Answer({"name": call.path["file"], "type": call.path["type"]})


def _check_resource(call: Call) -> bytes:
    path = bundle.resource_path(call.path["type"], call.path["file"])
    found = _files(call).get(path)
    if found is None:
        raise Refused("missing", "file", f"resource file {call.path['type']}/{call.path['file']} does not exist")
    return found


def _resource_files(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for kind, name in bundle.resource_files(files)]


# --- below ------------------------------------------------------------------------------------------------------------------------------------------


def _bundle(call: Call) -> bytes:
    if call.media != MULTIPART:
        return call.body
    return next(iter(parts(call.content_type, call.body).values()), b"")


def _found(call: Call) -> held.Revision:
    return held.revision(call.store, call.path["organization"], call.path["name"], call.revision)


def _files(call: Call) -> dict[str, bytes]:
    return held.files(call.store, call.path["organization"], call.path["name"], call.revision)


def _described(call: Call, found: held.Revision, files: Mapping[str, bytes]) -> dict[str, Any]:
    endpoints = bundle.proxy_endpoints(files)
    targets = bundle.target_endpoints(files, found.proxy, str(found.number))
    resources = bundle.resource_files(files)
    return {
        "name": found.proxy, "revision": str(found.number), "type": "Application", "configurationVersion": VERSION,
        "createdAt": found.created, "createdBy": call.settings.user, "lastModifiedAt": found.modified, "lastModifiedBy": call.settings.user,
        "displayName": found.proxy, "description": "", "basepaths": [endpoint.base_path for endpoint in endpoints],
        "policies": list(bundle.parts(files, "policies")),
        "proxies": list(bundle.parts(files, "proxies")), "proxyEndpoints": list(bundle.parts(files, "proxies")),
        "targets": list(bundle.parts(files, "targets")), "targetEndpoints": list(bundle.parts(files, "targets")),
        "targetServers": sorted({server for target in targets for server in target.servers}),
        "resources": [f"{kind}://{name}" for kind, name in resources], "resourceFiles": {"resourceFile": _resource_files(files)},
    }  # fmt: skip


_ACTION = Parameter("action", "import", choices=("import",))
_NAME = Parameter("name", "the name of the proxy", pattern=NAME)
_VALIDATE = Parameter("validate", "accepted; a bundle is always looked at", "boolean")
_FORMAT = Parameter("format", "bundle: the revision as a zip", choices=("bundle",))
_TYPE_AND_NAME = (
    Parameter("type", "the type: jsc, java, xsl, py, …", required=True, pattern=r"[A-Za-z0-9_-]{1,32}"),
    Parameter("name", "the name of the file", required=True, pattern=FILE_NAME),
)
_ZIPPED = (Shape(BYTES, "Bytes"), Shape(MULTIPART, "BundleUpload"))
_FILE = (Shape(BYTES, "Bytes"), Shape(MULTIPART, "BundleUpload"))
ROUTES = (
    Route("GET", APIS, _names, "The API proxies of an organization", "Names"),
    Route(
        "POST",
        APIS,
        _import,
        "Import a bundle as a new revision",
        "Revision",
        201,
        (_ACTION, _NAME, _VALIDATE),
        (*_ZIPPED, Shape(JSON, "Named")),
        LARGE,
    ),
    Route("GET", API, _proxy, "An API proxy and its revisions", "Proxy"),
    Route("DELETE", API, _delete, "Delete an API proxy that is not deployed", "Revision"),
    Route("GET", API + "/revisions", _revisions, "The numbers of the revisions", "Names"),
    Route("GET", REVISION, _revision, "A revision, or its bundle", "Revision", 200, (_FORMAT,), more=(ZIP,)),
    Route("POST", REVISION, _replace, "Replace a revision by a bundle", "Revision", 200, (_VALIDATE,), _ZIPPED, LARGE),
    Route("PUT", REVISION, _replace, "Replace a revision by a bundle", "Revision", 200, (_VALIDATE,), _ZIPPED, LARGE),
    Route("DELETE", REVISION, _delete_revision, "Delete a revision that is not deployed", "Revision"),
    *_part_routes("proxies", "ProxyEndpoint"),
    *_part_routes("targets", "TargetEndpoint"),
    *_part_routes("policies", "policy"),
    *(
        route
        for folder in ("resources", "resourcefiles")
        for route in (
            Route("GET", f"{REVISION}/{folder}", _resources, "The resource files of a revision", "ResourceFiles"),
            Route("POST", f"{REVISION}/{folder}", _add_resource, "Add a resource file", "ResourceFile", 201, _TYPE_AND_NAME, _FILE, MEDIUM),
            Route("GET", f"{REVISION}/{folder}/{{type}}/{{file}}", _resource, "A resource file", "Bytes", media=BYTES),
            Route(
                "PUT",
                f"{REVISION}/{folder}/{{type}}/{{file}}",
                _update_resource,
                "Replace a resource file",
                "ResourceFile",
                takes=_FILE,
                largest=MEDIUM,
            ),
            Route("DELETE", f"{REVISION}/{folder}/{{type}}/{{file}}", _delete_resource, "Delete a resource file", "ResourceFile"),
        )
    ),
)
