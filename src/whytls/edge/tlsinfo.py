"""``SSLInfo``: the TLS settings of a virtual host, a target server or a TargetEndpoint, read from JSON or XML and written back.

Edge is not of one mind about its own types: flags are strings in most of its samples, booleans in Apigee X, and both in one virtual
host; ``TLSv1`` is JSSE's name for what the documentation also calls ``TLSv1.0``. All are read; what is written is what the respective resource
is known to serve. In a TargetEndpoint a value can be a message template (``{ssl.keystore}``), which only the running gateway can fill.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from whytls.edge import fields
from whytls.edge.fields import NOTHING, nothing
from whytls.edge.xml import Element, element

FLAGS = {
    "enabled": "enabled",
    "client_auth_enabled": "clientAuthEnabled",
    "ignore_validation_errors": "ignoreValidationErrors",
    "enforce": "enforce",
}
NAMES = {"key_store": "keyStore", "key_alias": "keyAlias", "trust_store": "trustStore"}
LISTS = {"ciphers": "ciphers", "protocols": "protocols"}
JSON_NAMES = {**FLAGS, **NAMES, **LISTS, "common_name": "commonName"}
_ORDER = ("enabled", "enforce", "client_auth_enabled", "key_store", "key_alias", "trust_store", "ignore_validation_errors")
ALL_FLAGS = tuple(FLAGS.values())
REFERENCE = "ref://"


@dataclass(frozen=True, slots=True)
class CommonName:
    """The name that the target's certificate has to have (Apigee X; Edge ignores it where it does not know it)."""

    value: str
    wildcard_match: bool = False


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """An ``SSLInfo``. None and empty: not given, so that the gateway's default holds."""

    enabled: bool | None = None
    client_auth_enabled: bool | None = None
    key_store: str = ""  # a literal name, ref://NAME, or a message template
    key_alias: str = ""  # on a virtual host always literal
    trust_store: str = ""
    ignore_validation_errors: bool | None = None
    enforce: bool | None = None
    ciphers: tuple[str, ...] = ()  # northbound OpenSSL's names, southbound JSSE's
    protocols: tuple[str, ...] = ()  # JSSE's names: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, SSLv3, SSLv2Hello
    common_name: CommonName | None = None
    templates: Mapping[str, str] = field(default_factory=nothing)  # flags whose value is no boolean, by field: {"enabled": "{ssl.enabled}"}
    rest: Mapping[str, Any] = field(default_factory=nothing)  # fields of the JSON that are not known here
    more: tuple[Element, ...] = ()  # elements of the XML that are not known here

    @staticmethod
    def from_json(given: Any, what: str = "sSLInfo") -> TlsInfo:
        """Reads Edge's or Apigee X's JSON.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, what)
        found: dict[str, Any] = {"rest": fields.rest(source, tuple(JSON_NAMES.values()))}
        _flags(found, {own: source.get(name) for own, name in FLAGS.items()}, what)
        for own, name in NAMES.items():
            found[own] = fields.text(source.get(name), f"{what}.{name}")
        found["ciphers"] = fields.words(source.get("ciphers"), f"{what}.ciphers")
        found["protocols"] = tuple(protocol(word) for word in fields.words(source.get("protocols"), f"{what}.protocols"))
        found["common_name"] = _common_name(source.get("commonName"), f"{what}.commonName")
        return TlsInfo(**found)

    def to_json(self, strings: Collection[str] = ALL_FLAGS) -> dict[str, Any]:
        """As the Management API takes it; ``strings`` are the flags that this resource has as strings (Apigee X: none of them)."""
        made: dict[str, Any] = {}
        for own in _ORDER:
            name, value = JSON_NAMES[own], getattr(self, own)
            if own in FLAGS:
                value = self.templates.get(own, value)
                if value is not None:
                    made[name] = fields.text(value, name) if name in strings else value
            elif value:
                made[name] = value
        made |= {name: list(getattr(self, own)) for own, name in LISTS.items() if getattr(self, own)}
        if self.common_name:
            made["commonName"] = {"value": self.common_name.value, "wildcardMatch": self.common_name.wildcard_match}
        return {**self.rest, **made}

    @staticmethod
    def from_xml(given: Element) -> TlsInfo:
        """Reads an ``<SSLInfo>``.

        Raises:
            InputError: a value is longer than any can be.
        """
        xml_names = {own: _xml_name(name) for own, name in JSON_NAMES.items()}
        found: dict[str, Any] = {"more": tuple(child for child in given.children if child.name not in xml_names.values())}
        _flags(found, {own: given.value(xml_names[own]) for own in FLAGS}, "SSLInfo")
        for own in NAMES:
            found[own] = fields.text(given.value(xml_names[own]), f"SSLInfo/{xml_names[own]}")
        found["ciphers"] = _listed(given, "Ciphers", "Cipher")
        found["protocols"] = tuple(protocol(word) for word in _listed(given, "Protocols", "Protocol"))
        name = given.child("CommonName")
        if name is not None and name.text:
            found["common_name"] = CommonName(name.text, fields.flag(name.attribute("wildcardMatch")) or False)
        return TlsInfo(**found)

    def to_xml(self) -> Element:
        """An ``<SSLInfo>`` in the documentation's order."""
        children: list[Element] = []
        for own in _ORDER:
            value = self.templates.get(own, getattr(self, own)) if own in FLAGS else getattr(self, own) or None
            if value is not None:
                children.append(element(_xml_name(JSON_NAMES[own]), fields.text(value, own)))
        for own, name in (("ciphers", "Cipher"), ("protocols", "Protocol")):
            listed = getattr(self, own)
            children += [element(f"{name}s", children=tuple(element(name, word) for word in listed))] if listed else []
        if self.common_name:
            wildcard = (("wildcardMatch", "true"),) if self.common_name.wildcard_match else ()
            children.append(element("CommonName", self.common_name.value, wildcard))
        return element("SSLInfo", children=(*children, *self.more))


