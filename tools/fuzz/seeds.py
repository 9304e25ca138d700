"""Inputs to begin with, cut out of the labelled captures: whole captures, packets, streams, messages, certificates."""

from __future__ import annotations

import struct
import tarfile
from functools import cache
from pathlib import Path

from tools.fuzz.frames import Frame, as_pcapng, put_together, take_apart
from tools.fuzz.streams import HANDSHAKE, units_of

ARCHIVE = Path(__file__).resolve().parents[2] / "tests" / "matrix" / "cases.tar.xz"
EVERY = 6  # one capture in so many: the matrix repeats itself
LONGEST_CAPTURE = 12_000


@cache
def captures() -> tuple[bytes, ...]:
    """A selection of the labelled captures, the small ones."""
    found: list[bytes] = []
    with tarfile.open(ARCHIVE) as archive:
        members = sorted((m for m in archive if m.name.endswith(".pcap") and m.size <= LONGEST_CAPTURE), key=lambda m: m.name)
        for member in members[::EVERY]:
            file = archive.extractfile(member)
            assert file is not None
            found.append(file.read())
    return tuple(found)


@cache
def streams() -> tuple[bytes, ...]:
    """Both directions of every connection in these captures, in order of arrival."""
    found: dict[bytes, None] = {}
    for capture in captures():
        flows: dict[bytes, dict[int, bytes]] = {}
        for frame in take_apart(capture)[1]:
            if frame.payload:
                key = (frame.ip[12:20] if frame.ip[0] >> 4 == 4 else frame.ip[8:40]) + frame.tcp[:4]
                flows.setdefault(key, {})[struct.unpack_from(">I", frame.tcp, 4)[0]] = frame.payload
        for segments in flows.values():
            found[b"".join(segments[seq] for seq in sorted(segments))] = None
    return tuple(found)


@cache
def messages() -> tuple[bytes, ...]:
    """Distinct handshake messages, header included."""
    units = (unit for stream in streams() for unit in units_of(stream)[0])
    return tuple(dict.fromkeys(body for kind, _, body in units if kind == HANDSHAKE and len(body) >= 4))


@cache
def certificates() -> tuple[tuple[bytes, ...], ...]:
    """The chains that stand in Certificate messages of TLS 1.2 and before."""
    chains: dict[tuple[bytes, ...], None] = {}
    for message in messages():
        if message[0] != 11:
            continue
        at, chain = 7, []
        while at + 3 <= len(message):
            size = int.from_bytes(message[at : at + 3], "big")
            chain.append(message[at + 3 : at + 3 + size])
            at += 3 + size
        if chain:
            chains[tuple(chain)] = None
    return tuple(chains)


def extension_bodies() -> list[bytes]:
    """Each distinct extension of the hellos: its number in two bytes, then its body."""
    found: dict[bytes, None] = {}
    for message in messages():
        if message[0] not in (1, 2):
            continue
        at = 4 + 35 + message[38]
        at += 2 + int.from_bytes(message[at : at + 2], "big") + 1 + 1 if message[0] == 1 else 3
        at += 2
        while at + 4 <= len(message):
            number, size = struct.unpack_from(">HH", message, at)
            found[struct.pack(">H", number) + message[at + 4 : at + 4 + size]] = None
            at += 4 + size
    return list(found)


def pcapngs() -> list[bytes]:
    """The captures as pcapng files."""
    return [as_pcapng(*take_apart(capture)) for capture in captures()]


def packets() -> list[bytes]:
    """Single packets behind the number of their link type in two bytes; also in tunnels, tags and fragments."""
    found: dict[bytes, None] = {}
    for capture in captures()[::4]:
        link, frames = take_apart(capture)
        for frame in frames[:8]:
            found[struct.pack(">H", link) + frame.packet()] = None
            if frame.tcp:
                for wrapped in _wrapped(frame):
                    found[wrapped] = None
    return list(found)


