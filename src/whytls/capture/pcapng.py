"""Turns pcapng blocks into runs of packets, and keeps the key-log secrets that stand between them.

Frame numbers are Wireshark's (checked against 4.0): enhanced, simple and obsolete packet blocks are frames, and so are some
blocks that hold no packet of ours (custom, journal, system events). These leave holes; from the first hole of a file on its
runs carry their frame numbers. Interface, name, statistics, secrets and unknown blocks are no frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from whytls.capture.pcap import MAX_PACKET, Clock, Readable, Run, exactly, gather
from whytls.exceptions import DamagedInput
from whytls.tuples import NamedTuple

MAGIC = b"\x0a\x0d\x0d\x0a"  # a section header block; reads the same in both byte orders
MAX_BLOCK = 16 << 20  # Wireshark reads no longer one either, packets of special link types aside
MAX_SECRETS = 16 << 20  # bytes of secrets kept of one file
TLS_KEY_LOG = 0x544C534B

SECTION, INTERFACE, OBSOLETE, SIMPLE, ENHANCED, SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 10
OTHER_FRAMES = frozenset((9, 0xBAD, 0x40000BAD, 0x204, 0x216, 0x217, 0x221, 0x222))  # journal, custom, system events
_LEAST = {SECTION: 28, INTERFACE: 20, OBSOLETE: 32, SIMPLE: 16, ENHANCED: 32, SECRETS: 20}
_MORE_INTERFACES = 1 << 16  # than any recording has; a file of nothing but interfaces costs no memory


class _Face(NamedTuple):
    """What packets of interfaces with the same link type and clock have in common; they may share a run."""

    link: int
    when: Clock
    orig: Clock


class _Section:
    """A section: its byte order and its interfaces so far."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.head = struct.Struct(order + "III8xI").unpack_from  # type, length; of an enhanced packet: interface, bytes captured
        self.word = struct.Struct(order + "I").unpack_from
        self.half = struct.Struct(order + "HH").unpack_from
        self.faces: list[_Face] = []
        self.snaps: list[int] = []
        self._same: dict[tuple[int, int, int], _Face] = {}

    def describe(self, buf: bytes, off: int, stop: int) -> None:
        """Add the interface whose description begins at ``off``."""
        if len(self.faces) >= _MORE_INTERFACES:
            raise DamagedInput(f"more than {_MORE_INTERFACES} interfaces in one section")
        link, _ = self.half(buf, off + 8)
        ticks, shift = self._resolution(buf, off + 16, stop - 4)
        key = (link, ticks, shift)
        if key not in self._same:
            self._same[key] = _Face(link, *_clocks(self.order, ticks, shift))
        self.faces.append(self._same[key])
        self.snaps.append(self.word(buf, off + 12)[0])

    def _resolution(self, buf: bytes, off: int, stop: int) -> tuple[int, int]:
        """Ticks per second, and the nanoseconds to add (options if_tsresol and if_tsoffset)."""
        ticks, shift = 1_000_000, 0
        while off + 4 <= stop:
            code, n = self.half(buf, off)
            off += 4
            if code == 0 or off + n > stop:
                break
            if code == 9 and n == 1:
                power = buf[off]
                ticks = 2 ** (power & 127) if power & 128 else 10 ** min(power, 40)
            elif code == 14 and n == 8:
                shift = struct.unpack_from(self.order + "q", buf, off)[0] * 1_000_000_000
            off += n + 3 & ~3
        return ticks, shift


def _clocks(order: str, ticks: int, shift: int) -> tuple[Clock, Clock]:
    """How to read the time and the original length of a packet block: 16 and 4 bytes before its packet."""
    words, word = struct.Struct(order + "II").unpack_from, struct.Struct(order + "I").unpack_from
    if 1_000_000_000 % ticks == 0:
        unit = 1_000_000_000 // ticks

        def when(buf: bytes, start: int) -> int:
            high, low = words(buf, start - 16)
            time: int = (high << 32 | low) * unit + shift
            return time
    else:

        def when(buf: bytes, start: int) -> int:
            high, low = words(buf, start - 16)
            time: int = (high << 32 | low) * 1_000_000_000 // ticks + shift
            return time

    def orig(buf: bytes, start: int) -> int:
        bytes_on_wire: int = word(buf, start - 4)[0]
        return bytes_on_wire

    return when, orig


