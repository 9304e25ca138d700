"""HTTP/1.1 messages on a channel, both ways (RFC 9112): heads as values, bodies in pieces, trailers kept.

llhttp, Node's parser, reads (through ``httptools``); what it refuses is refused here: two lengths, a length beside chunks, folded
headers, bare line feeds. Writing is short enough to stand here. Bytes behind one message are the next one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import httptools

from whytls.gateway.channel import Broken, Channel

MOST_HEAD = 32 << 10  # bytes of a head, and of trailers
MOST_FIELDS = 256
_STEP = 64 << 10

Fields = list[tuple[bytes, bytes]]

# RFC 9110 section 7.6.1, and what older software means hop by hop
HOP_BY_HOP = frozenset((
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"proxy-authenticate", b"proxy-authorization",
    b"trailer", b"http2-settings",
))  # fmt: skip


class BadMessage(Exception):
    """What came is no HTTP/1.1 message, or larger than one may be."""

    def __init__(self, words: str, *, too_large: bool = False) -> None:
        super().__init__(words)
        self.too_large = too_large


class Head(NamedTuple):
    """What stands in front of a body. Names of fields are lower case."""

    method: bytes  # of a request
    target: bytes  # of a request
    status: int  # of a response
    reason: bytes
    version: str  # "1.0", "1.1"
    fields: Fields
    keep_alive: bool
    length: int | None  # of the body; None: chunked, until the end of the connection, or none
    chunked: bool

    def first(self, name: bytes) -> bytes | None:
        """The first field of that name."""
        for key, value in self.fields:
            if key == name:
                return value
        return None


class Messages:
    """The messages that come in on a channel, requests or responses."""

    def __init__(self, channel: Channel, *, responses: bool) -> None:
        self.channel, self._responses = channel, responses
        self.trailers: Fields = []
        self._told: deque[Head | bytes | Fields] = deque()  # fields: the trailers, and with them the end of a message
        self._fresh()

    def _fresh(self) -> None:
        self._parser = httptools.HttpResponseParser(self) if self._responses else httptools.HttpRequestParser(self)
        self._fields: Fields = []
        self._target = self._reason = b""
        self._in_body, self._head_size, self._unfinished = False, 0, 0
        self._until_end = self._begun = False

    # ------------------------------------------------------------------ what llhttp calls

    def on_message_begin(self) -> None:
        """A message begins."""
        self._fields, self._target, self._reason, self._in_body, self._begun = [], b"", b"", False, True
        self._head_size = self._unfinished = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self._target += url
        self._grown(len(url))

    def on_status(self, status: bytes) -> None:
        """A part of the reason phrase."""
        self._reason += status
        self._grown(len(status))

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """A field of the head; behind the body, of the trailers."""
        self._fields.append((name.lower(), value or b""))
        self._grown(len(name) + len(value or b""))

    def _grown(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MOST_HEAD or len(self._fields) > MOST_FIELDS:
            raise BadMessage("the head is too large", too_large=True)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        parser, fields = self._parser, self._fields
        length, chunked = None, False
        for name, value in fields:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = value.lower().endswith(b"chunked")
        responding, method, status = isinstance(parser, httptools.HttpResponseParser), b"", 0
        if isinstance(parser, httptools.HttpResponseParser):
            status = parser.get_status_code()
        else:
            method = parser.get_method()
        version, keeps = parser.get_http_version(), parser.should_keep_alive()
        self._until_end = responding and length is None and not chunked and status not in (204, 304) and status >= 200
        head = Head(method, self._target, status, self._reason, version, fields, keeps, None if chunked else length, chunked)
        self._told.append(head)
        self._fields, self._in_body, self._head_size = [], True, 0

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._told.append(body)

    def on_message_complete(self) -> None:
        """The message is whole."""
        self._told.append(self._fields if self._in_body else [])
        self._begun = self._until_end = False

    # ------------------------------------------------------------------ what others ask

    @property
    def begun(self) -> bool:
        """Whether a message began that is not whole."""
        return self._begun or bool(self._told)

    async def head(self) -> Head | None:
        """The next message's head; None: the peer closed where no message had begun.

        Raises:
            BadMessage: it is none.
            Broken: the connection broke, or ended inside of it.
        """
        while True:
            while self._told:
                found = self._told.popleft()
                if isinstance(found, Head):
                    self.trailers = []
                    return found
            if not await self._feed():
                if self._begun:
                    raise Broken("closed", "Unexpected EOF")
                return None

    async def piece(self) -> bytes:
        """The next piece of the body; nothing at its end.

        Raises:
            BadMessage: its framing is wrong.
            Broken: the connection broke, or ended inside of it.
        """
        while True:
            while self._told:
                found = self._told[0]
                if isinstance(found, Head):
                    return b""
                self._told.popleft()
                if isinstance(found, list):
                    self.trailers = found
                    return b""
                if found:
                    return found
            if not await self._feed():
                if self._until_end:
                    self._fresh()
                    return b""
                raise Broken("closed", "Unexpected EOF")

    def bodiless(self) -> None:
        """The message whose head was read has no body, whatever its fields say (the response to HEAD)."""
        self._told.clear()
        self._fresh()

    async def _feed(self) -> bool:
        data = await self.channel.read()
        if not data:
            return False
        if len(data) > _STEP:
            self.channel.unread(data[_STEP:])
            data = data[:_STEP]
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # nobody here upgrades (RFC 9110 section 7.8): what follows is the next message
            head = next((told for told in reversed(self._told) if isinstance(told, Head)), None)
            if head is None or head.method == b"CONNECT" or head.length or head.chunked:  # llhttp leaves its body unread
                raise BadMessage("a tunnel, or an upgrade with a body") from None
            self._fresh()
            self.channel.unread(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            raise (error.__context__ if isinstance(error.__context__, BadMessage) else BadMessage(str(error))) from None
        except httptools.HttpParserError as error:
            raise BadMessage(str(error)) from None
        if self._begun and not self._in_body:  # llhttp hands a field on when it is whole, and one can be without end
            self._unfinished += len(data)
            if self._unfinished > MOST_HEAD:
                raise BadMessage("the head is too large", too_large=True)
        return True


def request_head(method: bytes, target: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A request's head as bytes."""
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, b"".join([b"%b: %b\r\n" % field for field in fields]))


def response_head(status: int, reason: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A response's head as bytes."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, b"".join([b"%b: %b\r\n" % field for field in fields]))


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % field for field in trailers])


def end_to_end(fields: Fields) -> Fields:
    """The fields that are passed on: none that is meant for one connection (RFC 9110 section 7.6.1)."""
    named = {word.strip().lower() for name, value in fields if name == b"connection" for word in value.split(b",")}
    return [field for field in fields if field[0] not in HOP_BY_HOP and field[0] not in named]
