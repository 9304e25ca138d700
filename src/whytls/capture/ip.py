"""Reads IPv4 and IPv6 with options, extension headers, tunnels and fragments down to the innermost TCP or UDP header.

``locate`` is the general way, for every packet that is not plain TCP on plain IP (those the sieve reads itself). Bounded: at most
``MOST_LAYERS`` IP headers in each other; fragments in a table of bounded count, bytes and age. What fits no rule gives None.

Where the length in the IP header is zero (segmentation offload: the packet was recorded before the card cut it up), the recorded
length counts. Where less was recorded than the header says (snap length), ``missing`` tells how much.
"""

from __future__ import annotations

from collections import OrderedDict

from whytls.capture.link import IPV4, IPV6, Network, network
from whytls.capture.tunnel import inside_ip, inside_udp
from whytls.tuples import NamedTuple

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FRAGMENT, AUTHENTICATION = 44, 51
_OPTIONS = frozenset((0, 43, 60, 135, 139, 140))  # hop-by-hop, routing, destination, mobility, HIP, shim6
_LEAST = {TCP: 20, UDP: 8, ICMP: 8, ICMP6: 8}
MOST_LAYERS = 8
MOST_HEADERS = 16  # extension headers of one packet
SECOND = 1_000_000_000
_ECHO = 64  # fragments after which a finished datagram is forgotten
_MOST_SPANS = 128  # pieces apart from each other: more than any real disorder leaves


class Located(NamedTuple):
    """A transport header and its data: ``buf[offset:stop]``; ``buf`` is the packet's own buffer or a reassembled datagram."""

    buf: bytes
    src: bytes
    dst: bytes
    proto: int  # TCP, UDP, ICMP or ICMP6
    offset: int
    stop: int
    ttl: int
    missing: int = 0  # bytes behind ``stop`` that were on the wire and were not recorded
    fragments: int = 0  # fragments it was put together from; 0: it was whole
    layers: int = 1  # IP headers around it; more than one: it came out of a tunnel


class Quoted(NamedTuple):
    """The packet that an ICMP message is about: what could not be delivered, and why."""

    kind: int  # ICMP type
    code: int
    src: bytes
    dst: bytes
    source_port: int
    destination_port: int
    sequence: int  # TCP's sequence number


class _Datagram:
    """The fragments of one datagram so far: disjoint spans in order, and the bytes."""

    __slots__ = ("born", "count", "data", "following", "seen", "spans", "total")

    def __init__(self, now: int, born: int) -> None:
        self.seen, self.born = now, born
        self.data = bytearray()
        self.spans: list[tuple[int, int]] = []
        self.count = 0
        self.total = -1  # unknown until the last fragment is there
        self.following = -1  # IPv6: the header after the first fragment's


class Reassembly:
    """Fragments that wait for the rest of their datagram.

    Given up: the oldest where count or bytes pass their bound, any of more than 30 s (RFC 1122 wants 60 at most) or 4,096
    fragments, and datagrams whose fragments contradict each other (RFC 5722 for IPv6; Linux does so for IPv4 too).
    A finished datagram is remembered for a second, since recording on "any" shows every fragment twice.
    """

    def __init__(self, most: int = 512, most_bytes: int = 4 << 20, age: int = 30 * SECOND, age_fragments: int = 4096) -> None:
        self.most, self.most_bytes, self.age, self.age_fragments = most, most_bytes, age, age_fragments
        self.waiting: OrderedDict[bytes, _Datagram] = OrderedDict()
        self.done: OrderedDict[bytes, tuple[int, int]] = OrderedDict()
        self.held = self.arrived = 0
        self.given_up = 0  # datagrams that never became whole

    def add(self, key: bytes, start: int, data: bytes, more: bool, now: int, following: int) -> tuple[bytes, int, int] | None:
        """Take in a fragment; when its datagram is whole: its bytes, the number of fragments, the first one's next header."""
        self.arrived += 1
        finished, arrived = self.done.get(key, (0, -1))
        if arrived >= 0 and now - finished < SECOND and self.arrived - arrived < _ECHO:
            return None
        if start + len(data) > 65535 or (more and len(data) & 7) or not data:
            return None
        datagram = self.waiting.get(key)
        if datagram and (now - datagram.seen > self.age or self.arrived - datagram.born > self.age_fragments):
            self._drop(key)
            datagram = None
        if datagram is None:
            datagram = self.waiting[key] = _Datagram(now, self.arrived)
        self.held -= len(datagram.data)
        sound = _insert(datagram, start, data, more)
        self.held += len(datagram.data)
        if start == 0:
            datagram.following = following
        if not sound:
            self._drop(key)
        elif datagram.total >= 0 and datagram.spans == [(0, datagram.total)]:
            self._finish(key, now)
            return bytes(datagram.data), datagram.count, datagram.following
        while len(self.waiting) > self.most or self.held > self.most_bytes:
            self._drop(next(iter(self.waiting)))
        return None

    def _drop(self, key: bytes) -> None:
        self.held -= len(self.waiting.pop(key).data)
        self.given_up += 1

    def _finish(self, key: bytes, now: int) -> None:
        self.held -= len(self.waiting.pop(key).data)
        self.done[key] = now, self.arrived
        self.done.move_to_end(key)
        if len(self.done) > _ECHO:
            self.done.popitem(last=False)


