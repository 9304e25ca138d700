"""What is a tunnel and what only looks like one; every tunnel that carries IP is in test_ip_variants.py."""

from __future__ import annotations

import struct

import pytest
from rewrap import CAPTURES, TUNNELS, ethernet, gre, ip4, packets, udp

from whytls.capture import ip, tunnel

PACKET = packets(next(c for c in CAPTURES if "ipv4" in c.name))[3].data
SIX = packets(next(c for c in CAPTURES if "ipv6" in c.name))[3].data


def found(data: bytes) -> tuple[int, int] | None:
    """(protocol, IP headers) of what was found."""
    located = ip.locate(101, data, 0, len(data), ip.Reassembly())
    return located and (located.proto, located.layers)


OUTSIDE, INSIDE = (ip.UDP, 1), (ip.TCP, 2)


@pytest.mark.parametrize("change", [(8, 0x20), (16, 0x30), (30, 0x01)])
def test_gre_of_unknown_versions_and_types_is_none(change: tuple[int, int]) -> None:
    assert found(gre(0)(PACKET)) == INSIDE
    data = bytearray(gre(0)(PACKET))
    if change[0] == 30:
        data[21] = 0x02  # version 2
    else:
        data[22:24] = struct.pack(">H", change[0] << 8 | change[1])
    assert found(bytes(data)) is None


def test_gre_wccp_without_a_redirect_header() -> None:
    assert found(gre(0, 0x883E)(PACKET)) == INSIDE


def test_erspan_of_bare_ip_and_of_unknown_frames() -> None:
    head = b"\0\0\0\x01" + b"\x20\x05\0\x07" + bytes(4)
    assert found(gre(0x1000, 0x22EB, head + b"\0\0\x08\0")(PACKET)) == INSIDE
    assert found(gre(0x1000, 0x22EB, head + b"\0\0\x04\0", ethernet)(PACKET)) is None
    assert found(gre(0x1000, 0x88BE, b"\0\0\0\x01" + b"\x30" + bytes(7), ethernet)(PACKET)) is None


def test_udp_on_a_tunnel_s_port_that_is_none() -> None:
    assert found(udp(b"\0" * 100, 4789)) == OUTSIDE
    assert found(udp(b"\xff" * 100, 6081)) == OUTSIDE
    assert found(udp(b"\0" * 100, 2152, 2152)) == OUTSIDE
    assert found(udp(b"\x01\0\0\x01" + b"\x0a\x01", 37008)) == OUTSIDE
    assert found(udp(b"\x02\0\0\x01\x01" + ethernet(PACKET), 37008)) == OUTSIDE
    assert found(udp(bytes((4, 0, 0, 1, 0, 0, 0, 0)) + PACKET, 4790)) == OUTSIDE
    assert found(udp(bytes((12, 0, 0, 9, 0, 0, 0, 0)) + PACKET, 4790)) == OUTSIDE


def test_vxlan_gpe_without_a_next_protocol_is_vxlan() -> None:
    assert found(udp(bytes((8, 0, 0, 0, 0, 0, 0, 0)) + ethernet(PACKET), 4790)) == INSIDE


def test_teredo_with_authentication_and_origin() -> None:
    assert found(udp(SIX, 3544)) == INSIDE
    assert found(udp(SIX, 40000, 3544)) == INSIDE
    authentication = b"\0\x01\x02\x03" + b"id" + b"key" + bytes(9)
    assert found(udp(authentication + b"\0\0" + bytes(6) + SIX, 3544)) == INSIDE
    assert found(udp(PACKET, 3544)) == OUTSIDE


def test_gtp_of_other_messages_and_without_options() -> None:
    plain = struct.pack(">BBHI", 0x30, 0xFF, len(PACKET), 1) + PACKET
    assert found(udp(plain, 2152, 2152)) == INSIDE
    assert found(udp(plain[:1] + b"\x01" + plain[2:], 2152, 2152)) == OUTSIDE  # echo request


def test_answers_come_from_a_port_only_where_both_ends_use_it() -> None:
    vxlan = struct.pack(">II", 8 << 24, 7 << 8) + ethernet(PACKET)
    assert found(udp(vxlan, 50000, 4789)) == OUTSIDE


def test_ethernet_in_ip_of_another_version() -> None:
    assert found(ip4(b"\x40\0" + ethernet(PACKET), 97)) is None


def test_ports_are_those_that_are_looked_into() -> None:
    assert {2152, 4789, 8472, 6081} <= tunnel.PORTS
    assert 443 not in tunnel.PORTS


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_cut_short_holds_nothing(name: str) -> None:
    whole = TUNNELS[name](PACKET)
    assert found(whole) is not None
    for stop in range(len(whole) - len(PACKET) + 20):
        assert found(whole[:stop]) in (None, OUTSIDE)
