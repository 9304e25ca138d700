"""Reads one direction's stream into the events of TLS: messages in the clear, alerts, encrypted records, foreign bytes, gaps.

Where keys change, reading ends and counting begins: in TLS 1.2 and before after the sender's own ChangeCipherSpec, in TLS 1.3
with the records of type 23 (its ChangeCipherSpec means nothing, RFC 8446 appendix D.4). OpenSSL's TLS 1.3 clients send an alert
about the server's certificate in the clear although the server has changed its keys: an alert record of two bytes is a plain one
unless its sender has changed keys under TLS 1.2 or before, for no cipher leaves it that short.

Over a gap the reading goes on where it is certain again: at the end of the record whose header was seen, or at the next packet
that begins with a record behind which further records stand. A message in a record is given the frame that completes the record,
which is what Wireshark does.
"""

from __future__ import annotations

from whytls.capture.tcp import ORDER, TIME, Packet, Stream
from whytls.model import Event, EventKind, Side
from whytls.wire.framing import MAX_MESSAGE
from whytls.wire.message import (
    Alert,
    Certificate,
    CertificateRequest,
    ClientHello,
    EncryptedRecord,
    ForeignBytes,
    MalformedMessage,
    Message,
    PlainMessage,
    ServerHello,
    ServerKeyExchange,
    read,
)
from whytls.wire.record import ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, SSLV2, Split, looks_like_records, looks_like_tls, split
from whytls.wire.registry import is_tls13

MESSAGES: dict[int, EventKind] = {
    0: "hello-request",
    1: "client-hello",
    2: "server-hello",
    4: "new-session-ticket",
    6: "hello-retry-request",
    11: "certificate",
    12: "server-key-exchange",
    13: "certificate-request",
    14: "server-hello-done",
    15: "certificate-verify",
    16: "client-key-exchange",
    20: "finished",
    22: "certificate-status",
}
FIRST_ENCRYPTED, LAST_ENCRYPTED = 40, 8  # encrypted records of one side that become events
HEAD = 256  # foreign bytes kept
_REPEATING = frozenset((11, 13, 22))  # messages that are the same in every handshake of a server: no randoms in them
_CACHED, MOST_CACHED = 256, 16 << 10
_cache: dict[tuple[int, int | None, bytes], Message] = {}
_new = tuple.__new__


def value_of(number: int, body: bytes, version: int | None, suite: int | None) -> Message:
    """A message's value; those that repeat byte for byte are read once."""
    if number not in _REPEATING or len(body) > MOST_CACHED:
        return read(number, body, version, suite)
    key = (number, version, body)
    value = _cache.get(key)
    if value is None:
        value = read(number, body, version, suite)
        if len(_cache) >= _CACHED:
            _cache.clear()
        _cache[key] = value
    return value


def plain_messages(data: bytes, cut: Split) -> list[tuple[int, bytes]] | None:
    """Type and body of the messages in front of the first record that holds none; None if one goes over several records."""
    found: list[tuple[int, bytes]] = []
    for kind, _, _, at, end in cut.records:
        if kind != HANDSHAKE:
            break
        while end - at >= 4:
            stop = at + 4 + (data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3])
            if stop > end:
                return None
            found.append((data[at], data[at + 4 : stop]))
            at = stop
        if at != end:
            return None
    return found