def _insert(datagram: _Datagram, start: int, data: bytes, more: bool) -> bool:
    """Put a fragment in its place; False where it contradicts what is there."""
    stop, held, spans = start + len(data), datagram.data, datagram.spans
    if not more:
        if datagram.total not in (-1, stop) or len(held) > stop:
            return False
        datagram.total = stop
    elif 0 <= datagram.total < stop:
        return False
    if len(held) < stop:
        held.extend(bytes(stop - len(held)))
    for low, high in spans:
        a, b = max(low, start), min(high, stop)
        if a < b and held[a:b] != data[a - start : b - start]:
            return False
    held[start:stop] = data
    merged: list[tuple[int, int]] = []
    for low, high in sorted([*spans, (start, stop)]):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    datagram.spans = merged
    datagram.count += 1
    return len(merged) <= _MOST_SPANS


class _Payload(NamedTuple):
    """What an IP header carries, its extension headers behind us."""

    buf: bytes
    src: bytes
    dst: bytes
    proto: int
    offset: int
    stop: int
    ttl: int
    missing: int
    fragments: int


def locate(link: int, buf: bytes, start: int, end: int, reassembly: Reassembly, now: int = 0) -> Located | None:
    """The innermost TCP, UDP or ICMP header of the packet ``buf[start:end]``; None where there is none, or not yet.

    ``now`` is the packet's time in nanoseconds: fragments of different times are not joined.
    """
    place = network(link, buf, start, end)
    for layer in range(1, MOST_LAYERS + 1):
        if place is None:
            return None
        kind, off, limit = place
        read = _ipv4 if kind == IPV4 else _ipv6 if kind == IPV6 else None
        payload = read(buf, off, end, limit, reassembly, now) if read else None
        if payload is None:
            return None
        buf, src, dst, proto, off, end, ttl, missing, fragments = payload
        if proto in _LEAST:
            if off + _LEAST[proto] > end:
                return None
            place = _inside_udp(buf, off, end) if proto == UDP else None
            if place is None:
                return Located(buf, src, dst, proto, off, end, ttl, missing, fragments, layer)
        else:
            place = inside_ip(proto, buf, off, end)
    return None


def _inside_udp(buf: bytes, off: int, end: int) -> Network | None:
    place = inside_udp(buf[off] << 8 | buf[off + 1], buf[off + 2] << 8 | buf[off + 3], buf, off + 8, end)
    return place if place and place[0] in (IPV4, IPV6) else None


