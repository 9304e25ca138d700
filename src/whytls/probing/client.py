"""One handshake as the client, without any I/O: bytes come in, bytes go out, and the conversation remembers what was said.

Theory of operation
-------------------
The hello is the caller's, of any shape; nothing here refuses what a real client would refuse, for what a client minds is judged
afterwards, by the causes. How far it goes is the caller's wish (``Until``):

* ``answer``: to the server's choice (ServerHello, HelloRetryRequest, alert). No key is needed, so this is what an inventory asks.
* ``flight``: to the end of the server's flight: its certificate and its request for ours.
* ``finish``: to the end of the handshake, and on to the server's first word after it.
"""

from __future__ import annotations

from typing import Literal

from whytls.capture.ladder import HEAD, MESSAGES
from whytls.model import EventKind
from whytls.probing.conversation import Conversation
from whytls.wire.framing import MAX_MESSAGE
from whytls.wire.hello import build
from whytls.wire.message import Alert, ClientHello, EncryptedRecord, ForeignBytes, MalformedMessage, PlainMessage, ServerHello, read
from whytls.wire.record import ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, SSLV2, Split, split

Until = Literal["answer", "flight", "finish"]
# How it ended. ``reached``: as far as was wanted. ``refused``: the server broke off with an alert. ``foreign``: it does not speak TLS, or
# what it speaks cannot be read. ``endless``: it had more to say than is read. What the connection does (closed, reset, silence) is added outside.
End = Literal["", "reached", "refused", "foreign", "endless", "closed", "reset", "silence"]
_ENDING_WARNINGS = frozenset((0, 90))  # close_notify, user_canceled


class Client:
    """One handshake; ``end`` is empty while it goes on."""

    def __init__(self, hello: ClientHello, conversation: Conversation, until: Until = "answer") -> None:
        self.hello, self.said, self.until = hello, conversation, until
        self.end: End = ""
        self._data = b""  # what came and is not a whole record yet
        self._pending = b""  # the beginning of a message whose rest stands in the next record
        self._suite: int | None = None
        self._first = True

    def start(self) -> bytes:
        """The ClientHello, as it goes on the wire."""
        data = build(self.hello)
        self.said.add("client-hello", "client", self.hello, len(data))
        self.said.bytes["client"] += len(data)
        return data

    def receive(self, data: bytes) -> bytes:
        """What the server sent; gives what to send now. Nothing is read once it has ended."""
        if self.end or not data:
            return b""
        self.said.bytes["server"] += len(data)
        self._data += data
        cut = split(self._data) if self._first or self._data[:1] != b"\x80" else Split([], 0, "foreign")
        for kind, _, _, start, end in cut.records:
            self._first = False
            self._record(kind, self._data[start:end])
            if self.end:
                return b""
            if self.said.full:
                self.end = "endless"
                return b""
        rest = self._data[cut.end :]
        if cut.stop in ("foreign", "overflow"):
            self._unreadable(rest, cut)
        self._data = rest
        return b""

    def _unreadable(self, rest: bytes, cut: Split) -> None:
        if cut.stop == "overflow":
            problem = f"a record announces {cut.announced} bytes; no record is longer than 18432"
            self.said.add("malformed", "server", MalformedMessage(rest[0], problem), len(rest))
        else:
            self.said.add("foreign", "server", ForeignBytes(rest[:HEAD], len(rest)), len(rest))
        self.end = "foreign"

    def _record(self, kind: int, body: bytes) -> None:
        if kind == HANDSHAKE:
            self._handshake(body)
        elif kind == ALERT and len(body) == 2:
            self._alert(Alert(body[0], body[1]))
        elif kind == CHANGE_CIPHER_SPEC:
            self.said.add("change-cipher-spec", "server", None, len(body))
        elif kind == SSLV2:
            self._sslv2(body)
        else:
            self.said.add("encrypted", "server", EncryptedRecord(kind, len(body)), len(body))

    def _alert(self, alert: Alert) -> None:
        self.said.add("alert", "server", alert, 2)
        if alert.level != 1 or alert.description in _ENDING_WARNINGS:
            self.end = "refused"

    def _sslv2(self, body: bytes) -> None:
        from whytls.wire.sslv2 import read_sslv2

        value = read_sslv2(body)
        kind: EventKind = (
            "server-hello" if isinstance(value, ServerHello) else "malformed" if isinstance(value, MalformedMessage) else "other-message"
        )
        self.said.add(kind, "server", value, len(body))
        self.end = "reached" if kind == "server-hello" else "foreign"

    def _handshake(self, body: bytes) -> None:
        data = self._pending + body
        at, size = 0, len(data)
        while size - at >= 4 and not self.end:
            number, length = data[at], int.from_bytes(data[at + 1 : at + 4], "big")
            if length > MAX_MESSAGE:
                self.said.add("malformed", "server", MalformedMessage(number, f"a handshake message of {length} bytes"), size - at)
                self.end = "foreign"
                return
            if at + 4 + length > size:
                break
            self._message(number, data[at + 4 : at + 4 + length])
            at += 4 + length
        self._pending = data[at:]

    def _message(self, number: int, body: bytes) -> None:
        value = read(number, body, self.said.version, self._suite)
        kind: EventKind = MESSAGES.get(number, "other-message")
        if isinstance(value, MalformedMessage):
            kind = "malformed"
        elif isinstance(value, ServerHello):
            kind = "hello-retry-request" if value.is_retry else "server-hello"
            self._suite = value.cipher_suite
        self.said.add(kind, "server", value, len(body) + 4)
        if kind == "malformed":
            self.end = "foreign"
        elif (
            (kind in ("server-hello", "hello-retry-request") and self.until == "answer")
            or kind == "server-hello-done"
            or (isinstance(value, PlainMessage) and number == 20)
        ):
            self.end = "reached"
