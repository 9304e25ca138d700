"""A virtual host of the Router, as JSON and as XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whytls.edge import fields
from whytls.edge.fields import nothing
from whytls.edge.origin import Origin, of_xml
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.xml import COMMENT, Element, element, parse, write
from whytls.exceptions import InputError

# A virtual host's flags as strings; ignoreValidationErrors is a boolean there (Axway's models, generated from Apigee's OpenAPI).
STRING_FLAGS = ("enabled", "clientAuthEnabled")
VIRTUAL_HOST_FIELDS = {
    "name": "name", "port": "port", "host_aliases": "hostAliases", "interfaces": "interfaces", "listen_options": "listenOptions",
    "retry_options": "retryOptions", "ocsp_stapling": "oCSPStapling", "base_url": "baseUrl", "tls": "sSLInfo",
    "free_trial_certificate": "useBuiltInFreeTrailCert", "propagate_tls": "propagateTLSInformation", "properties": "properties",
}  # fmt: skip
FREE_TRIAL = ("useBuiltInFreeTrailCert", "useBuiltInFreeTrialCert")  # the first is what the generated models have
_LISTS = {"host_aliases": ("HostAliases", "HostAlias"), "interfaces": ("Interfaces", "Interface"),
          "listen_options": ("ListenOptions", "ListenOption"), "retry_options": ("RetryOptions", "RetryOption")}  # fmt: skip
_ELEMENTS = ("Port", "BaseUrl", "OCSPStapling", "SSLInfo", "UseBuiltInFreeTrialCert", "PropagateTLSInformation", "Properties")
_PATHS = {"port": ("Port",), "base_url": ("BaseUrl",), "ocsp_stapling": ("OCSPStapling",), "tls": ("SSLInfo",), "properties": ("Properties",)} | {
    own: (outer,) for own, (outer, _) in _LISTS.items()
}


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """Where the Router listens, for which names, and with which certificate."""

    name: str
    port: int
    host_aliases: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()  # Private Cloud
    listen_options: tuple[str, ...] = ()
    retry_options: tuple[str, ...] = ()
    ocsp_stapling: bool | None = None
    base_url: str = ""
    tls: TlsInfo | None = None  # None: plain HTTP
    free_trial_certificate: bool | None = None  # Cloud
    propagate_tls: tuple[tuple[str, str], ...] = ()  # ConnectionProperties and ClientProperties, each true or false
    properties: tuple[tuple[str, str], ...] = ()  # in order: proxy_read_timeout, ssl_protocols, ...
    property_names: tuple[str, str, str] = ("Property", "_name", "__text")  # as the JSON that was read spells them
    rest: Mapping[str, Any] = field(default_factory=nothing)  # fields of the JSON that are not known here
    more: tuple[Element, ...] = ()  # elements of the XML that are not known here
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_json(given: Any, origin: Origin | None = None) -> VirtualHost:
        """Reads a virtual host's JSON.

        Raises:
            InputError: a field has a type that it cannot have, or the port is none.
        """
        source = fields.mapping(given, "virtual host")
        tls, trial = source.get("sSLInfo"), next((source[name] for name in FREE_TRIAL if name in source), None)
        names_of = [VIRTUAL_HOST_FIELDS[own] for own in _LISTS]
        aliases, interfaces, listen, retry = (fields.texts(source.get(name), name) for name in names_of)
        names, properties = _properties(source.get("properties"))
        return VirtualHost(
            fields.text(source.get("name"), "name"), fields.number(source.get("port"), "port", *fields.PORTS), aliases, interfaces, listen, retry,
            ocsp_stapling=_on(source.get("oCSPStapling")), base_url=fields.text(source.get("baseUrl"), "baseUrl"),
            tls=None if tls is None else TlsInfo.from_json(tls), free_trial_certificate=fields.flag(trial),
            propagate_tls=_propagated(source.get("propagateTLSInformation")), properties=properties, property_names=names,
            rest=fields.rest(source, (*VIRTUAL_HOST_FIELDS.values(), *FREE_TRIAL)), origin=origin,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As POST and PUT take it: the port and two flags of the SSLInfo as strings, the third as a boolean."""
        made: dict[str, Any] = {"name": self.name, "port": str(self.port)}
        made |= {VIRTUAL_HOST_FIELDS[own]: list(getattr(self, own)) for own in _LISTS}
        if self.ocsp_stapling is not None:
            made["oCSPStapling"] = "on" if self.ocsp_stapling else "off"
        if self.base_url:
            made["baseUrl"] = self.base_url
        if self.tls is not None:
            made["sSLInfo"] = self.tls.to_json(STRING_FLAGS)
        if self.free_trial_certificate is not None:
            made[FREE_TRIAL[0]] = fields.text(self.free_trial_certificate, FREE_TRIAL[0])
        if self.propagate_tls:
            made["propagateTLSInformation"] = dict(self.propagate_tls)
        if self.properties:
            outer, name, value = self.property_names
            made["properties"] = {outer: [{name: key, value: text} for key, text in self.properties]}
        return {**self.rest, **made}

    @staticmethod
    def from_xml(data: bytes, file: str = "virtual host") -> VirtualHost:
        """Reads ``<VirtualHost name="…">``.

        Raises:
            InputError: it is no such document.
        """
        root = parse(data, file)
        if root.name != "VirtualHost":
            raise InputError(f"<{root.name}> is no virtual host", file=file, hint="expected <VirtualHost name=…>")
        tls, around, trial = root.child("SSLInfo"), root.child("PropagateTLSInformation"), root.value("UseBuiltInFreeTrialCert")
        aliases, interfaces, listen, retry = (_inner(root.child(outer), inner) for outer, inner in _LISTS.values())
        known = {*_ELEMENTS, *(outer for outer, _ in _LISTS.values())}
        held = root.child("Properties")
        return VirtualHost(
            root.attribute("name") or "", fields.number(root.value("Port"), "Port", *fields.PORTS), aliases, interfaces, listen, retry,
            ocsp_stapling=_on(root.value("OCSPStapling")), base_url=root.value("BaseUrl") or "",
            tls=None if tls is None else TlsInfo.from_xml(tls), free_trial_certificate=fields.flag(trial),
            propagate_tls=tuple((child.name, child.text.strip()) for child in around.children if child.name != COMMENT) if around else (),
            properties=tuple((child.attribute("name") or "", child.text) for child in held.all("Property")) if held else (),
            more=tuple(child for child in root.children if child.name not in known), origin=of_xml(root, file, _PATHS),
        )  # fmt: skip

    def to_xml(self) -> str:
        """The document, in the order of Edge's own reference."""
        made = [element("Port", str(self.port))]
        made += [element("BaseUrl", self.base_url)] if self.base_url else []
        made += [] if self.ocsp_stapling is None else [element("OCSPStapling", "on" if self.ocsp_stapling else "off")]
        for own, (outer, inner) in _LISTS.items():
            listed = getattr(self, own)
            made += [element(outer, children=tuple(element(inner, word) for word in listed))] if listed else []
        made += [self.tls.to_xml()] if self.tls is not None else []
        if self.free_trial_certificate is not None:
            made.append(element("UseBuiltInFreeTrialCert", fields.text(self.free_trial_certificate, "")))
        if self.propagate_tls:
            made.append(element("PropagateTLSInformation", children=tuple(element(name, text) for name, text in self.propagate_tls)))
        if self.properties:
            held = tuple(element("Property", text, (("name", name),)) for name, text in self.properties)
            made.append(element("Properties", children=held))
        return write(element("VirtualHost", "", (("name", self.name),), (*made, *self.more)))

    def named(self, name: str) -> str | None:
        """The value of a property; the last one counts."""
        return dict(self.properties).get(name)

    @property
    def speaks_tls(self) -> bool:
        """Whether clients speak TLS here."""
        return self.tls is not None and self.tls.enabled is True


