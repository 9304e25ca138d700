"""The OpenAPI 3.1 description of the Management API, written from its routes: what is described is what is served."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from whytls.gateway.management.route import BYTES, FILE_NAME, FORM, JSON, MULTIPART, NAME, NUMBER, XML, Parameter, Route, Shape

STRING: dict[str, Any] = {"type": "string"}
# Where Edge's own samples differ, anything is tried to be read; these say what is served.
_FLAG: dict[str, Any] = {"description": "a boolean, or one in letters: Edge takes both and serves either"}
_WORDS: dict[str, Any] = {"description": "a list of words; one text with commas, colons or blanks is read, too"}
_LOOSE: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_NAME = {"type": ["string", "number", "boolean"], "pattern": f"^{NAME}$", "maxLength": 255}  # a number is read as its digits, as Edge does
_HOST = {"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 255}
_NAMED: dict[str, Any] = {"type": "string", "pattern": f"^{NAME}$", "maxLength": 255}
_STORE: dict[str, Any] = {**_LOOSE, "description": "a name, or ref://NAME of a reference"}
_FILE: dict[str, Any] = {"type": "string", "format": "binary"}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return {**made, "required": list(required)} if required else made


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_CERT_INFO = _object(
    subject=STRING, issuer=STRING, serialNumber=STRING, validFrom={"type": "integer", "description": "milliseconds since 1970"},
    expiryDate={"type": "integer", "description": "milliseconds since 1970"}, isValid={"enum": ["Yes", "No"]},
    basicConstraints={"enum": ["CA:TRUE", "CA:FALSE"]}, publicKey=STRING, sigAlgName=STRING, version={"type": "integer"},
    subjectAlternativeNames=_list(STRING),
)  # fmt: skip
_TLS = _object(
    enabled=_FLAG, clientAuthEnabled=_FLAG, keyStore=_STORE, keyAlias=_LOOSE, trustStore=_STORE, ignoreValidationErrors=_FLAG, enforce=_FLAG,
    ciphers=_WORDS, protocols=_WORDS,
)  # fmt: skip
_TLS_OR_NONE = {**_TLS, "type": ["object", "null"]}
_PORT = {"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": "^[1-9][0-9]{0,4}$"}
_PERMISSION = _object(("path",), path={"type": "string", "pattern": "^/"}, permissions=_WORDS)
UPDATED = ("Reference", "TargetServer", "VirtualHost")
SCHEMAS: dict[str, dict[str, Any]] = {
    "Any": {"type": "object"},
    "Bytes": _FILE,
    "Xml": {"type": "object", "description": "Edge's XML document for this resource"},
    "Names": _list(STRING),
    "Named": _object(("name",), name=_NAMED),
    "Fault": _object(("code", "message", "contexts"), code=STRING, message=STRING, contexts={"type": "array"}),
    "Organization": _object(("name", "environments"), name=STRING, environments=_list(STRING)),
    "Environment": _object(("name",), name=STRING),
    "SignIn": _object(("grant_type",), grant_type={"enum": ["password", "refresh_token"]}, username=STRING, password=STRING, refresh_token=STRING),
    "Token": _object(("access_token", "token_type"), access_token=STRING, token_type={"const": "bearer"}, expires_in={"type": "integer"}),
    "KeyStore": _object(
        ("name", "certs", "keys", "aliases"), name=STRING, certs=_list(STRING), keys=_list(STRING),
        aliases=_list(_object(("aliasName",), aliasName=STRING, cert=STRING, key=STRING)),
    ),
    "Alias": _object(("alias", "certsInfo"), alias=STRING, keyName=STRING, certsInfo=_object(("certInfo",), certInfo=_list(_CERT_INFO))),
    "Cert": _object(("certInfo", "certName"), certName=STRING, certInfo=_list(_CERT_INFO)),
    "Upload": _object(certFile=_FILE, keyFile=_FILE, file=_FILE, password=STRING),
    "SelfSigned": _object(
        ("alias", "subject"), alias=_NAMED, subject=_object(("commonName",), commonName={"type": "string", "minLength": 1, "maxLength": 64}),
        keySize={"enum": [2048, "2048", 3072, 4096]}, sigAlg={"enum": ["SHA256withRSA", "SHA384withRSA", "SHA512withRSA"]},
        certValidityInDays={"type": ["integer", "string"], "minimum": 1, "maximum": 36500, "pattern": "^[1-9][0-9]{0,3}$"},
    ),
    "Reference": _object(("name", "refers"), name=_NAME, refers=_NAME, resourceType={"enum": ["KeyStore", "TrustStore", "", None]}),
    "TargetServer": _object(
        ("name", "host", "port"), name=_NAME, host=_HOST, port=_PORT, isEnabled=_FLAG,
        sSLInfo=_TLS_OR_NONE
    ),
    "VirtualHost": _object(
        ("name", "port"), name=_NAME, port=_PORT, hostAliases=_WORDS, interfaces=_WORDS, listenOptions=_WORDS, retryOptions=_WORDS,
        sSLInfo=_TLS_OR_NONE, baseUrl=_LOOSE, oCSPStapling={"description": "on or off"},
    ),
    "Proxy": _object(("name", "revision"), name=STRING, revision=_list(STRING), metaData={"type": "object"}),
    "Revision": _object(("name", "revision"), name=STRING, revision=STRING),
    "BundleUpload": _object(file=_FILE),
    "Part": _object(("name",), name=STRING),
    "TargetEndpoint": _object(name=STRING, connection=_object(uRL=STRING, sSLInfo=_TLS)),
    "ResourceFile": _object(("name", "type"), name=STRING, type=STRING),
    "ResourceFiles": _object(("resourceFile",), resourceFile=_list(_object(name=STRING, type=STRING))),
    "Deploy": _object(
        action={"enum": ["deploy", "undeploy"]}, env=STRING, revision=STRING, override={"enum": ["true", "false"]}, delay=STRING, basepath=STRING
    ),
    "Deployed": _object(("aPIProxy", "organization"), aPIProxy=STRING, organization=STRING),
    "Deployments": {"type": "object"},
    "Roles": _object(("role",), role={**_list(_object(("name",), name=_NAMED)), "minItems": 1}),
    "UserId": _object(id=_NAMED),
    "Permissions": _object(("resourcePermission",), resourcePermission=_list(_PERMISSION)),
}  # fmt: skip


def _update(of: dict[str, Any]) -> dict[str, Any]:
    """The body of a PUT, whose path has the name already."""
    return {**of, "required": [key for key in of["required"] if key != "name"], "properties": {**of["properties"], "name": _LOOSE}}


SCHEMAS |= {f"{name}Update": _update(SCHEMAS[name]) for name in UPDATED}
FAULTS = {
    "400": "the call cannot be carried out as it is", "401": "the user or the token is not known", "404": "there is no such thing",
    "409": "there is one already, or it is in use", "413": "the body is too large", "415": "the body is of another media type",
}  # fmt: skip


def description(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "whytls gateway: Management API", "version": version,
            "description": "Apigee Edge's Management API, as far as TLS is concerned: keystores, references, virtual hosts, target servers, proxies. "
            "Paths work with /o for /organizations and /e for /environments too.",
        },
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}, "bearer": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operation(route: Route) -> dict[str, Any]:
    kind = STRING if route.media != JSON else _schema(route.answers)
    content: dict[str, Any] = {route.media: {"schema": _FILE if route.media == BYTES else kind}}
    content |= {media: {"schema": SCHEMAS["Xml"] if media == XML else _FILE} for media in route.more}
    faults = {code: text for code, text in FAULTS.items() if code not in ("413", "415") or route.takes}
    made: dict[str, Any] = {
        "summary": route.summary,
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}".replace("{", "by_")).strip("_"),
        "parameters": [*_in_path(route), *map(_in_query, route.query)],
        "responses": {
            str(route.status): {"description": "done", "content": content},
            **{code: {"description": text, "content": {JSON: {"schema": _schema("Fault")}}} for code, text in faults.items()},
        },
    }
    if route.takes:
        in_query_too = route.takes[0].media == FORM and bool(route.query)  # as on Edge
        made["requestBody"] = {"required": not in_query_too, "content": {shape.media: {"schema": _body(shape)} for shape in route.takes}}
    if route.path.startswith("/oauth"):
        made["security"] = []
    return made


def _body(shape: Shape) -> Any:
    return _schema(shape.schema) if shape.media != MULTIPART or shape.schema != "Bytes" else _FILE


def _schema(name: str | Any) -> Any:
    return {"$ref": f"#/components/schemas/{name}"} if isinstance(name, str) else dict(name)


def _in_path(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", route.path)
    patterns = {"revision": NUMBER, "file": FILE_NAME}
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{patterns.get(name, NAME)}$"}} for name in names
    ]  # fmt: skip


def _in_query(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.pattern:
        schema["pattern"] = f"^{parameter.pattern}$"
    if parameter.kind == "integer":
        schema |= {"minimum": 0, "maximum": 999_999_999}
    return {"name": parameter.name, "in": "query", "required": parameter.required, "description": parameter.text, "schema": schema}
