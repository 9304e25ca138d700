"""The Router's access log: one file for each port, named as on Edge, a line for each request.

The name is documented (``{org}~{env}.{port}_access_log``), the order of the fields from memory: they are nginx's combined format, with the virtual
host, the times and the message identifier behind them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TextIO

from whytls.exceptions import InputError
from whytls.gateway.environment import Environment

LARGEST = 64 << 20  # bytes of one file; then it begins anew, and the one before is kept


class AccessLog:
    """The files of one Router; without a folder nothing is written."""

    def __init__(self, folder: Path | None, environment: Environment) -> None:
        self._folder, self._environment = folder, environment
        self._files: dict[int, tuple[TextIO, int]] = {}

    @property
    def wanted(self) -> bool:
        """Whether anybody reads it."""
        return self._folder is not None

    def path(self, port: int) -> Path:
        """The file of a port."""
        return (self._folder or Path()) / f"{self._environment.organization}~{self._environment.name}.{port}_access_log"

    def add(
        self, port: int, client: str, virtual_host: str, line: bytes, status: int, size: int, agent: bytes | None, seconds: float, identifier: str
    ) -> None:
        """One request: ``line`` is its first line, ``size`` the bytes of the answer's body."""
        if self._folder is None:
            return
        moment = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        text = (
            f'{client} - - [{moment}] "{_quoted(line)}" {status} {size} "-" "{_quoted(agent or b"-")}" {virtual_host or "-"} {seconds:.3f} '
            f"{identifier}\n"
        )
        file, written = self._files.get(port) or self._opened(port)
        if written + len(text) > LARGEST:
            file.close()
            os.replace(self.path(port), f"{self.path(port)}.1")
            file, written = self._opened(port)
        file.write(text)
        self._files[port] = file, written + len(text)

    def _opened(self, port: int) -> tuple[TextIO, int]:
        path = self.path(port)
        try:
            file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii", buffering=1)  # noqa: SIM115
        except OSError as error:
            raise InputError(f"the access log cannot be written: {error.strerror}", file=str(path)) from None
        self._files[port] = file, file.tell()
        return self._files[port]

    def close(self) -> None:
        """The end of all files."""
        for file, _ in self._files.values():
            file.close()
        self._files.clear()


def _quoted(data: bytes) -> str:
    """As nginx escapes: what is not printable ASCII, the quote and the backslash become ``\\xNN``."""
    return "".join([chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02X}" for b in data[:2048]])
