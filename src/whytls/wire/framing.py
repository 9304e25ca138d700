"""Puts handshake messages together: several in one record, one over many records (RFC 8446 section 5.1)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from whytls.tuples import NamedTuple
from whytls.wire.record import Record

# No stack takes more (OpenSSL's and Java's limits are below it by default). What announces more is no handshake message:
# encrypted bytes taken for one, most likely.
MAX_MESSAGE = 1 << 17


class Framed(NamedTuple):
    """One handshake message as it stood in the stream, complete or not."""

    number: int  # HandshakeType
    length: int  # of the body, as its header announces it
    body: bytes  # as much of the body as there is
    start: int  # offset in the stream of the message's first byte
    end: int  # offset in the stream behind its last byte that is there
    missing: int = 0  # how many bytes of it are not there (at least)
    problem: str | None = None  # why it cannot be a message

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return not self.missing and self.problem is None


def messages(data: bytes, records: Sequence[Record]) -> list[Framed]:
    """The handshake messages in these records of ``data``, which are all plain handshake records of one direction, in order.

    The last one can be incomplete (``missing``). A length that no message has ends the list with a ``problem``: whoever
    waits for the rest of it would wait for ever.
    """
    if not records:
        return []
    edges: list[int] = []  # where each record's body begins in the joined bytes
    joined = _join(data, records, edges)

    def place(offset: int) -> int:
        """The offset in the stream of a byte of the joined ones."""
        index = bisect_right(edges, offset) - 1
        return records[index].start + offset - edges[index]

    found: list[Framed] = []
    at, size = 0, len(joined)
    while at + 4 <= size:
        number, length = joined[at], int.from_bytes(joined[at + 1 : at + 4], "big")
        stop = at + 4 + length
        if length > MAX_MESSAGE:
            problem = f"a handshake message of {length} bytes, more than any stack takes"
            found.append(Framed(number, length, b"", place(at), place(size - 1) + 1, stop - size, problem))
            return found
        present = min(stop, size)
        body = joined[at + 4 : present]
        found.append(Framed(number, length, body, place(at), place(present - 1) + 1, stop - present))
        at = stop
    if at < size:  # not even the header is there
        found.append(Framed(joined[at], 0, b"", place(at), place(size - 1) + 1, at + 4 - size))
    return found


def _join(data: bytes, records: Sequence[Record], edges: list[int]) -> bytes:
    total = 0
    for record in records:
        edges.append(total)
        total += record.end - record.start
    if len(records) == 1:
        return data[records[0].start : records[0].end]
    return b"".join([data[record.start : record.end] for record in records])
