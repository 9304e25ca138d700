"""One glance at a flow: did its handshake plainly complete, and does it tell anything new about its server?

On a busy server nearly all handshakes complete, and each is like the last. Building a Handshake of each would cost more than all the
rest, so a few bytes are looked at instead: record headers, the ServerHello without its random parts, the server name.
The glance is strict: whatever is out of the ordinary is left to the long road.
"""

from __future__ import annotations

from itertools import islice
from struct import Struct, error
from typing import TYPE_CHECKING

from whytls.capture.outcome import ALERT_SIZES, SHORT_ANSWER
from whytls.capture.tcp import LENGTH, ORDER
from whytls.wire.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Split

if TYPE_CHECKING:
    from whytls.capture.assemble import Reading

MOST_SERVERS = 20_000
MOST_OF_A_SERVER = 48  # distinct handshakes of one server; inference/profile.py keeps no more
_PAIR = Struct(">HH").unpack_from
SERVER_NAME, SUPPORTED_VERSIONS, KEY_SHARE = 0, 43, 51


def plainly_completed(reading: Reading) -> bool:
    """Whether both sides finished and then talked: more than a short answer, nothing odd before it."""
    flow = reading.flow
    if flow.midway or flow.evicted or not (flow.first.orderly and flow.second.orderly):
        return False
    a, b = reading.client_stream, reading.server_stream
    if b.reach <= SHORT_ANSWER or not a.pieces:
        return False
    client, server = reading.client_cut, reading.server_cut
    if client is None or server is None:
        return False
    if client.stop not in ("", "incomplete") or server.stop not in ("", "incomplete"):
        return False
    if not client.records or not server.records or server.records[0].content_type != HANDSHAKE:
        return False
    begun = _begun(client)
    if begun is None:
        return False
    if begun[0] == HANDSHAKE:
        return _finished_classic(server) and _talked(reading, begun[1], server)
    if not server.records[1:] or server.records[-1].content_type != APPLICATION_DATA:
        return False
    return begun[2] not in ALERT_SIZES and _talked(reading, begun[1], server)


def _begun(client: Split) -> tuple[int, int, int] | None:
    """The client's first encrypted record behind its ChangeCipherSpec: type, offset, length. None if anything is odd before it."""
    changed = False
    for kind, _, offset, start, end in client.records:
        if kind == CHANGE_CIPHER_SPEC:
            changed = True
        elif kind == ALERT and not changed:
            return None
        elif changed and kind in (HANDSHAKE, APPLICATION_DATA):
            if kind == HANDSHAKE and end - start > 100:  # a second ClientHello behind a ChangeCipherSpec, as after a retry
                return None
            return kind, offset, end - start
        elif kind == ALERT and end - start == 2:
            return None
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


def _talked(reading: Reading, flight_at: int, server: Split) -> bool:
    """Whether the server sent more than a short answer behind the client's flight."""
    flight = reading.client_stream.frame_at(flight_at)
    lane = reading.server_stream
    at = 0
    for packet in reading.packets[1]:
        if packet[ORDER] > flight:
            break
        at += packet[LENGTH]
    return lane.reach - at > SHORT_ANSWER


class Book:
    """Which handshakes of which servers have been seen: a bounded number of each."""

    def __init__(self) -> None:
        self._servers: dict[bytes, set[int]] = {}

    def is_new(self, reading: Reading) -> bool:
        """Whether this one tells something new; from now on it does not."""
        key = reading.flow.key
        half = len(key) - 4 >> 1
        server, client = key[half : 2 * half] + key[-2:], key[:half]
        if reading.swapped:
            server, client = key[:half] + key[-4:-2], key[half : 2 * half]
        known = self._servers.get(server)
        if known is None:
            if len(self._servers) >= MOST_SERVERS:
                for old in list(islice(self._servers, MOST_SERVERS // 4)):
                    del self._servers[old]
            known = self._servers[server] = set()
        if len(known) >= MOST_OF_A_SERVER:
            return False
        mark = hash((client, _name_of(reading), _answer_of(reading)))
        if mark in known:
            return False
        known.add(mark)
        return True


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
