"""Where a resource was read, field by field: a file with its lines, or the address at which the Management API serves it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from whytls.edge.tlsinfo import JSON_NAMES
from whytls.edge.xml import Element
from whytls.exceptions import InputError
from whytls.pki.store import Place

LARGEST = 16 << 20  # bytes of one JSON document
DEEPEST = 64
_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s]+")


class Origin(NamedTuple):
    """Where something was read. ``lines`` are of its fields by our names (``port``, ``tls.protocols``); the resource itself is ``""``."""

    file: str
    lines: Mapping[str, int] = MappingProxyType({})

    def place(self, field: str = "") -> Place:
        """The field's own line, or that of the nearest thing around it that has one."""
        while field and field not in self.lines:
            field = field.rpartition(".")[0]
        return Place(self.file, self.lines.get(field))


def of_xml(root: Element, file: str, paths: Mapping[str, tuple[str, ...]]) -> Origin:
    """The lines of an XML document; ``paths`` say for each of our fields through which elements it is reached, ``tls`` with all that is in it."""
    lines = {"": root.line}
    for own, path in paths.items():
        found: Element | None = root
        for name in path:
            found = found.child(name) if found else None
        if found is not None:
            lines[own] = found.line
            if own == "tls":
                inner = {child.name.lower(): child.line for child in reversed(found.children)}
                lines |= {f"tls.{field}": inner[name.lower()] for field, name in JSON_NAMES.items() if name.lower() in inner}
    return Origin(file, MappingProxyType(lines))


class Document(NamedTuple):
    """A JSON document and the line of each value, by its path: ``(0, "sSLInfo", "protocols")``; the document's own path is ``()``."""

    value: Any
    file: str
    lines: Mapping[tuple[str | int, ...], int]

    def origin(self, at: tuple[str | int, ...], names: Mapping[str, str]) -> Origin:
        """The lines of one resource in it; ``names`` are the JSON's names for our fields, ``tls`` with all that is in it."""
        lines = {"": self.lines[at]} if at in self.lines else {}
        paths = {own: (*at, name) for own, name in names.items()}
        if "tls" in names:
            paths |= {f"tls.{own}": (*at, names["tls"], name) for own, name in JSON_NAMES.items()}
        lines |= {own: self.lines[path] for own, path in paths.items() if path in self.lines}
        return Origin(self.file, MappingProxyType(lines))


def json_document(data: bytes, file: str) -> Document:
    """A JSON document with its lines.

    Raises:
        InputError: it is no JSON, or larger or deeper than a resource can be.
    """
    if len(data) > LARGEST:
        raise InputError("too large for resources in JSON", file=file, hint=f"at most {LARGEST} bytes")
    value, written = _parsed(data, file)
    lines: dict[tuple[str | int, ...], int] = {}
    _Lines(written, lines).value((), 0)
    return Document(value, file, MappingProxyType(lines))


def json_value(data: bytes, file: str) -> Any:
    """The value of a JSON document.

    Raises:
        InputError: as ``json_document``.
    """
    return _parsed(data, file)[0]


def _parsed(data: bytes, file: str) -> tuple[Any, str]:
    try:
        written = data.decode("utf-8-sig")
        value = json.loads(written)
    except UnicodeDecodeError:
        raise InputError("is no JSON: it is not UTF-8", file=file) from None
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno} is no JSON: {error.msg}", file=file) from None
    except (RecursionError, ValueError):  # ValueError: a number of more than 4,300 digits
        raise InputError("is no JSON of a resource: nested too deeply, or a number without end", file=file) from None
    if _depth(value) > DEEPEST:
        raise InputError(f"is nested deeper than {DEEPEST}", file=file)
    return value, written


def _depth(value: Any) -> int:
    """How deeply lists and objects are nested, counted as far as it matters."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in (outer.values() if isinstance(outer, dict) else outer)]
        depth += 1
    return depth


class _Lines:
    """Walks over a text that is known to be JSON and notes where each value begins."""

    def __init__(self, written: str, lines: dict[tuple[str | int, ...], int]) -> None:
        self.text, self.lines, self.at, self.line = written, lines, 0, 1

    def value(self, path: tuple[str | int, ...], line: int) -> None:
        self._blank()
        self.lines[path] = line or self.line  # of a member: where its name stands
        sign = self.text[self.at]
        if sign in "{[":
            self._inside(path, "}" if sign == "{" else "]")
        else:
            self._step((_STRING if sign == '"' else _SCALAR).match(self.text, self.at))

    def _inside(self, path: tuple[str | int, ...], closing: str) -> None:
        self.at += 1
        count = 0
        self._blank()
        while self.text[self.at] != closing:
            key: str | int = count
            line = self.line
            if closing == "}":
                name = _STRING.match(self.text, self.at)
                key = json.loads(name[0]) if name else ""
                self._step(name)
                self._blank()
                self.at += 1  # the colon
            self.value((*path, key), line)
            count += 1
            self._blank()
            if self.text[self.at] == ",":
                self.at += 1
                self._blank()
        self.at += 1

    def _blank(self) -> None:
        self._step(_BLANK.match(self.text, self.at))

    def _step(self, found: re.Match[str] | None) -> None:
        if found:
            self.line += found[0].count("\n")
            self.at = found.end()