def protocol(name: str) -> str:
    """A protocol by JSSE's name: Edge's documentation and the runbook write ``TLSv1.0`` for ``TLSv1``."""
    return "TLSv1" if name.strip() == "TLSv1.0" else name.strip()


def same_protocol(one: str, other: str) -> bool:
    """Whether two names mean the same protocol, in any capitals and with either spelling of TLS 1.0."""
    return protocol(one).lower() == protocol(other).lower()


StoreKind = Literal["none", "literal", "reference", "template"]


def store_kind(value: str) -> StoreKind:
    """How a keystore or truststore is named. A literal one needs a restart (or a support ticket) before a replacement is used."""
    if not value:
        return "none"
    if value.startswith(REFERENCE):
        return "reference"
    return "template" if "{" in value and "}" in value else "literal"


def referred(value: str) -> str:
    """The name behind ``ref://``; a literal name itself."""
    return value.removeprefix(REFERENCE)


def _flags(found: dict[str, Any], given: Mapping[str, Any], what: str) -> None:
    templates: dict[str, str] = {}
    for own, value in given.items():
        found[own] = fields.flag(value)
        if found[own] is None and fields.text(value, f"{what}.{FLAGS[own]}"):
            templates[own] = fields.text(value, own)
    found["templates"] = templates or NOTHING


def _common_name(given: Any, what: str) -> CommonName | None:
    if isinstance(given, str):
        return CommonName(fields.text(given, what)) if given else None
    if given is None:
        return None
    source = fields.mapping(given, what)
    value = fields.text(source.get("value"), f"{what}.value")
    return CommonName(value, fields.flag(source.get("wildcardMatch")) or False) if value else None


def _xml_name(name: str) -> str:
    return name[0].upper() + name[1:]


def _listed(given: Element, outer: str, inner: str) -> tuple[str, ...]:
    around = given.child(outer)
    if around is None:
        return ()
    found = [child.text for child in around.children if child.name == inner and child.text]
    return tuple(fields.text(word, outer) for word in found) or fields.words(around.text, outer)
