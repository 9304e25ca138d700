"""A TargetEndpoint of a proxy: where its Message Processor calls, and with which TLS settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from whytls.edge import fields
from whytls.edge.fields import nothing
from whytls.edge.origin import Origin, of_xml
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.xml import Element, element, parse, write
from whytls.exceptions import InputError

CONNECTION = "HTTPTargetConnection"
_PATHS = {"connection": (CONNECTION,), "url": (CONNECTION, "URL"), "servers": (CONNECTION, "LoadBalancer"), "tls": (CONNECTION, "SSLInfo")}


@dataclass(frozen=True, slots=True)
class TargetEndpoint:
    """One TargetEndpoint. It has a ``url`` or ``servers``; neither where it calls another proxy or a script of its own."""

    proxy: str
    revision: str  # as the Management API names it; empty where the bundle does not tell
    name: str
    url: str = ""  # can be or contain a message template
    servers: tuple[str, ...] = ()  # target servers, in the LoadBalancer's order
    tls: TlsInfo | None = None
    rest: Mapping[str, Any] = field(default_factory=nothing)  # fields of the JSON that are not known here
    document: Element | None = None  # all of the XML that was read, flows included; ``to_xml`` changes only what differs
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_xml(data: bytes, file: str = "TargetEndpoint", proxy: str = "", revision: str = "") -> TargetEndpoint:
        """Reads ``apiproxy/targets/NAME.xml`` of a bundle.

        Raises:
            InputError: it is no such document.
        """
        root = parse(data, file)
        if root.name != "TargetEndpoint":
            raise InputError(f"<{root.name}> is no TargetEndpoint", file=file, hint="expected <TargetEndpoint name=…>")
        connection = root.child(CONNECTION) or Element(CONNECTION)
        balanced, tls = connection.child("LoadBalancer"), connection.child("SSLInfo")
        return TargetEndpoint(
            proxy, revision, root.attribute("name") or "", connection.value("URL") or "", _servers(balanced),
            None if tls is None else TlsInfo.from_xml(tls), document=root, origin=of_xml(root, file, _PATHS),
        )  # fmt: skip

    def to_xml(self) -> str:
        """The document that was read, with what differs put in its place; or a new one."""
        root = self.document or element("TargetEndpoint", "", (("name", self.name),))
        root = replace(root, attributes=(("name", self.name), *(pair for pair in root.attributes if pair[0] != "name")))
        connection = root.child(CONNECTION)
        if connection is None and (self.url or self.servers or self.tls):
            root = replace(root, children=(*root.children, Element(CONNECTION)))
            connection = root.child(CONNECTION)
        if connection is not None:
            inner = replace(connection, children=self._connection(connection))
            root = replace(root, children=tuple(inner if child is connection else child for child in root.children))
        return write(root)

    def _connection(self, old: Element) -> tuple[Element, ...]:
        """The children of the connection: each of ours where the old one stood, SSLInfo first where there was none."""
        tls, balanced = old.child("SSLInfo"), old.child("LoadBalancer")
        wanted: dict[str, Element | None] = {
            "SSLInfo": None if self.tls is None else tls if tls is not None and TlsInfo.from_xml(tls) == self.tls else self.tls.to_xml(),
            "LoadBalancer": None if not self.servers else balanced if _servers(balanced) == self.servers else _balancer(balanced, self.servers),
            "URL": None if not self.url else old.child("URL") if old.value("URL") == self.url else element("URL", self.url),
        }
        kept: list[Element] = []
        for child in old.children:
            new = wanted.pop(child.name, None) if child.name in ("SSLInfo", "LoadBalancer", "URL") else child
            kept += [new] if new is not None else []
        added = [made for made in wanted.values() if made is not None]
        return (*(made for made in added if made.name == "SSLInfo"), *kept, *(made for made in added if made.name != "SSLInfo"))

    @staticmethod
    def from_json(given: Any, proxy: str = "", revision: str = "", origin: Origin | None = None) -> TargetEndpoint:
        """Reads ``GET …/revisions/N/targets/NAME``. That shape is known from use, not from documentation: bundles are preferred.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, "TargetEndpoint")
        connection = fields.mapping(source.get("connection") or {}, "connection")
        tls, balanced = connection.get("sSLInfo"), connection.get("loadBalancer") or {}
        balancer = fields.mapping(balanced, "loadBalancer")
        listed = fields.listed(balancer.get("servers", balancer.get("server")), "servers")
        names = [fields.mapping(entry, "servers").get("name") if isinstance(entry, Mapping) else entry for entry in listed]
        url = next((connection[key] for key in ("uRL", "URL", "url") if connection.get(key)), "")
        return TargetEndpoint(
            proxy, revision, fields.text(source.get("name"), "name"), fields.text(url, "uRL"), fields.words(names, "servers"),
            None if tls is None else TlsInfo.from_json(tls), rest=fields.rest(source, ("name",)), origin=origin,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As ``from_json`` reads it."""
        connection = dict(self.rest.get("connection") or {"connectionType": "httpConnection"})
        for key in ("uRL", "URL", "url", "sSLInfo"):
            connection.pop(key, None)
        connection |= {"uRL": self.url} if self.url else {}
        connection |= {"sSLInfo": self.tls.to_json()} if self.tls is not None else {}
        if self.servers:
            old = connection.get("loadBalancer")
            connection["loadBalancer"] = {**(old if isinstance(old, Mapping) else {}), "servers": [{"name": name} for name in self.servers]}
        else:
            connection.pop("loadBalancer", None)
        return {**self.rest, "name": self.name, "connection": connection}

    @property
    def address(self) -> Address | None:
        """Host, port and whether TLS is spoken, where the URL itself says so; None: target servers, a template, another kind of target."""
        return address(self.url)

    @property
    def speaks_tls(self) -> bool | None:
        """Whether TLS is spoken: for a URL its scheme says so unless the SSLInfo does; None: the target servers decide, or a template does."""
        given = self.tls.enabled if self.tls is not None else None
        if self.tls is not None and "enabled" in self.tls.templates:
            return None
        found = self.address
        return given if given is not None or found is None else found.tls


class Address(NamedTuple):
    """Where a URL points."""

    host: str
    port: int
    tls: bool


def address(url: str) -> Address | None:
    """Where a URL points; None: its host is a template, or it is no URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or "{" in host or parts.scheme not in ("http", "https"):
        return None
    return Address(host, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https")


def _servers(balanced: Element | None) -> tuple[str, ...]:
    return tuple(name for server in balanced.all("Server") if (name := server.attribute("name") or "")) if balanced else ()


def _balancer(old: Element | None, servers: tuple[str, ...]) -> Element:
    """The LoadBalancer with these servers; what was said of one that stays is kept."""
    known = {server.attribute("name"): server for server in old.all("Server")} if old else {}
    made = tuple(known.get(name) or element("Server", "", (("name", name),)) for name in servers)
    others = tuple(child for child in old.children if child.name != "Server") if old else ()
    return replace(old or Element("LoadBalancer"), children=(*others, *made))
