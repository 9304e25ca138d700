"""A proxy's bundle with one TargetEndpoint changed; every other byte of every other file stays as it was."""

from __future__ import annotations

import io
import zipfile
import zlib

from whytls.edge.targetendpoint import TargetEndpoint
from whytls.exceptions import InputError

MOST_FILES, LARGEST = 5_000, 64 << 20


def with_endpoint(bundle: bytes, name: str, document: bytes) -> bytes:
    """The archive with that TargetEndpoint's document in place of the one it has.

    Raises:
        InputError: it is no bundle, too large, or has no such TargetEndpoint.
    """
    made = io.BytesIO()
    found, size = False, 0
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
            if len(old.infolist()) > MOST_FILES or sum(entry.file_size for entry in old.infolist()) > LARGEST:
                raise InputError(f"a bundle with more than {MOST_FILES:,} files, or {LARGEST:,} bytes", file=name)
            for entry in old.infolist():
                content = old.read(entry)
                size += len(content)
                if entry.filename.lower().startswith("apiproxy/targets/") and _named(content, name):
                    content, found = document, True
                new.writestr(entry, content)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise InputError(f"the bundle cannot be opened: {error}", file=name) from None
    if not found:
        raise InputError(f"the bundle has no TargetEndpoint {name}", file=name)
    return made.getvalue()


def _named(content: bytes, name: str) -> bool:
    try:
        return TargetEndpoint.from_xml(content).name == name
    except InputError:
        return False
