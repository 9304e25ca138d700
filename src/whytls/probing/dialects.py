"""Protocols that come to TLS by a request: how each is asked for it, sans-IO (``dialogue.py`` tells how a conversation is driven).

The same dialects as ``capture/prelude.py`` reads off a recording, spoken. TLS is asked for also where the server does not list it: its
answer, in its own words, is the proof. Nothing is sent that a server could take for a login, a mail or a query, and as few steps are
gone as the protocol allows.

What servers do, as observed: Postfix without TLS answers STARTTLS with 502 and does not list it; vsftpd without TLS answers AUTH TLS with
530; Dovecot with ``ssl = no`` says BAD (IMAP) and -ERR (POP3); slapd without TLS says protocolError; PostgreSQL says N; MariaDB greets
without the flag CLIENT_SSL, Prosody offers no ``starttls`` among its features.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from whytls.capture.prelude import LDAP_STARTTLS, MYSQL_SSL, POSTGRESQL_REQUEST, harmless, postgresql_error
from whytls.exceptions import Malformed
from whytls.pki.der import children, element
from whytls.probing.dialogue import Dialogue, Ended, Reading, Refused, Talk, Upgraded, foreign, refused, talk

MOST_ELEMENT = 8192  # bytes of an answer of LDAP, PostgreSQL or MySQL


def upgrade(dialect: str, name: str, own: str = "") -> Talk:
    """The conversation of a dialect (a key of ``target.PORTS``) up to the first byte of TLS.

    ``name`` is the server's, for those that are asked by name (XMPP); ``own`` is our address, for those that want to know who speaks.
    """
    return talk(_DIALECTS[dialect](name, own))


# ------------------------------------------------------------------ dialects of lines


def _reply(dialogue: Dialogue) -> Reading[tuple[int, list[bytes]]]:
    """A reply of SMTP, FTP or NNTP: its code and lines. "250-..." goes on, "250 ..." ends (RFC 5321 section 4.2.1, RFC 959 section 4.2)."""
    lines: list[bytes] = []
    while True:
        line = yield from dialogue.line()
        code = line[:3]
        if not lines and not (code.isdigit() and line[3:4] in (b"", b" ", b"-")):
            raise foreign(line)
        lines.append(line)
        if code == lines[0][:3] and line[3:4] != b"-":
            return int(code), lines


def _final(dialogue: Dialogue) -> Reading[tuple[int, list[bytes]]]:
    """The reply behind the preliminary ones: FTP's 120, "ready in nnn minutes"."""
    while True:
        code, lines = yield from _reply(dialogue)
        if code >= 200:
            return code, lines


def _smtp(name: str, own: str, *, hello: bytes = b"EHLO") -> Callable[[Dialogue], Reading[Upgraded]]:
    """RFC 3207; for LMTP the same with LHLO (RFC 2033). Who has no name says its address (RFC 5321 section 4.1.3)."""
    literal = f"[IPv6:{own}]" if ":" in own else f"[{own}]" if own else "localhost"

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        code, lines = yield from _final(dialogue)
        if code != 220:
            raise refused(lines[-1])
        dialogue.say(hello + b" " + literal.partition("%")[0].encode() + b"\r\n")
        code, lines = yield from _final(dialogue)
        if code != 250:
            raise refused(lines[-1])
        listed = any(line[4:].strip().upper() == b"STARTTLS" for line in lines[1:])
        dialogue.say(b"STARTTLS\r\n")
        code, lines = yield from _final(dialogue)
        if code != 220:
            raise refused(lines[-1], offered=listed)
        return Upgraded()

    return steps


def _coded(name: str, own: str, *, greetings: tuple[int, ...], request: bytes, yes: tuple[int, ...]) -> Callable[[Dialogue], Reading[Upgraded]]:
    """A greeting, one request, and its answer: FTP (RFC 4217 section 4; 334 is what older drafts had), NNTP (RFC 4642 section 2.2)."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        code, lines = yield from _final(dialogue)
        if code not in greetings:
            raise refused(lines[-1])
        dialogue.say(request)
        code, lines = yield from _final(dialogue)
        if code not in yes:
            raise refused(lines[-1])
        return Upgraded()

    return steps


def _imap(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """RFC 9051 section 6.2.1; a greeting BYE is a refusal (section 7.1.5)."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        greeting = yield from dialogue.line()
        word = greeting[2:].split(b" ", 1)[0].upper()
        if not greeting.startswith(b"* ") or word not in (b"OK", b"PREAUTH", b"BYE"):
            raise foreign(greeting)
        if word == b"BYE":
            raise refused(greeting)
        dialogue.say(b"a1 STARTTLS\r\n")
        while True:
            line = yield from dialogue.line()
            tag, _, answer = line.partition(b" ")
            if tag == b"a1":
                if answer[:2].upper() != b"OK":
                    raise refused(line)
                return Upgraded()
            if tag == b"*" and answer[:3].upper() == b"BYE":
                raise refused(line)

    return steps