def _on(value: Any) -> bool | None:
    found = fields.flag(value)
    return found if found is not None else {"on": True, "off": False}.get(str(value).strip().lower())


def _inner(around: Element | None, name: str) -> tuple[str, ...]:
    return tuple(child.text.strip() for child in around.all(name)) if around else ()


def _propagated(given: Any) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    return tuple((name, fields.text(value, name)) for name, value in fields.mapping(given, "propagateTLSInformation").items())


def _properties(given: Any) -> tuple[tuple[str, str, str], tuple[tuple[str, str], ...]]:
    """Properties in any of the shapes in which they are met, and how this one spells them."""
    usual = ("Property", "_name", "__text")
    if not given:
        return usual, ()
    source = fields.mapping(given, "properties")
    outer = next((name for name in ("Property", "property") if name in source), None)
    if outer is None:
        return usual, tuple((name, fields.text(value, name)) for name, value in source.items())
    pairs: list[tuple[str, str]] = []
    spelling = (outer, "_name", "__text") if outer == "Property" else (outer, "name", "value")
    for entry in fields.listed(source[outer], "properties"):
        held = fields.mapping(entry, "properties")
        spelling = (outer, *(("_name", "__text") if "_name" in held else ("name", "value")))
        pairs.append((fields.text(held.get(spelling[1]), "property"), fields.text(held.get(spelling[2]), "property")))
    return spelling if pairs else usual, tuple(pairs)
