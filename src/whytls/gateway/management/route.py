"""What a call of the Management API is, what its answer is, and how one is described.

A route is data: the same entry finds the function, checks what comes in (names, query, media type, size) and is written into the OpenAPI
description. A function gets a ``Call`` that was read whole, and gives an ``Answer``; neither knows the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from whytls.edge.origin import json_value
from whytls.exceptions import InputError
from whytls.gateway.store import Scope, Store

if TYPE_CHECKING:
    from whytls.gateway.management.settings import Settings

JSON, XML, TEXT_XML, BYTES, TEXT = "application/json", "application/xml", "text/xml", "application/octet-stream", "text/plain"
FORM, MULTIPART, ZIP = "application/x-www-form-urlencoded", "multipart/form-data", "application/zip"
SMALL, MEDIUM, LARGE = 256 << 10, 4 << 20, 16 << 20  # bytes of a body: resources; keystores and single files; bundles
NAME = r"[A-Za-z0-9_$%][A-Za-z0-9._\-$%@+~]{0,254}"  # Edge's own letters for names, and those of e-mail addresses
NUMBER = r"[1-9][0-9]{0,8}"
FILE_NAME = r"[A-Za-z0-9_$][A-Za-z0-9._\-$%@+~ ]{0,254}"
_NAME = re.compile(NAME)
_NUMBERED = ("revision",)


class Parameter(NamedTuple):
    """A query parameter."""

    name: str
    text: str
    kind: Literal["string", "boolean", "integer"] = "string"
    required: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call, read whole."""

    store: Store
    settings: Settings
    path: Mapping[str, str]  # the names in the path
    query: Mapping[str, str]
    content_type: str = ""
    body: bytes = b""
    accept: str = ""
    user: str = ""

    @property
    def scope(self) -> Scope:
        """The environment in the path."""
        return Scope(self.path["organization"], self.path["environment"])

    @property
    def media(self) -> str:
        """The media type of the body."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def revision(self) -> int:
        """The number of the revision in the path."""
        return int(self.path["revision"])

    @property
    def wants_xml(self) -> bool:
        """Whether XML is asked for, and JSON is not."""
        return "xml" in self.accept and "json" not in self.accept and "*/*" not in self.accept

    def flag(self, name: str) -> bool:
        """A flag of the query; false where it is not given."""
        return self.query.get(name, "").lower() == "true"

    def json(self) -> Any:
        """The body as JSON that can be written back.

        Raises:
            InputError: it is none, or has in it what JSON (RFC 8259) does not have: NaN, or half of a surrogate pair.
        """
        value = json_value(self.body, "body")
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except ValueError:  # UnicodeEncodeError is one
            raise InputError("is no JSON: it has a number or a sign that JSON does not have", file="body") from None
        return value

    def form(self) -> dict[str, str]:
        """The body as a form; parameters of the query count too, as on Edge."""
        try:
            given = dict(parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=100)) if self.media == FORM else {}
        except ValueError:  # also: not UTF-8
            raise InputError("is no form", file="body", hint="expected action=deploy&override=true") from None
        return {**self.query, **given}


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back: a value as JSON, or bytes."""

    value: Any = None
    status: int = 200
    body: bytes | None = None
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Shape(NamedTuple):
    """A body or an answer in the description: its media type, and the name of its schema or the schema itself."""

    media: str
    schema: str | Mapping[str, Any]


class Route(NamedTuple):
    """One operation. The path has the long forms (``organizations``, ``environments``); the short ones lead to the same."""

    method: str
    path: str
    function: Callable[[Call], Answer]
    summary: str
    answers: str | Mapping[str, Any] = "Any"  # the schema of what comes back when it succeeds
    status: int = 200
    query: tuple[Parameter, ...] = ()
    takes: tuple[Shape, ...] = ()
    largest: int = SMALL
    media: str = JSON
    more: tuple[str, ...] = ()  # further media types in which it answers

    def check(self, call: Call) -> None:
        """Holds a call to what the route says of itself.

        Raises:
            InputError: a name or a parameter that cannot be.
        """
        for name, value in call.path.items():
            if name != "file" and not re.fullmatch(NUMBER if name in _NUMBERED else NAME, value):
                expected = "expected a number from 1" if name in _NUMBERED else "letters, digits and . _ - $ % @ + ~"
                raise InputError(
                    f"{value[:60]!r} is no name of a {name}" if name not in _NUMBERED else f"{value[:60]!r} is no revision", hint=expected
                )
        for parameter in self.query:
            _check_parameter(parameter, call.query.get(parameter.name))


def checked_name(value: Any, what: str) -> str:
    """A name that is to be given to something.

    Raises:
        InputError: Edge has no such names.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InputError(f"{what} {str(value)[:60]!r} cannot be a name", hint="letters, digits and . _ - $ % @ + ~, at most 255 of them")
    return value


def same_name(given: str, call: Call, what: str) -> None:
    """Holds the name in a body to the one in the path.

    Raises:
        InputError: they differ.
    """
    if given and given != call.path["name"]:
        raise InputError(f"the body is of {what} {given[:60]!r}, the path of {call.path['name']!r}", hint="a name cannot be changed")


def _check_parameter(parameter: Parameter, value: str | None) -> None:
    if not value:
        if parameter.required or (value == "" and (parameter.pattern or parameter.kind != "string")):
            raise InputError(f"the query parameter {parameter.name} is missing", hint=parameter.text)
        return
    fits = {"boolean": value.lower() in ("true", "false"), "integer": value.isascii() and value.isdigit() and len(value) < 10, "string": True}
    if not fits[parameter.kind] or (parameter.choices and value not in parameter.choices) or (
        parameter.pattern and not re.fullmatch(parameter.pattern, value)
    ):  # fmt: skip
        expected = " or ".join(parameter.choices) or {"boolean": "true or false", "integer": "a number"}.get(parameter.kind, parameter.text)
        raise InputError(f"the query parameter {parameter.name} is {value[:60]!r}", hint=f"expected {expected}")
