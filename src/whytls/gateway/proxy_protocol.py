"""The PROXY protocol in front of a connection, both versions: who the client really is (a virtual host's ListenOption ``proxy_protocol``).

The header comes first, before TLS, and nginx closes a connection on which it does not stand or cannot be read.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from whytls.exceptions import Malformed
from whytls.model import Endpoint

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_V1 = 107
MOST_V2 = 16 + 4096
_FAMILIES = {0x11: 4, 0x21: 16}  # TCP over IPv4, over IPv6


class Header(NamedTuple):
    """What it says. ``source`` is None for health checks of the proxy's own (LOCAL, UNKNOWN)."""

    source: Endpoint | None
    length: int  # bytes of the header


def header(data: bytes) -> Header | None:
    """The header in the first bytes of a connection; None: not all of it is there yet.

    Raises:
        Malformed: it is none.
    """
    if data.startswith(SIGNATURE[: len(data)]):
        return _second(data)
    if not b"PROXY "[: len(data)] == data[:6]:
        raise Malformed("no PROXY protocol header", hint="the listener expects one from its load balancer")
    end = data.find(b"\r\n", 0, LONGEST_V1)
    if end < 0:
        if len(data) >= LONGEST_V1:
            raise Malformed("a PROXY protocol header without an end")
        return None
    words = data[:end].split(b" ")
    if words[1:2] == [b"UNKNOWN"]:
        return Header(None, end + 2)
    try:
        family, source, _, port, _ = words[1:]
        address = ip_address(source.decode("ascii"))
        if family not in (b"TCP4", b"TCP6") or address.version != (4 if family == b"TCP4" else 6) or not port.isdigit():
            raise ValueError
        return Header(Endpoint(str(address), _port(int(port))), end + 2)
    except ValueError:
        raise Malformed("a PROXY protocol header that cannot be read") from None


def _second(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, length = data[12], data[13], int.from_bytes(data[14:16], "big")
    if command >> 4 != 2 or command & 15 > 1 or 16 + length > MOST_V2:
        raise Malformed("a PROXY protocol header of no known version")
    if len(data) < 16 + length:
        return None
    size = _FAMILIES.get(family)
    if command == 0x20 or size is None:
        return Header(None, 16 + length)
    if length < 2 * size + 4:
        raise Malformed("a PROXY protocol header whose addresses are cut off")
    body = data[16:]
    address, port = ip_address(body[:size]), int.from_bytes(body[2 * size : 2 * size + 2], "big")
    return Header(Endpoint(str(address), port), 16 + length)


def _port(number: int) -> int:
    if number > 65_535:
        raise ValueError(number)
    return number
