"""Packets for the tests of the engine: a tape that is recorded segment by segment, and the few TLS bytes that they need."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from whytls.capture.pcap import Run

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
EPOCH = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 443)


def record(content_type: int, body: bytes, version: int = 0x0303) -> bytes:
    """A TLS record."""
    return struct.pack(">BHH", content_type, version, len(body)) + body


def message(number: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes([number]) + len(body).to_bytes(3, "big") + body


def client_hello(name: str = "www.example.test", modern: bool = False) -> bytes:
    """A record with a ClientHello."""
    host = name.encode()
    entry = b"\0" + struct.pack(">H", len(host)) + host
    extensions = struct.pack(">HHH", 0, len(entry) + 2, len(entry)) + entry
    extensions += bytes.fromhex("000a00060004001d0017")
    if modern:
        extensions += bytes.fromhex("002b0003020304")
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\4\xc0\x2f\x13\x01" + b"\1\0" + struct.pack(">H", len(extensions)) + extensions
    return record(22, message(1, body), 0x0301)


def server_hello(modern: bool = False) -> bytes:
    """A record with a ServerHello."""
    extensions = bytes.fromhex("002b00020304") if modern else b"\xff\x01\0\1\0"
    suite = b"\x13\x01" if modern else b"\xc0\x2f"
    return record(22, message(2, b"\x03\x03" + bytes(range(32, 64)) + b"\0" + suite + b"\0" + struct.pack(">H", len(extensions)) + extensions))


def certificate(size: int = 900) -> bytes:
    """A record with a Certificate message; its one certificate is no certificate."""
    der = bytes(i * 7 & 255 for i in range(size))
    inner = len(der).to_bytes(3, "big") + der
    return record(22, message(11, len(inner).to_bytes(3, "big") + inner))


def server_flight() -> bytes:
    """ServerHello, Certificate, ServerKeyExchange, ServerHelloDone under TLS 1.2."""
    exchange = b"\3\0\x1d\x20" + bytes(32) + b"\x08\x04\0\4abcd"
    return server_hello() + certificate() + record(22, message(12, exchange)) + record(22, message(14, b""))


CLIENT_FLIGHT = record(22, message(16, b"\x20" + bytes(32))) + record(20, b"\1") + record(22, bytes(40))
SERVER_FINISH = record(20, b"\1") + record(22, bytes(40))
MODERN_SERVER = server_hello(True) + record(20, b"\1") + b"".join(record(23, bytes(n)) for n in (42, 900, 281, 53))
MODERN_CLIENT = record(20, b"\1") + record(23, bytes(53))


def alert(description: int, level: int = 2) -> bytes:
    """A record with a plain alert."""
    return record(21, bytes([level, description]))


class Tape:
    """Records a TCP connection packet by packet; one millisecond passes between two of them."""

    def __init__(self, client: tuple[str, int] = CLIENT, server: tuple[str, int] = SERVER, start: tuple[int, int] = (1000, 9000)) -> None:
        self.ends = (client, server)
        self.next = list(start)
        self.clock = EPOCH
        self.packets: list[tuple[int, bytes, int]] = []  # time, frame, length on the wire
        self.ident = 1
        self.ttl = [64, 57]

    def send(
        self, side: int, data: bytes = b"", flags: int = ACK | PSH, *, seq: int | None = None, snap: int | None = None, ttl: int | None = None
    ) -> Tape:
        """One segment; with ``seq`` it stands somewhere else and moves nothing on."""
        at = self.next[side] if seq is None else seq & 0xFFFFFFFF
        ack = self.next[1 - side] if flags & ACK else 0
        tcp = struct.pack(">HHIIBBHHH", self.ends[side][1], self.ends[1 - side][1], at, ack, 0x50, flags, 65535, 0, 0) + data
        addresses = b"".join(bytes(map(int, self.ends[i][0].split("."))) for i in (side, 1 - side))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), self.ident & 0xFFFF, 0x4000, ttl or self.ttl[side], 6, 0) + addresses
        frame = bytes(12) + b"\x08\x00" + ip + tcp
        self.ident += 1
        if seq is None:
            self.next[side] = (at + len(data) + (1 if flags & (SYN | FIN) else 0)) & 0xFFFFFFFF
        self.packets.append((self.clock, frame[:snap], len(frame)))
        self.clock += MILLISECOND
        return self

    def open(self) -> Tape:
        """SYN, SYN-ACK, ACK."""
        return self.send(0, flags=SYN).send(1, flags=SYN | ACK).send(0, flags=ACK)

    def client(self, data: bytes, size: int = 1400) -> Tape:
        """The client sends bytes, in segments of at most ``size``; the server acknowledges."""
        return self._bytes(0, data, size)

    def server(self, data: bytes, size: int = 1400) -> Tape:
        """The server sends bytes; the client acknowledges."""
        return self._bytes(1, data, size)

    def _bytes(self, side: int, data: bytes, size: int) -> Tape:
        for at in range(0, len(data), size):
            self.send(side, data[at : at + size])
        return self.send(1 - side, flags=ACK)

    def close(self, side: int = 0) -> Tape:
        """One side closes, then the other."""
        return self.send(side, flags=FIN | ACK).send(1 - side, flags=FIN | ACK).send(side, flags=ACK)

    def wait(self, seconds: float) -> Tape:
        """Time passes."""
        self.clock += int(seconds * SECOND)
        return self

    def tail(self, seconds: float) -> Tape:
        """Something else is recorded later, so that the recording goes on."""
        self.wait(seconds)
        self.packets.append((self.clock, bytes(12) + b"\x08\x06" + bytes(28), 42))
        return self


def run_of(packets: list[tuple[int, bytes, int]], link: int = 1) -> Run:
    """One run of these packets."""
    buf, starts, ends, times, lengths = b"", [], [], {}, {}
    for time, frame, length in packets:
        start = len(buf) + 8
        buf += bytes(8) + frame
        starts.append(start)
        ends.append(start + len(frame))
        times[start], lengths[start] = time, length
    return Run(buf, starts, ends, link, lambda _, at: times[at], lambda _, at: lengths[at])


class Recorded:
    """A recording of packets held in memory, in one file or several."""

    def __init__(self, *files: list[tuple[int, bytes, int]], link: int = 1, in_one_run: int = 50) -> None:
        self.files, self.link, self.in_one_run = files, link, in_one_run

    def runs(self) -> Iterator[tuple[str, Run]]:
        for number, packets in enumerate(self.files, 1):
            for at in range(0, len(packets), self.in_one_run):
                yield f"{number}.pcap", run_of(packets[at : at + self.in_one_run], self.link)
