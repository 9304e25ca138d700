"""What the sieve keeps of a connection: its two directions with their packets; and what tells the file of a packet.

Plain classes with slots, made for each of millions of connections; the sieve's loop writes their fields, assemble.py reads them.
"""

from __future__ import annotations

from bisect import bisect_left

from whytls.capture.tcp import TIME, Packet
from whytls.tuples import NamedTuple

OVERHEAD = 300  # bytes that a kept packet costs besides its payload
FLOW_COST = 900  # bytes that a flow costs besides its packets: two keys, two directions


class Direction:
    """The packets that one end of a flow sent."""

    __slots__ = ("acked", "base", "far", "flow", "kind", "next", "orderly", "other", "packets", "side", "signals", "size", "sure")
    other: Direction  # the opposite one

    def __init__(self, flow: Flow, side: int) -> None:
        self.flow = flow
        self.side = side
        self.base = -1  # sequence number of the first byte; -1: nothing known
        self.next = -1  # sequence number that is due if nothing is lost
        self.acked = -1  # highest sequence number of the other end that this one acknowledged
        self.size = 0  # payload bytes that came in order
        self.far = 0
        self.kind = -1  # what its first bytes look like (prelude.opening); -1: none seen
        self.orderly = True
        self.sure = False  # its base is where its bytes begin for certain, and not where the recording begins
        self.packets: list[Packet] = []  # those that carry bytes
        self.signals: list[Packet] = []  # those with SYN, FIN or RST; one that carries bytes as well stands in both

    @property
    def last_time(self) -> int:
        """The time of the last kept packet."""
        latest = self.packets[-1][TIME] if self.packets else 0
        return max(latest, self.signals[-1][TIME]) if self.signals else latest


class Flow:
    """One TCP connection, or what was recorded of it; ``first`` is who opened it (or was seen first)."""

    __slots__ = ("decided", "ended", "evicted", "first", "key", "midway", "peer", "reset", "second", "until")

    def __init__(self, key: bytes, peer: bytes) -> None:
        self.key, self.peer = key, peer
        first, second = Direction(self, 0), Direction(self, 1)
        self.first, self.second = first, second
        first.other, second.other = second, first
        self.midway = False  # no SYN: the recording begins later than the connection
        self.ended = 0  # a bit for each side that sent FIN; 3 after a RST
        self.reset = False  # there was a RST
        self.evicted = False
        self.decided = False
        self.until = 0  # the recording's clock when it was handed over

    @property
    def last_time(self) -> int:
        """The time of the last kept packet."""
        return max(self.first.last_time, self.second.last_time)

    @property
    def only_asked(self) -> bool:
        """Whether there is nothing but SYNs of one side."""
        second = self.second
        return not (self.ended or second.signals or second.packets or self.first.packets or second.acked >= 0)

    @property
    def cost(self) -> int:
        """The bytes that it holds, about."""
        first, second = self.first, self.second
        count = len(first.packets) + len(first.signals) + len(second.packets) + len(second.signals)
        return FLOW_COST + first.size + second.size + OVERHEAD * count


class Datagram(NamedTuple):
    """The first packet of a UDP flow that carries QUIC or DTLS."""

    key: bytes
    protocol: str
    order: int
    time: int


class Numbering:
    """Turns the count of packets through all files back into a file and the frame number there."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self._before: list[int] = []  # how many packets stand in front of each file

    def begin(self, file: str, before: int) -> None:
        """A file begins, with that many packets in front of it."""
        self.files.append(file)
        self._before.append(before)

    @property
    def single(self) -> bool:
        """Whether order and frame number are the same: there is only one file."""
        return len(self.files) < 2

    def place(self, order: int) -> tuple[str, int]:
        """File and frame number of a packet."""
        index = max(bisect_left(self._before, order) - 1, 0)
        return (self.files[index], order - self._before[index]) if self.files else ("", order)
