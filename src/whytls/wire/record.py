"""Cuts one direction of a connection into records: SSLv2's first ones, SSL 3.0 to TLS 1.3 (RFC 8446 section 5, RFC 6101
appendix E), with their offsets, and says what stands where no record does.

``split`` runs over every flow of a capture, hence plain tuples and one call of ``struct`` a record.
"""

from __future__ import annotations

from struct import Struct
from typing import Literal

from whytls.tuples import NamedTuple
from whytls.wire import sslv2

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = 20, 21, 22, 23, 24
SSLV2 = 128  # not a content type of TLS: marks a record with SSLv2's header, whose body is one SSLv2 message

# RFC 5246 section 6.2.3: 2^14 and 2048 more for what compression and ciphers add. TLS 1.3 allows 256 more, but a peer that
# sends what only TLS 1.2 allows is for the causes to judge, not a reason to lose the stream.
MAX_BODY = 16384 + 2048

Stop = Literal["", "incomplete", "foreign", "overflow"]


class Record(NamedTuple):
    """One record: ``data[start:end]`` is its body, ``data[offset:start]`` its header."""

    content_type: int
    version: int  # the record's own version field; of an SSLv2 hello, what it offers; 2 for later SSLv2 records
    offset: int
    start: int
    end: int

    @property
    def length(self) -> int:
        """Length of the body."""
        return self.end - self.start


class Split(NamedTuple):
    """The records of one direction, and why there are no more.

    ``stop`` is empty when the bytes are used up exactly; "incomplete": the last record is not all there; "foreign": what
    stands at ``end`` is no record; "overflow": it is one, but longer than any record can be (record_overflow, alert 22).
    """

    records: list[Record]
    end: int  # the offset of the first byte that belongs to no complete record
    stop: Stop = ""
    announced: int = 0  # incomplete, overflow: the body length that its header announces (0: the header is not all there)
    present: int = 0  # incomplete, overflow: how many bytes of the body are there


_HEADER = Struct(">BHH").unpack_from
_new = tuple.__new__


def split(data: bytes, at: int = 0) -> Split:
    """All complete records of a direction from ``at`` on. SSLv2 is looked for only there, at the start."""
    records: list[Record] = []
    size = len(data)
    if at < size and data[at] not in _CONTENT_TYPES:
        first = sslv2.first_record(data, at)
        if first is not None:
            version, start, end = first
            if end > size:
                return Split(records, at, "incomplete", end - start, size - start)
            records.append(Record(SSLV2, version, at, start, end))
            at = end
            if version == 2:
                return _sslv2_rest(data, at, records)
    add, last, header, new, known = records.append, size - 5, _HEADER, _new, _CONTENT_TYPES  # it runs for every record of every flow
    while at <= last:
        kind, version, length = header(data, at)
        start = at + 5
        end = start + length
        if kind not in known or version >> 8 != 3:
            return Split(records, at, "foreign")
        if end > size or length > MAX_BODY:
            stop: Stop = "overflow" if length > MAX_BODY else "incomplete"
            return Split(records, at, stop, length, min(size, end) - start)
        add(new(Record, (kind, version, at, start, end)))
        at = end
    if at >= size:
        return _new(Split, (records, at, "", 0, 0))
    if data[at] in _CONTENT_TYPES and (at + 1 == size or data[at + 1] == 3):
        return Split(records, at, "incomplete")
    return Split(records, at, "foreign")


_CONTENT_TYPES = frozenset((20, 21, 22, 23, 24))


# ------------------------------------------------------------------ does a direction begin with TLS


def looks_like_tls(data: bytes, at: int = 0) -> bool:
    """Whether a direction that begins with these bytes speaks TLS or SSL: for the first bytes of a client or server.

    Strict, for it is asked of every flow: a handshake record whose message has a known type and a length that fits, an alert
    of two bytes with a known level, or an SSLv2 hello whose lengths add up. At least three bytes are needed.
    """
    size = len(data) - at
    if size < 3:
        return False
    if data[at + 1] == 3 and data[at + 2] <= 4:
        kind = data[at]
        if size < 5:
            return kind in (HANDSHAKE, ALERT)
        length = data[at + 3] << 8 | data[at + 4]
        if kind == HANDSHAKE:
            return 0 < length <= MAX_BODY and _begins_message(data[at + 5 : at + 9], length)
        if kind == ALERT:
            return length == 2 and data[at + 5 : at + 6] in (b"", b"\x01", b"\x02")
    return sslv2.first_record(data, at) is not None


def looks_like_records(data: bytes, at: int = 0) -> bool:
    """Whether a direction seems to be inside TLS: its first bytes are a record, and so is what follows it, if anything does.

    For recordings that begin in mid-connection. One that begins inside a record cannot be told this way.
    """
    for _ in range(3):
        if len(data) - at < 5:
            return data[at : at + 2] in (b"", b"\x14", b"\x15", b"\x16", b"\x17") or data[at + 1 : at + 2] == b"\x03"
        kind, version, length = _HEADER(data, at)
        if not 20 <= kind <= 24 or not 0x0300 <= version <= 0x0304 or length > MAX_BODY:
            return False
        at += 5 + length
        if at > len(data):
            return True
    return True


# Types that can begin a direction in the clear: HelloRequest, ClientHello, ServerHello, and what a client sends first
# when its own hello was not recorded: Certificate, ServerKeyExchange ... ClientKeyExchange (RFC 5246 section 7.4).
_FIRST_MESSAGES = frozenset((0, 1, 2, 4, 6, 11, 12, 13, 14, 15, 16, 22))
_MAX_MESSAGE = 1 << 17


def _begins_message(head: bytes, length: int) -> bool:
    """Whether these first (up to four) bytes of a handshake record's body of that length can begin a message."""
    if not head:
        return True
    if head[0] not in _FIRST_MESSAGES:
        return False
    if head[0] in (0, 14) and head[1:4] != b"\0\0\0"[: len(head) - 1]:
        return False  # HelloRequest and ServerHelloDone are empty
    return len(head) < 4 or int.from_bytes(head[1:4], "big") <= _MAX_MESSAGE


def _sslv2_rest(data: bytes, at: int, records: list[Record]) -> Split:
    """What follows an SSLv2 hello that offers SSLv2: TLS records where the server chose TLS, else SSLv2 records."""
    size = len(data)
    if at >= size:
        return Split(records, at)
    if data[at] in _CONTENT_TYPES and data[at + 1 : at + 2] in (b"", b"\x03"):
        tail = split(data, at)
        return tail._replace(records=records + tail.records)
    while at + 3 <= size:
        length, start, _ = sslv2.header(data, at)
        if start + length > size:
            return Split(records, at, "incomplete", length, size - start)
        records.append(Record(SSLV2, 2, at, start, start + length))
        at = start + length
    return Split(records, at, "incomplete" if at < size else "")
