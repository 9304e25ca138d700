"""Targets of wire/: records, messages, extensions."""

from __future__ import annotations

from random import Random

from tools.fuzz import seeds
from tools.fuzz.frames import Change
from tools.fuzz.items import Run
from tools.fuzz.streams import change_body


def record() -> Run:
    """One direction cut into records, and these into messages; what it begins with."""
    from whytls.wire.framing import messages
    from whytls.wire.message import read
    from whytls.wire.record import HANDSHAKE, looks_like_records, looks_like_tls, split

    def run(data: bytes) -> None:
        found, at = split(data), 0
        for one in found.records:
            assert at == one.offset < one.start <= one.end <= len(data)
            at = one.end
        assert found.end == at
        assert found.stop or at == len(data)
        plain = [one for one in found.records if one.content_type == HANDSHAKE]
        framed, place = messages(data, plain), 0
        for part in framed:
            assert place <= part.start < part.end <= len(data)
            place = part.end
            read(part.number, part.body)
        looks_like_tls(data)
        looks_like_records(data)

    return run


VERSIONS = (None, 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x7F1C)
SUITES = (None, 0x002F, 0x0033, 0xC02F, 0xC02B, 0x1301, 0x00A8, 0xC035, 0x0018)


def message() -> Run:
    """A handshake message of any type under any version and suite; nothing at all is raised there."""
    from whytls.exceptions import WhytlsError
    from whytls.wire.message import read

    def run(data: bytes) -> None:
        if len(data) < 3:
            return
        try:
            read(data[0], data[3:], VERSIONS[data[1] % len(VERSIONS)], SUITES[data[2] % len(SUITES)])
        except WhytlsError as error:
            raise AssertionError("read promises to raise nothing") from error

    return run


def message_seeds() -> list[bytes]:
    """Every distinct message under two versions."""
    return [bytes((m[0], version, 3)) + m[4:] for m in seeds.messages() for version in (5, 6)]


def change_read(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """The message's body along its own lengths."""
    head = bytearray(data[:3].ljust(3, b"\0"))
    if rng.random() < 0.1:
        head[rng.randrange(3)] = rng.randrange(256)
    return bytes(head) + change_body(head[0], data[3:], longest - 3, rng, change)


def extension() -> Run:
    """An extension's body by its number, as a client's and as a server's."""
    from whytls.exceptions import WhytlsError
    from whytls.wire.extension import CLIENT, SERVER

    def run(data: bytes) -> None:
        number, body = int.from_bytes(data[:2], "big"), data[2:]
        for table in (CLIENT, SERVER):
            known = table.get(number)
            if known is not None:
                try:
                    known[1](body)
                except WhytlsError:
                    pass

    return run


def sslv2() -> Run:
    """A record with SSLv2's header and the message in it."""
    from whytls.wire.record import split
    from whytls.wire.sslv2 import read_sslv2

    def run(data: bytes) -> None:
        read_sslv2(data)
        for one in split(data).records:
            read_sslv2(data[one.start : one.end])

    return run


SSLV2 = [
    b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80\x03\x00\x80\x04\x00\x80\x05\x00\x80\x06\x00\x40\x07\x00\xc0"
    + bytes(range(16)),
    b"\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x00\x00\x2f\x00\x00\x35" + bytes(range(16)),
    b"\x80\x1f\x04\x00\x01\x00\x02\x00\x04\x00\x03\x00\x10abcd\x01\x00\x80" + bytes(range(16)),
    b"\x80\x03\x00\x00\x01",
]
