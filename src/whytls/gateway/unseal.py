"""Opens what TLS 1.3 hides: the gateway is one end of the connection, so the secrets of the handshake are its own.

A capture shows of a TLS 1.3 handshake two hellos and lengths. Here the events of the encrypted flights are put in the place of the records that
carried them: certificates, the request for one, the alert and who sent it. So the verdict rests on what was said and not on what it
weighs, and can be proven where that on the recording is only likely. Secrets live as long as the connection's tap and are never written.

Opening ends, and the rest stays as it was recorded, at a record that does not open: a KeyUpdate, early data, or a peer that is wrong.
"""

from __future__ import annotations

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
from whytls.wire.protection import Protection, protection_13, size_of
from whytls.wire.record import ALERT, APPLICATION_DATA, HANDSHAKE, Split
from whytls.wire.registry import TLS13, is_tls13
from whytls.wire.secrets import hash_of_suite, traffic_keys

MOST_RECORDS = 64  # of one side: flights, tickets and the first answers
_FINISHED = 20
_LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": ("client", 0), "SERVER_HANDSHAKE_TRAFFIC_SECRET": ("server", 0),
    "CLIENT_TRAFFIC_SECRET_0": ("client", 1), "SERVER_TRAFFIC_SECRET_0": ("server", 1),
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

    def of(self, side: Side) -> list[bytes]:
        """The secrets of one side in the order in which they are used."""
        return [self._found[side, number] for number in (0, 1) if (side, number) in self._found]


def unsealed(reading: Reading, handshake: Handshake, secrets: Secrets) -> Handshake:
    """The handshake with what was encrypted in it; the same one where it is not TLS 1.3 or nothing opens."""
    hello = handshake.server_hello
    if hello is None or not is_tls13(hello.version) or size_of(hello.cipher_suite, TLS13) is None:
        return handshake
    sides: tuple[tuple[Side, Stream, Split | None], ...] = (
        ("client", reading.client_stream, reading.client_cut), ("server", reading.server_stream, reading.server_cut),
    )  # fmt: skip
    opened = {side: _Opened(side, stream, cut, hello.cipher_suite, secrets.of(side), handshake.file) for side, stream, cut in sides if cut}
    if not any(side.count for side in opened.values()):
        return handshake
    events = [event for event in handshake.events if event.kind != "encrypted" or event.sender not in opened]
    for side in opened.values():
        events += side.events
    events.sort(key=_place)  # stable: what one packet carried keeps its order
    return _made(handshake, events, opened)


class _Said(NamedTuple):
    kind: int
    body: bytes
    first: int  # frames
    order: int
    time: int


class _Opened:
    """One direction, record by record. ``count`` records were opened."""

    def __init__(self, side: Side, stream: Stream, cut: Split, suite: int, secrets: list[bytes], file: str) -> None:
        self.side, self.events, self.count, self.file = side, list[Event](), 0, file
        self.chain: tuple[bytes, ...] | None = None
        self.request: CertificateRequest | None = None
        self.finished = False
        self._suite, self._secrets, self._pending, self._begun = suite, secrets, b"", 0
        self._protection = self._next()
        for record in [record for record in cut.records if record.content_type == APPLICATION_DATA][:MOST_RECORDS]:
            body = stream.data[record.start : record.end]
            packet = stream.completing(record.offset, record.end)
            self._take(_Said(record.version, body, stream.frame_at(record.offset), packet[ORDER], packet[TIME]))

    def _next(self) -> Protection | None:
        if not self._secrets:
            return None
        size, algorithm = size_of(self._suite, TLS13), hash_of_suite(self._suite)
        assert size is not None  # noqa: S101 -- unsealed() asked
        return protection_13(self._suite, traffic_keys(algorithm, self._secrets.pop(0), size.key))

    def _take(self, said: _Said) -> None:
        if self._protection is None:
            self._add("encrypted", said, EncryptedRecord(APPLICATION_DATA, len(said.body)), len(said.body))
            return
        try:
            kind, content = self._protection.open(APPLICATION_DATA, said.kind, said.body)
        except Malformed:
            self._protection = None
            self._add("encrypted", said, EncryptedRecord(APPLICATION_DATA, len(said.body)), len(said.body))
            return
        self.count += 1
        if kind == HANDSHAKE:
            self._messages(content, said)
        elif kind == ALERT and len(content) == 2:
            self._alert(Alert(content[0], content[1]), said)
        else:
            self._add("encrypted", said, EncryptedRecord(APPLICATION_DATA, len(said.body)), len(said.body))

    def _alert(self, alert: Alert, said: _Said) -> None:
        if alert.description == CLOSE_NOTIFY and self.finished:
            return  # a farewell behind the handshake tells nothing that the FIN does not
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
