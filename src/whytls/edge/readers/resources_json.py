"""Resources in JSON files: one resource, a list of them, ``edge.json``, or the files below ``env/ENV/`` of apigee-config-maven-plugin.

Which resource a JSON object is, is told by its fields: ``hostAliases`` has only a virtual host, ``host`` with ``port`` only a target server,
``refers`` only a reference, ``keystorename`` only an alias; the others by the name of the file or list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from whytls.edge import fields
from whytls.edge.keystore import REFERENCE_FIELDS, Alias, KeyStore, Reference
from whytls.edge.origin import Document, Origin
from whytls.edge.targetserver import TARGET_SERVER_FIELDS, TargetServer
from whytls.edge.virtualhost import VIRTUAL_HOST_FIELDS, VirtualHost
from whytls.exceptions import InputError

MOST = 10_000
LISTS = ("virtualhosts", "targetservers", "references", "keystores", "aliases")


class AliasFile(NamedTuple):
    """An alias that a configuration describes by the files that it is made from."""

    keystore: str
    alias: Alias
    files: tuple[str, ...]  # certificate, key and store as they are named, relative to the configuration's folder
    format: str  # keycertfile, pkcs12, keycertjar, selfsignedcert


Resource = VirtualHost | TargetServer | Reference | KeyStore | AliasFile


class Found(NamedTuple):
    """A resource in a file, and the environment that the file says it belongs to."""

    resource: Resource
    environment: str  # empty: the file does not tell


def read(document: Document) -> Iterator[Found]:
    """All resources in a document; what is none is passed over.

    Raises:
        InputError: a resource has a field that it cannot have, with its line.
    """
    value, base = document.value, PurePath(document.file).stem.lower()
    kind = base if base in LISTS else ""
    count = 0
    for environment, inner, at in _lists(value, kind):
        for resource in _resources(document, inner, at):
            count += 1
            if count > MOST:
                raise InputError(f"has more than {MOST:,} resources", file=document.file)
            yield Found(resource, environment)


def is_resources(value: Any, name: str) -> bool:
    """Whether a JSON document has resources of a gateway, judged as ``read`` does."""
    base = PurePath(name).stem.lower()
    return base in LISTS or any(_kind(entry, kind) for _, (kind, entries), _ in _lists(value, "") for entry in entries[:1])


Listed = tuple[str, list[Any]]  # what kind its list or file says, and the entries
Path = tuple[str | int, ...]


def _lists(value: Any, kind: str) -> Iterator[tuple[str, Listed, Path]]:
    """Environment, list and the list's path in the document; one resource alone is a list of it, with an empty path element."""
    if isinstance(value, list):
        yield "", (kind, value), ()
        return
    if not isinstance(value, Mapping):
        return
    around = value.get("envConfig")
    if isinstance(around, Mapping):
        for environment, config in around.items():
            for name, entries in config.items() if isinstance(config, Mapping) else ():
                if str(name).lower() in LISTS and isinstance(entries, list):
                    yield str(environment), (str(name).lower(), entries), ("envConfig", environment, name)
        return
    inside = [(name, entries) for name, entries in value.items() if str(name).lower() in LISTS and isinstance(entries, list)]
    if inside and "name" not in value:
        for name, entries in inside:
            yield "", (str(name).lower(), entries), (name,)
        return
    yield "", (kind, [value]), (_ALONE,)


_ALONE = "\0alone"


def _resources(document: Document, listed: Listed, at: Path) -> Iterator[Resource]:
    kind, entries = listed
    for index, entry in enumerate(entries):
        path: Path = () if at == (_ALONE,) else (*at, index)
        of = _kind(entry, kind)
        if of:
            try:
                yield _READERS[of](entry, document, path)
            except InputError as error:
                place = document.origin(path, {}).place()
                raise InputError(f"{of}: {error.problem}", file=str(place), hint=error.hint) from None


def _kind(entry: Any, kind: str) -> str:
    if not isinstance(entry, Mapping):
        return "keystores" if isinstance(entry, str) and kind == "keystores" else ""
    if "hostAliases" in entry or kind == "virtualhosts":
        return "virtualhosts"
    if "refers" in entry:
        return "references"
    if "host" in entry and "port" in entry:
        return "targetservers"
    if "keystorename" in entry:
        return "aliases"
    return kind if kind == "keystores" and "name" in entry else ""


def _alias(entry: Any, document: Document, path: Path) -> AliasFile:
    named = {own: fields.text(entry.get(own), own) for own in ("alias", "keystorename", "format", "certFilePath", "keyFilePath", "filePath")}
    has_key = fields.flag(entry.get("hasKey"))
    if has_key is None:
        has_key = bool(named["keyFilePath"]) or named["format"] in ("pkcs12", "keycertjar", "selfsignedcert")
    described = Alias.from_json({"alias": named["alias"], "certsInfo": entry.get("certsInfo")})
    alias = Alias(named["alias"], (), has_key, described.described, origin=document.origin(path, {"files": "certFilePath"}))
    files = tuple(named[own] for own in ("certFilePath", "filePath") if named[own])
    return AliasFile(named["keystorename"], alias, files, named["format"])


def _keystore(entry: Any, document: Document, path: Path) -> KeyStore:
    origin: Origin = document.origin(path, {"name": "name"})
    return KeyStore(entry, origin=origin) if isinstance(entry, str) else KeyStore.from_json(entry, origin)


_READERS: Mapping[str, Any] = {
    "virtualhosts": lambda entry, document, path: VirtualHost.from_json(entry, document.origin(path, VIRTUAL_HOST_FIELDS)),
    "targetservers": lambda entry, document, path: TargetServer.from_json(entry, document.origin(path, TARGET_SERVER_FIELDS)),
    "references": lambda entry, document, path: Reference.from_json(entry, document.origin(path, REFERENCE_FIELDS)),
    "keystores": _keystore,
    "aliases": _alias,
}
