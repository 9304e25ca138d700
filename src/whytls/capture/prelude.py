"""Recognises what stands before TLS on a connection: STARTTLS dialects, HTTP CONNECT, SOCKS, PROXY protocol.

``opening`` is asked by the sieve about the first bytes of each side; ``find`` reads both sides of a flow that does not begin with
TLS and tells where TLS begins in each direction, or that the step to it was refused, in the other end's own words.

All is linear in the bytes before TLS, of which at most MOST are looked at. A dialect is only reported when its step to TLS was
asked for: mail that nobody tried to encrypt is none of our business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from whytls.tuples import NamedTuple
from whytls.wire.record import looks_like_tls

FOREIGN, LEADS, TLS = 0, 1, 2  # what first bytes look like: nothing of ours, something in front of TLS, TLS
MOST = 16 << 10  # bytes of each side in front of TLS
MOST_LINES = 200
MOST_WORDS = 200  # characters of a refusal that are kept

PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"
LDAP_STARTTLS = b"1.3.6.1.4.1.1466.20037"  # RFC 4511 section 4.14.1
POSTGRESQL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
MYSQL_SSL = 0x0800  # CLIENT_SSL among the capabilities

# What can open a flow when the recording begins after the connection: TLS, or a CONNECT on a connection kept open.
STARTS_MIDWAY = frozenset((0x14, 0x15, 0x16, ord("C"), *range(0x80, 0x83)))

# What the first bytes of a dialect in front of TLS look like.
_LEADING = (
    rb"(?s)(?:220[ -]|\* OK|\* PREAUTH|\+OK|CONNECT [^\s]|PROXY |\r\n\r\n\0\r\nQUIT\n|<\?xml|<stream:|EHLO |HELO |[Ss][Tt][Aa][Rr][Tt][Tt][Ll][Ss]"
    rb"|AUTH (?:TLS|SSL)|USER |\0\0\0\x08\x04\xd2[\x16]\x2f|\x04[\x01\x02].{7}|\x30.{1,12}\x77|.{2}\0\0\x0a[3-9]|\x05[\x01-\x10][\0-\xff])"
)


@cache
def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compiled when it is first needed, for most captures do without."""
    return re.compile(text)


_HTTPS_WORDS = (b"HTTPS", b"https", b"SSL", b"TLS")


def opening(head: bytes) -> int:
    """What the first bytes of one side look like: TLS, LEADS (to TLS), or FOREIGN."""
    first = head[0]
    if first in (0x16, 0x15) and head[1:2] in (b"\x03", b""):
        return TLS
    if first == 0x14 and head[:3] in (b"\x14", b"\x14\x03", b"\x14\x03\x03", b"\x14\x03\x01", b"\x14\x03\x02", b"\x14\x03\0"):
        return TLS
    if _pattern(_LEADING).match(head):
        return LEADS
    if first == 5 and len(head) >= 3 and len(head) == 2 + head[1]:
        return LEADS
    return TLS if first & 0x80 and looks_like_tls(head) else FOREIGN


def begins_midway(head: bytes) -> bool:
    """Whether a packet in the middle of a connection begins TLS, or a CONNECT; strict, for it is asked of any packet of any traffic."""
    if head[:1] == b"\x14":
        return head[1:2] == b"\x03" and head[3:6] == b"\0\1\1"
    return looks_like_tls(head) or head.startswith(b"CONNECT ")


def answers_plain_request(head: bytes) -> bool:
    """Whether these bytes are an HTTP server's answer to plain text on a port where it wants TLS (nginx, Apache, Go, HAProxy)."""
    return head.startswith(b"HTTP/1.") and head[9:12] == b"400" and any(word in head[:4096] for word in _HTTPS_WORDS)


class Found(NamedTuple):
    """A prelude: where TLS begins in each direction behind it, or how it ended without."""

    kind: str
    client_at: int
    server_at: int
    target: str | None = None
    upgraded: bool = True
    refusal: str | None = None


