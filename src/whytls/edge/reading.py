"""An environment from files: a folder with anything that configures a gateway, or one such file.

What a file is, is told by its content and only then by its name: resources in JSON (our own export, apigee-config-maven-plugin's ``edge.json`` and
``resources/edge``), virtual hosts and TargetEndpoints in XML, proxy bundles as zip or unpacked, the Router's nginx, properties and
``java.security``. All of them become one Environment; a file that cannot be read becomes a warning, unless it was named alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from whytls.edge.environment import Environment
from whytls.edge.keystore import Alias, KeyStore, Reference
from whytls.edge.origin import json_document, json_value
from whytls.edge.proxy import Proxy
from whytls.edge.readers import bundle, properties, resources_json, router
from whytls.edge.settings import Setting
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import TargetServer
from whytls.edge.virtualhost import VirtualHost
from whytls.edge.xml import LARGEST as LARGEST_XML
from whytls.edge.xml import parse
from whytls.exceptions import InputError, UsageError
from whytls.pki.readers.nginx_syntax import MOST_BYTES
from whytls.pki.store import file_content, read_store

MOST_FILES, DEEPEST, LARGEST_FILE, MOST_KEPT, MOST_WARNINGS = 5_000, 16, 64 << 20, 256 << 20, 50
_MAIN = re.compile(rb"(?m)^[ \t]*http\s*\{")
MANIFEST = "whytls-edge.json"  # of our own export


@dataclass(slots=True)
class _Collected:
    """What was found so far."""

    source: str
    chosen: str  # the environment that the call names; empty: the only one
    organization: str = ""
    keystores: dict[str, KeyStore] = field(default_factory=dict)
    references: dict[str, Reference] = field(default_factory=dict)
    virtual_hosts: dict[str, VirtualHost] = field(default_factory=dict)
    target_servers: dict[str, TargetServer] = field(default_factory=dict)
    aliases: list[tuple[resources_json.AliasFile, Path]] = field(default_factory=list)
    proxies: dict[tuple[str, str], Proxy] = field(default_factory=dict)
    parts: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)  # of unpacked bundles, by the folder that apiproxy stands in
    nginx: list[tuple[str, bytes]] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    environments: dict[str, None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    read: int = 0
    kept: int = 0  # bytes of files that are held until all are known

    def keep(self, data: bytes, path: Path, largest: int) -> bytes:
        """The bytes, where there is room for them."""
        self.kept += len(data)
        if len(data) > largest or self.kept > MOST_KEPT:
            raise InputError("too large for what it is, or too much of its kind", file=str(path))
        return data


def read_files(source: str) -> Environment:
    """Reads a folder or a file; ``SOURCE#ENV`` chooses one of several environments.

    Raises:
        InputError: there is no such file, or nothing in it configures a gateway.
        UsageError: there are several environments, or not the one that is named.
    """
    path, _, chosen = source.partition("#") if not os.path.exists(source) else (source, "", "")
    place = Path(path)
    found = _Collected(source, chosen)
    if place.is_dir():
        for file in _files(place, found):
            try:
                _take(file, place, found)
            except InputError as error:
                found.warnings.append(str(error))
    else:
        found.read += 1
        if not _take(place, place.parent, found):
            hint = "expected resources in JSON or XML, a proxy bundle, nginx's configuration, properties, or a folder of these"
            raise InputError("nothing in it configures a gateway that is known here", file=path, hint=hint)
    _chosen(found)
    return _whole(found, place)


def _files(folder: Path, found: _Collected) -> Iterator[Path]:
    """All regular files below a folder, in the order of their names; links to folders are not followed."""
    for here, folders, names in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < DEEPEST else []
        for name in sorted(names):
            if found.read >= MOST_FILES:
                found.warnings.append(f"{folder}: more than {MOST_FILES:,} files, the rest is not read")
                return
            path = Path(here, name)
            try:
                status = path.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE:
                found.read += 1
                yield path


def _take(path: Path, root: Path, found: _Collected) -> bool:
    """Reads one file; False: it is nothing that is known here."""
    data = file_content(path, LARGEST_FILE)
    name = str(path)
    if bundle.looks_like(data):
        _bundle(bundle.read_archive(data, name), found)
        return True
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"[") and path.suffix.lower() == ".json":
        return _json(data, path, root, found)
    if start == b"<" and path.suffix.lower() == ".xml":
        return _xml(data, path, found)
    if path.suffix.lower() in (".pem", ".crt", ".cer", ".key"):
        return False  # its alias or directive names it
    if router.looks_like(data) and not properties.is_named(name):
        found.nginx.append((name, found.keep(data, path, MOST_BYTES)))
        return True
    if properties.looks_like(data, name):
        found.settings += properties.read(data, name)
        return True
    return False


def _json(data: bytes, path: Path, root: Path, found: _Collected) -> bool:
    if path.name == MANIFEST:
        value = json_value(data, str(path))
        if isinstance(value, dict):
            found.organization = found.organization or str(value.get("organization", ""))[:200]
        return True
    document = json_document(data, str(path))
    if not resources_json.is_resources(document.value, str(path)):
        return False
    of_folder = path.parent.name if path.parent.parent.name == "env" else ""
    for resource, named in resources_json.read(document):
        environment = named or of_folder
        if environment:
            found.environments[environment] = None
            if found.chosen and environment != found.chosen:
                continue
        _resource(resource, environment, path, root, found)
    return True


def _resource(resource: resources_json.Resource, environment: str, path: Path, root: Path, found: _Collected) -> None:
    if isinstance(resource, resources_json.AliasFile):
        found.aliases.append((resource, root))
        return
    held: dict[str, object] = {
        VirtualHost: found.virtual_hosts, TargetServer: found.target_servers, Reference: found.references, KeyStore: found.keystores,
    }[type(resource)]  # type: ignore[assignment]  # fmt: skip
    held[resource.name] = resource


def _xml(data: bytes, path: Path, found: _Collected) -> bool:
    parts = path.parts
    at = max((index for index, part in enumerate(parts[:-1]) if part.lower() == "apiproxy"), default=None)
    if at is not None and bundle.is_part("/".join(parts[at:])):
        found.parts.setdefault(str(Path(*parts[:at])), []).append(("/".join(parts[at:]), found.keep(data, path, LARGEST_XML)))
        return True
    kind = parse(data, str(path)).name
    if kind == "VirtualHost":
        host = VirtualHost.from_xml(data, str(path))
        found.virtual_hosts[host.name] = host
    elif kind == "TargetEndpoint":
        target = TargetEndpoint.from_xml(data, str(path))
        _bundle(Proxy("", "", (target,)), found)
    return kind in ("VirtualHost", "TargetEndpoint")


def _bundle(proxy: Proxy, found: _Collected) -> None:
    key = (proxy.name, proxy.revision)
    before = found.proxies.get(key)
    if before is None or proxy.name:
        found.proxies[key] = proxy
    else:  # TargetEndpoints that stand alone
        found.proxies[key] = Proxy("", "", (*before.targets, *proxy.targets))


def _routers(found: _Collected) -> None:
    """The nginx configurations: main ones first, and no file twice that one of them includes."""
    done: set[str] = set()
    for name, data in sorted(found.nginx, key=lambda one: not _MAIN.search(one[1])):
        if name in done:
            continue
        try:
            read = router.read(data, name)
        except InputError as error:
            found.warnings.append(str(error))
            continue
        done |= read.files
        _router(read, found)


def _router(read: router.Router, found: _Collected) -> None:
    found.settings += read.settings
    found.warnings += read.warnings
    found.keystores |= {store.name: store for store in read.keystores}
    for host in read.virtual_hosts:
        # A Router has one file for each virtual host; two servers of one name are one host on two ports.
        name = host.name if host.name not in found.virtual_hosts else f"{host.name}:{host.port}"
        found.virtual_hosts[name] = host


def _chosen(found: _Collected) -> None:
    if found.chosen and found.chosen not in found.environments:
        known = ", ".join(list(found.environments)[:10])
        raise UsageError(f"{found.source}: there is no environment {found.chosen!r}", hint=f"known: {known}" if known else None)
    if not found.chosen and len(found.environments) > 1:
        known = ", ".join(list(found.environments)[:10])
        raise UsageError(f"{found.source} has several environments: {known}", hint=f"choose one: {found.source}#{next(iter(found.environments))}")


def _whole(found: _Collected, place: Path) -> Environment:
    _routers(found)
    for folder, documents in found.parts.items():
        try:
            _bundle(bundle.of_documents(documents, folder), found)
        except InputError as error:
            found.warnings.append(str(error))
    for alias, root in found.aliases:
        _alias(alias, root, found)
    known = (found.keystores, found.references, found.virtual_hosts, found.target_servers, found.proxies, found.settings)
    if not any(known):
        first = f"; {found.warnings[0]}" if found.warnings else ""
        raise InputError(f"nothing in it configures a gateway that is known here{first}", file=str(place))
    more = len(found.warnings) - MOST_WARNINGS
    warnings = found.warnings[:MOST_WARNINGS] + ([f"{more} more warnings"] if more > 0 else [])
    name = found.chosen or next(iter(found.environments), "")
    return Environment(
        found.source, found.organization, name, "edge", MappingProxyType(found.keystores), MappingProxyType(found.references),
        MappingProxyType(found.virtual_hosts), MappingProxyType(found.target_servers), tuple(found.proxies.values()), tuple(found.settings),
        tuple(warnings),
    )  # fmt: skip


def _alias(given: resources_json.AliasFile, root: Path, found: _Collected) -> None:
    """Puts an alias into its keystore, with the certificates of the files that it names, where they lie below the folder."""
    certificates: tuple[bytes, ...] = ()
    for name in given.files:
        path = _below(root, name)
        if path is None:
            found.warnings.append(f"{given.alias.name} of keystore {given.keystore}: {name[:200]} is not in {root}, so it is not read")
            continue
        try:
            certificates += read_store(path).certificates
        except InputError as error:
            found.warnings.append(f"{given.alias.name} of keystore {given.keystore}: {error}")
    one = given.alias
    alias = Alias(one.name, certificates, one.has_key, one.described, one.rest, one.origin)
    before = found.keystores.get(given.keystore) or KeyStore(given.keystore, origin=one.origin)
    others = tuple(held for held in before.aliases if held.name != alias.name)
    found.keystores[given.keystore] = KeyStore(before.name, (*others, alias), before.rest, before.origin)


def _below(root: Path, name: str) -> Path | None:
    """A file that a configuration names, where it is a regular one below its folder: what is elsewhere is not for it to name."""
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None
