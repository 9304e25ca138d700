"""A target server: a backend by name, which TargetEndpoints that balance load refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from whytls.edge import fields
from whytls.edge.fields import nothing
from whytls.edge.origin import Origin
from whytls.edge.tlsinfo import ALL_FLAGS, TlsInfo

Dialect = Literal["edge", "x"]  # edge: flags as strings; x (Apigee X and hybrid): as booleans
TARGET_SERVER_FIELDS = {"name": "name", "host": "host", "port": "port", "enabled": "isEnabled", "tls": "sSLInfo"}


@dataclass(frozen=True, slots=True)
class TargetServer:
    """A backend by name; TargetEndpoints that balance load name it."""

    name: str
    host: str
    port: int
    enabled: bool = True
    tls: TlsInfo | None = None  # None: plain HTTP
    rest: Mapping[str, Any] = field(default_factory=nothing)
    origin: Origin | None = field(default=None, compare=False)

    @staticmethod
    def from_json(given: Any, origin: Origin | None = None) -> TargetServer:
        """Reads a target server.

        Raises:
            InputError: a field has a type that it cannot have, or the port is none.
        """
        source = fields.mapping(given, "target server")
        tls = source.get("sSLInfo")
        return TargetServer(
            fields.text(source.get("name"), "name"), fields.text(source.get("host"), "host"),
            fields.number(source.get("port"), "port", *fields.PORTS), fields.flag(source.get("isEnabled")) is not False,
            None if tls is None else TlsInfo.from_json(tls), fields.rest(source, ("name", "host", "port", "isEnabled", "sSLInfo")), origin,
        )  # fmt: skip

    def to_json(self, dialect: Dialect = "edge") -> dict[str, Any]:
        """As POST and PUT take it."""
        made: dict[str, Any] = {**self.rest, "name": self.name, "host": self.host, "port": self.port, "isEnabled": self.enabled}
        if self.tls is not None:
            made["sSLInfo"] = self.tls.to_json(ALL_FLAGS if dialect == "edge" else ())
        return made

    @property
    def speaks_tls(self) -> bool:
        """Whether the Message Processor speaks TLS with it: only where an SSLInfo says so."""
        return self.tls is not None and self.tls.enabled is True