def _ipv4(buf: bytes, off: int, end: int, limit: int, reassembly: Reassembly, now: int) -> _Payload | None:
    if off + 20 > end or buf[off] >> 4 != 4:
        return None
    at, total = off + (buf[off] & 15) * 4, buf[off + 2] << 8 | buf[off + 3]
    wire = min(off + total if total else end, limit)
    stop = min(wire, end)
    if not off + 20 <= at <= stop:
        return None
    proto, fragments, missing, place = buf[off + 9], 0, wire - stop, (buf[off + 6] << 8 | buf[off + 7]) & 0x3FFF
    payload, src, dst, ttl = buf, buf[off + 12 : off + 16], buf[off + 16 : off + 20], buf[off + 8]
    if place and (place & 0x1FFF or not missing):  # of a first fragment that was cut, what is there must do
        key = buf[off + 12 : off + 20] + buf[off + 9 : off + 10] + buf[off + 4 : off + 6]
        whole = None if missing else reassembly.add(key, (place & 0x1FFF) * 8, buf[at:stop], place & 0x2000 != 0, now, proto)
        if whole is None:
            return None
        payload, fragments, _ = whole
        at, stop = 0, len(payload)
    return _past_headers(_Payload(payload, src, dst, proto, at, stop, ttl, missing, fragments), reassembly, now)


def _ipv6(buf: bytes, off: int, end: int, limit: int, reassembly: Reassembly, now: int) -> _Payload | None:
    if off + 40 > end or buf[off] >> 4 != 6:
        return None
    length = buf[off + 4] << 8 | buf[off + 5]
    wire = min(off + 40 + length if length else end, limit)  # zero: offload, or a jumbogram (RFC 2675)
    stop = min(wire, end)
    src, dst = buf[off + 8 : off + 24], buf[off + 24 : off + 40]
    first = _Payload(buf, src, dst, buf[off + 6], off + 40, stop, buf[off + 7], wire - stop, 0)
    return _past_headers(first, reassembly, now)


def _past_headers(payload: _Payload, reassembly: Reassembly, now: int) -> _Payload | None:
    """Step over extension headers (RFC 8200 section 4) and the authentication header (RFC 4302), joining fragments."""
    buf, src, dst, proto, at, stop, ttl, missing, fragments = payload
    for _ in range(MOST_HEADERS):
        if proto in _OPTIONS or proto == AUTHENTICATION:
            if at + 8 > stop:
                return None
            proto, at = buf[at], at + ((buf[at + 1] + 2) * 4 if proto == AUTHENTICATION else (buf[at + 1] + 1) * 8)
        elif proto == FRAGMENT:
            if at + 8 > stop:
                return None
            proto, place, number = buf[at], buf[at + 2] << 8 | buf[at + 3], buf[at + 4 : at + 8]
            at += 8
            if place & 0xFFF9 and (place & 0xFFF8 or not missing):
                key, data = src + dst + number, buf[at:stop]
                whole = None if missing else reassembly.add(key, place & 0xFFF8, data, place & 1 != 0, now, proto)
                if whole is None:
                    return None
                buf, fragments, proto = whole
                at, stop = 0, len(buf)
        else:
            return _Payload(buf, src, dst, proto, at, stop, ttl, missing, fragments) if at <= stop else None
    return None


def quoted(message: Located) -> Quoted | None:
    """Which TCP packet an ICMP error is about: the head of it stands in the message (RFC 792, RFC 4443)."""
    buf, off, stop = message.buf, message.offset + 8, message.stop
    kind, code = buf[message.offset], buf[message.offset + 1]
    if message.proto == ICMP and kind in (3, 11, 12) and off + 28 <= stop and buf[off] >> 4 == 4:
        at, size, proto = off + (buf[off] & 15) * 4, 4, buf[off + 9]
        src = off + 12
    elif message.proto == ICMP6 and kind in (1, 2, 3, 4) and off + 48 <= stop and buf[off] >> 4 == 6:
        at, size, proto = off + 40, 16, buf[off + 6]
        src = off + 8
    else:
        return None
    if proto != TCP or at + 8 > stop:
        return None
    ports = buf[at] << 8 | buf[at + 1], buf[at + 2] << 8 | buf[at + 3]
    sequence = int.from_bytes(buf[at + 4 : at + 8], "big")
    return Quoted(kind, code, buf[src : src + size], buf[src + size : src + 2 * size], *ports, sequence)
