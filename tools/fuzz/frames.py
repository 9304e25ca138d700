"""Captures taken apart into frames down to the TCP payload, changed, and put together again with lengths that fit."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

PCAP_MAGIC = b"\xd4\xc3\xb2\xa1"
LINK_HEADER = {1: 14, 113: 16, 276: 20, 101: 0}
MOST_FRAMES = 400


class Change(Protocol):
    """libFuzzer's own mutator: some bytes in, other bytes out."""

    def __call__(self, data: bytes, longest: int, /) -> bytes:
        """The changed bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet: what stands before the payload, and the payload."""

    stamp: bytes  # seconds and fraction, as they stand in the file
    link: bytes
    ip: bytes
    tcp: bytes
    payload: bytes
    whole: bytes = b""  # a packet that is no TCP: kept as it is
    cut: int = 0  # bytes that the snap length took

    def packet(self) -> bytes:
        """The packet with IP's length right."""
        if not self.tcp:
            return self.whole
        length = len(self.ip) + len(self.tcp) + len(self.payload)
        if self.ip[0] >> 4 == 4:
            ip = self.ip[:2] + struct.pack(">H", min(length, 0xFFFF)) + self.ip[4:]
        else:
            ip = self.ip[:4] + struct.pack(">H", min(length - 40, 0xFFFF)) + self.ip[6:]
        return self.link + ip + self.tcp + self.payload


def take_apart(data: bytes) -> tuple[int, list[Frame]]:
    """Link type and frames of a little-endian pcap file; as much of it as there is."""
    if data[:4] != PCAP_MAGIC or len(data) < 24:
        return 1, []
    link = struct.unpack_from("<I", data, 20)[0] & 0xFFFF
    at = 24
    frames: list[Frame] = []
    while at + 16 <= len(data) and len(frames) < MOST_FRAMES:
        (length,) = struct.unpack_from("<I", data, at + 8)
        body = data[at + 16 : at + 16 + length]
        if len(body) < length:
            break
        frames.append(_frame(data[at : at + 8], body, LINK_HEADER.get(link, 14)))
        at += 16 + length
    return link, frames


def _frame(stamp: bytes, packet: bytes, skip: int) -> Frame:
    ip = packet[skip:]
    version = ip[:1] and ip[0] >> 4
    if version == 4 and len(ip) >= 40 and ip[0] & 15 >= 5 and ip[9] == 6:
        header = (ip[0] & 15) * 4
        (total,) = struct.unpack_from(">H", ip, 2)
    elif version == 6 and len(ip) >= 60 and ip[6] == 6:
        header, total = 40, struct.unpack_from(">H", ip, 4)[0] + 40
    else:
        return Frame(stamp, b"", b"", b"", b"", packet)
    tcp = ip[header : header + 60]
    if len(tcp) < 20 or tcp[12] >> 4 < 5:
        return Frame(stamp, b"", b"", b"", b"", packet)
    data = header + (tcp[12] >> 4) * 4
    return Frame(stamp, packet[:skip], ip[:header], ip[header:data], ip[data : max(total, data)] if total else ip[data:])


def put_together(link: int, frames: list[Frame]) -> bytes:
    """A pcap file of these frames."""
    parts = [PCAP_MAGIC, struct.pack("<HHiIII", 2, 4, 0, 0, 262144, link)]
    for frame in frames:
        packet = frame.packet()
        kept = packet[: len(packet) - frame.cut] if frame.cut else packet
        parts += [frame.stamp, struct.pack("<II", len(kept), len(packet)), kept]
    return b"".join(parts)


class ChangeStream(Protocol):
    """A mutator that keeps structure, given libFuzzer's."""

    def __call__(self, data: bytes, longest: int, rng: Random, change: Change, /) -> bytes:
        """The changed bytes."""
        ...


def change_capture(data: bytes, longest: int, rng: Random, change: Change, payload: ChangeStream) -> bytes:
    """One to four changes to a capture; ``payload`` changes TCP payloads along TLS's own lengths."""
    link, frames = take_apart(data)
    if not frames:
        return change(data, longest)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(frames))
        frames[at : at + 1] = _change_frame(frames, at, rng, change, payload)
        if not frames:
            return change(data, longest)
    if rng.random() < 0.02:
        link = rng.choice((0, 1, 12, 101, 108, 113, 127, 147, 195, 276, rng.randrange(300)))
    made = put_together(link, frames)
    return made if len(made) <= longest else change(data, longest)


