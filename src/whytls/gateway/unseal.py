"""Opens what TLS hides: the gateway is one end of the connection, so the secrets of the handshake are its own.

A capture shows of a TLS 1.3 handshake two hellos and lengths. Here the events of the encrypted flights are put in the place of the records that
carried them: certificates, the request for one, the alert and who sent it. Before TLS 1.3 only what follows the handshake is hidden: alerts,
and the page by which nginx refuses a client certificate. So the verdict rests on what was said and not on what it weighs, and can be
proven where that on the recording is only likely. Secrets live as long as the connection's tap and are never written.

Opening ends, and the rest stays as it was recorded, at a record that does not open: a KeyUpdate, early data, or a peer that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from whytls.capture.assemble import Reading
from whytls.capture.form import form_of
from whytls.capture.ladder import MESSAGES
from whytls.capture.tcp import ORDER, TIME, Stream
from whytls.exceptions import Malformed
from whytls.model import Event, Handshake, Side
from whytls.wire.alert import CLOSE_NOTIFY, USER_CANCELED
from whytls.wire.framing import MAX_MESSAGE
from whytls.wire.message import Alert, Certificate, CertificateRequest, EncryptedRecord, Message, read
from whytls.wire.protection import Keys, Protection, protection, protection_13, size_of
from whytls.wire.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Record, Split
from whytls.wire.registry import TLS13, is_tls13
from whytls.wire.secrets import hash_of_suite, key_block, traffic_keys

SHOWN = 512  # bytes of application data that are looked at: nginx's page that refuses a client certificate
MOST_RECORDS = 64  # of one side: flights, tickets and the first answers
_FINISHED, _ENCRYPT_THEN_MAC = 20, 22
_LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": ("client", 0), "SERVER_HANDSHAKE_TRAFFIC_SECRET": ("server", 0),
    "CLIENT_TRAFFIC_SECRET_0": ("client", 1), "SERVER_TRAFFIC_SECRET_0": ("server", 1), "CLIENT_RANDOM": ("", 0),
}  # fmt: skip


class Secrets:
    """The traffic secrets of one connection: of each side that of the handshake and the first of the data."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], bytes] = {}

    def __repr__(self) -> str:
        return f"Secrets({len(self._found)})"

    def note(self, line: bytes) -> None:
        """One line of a key log (the format of SSLKEYLOGFILE)."""
        words = line.split()
        label = _LABELS.get(words[0].decode("ascii", "replace")) if len(words) == 3 else None
        if label is not None:
            self._found[label] = bytes.fromhex(words[2].decode("ascii", "replace"))

    @property
    def master(self) -> bytes:
        """The master secret of TLS 1.2 and before; empty: there is none."""
        return self._found.get(("", 0), b"")

    def of(self, side: Side) -> list[bytes]:
        """The secrets of one side in the order in which they are used."""
        return [self._found[side, number] for number in (0, 1) if (side, number) in self._found]


def unsealed(reading: Reading, handshake: Handshake, secrets: Secrets) -> Handshake:
    """The handshake with what was encrypted in it; the same one where nothing opens."""
    sides: tuple[tuple[Side, Stream, Split | None], ...] = (
        ("client", reading.client_stream, reading.client_cut), ("server", reading.server_stream, reading.server_cut),
    )  # fmt: skip
    opened: dict[Side, _Opened] = {}
    for side, stream, cut in sides:
        keys = _keys(handshake, secrets, side)
        if cut is not None and keys:
            ended = any(event.sender == side and event.kind in ("fin", "rst") for event in handshake.events)
            opened[side] = _Opened(side, handshake.file, keys, ended)
            opened[side].read(stream, cut, modern=is_tls13(handshake.version))
    if not any(side.count for side in opened.values()):
        return handshake
    events = [event for event in handshake.events if event.kind != "encrypted" or event.sender not in opened]
    for one in opened.values():
        events += one.events
    events.sort(key=_place)  # stable: what one packet carried keeps its order
    return _made(handshake, events, opened)


def _keys(handshake: Handshake, secrets: Secrets, side: Side) -> list[Callable[[], Protection]]:
    """How the records of one side are opened: with the keys of the handshake first, then those of the data. Nothing: they are not."""
    hello, first = handshake.server_hello, handshake.client_hello
    if hello is None or first is None:
        return []
    size, algorithm = size_of(hello.cipher_suite, hello.version), hash_of_suite(hello.cipher_suite)
    if size is None:
        return []
    if is_tls13(hello.version):
        suite, length = hello.cipher_suite, size.key
        return [lambda s=secret: protection_13(suite, traffic_keys(algorithm, s, length)) for secret in secrets.of(side)]  # type: ignore[misc]
    if not secrets.master:
        return []
    whole = size.mac + size.key + size.iv
    block = key_block(hello.version, algorithm, secrets.master, first.random, hello.random, 2 * whole)
    parts = []
    at = 0
    for length in (size.mac, size.key, size.iv):  # RFC 5246 section 6.3: the client's stands before the server's, three times
        begin = at if side == "client" else at + length
        parts.append(block[begin : begin + length])
        at += 2 * length
    keys = Keys(parts[1], parts[2], parts[0])
    version, etm = hello.version, any(one.number == _ENCRYPT_THEN_MAC for one in hello.extensions)
    return [lambda: protection(hello.cipher_suite, version, keys, etm)]


