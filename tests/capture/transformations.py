"""What a network and a capture do to the packets of a connection: repeat, disorder, overlap, cut, lose; and where its numbers begin.

A transformation takes the packets of a recording and a source of chance, and gives packets. Those of ``KEEPING`` keep every byte of
both sides somewhere in the recording; those of ``LOSING`` do not.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from rewrap import Packet, checksum, ethernet, packets

FIN, SYN, RST, ACK = 1, 2, 4, 16
WRAP = 0xFFFFFFFF
PAUSE = 100_000_000  # ns: what comes later has not been overtaken on the way


class Piece(NamedTuple):
    """One packet; ``wire`` is its length where the capture cut it."""

    time: int
    ip: bytes
    wire: int = 0


Transformation = Callable[[list[Piece], Random], list[Piece]]


def pieces(path: Path) -> list[Piece]:
    """The IP packets of a capture of the archive."""
    return [Piece(packet.time, packet.data) for packet in packets(path)]


def write(path: Path, recorded: list[Piece]) -> Path:
    """A capture of them, in Ethernet, in nanoseconds."""
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
    for time, ip, wire in recorded:
        frame = ethernet(ip)
        out.append(struct.pack("<IIII", time // 10**9, time % 10**9, len(frame), max(wire + 14 if wire else 0, len(frame))) + frame)
    path.write_bytes(b"".join(out))
    return path


class Segment(NamedTuple):
    """A TCP segment taken apart: what stands before its payload, and where in that TCP begins."""

    head: bytes
    tcp: int
    payload: bytes

    @property
    def flow(self) -> tuple[bytes, bytes]:
        """Addresses and ports of this direction."""
        at = slice(12, 20) if self.head[0] >> 4 == 4 else slice(8, 40)
        return self.head[at], self.head[self.tcp : self.tcp + 4]

    @property
    def flags(self) -> int:
        return self.head[self.tcp + 13]

    @property
    def seq(self) -> int:
        return int.from_bytes(self.head[self.tcp + 4 : self.tcp + 8])

    @property
    def ack(self) -> int:
        return int.from_bytes(self.head[self.tcp + 8 : self.tcp + 12])


def taken_apart(ip: bytes) -> Segment | None:
    """None for what is not TCP."""
    tcp = (ip[0] & 15) * 4 if ip[0] >> 4 == 4 else 40
    if (ip[9] if ip[0] >> 4 == 4 else ip[6]) != 6:
        return None
    end = tcp + (ip[tcp + 12] >> 4) * 4
    return Segment(ip[:end], tcp, ip[end:])


def put_together(segment: Segment, payload: bytes, seq: int, ack: int | None = None, flags: int | None = None, number: int | None = None) -> bytes:
    """The packet with another payload, other numbers, other flags."""
    head, tcp = bytearray(segment.head), segment.tcp
    struct.pack_into(">I", head, tcp + 4, seq & WRAP)
    if ack is not None:
        struct.pack_into(">I", head, tcp + 8, ack & WRAP)
    if flags is not None:
        head[tcp + 13] = flags
    if head[0] >> 4 == 4:
        struct.pack_into(">H", head, 2, len(head) + len(payload))
        if number is not None:
            struct.pack_into(">H", head, 4, number)
        struct.pack_into(">H", head, 10, 0)
        struct.pack_into(">H", head, 10, checksum(bytes(head[: (head[0] & 15) * 4])))
    else:
        struct.pack_into(">H", head, 4, len(head) - 40 + len(payload))
    return bytes(head) + payload


def _data(piece: Piece) -> Segment | None:
    segment = taken_apart(piece.ip)
    return segment if segment is not None and segment.payload and not segment.flags & (SYN | RST) else None


def _in_order(recorded: list[Piece]) -> list[Piece]:
    """By time; what is of one time stays as it stands."""
    return sorted(recorded, key=lambda piece: piece.time)


# ---------------------------------------------------------------------------------------------------- every byte survives


def duplicated(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Packets seen twice, one right after the other (`-i any`)."""
    out = []
    for piece in recorded:
        out.append(piece)
        if chance.random() < 0.5:
            out.append(piece._replace(time=piece.time + 1000))
    return _in_order(out)


