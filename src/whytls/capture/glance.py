"""One glance at a flow: did its handshake plainly complete, and does it tell anything new about its server?

On a busy server nearly all handshakes complete, and each is like the last. Building a Handshake of each would cost more than all the
rest, so a few bytes are looked at instead: record headers, the ServerHello without its random parts, the server name.
The glance is strict: whatever is out of the ordinary is left to the long road.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from operator import itemgetter
from struct import Struct, error
from typing import TYPE_CHECKING, TypeVar

from whytls.capture.outcome import ALERT_SIZES, FINISHED_SIZES, SHORT_ANSWER
from whytls.capture.tcp import FIN, FLAGS, ORDER, RST, Packet
from whytls.wire.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Record, Split

if TYPE_CHECKING:
    from whytls.capture.assemble import Reading

MOST_FINISHED = 100  # bytes of a Finished record of TLS 1.2 and before, whatever the cipher
MOST_SERVERS = 20_000
MOST_CLIENTS = 20_000
MOST_OF_A_CLIENT = 64  # servers of one client of which a handshake is passed on even if the server is known
AGAIN = 60 * 10**9  # after so long it is passed on again: who talks to whom at the same time tells gateways
MOST_OF_A_SERVER = 48  # distinct handshakes of one server; inference/profile.py keeps no more
_order = itemgetter(ORDER)
_PAIR = Struct(">HH").unpack_from
SERVER_NAME, KEY_SHARE = 0, 51
CERTIFICATE_REQUEST = 13


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
    left = _first_close(reading.signals[0])
    answer = _answered(reading, begun, server, left)
    if answer > SHORT_ANSWER:
        return True
    if not answer or not _asked(client, begun):
        return False
    closed = _first_close(reading.signals[1])
    if closed and not 0 < left < closed:
        return False
    return begun.content_type != HANDSHAKE or not _wants_certificate(reading.server_stream.data, server)


def _first_close(signals: list[Packet]) -> int:
    """The place of the first FIN or RST among these; 0 if there is none."""
    for packet in signals:
        if packet[FLAGS] & (FIN | RST):
            return packet[ORDER]
    return 0


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


def _answered(reading: Reading, begun: Record, server: Split, left: int) -> int:
    """How many bytes of data records the server sent, or began to send, behind the client's flight and before the client left."""
    flight = reading.client_stream.frame_at(begun.offset)
    lane = reading.server_stream
    packets, ends = reading.packets[1], lane.ends  # both sides are orderly: each packet begins where the last one ended
    before = bisect_right(packets, min(flight, left) if left else flight, key=_order)
    until = bisect_right(packets, left, key=_order) if left else len(packets)
    behind = ends[before - 1] if before else 0
    heard = ends[until - 1] if until else 0
    total = 0
    for kind, _, offset, start, end in reversed(server.records):
        if offset < behind:
            break
        if kind == APPLICATION_DATA and offset < heard and end - start not in ALERT_SIZES:
            total += end - start
    if server.stop == "incomplete" and server.announced and behind <= server.end < heard and lane.data[server.end] == APPLICATION_DATA:
        total += server.announced
    return total


def _wants_certificate(data: bytes, server: Split) -> bool:
    """Whether a CertificateRequest stands among the server's plain messages (TLS 1.2 and before)."""
    for kind, _, _, start, end in server.records:
        if kind != HANDSHAKE:
            return False
        while start + 4 <= end:
            if data[start] == CERTIFICATE_REQUEST:
                return True
            start += 4 + int.from_bytes(data[start + 1 : start + 4], "big")
        if start != end:
            return True  # a message over several records: not for a glance
    return False


def _asked(client: Split, begun: Record) -> bool:
    """Whether the client sent data behind a flight that held no certificate."""
    if begun.content_type != HANDSHAKE and begun.length not in FINISHED_SIZES:
        return False
    at = begun.offset
    return any(r[0] == APPLICATION_DATA and r[2] > at and r[4] - r[3] not in ALERT_SIZES for r in client.records)


class Book:
    """Which handshakes have been passed on: a bounded number of distinct ones of each server, and of each client now and then
    one with each of its servers."""

    def __init__(self) -> None:
        self._servers: dict[bytes, set[int]] = {}
        self._clients: dict[bytes, dict[bytes, int]] = {}

    def is_new(self, reading: Reading, server: bytes) -> bool:
        """Whether this one tells something new about its server; from now on it does not."""
        marks = self._servers.get(server)
        if marks is None:
            _make_room(self._servers, MOST_SERVERS)
            marks = self._servers[server] = set()
        if len(marks) >= MOST_OF_A_SERVER:
            return False
        mark = hash((_name_of(reading), _answer_of(reading)))
        if mark in marks:
            return False
        marks.add(mark)
        return True

    def is_new_pair(self, client: bytes, server: bytes, now: int) -> bool:
        """Whether this client and this server are met for the first time in a while; from now on they are not."""
        known = self._clients.get(client)
        if known is None:
            _make_room(self._clients, MOST_CLIENTS)
            known = self._clients[client] = {}
        if abs(now - known.get(server, -AGAIN)) < AGAIN or (server not in known and len(known) >= MOST_OF_A_CLIENT):
            return False
        known[server] = now
        return True


def ends_of(reading: Reading) -> tuple[bytes, bytes]:
    """The client's address, and the server's with its port, as they stand in packets."""
    key = reading.flow.key
    half = len(key) - 4 >> 1
    if reading.swapped:
        return key[half : 2 * half], key[:half] + key[-4:-2]
    return key[:half], key[half : 2 * half] + key[-2:]


_T = TypeVar("_T")


def _make_room(book: dict[bytes, _T], most: int) -> None:
    """The oldest quarter gives way when there are too many."""
    if len(book) >= most:
        for old in list(islice(book, most // 4)):
            del book[old]


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
    except (IndexError, error):
        return ()
