"""A proxy's bundle, as a zip archive or unpacked: its TargetEndpoints, and which virtual hosts its ProxyEndpoints name.

An archive is attacker-controlled: nothing is unpacked, entries are read in memory one after the other, each and all of them up to a bound, and a
name in it is only compared, never opened.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator

from whytls.edge.proxy import Proxy
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.xml import LARGEST as LARGEST_XML
from whytls.edge.xml import parse
from whytls.exceptions import InputError

LARGEST_ARCHIVE, LARGEST_CONTENT, MOST_ENTRIES, MOST_READ = 64 << 20, 32 << 20, 20_000, 500
_PARTS = re.compile(r"(?:(?!\.\.?/)[^/]+/){0,3}apiproxy/(?:(targets|proxies)/[^/]+|[^/]+)\.xml", re.IGNORECASE)


def looks_like(data: bytes) -> bool:
    """Whether bytes begin like a zip archive."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def read_archive(data: bytes, file: str, proxy: str = "", revision: str = "") -> Proxy:
    """The proxy in a zip archive. Places in it are named ``bundle.zip/apiproxy/targets/default.xml``.

    Raises:
        InputError: it is no archive with a proxy, is locked, or is larger than a bundle can be.
    """
    if len(data) > LARGEST_ARCHIVE:
        raise InputError("too large for a proxy bundle", file=file, hint=f"at most {LARGEST_ARCHIVE} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise InputError(f"has more than {MOST_ENTRIES:,} entries", file=file)
            wanted = [entry for entry in entries if _PARTS.fullmatch(entry.filename)]
            return of_documents(_contents(archive, wanted, file), file, proxy, revision)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, OSError, RuntimeError) as error:
        # RuntimeError: an entry is locked with a password, or compressed in a way that zipfile does not know
        problem = (
            "is locked with a password" if isinstance(error, RuntimeError) and "encrypted" in str(error) else "is no zip archive that can be read"
        )
        raise InputError(problem, file=file, hint="expected a bundle as the Management API exports it") from None


def _contents(archive: zipfile.ZipFile, wanted: list[zipfile.ZipInfo], file: str) -> Iterator[tuple[str, bytes]]:
    import lzma
    import zlib

    total = 0
    for entry in wanted[:MOST_READ]:
        try:
            with archive.open(entry) as opened:
                content = opened.read(LARGEST_XML + 1)
        except (zlib.error, lzma.LZMAError):
            raise InputError(f"{_shown(entry.filename)} in it is damaged", file=file) from None
        total += len(content)
        if len(content) > LARGEST_XML or total > LARGEST_CONTENT:
            raise InputError(f"{_shown(entry.filename)} in it is larger than a part of a proxy can be", file=file)
        yield entry.filename, content


def of_documents(documents: Iterable[tuple[str, bytes]], file: str, proxy: str = "", revision: str = "") -> Proxy:
    """The proxy that these documents are, each with its path in the bundle; ``file`` is what stands before that in places.

    Raises:
        InputError: one is no XML, or there is none of a proxy.
    """
    targets: list[tuple[str, bytes]] = []
    hosts: dict[str, None] = {}
    paths: dict[str, None] = {}
    met = False
    for path, content in documents:
        match = _PARTS.fullmatch(path)
        if not match:
            continue
        met = True
        if (match[1] or "").lower() == "targets":
            targets.append((path, content))
            continue
        root = parse(content, f"{file}/{path}" if file else path)
        if root.name == "APIProxy":
            proxy, revision = proxy or root.attribute("name") or "", revision or root.attribute("revision") or ""
        connection = root.child("HTTPProxyConnection") if root.name == "ProxyEndpoint" else None
        if connection is not None:
            hosts |= dict.fromkeys(child.text.strip() for child in connection.all("VirtualHost") if child.text.strip())
            paths |= dict.fromkeys(child.text.strip() for child in connection.all("BasePath") if child.text.strip())
    if not met:
        raise InputError("has no proxy in it", file=file, hint="expected apiproxy/targets/*.xml as in a bundle")
    read = tuple(TargetEndpoint.from_xml(content, f"{file}/{path}" if file else path, proxy, revision) for path, content in targets)
    return Proxy(proxy, revision, read, tuple(hosts), tuple(paths))


def is_part(path: str) -> bool:
    """Whether a file of an unpacked bundle is read here."""
    return bool(_PARTS.fullmatch(path))


def _shown(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)[:100]
