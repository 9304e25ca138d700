"""The fast loop: keeps the packets of handshakes, flow by flow, and forgets bulk data, in bounded memory.

Theory of operation
-------------------
A capture of 40 GB holds a few megabytes of handshakes. All that is done for *each* packet is done here, inline and without a
call: find TCP, look the flow up by the raw bytes of addresses and ports, and in most cases forget the packet. What is kept are
SYN, FIN, RST and payload of flows that are *undecided*: whose beginning could still be, or is, a TLS handshake. Pure
acknowledgements are not kept; the highest number that each side acknowledged is (was the ClientHello received?).

* ``live`` holds undecided flows, one entry for each direction. ``done`` holds tombstones: the same key with the sequence number
  that the direction began with, so that bulk data costs one look-up and a SYN with another number opens a new flow (port reuse).
* A flow is *decided*, which means handed over, when a direction brought LIMIT bytes; a moment (LINGER, by the capture's clock)
  after both FINs or a RST, for an alert can come behind a RST, and the true answer behind a forged one; after IDLE without a
  packet; when its port pair is used again; at the end of the recording.
* It is *dropped*, which means forgotten, as soon as both sides have spoken and neither looks like TLS or like something that
  leads to it (prelude.opening). A recording can begin in the middle of a connection: then only a packet that begins like TLS (or a
  CONNECT) opens a flow, and all others are passed over without a trace. Since what was dropped leaves no tombstone, the same
  finds TLS behind dialects that prelude.py does not know (RDP, ADB).
* Memory is a budget (BUDGET, with OVERHEAD for each packet). Beyond it the oldest flows are decided early and marked ``evicted``,
  those first that ended already. A SYN flood fills ``live`` up to MAX_FLOWS and then pushes its own oldest out.
* Frames: ``order`` counts packets through all files of a recording, so that sorting by it is sorting by time; Numbering turns it
  back into a file and Wireshark's frame number there.

Measured (engine.md of the design, repeated here): 128 KiB runs stay in the processor's cache; keys as raw slices are the
cheapest; the index costs about 1.2 µs a packet, a kept packet 1 µs more. What is not plain Ethernet, VLAN, cooked or raw IP with
IPv4 or IPv6 straight in front of TCP goes to ``ip.locate``, at ten times the price, and joins the same road.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from struct import Struct

from whytls.capture import ip
from whytls.capture.flow import FLOW_COST, OVERHEAD, Datagram, Direction, Flow, Numbering
from whytls.capture.pcap import Clock, Run, Stamp
from whytls.capture.prelude import FOREIGN, STARTS_MIDWAY, TLS, answers_plain_request, begins_midway, opening
from whytls.capture.tcp import BEHIND, SYN, UNREACHABLE, WRAP
from whytls.capture.tunnel import PORTS as TUNNEL_PORTS

LIMIT = 64 << 10  # payload bytes kept for each direction; the largest flights seen (300 issuer names) have 40 KB
MAX_PACKETS = 4096  # kept for each direction
MAX_FLOW = 1 << 20  # bytes kept for each direction, repetitions included
BUDGET = 96 << 20  # bytes that all undecided flows hold together
MAX_FLOWS = 100_000  # undecided flows
MAX_TOMBSTONES = 200_000  # directions of decided flows
MAX_DATAGRAM_FLOWS = 20_000
MAX_FAR = 8  # packets far outside the window before the flow is given up: one can be a forgery
IDLE = 120 * 10**9
LINGER = 10**9

# Link types whose header has a fixed length: bytes to IP, and where the ethertype stands, seen from there.
FRAMED = {1: (14, -2), 113: (16, -2), 276: (20, -20)}
RAW_IP = frozenset((12, 14, 101, 228, 229))
RAW_KIND = {4: b"\x08\x00", 6: b"\x86\xdd"}
NOT_IP = frozenset((b"\x08\x06", b"\x88\xcc", b"\x88\x8e", b"\x80\x35", b"\x88\x09", b"\x90\x00"))  # ARP, LLDP, 802.1X, RARP, slow, loop
TAGS = frozenset((b"\x81\x00", b"\x88\xa8", b"\x91\x00"))  # VLAN, QinQ
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
MOST_CALLERS, MOST_CALLEES = 50_000, 16
MONOLOGUE = 16 << 10  # bytes of one side that are not TLS, with no word of the other: nobody asks for TLS here
# IPv4 and TCP in one step: version and length, total length, identification, carriage (fragment, time to live and protocol, read as one
# number), the key (addresses and ports, which stand side by side), sequence number, acknowledgement, offset and flags. The same from the
# ethertype on, which is read as one number with the two bytes behind it. IPv6 and TCP: payload length, hop limit, and the same from the
# key on.
_HEAD4 = Struct(">BxHHI2x12sIIH").unpack_from
_TYPED_HEAD4 = Struct(">IHHI2x12sIIH").unpack_from
_HEAD6 = Struct(">4xHxB36sIIH").unpack_from
_TYPE_AND_FORM, _PLAIN = 0xFFFFFF00, 0x08004500  # ethertype, version and length; the kind of service does not matter
_FRAGMENT_AND_PROTOCOL = 0x3FFF00FF
_SEGMENT = Struct(">IIH").unpack_from



class Sieve:
    """See the theory above. ``feed`` it every run; take what is ``decided`` (and ``datagrams``) after each; ``finish`` at the end."""

    def __init__(self, idle: int = IDLE) -> None:
        self.decided: list[Flow] = []
        self.datagrams: list[Datagram] = []
        self.numbering = Numbering()
        self.packets = 0
        self.flows = 0  # TCP connections seen, whatever they carry
        self.dropped = 0  # of them: forgotten, for they do not carry TLS
        self.clock = 0
        self.calls: dict[bytes, list[bytes]] = {}  # who called whom, by address: gateways are told by it
        self.live: dict[bytes, Direction] = {}
        self.done: dict[bytes, int] = {}
        self.held = 0
        self._idle = idle
        self._order = 0
        self._file: str | None = None
        self._before = 0
        self._lingering: deque[tuple[int, Flow]] = deque()  # flows that have ended, and when they are handed over
        self._next_sweep = 0
        self._named: dict[bytes, None] = {}
        self._reassembly = ip.Reassembly()

    def feed(self, file: str, run: Run) -> None:
        """Take one run of packets of a file; a file that was not the last one begins its own count of frames."""
        if file != self._file:
            self._file, self._before = file, self._order
            self.numbering.begin(file, self._order)
        buf, starts, ends, link, when, _, frames, stamp = run
        if not starts:
            return
        orders: Sequence[int]
        if frames is None:
            orders = range(self._order + 1, self._order + 1 + len(starts))
        else:
            orders = [self._before + frame for frame in frames]
        self._walk(buf, zip(orders, starts, ends, strict=False), link, when, stamp)
        self._order = orders[-1]
        self.packets += len(starts)
        self._tidy(when(buf, starts[-1]))

    def _walk(self, buf: bytes, packets: Iterable[tuple[int, int, int]], link: int, when: Clock, stamp: Stamp | None) -> None:
        """The loop itself. Fast for what is common; _elsewhere finds TCP in all the rest."""
        live, began, head4, held = self.live.get, self.done.get, _TYPED_HEAD4, 0
        framed = link in FRAMED
        skip, at = FRAMED.get(link, (0, 0))
        plain = framed or link in RAW_IP
        usual = at == -2  # the ethertype stands straight in front of IP
        read, back, unit = stamp or (None, 0, 0)
        for order, start, end in packets:
            b, p, t = buf, start + skip, 0
            # 1. where TCP stands, and the key of the flow's direction
            if usual and end - p >= 40:
                form, total, ident, carriage, key, seq, ack, bits = head4(b, p - 2)
                if form & _TYPE_AND_FORM == _PLAIN and carriage & _FRAGMENT_AND_PROTOCOL == TCP:
                    t, stop = p + 20, p + total
            if not t:
                kind = b[p + at : p + at + 2] if framed else RAW_KIND.get(b[p] >> 4, b"") if plain and p < end else b""
                while kind in TAGS:
                    p += 4
                    kind = b[p - 2 : p]
                if kind == IPV4 and end - p >= 40:
                    form, total, ident, carriage, key, seq, ack, bits = _HEAD4(b, p)
                    if form == 0x45 and carriage & _FRAGMENT_AND_PROTOCOL == TCP:
                        t, stop = p + 20, p + total
                elif kind == IPV6 and end - p >= 60 and b[p + 6] == TCP:
                    total, ttl, key, seq, ack, bits = _HEAD6(b, p)
                    t, stop, carriage, ident = p + 40, p + 40 + total, ttl << 8, -1
            if not t:
                if kind in NOT_IP:
                    continue
                found = self._elsewhere(buf, start, end, p, kind, link, order, when)
                if found is None:
                    continue
                b, t, end, carriage, ident = found.buf, found.offset, found.stop, found.ttl << 8, -1
                stop = end + found.missing
                key = found.src + found.dst + b[t : t + 4]
                seq, ack, bits = _SEGMENT(b, t + 4)
            # 2. what is known of the flow
            direction = live(key)
            if direction is None:
                base = began(key)
                if base is not None and (not bits & SYN or base == (seq + 1) & WRAP):
                    continue  # of a decided flow: bulk data, late acknowledgements, its SYN again
            data = t + (bits >> 10 & 0x3C)
            if stop <= t:
                stop = end  # segmentation offload: the length is not filled in
            length = stop - data
            if length <= 0 and not bits & 7:
                if direction is not None:
                    if direction.acked < 0:
                        direction.acked = ack
                        if direction.other.base < 0:
                            self._begins(direction, seq, ack)
                    elif (ack - direction.acked) & WRAP < BEHIND:
                        direction.acked = ack
                continue
            if direction is None and not bits & SYN and (data >= end or b[data] not in STARTS_MIDWAY):
                continue  # the middle of what is not TLS
            # 3. keep it: at once what plainly continues a flow, the rest with care
            if read is None:
                time = when(buf, start)
            else:
                seconds, fraction = read(buf, start - back)
                time = seconds * 1_000_000_000 + fraction * unit
            if direction is not None and seq == direction.next and stop <= end:
                if not bits & 7:
                    if direction.kind > 0 or (direction.kind < 0 and self._greets(direction, seq, b[data:stop])):
                        direction.next = (seq + length) & WRAP
                        direction.size += length
                        kept = direction.packets
                        kept.append((order, time, bits & 0xFF, seq, ack, carriage >> 8 & 0xFF, b[data:stop], length, ident))
                        held += length + OVERHEAD
                        if direction.size >= LIMIT or len(kept) > MAX_PACKETS:
                            self._decide(direction.flow)  # past any handshake
                        continue
                elif length <= 0 and not bits & SYN and direction.other.base >= 0:  # a FIN or RST in its place
                    direction.next = (seq + (bits & 1)) & WRAP
                    direction.signals.append((order, time, bits & 0xFF, seq, ack, carriage >> 8 & 0xFF, b"", 0, ident))
                    held += OVERHEAD
                    self._closing(direction, bits, time)
                    if len(direction.signals) > MAX_PACKETS:
                        self._decide(direction.flow)
                    continue
            payload = b[data : stop if stop < end else end]
            if length < 0:
                length = 0
            if direction is None or (bits & SYN and direction.base >= 0 and (seq + 1) & WRAP != direction.base):
                direction = self._open(key, direction, bits, seq, ack, payload)
                if direction is None:
                    continue
            if bits & SYN:
                seq = (seq + 1) & WRAP
                if direction.base < 0 and not length:  # the first packet of a side, as nearly always
                    direction.base = direction.next = seq
                    direction.sure = True
                    if bits & 0x14 == 0x10 and direction.other.base < 0:
                        self._begins(direction, seq, ack)
                    direction.signals.append((order, time, bits & 0xFF, seq, ack, carriage >> 8 & 0xFF, payload, length, ident))
                    held += OVERHEAD
                    if bits & 5:
                        self._closing(direction, bits, time)
                    continue
            if self._takes(direction, bits, seq, ack, payload, length):
                packet = (order, time, bits & 0xFF, seq, ack, carriage >> 8 & 0xFF, payload, length, ident)
                if length:
                    direction.packets.append(packet)
                if bits & 7:
                    direction.signals.append(packet)
                    if bits & 5:
                        self._closing(direction, bits, time)
                held += len(payload) + OVERHEAD
                if direction.size > MAX_FLOW or len(direction.packets) + len(direction.signals) > MAX_PACKETS:
                    self._decide(direction.flow)
        self.held += held

    def _greets(self, direction: Direction, seq: int, payload: bytes) -> bool:
        """Whether these are the first bytes of a side, where they should be, and those of a TLS handshake; noted if so."""
        if seq != direction.base or direction.other.base < 0 or payload[:2] != b"\x16\x03":
            return False
        direction.kind = TLS
        return True

    def _takes(self, direction: Direction, bits: int, seq: int, ack: int, payload: bytes, length: int) -> bool:
        """Whether to keep a packet that needs care: a first one, one out of order, cut short, or with SYN, FIN or RST."""
        if direction.base < 0:
            direction.base = direction.next = seq
            direction.sure = bool(bits & SYN)
        if bits & 0x14 == 0x10 and direction.other.base < 0:
            self._begins(direction, seq, ack)
        if seq == direction.next and len(payload) == length:
            if length and (seq - direction.base) & WRAP >= LIMIT:
                self._decide(direction.flow)
                return False
        else:
            direction.orderly = False
            if length and not bits & 7 and not self._fits(direction, seq):
                return False
        if length:
            if direction.kind <= 0 and self._dropped(direction, seq, payload):
                return False
            direction.size += len(payload)
        if seq == direction.next:
            direction.next = (seq + length + (bits & 1)) & WRAP
        return True

    # ------------------------------------------------------------------ steps of the loop that few packets need

    def _open(self, key: bytes, known: Direction | None, flags: int, seq: int, ack: int, payload: bytes) -> Direction | None:
        """A new flow for a packet of none: a SYN, or the middle of a connection if it begins like TLS."""
        midway = not flags & SYN
        if midway and not begins_midway(payload):
            return None
        if known is not None:
            self._decide(known.flow)  # the port pair is used again
        half = len(key) - 4 >> 1
        peer = key[half : 2 * half] + key[:half] + key[-2:] + key[-4:-2]
        answers = flags & 0x12 == 0x12  # a SYN-ACK whose SYN was not recorded
        flow = Flow(peer, key) if answers else Flow(key, peer)
        flow.midway = midway
        self._note_call(flow.key[:half], flow.key[half : 2 * half])
        mine, other = (flow.second, flow.first) if answers else (flow.first, flow.second)
        if flags & 0x10 and (midway or answers):
            other.base = other.next = ack
            other.sure = answers
        live, done = self.live, self.done
        live[key], live[peer] = mine, other  # at the young end of the table: an older flow of the pair has been taken out
        done.pop(key, None)
        done.pop(peer, None)
        self.flows += 1
        self.held += FLOW_COST
        return mine

    def _note_call(self, caller: bytes, callee: bytes) -> None:
        callees = self.calls.get(caller)
        if callees is None:
            if len(self.calls) < MOST_CALLERS:
                self.calls[caller] = [callee]
        elif len(callees) < MOST_CALLEES and callee not in callees:
            callees.append(callee)

    def _begins(self, direction: Direction, seq: int, ack: int) -> None:
        """What a side acknowledges is where the other one goes on: its beginning, if this side has not yet sent anything."""
        other = direction.other
        other.base = other.next = ack
        other.sure = seq == direction.base and direction.sure

    def _fits(self, direction: Direction, seq: int) -> bool:
        """Whether a segment out of order is near enough to be of use; too many that are not give the flow up."""
        ahead = (seq - direction.base) & WRAP
        if ahead < LIMIT:
            return True
        if ahead < BEHIND:
            direction.far += 1
            if direction.far > MAX_FAR:
                self._decide(direction.flow)
        return False

    def _dropped(self, direction: Direction, seq: int, payload: bytes) -> bool:
        """Look at first bytes; forget the flow if this shows that it is not TLS."""
        flow, other = direction.flow, direction.other
        if direction.kind < 0:
            if seq != direction.base or not payload:
                return False
            direction.kind = TLS if payload[:2] == b"\x16\x03" else opening(payload)
            if direction.kind != FOREIGN or other.kind != FOREIGN or answers_plain_request(payload):
                return False
        elif other.kind >= 0 or direction.size < MONOLOGUE:
            return False
        self._forget(flow, tombstones=False)
        self.dropped += 1
        return True

    def _closing(self, direction: Direction, flags: int, time: int) -> None:
        """A FIN or RST: the flow ends soon."""
        flow = direction.flow
        before = flow.ended
        if flags & 4:
            flow.ended, flow.reset = 3, True
        else:
            flow.ended |= 1 << direction.side
        if flow.ended == 3 and before != 3:
            self._lingering.append((time + LINGER, flow))

    def _elsewhere(
        self, buf: bytes, start: int, end: int, p: int, kind: bytes, link: int, order: int, when: Clock
    ) -> ip.Located | None:
        """TCP that does not stand where it mostly does; UDP is named and ICMP noted on the way."""
        if kind == IPV4 and end - p >= 28 and buf[p : p + 1] == b"\x45" and not (buf[p + 6] & 0x3F or buf[p + 7]):
            protocol, t, half = buf[p + 9], p + 20, buf[p + 12 : p + 20]
        elif kind == IPV6 and end - p >= 48:
            protocol, t, half = buf[p + 6], p + 40, buf[p + 8 : p + 40]
        else:
            protocol, t, half = -1, 0, b""
        if protocol == UDP and not TUNNEL_PORTS & {buf[t] << 8 | buf[t + 1], buf[t + 2] << 8 | buf[t + 3]}:
            self._name(half + buf[t : t + 4], buf[t + 8 : end], order, start, buf, when)
            return None
        if protocol in (ICMP, ICMP6):
            self._unreachable(buf[t:end], protocol, order, start, buf, when)
            return None
        located = ip.locate(link, buf, start, end, self._reassembly, when(buf, start))
        if located is None:
            return None
        if located.proto == UDP:
            at = located.offset
            self._name(
                located.src + located.dst + located.buf[at : at + 4], located.buf[at + 8 : located.stop], order, start, buf, when
            )
            return None
        return located if located.proto == TCP and located.offset + 20 <= len(located.buf) else None

    def _name(self, key: bytes, payload: bytes, order: int, start: int, buf: bytes, when: Clock) -> None:
        """Note a UDP flow once if it carries QUIC or DTLS."""
        if not payload or not (payload[0] & 0xC0 == 0xC0 or 20 <= payload[0] <= 25) or key in self._named:
            return
        from whytls.wire.quic import name_udp  # not needed by most captures

        protocol = name_udp(payload)
        if protocol is None:
            return
        half = len(key) - 4 >> 1
        self._named[key] = self._named[key[half : 2 * half] + key[:half] + key[-2:] + key[-4:-2]] = None
        if len(self._named) > 2 * MAX_DATAGRAM_FLOWS:
            for old in list(islice(self._named, MAX_DATAGRAM_FLOWS)):
                del self._named[old]
        self.datagrams.append(Datagram(key, protocol, order, when(buf, start)))

    def _unreachable(self, message: bytes, protocol: int, order: int, start: int, buf: bytes, when: Clock) -> None:
        """An ICMP "destination unreachable" (RFC 792, RFC 4443 section 3.1) about a SYN: note it as an event of the far end."""
        if protocol == ICMP and message[:1] == b"\x03" and message[1:2] != b"\x04" and message[8:9] == b"\x45":
            key = message[20:32]
        elif protocol == ICMP6 and message[:1] == b"\x01" and message[14:15] == b"\x06":
            key = message[16:52]
        else:
            return
        direction = self.live.get(key)
        if direction is None or direction.size or direction.side:
            return
        far = direction.flow.second
        if len(far.signals) < 4:
            far.signals.append((order, when(buf, start), UNREACHABLE, 0, 0, 0, b"", 0, message[1]))
            self.held += OVERHEAD

    # ------------------------------------------------------------------ the end of flows

    def _forget(self, flow: Flow, tombstones: bool = True) -> None:
        """Take a flow out of the table; its tombstones say that all that follows on it can be passed over."""
        flow.decided = True
        self.held -= flow.cost
        live, done = self.live, self.done
        first, second, key, peer = flow.first, flow.second, flow.key, flow.peer
        if live.get(key) is first:
            del live[key]
            if tombstones:
                done[key] = first.base
        if live.get(peer) is second:
            del live[peer]
            if tombstones:
                done[peer] = second.base
        del first.flow, first.other, second.flow, second.other  # the only cycles: memory is given back without the collector
        if len(done) > MAX_TOMBSTONES:
            for old in list(islice(done, MAX_TOMBSTONES // 4)):
                del done[old]

    def _decide(self, flow: Flow) -> None:
        """Hand a flow over."""
        if flow.decided:
            return
        self._forget(flow)
        flow.until = self.clock
        self.decided.append(flow)

    def _tidy(self, now: int) -> None:
        """After a run, with the time of its last packet: hand over what has ended, is idle, or is too much."""
        self.clock = now
        lingering = self._lingering
        while lingering and lingering[0][0] <= now:
            self._decide(lingering.popleft()[1])
        if now >= self._next_sweep or now < self._next_sweep - self._idle:
            self._next_sweep = now + self._idle // 4
            for direction in list(self.live.values()):
                if direction.side == 0 and now - direction.flow.last_time > self._idle:
                    self._decide(direction.flow)
        if self.held > BUDGET or len(self.live) > 2 * MAX_FLOWS:
            self._relieve()

    def _relieve(self) -> None:
        """Too much is held: what has ended goes first, then the oldest half."""
        while self._lingering and self.held > BUDGET // 2:
            self._decide(self._lingering.popleft()[1])
        if self.held <= BUDGET and len(self.live) <= 2 * MAX_FLOWS:
            return
        for direction in list(self.live.values()):
            if self.held <= BUDGET // 2 and len(self.live) <= MAX_FLOWS:
                break
            if direction.side == 0:
                direction.flow.evicted = True
                self._decide(direction.flow)

    def finish(self) -> None:
        """The recording ends: hand over all that is left."""
        for direction in list(self.live.values()):
            if direction.side == 0:
                self._decide(direction.flow)
        self._lingering.clear()
