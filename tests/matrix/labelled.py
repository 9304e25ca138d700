"""The labelled captures of cases.tar.xz, read once, for every test that needs real failures with a known reason."""

from __future__ import annotations

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ARCHIVE = Path(__file__).with_name("cases.tar.xz")


class Labelled(NamedTuple):
    """One capture and what is true of it."""

    id: str
    label: dict[str, Any]
    capture: bytes

    @property
    def failed(self) -> bool:
        """Whether it holds a failure; else it is a success that must stay one."""
        return bool(self.label["cause"] != "success")


@cache
def labelled() -> tuple[Labelled, ...]:
    """All of them, in the order of their names."""
    labels: dict[str, dict[str, Any]] = {}
    captures: dict[str, bytes] = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if name in ("label.json", "capture.pcap"):
                content = archive.extractfile(member)
                assert content is not None
                data = content.read()
                if name == "label.json":
                    labels[folder] = json.loads(data)
                else:
                    captures[folder] = data
    assert set(labels) == set(captures)
    return tuple(Labelled(label["id"], label, captures[folder]) for folder, label in sorted(labels.items()))