def find(client: bytes, server: bytes) -> Found | None:
    """What stands before TLS; ``client`` is the side that opened the connection. None: TLS, or nothing that leads to it."""
    found: Found | None = None
    for _ in range(3):  # a PROXY header or a tunnel can have another dialect inside
        at = (found.client_at, found.server_at) if found else (0, 0)
        inner = _one(client[at[0] : at[0] + MOST], server[at[1] : at[1] + MOST])
        if inner is None:
            break
        found = inner._replace(
            client_at=at[0] + inner.client_at, server_at=at[1] + inner.server_at, target=inner.target or (found and found.target)
        )
        if not inner.upgraded or inner == Found(inner.kind, 0, 0):
            break
    return found


_FAREWELL = rb"(?is)(?:(?:\S{1,64} )?(?:QUIT|LOGOUT|NOOP|RSET)\s*)+$|X\0\0\0\x04|\x30.{1,5}\x02\x01.\x42|</stream"


def goes_on_without(found: Found, client: bytes) -> bool:
    """Whether the client, refused, went on in plain text: it had only asked whether there was TLS, and nothing failed."""
    if found.upgraded or found.kind in ("http-connect", "socks4", "socks5"):
        return False
    rest = client[found.client_at : found.client_at + MOST]
    return bool(rest) and not looks_like_tls(rest) and not _pattern(_FAREWELL).match(rest)


def _one(client: bytes, server: bytes) -> Found | None:
    if client[:2] == b"\x16\x03" or (client and not server and client[0] & 0x80):
        return None
    for test, reader in _DIALECTS:
        if test(client, server):
            result = reader(client, server)
            if result is not None:
                return result
    return None


def harmless(text: bytes) -> str:
    """Another end's words as one line of harmless text."""
    line = text.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in line).split())[:MOST_WORDS]


# ------------------------------------------------------------------ dialects of lines: SMTP, FTP, POP3, IMAP


class _Line(NamedTuple):
    start: int
    stop: int  # behind the line's end
    text: bytes


def _lines(data: bytes) -> list[_Line]:
    """The complete lines of text up to the first that is none (TLS begins there)."""
    lines: list[_Line] = []
    at = 0
    while len(lines) < MOST_LINES:
        stop = data.find(b"\n", at) + 1
        if not stop or data[at] < 9 or (0x0E <= data[at] < 0x20):
            break
        lines.append(_Line(at, stop, data[at:stop].rstrip(b"\r\n")))
        at = stop
    return lines


_STEP = rb"(?i)(?:(\S{1,64}) )?(STARTTLS|STLS|AUTH +TLS(?:-[CP])?|AUTH +SSL)\s*$"


def _line_dialect(client: bytes, server: bytes) -> Found | None:
    """STARTTLS, STLS or AUTH TLS (RFC 3207, 2595, 4217): the last one that was asked for, and its answer."""
    commands = _lines(client)
    index, step = -1, None
    for number, line in enumerate(commands):
        match = _pattern(_STEP).match(line.text)
        if match:
            index, step = number, match
    if step is None:
        return None
    kind = _kind_of(step[2].upper(), server, commands, step[1])
    replies = _lines(server)
    if kind == "imap":  # openssl s_client gives all its commands the same tag
        earlier = sum(c.text.split(b" ", 1)[0] == step[1] for c in commands[:index])
        tagged = [r for r in replies if r.text.split(b" ", 1)[0] == step[1]]
        answer = tagged[earlier] if len(tagged) > earlier else None
        good = answer is not None and answer.text[len(step[1]) + 1 :][:2].upper() == b"OK"
    elif kind == "pop3":
        answer = _pop3_answer(replies, commands[: index + 1])
        good = answer is not None and answer.text.startswith(b"+OK")
    else:
        answer = _numbered_answer(replies, index + 1)
        good = answer is not None and answer.text[:1] == b"2"
    asked = commands[index].stop
    if answer is None:
        return Found(kind, asked, len(server), upgraded=False, refusal=None) if not looks_like_tls(client, asked) else None
    return Found(kind, asked, answer.stop, upgraded=good, refusal=None if good else harmless(answer.text))


def _kind_of(step: bytes, server: bytes, commands: list[_Line], tag: bytes | None) -> str:
    if step == b"STLS":
        return "pop3"
    if step.startswith(b"AUTH"):
        return "ftp"
    return "imap" if tag or server.startswith(b"* ") else "smtp"


