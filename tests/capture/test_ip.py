"""The general way to TCP: fragments, cut packets, nesting, ICMP, and bytes that mean nothing."""

from __future__ import annotations

import random
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewrap import CAPTURES, CUTS, LINKS, TUNNELS, ethernet, fragments, in_ip, in_ip6, ip4, ip6, packets, segment, split, vxlan

from whytls.capture import ip
from whytls.capture.link import READERS

BY_FAMILY = {4: next(c for c in CAPTURES if "ipv4" in c.name), 6: next(c for c in CAPTURES if "ipv6" in c.name)}
LONG = {family: max((p.data for p in packets(path)), key=len) for family, path in BY_FAMILY.items()}
BOTH = pytest.mark.parametrize("family", [4, 6])
MILLISECOND = 1_000_000


def find(data: bytes, reassembly: ip.Reassembly | None = None, now: int = 0, link: int = 101) -> ip.Located | None:
    return ip.locate(link, data, 0, len(data), reassembly or ip.Reassembly(), now)


def payload(tcp: ip.Located | None) -> bytes | None:
    return tcp and tcp.buf[tcp.offset + (tcp.buf[tcp.offset + 12] >> 4) * 4 : tcp.stop]


@BOTH
def test_a_plain_packet(family: int) -> None:
    tcp, wanted = find(LONG[family]), segment(LONG[family])
    assert tcp is not None
    assert (tcp.src, tcp.dst, tcp.proto, tcp.missing, tcp.fragments, tcp.layers) == (wanted.src, wanted.dst, ip.TCP, 0, 0, 1)
    assert tcp.ttl == LONG[family][8 if family == 4 else 7]
    assert payload(tcp) == wanted.payload


@BOTH
def test_a_packet_cut_to_the_snap_length_says_what_is_missing(family: int) -> None:
    data = LONG[family]
    tcp = find(data[:-30])
    assert tcp is not None
    assert tcp.missing == 30
    assert payload(tcp) == segment(data).payload[:-30]
    assert find(data[: (20 if family == 4 else 40) + 19]) is None


@BOTH
def test_fragments_in_any_order_each_twice(family: int) -> None:
    pieces = fragments(LONG[family], 1, 24)
    assert len(pieces) > 5
    for seed in range(20):
        order = [piece for piece in pieces for _ in range(2)]
        random.Random(seed).shuffle(order)
        reassembly = ip.Reassembly()
        found = [tcp for tcp in (find(piece, reassembly) for piece in order) if tcp]
        assert [payload(tcp) for tcp in found] == [segment(LONG[family]).payload]
        assert found[0].fragments >= len(pieces)
        assert (reassembly.held, len(reassembly.waiting)) == (0, 0)