class _Said(NamedTuple):
    kind: int  # the record's outer type
    version: int
    body: bytes
    first: int  # frames
    order: int
    time: int


def _behind_change(cut: Split) -> list[Record]:
    for index, record in enumerate(cut.records):
        if record.content_type == CHANGE_CIPHER_SPEC:
            return cut.records[index + 1 :]
    return []


class _Opened:
    """One direction, record by record. ``count`` records were opened."""

    def __init__(self, side: Side, file: str, keys: list[Callable[[], Protection]], ended: bool) -> None:
        self.side, self.events, self.count, self.file, self._ended = side, list[Event](), 0, file, ended
        self.chain: tuple[bytes, ...] | None = None
        self.request: CertificateRequest | None = None
        self.finished = False
        self._keys, self._pending, self._begun = keys, b"", 0
        self._protection = self._next()

    def read(self, stream: Stream, cut: Split, *, modern: bool) -> None:
        """Opens the records of a direction; before TLS 1.3 those behind its ChangeCipherSpec."""
        records = [record for record in cut.records if record.content_type == APPLICATION_DATA] if modern else _behind_change(cut)
        for record in records[:MOST_RECORDS]:
            body, packet = stream.data[record.start : record.end], stream.completing(record.offset, record.end)
            said = _Said(record.content_type, record.version, body, stream.frame_at(record.offset), packet[ORDER], packet[TIME])
            self._take(said, modern)

    def _next(self) -> Protection | None:
        return self._keys.pop(0)() if self._keys else None

    def _take(self, said: _Said, modern: bool) -> None:
        kind, content = said.kind, b""
        if self._protection is not None:
            try:
                kind, content = self._protection.open(said.kind, said.version, said.body)
                self.count += 1
            except Malformed:
                self._protection = None
        opened = self._protection is not None
        if opened and kind == HANDSHAKE and modern:
            self._messages(content, said)
        elif opened and kind == ALERT and len(content) == 2:
            self._alert(Alert(content[0], content[1]), said)
        else:
            self.finished = self.finished or kind == HANDSHAKE
            shown = content[:SHOWN] if kind == APPLICATION_DATA else b""
            self._add("encrypted", said, EncryptedRecord(said.kind, len(said.body), shown), len(said.body))

    def _alert(self, alert: Alert, said: _Said) -> None:
        if alert.description == CLOSE_NOTIFY and self.finished and self._ended:
            return  # a farewell behind the handshake tells nothing that the FIN does not, where that has come already
        level = 1 if alert.description in (CLOSE_NOTIFY, USER_CANCELED) else 2  # RFC 8446 section 6: the level means nothing
        self._add("alert", said, Alert(level, alert.description), 2)

    def _messages(self, content: bytes, said: _Said) -> None:
        if not self._pending:
            self._begun = said.first
        data = self._pending + content
        while len(data) >= 4:
            length = int.from_bytes(data[1:4], "big")
            if length > MAX_MESSAGE or len(data) < 4 + length:
                break
            self._message(data[0], data[4 : 4 + length], said._replace(first=self._begun))
            data, self._begun = data[4 + length :], said.first
        self._pending = data[: MAX_MESSAGE + 4]

    def _message(self, number: int, body: bytes, said: _Said) -> None:
        if self.finished:
            return  # tickets, KeyUpdate: behind the handshake
        value = read(number, body, TLS13, None)
        if isinstance(value, Certificate):
            self.chain = value.chain
        elif isinstance(value, CertificateRequest):
            self.request = value
        self._add(MESSAGES.get(number, "other-message"), said, value, 4 + len(body))
        if number == _FINISHED:
            self.finished = True
            self._protection = self._next()

    def _add(self, kind: str, said: _Said, value: Message, length: int) -> None:
        first = said.first if said.first != said.order else 0
        self.events.append(Event(kind, self.side, said.order, said.time, value, first, length, self.file))  # type: ignore[arg-type]


def _place(event: Event) -> tuple[int, int]:
    return event.frame, _WEIGHT.get(event.kind, 1)


_WEIGHT = {"syn": 0, "syn-ack": 0, "fin": 2, "rst": 2}


def _made(handshake: Handshake, events: list[Event], opened: dict[Side, _Opened]) -> Handshake:
    shape, state, due = form_of(events, handshake.version, not handshake.coverage.whole)
    refused = any(isinstance(event.value, Alert) and event.value.level == 2 for event in events)
    server, client = opened.get("server"), opened.get("client")
    return handshake._replace(
        events=tuple(events), shape=shape, state=state, expected=due, outcome="failed" if refused else handshake.outcome,
        server_chain=server.chain if server and server.chain is not None else handshake.server_chain,
        client_chain=client.chain if client and client.chain is not None else handshake.client_chain,
        certificate_request=server.request if server and server.request is not None else handshake.certificate_request,
    )  # fmt: skip
