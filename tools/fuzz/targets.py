"""The functions of ours that take bytes from somebody else, each with seeds and a way to change them.

A target's ``run`` raises whatever its function raises: our own errors are answers, anything else is a finding. What a parser
promises besides (places inside the buffer, pieces that do not overlap) is asserted here too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import pairwise
from random import Random

from tools.fuzz import seeds
from tools.fuzz.der import change_der
from tools.fuzz.frames import Change, change_capture, change_pcapng
from tools.fuzz.streams import change_body, change_stream

Run = Callable[[bytes], None]
Mutate = Callable[[bytes, int, Random, Change], bytes]
NOW = 1_790_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class Target:
    """One function under test. ``make`` imports it, so that it is imported instrumented."""

    make: Callable[[], Run]
    seeds: Callable[[], list[bytes]]
    mutate: Mutate
    longest: int = 4096


def anywhere(data: bytes, longest: int, _rng: Random, change: Change) -> bytes:
    """No structure to keep."""
    return change(data, longest)


# ------------------------------------------------------------------ lists of byte strings as one input


def packed(items: list[bytes]) -> bytes:
    """Each item behind its length in three bytes."""
    return b"".join(len(item).to_bytes(3, "big") + item for item in items)


def unpacked(data: bytes) -> Iterator[bytes]:
    """The items; the last one as far as it is there."""
    at = 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at : at + 3], "big")
        yield data[at + 3 : at + 3 + size]
        at += 3 + size


def change_items(data: bytes, longest: int, rng: Random, change: Change, item: Mutate = anywhere) -> bytes:
    """One item changed, doubled, dropped or moved; the lengths stay right."""
    items = list(unpacked(data)) or [b""]
    at, roll = rng.randrange(len(items)), rng.random()
    if roll < 0.7:
        items[at] = item(items[at], len(items[at]) + 100, rng, change)
    elif roll < 0.8:
        items.insert(at, items[rng.randrange(len(items))])
    elif roll < 0.9 and len(items) > 1:
        del items[at]
    else:
        rng.shuffle(items)
    made = packed(items)
    return made if len(made) <= longest else change(data, longest)


def behind(prefix: int, data: bytes, longest: int, rng: Random, change: Change, inner: Mutate = anywhere) -> bytes:
    """A selector in front that is seldom changed, and the rest."""
    head, body = data[:prefix], data[prefix:]
    if rng.random() < 0.05:
        head = bytes(rng.randrange(256) for _ in range(prefix))
    return head + inner(body, longest - prefix, rng, change)


# ------------------------------------------------------------------ capture/


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
        made = stream(kept, base)
        position = 0
        for start, piece in made.pieces:
            assert start >= position
            assert piece
            position = start + len(piece)
            made.completing(start, position)
            made.beginning(start, position)
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


# ------------------------------------------------------------------ wire/


def record() -> Run:
    """One direction cut into records; what it begins with."""
    from whytls.wire.record import looks_like_records, looks_like_tls, split

    def run(data: bytes) -> None:
        found, at = split(data), 0
        for one in found.records:
            assert at == one.offset < one.start <= one.end <= len(data)
            at = one.end
        assert found.end == at
        assert found.stop or at == len(data)
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


# ------------------------------------------------------------------ pki/


def certificate() -> Run:
    """A certificate, by the library and by our lenient reader."""
    from whytls.pki import der
    from whytls.pki.certificate import read

    def run(data: bytes) -> None:
        read(data)
        der.fields(data)

    return run


def chain() -> Run:
    """A chain as a peer sends it, for both purposes."""
    from whytls.pki.chain import examine

    def run(data: bytes) -> None:
        sent = list(unpacked(data))[:40]
        examine(sent, at=NOW, host="api.example.test")
        examine(sent, at=NOW, purpose="client", anchors=sent[-1:])

    return run


def chain_seeds() -> list[bytes]:
    """The chains, and each in another order."""
    return [packed(list(c)) for c in seeds.certificates()] + [packed(list(c[::-1])) for c in seeds.certificates() if len(c) > 1]


def name() -> Run:
    """A host name against the names of a certificate."""
    from whytls.pki.certificate import Certificate
    from whytls.pki.name import match

    def run(data: bytes) -> None:
        parts = [part.decode("utf-8", "backslashreplace") for part in data.split(b"\0")]
        host, names = parts[0], tuple(parts[1:])
        match(host, Certificate(b"", "", (), dns_names=names))
        match(host, Certificate(b"", "", (), common_names=names))
        match(host, Certificate(b"", "", (), ip_addresses=names))

    return run


NAMES = [
    b"api.example.test\0api.example.test",
    b"a.b.example.test\0*.example.test\0*.b.example.test\0a*.b.example.test",
    b"10.0.0.1\x0010.0.0.1\x00*.0.0.1",
    b"[2001:db8::1]\x002001:db8:0:0:0:0:0:1",
    b"xn--bcher-kva.example\0b\xc3\xbccher.example\0*.example",
    b"API.Example.Test.\0api.example.test.\0",
]

TARGETS: dict[str, Target] = {
    "pcap": Target(pcap, lambda: list(seeds.captures()), partial(change_capture, payload=change_stream), 16384),
    "pcapng": Target(pcapng, seeds.pcapngs, change_pcapng, 16384),
    "locate": Target(locate, located_seeds, partial(behind, 2, inner=change_items)),
    "tcp": Target(tcp, segment_seeds, change_items),
    "record": Target(record, lambda: list(seeds.streams()), change_stream),
    "message": Target(message, message_seeds, change_read),
    "extension": Target(extension, seeds.extension_bodies, partial(behind, 2), 1024),
    "certificate": Target(certificate, lambda: [c for chain in seeds.certificates() for c in chain], change_der),
    "chain": Target(chain, chain_seeds, partial(change_items, item=change_der), 8192),
    "name": Target(name, lambda: NAMES, anywhere, 512),
}
