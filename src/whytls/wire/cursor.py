"""The only reader of bytes: bounds-checked, lengths used up exactly, one error with its offset.

A Cursor walks one structure. Where a list is long (cipher suites, extensions) a function here reads it whole, with one call
of ``struct``: a capture may hold 100,000 ClientHellos. All raise Malformed with the offset inside the structure.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TypeVar

from whytls.exceptions import Malformed


class Cursor:
    """A place in one structure, from ``at`` up to ``end``; never reads past ``end``."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.at

    def _step(self, count: int, what: str) -> int:
        at = self.at
        if at + count > self.end:
            raise Malformed(f"{what} needs {count} bytes, {self.end - at} are left", offset=at)
        self.at = at + count
        return at

    def u8(self, what: str = "a byte") -> int:
        """One byte."""
        return self.data[self._step(1, what)]

    def u16(self, what: str = "a 16-bit number") -> int:
        """Two bytes."""
        at = self._step(2, what)
        return self.data[at] << 8 | self.data[at + 1]

    def u24(self, what: str = "a 24-bit number") -> int:
        """Three bytes."""
        at = self._step(3, what)
        return int.from_bytes(self.data[at : at + 3], "big")

    def u32(self, what: str = "a 32-bit number") -> int:
        """Four bytes."""
        at = self._step(4, what)
        return int.from_bytes(self.data[at : at + 4], "big")

    def take(self, count: int, what: str = "a field") -> bytes:
        """That many bytes."""
        at = self._step(count, what)
        return self.data[at : at + count]

    def vector(self, width: int, what: str = "a vector") -> bytes:
        """The bytes behind a length of ``width`` bytes (``opaque<0..2^n-1>`` of RFC 8446 section 3.4)."""
        at = self._step(width, what)
        return self.take(int.from_bytes(self.data[at : at + width], "big"), what)

    def block(self, width: int, what: str = "a vector") -> Cursor:
        """A Cursor over the bytes behind a length of ``width`` bytes; this one stands behind them."""
        at = self._step(width, what)
        inner = self._step(int.from_bytes(self.data[at : at + width], "big"), what)
        return Cursor(self.data, inner, self.at)

    def rest(self) -> bytes:
        """All that is left."""
        at, self.at = self.at, self.end
        return self.data[at : self.end]

    def finish(self, what: str) -> None:
        """Holds that nothing is left: a structure uses its length up exactly."""
        if self.at != self.end:
            raise Malformed(f"{self.end - self.at} bytes too many in {what}", offset=self.at)


def numbers16(data: bytes, at: int, size: int, what: str) -> tuple[int, ...]:
    """The 16-bit numbers in ``data[at:at + size]``."""
    if size & 1:
        raise Malformed(f"{what} has an odd length, {size}", offset=at)
    if at + size > len(data):
        raise Malformed(f"{what} needs {size} bytes, {len(data) - at} are left", offset=at)
    return unpack_from(f">{size >> 1}H", data, at)


def whole_list16(data: bytes, what: str) -> tuple[int, ...]:
    """The structure is nothing but a list of 16-bit numbers behind its length in two bytes."""
    if len(data) < 2:
        raise Malformed(f"{what} has no length", offset=0)
    size = data[0] << 8 | data[1]
    if size != len(data) - 2:
        raise Malformed(f"{what} says {size} bytes, {len(data) - 2} are there", offset=0)
    return numbers16(data, 2, size, what)


Block = TypeVar("Block", bound=tuple[int, bytes])


def typed_blocks(data: bytes, at: int, end: int, found: list[Block], kind: type[Block]) -> None:
    """Puts (number, body) of each extension in ``data[at:end]`` into ``found``; those before a damage stand in it."""
    add, last, new = found.append, end - 4, tuple.__new__
    while at <= last:
        number, size = unpack_from(">HH", data, at)
        stop = at + 4 + size
        if stop > end:
            raise Malformed(f"extension {number} says {size} bytes, {end - at - 4} are left", offset=at)
        add(new(kind, (number, data[at + 4 : stop])))
        at = stop
    if at != end:
        raise Malformed(f"an extension needs 4 bytes, {end - at} are left", offset=at)
