"""One handshake as the client, without any I/O: bytes come in, bytes go out, and the conversation remembers what was said.

Theory of operation
-------------------
The hello is the caller's, of any shape; nothing here refuses what a real client would refuse, for what a client minds is judged
afterwards, by the causes. How far it goes is the caller's wish (``Until``):

* ``answer``: to the server's choice (ServerHello, HelloRetryRequest, alert). No key is needed, so this is what an inventory asks.
* ``flight``: to the end of the server's flight: its certificate and its request for ours. In TLS 1.3 it is opened, with keys of ours in place
  of the hello's key shares; a HelloRetryRequest is followed.
* ``session``: to the end of the handshake and, where the server has the last word in it (not in TLS 1.3), no further: there is a session.
* ``finish``: to the end of the handshake, and on to the server's first word after it, or to its answer to a request.

Here records become messages, and both become events. What a message means for the keys is told by the flights, one for TLS 1.3
(``flight13.py``) and one for all before (``flight12.py``), which are imported with the cryptography they need when a ServerHello calls for them.

Our own farewell is no event: it tells nothing of the server, and read as a client's it would be a refusal.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from whytls.capture.ladder import HEAD, MESSAGES
from whytls.exceptions import Malformed
from whytls.model import EventKind
from whytls.probing.channel import Channel
from whytls.probing.conversation import Conversation
from whytls.probing.facts import NOTHING_PROVED, End, Identity, Proofs, Resume, Until
from whytls.wire.cursor import Cursor
from whytls.wire.framing import MAX_MESSAGE
from whytls.wire.hello import build, in_records, message_body, whole_message, with_extension
from whytls.wire.message import Alert, ClientHello, EncryptedRecord, ForeignBytes, MalformedMessage, Message, PlainMessage, ServerHello, read
from whytls.wire.record import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, SSLV2, Record, Split, split
from whytls.wire.registry import is_tls13

if TYPE_CHECKING:
    from whytls.probing.shares import Shares

MOST_APPLICATION = 16384  # bytes of the server's answer that are kept
_MOST_WINDOW = 1 << 23  # bytes of memory that a frame of zstd can ask for (RFC 8878 section 3.1.1.1.2)
_SHOWN = 512  # bytes of each of its records that the event shows
_ENDING_WARNINGS = frozenset((0, 90))  # close_notify, user_canceled
_CLOSE_NOTIFY = b"\x01\0"
_COOKIE, _EARLY_DATA, _KEY_SHARE = 44, 42, 51


class Flight(Protocol):
    """What follows a ServerHello (flight12.py, flight13.py)."""

    proofs: Proofs
    resume: Resume | None
    settled: bool  # both sides are finished, as far as the client can tell

    def message(self, number: int, body: bytes, value: Message) -> None:
        """A message of the server."""

    def changed(self) -> None:
        """Its ChangeCipherSpec."""


class Client:
    """One handshake; ``end`` is empty while it goes on."""

    def __init__(
        self, hello: ClientHello, conversation: Conversation, until: Until = "answer", *,
        shares: Shares | None = None, identity: Identity | None = None, request: bytes = b"", resume: Resume | None = None,
    ) -> None:  # fmt: skip
        self.hello, self.said, self.until = hello, conversation, until
        self.application = bytearray()
        self.heard = False  # the server said something after the handshake that is no farewell
        self._identity, self._request, self._resume = identity, request, resume
        self._shares = shares
        self._channel = Channel(conversation)
        self._flight: Flight | None = None
        self._data = b""  # what came and is not a whole record yet
        self._pending = bytearray()  # the beginning of a message whose rest stands in the next record
        self._suite: int | None = None
        self._first = True

    # -------------------------------------------------------------- what others ask

    @property
    def end(self) -> End:
        """How it ended; empty while it goes on."""
        return self._channel.end

    @end.setter
    def end(self, end: End) -> None:
        self._channel.end = end

    @property
    def words(self) -> str:
        """Why it could not go on, where the end alone does not tell."""
        return self._channel.words

    @property
    def settled(self) -> bool:
        """Whether both sides are finished."""
        return self._flight is not None and self._flight.settled

    @property
    def patient(self) -> bool:
        """Whether nothing more is due: what the server says now, it says of its own accord, and silence is no failure."""
        return self.settled and (not self._request or bool(self.application))

    @property
    def proofs(self) -> Proofs:
        """What the server proved."""
        return self._flight.proofs if self._flight else NOTHING_PROVED

    @property
    def resume(self) -> Resume | None:
        """What the next attempt can resume."""
        return self._flight.resume if self._flight else None

    # -------------------------------------------------------------- bytes

    def start(self) -> bytes:
        """The ClientHello, as it goes on the wire."""
        if self.until != "answer" and not self.hello.sslv2 and self._shares is None:
            from whytls.probing.shares import own_shares

            self.hello, self._shares = own_shares(self.hello)
        if self._resume is not None:
            from whytls.probing.resumption import resuming

            self.hello = resuming(self.hello, self._resume)
        return self._said_hello(0)

    def _said_hello(self, version: int) -> bytes:
        if self.hello.sslv2:
            data = build(self.hello)
            message = data[2:]  # RFC 5246 appendix E.2: without its length
        else:
            message = whole_message(self.hello)
            data = in_records(message, self.hello, version)
        self._channel.messages += message
        self.said.add("client-hello", "client", _without_grease(self.hello), len(data))
        self.said.bytes["client"] += len(data)
        return data

    def receive(self, data: bytes) -> bytes:
        """What the server sent; gives what to send now. Nothing is read once it has ended."""
        if self.end or not data:
            return b""
        self.said.bytes["server"] += len(data)
        self._data += data
        cut = split(self._data) if self._first or self._data[:1] != b"\x80" else Split([], 0, "foreign")
        for record in cut.records:
            self._first = False
            self._record(record, self._data[record.start : record.end])
            if self.said.full and not self.end:
                self.overwhelmed(record.content_type)
            if self.end:
                return b""
        rest = self._data[cut.end :]
        if cut.stop in ("foreign", "overflow"):
            self._unreadable(rest, cut)
        self._data = rest
        return self._channel.taken()

    def overwhelmed(self, content_type: int = APPLICATION_DATA) -> None:
        """It says more than is read, and comes no further."""
        if not self.settled:
            said = f"{self.said.bytes['server']} bytes in {len(self.said.events)} events, and no end"
            self.said.add("malformed", "server", MalformedMessage(content_type, said))
        self._channel.stop("endless")

    def farewell(self) -> bytes:
        """What to send before the connection is closed: close_notify, where the handshake was finished."""
        if not self.settled or self._channel.sealing is None:
            return b""
        self._channel.taken()
        self._channel.put(ALERT, _CLOSE_NOTIFY)
        return self._channel.taken()

    def given_up(self) -> None:
        """The wait for the server is over. One that began a record and did not end it was not silent."""
        if not self.end and not self.patient and self._data:
            came = len(self._data)
            self.said.add("malformed", "server", MalformedMessage(self._data[0], f"a record of which only {came} bytes came"), came)
        self.end = self.end or ("reached" if self.patient else "silence")

    def _unreadable(self, rest: bytes, cut: Split) -> None:
        if cut.stop == "overflow":
            problem = f"a record announces {cut.announced} bytes; no record is longer than 18432"
            self.said.add("malformed", "server", MalformedMessage(rest[0], problem), len(rest))
        else:
            self.said.add("foreign", "server", ForeignBytes(rest[:HEAD], len(rest)), len(rest))
        self._channel.stop("foreign")

    # -------------------------------------------------------------- records

    def _record(self, record: Record, body: bytes) -> None:
        kind = record.content_type
        opening = self._channel.opening
        if opening is not None and not self._in_the_clear(kind, body):
            try:
                kind, body = opening.open(kind, record.version, body)
            except Malformed as error:
                self.said.add("encrypted", "server", EncryptedRecord(record.content_type, len(body)), len(body))
                self._malformed(record.content_type, error)
                return
            if kind == APPLICATION_DATA:
                self._data_of_server(body, record)
                return
        if not body and kind in (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE):  # RFC 5246 section 6.2.1: and a stream of them would have no end
            self._malformed(kind, Malformed("an empty record"))
            return
        self._content(kind, body)

    def _in_the_clear(self, kind: int, body: bytes) -> bool:
        """In TLS 1.3 ChangeCipherSpec always is (RFC 8446 section 5); so is an alert of a server that has lost its keys."""
        return self._channel.tls13 and (kind == CHANGE_CIPHER_SPEC or (kind == ALERT and len(body) == 2))

    def _content(self, kind: int, body: bytes) -> None:
        if kind == HANDSHAKE:
            self._handshake(body)
        elif kind == ALERT and len(body) == 2:
            self._alert(Alert(body[0], body[1]))
        elif kind == CHANGE_CIPHER_SPEC:
            self.said.add("change-cipher-spec", "server", None, len(body))
            if self._flight is not None:
                self._told(self._flight.changed, kind)
            elif self.until == "flight" and not self._channel.tls13:
                self._channel.stop("reached")  # a session is resumed: there is no more to its flight
        elif kind == SSLV2:
            self._sslv2(body)
        else:
            self.said.add("encrypted", "server", EncryptedRecord(kind, len(body)), len(body))

    def _data_of_server(self, data: bytes, record: Record) -> None:
        self.said.add("encrypted", "server", EncryptedRecord(record.content_type, record.length, data[:_SHOWN]), record.length)
        self.heard = self.heard or self.settled
        self.application += data[: MOST_APPLICATION - len(self.application)]
        if self.settled and (not self._request or len(self.application) >= MOST_APPLICATION):
            self._channel.stop("reached")

    def _alert(self, alert: Alert) -> None:
        self.said.add("alert", "server", alert, 2)
        if self.settled and alert.description in _ENDING_WARNINGS:
            if alert.description == 0:  # JSSE says user_canceled first, and means nothing by it
                self._channel.stop("reached" if self.application else "closed")
        elif alert.level != 1 or alert.description in _ENDING_WARNINGS:
            self._channel.stop("refused")

    def _sslv2(self, body: bytes) -> None:
        from whytls.wire.sslv2 import read_sslv2

        value = read_sslv2(body)
        kind: EventKind = (
            "server-hello" if isinstance(value, ServerHello) else "malformed" if isinstance(value, MalformedMessage) else "other-message"
        )
        self.said.add(kind, "server", value, len(body))
        self._channel.stop("reached" if kind == "server-hello" else "foreign")

    def _malformed(self, number: int, error: Malformed) -> None:
        self.said.add("malformed", "server", MalformedMessage(number, error.problem, error.offset or 0))
        self._channel.stop("foreign", error.problem)

    # -------------------------------------------------------------- messages

    def _handshake(self, body: bytes) -> None:
        self._pending += body
        at, data = 0, self._pending
        while len(data) - at >= 4 and not self.end:
            number, length = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
            if length > MAX_MESSAGE:
                self.said.add("malformed", "server", MalformedMessage(number, f"a handshake message of {length} bytes"), len(data) - at)
                self._channel.stop("foreign")
                return
            if at + 4 + length > len(data):
                break
            self._message(number, bytes(data[at + 4 : at + 4 + length]))
            at += 4 + length
        del data[:at]

    def _message(self, number: int, body: bytes) -> None:
        plain = _decompressed(body) if number == 25 else None
        value = read(11, plain, self.said.version, self._suite) if plain is not None else read(number, body, self.said.version, self._suite)
        kind: EventKind = MESSAGES.get(11 if plain is not None else number, "other-message")
        if isinstance(value, MalformedMessage):
            kind = "malformed"
        elif isinstance(value, ServerHello):
            kind = "hello-retry-request" if value.is_retry else "server-hello"
            self._suite = value.cipher_suite
        self.said.add(kind, "server", value, len(body) + 4)
        if kind == "malformed":
            self._channel.stop("foreign")
        elif isinstance(value, ServerHello) and self.until == "answer":
            self._channel.stop("reached")
        else:
            self._followed(number, body, value)

    def _followed(self, number: int, body: bytes, value: Message) -> None:
        """What the message changes, and whether that is far enough."""
        if number != 0:  # HelloRequest is in no transcript (RFC 5246 section 7.4.1.1)
            self._channel.messages += bytes((number,)) + len(body).to_bytes(3, "big") + body
        if isinstance(value, ServerHello):
            self._told(lambda: self._retried(value) if value.is_retry else self._chosen(value), number)
        elif self._flight is not None:
            flight, was_settled = self._flight, self.settled
            self._told(lambda: flight.message(number, body, value), number)
            if self.settled and not was_settled:
                if self._request:
                    self._channel.put(APPLICATION_DATA, self._request)
                elif self.until == "session" and not self._channel.out:
                    self._channel.stop("reached")  # the last word was the server's
            elif was_settled:
                self.heard = True
                if not self._request:
                    self._channel.stop("reached")  # its first word: a ticket, an update of keys, a wish to begin again
        elif number == 14 or (isinstance(value, PlainMessage) and number == 20):
            self._channel.stop("reached")

    def _told(self, step: Callable[[], None], number: int) -> None:
        """A step of a flight; what cannot be gone on with ends the attempt."""
        try:
            step()
        except Malformed as error:
            self._malformed(number, error)

    def _chosen(self, answer: ServerHello) -> None:
        channel = self._channel
        if self._flight is not None:
            raise Malformed("a second ServerHello")
        channel.version = min(answer.version, 0x0303)
        if is_tls13(answer.version):
            from whytls.probing.flight13 import Flight13

            channel.version, channel.tls13 = 0x0303, True
            self._flight = Flight13(channel, self.hello, answer, self._shares or {}, self.until, self._identity, self._resume)
        elif self.until in ("session", "finish"):
            from whytls.probing.flight12 import Flight12

            self._flight = Flight12(channel, self.hello, answer, self._identity, self._resume)

    def _retried(self, retry: ServerHello) -> None:
        """The second hello (RFC 8446 section 4.1.2): the share that was asked for, the cookie, no early data."""
        from whytls.probing.shares import one_share
        from whytls.wire.secrets import after_retry, hash_of_suite

        channel = self._channel
        if self.said.retried_hello is not None or self._flight is not None:
            raise Malformed("a second HelloRetryRequest")  # RFC 8446 section 4.1.4
        if self.hello.sslv2:
            raise Malformed("a HelloRetryRequest to a hello in SSLv2's form, which offers no TLS 1.3")
        length = len(message_body(self.hello)) + 4
        first, request = bytes(channel.messages[:length]), bytes(channel.messages[length:])
        hello = with_extension(self.hello, _EARLY_DATA, None)._replace(early_data=False)
        asked = next((e.body for e in retry.extensions if e.number == _KEY_SHARE), None)
        if asked is not None:
            hello, self._shares = one_share(hello, Cursor(asked).u16("selected_group"))
        cookie = next((e.body for e in retry.extensions if e.number == _COOKIE), None)
        if cookie is not None:
            hello = with_extension(hello, _COOKIE, cookie)._replace(cookie=True)
        if self._resume is not None:
            from whytls.probing.resumption import resuming

            hello = resuming(hello, self._resume, first, request)
        self.hello = hello
        channel.version, channel.tls13 = 0x0303, True
        channel.messages[:] = after_retry(hash_of_suite(retry.cipher_suite), first) + request
        if hello.session_id:
            channel.change_cipher_spec()
        channel.out += self._said_hello(0x0303)


def _without_grease(hello: ClientHello) -> ClientHello:
    """The hello as it would be read."""
    if not hello.greased:
        return hello
    value = read(1, message_body(hello))
    return value if isinstance(value, ClientHello) else hello


def _decompressed(body: bytes) -> bytes | None:
    """The Certificate message in a CompressedCertificate (RFC 8879), or None where it cannot be had."""
    try:
        at = Cursor(body)
        algorithm, length, data = at.u16("algorithm"), at.u24("uncompressed_length"), at.vector(3, "compressed_certificate_message")
        if length > MAX_MESSAGE:
            return None
        if algorithm == 1:
            found = zlib.decompressobj().decompress(data, length)
        elif algorithm == 3:
            import zstandard

            with zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).stream_reader(data) as reader:
                found = reader.read(length)
        else:
            return None
    except (Malformed, zlib.error):
        return None
    except Exception as error:  # zstandard's own, which is imported only here
        if type(error).__module__.startswith("zstandard"):
            return None
        raise
    return found if len(found) == length else None
