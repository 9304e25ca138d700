"""One glance at a flow: did its handshake plainly complete, and does it tell anything new about its server?

On a busy server nearly all handshakes complete, and each is like the last. Building a Handshake of each would cost more than all the
rest, so a few bytes are looked at instead: record headers, the ServerHello without its random parts, the server name.
The glance is strict: whatever is out of the ordinary is left to the long road.
"""

from __future__ import annotations

from itertools import islice
from struct import Struct, error
from typing import TYPE_CHECKING, TypeVar

from whytls.capture.outcome import ALERT_SIZES, FINISHED_SIZES, SHORT_ANSWER
from whytls.capture.tcp import FIN, FLAGS, LENGTH, ORDER, RST
from whytls.wire.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Record, Split

if TYPE_CHECKING:
    from whytls.capture.assemble import Reading

MOST_FINISHED = 100  # bytes of a Finished record of TLS 1.2 and before, whatever the cipher
MOST_SERVERS = 20_000
MOST_CLIENTS = 20_000
MOST_OF_A_CLIENT = 16  # servers of one client of which a handshake is passed on even if the server is known
MOST_OF_A_SERVER = 48  # distinct handshakes of one server; inference/profile.py keeps no more
_PAIR = Struct(">HH").unpack_from
SERVER_NAME, KEY_SHARE = 0, 51


def plainly_completed(reading: Reading) -> bool:
    """Whether both sides finished, the client asked for something and got an answer, and nothing was odd before or behind it."""
    flow, client, server = reading.flow, reading.client_cut, reading.server_cut
    if client is None or server is None or flow.evicted or not (flow.first.orderly and flow.second.orderly):
        return False
    if client.stop not in ("", "incomplete") or server.stop not in ("", "incomplete"):
        return False
    if not server.records or server.records[0].content_type != HANDSHAKE:
        return False
    begun = _begun(client)
    if begun is None or not (_finished_classic(server) if begun.content_type == HANDSHAKE else begun.length not in ALERT_SIZES):
        return False
    answer = _answered(reading, begun, server)
    if answer > SHORT_ANSWER:
        return True
    return answer > 0 and _asked(client, begun) and _client_left_first(reading)


def _begun(client: Split) -> Record | None:
    """The client's first encrypted record behind its ChangeCipherSpec, or None if anything is odd before it."""
    changed = False
    for record in client.records:
        kind = record[0]
        if kind == CHANGE_CIPHER_SPEC:
            changed = True
        elif kind == ALERT:
            return None
        elif changed and kind in (HANDSHAKE, APPLICATION_DATA):
            # a second ClientHello behind a ChangeCipherSpec, as after a retry, is left to the long road
            return record if kind == APPLICATION_DATA or record.length <= MOST_FINISHED else None
    return None


def _finished_classic(server: Split) -> bool:
    """TLS 1.2 and before: the server changed keys, finished, and nothing but data followed until a close."""
    changed = finished = False
    for kind, _, _, start, end in server.records:
        if kind == CHANGE_CIPHER_SPEC:
            changed = True
        elif kind == ALERT and (not finished or end - start == 2):
            return False
        elif kind == HANDSHAKE and changed:
            finished = True
    return finished


def _answered(reading: Reading, begun: Record, server: Split) -> int:
    """How many bytes of data records the server sent, or began to send, behind the client's flight."""
    flight = reading.client_stream.frame_at(begun.offset)
    lane = reading.server_stream
    behind = 0
    for packet in reading.packets[1]:
        if packet[ORDER] > flight:
            break
        behind += packet[LENGTH]
    total = 0
    for kind, _, offset, start, end in reversed(server.records):
        if offset < behind:
            break
        if kind == APPLICATION_DATA and end - start not in ALERT_SIZES:
            total += end - start
    if server.stop == "incomplete" and server.announced and server.end >= behind and lane.data[server.end] == APPLICATION_DATA:
        total += server.announced
    return total


def _asked(client: Split, begun: Record) -> bool:
    """Whether the client sent data behind a flight that held no certificate."""
    later = [r for r in client.records if r[2] > begun.offset and r[0] == APPLICATION_DATA and r[4] - r[3] not in ALERT_SIZES]
    return bool(later) and (begun.content_type == HANDSHAKE or begun.length in FINISHED_SIZES)


def _client_left_first(reading: Reading) -> bool:
    """Whether the client closed before the server did, or nobody did."""
    left, closed = ([p[ORDER] for p in some if p[FLAGS] & (FIN | RST)] for some in reading.signals)
    return not closed or (bool(left) and left[0] < closed[0])


class Book:
    """Which handshakes have been passed on: a bounded number of distinct ones of each server, and one of each client with it."""

    def __init__(self) -> None:
        self._servers: dict[bytes, set[int]] = {}
        self._clients: dict[bytes, set[bytes]] = {}

    def is_new(self, reading: Reading) -> bool:
        """Whether this one tells something new; from now on it does not."""
        key = reading.flow.key
        half = len(key) - 4 >> 1
        client, server = key[:half], key[half : 2 * half] + key[-2:]
        if reading.swapped:
            client, server = key[half : 2 * half], key[:half] + key[-4:-2]
        told = False
        known = _entry(self._clients, client, MOST_CLIENTS)
        if server not in known and len(known) < MOST_OF_A_CLIENT:
            known.add(server)
            told = True
        marks = _entry(self._servers, server, MOST_SERVERS)
        if len(marks) < MOST_OF_A_SERVER:
            mark = hash((_name_of(reading), _answer_of(reading)))
            if mark not in marks:
                marks.add(mark)
                told = True
        return told


_T = TypeVar("_T")


def _entry(book: dict[bytes, set[_T]], key: bytes, most: int) -> set[_T]:
    """The entry of that key; the oldest quarter gives way when there are too many."""
    entry = book.get(key)
    if entry is None:
        if len(book) >= most:
            for old in list(islice(book, most // 4)):
                del book[old]
        entry = book[key] = set()
    return entry


def _name_of(reading: Reading) -> bytes:
    """The server_name extension of the ClientHello as it stands on the wire."""
    data, at = reading.client_stream.data, reading.at[0]
    try:
        at += 43
        at += 1 + data[at]
        at += 2 + (data[at] << 8 | data[at + 1])
        at += 1 + data[at] + 2
        while True:
            number, size = _PAIR(data, at)
            if number == SERVER_NAME:
                return data[at + 4 : at + 4 + size]
            at += 4 + size
    except (IndexError, error):
        return b""


def _answer_of(reading: Reading) -> tuple[object, ...]:
    """What the server chose, without what is random in it, and its certificates."""
    data, at = reading.server_stream.data, reading.at[1]
    try:
        stop = at + 9 + (data[at + 7] << 8 | data[at + 8])
        start = at + 44 + data[at + 43]
        marks: list[object] = [data[start : start + 2], data[at + 9 : at + 11]]
        place = start + 5
        while place + 4 <= stop:
            number, size = _PAIR(data, place)
            marks.append(data[place : place + (6 if number == KEY_SHARE else 4 + size)])
            place += 4 + size
        if data[stop] == 22:
            stop += 5
        if data[stop] == 11:
            size = int.from_bytes(data[stop + 1 : stop + 4], "big")
            marks.append(hash(data[stop + 4 : stop + 4 + size]))
        return tuple(marks)
    except IndexError:
        return ()
