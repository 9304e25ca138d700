"""One connection's records as the client sees them: what is opened, what is sealed, what was said in the clear between the two.

The messages of both sides stand in ``messages`` one behind the other, for Finished and signatures are about just these bytes. What is
to be sent gathers in ``out``. A flight that cannot go on calls ``stop``; nothing is sent or read afterwards.
"""

from __future__ import annotations

from whytls.model import EventKind
from whytls.probing.conversation import Conversation
from whytls.probing.facts import End
from whytls.wire.message import EncryptedRecord, Message
from whytls.wire.protection import Protection
from whytls.wire.record import APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE

_MAX_FRAGMENT = 16384
_LEAST_LIMIT = 64  # RFC 8449 section 4: a smaller limit is an error, and would make a record of every byte


class Channel:
    """The two directions of one attempt."""

    def __init__(self, said: Conversation) -> None:
        self.said, self.words = said, ""
        self.end: End = ""
        self.messages = bytearray()
        self.out = bytearray()
        self.opening: Protection | None = None  # the server's direction
        self.sealing: Protection | None = None  # ours
        self.version = 0x0301  # of our records
        self.tls13 = self.changed = False  # changed: we have sent ChangeCipherSpec
        self._limit = _MAX_FRAGMENT

    def stop(self, end: End, words: str = "") -> None:
        """It ends here, the first reason counts."""
        self.end, self.words = self.end or end, self.words or words

    def limit(self, length: int) -> None:
        """No record of ours holds more than that (max_fragment_length, record_size_limit), the content type of TLS 1.3 included."""
        if length >= _LEAST_LIMIT:
            self._limit = min(self._limit, length)

    def say(self, kind: EventKind, number: int, body: bytes, value: Message) -> None:
        """A handshake message of ours."""
        message = bytes((number,)) + len(body).to_bytes(3, "big") + body
        self.messages += message
        self.said.add(kind, "client", value, len(message))
        self.put(HANDSHAKE, message)

    def change_cipher_spec(self) -> None:
        """Ours; the keys are changed by the caller."""
        self.changed = True
        self.said.add("change-cipher-spec", "client", None, 1)
        self.put(CHANGE_CIPHER_SPEC, b"\x01", plain=self.tls13)

    def put(self, content_type: int, data: bytes, plain: bool = False) -> None:
        """Seals some content into as many records as it takes."""
        step = self._limit - 1 if self.tls13 and self._limit < _MAX_FRAGMENT else self._limit
        for at in range(0, len(data), step):
            self._record(content_type, data[at : at + step], plain)

    def _record(self, content_type: int, part: bytes, plain: bool) -> None:
        outer, body = content_type, part
        if self.sealing is not None and not plain:
            outer = APPLICATION_DATA if self.tls13 else content_type
            body = self.sealing.seal(content_type, self.version, part)
        if content_type == APPLICATION_DATA:
            self.said.add("encrypted", "client", EncryptedRecord(outer, len(body)), len(body))
        record = bytes((outer,)) + self.version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body
        self.said.bytes["client"] += len(record)
        self.out += record

    def taken(self) -> bytes:
        """What is to be sent now."""
        data, self.out = bytes(self.out), bytearray()
        return data
