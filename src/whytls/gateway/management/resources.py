"""References, virtual hosts and target servers: JSON or XML in, ``edge.resources`` in the store, JSON (or XML) out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from whytls.edge import fields
from whytls.edge.resources import Reference, TargetServer, TlsInfo, VirtualHost
from whytls.edge.xml import parse
from whytls.exceptions import InputError
from whytls.gateway import resources as held
from whytls.gateway.management.organizations import ENVIRONMENT
from whytls.gateway.management.route import JSON, TEXT_XML, XML, Answer, Call, Route, Shape, checked_name, same_name

LONGEST_HOST = 255


class _Kind(NamedTuple):
    """One kind of resource: where it is served, and how it is read."""

    of: Any  # the type: Reference, VirtualHost or TargetServer
    path: str
    what: str
    schema: str
    of_json: Callable[[Any], Any]
    of_xml: Callable[[bytes], Any]


def _read(call: Call, kind: _Kind) -> Any:
    """The resource in the body, under a name that it can have."""
    value = kind.of_xml(call.body) if call.media in (XML, TEXT_XML) else kind.of_json(call.json())
    if "name" in call.path:
        same_name(value.name, call, kind.what)
        value = replace(value, name=call.path["name"])
    checked_name(value.name, kind.what)
    if isinstance(value, TargetServer) and not 0 < len(value.host.strip()) <= LONGEST_HOST:
        raise InputError(f"the target server's host has {len(value.host)} characters", hint=f"1 to {LONGEST_HOST}")
    if isinstance(value, Reference):
        checked_name(value.refers, "refers")
    return replace(value, origin=None)


def _routes(kind: _Kind) -> tuple[Route, ...]:
    def names(call: Call) -> Answer:
        return Answer(held.names(call.store, call.scope, kind.of))

    def create(call: Call) -> Answer:
        value = _read(call, kind)
        held.create(call.store, call.scope, value)
        return _answer(value, call, 201)

    def one(call: Call) -> Answer:
        return _answer(held.find(call.store, call.scope, kind.of, call.path["name"]), call)

    def update(call: Call) -> Answer:
        value = _read(call, kind)
        held.update(call.store, call.scope, value)
        return _answer(value, call)

    def delete(call: Call) -> Answer:
        return _answer(held.delete(call.store, call.scope, kind.of, call.path["name"]), call)

    every, single = ENVIRONMENT + kind.path, ENVIRONMENT + kind.path + "/{name}"
    xml = (Shape(XML, "Xml"), Shape(TEXT_XML, "Xml"))
    takes, takes_update = (Shape(JSON, kind.schema), *xml), (Shape(JSON, f"{kind.schema}Update"), *xml)
    more = (XML,) if kind.of is VirtualHost else ()
    return (
        Route("GET", every, names, f"The names of every {kind.what}", "Names"),
        Route("POST", every, create, f"Make a {kind.what}", kind.schema, 201, takes=takes, more=more),
        Route("GET", single, one, f"A {kind.what}", kind.schema, more=more),
        Route("PUT", single, update, f"Replace a {kind.what} whole", kind.schema, takes=takes_update, more=more),
        Route("POST", single, update, f"Replace a {kind.what} whole, as some clients do", kind.schema, takes=takes_update, more=more),
        Route("DELETE", single, delete, f"Delete a {kind.what}", kind.schema, more=more),
    )


def _answer(value: held.Resource, call: Call, status: int = 200) -> Answer:
    if isinstance(value, VirtualHost) and call.wants_xml:
        return Answer(status=status, body=value.to_xml().encode(), media=XML)
    return Answer(value.to_json(), status)


def _reference_of_xml(data: bytes) -> Reference:
    root = parse(data, "body")
    if root.name != "ResourceReference":
        raise InputError(f"<{root.name}> is no reference", file="body", hint="expected <ResourceReference name=…>")
    return Reference(root.attribute("name") or "", root.value("Refers") or "", root.value("ResourceType") or "KeyStore")


def _target_server_of_xml(data: bytes) -> TargetServer:
    root = parse(data, "body")
    if root.name != "TargetServer":
        raise InputError(f"<{root.name}> is no target server", file="body", hint="expected <TargetServer name=…>")
    tls = root.child("SSLInfo")
    port = fields.number(root.value("Port"), "Port", *fields.PORTS)
    enabled = fields.flag(root.value("IsEnabled")) is not False
    return TargetServer(root.attribute("name") or "", root.value("Host") or "", port, enabled, None if tls is None else TlsInfo.from_xml(tls))


ROUTES = (
    *_routes(_Kind(Reference, "/references", "reference", "Reference", Reference.from_json, _reference_of_xml)),
    *_routes(
        _Kind(VirtualHost, "/virtualhosts", "virtual host", "VirtualHost", VirtualHost.from_json, lambda data: VirtualHost.from_xml(data, "body"))
    ),
    *_routes(_Kind(TargetServer, "/targetservers", "target server", "TargetServer", TargetServer.from_json, _target_server_of_xml)),
)