class _Walk:
    """What is known while one goes from block to block; ``off``, ``need`` and ``problem`` say how the last buffer ended."""

    def __init__(self, secrets: list[bytes]) -> None:
        self.secrets = secrets
        self.section = _Section("<")
        self.frame = 0  # the last frame that was given out
        self.holes = False
        self.time = 0  # of the last packet given out, for simple packets, which have none
        self.kept = 0
        self.off, self.need, self.problem = 0, 1, ""

    def blocks(self, buf: bytes, size: int) -> Iterator[Run]:
        """Yield the packets of all blocks that are whole within the first ``size`` bytes."""
        off, self.need, last = 0, 24, min(len(buf) - 24, size - 12)
        head, word, faces = self.section.head, self.section.word, self.section.faces
        face, now = None, -1
        starts: list[int] = []
        ends: list[int] = []
        while off <= last:
            kind, n, index, cap = head(buf, off)
            nxt = off + n
            if kind == ENHANCED and nxt <= size:
                spare = n - 32 - cap
                if spare < 0 or (spare > 3 and word(buf, nxt - 4)[0] != n):
                    self.problem = "a packet block contradicts its own length"
                    break
                if index != now:
                    if index >= len(faces):
                        self.problem = f"a packet of interface {index}, which was not described"
                        break
                    if faces[index] is not face:
                        if starts and face:
                            yield self._run(buf, starts, ends, face)
                            starts, ends = [], []
                        face = faces[index]
                    now = index
                start = off + 28
                starts.append(start)
                ends.append(start + cap)
                off = nxt
                continue
            if kind == SECTION:
                n = self._turn(buf, off)
            if not self._plausible(buf, off, kind, n, size):
                break
            if starts and face and kind in _BREAKS:
                yield self._run(buf, starts, ends, face)
                starts, ends = [], []
            packet = self._rare(buf, off, kind, n)
            if self.problem:
                break
            if packet:
                yield self._run(buf, [packet[1]], [packet[2]], packet[0])
            head, word, faces = self.section.head, self.section.word, self.section.faces
            now = -1
            off += n
        if starts and face:
            yield self._run(buf, starts, ends, face)
        self.off = off

    def _run(self, buf: bytes, starts: list[int], ends: list[int], face: _Face) -> Run:
        first = self.frame + 1
        self.frame += len(starts)
        self.time = face.when(buf, starts[-1])
        return Run(buf, starts, ends, face.link, face.when, face.orig, range(first, self.frame + 1) if self.holes else None)

    def _turn(self, buf: bytes, off: int) -> int:
        """The length of a section header block, in the byte order that it states itself."""
        order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(buf[off + 8 : off + 12], "")
        if not order:
            self.problem = "a section states no byte order"
            return 0
        length: int = struct.unpack_from(order + "I", buf, off + 4)[0]
        return length

    def _plausible(self, buf: bytes, off: int, kind: int, n: int, size: int) -> bool:
        """Whether the block is whole and can be what it says; else ``need`` or ``problem`` says why not."""
        if self.problem:
            return False
        if not _LEAST.get(kind, 12) <= n <= MAX_BLOCK:
            self.problem = f"a block of type {kind:#x} claims {n} bytes"
        elif off + n > size:
            self.need = off + n - size
            if kind == ENHANCED and n > 2 * MAX_PACKET:
                self.problem = f"a packet block claims {n} bytes, more than any packet has"
        elif buf[off + n - 4 : off + n] != (buf[off + 4 : off + 8]):
            self.problem = f"a block of type {kind:#x} ends with another length than it begins with"
        else:
            return True
        return False

    def _rare(self, buf: bytes, off: int, kind: int, n: int) -> tuple[_Face, int, int] | None:
        """Take in any block but an enhanced packet; a packet comes back as (its interface, start, end)."""
        section = self.section
        if kind == SECTION:
            self._open(buf, off)
        elif kind == INTERFACE:
            if len(section.faces) >= _MORE_INTERFACES:
                self.problem = f"more than {_MORE_INTERFACES} interfaces in one section"
            else:
                section.describe(buf, off, off + n)
        elif kind == SECRETS:
            self._keep(buf, off, n)
        elif kind == SIMPLE:
            return self._simple(buf, off, n)
        elif kind == OBSOLETE:
            return self._obsolete(buf, off, n)
        elif kind in OTHER_FRAMES:
            self.frame += 1
            self.holes = True
        return None

    def _open(self, buf: bytes, off: int) -> None:
        self.section = _Section("<" if buf[off + 8] == 0x4D else ">")
        major, minor = self.section.half(buf, off + 12)
        if major != 1:
            self.problem = f"a section of pcapng version {major}.{minor}; 1.0 is read"

    def _keep(self, buf: bytes, off: int, n: int) -> None:
        kind, length = self.section.word(buf, off + 8)[0], self.section.word(buf, off + 12)[0]
        if length > n - 20:
            self.problem = "a secrets block contradicts its own length"
        elif kind == TLS_KEY_LOG and self.kept + length <= MAX_SECRETS:
            self.kept += length
            self.secrets.append(buf[off + 16 : off + 16 + length])

    def _simple(self, buf: bytes, off: int, n: int) -> tuple[_Face, int, int] | None:
        section = self.section
        if not section.faces:
            self.problem = "a packet of interface 0, which was not described"
            return None
        cap, snap, time = section.word(buf, off + 8)[0], section.snaps[0], self.time
        if snap and cap > snap:
            cap = snap
        if cap > n - 16:
            self.problem = "a packet block contradicts its own length"
            return None
        face = section.faces[0]
        return _Face(face.link, lambda buf, start: time, face.orig), off + 12, off + 12 + cap

    def _obsolete(self, buf: bytes, off: int, n: int) -> tuple[_Face, int, int] | None:
        section = self.section
        index, cap = section.half(buf, off + 8)[0], section.word(buf, off + 20)[0]
        if index >= len(section.faces) or cap > n - 32:
            self.problem = f"a packet of interface {index} that was not described, or contradicts its own length"
            return None
        return section.faces[index], off + 28, off + 28 + cap


_BREAKS = frozenset((OBSOLETE, SIMPLE)) | OTHER_FRAMES  # blocks that count as frames: what came before is numbered first


def runs(file: Readable, magic: bytes, secrets: list[bytes]) -> Iterator[Run]:
    """Yield the packets of the file, whose first four bytes were ``magic``, in runs; TLS key logs are added to ``secrets``.

    Ends with DamagedInput, offset included, where the file cannot be followed; all that precedes it was yielded.
    """
    walk, buf, seen = _Walk(secrets), magic + exactly(file, 24), 0
    more, final = buf, False
    while not final:
        more = gather(file, walk.need)
        final = len(more) < walk.need
        buf = buf + more if buf else more
        size = len(buf)
        if final:
            buf += bytes(24)  # so that a small last block is read like any other
        yield from walk.blocks(buf, size)
        seen += walk.off
        if walk.problem:
            raise DamagedInput(walk.problem, offset=seen)
        if final and walk.off < size:
            raise DamagedInput("the last block is cut short", offset=seen)
        buf = buf[walk.off :]
