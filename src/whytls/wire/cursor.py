"""The only reader of bytes: bounds-checked, lengths used up exactly, one error with its offset.

A Cursor walks one structure. Where a list is long (cipher suites, extensions) a function here reads it whole, with one call
of ``struct``: a capture may hold 100,000 ClientHellos. All raise Malformed with the offset inside the structure.
"""

from __future__ import annotations

from struct import Struct, unpack_from
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


# Lists of up to 63 numbers at once; the cipher suites of nearly every client are fewer.
_NUMBERS16 = [Struct(f">{count}H").unpack_from for count in range(64)]
_BLOCK_HEAD = Struct(">HH").unpack_from


def numbers16(data: bytes, at: int, size: int, what: str) -> tuple[int, ...]:
    """The 16-bit numbers in ``data[at:at + size]``."""
    if size & 1:
        raise Malformed(f"{what} has an odd length, {size}", offset=at)
    if at + size > len(data):
        raise Malformed(f"{what} needs {size} bytes, {len(data) - at} are left", offset=at)
    return _NUMBERS16[size >> 1](data, at) if size < 128 else unpack_from(f">{size >> 1}H", data, at)


def whole_list16(data: bytes, width: int, what: str) -> tuple[int, ...]:
    """The structure is nothing but a list of 16-bit numbers behind its length in ``width`` (one or two) bytes."""
    size = len(data) - width
    if size < 0:
        raise Malformed(f"{what} has no length", offset=0)
    announced = data[0] if width == 1 else data[0] << 8 | data[1]
    if size != announced:
        raise Malformed(f"{what} says {announced} bytes, {size} are there", offset=0)
    return numbers16(data, width, size, what)


def whole_names(data: bytes, what: str) -> list[str]:
    """The structure is nothing but a list, behind its length in two bytes, of names behind theirs in one."""
    size, at, found = len(data), 2, []
    if size < 2 or data[0] << 8 | data[1] != size - 2:
        raise Malformed(f"{what}'s length does not fit its {size} bytes", offset=0)
    while at < size:
        stop = at + 1 + data[at]
        if stop > size:
            raise Malformed(f"a name in {what} needs {data[at]} bytes, {size - at - 1} are left", offset=at)
        found.append(str(data[at + 1 : stop], "ascii", "backslashreplace"))
        at = stop
    return found


Block = TypeVar("Block", bound=tuple[int, bytes])


def typed_blocks(data: bytes, at: int, found: list[Block], kind: type[Block]) -> None:
    """Puts (number, body) of each extension into ``found``: they fill ``data`` from ``at`` on, behind their length in two bytes.

    Where a length is wrong, those before the damage stand in ``found``.
    """
    size = len(data)
    if at + 2 > size:
        raise Malformed("extensions have no length", offset=at)
    start, end = at + 2, at + 2 + (data[at] << 8 | data[at + 1])
    last, whole, add, new = min(end, size) - 4, end == size, found.append, tuple.__new__
    at = start
    while at <= last:
        number, length = _BLOCK_HEAD(data, at)
        start = at + 4
        at = start + length
        if at > end or at > size:
            raise Malformed(f"extension {number} says {length} bytes, {min(end, size) - start} are left", offset=start - 4)
        add(new(kind, (number, data[start:at])))
    if at == end and whole:
        return
    if end > size:
        raise Malformed(f"the extensions end {end - size} bytes behind the message", offset=size)
    if at != end:
        raise Malformed(f"an extension needs 4 bytes, {end - at} are left", offset=at)
    raise Malformed(f"{size - end} bytes too many behind the extensions", offset=end)


def hello_start(data: bytes) -> tuple[int, bytes, bytes, int]:
    """What both hellos of TLS begin with: version, random, session_id, and where the next field begins."""
    size = len(data)
    if size < 35:
        raise Malformed(f"a hello needs at least 35 bytes, {size} are there", offset=size)
    at = 35 + data[34]
    if at > size:
        raise Malformed(f"session_id needs {data[34]} bytes, {size - 35} are left", offset=35)
    return data[0] << 8 | data[1], data[2:34], data[35:at], at