def _pop3(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """RFC 2595 section 4."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        for said in (b"", b"STLS\r\n"):
            dialogue.say(said)
            line = yield from dialogue.line()
            if line[:4].upper() == b"-ERR":
                raise refused(line)
            if line[:3].upper() != b"+OK":
                raise foreign(line)
        return Upgraded()

    return steps


def _sieve(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """RFC 5804: the server lists what it can do, in quoted strings, and says OK; then it is asked."""

    def answer(dialogue: Dialogue) -> Reading[tuple[bytes, list[bytes]]]:
        listed: list[bytes] = []
        while True:
            line = yield from dialogue.line()
            if re.match(rb"(?:OK|NO|BYE)\b", line, re.IGNORECASE):
                return line, listed
            if line[:1] not in (b'"', b"{"):
                raise foreign(line)
            listed.append(line)

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        line, listed = yield from answer(dialogue)
        if line[:2].upper() != b"OK":
            raise refused(line)
        offered = any(entry[:10].upper() == b'"STARTTLS"' for entry in listed)
        dialogue.say(b"STARTTLS\r\n")
        line, _ = yield from answer(dialogue)
        if line[:2].upper() != b"OK":
            raise refused(line, offered=offered)
        return Upgraded()

    return steps


# ------------------------------------------------------------------ dialects of lengths


def _ldap(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """StartTLS, an extended operation (RFC 4511 section 4.14); a notice of disconnection (message 0, section 4.4.1) is a refusal."""
    operation = b"\x77" + bytes((2 + len(LDAP_STARTTLS),)) + b"\x80" + bytes((len(LDAP_STARTTLS),)) + LDAP_STARTTLS
    request = b"\x30" + bytes((3 + len(operation),)) + b"\x02\x01\x01" + operation

    def message(dialogue: Dialogue) -> Reading[tuple[int, int, bytes]]:
        """The next message's number, its operation's result code, and the words with it."""
        head = yield from dialogue.peek(2)
        count = head[1] & 0x7F if head[1] & 0x80 else 0
        if head[0] != 0x30 or count > 4 or head[1] == 0x80:
            raise foreign(dialogue.held())
        head = yield from dialogue.peek(2 + count)
        length = int.from_bytes(head[2:], "big") if count else head[1]
        if length > MOST_ELEMENT:
            raise Ended(Refused("endless", f"an LDAP message of {length} bytes"))
        data = yield from dialogue.exactly(2 + count + length)
        try:
            number, answer, *_ = children(data, element(data, 0, len(data)))
            code, _, words, *_ = children(data, answer)
        except (Malformed, ValueError):
            raise foreign(data) from None
        if answer.tag != 0x78 or number.tag != 0x02 or code.tag != 0x0A:
            raise foreign(data)
        as_number = partial(int.from_bytes, byteorder="big", signed=True)
        return as_number(data[number.body : number.end]), as_number(data[code.body : code.end]), data[words.body : words.end]

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        dialogue.say(request)
        number, code, said = yield from message(dialogue)
        if number == 1 and code == 0:
            return Upgraded()
        raise refused(f"result code {code}".encode() + (b": " + said if said else b""))

    return steps


def _postgresql(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """SSLRequest, answered by S or N; by an ErrorResponse where the server cannot even think of it (PostgreSQL manual, 55.2.11)."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        dialogue.say(POSTGRESQL_REQUEST)
        answer = yield from dialogue.exactly(1)
        if answer == b"S":
            return Upgraded()
        if answer == b"N":
            raise refused(b"N (the server is not configured for TLS)")
        if answer != b"E":
            raise foreign(answer + dialogue.held())
        length = int.from_bytes((yield from dialogue.exactly(4)), "big")
        if not 4 <= length <= MOST_ELEMENT:  # a server before 7.4 says its words up to a NUL
            raise foreign(answer + dialogue.held())
        raise Ended(Refused("refused", postgresql_error((yield from dialogue.exactly(length - 4)))))

    return steps


# LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH: what a client of today would go on with
_MYSQL_FLAGS = 0x1 | 0x200 | MYSQL_SSL | 0x8000 | 0x80000


def _mysql(name: str, own: str) -> Callable[[Dialogue], Reading[Upgraded]]:
    """The server greets and tells whether it has TLS; the client's request for it is not answered (MySQL, "SSLRequest")."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        head = yield from dialogue.peek(5)
        length = int.from_bytes(head[:3], "little")
        if head[3] != 0 or head[4] not in (10, 0xFF) or not 1 <= length <= MOST_ELEMENT:
            raise foreign(dialogue.held())
        greeting = (yield from dialogue.exactly(4 + length))[4:]
        if greeting[0] == 0xFF:  # "Host is blocked", "Too many connections": an error's number, and its words
            raise refused(f"error {int.from_bytes(greeting[1:3], 'little')}: ".encode() + greeting[3:])
        version = greeting.find(b"\0", 1) + 1
        flags = greeting[version + 13 : version + 15]  # behind connection id (4), scramble (8) and a filler
        if not version or len(flags) < 2:
            raise foreign(greeting)
        if not int.from_bytes(flags, "little") & MYSQL_SSL:
            raise Ended(Refused("not-offered", f"{harmless(greeting[1 : version - 1])} greets without the flag CLIENT_SSL"))
        return Upgraded(last=b"\x20\0\0\x01" + _MYSQL_FLAGS.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x21" + bytes(23))

    return steps


_TAG = re.compile(rb"<(/?)(?:[\w-]+:)?([\w-]+)")
_STARTTLS = re.compile(rb"<(?:[\w-]+:)?starttls\b")
_CONDITION = re.compile(rb"<(?:[\w-]+:)?([a-z-]+)\s[^<>]*xmpp-streams")
_TEXT = re.compile(rb"<(?:[\w-]+:)?text\b[^<>]*>([^<]*)<")


def _element(dialogue: Dialogue, wanted: tuple[bytes, ...]) -> Reading[tuple[bytes, bytes]]:
    """The next element of one of these names, whatever its prefix: its name, and all of it."""
    name, data = b"", b""
    while True:
        piece = yield from dialogue.until(b">")
        tag = piece[max(piece.rfind(b"<"), 0) :]
        found = _TAG.match(tag)
        ending, called = (found[1] == b"/", found[2]) if found else (False, b"")
        if name:
            data += piece
            if ending and called == name:
                return name, data
        elif not piece.lstrip().startswith(b"<"):
            raise foreign(piece)
        elif called in wanted and not ending:
            name, data = called, tag
            if tag.endswith(b"/>"):
                return name, data


def _xmpp(name: str, own: str, *, namespace: str = "jabber:client") -> Callable[[Dialogue], Reading[Upgraded]]:
    """RFC 6120 section 5: a stream, its features, <starttls/>, and <proceed/> or <failure/>; a stream's error ends it (section 4.9)."""
    to = name.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    stream = f"<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' to='{to}' version='1.0'>"

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        dialogue.say(stream.encode())
        kind, features = yield from _element(dialogue, (b"features", b"error"))
        if kind == b"error":
            raise refused(_stream_error(features))
        if not _STARTTLS.search(features):  # section 5.4.1: what is not listed is not there; servers do not answer such a request
            listed = [found[2].decode() for found in _TAG.finditer(features) if not found[1]][1:]
            raise Ended(Refused("not-offered", harmless(f"its stream features are {', '.join(listed) or 'none'}".encode())))
        dialogue.say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        kind, answer = yield from _element(dialogue, (b"proceed", b"failure", b"error"))
        if kind != b"proceed":
            raise refused(answer if kind == b"failure" else _stream_error(answer))
        return Upgraded()

    return steps


def _stream_error(element: bytes) -> bytes:
    """A stream's error in words: its condition, and the text if there is one."""
    condition, text = _CONDITION.search(element), _TEXT.search(element)
    found = [piece[1] for piece in (condition, text) if piece]
    return b"stream error: " + b": ".join(found) if found else element


_DIALECTS: dict[str, Callable[[str, str], Callable[[Dialogue], Reading[Upgraded]]]] = {
    "smtp": _smtp,
    "lmtp": partial(_smtp, hello=b"LHLO"),
    "imap": _imap,
    "pop3": _pop3,
    "ftp": partial(_coded, greetings=(220,), request=b"AUTH TLS\r\n", yes=(234, 334)),
    "nntp": partial(_coded, greetings=(200, 201), request=b"STARTTLS\r\n", yes=(382,)),
    "sieve": _sieve,
    "ldap": _ldap,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "xmpp": _xmpp,
    "xmpp-server": partial(_xmpp, namespace="jabber:server"),
}