@BOTH
def test_a_datagram_is_found_where_its_last_fragment_stands(family: int) -> None:
    reassembly, pieces = ip.Reassembly(), fragments(LONG[family], 1, 24)
    assert [find(piece, reassembly) for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert find(pieces[-1], reassembly) is not None


def overlapping(family: int, change: bytes) -> list[bytes]:
    """Fragments of which the second begins 8 bytes too early."""
    src, dst, data, proto = split(LONG[family])
    second = change + data[40 + len(change) :]
    if family == 4:
        return [ip4(data[:48], proto, src, dst, 0x2000), ip4(second, proto, src, dst, 5)]
    return [ip6(struct.pack(">BBHI", proto, 0, 1, 9) + data[:48], 44, src, dst), ip6(struct.pack(">BBHI", proto, 0, 40, 9) + second, 44, src, dst)]


@BOTH
def test_overlaps_that_agree_are_joined_and_contradictions_are_not(family: int) -> None:
    reassembly = ip.Reassembly()
    same = split(LONG[family])[2][40:48]
    assert payload([find(p, reassembly) for p in overlapping(family, same)][-1]) == segment(LONG[family]).payload
    other = bytes(b ^ 1 for b in same)
    assert [find(p, reassembly, 10**10) for p in overlapping(family, other)] == [None, None]
    assert reassembly.given_up == 1


@BOTH
def test_fragments_of_different_times_are_not_joined(family: int) -> None:
    reassembly, pieces = ip.Reassembly(), fragments(LONG[family], 1, 24)
    for piece in pieces[:-1]:
        assert find(piece, reassembly, 0) is None
    assert find(pieces[-1], reassembly, 31 * ip.SECOND) is None
    for piece in pieces[:-1]:
        last = find(piece, reassembly, 32 * ip.SECOND)
    assert payload(last) == segment(LONG[family]).payload


def test_a_number_used_again_at_once_is_an_echo_and_later_a_new_datagram() -> None:
    reassembly, pieces = ip.Reassembly(), fragments(LONG[4], 1, 600)
    assert [bool(find(p, reassembly, 0)) for p in pieces][-1]
    assert not any(find(p, reassembly, MILLISECOND) for p in pieces)
    assert [bool(find(p, reassembly, 2 * ip.SECOND)) for p in pieces][-1]


@BOTH
def test_a_first_fragment_that_was_cut_is_read_as_far_as_it_goes(family: int) -> None:
    first, second, *_ = fragments(LONG[family], 1, 128)
    tcp = find(first[:-10])
    assert tcp is not None
    assert tcp.missing == 10
    assert find(second[:-10]) is None


def test_fragments_are_bounded_in_number_bytes_and_pieces() -> None:
    reassembly = ip.Reassembly(most=10, most_bytes=100_000)
    for number in range(1000):
        find(ip4(bytes(1400), 6, place=0x2000, number=number), reassembly)
        assert len(reassembly.waiting) <= 10
        find(ip4(bytes(1400), 6, place=0x2000 | 0x1E00, number=number), reassembly)
        assert reassembly.held <= 100_000
    began = time.process_time()
    for place in range(2, 8000, 2):
        find(ip4(bytes(8), 6, place=0x2000 | place, number=5000), reassembly)
    assert reassembly.given_up > 1000
    assert time.process_time() - began < 2


def test_fragments_that_no_datagram_can_have() -> None:
    reassembly = ip.Reassembly()
    assert find(ip4(bytes(16), 6, place=0x1FFF), reassembly) is None  # ends behind 65,535
    assert find(ip4(bytes(15), 6, place=0x2000), reassembly) is None  # more follow, but no multiple of 8
    assert find(ip4(b"", 6, place=0x2000), reassembly) is None
    assert len(reassembly.waiting) == 0
    assert find(ip4(bytes(16), 6, place=2), reassembly) is None  # the last: ends at 32
    assert find(ip4(bytes(16), 6, place=0x2004), reassembly) is None  # beyond the end
    assert reassembly.given_up == 1
    assert find(ip4(bytes(16), 6, place=0x2004), reassembly) is None
    assert find(ip4(bytes(16), 6, place=2), reassembly) is None  # an end before what is there
    assert reassembly.given_up == 2


def test_nesting_is_bounded() -> None:
    data = LONG[4]
    for depth in range(1, 20):
        tcp = find(data)
        assert (tcp is not None) is (depth <= ip.MOST_LAYERS)
        assert tcp is None or tcp.layers == depth
        data = in_ip(data) if depth % 2 else in_ip6(data)


def test_extension_headers_are_bounded() -> None:
    src, dst, data, _ = split(LONG[6])
    for count in (1, 15, 17):
        headers = b"\x3c\x00\x01\x04\0\0\0\0" * (count - 1) + b"\x06\x00\x01\x04\0\0\0\0"
        assert (find(ip6(headers + data, 60, src, dst)) is not None) is (count < ip.MOST_HEADERS)


def test_what_is_not_tcp() -> None:
    udp = find(ip4(struct.pack(">HHHH", 1, 2, 12, 0) + b"data", 17))
    assert udp is not None
    assert (udp.proto, udp.buf[udp.offset + 8 : udp.stop]) == (ip.UDP, b"data")
    assert find(ip4(bytes(40), 2)) is None  # IGMP
    assert find(b"\x50" + bytes(60)) is None
    assert find(ip4(bytes(40), 6), link=147) is None
    for damaged in (b"\x44" + LONG[4][1:], b"\x4f" + LONG[4][1:40], LONG[4][:2] + b"\0\x13" + LONG[4][4:]):
        assert find(damaged) is None  # headers shorter than a header, longer than the packet, a total length below it


@BOTH
def test_icmp_says_which_connection_it_is_about(family: int) -> None:
    data = LONG[family]
    tcp = segment(data)
    quote = data[: (20 if family == 4 else 40) + 8]
    message = ip4(b"\x03\x03" + bytes(6) + quote, 1) if family == 4 else ip6(b"\x01\x04" + bytes(6) + quote, 58)
    icmp = find(message)
    assert icmp is not None
    assert icmp.proto == (ip.ICMP if family == 4 else ip.ICMP6)
    quoted = ip.quoted(icmp)
    assert quoted is not None
    ports = struct.unpack(">HH", tcp.header[:4])
    assert (quoted.src, quoted.dst, quoted.source_port, quoted.destination_port) == (tcp.src, tcp.dst, *ports)
    assert (quoted.kind, quoted.code, quoted.sequence) == (3 if family == 4 else 1, 3 if family == 4 else 4, int.from_bytes(tcp.header[4:8]))
    for shorter in range(len(message) - 1):
        cut = find(message[:shorter])
        assert cut is None or ip.quoted(cut) is None
    ping = find(ip4(b"\x08\0" + bytes(60), 1))
    assert ping is not None
    assert ip.quoted(ping) is None


def test_a_tunnel_that_holds_nothing_of_ours_is_a_udp_packet() -> None:
    data = vxlan(LONG[4])
    broken = data[:28] + b"\0" + data[29:]  # no valid network identifier
    udp = find(broken)
    assert udp is not None
    assert (udp.proto, udp.layers) == (ip.UDP, 1)


SEEDS = [wrap(LONG[family]) for family in (4, 6) for wrap in TUNNELS.values()]
FRAMES = [(link, wrap(LONG[family])) for family in (4, 6) for link, wrap in LINKS.values()]


@settings(max_examples=300)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=300))
def test_arbitrary_packets_raise_nothing(link: int, data: bytes) -> None:
    tcp = find(data, link=link)
    assert tcp is None or 0 <= tcp.offset < tcp.stop <= len(tcp.buf)


