"""Proxies that are asked for a connection, and the PROXY protocol, sans-IO (``dialogue.py`` tells how a conversation is driven).

HTTP CONNECT (RFC 9110 section 9.3.6) with Basic credentials (RFC 7617), SOCKS 4 and 4a, SOCKS 5 (RFC 1928) with user name and
password (RFC 1929); the PROXY protocol of HAProxy, versions 1 and 2. Credentials go to the proxy and into no result.
"""

from __future__ import annotations

import re
from base64 import b64encode
from ipaddress import IPv4Address, IPv6Address, ip_address

from whytls.capture.prelude import PROXY_V2, SOCKS4_REFUSALS, SOCKS5_REFUSALS, harmless
from whytls.pki.name import as_address
from whytls.pki.readers.live import Address
from whytls.probing.dialogue import Dialogue, Ended, Reading, Refused, Talk, Upgraded, foreign, refused, talk

MOST_HEADERS = 100
_CHALLENGE = re.compile(rb"proxy-authenticate\s*:\s*([A-Za-z0-9-]{1,20})", re.IGNORECASE)


def http_connect(wanted: Address, user: str = "", password: str = "") -> Talk:
    """Asks an HTTP proxy for a tunnel. Refused in the words of its status line, and for 407 with the ways to log in that it lists."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        lines = [f"CONNECT {wanted} HTTP/1.1", f"Host: {wanted}"]
        if user or password:
            lines.append(f"Proxy-Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}")
        dialogue.say(("\r\n".join(lines) + "\r\n\r\n").encode())
        while True:
            status, challenges = yield from _head(dialogue)
            if status[9:10] == b"2":
                return Upgraded(target=str(wanted))
            if status[9:10] != b"1" or status[9:12] == b"101":
                asks = b" (it asks for " + b", ".join(challenges) + b")" if challenges else b""
                raise refused(status + asks)

    return talk(steps)


def _head(dialogue: Dialogue) -> Reading[tuple[bytes, list[bytes]]]:
    """The status line of an answer, and the ways to authenticate that its head lists."""
    status = yield from dialogue.line()
    if not re.match(rb"HTTP/1\.[01] \d{3}(?: |$)", status):
        raise foreign(status)
    challenges: list[bytes] = []
    for _ in range(MOST_HEADERS):
        line = yield from dialogue.line()
        if not line:
            return status, challenges
        found = _CHALLENGE.match(line)
        if found:
            challenges.append(found[1])
    raise Ended(Refused("endless", harmless(status)))


def socks4(wanted: Address, user: str = "") -> Talk:
    """Asks a SOCKS 4 proxy for an IPv4 address, or (4a) for a name."""

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        literal = as_address(wanted.host)
        request = b"\x04\x01" + wanted.port.to_bytes(2, "big")
        if literal is not None:
            request += IPv4Address(literal).packed + user.encode() + b"\0"
        else:
            request += b"\0\0\0\x01" + user.encode() + b"\0" + wanted.host.encode() + b"\0"
        dialogue.say(request)
        head = yield from dialogue.peek(2)
        if head[0] != 0 or not 0x5A <= head[1] <= 0x5D:
            raise foreign(dialogue.held())
        yield from dialogue.exactly(8)
        if head[1] != 0x5A:
            raise Ended(Refused("refused", SOCKS4_REFUSALS[head[1]]))
        return Upgraded(target=str(wanted))

    return talk(steps)


def socks5(wanted: Address, user: str = "", password: str = "") -> Talk:
    """Asks a SOCKS 5 proxy for an address or a name, logging in where it wants that and there is something to log in with."""
    login = bool(user or password)

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        dialogue.say(b"\x05\x02\0\x02" if login else b"\x05\x01\0")
        version, method = yield from dialogue.peek(2)
        if version != 5 or method not in (0, 2, 0xFF) or (method == 2 and not login):
            raise foreign(dialogue.held())
        yield from dialogue.exactly(2)
        if method == 0xFF:
            wants = "" if login else " (no user name and password were given)"
            raise Ended(Refused("refused", f"no acceptable way to authenticate{wants}"))
        if method == 2:
            name, word = user.encode(), password.encode()
            dialogue.say(bytes((1, len(name))) + name + bytes((len(word),)) + word)
            _, status = yield from dialogue.exactly(2)
            if status:
                raise Ended(Refused("refused", "user name or password refused"))
        dialogue.say(b"\x05\x01\0" + _socks_address(wanted))
        version, code, _, kind = yield from dialogue.exactly(4)
        if version != 5:
            raise foreign(bytes((version, code)) + dialogue.held())
        if code:  # what is behind the code is the proxy's own affair, and some leave it out
            raise Ended(Refused("refused", SOCKS5_REFUSALS.get(code, f"code {code}")))
        size = {1: 4, 4: 16}.get(kind)
        if size is None:
            if kind != 3:
                raise foreign(bytes((version, code, 0, kind)))
            (size,) = yield from dialogue.exactly(1)
        yield from dialogue.exactly(size + 2)
        return Upgraded(target=str(wanted))

    return talk(steps)


def _socks_address(wanted: Address) -> bytes:
    literal, port = as_address(wanted.host), wanted.port.to_bytes(2, "big")
    if literal is None:
        name = wanted.host.encode()
        return b"\x03" + bytes((len(name),)) + name + port
    packed = ip_address(literal).packed
    return (b"\x01" if len(packed) == 4 else b"\x04") + packed + port


def proxy_header(version: str, source: Address | None, to: Address | None) -> Talk:
    """The PROXY protocol's header; nothing answers it. ``to`` is what we connect to; without a source the header names nobody.

    An IPv4 end beside an IPv6 one is written as IPv6 (RFC 4291 section 2.5.5.2), as HAProxy does it.
    """

    def steps(dialogue: Dialogue) -> Reading[Upgraded]:
        yield from ()
        if source is None:
            return Upgraded(last=b"PROXY UNKNOWN\r\n" if version == "v1" else PROXY_V2 + b"\x20\0\0\0")
        ends = [_ip(source), _ip(to) if to is not None and as_address(to.host) else None]
        of_six = any(isinstance(end, IPv6Address) for end in ends)
        unknown = IPv6Address(0) if of_six else IPv4Address(0)
        first, second = (_as_six(end or unknown) if of_six else end or unknown for end in ends)
        ports = (source.port, to.port if to is not None else 0)
        if version == "v1":
            line = f"PROXY TCP{6 if of_six else 4} {first} {second} {ports[0]} {ports[1]}\r\n".encode()
        else:
            body = first.packed + second.packed + b"".join(port.to_bytes(2, "big") for port in ports)
            line = PROXY_V2 + (b"\x21\x21" if of_six else b"\x21\x11") + len(body).to_bytes(2, "big") + body
        return Upgraded(last=line, target=str(source))

    return talk(steps)


def _ip(place: Address) -> IPv4Address | IPv6Address:
    return ip_address(as_address(place.host) or "0.0.0.0")  # noqa: S104  # an address that is not known, in a header


def _as_six(address: IPv4Address | IPv6Address) -> IPv6Address:
    return address if isinstance(address, IPv6Address) else IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