def repeated(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Data sent again, at once or at the end of a pause, as long as its sender says something."""
    out = list(recorded)
    last = {segment.flow: piece.time for piece in recorded if (segment := taken_apart(piece.ip)) is not None}
    for piece in recorded:
        segment = _data(piece)
        if segment is not None and chance.random() < 0.4:
            again = put_together(segment, segment.payload, segment.seq, number=chance.randrange(65536))
            out.append(Piece(chance.randint(piece.time, last[segment.flow]), again))
    return _in_order(out)


def disordered(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Packets of one side that follow each other come in another order (not SYN and RST, which change what a receiver does)."""
    out, run = [], list[Piece]()
    times = [piece.time for piece in recorded]

    def shuffle() -> None:
        chance.shuffle(run)
        out.extend(run)
        run.clear()

    flow = None
    for piece in recorded:
        segment = taken_apart(piece.ip)
        movable = segment is not None and not segment.flags & (SYN | RST)
        if run and (not movable or segment is None or segment.flow != flow or piece.time - run[0].time > PAUSE):
            shuffle()
        if movable and segment is not None:
            flow = segment.flow
            run.append(piece)
        else:
            out.append(piece)
    shuffle()
    return [piece._replace(time=time) for piece, time in zip(out, times, strict=True)]


def cut_up(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Segments cut into small ones; some overlap the one before, with the same bytes."""
    out, begun, opened = [], set(), set()
    for piece in recorded:
        segment = _data(piece)
        syn = taken_apart(piece.ip)
        if syn is not None and syn.flags & SYN:
            opened.add(syn.flow)
        # Plain text, and a connection whose begin is missing, are told by their first packet: one cannot keep them all.
        first = segment is not None and segment.flow not in begun
        told = first and segment is not None and (segment.payload[0] not in (20, 21, 22, 128) or segment.flow not in opened)
        if segment is not None:
            begun.add(segment.flow)
        if segment is None or told or chance.random() < 0.3:
            out.append(piece)
            continue
        size, at, count = chance.choice((1, 3, 5, 6, 40, 300)), 0, len(segment.payload)
        size = max(size, count // 60)
        while at < count:
            end = min(at + size, count)
            begin = max(0, at - chance.choice((0, 0, 1, size)))
            flags = segment.flags if end == count else segment.flags & ~FIN
            out.append(piece._replace(ip=put_together(segment, segment.payload[begin:end], segment.seq + begin, flags=flags)))
            at = end
    return out


def renumbered(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Sequence numbers begin elsewhere, so that they wrap within the connection."""
    shifts: dict[tuple[bytes, bytes], int] = {}
    out = []
    for piece in recorded:
        segment = taken_apart(piece.ip)
        if segment is None:
            out.append(piece)
            continue
        addresses, ports = segment.flow
        half = len(addresses) // 2
        back = (addresses[half:] + addresses[:half], ports[2:] + ports[:2])
        if segment.flags & RST and not segment.seq:  # the refusal of a SYN has no number of its own
            out.append(piece._replace(ip=put_together(segment, b"", 0, segment.ack + shifts.get(back, 0))))
            continue
        mine = shifts.setdefault(segment.flow, (1 << 32) - chance.randint(1, 3000) - segment.seq)
        if back not in shifts and segment.flags & ACK:
            shifts[back] = (1 << 32) - chance.randint(1, 3000) - segment.ack
        ack = segment.ack + shifts[back] if segment.flags & ACK else None
        out.append(piece._replace(ip=put_together(segment, segment.payload, segment.seq + mine, ack)))
    return out


KEEPING: dict[str, Transformation] = {
    "duplicated": duplicated,
    "repeated": repeated,
    "disordered": disordered,
    "cut up": cut_up,
    "renumbered": renumbered,
}

# ---------------------------------------------------------------------------------------------------- bytes are lost


def lost(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Some packets were not recorded."""
    rate = chance.choice((0.05, 0.2, 0.5))
    return [piece for piece in recorded if chance.random() >= rate]


def one_lost(recorded: list[Piece], chance: Random) -> list[Piece]:
    """One packet was not recorded."""
    gone = chance.randrange(len(recorded))
    return recorded[:gone] + recorded[gone + 1 :]


def begun_late(recorded: list[Piece], chance: Random) -> list[Piece]:
    """The recording began in the middle."""
    return recorded[chance.randrange(len(recorded)) :]


def ended_early(recorded: list[Piece], chance: Random) -> list[Piece]:
    """The recording was stopped in the middle."""
    return recorded[: chance.randint(1, len(recorded))]


def one_side_only(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Of each connection the packets of one side alone were recorded."""
    first = {segment.flow for piece in recorded[:1] if (segment := taken_apart(piece.ip)) is not None}
    theirs = chance.random() < 0.5
    return [piece for piece in recorded if ((taken_apart(piece.ip) or Segment(b"\x40" + bytes(40), 20, b"")).flow in first) is theirs]


def snapped(recorded: list[Piece], chance: Random) -> list[Piece]:
    """Packets cut to a snap length."""
    most = chance.choice((54, 68, 96, 128, 262, 500))
    return [piece._replace(ip=piece.ip[:most], wire=len(piece.ip)) if len(piece.ip) > most else piece for piece in recorded]


LOSING: dict[str, Transformation] = {
    "lost": lost,
    "one lost": one_lost,
    "begun late": begun_late,
    "ended early": ended_early,
    "one side only": one_side_only,
    "snapped": snapped,
}

__all__ = ["KEEPING", "LOSING", "Packet", "Piece", "Transformation", "pieces", "write"]
