"""The few errors of our own.

    WhytlsError                 what was wrong, where, and what to do
    ├── InputError              the input cannot be used at all: no such file, not a capture, unknown link type
    ├── DamagedInput            the input could be read up to a place; what came before it stands
    │   └── Malformed           a TLS structure contradicts its own lengths (offset inside the structure)
    ├── ApiError                a Management API did not do what it was asked: status, its own fault code, what to do
    └── UsageError              the call asks for something that cannot be: unknown cause, bad filter

All carry ``where`` (file, offset, frame: what is known of it) and a ``hint`` that says what to do next.
"""

from __future__ import annotations


class WhytlsError(Exception):
    """Base of all errors of ours: ``str()`` is one line for the user, place and hint included."""

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        offset: int | None = None,
        frame: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem, self.file, self.offset, self.frame, self.hint = problem, file, offset, frame, hint

    @property
    def where(self) -> str:
        """The place, as far as it is known: ``edge.pcap, frame 6, byte 4711``."""
        parts = [self.file] if self.file else []
        if self.frame is not None:
            parts.append(f"frame {self.frame}")
        if self.offset is not None:
            parts.append(f"byte {self.offset}")
        return ", ".join(parts)

    def __str__(self) -> str:
        text = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{text} ({self.hint})" if self.hint else text


class InputError(WhytlsError):
    """The input cannot be used at all; nothing was read from it."""


class DamagedInput(WhytlsError):
    """The input cannot be followed past a place; what was read before it stands."""


class Malformed(DamagedInput):
    """A structure on the wire contradicts its own lengths; ``offset`` counts from the structure's first byte."""


class ApiError(WhytlsError):
    """A Management API gave no answer, or refused. ``status`` is None where there was no answer; ``code`` is the API's own word for the fault."""

    def __init__(self, problem: str, *, status: int | None = None, code: str = "", file: str | None = None, hint: str | None = None) -> None:
        super().__init__(problem, file=file, hint=hint)
        self.status, self.code = status, code


class UsageError(WhytlsError):
    """The call asks for something that cannot be done as asked."""