def _numbered_answer(replies: list[_Line], wanted: int) -> _Line | None:
    """The last line of reply number ``wanted`` (0 is the greeting): "250-..." goes on, "250 ..." ends (RFC 5321 section 4.2.1)."""
    count = -1
    for line in replies:
        if line.text[:3].isdigit() and line.text[3:4] != b"-":
            count += 1
            if count == wanted:
                return line
    return None


def _pop3_answer(replies: list[_Line], commands: list[_Line]) -> _Line | None:
    """The answer to the last of these commands; CAPA's goes on up to a line with a full stop (RFC 2449 section 5)."""
    count, inside = -1, False
    for line in replies:
        if inside:
            inside = line.text != b"."
        elif line.text[:1] in (b"+", b"-"):
            count += 1
            if count == len(commands):
                return line
            inside = count > 0 and line.text[:1] == b"+" and commands[count - 1].text.strip().upper() == b"CAPA"
    return None


def _has_lines(client: bytes, server: bytes) -> bool:
    return server[:3] == b"220" or server[:1] in (b"*", b"+") or client[:5].upper() in (b"EHLO ", b"HELO ", b"START")


# ------------------------------------------------------------------ LDAP, PostgreSQL, MySQL, XMPP


def _ldap(client: bytes, server: bytes) -> Found | None:
    """StartTLS, extended operation 1.3.6.1.4.1.1466.20037 (RFC 4511 section 4.14)."""
    length = _der_length(client, 0)
    if length is None or LDAP_STARTTLS not in client[:length]:
        return None
    answer = _der_length(server, 0)
    if answer is None or answer > len(server):
        return Found("ldap", length, 0, upgraded=False)
    match = re.search(rb"\x78.{1,5}?\x0a\x01(.)\x04", server[:answer], re.DOTALL)
    code = match[1][0] if match else -1
    if code == 0:
        return Found("ldap", length, answer)
    said = harmless(server[match.end() + 1 : answer]) if match else ""
    return Found("ldap", length, answer, upgraded=False, refusal=f"result code {code}{': ' if said else ''}{said}")


def _der_length(data: bytes, at: int) -> int | None:
    """Where the BER element at ``at`` ends."""
    if len(data) < at + 2:
        return None
    first = data[at + 1]
    if first < 0x80:
        return at + 2 + first
    count = first & 0x7F
    if not 1 <= count <= 4 or len(data) < at + 2 + count:
        return None
    return at + 2 + count + int.from_bytes(data[at + 2 : at + 2 + count], "big")


def _postgresql(client: bytes, server: bytes) -> Found | None:
    """SSLRequest: one byte answers it, S or N; an old server sends an ErrorResponse, E."""
    if not server:
        return Found("postgresql", 8, 0, upgraded=False) if len(client) == 8 else Found("postgresql", 8, 0)
    if server[:1] == b"S":
        return Found("postgresql", 8, 1)
    said = postgresql_error(server[5:]) if server[:1] == b"E" else ""
    return Found("postgresql", 8, 1, upgraded=False, refusal=said or "N (the server is not configured for TLS)")


def postgresql_error(fields: bytes) -> str:
    """The message of an ErrorResponse (PostgreSQL manual, 55.8), or all of it where it has none: a server before 7.4 has no fields."""
    message = next((field[1:] for field in fields.split(b"\0") if field[:1] == b"M"), fields)
    return harmless(message)


def _is_postgresql(client: bytes, server: bytes) -> bool:
    return client.startswith(POSTGRESQL_REQUEST)


def _mysql(client: bytes, server: bytes) -> Found | None:
    """The server greets; a client that wants TLS answers with the first 32 bytes of its login, flag CLIENT_SSL set."""
    greeting = 4 + int.from_bytes(server[:3], "little")
    request = 4 + int.from_bytes(client[:3], "little")
    if len(client) < 8 or not int.from_bytes(client[4:6], "little") & MYSQL_SSL or request > 40:
        return None
    return Found("mysql", request, greeting)


def _is_mysql(client: bytes, server: bytes) -> bool:
    return len(server) > 8 and server[3] == 0 and server[4] in (9, 10) and server[2] == 0 and server[5:6].isdigit()


