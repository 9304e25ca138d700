"""One direction of a TCP connection: its segments in order, the frame of every byte, and what is missing as facts.

Theory of operation
-------------------
A capture shows what passed one point of the path, which is not what the receiver got: packets are missing that did arrive,
packets stand there twice, others were lost further on and came again. ``stream`` turns the packets of one direction into

* ``pieces``: runs of bytes without a hole, each at its position (0 is the first byte after the SYN, or the first byte that
  was recorded). The first piece begins at 0 unless the very beginning is missing. What follows a hole is kept apart, so that
  an alert or a FIN behind it can still be seen and is never read as if it followed directly;
* ``gaps``: the holes between them, and one at the end where a FIN or RST stands further on than the bytes;
* the facts that a verdict needs: how many segments were sent again, whether one position was recorded twice with different
  content, whether the snap length cut payload off.

Where two packets carry the same position the first recorded wins, for that is what a receiver that took both in this order
has handed on (it keeps what it has acknowledged); a difference between them is recorded and never resolved by guessing.

Positions are sequence numbers modulo 2^32 relative to the first byte; what lies less than 2^31 behind counts as negative, so a
connection may wrap. A keep-alive (RFC 9293 section 3.8.4: nothing or one arbitrary byte just before what is due next) holds no data.

Nearly all directions are recorded in order and without a hole; the sieve notices when one is not (``Direction.orderly``) and the
work is then a join. The other road sorts and bisects: it stays within n log n for any order, overlap and repetition, and the
sieve bounds n. Frame numbers are the *order* of packets in the recording (``sieve.Numbering``), not yet those of a file.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Final

from whytls.tuples import NamedTuple

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
UNREACHABLE = 0x1000  # no TCP flag: an ICMP message that says that the packets of the other direction do not arrive

WRAP = 0xFFFFFFFF
BEHIND = 0x80000000  # positions from here on are behind, not ahead (RFC 9293 section 3.4)
SAME_PACKET = 100_000_000  # ns: the same IP identification within this is the same packet recorded again
SAME_MOMENT = 2_000_000  # ns: where IP gives no identification; the quickest repetition of a stack takes longer

# A kept packet is a plain tuple: millions are made. The length is that on the wire, the payload what was captured of it.
Packet = tuple[int, int, int, int, int, int, bytes, int, int]
ORDER: Final = 0
TIME: Final = 1
FLAGS: Final = 2
SEQ: Final = 3
ACKED: Final = 4
TTL: Final = 5
PAYLOAD: Final = 6
LENGTH: Final = 7


class Gap(NamedTuple):
    """Bytes that the recording does not hold."""

    position: int
    length: int
    snapped: bool  # cut off by the snap length; otherwise the packet itself is missing


class Stream:
    """The bytes of one direction; see the theory above."""

    __slots__ = ("base", "carriers", "contradiction", "data", "ends", "gaps", "heard", "ordered", "pieces", "reach", "repeated", "snapped")

    def __init__(self, base: int, data: bytes = b"", ends: list[int] | None = None, carriers: list[Packet] | None = None) -> None:
        """Of nothing yet; or of these bytes, which their carriers brought in order and without a hole."""
        self.base = base  # sequence number of position 0
        self.pieces: list[tuple[int, bytes]] = [(0, data)] if data else []
        self.data = data  # the bytes from the first on, up to the first gap
        self.gaps: list[Gap] = []
        self.reach = len(data)  # the position behind the last byte that was sent, recorded or not
        self.repeated = 0  # segments that were sent again
        self.heard = -1  # up to which position the other end acknowledged (transport.py); -1: not asked, or its beginning is not known
        self.contradiction = False
        self.snapped = False
        self.ends = [] if ends is None else ends  # where each stretch of bytes ends, and in carriers the packet that brought it
        self.carriers = [] if carriers is None else carriers
        self.ordered = ends is not None  # the carriers stand in the order of the recording

    @property
    def end(self) -> int:
        """The position behind the last recorded byte."""
        return self.ends[-1] if self.ends else 0

    @property
    def recorded(self) -> int:
        """How many different bytes were recorded."""
        return sum([len(piece) for _, piece in self.pieces])

    def packet_at(self, position: int) -> Packet:
        """The packet that brought the byte at a position (for one in a gap: the next that follows, else the last)."""
        index = bisect_right(self.ends, position)
        return self.carriers[index] if index < len(self.carriers) else self.carriers[-1]

    def end_of_packet(self, position: int) -> int:
        """The position behind the bytes that the packet at a position brought."""
        index = bisect_right(self.ends, position)
        return self.ends[index] if index < len(self.ends) else max(self.end, position + 1)

    def frame_at(self, position: int) -> int:
        """The frame that brought the byte at a position."""
        return self.packet_at(position)[ORDER]

    def completing(self, start: int, stop: int) -> Packet:
        """The packet with which the last missing byte of start..stop was recorded (the latest one, after reordering)."""
        ends = self.ends
        last = bisect_right(ends, stop - 1)
        if last >= len(ends):
            last = len(ends) - 1
        found = self.carriers[last]
        first = bisect_right(ends, start)
        if first < last:
            for packet in self.carriers[first:last]:
                if packet[ORDER] > found[ORDER]:
                    found = packet
        return found


def stream(packets: list[Packet], signals: list[Packet], base: int, *, orderly: bool = False) -> Stream:
    """Put the packets of one direction in order; ``base`` is the sequence number of its first byte.

    ``packets`` carry bytes, ``signals`` SYN, FIN or RST. ``orderly`` promises that each begins where the last one ended and
    none was cut: then they are only joined.
    """
    if not orderly:
        result = Stream(base)
        _arrange(result, packets, signals)
        return result
    if len(packets) == 1:
        data = packets[0][PAYLOAD]
        return Stream(base, data, [len(data)], packets)
    payloads = [packet[PAYLOAD] for packet in packets]
    return Stream(base, b"".join(payloads), list(accumulate(map(len, payloads))), packets)


def position(seq: int, base: int) -> int:
    """The position of a sequence number; negative for what lies before the first byte."""
    ahead = (seq - base) & WRAP
    return ahead if ahead < BEHIND else ahead - 0x100000000


def without_copies(packets: list[Packet]) -> tuple[list[Packet], bool]:
    """Leave out packets that were recorded a second time (``-i any``, mirror ports); whether there were any.

    The same packet has the same sequence numbers, flags, length and IP identification within a moment. A repetition by the
    sender gets a new identification; where there is none (IPv6, some SYNs) only the time decides: see SAME_MOMENT.
    """
    seen: dict[tuple[int, int, int, int, int], int] = {}
    kept: list[Packet] = []
    for packet in packets:
        _, time, flags, seq, ack, _, _, length, ident = packet
        mark = (flags, seq, ack, length, ident)
        before = seen.get(mark)
        if before is not None and abs(time - before) <= (SAME_PACKET if ident > 0 else SAME_MOMENT):
            continue
        seen[mark] = time
        kept.append(packet)
    return kept, len(kept) < len(packets)


# ------------------------------------------------------------------ the other road: disorder, loss, repetition


def _arrange(result: Stream, packets: list[Packet], signals: list[Packet]) -> None:
    """Fill a Stream from packets in any order."""
    covered = _Covered()
    parts: list[tuple[int, Packet, bytes]] = []
    again: list[tuple[int, bytes]] = []
    cuts: list[tuple[int, int]] = []
    furthest = 0  # the end of what was sent, as far as it was recorded
    for packet in packets:
        payload, length = packet[PAYLOAD], packet[LENGTH]
        at = position(packet[SEQ], result.base)
        if not length or (length == 1 and at == furthest - 1):  # nothing, or the one byte of a keep-alive
            continue
        if at < 0:  # before the beginning that we know: the part that reaches into it counts
            payload, length, at = payload[-at:], length + at, 0
            if length <= 0:
                continue
        if len(payload) < length:
            result.snapped = True
            cuts.append((at + len(payload), at + length))
        holes = covered.add(at, at + len(payload))
        if (holes != [(at, at + len(payload))]) if payload else (at + length <= furthest):
            again.append((at, payload))
            result.repeated += 1
        furthest = max(furthest, at + length)
        for start, stop in holes:
            parts.append((start, packet, payload[start - at : stop - at]))
    parts.sort(key=_begin_of_part)
    _join(result, parts)
    if result.pieces and result.pieces[0][0] == 0:
        result.data = result.pieces[0][1]
    closing = [position(p[SEQ], result.base) + p[LENGTH] for p in signals if p[FLAGS] & FIN]
    result.reach = max(furthest, *closing, 0)
    _find_gaps(result, covered, cuts)
    result.contradiction = any(_differs(result.pieces, at, payload) for at, payload in again)


def _begin_of_part(part: tuple[int, Packet, bytes]) -> int:
    return part[0]


class _Covered:
    """Which positions are recorded already: sorted intervals that never touch; adding is amortised log n."""

    __slots__ = ("starts", "stops")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.stops: list[int] = []

    def add(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Cover start..stop; what of it was not covered before."""
        if start >= stop:
            return []
        starts, stops = self.starts, self.stops
        low = bisect_right(stops, start - 1)  # the first interval that touches or follows start
        high = bisect_right(starts, stop)  # the first that begins after stop
        holes, at = [], start
        for index in range(low, high):
            if starts[index] > at:
                holes.append((at, min(starts[index], stop)))
            at = max(at, stops[index])
        if at < stop:
            holes.append((at, stop))
        if low < high:
            start, stop = min(start, starts[low]), max(stop, stops[high - 1])
        starts[low:high] = [start]
        stops[low:high] = [stop]
        return holes


