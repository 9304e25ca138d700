"""Keystores with their aliases, what the Management API says of a certificate, and references to keystores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whytls.edge import fields
from whytls.edge.fields import nothing
from whytls.edge.origin import Origin

REFERENCE_FIELDS = {"name": "name", "refers": "refers", "resource_type": "resourceType"}


@dataclass(frozen=True, slots=True)
class CertInfo:
    """What the Management API says of one certificate (R14); times in milliseconds since 1970."""

    subject: str = ""
    issuer: str = ""
    serial_number: str = ""  # hexadecimal, with colons
    valid_from: int | None = None
    expiry_date: int | None = None
    is_valid: bool | None = None  # "Yes" or "No" there
    basic_constraints: str = ""  # CA:TRUE, CA:FALSE
    public_key: str = ""  # RSA Public Key, 2048 bits
    sig_alg_name: str = ""
    version: int | None = None
    subject_alternative_names: tuple[str, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=nothing)

    @staticmethod
    def from_json(given: Any) -> CertInfo:
        """Reads one element of ``certInfo``.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, "certInfo")
        yes = fields.text(source.get("isValid"), "isValid").lower()
        return CertInfo(
            **{own: fields.text(source.get(name), name) for own, name in _CERT_TEXTS.items()},
            valid_from=_milliseconds(source.get("validFrom"), "validFrom"), expiry_date=_milliseconds(source.get("expiryDate"), "expiryDate"),
            is_valid={"yes": True, "true": True, "no": False, "false": False}.get(yes),
            version=None if source.get("version") is None else fields.number(source["version"], "version", 0, 99),
            subject_alternative_names=fields.texts(source.get("subjectAlternativeNames"), "subjectAlternativeNames"),
            rest=fields.rest(source, _CERT_KNOWN),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As the Management API writes it."""
        made: dict[str, Any] = {name: getattr(self, own) for own, name in _CERT_TEXTS.items() if getattr(self, own)}
        numbers = {"validFrom": self.valid_from, "expiryDate": self.expiry_date, "version": self.version}
        made |= {name: value for name, value in numbers.items() if value is not None}
        if self.is_valid is not None:
            made["isValid"] = "Yes" if self.is_valid else "No"
        if self.subject_alternative_names:
            made["subjectAlternativeNames"] = list(self.subject_alternative_names)
        return {**self.rest, **made}


_CERT_TEXTS = {
    "subject": "subject", "issuer": "issuer", "serial_number": "serialNumber", "basic_constraints": "basicConstraints",
    "public_key": "publicKey", "sig_alg_name": "sigAlgName",
}  # fmt: skip
_CERT_KNOWN = (*_CERT_TEXTS.values(), "validFrom", "expiryDate", "isValid", "version", "subjectAlternativeNames")


@dataclass(frozen=True, slots=True)
class Alias:
    """One entry of a keystore: a chain with its key, or certificates that are trusted."""

    name: str
    certificates: tuple[bytes, ...] = ()  # DER, the own one first; empty where only ``described`` is known
    has_key: bool = False  # the key itself never leaves the gateway
    described: tuple[CertInfo, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=nothing)
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_json(given: Any) -> Alias:
        """Reads ``GET …/aliases/ALIAS``; the certificates themselves come by ``…/certificate``.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, "alias")
        listed = fields.listed(fields.mapping(source.get("certsInfo") or {}, "certsInfo").get("certInfo"), "certInfo")
        name = fields.text(source.get("alias") or source.get("aliasName"), "alias")
        known = ("alias", "aliasName", "certsInfo", "keyName", "key", "certName", "cert")
        key = fields.text(source.get("keyName") or source.get("key"), "keyName")
        return Alias(name, (), bool(key), tuple(CertInfo.from_json(info) for info in listed), fields.rest(source, known))

    def to_json(self) -> dict[str, Any]:
        """As ``GET …/aliases/ALIAS`` answers."""
        made: dict[str, Any] = {"alias": self.name, "certsInfo": {"certInfo": [info.to_json() for info in self.described]}}
        return {**self.rest, **made, **({"keyName": self.name} if self.has_key else {})}


@dataclass(frozen=True, slots=True)
class KeyStore:
    """A keystore or truststore: to Edge they are the same resource."""

    name: str
    aliases: tuple[Alias, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=nothing)
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_json(given: Any, origin: Origin | None = None) -> KeyStore:
        """Reads ``GET …/keystores/NAME``: its aliases, and the certificates that stand in none, each under its own name.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, "keystore")
        keys = set(fields.words(source.get("keys"), "keys"))
        aliases: dict[str, Alias] = {}
        paired: set[str] = set()
        for entry in fields.listed(source.get("aliases"), "aliases"):
            if isinstance(entry, str):
                aliases[entry] = Alias(entry, (), entry in keys)
                continue
            named = fields.mapping(entry, "aliases")
            name, key = (fields.text(named.get(field), field) for field in ("aliasName", "key"))
            paired.add(fields.text(named.get("cert"), "cert"))
            aliases[name] = Alias(name, (), bool(key) or name in keys)
        for cert in fields.texts(source.get("certs"), "certs"):
            if cert not in paired and cert not in aliases and f"{cert.removesuffix('-cert')}" not in aliases:
                aliases[cert] = Alias(cert)
        return KeyStore(
            fields.text(source.get("name"), "name"), tuple(aliases.values()), fields.rest(source, ("name", "keys", "certs", "aliases")), origin
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As ``GET …/keystores/NAME`` answers; a POST takes the name alone."""
        names = [alias.name for alias in self.aliases]
        keyed = [alias.name for alias in self.aliases if alias.has_key]
        entries = [{"aliasName": name, "cert": name, **({"key": name} if name in keyed else {})} for name in names]
        return {**self.rest, "name": self.name, "certs": names, "keys": keyed, "aliases": entries}


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that stands for a keystore, so that the keystore can be replaced without a restart."""

    name: str
    refers: str
    resource_type: str = "KeyStore"
    rest: Mapping[str, Any] = field(default_factory=nothing)
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_json(given: Any, origin: Origin | None = None) -> Reference:
        """Reads a reference.

        Raises:
            InputError: a field has a type that it cannot have.
        """
        source = fields.mapping(given, "reference")
        name, refers = (fields.text(source.get(key), key) for key in ("name", "refers"))
        kind = fields.text(source.get("resourceType"), "resourceType") or "KeyStore"
        return Reference(name, refers, kind, fields.rest(source, ("name", "refers", "resourceType")), origin)

    def to_json(self) -> dict[str, Any]:
        """As POST and PUT take it."""
        return {**self.rest, "name": self.name, "refers": self.refers, "resourceType": self.resource_type}


def _milliseconds(value: Any, what: str) -> int | None:
    return None if value is None else fields.number(value, what, -(10**15), 10**15)
