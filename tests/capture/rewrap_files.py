"""Writes packets in every file format that whytls reads: pcap, pcapng, compressed, and rotated sets. See rewrap.py."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Sequence

import zstandard
from rewrap import Packet, Variant, ethernet

KEY_LOG = b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n"


def pcap(packets: Sequence[Packet], link: int, order: str = "<", nano: bool = False, modified: bool = False) -> bytes:
    """A pcap file."""
    magic = 0xA1B23C4D if nano else 0xA1B2CD34 if modified else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for time, data in packets:
        second, rest = divmod(time, 10**9)
        out.append(struct.pack(order + "IIII", second, rest if nano else rest // 1000, len(data), len(data)))
        out.append((struct.pack(order + "IHBB", 1, 0x0800, 0, 0) if modified else b"") + data)
    return b"".join(out)


class Blocks:
    """A pcapng file in the making; ``frames`` counts as Wireshark does."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.frames = 0
        self.order = "<"

    def block(self, kind: int, body: bytes, counts: bool = False) -> Blocks:
        """Any block."""
        body += bytes(-len(body) % 4)
        head = struct.pack(self.order + "II", kind, len(body) + 12)
        self.out.append(head + body + head[4:])
        self.frames += counts
        return self

    def section(self, order: str = "<") -> Blocks:
        """A section header."""
        self.order = order
        return self.block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + self.options((3, b"Linux")))

    def options(self, *options: tuple[int, bytes]) -> bytes:
        """Options with their end."""
        parts = [struct.pack(self.order + "HH", code, len(v)) + v + bytes(-len(v) % 4) for code, v in options]
        return b"".join(parts) + bytes(4)

    def interface(self, link: int = 1, *options: tuple[int, bytes], snap: int = 0) -> Blocks:
        """An interface description."""
        return self.block(1, struct.pack(self.order + "HHI", link, 0, snap) + (self.options(*options) if options else b""))

    def packet(self, ticks: int, data: bytes, face: int = 0, options: bytes = b"") -> Blocks:
        """An enhanced packet."""
        head = struct.pack(self.order + "IIIII", face, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        return self.block(6, head + data + bytes(-len(data) % 4) + options, True)

    def simple(self, data: bytes) -> Blocks:
        """A simple packet."""
        return self.block(3, struct.pack(self.order + "I", len(data)) + data, True)

    def obsolete(self, ticks: int, data: bytes, face: int = 0) -> Blocks:
        """An obsolete packet block."""
        head = struct.pack(self.order + "HHIIII", face, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
        return self.block(2, head + data, True)

    def done(self) -> bytes:
        """The file."""
        return b"".join(self.out)


def plain(packets: Sequence[Packet], order: str = "<") -> Variant:
    """One section, one interface, microseconds."""
    blocks = Blocks().section(order).interface()
    for time, data in packets:
        blocks.packet(time // 1000, ethernet(data))
    return Variant(blocks.done(), {n: n for n in range(1, len(packets) + 1)})


def crowded(packets: Sequence[Packet]) -> Variant:
    """Every other kind of block between the packets; those that Wireshark counts as frames leave holes in the numbers."""
    blocks, frames = Blocks().section().interface(1, (2, b"eth0"), (9, b"\x09")), {}
    enterprise = struct.pack("<I", 32473)
    others = [
        (4, struct.pack("<HH", 1, 8) + b"\x0a\0\0\x01a.b\0" + bytes(4), False),
        (5, struct.pack("<III", 0, 1, 1), False),
        (10, struct.pack("<II", 0x544C534B, len(KEY_LOG)) + KEY_LOG, False),
        (0xBAD, enterprise + b"ours", True),
        (0x40000BAD, enterprise + b"ours", True),
        (9, b"__REALTIME_TIMESTAMP=1\n", True),
        (0x777, b"unknown", False),
        (0x80000777, b"unknown", False),
    ]
    for number, (time, data) in enumerate(packets, 1):
        blocks.packet(time, ethernet(data), options=blocks.options((1, b"a comment"), (2, b"\x01\0\0\0")))
        frames[number] = blocks.frames
        blocks.block(*others[number % len(others)])
    return Variant(blocks.done(), frames)


def interfaces(packets: Sequence[Packet]) -> Variant:
    """Interfaces of different link types and clocks, by turns: decimal and binary resolution, offset, none stated."""
    blocks = Blocks().section()
    blocks.interface().interface(101, (9, b"\x09")).interface(1, (9, b"\x9e"))  # 2^-30 seconds
    blocks.interface(1, (2, b"odd"), (14, struct.pack("<q", 10**9)), (9, b"\x06")).interface(147)
    frames = {}
    for number, (time, data) in enumerate(packets, 1):
        face = number % 4
        ticks = (time // 1000, time, -(-(time << 30) // 10**9), time // 1000 - 10**15)[face]
        blocks.packet(ticks, data if face == 1 else ethernet(data), face)
        frames[number] = blocks.frames
        if number % 5 == 0:
            blocks.packet(time // 1000, b"not ours", 4)
    return Variant(blocks.done(), frames)


def sections(packets: Sequence[Packet]) -> Variant:
    """Sections of both byte orders after each other, each with interfaces of its own."""
    blocks = Blocks()
    for number, (time, data) in enumerate(packets):
        if number % 4 == 0:
            blocks.section("<>"[number // 4 % 2]).interface(101, (9, b"\x09")).interface()
        blocks.packet(time // 1000, ethernet(data), 1)
    return Variant(blocks.done(), {n: n for n in range(1, len(packets) + 1)})


def old_blocks(packets: Sequence[Packet]) -> Variant:
    """Enhanced, obsolete and simple packet blocks by turns."""
    blocks = Blocks().section(">").interface()
    for number, (time, data) in enumerate(packets):
        if number % 3 == 0:
            blocks.packet(time // 1000, ethernet(data))
        elif number % 3 == 1:
            blocks.obsolete(time // 1000, ethernet(data))
        else:
            blocks.simple(ethernet(data))
    return Variant(blocks.done(), {n: n for n in range(1, len(packets) + 1)})


def zstd(data: bytes) -> bytes:
    """Two frames, and one to be skipped before them."""
    half, squeeze = len(data) // 2, zstandard.ZstdCompressor(write_checksum=True).compress
    return b"\x50\x2a\x4d\x18\x04\0\0\0skip" + squeeze(data[:half]) + squeeze(data[half:])


def files(original: Sequence[Packet]) -> dict[str, Variant]:
    """The capture in every file format."""
    same = {n: n for n in range(1, len(original) + 1)}
    frames = [Packet(time, ethernet(data)) for time, data in original]
    simple, half = pcap(frames, 1), len(original) * 37
    found = {
        "pcap": simple,
        "pcap, big-endian": pcap(frames, 1, ">"),
        "pcap, nanoseconds": pcap(frames, 1, nano=True),
        "pcap, big-endian nanoseconds": pcap(frames, 1, ">", nano=True),
        "pcap, modified": pcap(frames, 1, modified=True),
        "pcap, with frame check sequences": pcap([Packet(t, d + b"\x01\x02\x03\x04") for t, d in frames], 1 | 0x24000000),
        "gzip": gzip.compress(simple),
        "gzip, members": gzip.compress(simple[:half]) + gzip.compress(simple[half:]),
        "gzip, zeros behind": gzip.compress(simple) + bytes(512),
        "xz": lzma.compress(simple),
        "xz, streams": lzma.compress(simple[:half]) + bytes(4) + lzma.compress(simple[half:]),
        "bzip2": bz2.compress(simple[:half]) + bz2.compress(simple[half:]),
        "zstd": zstandard.compress(simple),
        "zstd, frames": zstd(simple),
        "pcapng in gzip": gzip.compress(plain(original).data),
    }
    return {name: Variant(data, same) for name, data in found.items()} | {
        "pcapng": plain(original),
        "pcapng, big-endian": plain(original, ">"),
        "pcapng, crowded": crowded(original),
        "pcapng, interfaces": interfaces(original),
        "pcapng, sections": sections(original),
        "pcapng, old blocks": old_blocks(original),
    }


def rotated(original: Sequence[Packet]) -> dict[str, dict[str, bytes]]:
    """The capture cut into three files as tcpdump and dumpcap name them: {kind: {file name: content}}."""
    size = -(-len(original) // 3)
    parts = [pcap([Packet(t, ethernet(d)) for t, d in original[i : i + size]], 1) for i in range(0, len(original), size)]
    assert len(parts) == 3
    names = {
        "-C": ("edge.pcap", "edge.pcap1", "edge.pcap2"),
        "-C, ring": ("edge.pcap1", "edge.pcap2", "edge.pcap0"),
        "-G": ("edge-2026-01-31T09:59:00.pcap", "edge-2026-01-31T10:00:00.pcap", "edge-2026-01-31T10:01:00.pcap"),
        "-G, unix": ("edge.1769853600.pcap", "edge.1769853660.pcap", "edge.1769853720.pcap"),
        "-G, hours": ("edge-23.pcap", "edge-00.pcap", "edge-01.pcap"),
        "dumpcap": ("e_00001_20260131095900.pcap", "e_00002_20260131100000.pcap", "e_00003_20260131100100.pcap"),
    }
    found = {kind: dict(zip(each, parts, strict=True)) for kind, each in names.items()}
    found["-C, squeezed"] = {f"edge.pcap{i}.gz" if i < 2 else "edge.pcap2": gzip.compress(p) if i < 2 else p for i, p in enumerate(parts)}
    return found
