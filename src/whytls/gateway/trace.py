"""What the gateway knows of its failures: the last ones in memory, and all of them as JSON lines in a file.

An entry names the resources (virtual host, proxy, target, keystore and alias), what the caller was answered, what Edge's own log would have
said, and the diagnosis, in the words of the published JSON. Nothing of bodies, headers or keys is in it.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from whytls.exceptions import InputError
from whytls.model import Diagnosis
from whytls.report.json import as_dict

KEPT = 1_000  # entries in memory
LARGEST = 256 << 20  # bytes of the file; then it begins anew, and the one before is kept


class Trace:
    """The trace of one gateway."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """Raises InputError where the file cannot be written."""
        self.entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.count = 0
        self.diagnosed = 0  # entries with a cause
        self._path = str(path) if path is not None else None
        self._file: BinaryIO | None = self._opened() if self._path else None
        self._size = self._file.tell() if self._file else 0

    def _opened(self) -> BinaryIO:
        assert self._path is not None  # noqa: S101 -- the callers asked
        try:
            return open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        except OSError as error:
            raise InputError(f"the trace cannot be written there: {error.strerror}", file=self._path) from None

    def add(self, entry: Mapping[str, Any], diagnosis: Diagnosis | None) -> dict[str, Any]:
        """One failure, with its diagnosis where TLS has to do with it."""
        self.count += 1
        made = {"number": self.count, **entry, "diagnosis": as_dict(diagnosis) if diagnosis is not None and diagnosis.cause else None}
        self.diagnosed += made["diagnosis"] is not None
        self.entries.append(made)
        if self._file is not None and self._path is not None:
            line = json.dumps(made, separators=(",", ":")).encode() + b"\n"
            if self._size + len(line) > LARGEST:
                self._file.close()
                os.replace(self._path, f"{self._path}.1")
                self._file, self._size = self._opened(), 0
            self._file.write(line)
            self._file.flush()
            self._size += len(line)
        return made

    def since(self, number: int, cause: str = "", hop: str = "") -> Iterator[dict[str, Any]]:
        """The entries in memory behind that number, the oldest first."""
        for entry in self.entries:
            told = entry["diagnosis"] or {}
            if entry["number"] > number and (not cause or told.get("cause") == cause) and (not hop or entry["hop"] == hop):
                yield entry

    def close(self) -> None:
        """The end of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
