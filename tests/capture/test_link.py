"""What is told apart on a link; every layer that carries IP is in test_ip_variants.py."""

from __future__ import annotations

import struct

import pytest
from rewrap import CAPTURES, LINKS, MACS, Wrap, ethernet, packets, ppp, segment, snap

from whytls.capture import ip, link

PACKET = packets(next(c for c in CAPTURES if "ipv4" in c.name))[3].data
SIX = packets(next(c for c in CAPTURES if "ipv6" in c.name))[3].data


def reads(kind: int, frame: bytes, data: bytes = PACKET) -> bool:
    """Whether the segment of ``data`` is found in the frame."""
    tcp = ip.locate(kind, frame, 0, len(frame), ip.Reassembly())
    return tcp is not None and tcp.buf[tcp.offset : tcp.stop].endswith(segment(data).payload) and tcp.missing == 0


def test_what_is_not_supported_is_said_with_its_name() -> None:
    assert link.unsupported(1) is None
    assert link.unsupported(147) == "link type 147 (DLT_USER0) is not supported: its packets are counted and not read"
    assert link.unsupported(9999) == "link type 9999 is not supported: its packets are counted and not read"


@pytest.mark.parametrize("six", [10, 23, 24, 28, 30])
@pytest.mark.parametrize("order", "<>")
def test_every_system_s_number_of_ipv6_on_loopback(order: str, six: int) -> None:
    assert reads(0, struct.pack(order + "I", six) + SIX, SIX)


def test_loopback_of_other_families() -> None:
    assert not reads(0, struct.pack("<I", 7) + PACKET)


def test_wireless_frames_that_cannot_be_read() -> None:
    assert reads(105, b"\x08\x01" + bytes(22) + snap(PACKET))
    assert not reads(105, b"\x08\x41" + bytes(22) + snap(PACKET))  # encrypted
    assert not reads(105, b"\x80\x00" + bytes(22) + snap(PACKET))  # a beacon
    assert not reads(105, b"\x48\x01" + bytes(22))  # data frame without data


def test_wireless_frames_with_high_throughput_control_and_aggregates() -> None:
    assert reads(105, b"\x88\x81" + bytes(22) + bytes(2) + bytes(4) + snap(PACKET))
    assert reads(105, b"\x88\x01" + bytes(22) + b"\x80\0" + MACS + struct.pack(">H", 8 + len(PACKET)) + snap(PACKET))


def test_radiotap_without_flags_and_prism() -> None:
    inner = b"\x08\x01" + bytes(22) + snap(PACKET)
    assert reads(127, struct.pack("<BBHI", 0, 0, 8, 0) + inner)
    assert reads(119, bytes(144) + inner)


def test_pppoe_discovery_is_no_session() -> None:
    assert reads(51, struct.pack(">BBHH", 0x11, 0, 9, len(PACKET) + 2) + ppp(PACKET))
    assert not reads(51, struct.pack(">BBHH", 0x11, 0x09, 0, len(PACKET) + 2) + ppp(PACKET))


def test_pppoe_s_length_bounds_ip_where_a_router_counted_the_padding_into_it() -> None:
    """Seen on access lines: a bare ACK of 40 bytes whose IP header says 46."""
    ack = bytearray(packets(CAPTURES[0])[2].data)
    size = len(ack)
    struct.pack_into(">H", ack, 2, size + 6)
    frame = MACS + b"\x88\x64" + struct.pack(">BBHH", 0x11, 0, 9, size + 2) + ppp(bytes(ack)) + bytes(6)
    tcp = ip.locate(1, frame, 0, len(frame), ip.Reassembly())
    assert tcp is not None
    assert (tcp.stop - tcp.offset, tcp.missing) == (size - 20, 0)


def test_other_protocols_have_no_place() -> None:
    arp = MACS + b"\x08\x06" + bytes(46)
    assert link.network(1, arp, 0, len(arp)) == (0x0806, 14, link.FAR)
    assert not reads(1, arp)
    assert not reads(9, b"\xff\x03\xc0\x21" + PACKET)  # PPP's own link control
    assert not reads(1, MACS + b"\0\x26\x42\x42\x03" + PACKET)  # spanning tree
    assert not reads(192, struct.pack("<BBHI", 0, 0, 8, 192) + struct.pack("<BBHI", 0, 0, 8, 1) + ethernet(PACKET))


def test_tags_are_bounded() -> None:
    for count in (1, 8, link.MOST_TAGS - 1, link.MOST_TAGS, 100):
        assert reads(1, MACS + b"\x81\0\0\x05" * count + b"\x08\0" + PACKET) is (count < link.MOST_TAGS)


@pytest.mark.parametrize(("kind", "wrap"), LINKS.values(), ids=LINKS)
def test_a_header_alone_is_no_packet(kind: int, wrap: Wrap) -> None:
    header = len(wrap(PACKET)) - len(PACKET)
    for stop in range(header + 1):
        assert not reads(kind, wrap(PACKET)[:stop])
