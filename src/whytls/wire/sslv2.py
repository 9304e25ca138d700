"""SSLv2 as far as it is still met: its CLIENT-HELLO in front of a TLS handshake (RFC 5246 appendix E.2), and a server that
answers in SSLv2. Recognises their records by lengths that must add up, and reads both hellos.
"""

from __future__ import annotations

from whytls.exceptions import Malformed
from whytls.wire.cursor import Cursor
from whytls.wire.value import ClientHello, MalformedMessage, Message, PlainMessage, ServerHello

ERROR, CLIENT_HELLO, SERVER_HELLO = 0, 1, 4


def first_record(data: bytes, at: int = 0) -> tuple[int, int, int] | None:
    """(version, start, end of the body) of the SSLv2 record at ``at`` if it is a CLIENT-HELLO, SERVER-HELLO or ERROR whose
    lengths add up. The data can end before the body does. ``version`` is what a CLIENT-HELLO offers, else 2.
    """
    if len(data) - at < 3:
        return None
    length, start, padding = header(data, at)
    head = data[start : start + 11]
    if not head or padding or data[at] & 0xC0 == 0x40:  # the second bit is an escape that never came into use
        return None
    check = _FIRST.get(head[0])
    version = check(head, length) if check else None
    return None if version is None else (version, start, start + length)


def header(data: bytes, at: int) -> tuple[int, int, int]:
    """(length of the body, where it starts, length of the padding) of the SSLv2 record at ``at``, which has three bytes."""
    if data[at] & 0x80:
        return (data[at] & 0x7F) << 8 | data[at + 1], at + 2, 0
    return (data[at] & 0x3F) << 8 | data[at + 1], at + 3, data[at + 2]


def _client_hello_version(head: bytes, length: int) -> int | None:
    if len(head) < 9:
        return None
    version, suites, session, challenge = (head[i] << 8 | head[i + 1] for i in (1, 3, 5, 7))
    if version != 2 and not 0x0300 <= version <= 0x0304:
        return None
    fits = suites and suites % 3 == 0 and session in (0, 16) and 16 <= challenge <= 32
    return version if fits and length == 9 + suites + session + challenge else None


def _server_hello_version(head: bytes, length: int) -> int | None:
    if len(head) < 11:
        return None
    version, certificate, suites, connection = (head[i] << 8 | head[i + 1] for i in (3, 5, 7, 9))
    fits = version == 2 and head[1] <= 1 and suites % 3 == 0 and length == 11 + certificate + suites + connection
    return 2 if fits else None


def _error_version(head: bytes, length: int) -> int | None:
    return 2 if length == 3 and head[1:3] in (b"\0\1", b"\0\2", b"\0\4", b"\0\6") else None


_FIRST = {ERROR: _error_version, CLIENT_HELLO: _client_hello_version, SERVER_HELLO: _server_hello_version}


def read_sslv2(body: bytes) -> Message:
    """The message in the body of an SSLv2 record: a ClientHello with ``sslv2`` set, a ServerHello of version 2, or its type."""
    if not body:
        return MalformedMessage(0, "an SSLv2 record without a message")
    try:
        if body[0] == CLIENT_HELLO:
            return _client_hello(body)
        if body[0] == SERVER_HELLO:
            return _server_hello(body)
    except Malformed as error:
        return MalformedMessage(body[0], error.problem, error.offset or 0)
    return PlainMessage(body[0], len(body))


def _client_hello(body: bytes) -> ClientHello:
    at = Cursor(body, 1)
    version, size, session, challenge = at.u16("version"), at.u16("lengths"), at.u16("lengths"), at.u16("lengths")
    suites = _kinds(at.take(size - size % 3, "cipher_specs"))
    at.take(size % 3, "cipher_specs")
    session_id, random = at.take(session, "session_id"), at.take(challenge, "challenge")
    problem = f"{at.left} bytes behind the challenge" if at.left else None
    if size % 3:
        problem = f"cipher_specs has {size} bytes, not a multiple of 3"
    return ClientHello(
        version, random, session_id, suites, (0,), (), secure_renegotiation=0x00FF in suites, fallback=0x5600 in suites,
        sslv2=True, problem=problem,
    )  # fmt: skip


def _server_hello(body: bytes) -> ServerHello:
    at = Cursor(body, 1)
    at.take(2, "session_id_hit and certificate_type")
    version, certificate, size, connection = at.u16("version"), at.u16("lengths"), at.u16("lengths"), at.u16("lengths")
    at.take(certificate, "certificate")
    suites = _kinds(at.take(size - size % 3, "cipher_specs"))
    at.take(size % 3, "cipher_specs")
    return ServerHello(version, version, at.take(connection, "connection_id"), b"", suites[0] if suites else 0, 0, ())


def _kinds(data: bytes) -> tuple[int, ...]:
    """Cipher kinds of three bytes; those with a leading 0 are TLS's cipher suites."""
    return tuple([data[i] << 16 | data[i + 1] << 8 | data[i + 2] for i in range(0, len(data), 3)])
