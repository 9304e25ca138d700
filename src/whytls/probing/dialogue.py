"""Conversations in front of TLS, sans-IO: what ``dialects.py`` and ``proxies.py`` are written with.

A conversation is a generator (``Talk``). It yields bytes that are to be sent (none: it waits for more), is sent the bytes that came
(none: the other end closed), and returns ``Upgraded`` or ``Refused``. It may be sent bytes in any pieces. It holds at most
MOST bytes and takes at most MOST_PIECES pieces, whatever the other end does; time is kept by whoever drives it.

``_Dialogue`` is the buffer behind one: ``yield from`` its readers. They raise ``Ended``, which ``talk`` turns into the result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal, NamedTuple, TypeVar

from whytls.capture.prelude import MOST as MOST_TEXT
from whytls.capture.prelude import harmless
from whytls.wire.record import looks_like_tls

MOST = 2 * MOST_TEXT  # bytes of one conversation; a recording's prelude is read up to MOST_TEXT
MOST_PIECES = 2000  # a server that drips is left before it ends
MOST_LINES = 400
MOST_FOREIGN = 200  # bytes of another protocol that are kept

Reason = Literal[
    "refused",  # in the other end's words
    "not-offered",  # the same, and it is not among what the server lists
    "closed",
    "foreign",  # it does not speak this protocol
    "endless",
]


class Upgraded(NamedTuple):
    """TLS may begin."""

    leftover: bytes = b""  # what came behind the permission
    last: bytes = b""  # to be sent before TLS; nothing answers it
    target: str | None = None  # what a proxy was asked for, or whom a PROXY header names


class Refused(NamedTuple):
    """TLS may not begin. ``words`` are the other end's, harmless, or empty."""

    reason: Reason
    words: str = ""
    heard: bytes = b""  # the first bytes of what is foreign


Result = Upgraded | Refused
Talk = Generator[bytes, bytes | None, Result]
_Got = TypeVar("_Got")
Reading = Generator[bytes, bytes | None, _Got]


class Ended(Exception):
    """The conversation ends here, with this result."""

    def __init__(self, result: Refused) -> None:
        super().__init__(result.words)
        self.result = result


def refused(text: bytes, *, offered: bool = True) -> Ended:
    """The other end says no."""
    return Ended(Refused("refused" if offered else "not-offered", harmless(text)))


def foreign(data: bytes) -> Ended:
    """The other end speaks something else; its first words tell what."""
    words = "TLS, without being asked for it" if looks_like_tls(data) else harmless(data[:MOST_FOREIGN])
    return Ended(Refused("foreign", words, data[:MOST_FOREIGN]))


class Dialogue:
    """What came and was not read yet, and what is to be sent with the next step."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._out = b""
        self._seen = self._pieces = self._lines = 0

    def say(self, data: bytes) -> None:
        """To be sent before anything more is waited for."""
        self._out += data

    def more(self) -> Reading[None]:
        """Waits for the next piece."""
        out, self._out = self._out, b""
        data = yield out
        if not data:
            raise Ended(Refused("closed", harmless(bytes(self._buffer[:200]))))
        self._seen += len(data)
        self._pieces += 1
        if self._seen > MOST or self._pieces > MOST_PIECES:
            raise Ended(Refused("endless", harmless(bytes(self._buffer[:200] or data[:200]))))
        self._buffer += data

    def peek(self, count: int) -> Reading[bytes]:
        """The next bytes, which stay where they are."""
        while len(self._buffer) < count:
            yield from self.more()
        return bytes(self._buffer[:count])

    def exactly(self, count: int) -> Reading[bytes]:
        """The next bytes."""
        data = yield from self.peek(count)
        del self._buffer[:count]
        return data

    def until(self, mark: bytes) -> Reading[bytes]:
        """Everything up to and with this mark."""
        begin = 0
        while (found := self._buffer.find(mark, begin)) < 0:
            begin = max(len(self._buffer) - len(mark) + 1, 0)
            yield from self.more()
        return (yield from self.exactly(found + len(mark)))

    def line(self) -> Reading[bytes]:
        """The next line, without its end. Lines that begin like TLS or are no text end the conversation."""
        self._lines += 1
        if self._lines > MOST_LINES:
            raise Ended(Refused("endless", harmless(bytes(self._buffer[:200]))))
        first = (yield from self.peek(1))[0]
        if first < 9 or 0x0E <= first < 0x20 or first >= 0x80:
            raise foreign(bytes(self._buffer))
        return (yield from self.until(b"\n")).rstrip(b"\r\n")

    def held(self) -> bytes:
        """All that came and was not read; it is read by this."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


def talk(steps: Callable[[Dialogue], Reading[Upgraded]]) -> Talk:
    """A conversation from a function of its dialogue: what is left in the buffer and what is still to be said go into the result."""
    dialogue = Dialogue()
    try:
        result = yield from steps(dialogue)
    except Ended as ended:
        return ended.result
    return result._replace(leftover=result.leftover + dialogue.held(), last=dialogue._out + result.last)
