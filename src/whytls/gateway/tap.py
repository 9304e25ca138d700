"""What passes on one connection, as packets: from them come the Handshake that is judged and the frames of the recording.

Theory of operation
-------------------
The gateway holds the socket, so it sees bytes and never segments. Each run of bytes that was read or written becomes one packet (or a few,
MOST_PAYLOAD each) with the time at which it passed; SYN, FIN and RST are what the socket calls told. Sequence numbers count the bytes. These
are the same packets that the engine makes of a capture, and the same assembler reads them: a verdict here and the verdict of ``whytls
diagnose`` on the recording rest on the same values.

Acknowledgements: what was read here was acknowledged by this machine, so an ACK follows it at once. What was written is acknowledged when
the peer next speaks, or when the kernel says that nothing is outstanding (``acknowledged``); else nobody claims that it arrived.

Kept is what a handshake can need (MOST_KEPT bytes); ``settle`` lets all of it go when the connection is known to be good. What the
recorder wrote stays written.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from time import time_ns
from typing import Protocol

from whytls.capture.assemble import Reading
from whytls.capture.flow import Direction, Flow, Numbering
from whytls.capture.tcp import ACK, FIN, PSH, RST, SYN, Packet
from whytls.model import Endpoint, Handshake, Seen, Side

MOST_PAYLOAD = 16_384
MOST_KEPT = 128 << 10  # bytes of one connection: longer than any handshake
TTL = 64
_SIDES: tuple[Side, Side] = ("client", "server")


class Writer(Protocol):
    """Who takes packets as they are made (recorder.py)."""

    path: str

    def write(self, key: bytes, packet: Packet) -> int:
        """Writes a packet of the flow with this key (its sender first); the value is its frame number."""


class Tap:
    """One connection. ``label`` stands where a capture has its file, unless a recorder writes one."""

    __slots__ = ("_clock", "_count", "_flow", "_kept", "_keys", "_own", "_sequence", "_told", "_writer", "client", "label", "server", "settled")

    def __init__(
        self, client: Endpoint, server: Endpoint, own: Side, *, label: str = "", writer: Writer | None = None, clock: Callable[[], int] = time_ns
    ) -> None:
        self.client, self.server, self.label = client, server, writer.path if writer else label
        self.settled = False
        self._own, self._writer, self._clock, self._count, self._kept = own, writer, clock, 0, 0
        key, back = _key(client, server), _key(server, client)
        self._keys, self._flow = (key, back), Flow(key, back)
        self._sequence, self._told = [1000, 5000], [1000, 5000]  # the next byte of each side; up to where the other side acknowledged

    # ------------------------------------------------------------------ what the socket told

    def asked(self) -> None:
        """The client sent a SYN."""
        self._signal(0, SYN)

    def accepted(self) -> None:
        """The server answered it, and the client that."""
        self._signal(1, SYN | ACK)
        self._acknowledge(0)

    def refused(self) -> None:
        """The server answered the SYN with a RST, which has the number 0 (RFC 9293 section 3.5.2)."""
        self._sequence[1] = 0
        self._signal(1, RST | ACK)

    def passed(self, sender: Side, data: bytes) -> None:
        """Bytes were read from the socket, or written to it."""
        side = _SIDES.index(sender)
        for at in range(0, len(data), MOST_PAYLOAD):
            part = data[at : at + MOST_PAYLOAD]
            packet = self._packet(side, ACK | PSH, part)
            self._sequence[side] += len(part)
            if not self.settled and self._kept < MOST_KEPT:
                self._kept += len(part)
                self._direction(side).packets.append(packet)
                self._direction(side).next = self._sequence[side]
        if sender != self._own:
            self._acknowledge(1 - side)

    def acknowledged(self) -> None:
        """The kernel says that the peer has acknowledged all that was written."""
        self._acknowledge(_SIDES.index("server" if self._own == "client" else "client"))

    def closed(self, side: Side) -> None:
        """A FIN of that side."""
        self._signal(_SIDES.index(side), FIN | ACK)

    def reset(self, side: Side) -> None:
        """A RST of that side."""
        self._signal(_SIDES.index(side), RST | ACK)

    # ------------------------------------------------------------------ what is known then

    def settle(self) -> None:
        """The connection is known to be good: nothing more is kept."""
        self.settled = True
        self._flow = Flow(*self._keys)

    def reading(self, quiet: int = 0) -> Reading:
        """What was kept, arranged; ``quiet`` are nanoseconds that count as waited for an answer, besides those that passed."""
        self._flow.until = self._clock() + quiet
        return Reading(self._flow)

    def foreseen(self, sender: Side, data: bytes) -> Reading:
        """What will have been kept when that side has sent these bytes and closed; nothing of it is recorded."""
        flow = Flow(*self._keys)
        for old, new in ((self._flow.first, flow.first), (self._flow.second, flow.second)):
            for name in ("acked", "base", "next", "sure"):
                setattr(new, name, getattr(old, name))
            new.packets, new.signals = [*old.packets], [*old.signals]
        side, other = (flow.second, flow.first) if sender == "server" else (flow.first, flow.second)
        order, now = self._count + (1 << 32), self._clock()
        if data:
            side.packets.append((order, now, ACK | PSH, side.next, other.next, TTL, data, len(data), order & 0xFFFF))
            side.next += len(data)
        side.signals.append((order + 1, now, FIN | ACK, side.next, other.next, TTL, b"", 0, order + 1 & 0xFFFF))
        flow.ended, flow.until = 1 << side.side, now
        return Reading(flow)

    @property
    def numbering(self) -> Numbering:
        """The recording, or the connection itself, as the one file in which the frames are counted."""
        numbering = Numbering()
        numbering.begin(self.label, 0)
        return numbering

    def handshake(self, quiet: int = 0) -> Handshake | None:
        """The Handshake; None where there is nothing of TLS."""
        return self.reading(quiet).handshake(self.numbering)

    def seen(self) -> Seen:
        """What a handshake that completed tells about both ends."""
        return self.reading().seen(self.numbering)

    # ------------------------------------------------------------------ packets

    def _direction(self, side: int) -> Direction:
        return self._flow.second if side else self._flow.first

    def _signal(self, side: int, flags: int) -> None:
        packet = self._packet(side, flags, b"")
        if flags & (SYN | FIN):
            self._sequence[side] += 1
        if self.settled:
            return
        flow, direction = self._flow, self._direction(side)
        direction.signals.append(packet)
        if flags & SYN:
            direction.base = direction.next = self._sequence[side]
            direction.sure = True
        if flags & RST:
            flow.ended, flow.reset = 3, True
        elif flags & FIN:
            flow.ended |= 1 << side
            direction.next = self._sequence[side]

    def _acknowledge(self, side: int) -> None:
        """That side has all that the other one sent so far."""
        if self._told[side] != self._sequence[1 - side]:
            self._packet(side, ACK, b"")
            self._direction(side).acked = self._told[side]

    def _packet(self, side: int, flags: int, data: bytes) -> Packet:
        own = _SIDES[side] == self._own
        if flags & ACK and (not own or flags != RST | ACK):
            self._told[side] = self._sequence[1 - side]
        acked = self._told[side] if flags & ACK else 0
        self._count += 1
        packet: Packet = (self._count, self._clock(), flags, self._sequence[side], acked, TTL, data, len(data), self._count & 0xFFFF)
        if self._writer is not None:
            packet = (self._writer.write(self._keys[side], packet), *packet[1:])
        return packet


def _key(source: Endpoint, destination: Endpoint) -> bytes:
    """A flow's key: both addresses, both ports."""
    one, other = _packed(source.address), _packed(destination.address)
    if len(one) != len(other):  # an IPv4 address that came in over an IPv6 socket
        one, other = (address.rjust(16, b"\0") if len(address) == 4 else address for address in (one, other))
    return one + other + source.port.to_bytes(2, "big") + destination.port.to_bytes(2, "big")


def _packed(address: str) -> bytes:
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).packed