def _change_frame(frames: list[Frame], at: int, rng: Random, change: Change, payload: ChangeStream) -> list[Frame]:
    frame = frames[at]
    if not frame.tcp:
        return [replace(frame, whole=change(frame.whole, len(frame.whole) + 64) or b"\0")]
    roll = rng.random()
    if roll < 0.55 and frame.payload:
        return [replace(frame, payload=payload(frame.payload, len(frame.payload) + 256, rng, change))]
    if roll < 0.60:
        return []
    if roll < 0.65:
        return [frame, frame]
    if roll < 0.70:
        other = rng.randrange(len(frames))
        taken, frames[other] = frames[other], frame
        return [taken]
    if roll < 0.75:
        return [replace(frame, tcp=_field(frame.tcp, 4, 4, rng))]  # sequence number
    if roll < 0.80:
        return [replace(frame, tcp=_field(frame.tcp, rng.choice((8, 13)), 1, rng))]  # acknowledgement, flags
    if roll < 0.84:
        return [replace(frame, cut=rng.randrange(1, 1 + len(frame.payload) + len(frame.tcp) + len(frame.ip)))]
    if roll < 0.88 and len(frame.payload) > 1:
        return _halves(frame, rng.randrange(1, len(frame.payload)))
    if roll < 0.92:
        return [replace(frame, stamp=_field(frame.stamp, rng.choice((0, 4)), 4, rng))]
    if roll < 0.96:
        ip = change(frame.ip, len(frame.ip) + 40)
        return [replace(frame, ip=ip if len(ip) >= 20 else frame.ip)]  # packet() writes its length
    return [replace(frame, link=change(frame.link, len(frame.link) + 24))]


def _halves(frame: Frame, cut: int) -> list[Frame]:
    """The payload over two segments, in either sense right."""
    (seq,) = struct.unpack_from(">I", frame.tcp, 4)
    after = frame.tcp[:4] + struct.pack(">I", (seq + cut) & 0xFFFFFFFF) + frame.tcp[8:]
    return [replace(frame, payload=frame.payload[:cut]), replace(frame, tcp=after, payload=frame.payload[cut:])]


def _field(header: bytes, at: int, size: int, rng: Random) -> bytes:
    """A header with one number changed: a little, or altogether."""
    value = int.from_bytes(header[at : at + size], "big")
    bits = 8 * size
    near, flipped = value + rng.randrange(-3000, 3000), value ^ 1 << rng.randrange(bits)
    value = rng.choice((value + 1, value - 1, near, rng.getrandbits(bits), flipped))
    return header[:at] + (value & (1 << bits) - 1).to_bytes(size, "big") + header[at + size :]


# ------------------------------------------------------------------ pcapng


def as_pcapng(link: int, frames: list[Frame]) -> bytes:
    """The same packets as a pcapng file, with a secrets block and a name-resolution block between them."""
    parts = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link, 0, 0))]
    parts.append(block(10, struct.pack("<II", 0x544C534B, 14) + b"CLIENT_RANDOM \0\0"))
    for number, frame in enumerate(frames):
        packet, (seconds, fraction) = frame.packet(), struct.unpack("<II", frame.stamp)
        time = seconds * 1_000_000 + fraction
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(packet), len(packet))
        body = struct.pack("<I", len(packet)) + packet if number % 7 == 6 else head + packet
        parts.append(block(3 if number % 7 == 6 else 6, body + bytes(-len(body) % 4)))
    parts.insert(4, block(4, struct.pack("<HH", 0, 0)))
    return b"".join(parts)


def block(kind: int, body: bytes) -> bytes:
    """One block with both of its lengths."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def change_pcapng(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """Blocks changed inside, dropped, doubled or swapped, with their lengths right."""
    blocks: list[tuple[int, bytes]] = []
    at = 0
    while at + 12 <= len(data) and len(blocks) < MOST_FRAMES:
        kind, length = struct.unpack_from("<II", data, at)
        if length < 12 or at + length > len(data):
            break
        blocks.append((kind, data[at + 8 : at + length - 4]))
        at += length
    if not blocks:
        return change(data, longest)
    for _ in range(rng.randint(1, 3)):
        at, roll = rng.randrange(len(blocks)), rng.random()
        kind, body = blocks[at]
        if roll < 0.6:
            blocks[at] = (kind, change(body, len(body) + 64))
        elif roll < 0.7:
            blocks.insert(at, blocks[rng.randrange(len(blocks))])
        elif roll < 0.8 and len(blocks) > 1:
            del blocks[at]
        elif roll < 0.95:
            blocks[at] = (rng.choice((0x0A0D0D0A, 1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x204, 0x221)), body)
        else:
            blocks[at] = (kind, _field(body, 0, 4, rng) if len(body) >= 4 else body)
    made = b"".join(block(kind, body) for kind, body in blocks)
    return made if len(made) <= longest else change(data, longest)
