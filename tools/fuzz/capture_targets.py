"""Targets of capture/: files, packets, segments, and what stands before TLS."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise

from tools.fuzz import seeds
from tools.fuzz.items import NOW, Run, packed, unpacked


def _walk_runs(runs: Iterator[object]) -> None:
    from whytls.capture.pcap import Run as PacketRun

    for run in runs:
        assert isinstance(run, PacketRun)
        assert len(run.starts) == len(run.ends)
        assert run.frames is None or len(run.frames) == len(run.starts)
        for start, end in zip(run.starts, run.ends, strict=True):
            assert 0 <= start <= end <= len(run.buf)
        for start in run.starts[:1] + run.starts[-1:]:
            run.when(run.buf, start)
            assert run.orig(run.buf, start) >= 0


def pcap() -> Run:
    """Records of a pcap file."""
    from whytls.capture import pcap as reader

    def run(data: bytes) -> None:
        if data[:4] in reader.MAGICS:
            _walk_runs(reader.runs(BytesIO(data[4:]), data[:4]))

    return run


def pcapng() -> Run:
    """Blocks of a pcapng file."""
    from whytls.capture import pcapng as reader

    def run(data: bytes) -> None:
        if data[:4] == reader.MAGIC:
            _walk_runs(reader.runs(BytesIO(data[4:]), data[:4], []))

    return run


def locate() -> Run:
    """Packets of one link type, down to the innermost transport header, fragments joined."""
    from whytls.capture.ip import Reassembly
    from whytls.capture.ip import locate as find

    def run(data: bytes) -> None:
        link, waiting = int.from_bytes(data[:2], "big"), Reassembly()
        for packet in unpacked(data[2:]):
            found = find(link, packet, 0, len(packet), waiting, NOW)
            assert found is None or 0 <= found.offset <= found.stop <= len(found.buf)

    return run


def located_seeds() -> list[bytes]:
    """Single packets, and some in pairs."""
    packets = seeds.packets()
    return [packet[:2] + packed([packet[2:]]) for packet in packets] + [
        one[:2] + packed([one[2:], other[2:]]) for one, other in pairwise(packets) if one[:2] == other[:2]
    ]


_SEGMENT = struct.Struct(">hBBHB")


def tcp() -> Run:
    """Segments of one direction, in any order, put in order."""
    from whytls.capture.tcp import stream, without_copies

    def run(data: bytes) -> None:
        base = 0xFFFFFF00  # wraps soon
        packets = []
        for order, item in enumerate(unpacked(data)):
            if len(item) < _SEGMENT.size:
                continue
            place, flags, more, ident, moment = _SEGMENT.unpack_from(item)
            payload, seq = item[_SEGMENT.size :], (base + place) & 0xFFFFFFFF
            packets.append((order, moment * 10**6, flags, seq, 0, 64, payload, len(payload) + more, ident - 1))
        kept, _ = without_copies(packets)
        made = stream([p for p in kept if p[7]], [p for p in kept if p[2] & 7], base)  # with bytes; FIN, SYN, RST
        position = 0
        for start, piece in made.pieces:
            assert start >= position
            assert piece
            position = start + len(piece)
            made.completing(start, position)
        assert made.recorded <= sum(len(packet[6]) for packet in packets)

    return run


def segment_seeds() -> list[bytes]:
    """Streams cut into segments: in order, doubled, overlapping, the other way round."""
    found = []
    for stream in seeds.streams()[::10]:
        cuts = range(0, min(len(stream), 1200), 150)
        whole = [_SEGMENT.pack(at, 0x18, 0, at, 0) + stream[at : at + 150] for at in cuts]
        long = [_SEGMENT.pack(at, 0x18, 9, at, 1) + stream[at : at + 190] for at in cuts]
        found += [packed(whole), packed(whole + whole[2:4]), packed(long), packed(whole[::-1])]
    return found


def compressed() -> Run:
    """A compressed file read as a capture: never more at a time than was asked for, whatever it unpacks to."""
    from whytls.capture.compressed import opened

    def run(data: bytes) -> None:
        inside = opened(BytesIO(data[4:]), data[:4])
        total = 0
        while inside is not None and total < 1 << 20:
            more = inside.read(1 << 16)
            assert len(more) <= 1 << 16
            if not more:
                break
            total += len(more)

    return run


def compressed_seeds() -> list[bytes]:
    """Captures packed in each way, in two parts, and a bomb of each."""
    import bz2
    import gzip
    import lzma

    import zstandard

    found = []
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress):
        found += [pack(capture[:3000]) for capture in seeds.captures()[:6]]
        found += [pack(seeds.captures()[0][:500]) + pack(seeds.captures()[1][:500]), pack(bytes(1 << 20))]
    return found


def prelude() -> Run:
    """Both sides of a connection that does not begin with TLS."""
    from whytls.capture.prelude import answers_plain_request, find, opening

    def run(data: bytes) -> None:
        client, server = ([*unpacked(data), b"", b""])[:2]
        found = find(client, server)
        assert found is None or (found.client_at >= 0 and found.server_at >= 0)  # both can lie behind what was recorded
        for side in (client, server):
            if side:
                opening(side)
                answers_plain_request(side)

    return run


def prelude_seeds() -> list[bytes]:
    """Each dialect's two sides, alone and with TLS behind them."""
    hello = next(stream for stream in seeds.streams() if stream[:1] == b"\x16" and stream[5:6] == b"\1")
    answer = next(stream for stream in seeds.streams() if stream[:1] == b"\x16" and stream[5:6] == b"\2")
    found = []
    for client, server in seeds.PRELUDES:
        found += [packed([client, server]), packed([client + hello, server + answer]), packed([client, b""]), packed([b"", server])]
    return found