_XMPP_STEP = rb"<starttls[^>]*?(?:/>|>\s*</starttls>)"
_XMPP_ANSWER = rb"<(proceed|failure)\b[^>]*?(?:/>|></\1>)"


def _xmpp(client: bytes, server: bytes) -> Found | None:
    """RFC 6120 section 5: <starttls/>, answered by <proceed/> or <failure/>."""
    asked = _pattern(_XMPP_STEP).search(client)
    if asked is None:
        return None
    answer = _pattern(_XMPP_ANSWER).search(server)
    if answer is None:
        return Found("xmpp", asked.end(), len(server), upgraded=looks_like_tls(client, asked.end()))
    if answer[1] == b"failure":
        return Found("xmpp", asked.end(), answer.end(), upgraded=False, refusal=harmless(answer[0]))
    return Found("xmpp", asked.end(), answer.end())


def _is_xmpp(client: bytes, server: bytes) -> bool:
    return client[:5] == b"<?xml" or client[:8] == b"<stream:"


# ------------------------------------------------------------------ HTTP CONNECT, SOCKS, PROXY protocol

_CONNECT = rb"CONNECT (\S{1,300}) HTTP/1\.[01]\r?\n"
_LENGTH = rb"(?i)\r?\ncontent-length:\s*(\d{1,7})"


def _http_connect(client: bytes, server: bytes) -> Found | None:
    """RFC 9110 section 9.3.6. A refusal can be followed by another try on the same connection (407, then with credentials)."""
    asked = answered = 0
    for _ in range(8):
        request = _pattern(_CONNECT).match(client, asked)
        if request is None:
            return None
        target = harmless(request[1])
        asked = _head_end(client, request.end() - 1)
        head = _head_end(server, answered)
        if not server[answered:].startswith(b"HTTP/1."):
            return Found("http-connect", asked, answered, target, upgraded=looks_like_tls(client, asked))
        status = server[answered : server.find(b"\n", answered)] if b"\n" in server[answered:] else server[answered:]
        if status[9:10] == b"2":
            return Found("http-connect", asked, head, target)
        length = _pattern(_LENGTH).search(server, answered, head)
        answered = min(head + (int(length[1]) if length else 0), len(server))
        if not client.startswith(b"CONNECT ", asked):
            return Found("http-connect", asked, answered, target, upgraded=False, refusal=harmless(status))
    return None


def _head_end(data: bytes, at: int) -> int:
    """Behind the empty line that ends a message's head, or the end of the bytes."""
    ends = [found + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (found := data.find(mark, max(at - 1, 0))) >= 0]
    return min(ends, default=len(data))


def _is_connect(client: bytes, server: bytes) -> bool:
    return client.startswith(b"CONNECT ")


SOCKS4_REFUSALS = {0x5B: "request rejected or failed", 0x5C: "no identd at the client", 0x5D: "identd names another user"}
SOCKS5_REFUSALS = {
    1: "general failure", 2: "not allowed by ruleset", 3: "network unreachable", 4: "host unreachable", 5: "connection refused",
    6: "TTL expired", 7: "command not supported", 8: "address type not supported",
}  # fmt: skip


def _socks4(client: bytes, server: bytes) -> Found | None:
    """SOCKS 4: version, command, port, address, user name; 4a: with an address 0.0.0.x a host name follows."""
    end = client.find(b"\0", 8) + 1
    if len(client) < 9 or not end:
        return None
    host = ".".join(map(str, client[4:8]))
    if client[4:7] == b"\0\0\0" and client[7]:
        last = client.find(b"\0", end) + 1
        if not last:
            return None
        host, end = harmless(client[end : last - 1]), last
    target = f"{host}:{client[2] << 8 | client[3]}"
    if len(server) < 8 or server[0]:
        return Found("socks4", end, len(server), target, upgraded=False) if not looks_like_tls(client, end) else None
    code = server[1]
    if code == 0x5A:
        return Found("socks4", end, 8, target)
    return Found("socks4", end, 8, target, upgraded=False, refusal=SOCKS4_REFUSALS.get(code, f"code {code}"))


def _is_socks4(client: bytes, server: bytes) -> bool:
    return client[:2] == b"\x04\x01"


