"""Reads gzip, bzip2, xz and zstd as a stream: bounded memory whatever the file says, and what precedes damage is given out.

Each reader has ``read(n)`` like a file. It returns at most ``n`` bytes and takes in little at a time, so a bomb that inflates to
terabytes costs time, which the user sees in the progress bar, and no memory. Damage is raised by the call after the last good bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

from whytls.capture.pcap import Readable
from whytls.exceptions import DamagedInput

PIECE = 8 << 10  # compressed bytes taken in at once; of a damaged piece, bzip2, xz and zstd lose all, gzip nothing
WINDOW = 128 << 20  # the most memory a stream may ask for: enough for `xz -9` and `zstd --long`


class _Decompressor(Protocol):
    """The interface that bz2 and lzma share, and ``_Gunzip`` with them."""

    @property
    def eof(self) -> bool:
        """Whether the member's end was reached."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out before something goes in."""

    @property
    def unused_data(self) -> bytes:
        """What was put in behind the member's end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take in compressed bytes, give out at most that many."""


class _Source:
    """The compressed file: the first bytes, which were read to recognise it, and then the rest; counts what it gave."""

    def __init__(self, file: Readable, head: bytes) -> None:
        self._file, self._head, self.taken = file, head, 0

    def read(self, n: int, /) -> bytes:
        data, self._head = self._head or self._file.read(n), b""
        self.taken += len(data)
        return data


class _Gunzip:
    """zlib's decompressor with the interface of the others; gives out what precedes damage to the last byte."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        data = self._tail + data
        before = self._inflate.copy()
        try:
            out = self._inflate.decompress(data, max_length)
            self._tail = self._inflate.unconsumed_tail
        except zlib.error:
            self._inflate, self._tail = before, data
            out = self._up_to_damage()
            if not out:
                raise
        return out

    def _up_to_damage(self) -> bytes:
        """Byte by byte, since a failing call gives nothing; a piece of input cannot become more than 8 MB."""
        out = bytearray()
        try:
            for at in range(len(self._tail)):
                out += self._inflate.decompress(self._tail[at : at + 1])
        except zlib.error:
            self._tail = self._tail[at:]  # zlib stays where it failed: the next call fails at once
        return bytes(out)


class _Members:
    """gzip, bzip2, xz: one compressed member after another, zeros between and behind them allowed."""

    def __init__(self, kind: str, source: _Source, new: Callable[[], _Decompressor], errors: tuple[type[Exception], ...]) -> None:
        self._kind, self._source, self._new, self._errors = kind, source, new, errors
        self._input = source.read(PIECE)
        self._magic = self._input[:2]
        self._member: _Decompressor | None = new()
        self._ready = b""
        self._problem: DamagedInput | None = None

    def read(self, n: int, /) -> bytes:
        """At most ``n`` bytes, none at the end; DamagedInput only when there is nothing left to give."""
        parts, have = [], 0
        while have < n and (self._ready or self._refill(n - have)):
            parts.append(self._ready[: n - have])
            self._ready = self._ready[n - have :]
            have += len(parts[-1])
        if self._problem and not parts:
            raise self._problem
        return b"".join(parts)

    def _refill(self, n: int) -> bool:
        if not self._problem:
            try:
                self._ready = self._more(n)
            except DamagedInput as problem:
                self._problem = problem
        return bool(self._ready)

    def _more(self, n: int) -> bytes:
        while member := self._member or self._next_member():
            fresh = b""
            if member.needs_input:
                fresh, self._input = self._input or self._source.read(PIECE), b""
            try:
                out = member.decompress(fresh, n)
            except self._errors as error:
                raise self._damage(f"the {self._kind} data is damaged: {error}") from None
            if member.eof:
                self._input, self._member = member.unused_data, None
            elif not out and not fresh and member.needs_input:
                raise self._damage(f"the {self._kind} data is cut short")
            if out:
                return out
        return b""

    def _next_member(self) -> _Decompressor | None:
        self._input = self._input.lstrip(b"\0")
        while not self._input:
            piece = self._source.read(PIECE)
            if not piece:
                return None
            self._input = piece.lstrip(b"\0")
        if len(self._input) < 2:
            self._input += self._source.read(PIECE)
        if self._input[:2] != self._magic:
            raise self._damage(f"something else follows the {self._kind} data")
        self._member = self._new()
        return self._member

    def _damage(self, problem: str) -> DamagedInput:
        return DamagedInput(f"{problem} (at most {self._source.taken} bytes into the compressed file)")


class _Zstandard:
    """zstd, through its library's reader. A stream that is cut short just ends: the record inside that is cut then tells it."""

    def __init__(self, source: _Source) -> None:
        import zstandard

        self._source, self._error = source, zstandard.ZstdError
        library = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        self._reader = library.stream_reader(source, read_size=PIECE, read_across_frames=True)  # type: ignore[arg-type]

    def read(self, n: int, /) -> bytes:
        """At most ``n`` bytes, none at the end."""
        try:
            return self._reader.read1(n)
        except self._error as error:
            taken = self._source.taken
            raise DamagedInput(f"the zstd data is damaged: {error} (at most {taken} bytes into the compressed file)") from None


def _gzip(source: _Source) -> Readable:
    return _Members("gzip", source, _Gunzip, (zlib.error,))


def _bzip2(source: _Source) -> Readable:
    import bz2

    return _Members("bzip2", source, bz2.BZ2Decompressor, (OSError, ValueError))


def _xz(source: _Source) -> Readable:
    import lzma

    return _Members("xz", source, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW), (lzma.LZMAError, MemoryError))


_FORMATS = {
    b"\x1f\x8b": _gzip,
    b"BZ": _bzip2,
    b"\xfd\x37": _xz,
    b"\x28\xb5": _Zstandard,
    **{bytes((0x50 + i, 0x2A)): _Zstandard for i in range(16)},  # a frame to be skipped comes first (pzstd)
}


def opened(file: Readable, head: bytes) -> Readable | None:
    """What is inside a compressed file that begins with ``head`` (already read); None where that is no compressed file."""
    new = _FORMATS.get(head[:2])
    return new(_Source(file, head)) if new else None