def _join(result: Stream, parts: list[tuple[int, Packet, bytes]]) -> None:
    """Make pieces of sorted parts, and the index of who brought what."""
    run: list[bytes] = []
    begin = at = 0
    for start, packet, payload in parts:
        if start != at and run:
            result.pieces.append((begin, b"".join(run)))
            run = []
        if not run:
            begin = start
        run.append(payload)
        at = start + len(payload)
        result.ends.append(at)
        result.carriers.append(packet)
    if run:
        result.pieces.append((begin, b"".join(run)))


def _find_gaps(result: Stream, covered: _Covered, cuts: list[tuple[int, int]]) -> None:
    """The holes between the intervals covered and up to the stream's reach, and whether the snap length made them."""
    reach = result.reach
    cut_starts = {start for start, _ in cuts}
    at = 0
    for start, stop in zip([*covered.starts, reach], [*covered.stops, reach], strict=True):
        if start > at:
            result.gaps.append(Gap(at, start - at, at in cut_starts))
        at = max(at, stop)


def _begin_of_piece(piece: tuple[int, bytes]) -> int:
    return piece[0]


def _differs(pieces: list[tuple[int, bytes]], at: int, payload: bytes) -> bool:
    """Whether bytes recorded again say something else than those that stand there."""
    index = max(bisect_right(pieces, at, key=_begin_of_piece) - 1, 0)
    stop = at + len(payload)
    for start, piece in pieces[index:]:
        if start >= stop:
            break
        low, high = max(at, start), min(stop, start + len(piece))
        if low < high and piece[low - start : high - start] != payload[low - at : high - at]:
            return True
    return False