def _wrapped(frame: Frame) -> list[bytes]:
    packet = frame.packet()[len(frame.link) :]
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    ethernet = bytes(12) + kind + packet
    udp = struct.pack(">HHHH", 4000, 4789, 16 + len(ethernet), 0) + b"\x08\0\0\0\0\0\1\0" + ethernet
    geneve = struct.pack(">HHHH", 4000, 6081, 16 + len(ethernet), 0) + b"\0\0\x65\x58\0\0\1\0" + ethernet
    gre = b"\x20\0" + kind + b"\0\0\0\1" + packet
    pppoe = b"\x11\0\0\1" + struct.pack(">H", len(packet) + 2) + (b"\0\x21" if kind == b"\x08\0" else b"\0\x57") + packet
    one = struct.pack(">H", 1)
    return [
        one + bytes(12) + b"\x81\0\0\x64\x88\xa8\0\x65" + kind + packet,
        one + bytes(12) + b"\x88\x47\0\1\x01\x40" + packet,
        one + bytes(12) + b"\x88\x64" + pppoe,
        one + bytes(12) + b"\x08\0" + _ipv4(17, udp),
        one + bytes(12) + b"\x08\0" + _ipv4(17, geneve),
        one + bytes(12) + b"\x08\0" + _ipv4(47, gre),
        one + bytes(12) + b"\x08\0" + _ipv4(4, packet),
        one + bytes(12) + b"\x08\0" + _ipv4(6, frame.tcp + frame.payload, fragment=0x2000),
        struct.pack(">H", 101) + _ipv6(0, b"\x3c\0" + bytes(6) + b"\x06\0" + bytes(6) + frame.tcp + frame.payload),
        struct.pack(">H", 101) + _ipv6(44, b"\x06\0\0\1\0\0\0\1" + frame.tcp + frame.payload),
        struct.pack(">H", 0) + b"\2\0\0\0" + packet,
        struct.pack(">H", 9) + b"\xff\x03\0\x21" + packet,
    ]


def _ipv4(protocol: int, body: bytes, fragment: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, fragment, 64, protocol, 0)
    return head + b"\x0a\0\0\1\x0a\0\0\2" + body


def _ipv6(following: int, body: bytes) -> bytes:
    return struct.pack(">IHBB", 0x60000000, len(body), following, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + body


def all_captures() -> list[bytes]:
    """The captures, and single packets wrapped in each way."""
    wrapped = [put_together(int.from_bytes(p[:2], "big"), [Frame(bytes(8), b"", b"", b"", b"", p[2:])]) for p in packets()[::20]]
    return [*captures(), *wrapped]


# What the client and the server say in front of TLS.
PRELUDES = (
    (b"EHLO a\r\nSTARTTLS\r\n", b"220 mail.example.test ESMTP\r\n250-mail\r\n250 STARTTLS\r\n220 ready\r\n"),
    (b"EHLO a\r\nSTARTTLS\r\n", b"220 mail.example.test ESMTP\r\n250 mail\r\n454 TLS not available\r\n"),
    (b"a1 STARTTLS\r\n", b"* OK IMAP4rev1\r\na1 OK\r\n"),
    (b"STLS\r\n", b"+OK pop\r\n+OK Begin TLS\r\n"),
    (b"AUTH TLS\r\n", b"220 ftp\r\n234 AUTH TLS\r\n"),
    (b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037", b"0\x0c\x02\x01\x01x\x07\n\x01\x00\x04\x00\x04\x00"),
    (b"\0\0\0\x08\x04\xd2\x16\x2f", b"S"),
    (b"\x20\0\0\x01\x85\xae\xff\0\0\0\0\x01\xff" + bytes(23), b"J\0\0\0\x0a8.0.36\0" + bytes(8) + b"\0\xff\xff" + bytes(53)),
    (
        b"<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        b"<stream:features><starttls/></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    (b"CONNECT api.example.test:443 HTTP/1.1\r\nHost: api.example.test\r\n\r\n", b"HTTP/1.1 200 Connection established\r\n\r\n"),
    (b"CONNECT api.example.test:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
    (b"\x05\x01\x00\x05\x01\x00\x03\x10api.example.test\x01\xbb", b"\x05\x00\x05\x00\x00\x01\x0a\0\0\1\x01\xbb"),
    (b"\x04\x01\x01\xbb\0\0\0\1user\0host.test\0", b"\0\x5a\x01\xbb\x0a\0\0\1"),
    (b"PROXY TCP4 10.0.0.1 10.0.0.2 40000 443\r\n", b""),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\1\x0a\0\0\2\x9c\x40\x01\xbb", b""),
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port"),
)
