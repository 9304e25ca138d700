"""Java's properties: ``message-processor.properties``, ``router.properties``, ``system.properties``, ``java.security``.

The format is that of ``java.util.Properties.load``: a key ends at the first unescaped ``=``, ``:`` or blank; a line that ends in an odd number
of backslashes goes on in the next one; ``#`` and ``!`` begin a comment where a line begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from whytls.edge.settings import Component, Setting
from whytls.exceptions import InputError
from whytls.pki.store import Place

LARGEST, MOST = 4 << 20, 20_000  # bytes of a file, settings in it
_KEY = re.compile(r"(?:[^\\=: \t\f]|\\.)*")
_BETWEEN = re.compile(r"[ \t\f]*(?:[=:][ \t\f]*)?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
# conf_FILE_TOKEN: a file's name can have underscores itself, so those that have are known by name.
_CONF = re.compile(r"conf_(load_balancing|[^_+]+)_(.+)")
_CONF_FILE = re.compile(r"conf/([^+]+?)(?:\.properties)?\+(.+)")
_COMPONENTS: tuple[Component, ...] = ("message-processor", "router", "management-server")
_TELLS = re.compile(rb"(?m)^[ \t]*(?:conf[_/]|jsse\.|jdk\.tls\.|https\.protocols|security\.provider\.)[\w./+-]*[ \t]*[=:]")


def looks_like(data: bytes, name: str) -> bool:
    """Whether a file is one that is read here: by its name, and a text; or by a setting that only such a file has."""
    return b"\0" not in data[:8192] and (is_named(name) or bool(_TELLS.search(data[:65536])))


def is_named(name: str) -> bool:
    """Whether a file is named as those that are read here."""
    base = PurePath(name).name
    return base.endswith(".properties") or base.startswith("java.security")


def read(data: bytes, name: str) -> tuple[Setting, ...]:
    """All settings of a file, in order.

    Raises:
        InputError: it is too large to be one.
    """
    if len(data) > LARGEST:
        raise InputError("too large for a properties file", file=name, hint=f"at most {LARGEST} bytes")
    component, of_customer = _component(name), "customer/application" in name.replace("\\", "/")
    found: list[Setting] = []
    for line, text in _logical(data.decode("utf-8", "replace")):
        if len(found) >= MOST:
            break
        key = _KEY.match(text)
        between = _BETWEEN.match(text, key.end()) if key else None
        if not key or not between or not key[0]:
            continue
        target, token = _token(_unescaped(key[0]))
        customer = of_customer or bool(target)
        found.append(Setting(token, _unescaped(text[between.end() :]), Place(name, line), component, customer, target))
    return tuple(found)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines as Java puts them together, each with the number of its first."""
    gathered: list[str] = []
    begun = 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        line = line.lstrip(" \t\f")
        if not begun and (not line or line[0] in "#!"):
            continue
        begun = begun or number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            gathered.append(line[:-1])
            continue
        yield begun, "".join([*gathered, line])
        gathered, begun = [], 0
    if begun:
        yield begun, "".join(gathered)


def _token(key: str) -> tuple[str, str]:
    """The file that a customer's setting ends up in, and its token there; an installed file has tokens alone."""
    match = _CONF_FILE.fullmatch(key) or _CONF.fullmatch(key)
    return (match[1], match[2]) if match else ("", key)


def _component(name: str) -> Component:
    path = name.replace("\\", "/")
    return next((component for component in _COMPONENTS if component in path), "")


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED.get(found[2], found[2]), text)
