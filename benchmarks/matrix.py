"""The labelled captures of tests/matrix: unpacked once, the held-out pairs of stacks in a folder of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = ROOT / "tests" / "matrix" / "cases.tar.xz"


def held_out(label: dict[str, Any]) -> bool:
    """Whether the case belongs to a pair of stacks that no cause was written by: a stable hash of the pair decides."""
    pair = f"{label['client_stack']}|{label['server_stack']}"
    return int(hashlib.sha256(pair.encode()).hexdigest(), 16) % 3 == 0


def unpacked(folder: Path = ROOT / ".work" / "matrix") -> Path:
    """The folder with ``held-out/ID`` and ``open/ID``, unpacked again when the archive has changed."""
    stamp = folder / "sha256"
    digest = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return folder / "cases"
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder / "raw", filter="data")
    for case in sorted((folder / "raw" / "cases").iterdir()):
        label = json.loads((case / "label.json").read_text())
        place = folder / "cases" / ("held-out" if held_out(label) else "open")
        place.mkdir(parents=True, exist_ok=True)
        case.rename(place / case.name)
    shutil.rmtree(folder / "raw")
    stamp.write_text(digest)
    return folder / "cases"