def _socks5(client: bytes, server: bytes) -> Found | None:
    """RFC 1928, with user name and password by RFC 1929."""
    asked, answered = 2 + client[1], 2
    if server[:1] != b"\x05" or len(server) < 2:
        return None
    if server[1] == 0xFF:
        return Found("socks5", asked, 2, upgraded=False, refusal="no acceptable way to authenticate")
    if server[1] == 2:
        if len(client) <= asked + 1:
            return None
        second = asked + 2 + client[asked + 1]
        if len(client) <= second:
            return None
        asked, answered = second + 1 + client[second], 4
        if server[3:4] != b"\0":
            return Found("socks5", asked, len(server[:4]), upgraded=False, refusal="user name or password refused")
    request = _socks5_address(client, asked)
    if request is None:
        return None
    asked, target = request
    reply = _socks5_address(server, answered)
    code = server[answered + 1] if len(server) > answered + 1 else -1
    if code != 0 or reply is None:
        said = SOCKS5_REFUSALS.get(code, f"code {code}") if code > 0 else None
        return Found("socks5", asked, len(server), target, upgraded=False, refusal=said)
    return Found("socks5", asked, reply[0], target)


def _socks5_address(data: bytes, at: int) -> tuple[int, str] | None:
    """Where a SOCKS 5 request or reply ends, and the address in it."""
    if len(data) < at + 7 or data[at] != 5:
        return None
    kind = data[at + 3]
    start, length = {1: (at + 4, 4), 4: (at + 4, 16), 3: (at + 5, data[at + 4])}.get(kind, (0, 0))
    end = start + length + 2
    if not start or len(data) < end:
        return None
    raw = data[start : start + length]
    if kind == 3:
        host = harmless(raw)
    else:
        from ipaddress import ip_address

        host = str(ip_address(raw))
    return end, f"{host}:{data[end - 2] << 8 | data[end - 1]}"


def _is_socks5(client: bytes, server: bytes) -> bool:
    return len(client) >= 3 and client[0] == 5 and server[:1] in (b"\x05", b"")


_PROXY_V1 = rb"PROXY (?:TCP[46] (\S{2,45}) \S{2,45} (\d{1,5}) \d{1,5}|UNKNOWN[^\r\n]{0,80})\r\n"


def _proxy_v1(client: bytes, server: bytes) -> Found | None:
    """The PROXY protocol, version 1, in front of the client's bytes; nothing answers it."""
    match = _pattern(_PROXY_V1).match(client)
    if match is None:
        return None
    return Found("proxy-v1", match.end(), 0, f"{harmless(match[1])}:{harmless(match[2])}" if match[1] else None)


def _is_proxy_v1(client: bytes, server: bytes) -> bool:
    return client.startswith(b"PROXY ")


def _proxy_v2(client: bytes, server: bytes) -> Found | None:
    """The PROXY protocol, version 2: twelve fixed bytes, version and command, family, length, addresses and more."""
    if len(client) < 16:
        return None
    end = 16 + (client[14] << 8 | client[15])
    size = {1: 4, 2: 16}.get(client[13] >> 4, 0)
    target = None
    if size and len(client) >= 16 + 2 * size + 4 and client[12] & 15 == 1:
        from ipaddress import ip_address

        port = client[16 + 2 * size] << 8 | client[17 + 2 * size]
        target = f"{ip_address(client[16 : 16 + size])}:{port}"
    return Found("proxy-v2", end, 0, target)


def _is_proxy_v2(client: bytes, server: bytes) -> bool:
    return client.startswith(PROXY_V2)


def _is_ldap(client: bytes, server: bytes) -> bool:
    return client[:1] == b"\x30"


_Test = Callable[[bytes, bytes], bool]
_DIALECTS: tuple[tuple[_Test, Callable[[bytes, bytes], Found | None]], ...] = (
    (_is_proxy_v2, _proxy_v2),
    (_is_proxy_v1, _proxy_v1),
    (_is_connect, _http_connect),
    (_is_socks5, _socks5),
    (_is_socks4, _socks4),
    (_is_postgresql, _postgresql),
    (_is_mysql, _mysql),
    (_is_ldap, _ldap),
    (_is_xmpp, _xmpp),
    (_has_lines, _line_dialect),
)