class Lane:
    """Reads one direction; ``version`` is what the other direction's hello said, ``cut`` the records of its first piece if known."""

    __slots__ = (
        "_encrypted", "_file", "_midway", "_pending", "_pending_first", "_pending_packet", "certificate_request", "chain",
        "changed", "client_hello", "events", "lost", "retried_hello", "retry", "sender", "server_hello", "server_key_exchange",
        "stream", "suite", "version",
    )  # fmt: skip

    def __init__(
        self,
        sender: Side,
        stream: Stream,
        at: int,
        *,
        midway: bool = False,
        version: int | None = None,
        cut: Split | None = None,
        file: str = "",
    ) -> None:
        self.sender: Side = sender
        self.stream = stream
        self.events: list[Event] = []
        self.version = version
        self.suite: int | None = None
        self.client_hello: ClientHello | None = None
        self.retried_hello: ClientHello | None = None
        self.server_hello: ServerHello | None = None
        self.retry: ServerHello | None = None
        self.chain: tuple[bytes, ...] | None = None
        self.certificate_request: CertificateRequest | None = None
        self.server_key_exchange: ServerKeyExchange | None = None
        self.changed = False  # the sender has changed its keys
        self.lost = False  # bytes could not be read, for they are missing or do not begin with a record
        self._file = file
        self._midway = midway
        self._pending = b""  # the beginning of a message whose rest stands in the next record
        self._pending_first = 0  # and the frame where it begins
        self._pending_packet: Packet | None = None  # the latest packet that brought a part of it
        self._encrypted = 0
        pieces = stream.pieces
        if cut is not None and len(pieces) == 1 and not stream.gaps:
            self._piece(0, pieces[0][1], cut)
        elif pieces or stream.gaps:
            self._read(at)
        if self._encrypted > FIRST_ENCRYPTED + LAST_ENCRYPTED:
            self._thin_out()

    # ------------------------------------------------------------------ pieces and gaps

    def _read(self, at: int) -> None:
        """Read piece by piece, over holes."""
        resume = at
        gaps = iter(self.stream.gaps)
        gap = next(gaps, None)
        for start, data in self.stream.pieces:
            while gap is not None and gap.position < start:
                self._gap(gap.position, gap.length)
                gap = next(gaps, None)
            certain = start <= resume < start + len(data) and not (self._midway and resume == at)
            begin = resume - start if certain else self._resync(start, data, max(resume - start, 0))
            if begin is None:
                self._gap(start, len(data))
            elif begin < len(data):
                if begin > max(resume - start, 0) and not certain:
                    self._gap(start, begin)
                resume = self._piece(start, data, split(data, begin))
        if gap is not None:
            self._gap(gap.position, gap.length)

    def _resync(self, start: int, data: bytes, least: int) -> int | None:
        """Where in a piece that follows a hole records stand for certain: packets mostly begin with one."""
        self._pending = b""
        at = least
        while at < len(data):
            if looks_like_tls(data, at) or looks_like_records(data, at):
                return at
            at = self.stream.end_of_packet(start + at) - start
        return None if self._midway or start or least else 0

    def _gap(self, at: int, length: int) -> None:
        self.lost = True
        if length > 0 and self.stream.carriers:
            self._add("gap", self.stream.packet_at(at), None, 0, length)

    def _add(self, kind: EventKind, packet: Packet, value: Message | None, first: int, length: int) -> None:
        order = packet[ORDER]
        if first == order:
            first = 0
        self.events.append(_new(Event, (kind, self.sender, order, packet[TIME], value, first, length, self._file)))

    # ------------------------------------------------------------------ records

    def _piece(self, start: int, data: bytes, cut: Split) -> int:
        """The records of a piece, and what stands behind them; the position where the next one stands."""
        stream, ordered = self.stream, self.stream.ordered
        ends, carriers, i, j = stream.ends, stream.carriers, 0, 0
        for kind, _, offset, begin, end in cut.records:
            if ordered:
                while ends[i] <= offset:
                    i += 1
                j = max(i, j)
                while ends[j] < end:
                    j += 1
                first, packet = carriers[i][ORDER], carriers[j]
            else:
                first, packet = stream.frame_at(start + offset), stream.completing(start + offset, start + end)
            if kind == HANDSHAKE and not self.changed:
                self._handshake(data, begin, end, first, packet)
            elif kind == CHANGE_CIPHER_SPEC and not self.changed:
                self._add("change-cipher-spec", packet, None, first, end - begin)
                self.changed = not is_tls13(self.version)
            elif kind == ALERT and end - begin == 2 and not (self.changed and self.version is not None):
                self._add("alert", packet, _new(Alert, (data[begin], data[begin + 1])), first, 2)
            elif kind == SSLV2:
                self._sslv2(data[begin:end], first, packet)
            else:
                self._encrypted += 1
                self._add("encrypted", packet, _new(EncryptedRecord, (kind, end - begin, b"")), first, end - begin)
        return self._rest(start, data, cut) if cut.stop else start + cut.end

    def _rest(self, start: int, data: bytes, cut: Split) -> int:
        """What stands behind the last complete record."""
        at = start + cut.end
        if cut.stop == "foreign":
            self._foreign(start, data, cut.end)
            return start + len(data)
        if cut.stop == "overflow":
            problem = f"a record announces {cut.announced} bytes; no record is longer than 18432"
            packet = self.stream.packet_at(at)
            self._add("malformed", packet, MalformedMessage(data[cut.end], problem), packet[ORDER], len(data) - cut.end)
            return self.stream.reach
        if not cut.announced:  # not even the header is all there
            return self._stub(start, data, cut.end)
        end = at + 5 + cut.announced
        kind = data[cut.end]
        last = self.stream.completing(at, min(end, start + len(data)))
        if kind == HANDSHAKE and not self.changed:
            self._handshake(data, cut.end + 5, len(data), self.stream.frame_at(at), last)
            if self._pending and (end <= self.stream.reach or not self.events):
                self._cut_message()  # also a first message, a large ClientHello, whose second packet never came
        elif end <= self.stream.reach:  # it was sent, only not recorded to its end; what it is shows all the same
            self._encrypted += 1
            self._add("encrypted", last, EncryptedRecord(kind, cut.announced), last[ORDER], cut.announced)
        return end

    def _stub(self, start: int, data: bytes, at: int) -> int:
        """The first one to four bytes of a record, whose rest the snap length cut off: its type can be told, no more."""
        end = start + len(data)
        position = start + at
        hole = next((g for g in self.stream.gaps if g.position == end), None)
        if hole is None or data[at + 1 : at + 2] != b"\x03":
            return max(position + 5, end)
        packet = self.stream.packet_at(position)
        if data[at] == ALERT and hole.position + hole.length == position + 7 and not self.changed:
            self._add("alert", packet, None, packet[ORDER], 2)
            return position + 7
        if data[at] == HANDSHAKE and not position:
            self._add("client-hello" if self.sender == "client" else "server-hello", packet, None, packet[ORDER], 0)
        return max(position + 5, end)

    def _foreign(self, start: int, data: bytes, at: int) -> None:
        if self._midway and start + at and not looks_like_tls(data, at):
            self._gap(start + at, len(data) - at)
            return
        packet = self.stream.packet_at(start + at)
        value = ForeignBytes(data[at : at + HEAD], len(data) - at)
        self._add("foreign", packet, value, packet[ORDER], len(data) - at)

    def _sslv2(self, body: bytes, first: int, packet: Packet) -> None:
        from whytls.wire.sslv2 import read_sslv2  # rare

        value = read_sslv2(body)
        kind: EventKind = "other-message"
        if isinstance(value, ClientHello):
            kind = "client-hello"
            self.client_hello = self.client_hello or value
        elif isinstance(value, ServerHello):
            kind = "server-hello"
            self.server_hello, self.version = value, value.version
        elif isinstance(value, MalformedMessage):
            kind = "malformed"
        self._add(kind, packet, value, first, len(body))

    def _thin_out(self) -> None:
        """Keep the first and last encrypted records."""
        count, kept = 0, []
        for event in self.events:
            if event.kind == "encrypted":
                count += 1
                if FIRST_ENCRYPTED < count <= self._encrypted - LAST_ENCRYPTED:
                    continue
            kept.append(event)
        self.events = kept

    # ------------------------------------------------------------------ messages

    def _handshake(self, data: bytes, at: int, end: int, first: int, packet: Packet) -> None:
        """The messages that end in a record with the body ``data[at:end]``, which lies between these packets."""
        if not self._pending and end - at >= 4 and at + 4 + (data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]) == end:
            number = data[at]
            if number in MESSAGES or (not self._midway and end - at <= MAX_MESSAGE):
                self._message(number, data[at + 4 : end], packet, first)  # one whole message, as nearly always
                return
        begins, latest = first, packet
        if self._pending:
            begins = self._pending_first
            if self._pending_packet is not None and self._pending_packet[ORDER] > packet[ORDER]:  # recorded out of order
                latest = self._pending_packet
            data = self._pending + data[at:end]
            at, end = 0, len(data)
        while end - at >= 4:
            number, size = data[at], data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
            stop = at + 4 + size
            if size > MAX_MESSAGE or (self._midway and number not in MESSAGES):
                self._unreadable(number, size, end - at, packet)
                return
            if stop > end:
                break
            self._message(number, data[at + 4 : stop], latest, begins)
            begins, latest = first, packet
            at = stop
        self._pending_first, self._pending_packet = begins, latest
        self._pending = data[at:end]

    def _unreadable(self, number: int, size: int, length: int, packet: Packet) -> None:
        """A handshake record that begins with no message: encrypted, if its keys were changed before the recording began."""
        self._pending = b""
        self.changed = True
        if self._midway:
            self._encrypted += 1
            self._add("encrypted", packet, EncryptedRecord(HANDSHAKE, length), 0, length)
        else:
            problem = f"a message of type {number} announces {size} bytes"
            self._add("malformed", packet, MalformedMessage(number, problem), 0, length)

    def _cut_message(self) -> None:
        """A message that was sent and recorded only in part: named, without a value."""
        kind, packet = MESSAGES.get(self._pending[0]), self._pending_packet
        self._pending = b""
        if kind is not None and packet is not None:
            self.lost = True
            self._add(kind, packet, None, self._pending_first, 0)

    def _message(self, number: int, body: bytes, packet: Packet, first: int) -> None:
        value = value_of(number, body, self.version, self.suite)
        kind: EventKind = MESSAGES.get(number, "other-message")
        if value.__class__ is not PlainMessage:
            kind = self._take(value, kind)
        order = packet[ORDER]
        if first == order:
            first = 0
        self.events.append(_new(Event, (kind, self.sender, order, packet[TIME], value, first, len(body) + 4, self._file)))

    def _take(self, value: Message, kind: EventKind) -> EventKind:
        """Note what a message says for the rest; the kind of its event."""
        if isinstance(value, ClientHello):
            if self.client_hello is None:
                self.client_hello = value
            elif self.retried_hello is None:
                self.retried_hello = value
        elif isinstance(value, ServerHello):
            return self._take_server_hello(value)
        elif isinstance(value, Certificate):
            if self.chain is None:
                self.chain = value.chain
        elif isinstance(value, ServerKeyExchange):
            self.server_key_exchange = value
        elif isinstance(value, CertificateRequest):
            self.certificate_request = value
        elif isinstance(value, MalformedMessage):
            return "malformed"
        return kind

    def _take_server_hello(self, value: ServerHello) -> EventKind:
        if value.is_retry:
            self.retry = self.retry or value
            self.version = value.version
            return "hello-retry-request"
        if self.server_hello is None:
            self.server_hello = value
            self.version, self.suite = value.version, value.cipher_suite
        return "server-hello"