@settings(max_examples=500)
@given(st.data())
def test_mutated_and_cut_packets_raise_nothing(data: st.DataObject) -> None:
    link, seed = data.draw(st.sampled_from(FRAMES + [(1, ethernet(packet)) for packet in SEEDS]))
    changed, head = bytearray(seed), min(len(seed), 160)
    for _ in range(data.draw(st.integers(0, 5))):
        changed[data.draw(st.integers(0, head - 1))] = data.draw(st.integers(0, 255))
    stop = data.draw(st.integers(0, len(changed)))
    tcp = find(bytes(changed[:stop]), link=link)
    assert tcp is None or 0 <= tcp.offset < tcp.stop <= len(tcp.buf)


@pytest.mark.parametrize("cut", CUTS)
def test_every_prefix_of_every_variant_raises_nothing(cut: str) -> None:
    for family in (4, 6):
        for piece in CUTS[cut](LONG[family], 1)[:3]:
            for stop in range(len(piece)):
                find(piece[:stop])
    for link, frame in FRAMES:
        for stop in range(min(len(frame), 200)):
            find(frame[:stop], link=link)


def test_the_packet_may_stand_anywhere_in_its_buffer() -> None:
    for link, frame in FRAMES:
        whole = find(frame, link=link)
        moved = ip.locate(link, b"\xff" * 7 + frame + b"\xff" * 9, 7, 7 + len(frame), ip.Reassembly())
        assert whole is not None
        assert moved is not None
        assert (moved.offset, moved.stop) == (whole.offset + 7, whole.stop + 7)


@pytest.mark.parametrize("link", [0, 1, 105, 127, 192, 239, 258])
def test_a_long_packet_of_tags_takes_no_longer(link: int) -> None:
    began = time.process_time()
    for pattern in (b"\x81\x00\x00\x05", b"\x88\xe7" + bytes(16), b"\x00\x00\x00\x00", b"\x88\x47\0\0\0\0", b"\xc0\0\0\0\x08\x00\xff\xff"):
        find(b"\0" * 12 + pattern * (262144 // len(pattern)), link=link)
    assert time.process_time() - began < 1
