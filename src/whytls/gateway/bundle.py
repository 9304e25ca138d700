"""API proxy bundles: a zip taken apart within bounds and put together again, and what the gateway needs of what is in it."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from whytls.edge.resources import TargetEndpoint
from whytls.edge.xml import Element, parse
from whytls.exceptions import InputError

LARGEST = 16 << 20  # bytes of a zip; Edge takes 15 MB
LARGEST_INSIDE = 64 << 20  # bytes of all that is in it
MOST_FILES = 2_000
ROOT = "apiproxy"
PARTS = ("proxies", "targets", "policies")
_RESOURCE_TYPES = re.compile(r"[A-Za-z0-9_-]{1,32}")
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Route:
    """A RouteRule: to which TargetEndpoint requests go that meet the condition; empty: to none."""

    name: str
    target: str = ""
    url: str = ""
    condition: str = ""


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    """Where a proxy is reached, and whom it calls."""

    name: str
    base_path: str = "/"
    virtual_hosts: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


def unzipped(data: bytes, what: str, *, most: int = MOST_FILES, largest: int = LARGEST_INSIDE) -> dict[str, bytes]:
    """The files in a zip, by their path. What the directory of the zip says of sizes is not believed.

    Raises:
        InputError: it is no zip, is damaged or encrypted, has paths that lead out of it, or is larger inside than a bundle can be.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > most:
                raise InputError(f"has {len(entries):,} files", file=what, hint=f"at most {most:,} are read")
            found: dict[str, bytes] = {}
            left = largest
            for entry in entries:
                with archive.open(entry) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise InputError("is larger than a bundle can be once it is unpacked", file=what, hint=f"at most {largest >> 20} MB are unpacked")
                found[_inside(entry.filename, what)] = content
            return found
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
        # RuntimeError: it is encrypted, or packed in a way that Python lacks; OSError: a damaged bzip2
        raise InputError(f"cannot be unpacked: {str(error)[:120]}", file=what, hint="expected a zip that is not encrypted") from None


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, the same for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), files[path], zipfile.ZIP_DEFLATED)
    return made.getvalue()


def proxy_files(data: bytes, what: str = "bundle") -> dict[str, bytes]:
    """The files of a proxy bundle, each readable as what it has to be.

    Raises:
        InputError: as ``unzipped``; it is no bundle of a proxy; or a document in it is no XML or not the kind that belongs there.
    """
    files = {path: content for path, content in unzipped(data, what).items() if path.startswith(f"{ROOT}/")}
    if not files:
        raise InputError("is no bundle of a proxy", file=what, hint=f"expected a zip with the folder {ROOT}")
    for path, content in files.items():
        check_file(path, content)
    return files


def check_file(path: str, content: bytes) -> None:
    """Holds one file of a bundle to what its place asks for.

    Raises:
        InputError: it is no XML, or not the kind that belongs there.
    """
    place = PurePosixPath(path)
    if place.suffix.lower() != ".xml" or "resources" in place.parts:
        return
    root = parse(content, path)
    wanted = {"proxies": "ProxyEndpoint", "targets": "TargetEndpoint"}.get(place.parent.name)
    if wanted and root.name != wanted:
        raise InputError(f"<{root.name}> is no {wanted}", file=path)
    if root.name == "TargetEndpoint":
        TargetEndpoint.from_xml(content, path)


def proxy_endpoint(content: bytes, path: str = "ProxyEndpoint") -> ProxyEndpoint:
    """A ProxyEndpoint.

    Raises:
        InputError: it is no such document.
    """
    root = parse(content, path)
    if root.name != "ProxyEndpoint":
        raise InputError(f"<{root.name}> is no ProxyEndpoint", file=path)
    connection = root.child("HTTPProxyConnection") or Element("HTTPProxyConnection")
    hosts = tuple(host.text.strip() for host in connection.all("VirtualHost") if host.text.strip())
    routes = tuple(
        Route(rule.attribute("name") or "", rule.value("TargetEndpoint") or "", rule.value("URL") or "", rule.value("Condition") or "")
        for rule in root.all("RouteRule")
    )
    return ProxyEndpoint(root.attribute("name") or PurePosixPath(path).stem, connection.value("BasePath") or "/", hosts, routes)


def proxy_endpoints(files: Mapping[str, bytes]) -> tuple[ProxyEndpoint, ...]:
    """All ProxyEndpoints of a bundle, by the names of their files."""
    return tuple(proxy_endpoint(files[path], path) for path in parts(files, "proxies").values())


def target_endpoints(files: Mapping[str, bytes], proxy: str, revision: str) -> tuple[TargetEndpoint, ...]:
    """All TargetEndpoints of a bundle, by the names of their files."""
    return tuple(TargetEndpoint.from_xml(files[path], path, proxy, revision) for path in parts(files, "targets").values())


def parts(files: Mapping[str, bytes], folder: str) -> dict[str, str]:
    """The documents in ``proxies``, ``targets`` or ``policies``: their paths by their names."""
    begin = f"{ROOT}/{folder}/"
    return {PurePosixPath(path).stem: path for path in sorted(files) if path.startswith(begin) and path.endswith(".xml") and path.count("/") == 2}


def resource_files(files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Type and name of each resource file."""
    begin = f"{ROOT}/resources/"
    found = [path.removeprefix(begin).partition("/") for path in sorted(files) if path.startswith(begin)]
    return [(kind, name) for kind, _, name in found if name]


def part_path(folder: str, name: str) -> str:
    """Where the document of that name stands."""
    return f"{ROOT}/{folder}/{name}.xml"


def resource_path(kind: str, name: str) -> str:
    """Where the resource file stands.

    Raises:
        InputError: the type is none, or the name leads out of the bundle.
    """
    if not _RESOURCE_TYPES.fullmatch(kind):
        raise InputError(f"{kind[:40]!r} is no type of a resource file", hint="jsc, java, xsl, py, …")
    return _inside(f"{ROOT}/resources/{kind}/{name}", "resource file")


def _inside(path: str, what: str) -> str:
    """The path, if it stays within the bundle."""
    clean = path.replace("\\", "/")
    steps = clean.split("/")
    if clean.startswith("/") or any(step in ("", ".", "..") for step in steps) or ":" in steps[0] or "\0" in clean or len(clean) > 512:
        raise InputError(f"has a path that leads out of it: {path[:80]!r}", file=what)
    return clean
