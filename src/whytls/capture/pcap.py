"""Turns pcap records into runs of packets in one buffer: all magics, both byte orders, with the time decoded on demand.

A run is what one read of 128 KiB holds: the buffer and where each packet begins and ends in it. Nothing is copied per packet
and no time is decoded until somebody asks, because most packets of a capture are bulk data that nobody wants to see.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from whytls.exceptions import DamagedInput
from whytls.tuples import NamedTuple

CHUNK = 128 << 10  # stays in the processor's cache: 4 MiB was slower in every measurement
MAX_PACKET = 256 << 10  # the largest snap length of libpcap and Wireshark; a longer record is damage
MAGICS = {  # the first four bytes: byte order, nanoseconds in a unit of the fraction, length of a record's header
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),  # the "modified" format of A. Kuznetzov's libpcap: eight more bytes in the header
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
_FAR = 1 << 24  # no packet was ever longer on the wire: beyond it the original length is not one

Clock = Callable[[bytes, int], int]


class Readable(Protocol):
    """What the readers need of a file: the next bytes, at most ``n``; none at its end. Fewer than asked is no end."""

    def read(self, n: int, /) -> bytes:
        """The next bytes."""
        ...


class Stamp(NamedTuple):
    """A time as it stands in front of a packet: ``seconds, fraction = read(buf, start - back)``, the fraction in ``unit`` nanoseconds."""

    read: Callable[[bytes, int], tuple[int, int]]
    back: int
    unit: int


class Run(NamedTuple):
    """Packets of one link type that lie in one buffer: packet i is ``buf[starts[i]:ends[i]]``."""

    buf: bytes
    starts: list[int]
    ends: list[int]
    link: int
    when: Clock  # when(buf, starts[i]): nanoseconds since 1970
    orig: Clock  # orig(buf, starts[i]): the packet's length on the wire
    frames: Sequence[int] | None = None  # None: one more for each packet; else each packet's number (pcapng)
    stamp: Stamp | None = None  # what ``when`` does, for a loop that cannot afford the call; None: it is not as simple


def exactly(file: Readable, n: int) -> bytes:
    """The next ``n`` bytes; fewer only at the end of the file."""
    data = b""
    while len(data) < n:
        more = file.read(n - len(data))
        if not more:
            break
        data += more
    return data


def gather(file: Readable, need: int) -> bytes:
    """The next bytes as the file gives them, at least ``need``; fewer only at the end of the file.

    A pipe gives what it has, which keeps live captures live; ``need`` keeps a long record from being joined piece by piece.
    """
    more = file.read(CHUNK)
    if len(more) >= need or not more:
        return more
    parts, have = [more], len(more)
    while have < need and (more := file.read(CHUNK)):
        parts.append(more)
        have += len(more)
    return b"".join(parts)


def runs(file: Readable, magic: bytes) -> Iterator[Run]:
    """Yield the packets of the file, whose first four bytes were ``magic``, in runs.

    Ends with DamagedInput, offset included, where the file cannot be followed; all that precedes it was yielded.
    """
    order, unit, skip = MAGICS[magic]
    header = exactly(file, 20)
    if len(header) < 20:
        raise DamagedInput("the file ends inside its header", offset=4 + len(header))
    link = struct.unpack_from(order + "I", header, 16)[0] & 0xFFFF  # the bits above tell of frame check sequences
    stamp, when, orig = _clocks(order, unit, skip)
    caplen = struct.Struct(order + "8xI").unpack_from
    buf, seen, need = b"", 24, 1
    while len(more := gather(file, need)) >= need:
        buf = buf + more if buf else more
        size, off, nxt, need = len(buf), 0, 0, 1
        last = size - skip
        starts: list[int] = []
        ends: list[int] = []
        add_start, add_end = starts.append, ends.append
        while off <= last:
            start = off + skip
            (n,) = caplen(buf, off)
            nxt = start + n
            if nxt > size:
                need = nxt - size
                break
            add_start(start)
            add_end(nxt)
            off = nxt
        sound = _sound(buf, starts, order, unit, skip)
        damaged = sound < len(starts)
        if damaged:
            off = starts[sound] - skip
            del starts[sound:], ends[sound:]
        if starts:
            yield Run(buf, starts, ends, link, when, orig, None, stamp)
        seen += off
        if damaged:
            raise DamagedInput("no packet record stands here", offset=seen)
        if nxt - off - skip > MAX_PACKET:
            raise DamagedInput(f"a record claims {nxt - off - skip} bytes, more than any packet has", offset=seen)
        if last < off < size:
            need = off - last
        buf = buf[off:]
    if buf or more:
        raise DamagedInput("the last record is cut short", offset=seen)


def _clocks(order: str, unit: int, skip: int) -> tuple[Stamp, Clock, Clock]:
    """How to read the time and the original length from a record's header, which ends where its packet starts."""
    read, length = struct.Struct(order + "II").unpack_from, struct.Struct(order + "I").unpack_from

    def when(buf: bytes, start: int) -> int:
        sec, fraction = read(buf, start - skip)
        time: int = sec * 1_000_000_000 + fraction * unit
        return time

    def orig(buf: bytes, start: int) -> int:
        bytes_on_wire: int = length(buf, start - skip + 12)[0]
        return bytes_on_wire

    return Stamp(read, skip, unit), when, orig


def _sound(buf: bytes, starts: list[int], order: str, unit: int, skip: int) -> int:
    """How many of the records are records.

    A flipped bit in a length sends the walk into the middle of packets, where it finds "records" for ever; a file system that
    lost its power leaves zeros. Looking at the last record of a run shows both (98 of 100 times for random bytes), so
    only then the run is searched. The two signs together (a fraction of more than a second, a packet of more than 16 MB) stand
    in no honest header, though each alone does in those of careless writers.
    """
    fields = struct.Struct(order + "IIII").unpack_from

    def nonsense(i: int) -> bool:
        sec, fraction, caplen, length = fields(buf, starts[i] - skip)
        if caplen > MAX_PACKET or (fraction * unit >= 1_000_000_000 and length > _FAR):
            return True
        return not (sec or fraction or caplen or length) and i > 0 and not any(fields(buf, starts[i - 1] - skip))

    if not starts or (len(buf) <= MAX_PACKET and not nonsense(len(starts) - 1)):
        return len(starts)
    return next((i for i in range(len(starts)) if nonsense(i)), len(starts))
