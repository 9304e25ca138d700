"""Takes the packets of a real capture and puts them behind every link layer and into every tunnel that whytls reads.

``variants(path)`` gives, by name, a capture file and where each packet of the original stands in it. It shares no code with
whytls, so that a mistake cannot hide in both. File formats are in rewrap_files.py, which is included in ``variants``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
CAPTURES = sorted(DATA.glob("*.pcap"))
MACS = b"\x00\x00\x0c\x00\x00\x01\x00\x1b\x21\x00\x00\x02"

Wrap = Callable[[bytes], bytes]


class Packet(NamedTuple):
    """One IP packet of the original, its time in nanoseconds."""

    time: int
    data: bytes


class Variant(NamedTuple):
    """A capture file, and for each frame number of the original the frame in which it stands here (its last fragment)."""

    data: bytes
    frames: dict[int, int]


class Segment(NamedTuple):
    """What must be found again: a TCP segment."""

    src: bytes
    dst: bytes
    header: bytes
    payload: bytes


def packets(path: Path) -> list[Packet]:
    """The IP packets of a little-endian microsecond pcap of Ethernet, cooked v1 or cooked v2."""
    data, off, found = path.read_bytes(), 24, []
    assert data[:4] == b"\xd4\xc3\xb2\xa1", path
    skip = {1: 14, 113: 16, 276: 20}[data[20] | data[21] << 8]
    while off < len(data):
        sec, micro, caplen, length = struct.unpack_from("<IIII", data, off)
        assert caplen == length, f"{path}: packets were cut"
        found.append(Packet(sec * 10**9 + micro * 1000, trimmed(data[off + 16 + skip : off + 16 + caplen])))
        off += 16 + caplen
    return found


def trimmed(ip: bytes) -> bytes:
    """Without what stands behind the packet."""
    return ip[: struct.unpack_from(">H", ip, 2)[0] if ip[0] >> 4 == 4 else 40 + struct.unpack_from(">H", ip, 4)[0]]


def segment(ip: bytes) -> Segment:
    """The TCP segment of a plain packet (IPv4 without fragments, IPv6 without extension headers)."""
    if ip[0] >> 4 == 4:
        src, dst, tcp = ip[12:16], ip[16:20], ip[(ip[0] & 15) * 4 :]
    else:
        src, dst, tcp = ip[8:24], ip[24:40], ip[40:]
    head = (tcp[12] >> 4) * 4
    return Segment(src, dst, tcp[:head], tcp[head:])


# ---------------------------------------------------------------------------------------------------- IP


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(payload: bytes, proto: int, src: bytes = b"\x0a\0\0\1", dst: bytes = b"\x0a\0\0\2", place: int = 0, options: bytes = b"",
        number: int = 7, total: int | None = None) -> bytes:  # fmt: skip
    """An IPv4 packet."""
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | size // 4, 0, total, number, place, 63, proto, 0, src, dst) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(payload: bytes, proto: int, src: bytes = bytes(15) + b"\x0a", dst: bytes = bytes(15) + b"\x0b", length: int | None = None) -> bytes:
    """An IPv6 packet."""
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload) if length is None else length, proto, 63, src, dst) + payload


def split(ip: bytes) -> tuple[bytes, bytes, bytes, int]:
    """Source, destination, payload and protocol of a plain packet."""
    if ip[0] >> 4 == 4:
        return ip[12:16], ip[16:20], ip[(ip[0] & 15) * 4 :], ip[9]
    return ip[8:24], ip[24:40], ip[40:], ip[6]


def rebuilt(ip: bytes, before: bytes, proto: int, options: bytes = b"") -> bytes:
    """The packet with headers put before its payload (and options, IPv4)."""
    src, dst, payload, _ = split(ip)
    if ip[0] >> 4 == 4:
        return ip4(before + payload, proto, src, dst, options=options)
    return ip6(before + payload, proto, src, dst)


def authenticated(ip: bytes) -> bytes:
    """With an authentication header (RFC 4302) of 12 + 12 bytes."""
    return rebuilt(ip, struct.pack(">BBHII", 6, 4, 0, 1, 1) + bytes(12), 51)


def extended(ip: bytes) -> bytes:
    """With what stands between IP and TCP: options (IPv4), or hop-by-hop, routing, destination headers (IPv6)."""
    if ip[0] >> 4 == 4:
        return rebuilt(ip, b"", 6, b"\x94\x04\0\0" + b"\x01" * 7 + b"\0")
    hop = b"\x2b\0" + b"\x01\x04\0\0\0\0"
    routing = b"\x3c\x02\x03\0" + bytes(4) + bytes(16)
    destination = b"\x06\x01" + b"\x01\x0c" + bytes(12)
    return rebuilt(ip, hop + routing + destination, 0)


def offloaded(ip: bytes) -> bytes:
    """Recorded before the network card cut it up: no length in the header."""
    src, dst, payload, proto = split(ip)
    return ip4(payload, proto, src, dst, total=0) if ip[0] >> 4 == 4 else ip6(payload, proto, src, dst, length=0)


def fragments(ip: bytes, number: int, size: int = 128) -> list[bytes]:
    """Cut into fragments of at most ``size`` bytes; a packet that fits stays whole (IPv6: as an atomic fragment)."""
    src, dst, payload, proto = split(ip)
    pieces = [(at, payload[at : at + size], at + size < len(payload)) for at in range(0, len(payload), size)]
    if ip[0] >> 4 == 4:
        return [ip4(data, proto, src, dst, at // 8 | more << 13, number=number) for at, data, more in pieces]
    return [ip6(struct.pack(">BBHI", proto, 0, at | more, number) + data, 44, src, dst) for at, data, more in pieces]


def ethertype(ip: bytes) -> int:
    """0x0800 or 0x86dd."""
    return 0x0800 if ip[0] >> 4 == 4 else 0x86DD


def typed(ip: bytes) -> bytes:
    """With its ethertype before it."""
    return struct.pack(">H", ethertype(ip)) + ip


def udp(payload: bytes, port: int, source: int = 50000) -> bytes:
    """UDP in IPv4."""
    return ip4(struct.pack(">HHHH", source, port, 8 + len(payload), 0) + payload, 17)


# ---------------------------------------------------------------------------------------------------- link layers


def ethernet(ip: bytes) -> bytes:
    """Ethernet II."""
    return MACS + typed(ip)


def tagged(tags: bytes) -> Wrap:
    """Ethernet with these bytes before the packet's ethertype."""
    return lambda ip: MACS + tags + typed(ip)


def labelled(labels: int, kind: int = 0x8847) -> Wrap:
    """Ethernet with an MPLS label stack."""
    stack = b"".join(struct.pack(">I", (100 + i) << 12 | (i == labels - 1) << 8 | 64) for i in range(labels))
    return lambda ip: MACS + struct.pack(">H", kind) + stack + ip


def ppp(ip: bytes) -> bytes:
    """PPP's protocol number of two bytes."""
    return (b"\0\x21" if ip[0] >> 4 == 4 else b"\0\x57") + ip


def pppoe(ip: bytes) -> bytes:
    """A PPPoE session packet."""
    return struct.pack(">BBHH", 0x11, 0, 9, len(ip) + 2) + ppp(ip)


def snap(ip: bytes) -> bytes:
    """802.2 with SNAP."""
    return b"\xaa\xaa\x03\0\0\0" + typed(ip)


def family(order: str, six: int) -> Wrap:
    """BSD loopback's four bytes."""
    return lambda ip: struct.pack(order + "I", 2 if ip[0] >> 4 == 4 else six) + ip


def wireless(control: bytes, size: int) -> Wrap:
    """An 802.11 data frame with a header of that size."""
    return lambda ip: control + bytes(size - 2) + snap(ip)


def radiotap(ip: bytes) -> bytes:
    """Two presence words, a time stamp, flags that say the 802.11 header is padded to 28 bytes."""
    head = struct.pack("<BBHII", 0, 0, 25, 0x80000003, 0) + bytes(4) + struct.pack("<QB", 5, 0x20)
    return head + b"\x88\x01" + bytes(24) + b"\0\0" + snap(ip)


def nflog(ip: bytes) -> bytes:
    """Two attributes; the second is the packet."""
    return struct.pack(">BBH", 2, 0, 5) + struct.pack("<HH", 5, 10) + b"\0\0\0\0" + struct.pack("<HH", 4 + len(ip), 9) + ip


LINKS: dict[str, tuple[int, Wrap]] = {
    "ethernet": (1, ethernet),
    "ethernet, padded": (1, lambda ip: ethernet(ip) + bytes(22)),
    "vlan": (1, tagged(b"\x81\0\0\x05")),
    "qinq": (1, tagged(b"\x88\xa8\0\x05\x81\0\0\x06")),
    "three vlans": (1, tagged(b"\x91\0\0\x05\x81\0\0\x06\x81\0\0\x07")),
    "vn-tag": (1, tagged(b"\x89\x26\0\x01\0\x02")),
    "backbone": (1, lambda ip: MACS + b"\x88\xe7\0\0\0\x09" + ethernet(ip)),
    "mpls": (1, labelled(1)),
    "mpls, three labels": (1, labelled(3)),
    "mpls, multicast": (1, labelled(2, 0x8848)),
    "mpls pseudo-wire": (1, lambda ip: labelled(1)(bytes(4) + ethernet(ip))),
    "pppoe": (1, lambda ip: MACS + b"\x88\x64" + pppoe(ip)),
    "pppoe in vlan": (1, lambda ip: MACS + b"\x81\0\0\x05\x88\x64" + pppoe(ip)),
    "snap": (1, lambda ip: MACS + struct.pack(">H", min(8 + len(ip), 1500)) + snap(ip)),
    "llc": (1, lambda ip: MACS + struct.pack(">H", min(3 + len(ip), 1500)) + b"\x06\x06\x03" + ip),
    "cooked": (113, lambda ip: b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0" + typed(ip)),
    "cooked, vlan": (113, lambda ip: b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0\x81\0\0\x05" + typed(ip)),
    "cooked v2": (276, lambda ip: struct.pack(">HHIHBB8s", ethertype(ip), 0, 2, 1, 0, 6, b"\x02\0\0\0\0\x01\0\0") + ip),
    "raw 12": (12, lambda ip: ip),
    "raw 14": (14, lambda ip: ip),
    "raw 101": (101, lambda ip: ip),
    "loopback, little": (0, family("<", 24)),
    "loopback, big": (0, family(">", 28)),
    "loopback, macOS": (0, family("<", 30)),
    "loopback, network order": (108, family(">", 24)),
    "ppp": (9, lambda ip: b"\xff\x03" + ppp(ip)),
    "ppp, bare": (9, ppp),
    "ppp, compressed": (9, lambda ip: ppp(ip)[1:]),
    "ppp, serial": (50, lambda ip: b"\xff\x03" + ppp(ip)),
    "cisco hdlc on a serial line": (50, lambda ip: b"\x0f\0" + typed(ip)),
    "ppp over ethernet": (51, pppoe),
    "ppp with direction": (204, lambda ip: b"\x01\xff\x03" + ppp(ip)),
    "cisco hdlc": (104, lambda ip: b"\x0f\0" + typed(ip)),
    "wireless": (105, wireless(b"\x08\x01", 24)),
    "wireless, quality of service": (105, wireless(b"\x88\x02", 26)),
    "wireless, four addresses": (105, wireless(b"\x88\x03", 32)),
    "radiotap": (127, radiotap),
    "avs": (163, lambda ip: struct.pack(">II", 0x80211001, 64) + bytes(56) + wireless(b"\x08\x01", 24)(ip)),
    "per-packet information": (192, lambda ip: struct.pack("<BBHI", 0, 0, 8, 1) + ethernet(ip)),
    "pf log": (117, lambda ip: b"\x3d\x02" + bytes(62) + ip),
    "ipsec log": (109, lambda ip: struct.pack("<III", 2 if ip[0] >> 4 == 4 else 24, 0, 0) + ip),
    "firewire": (138, lambda ip: bytes(16) + typed(ip)),
    "atm": (100, snap),
    "netfilter log": (239, nflog),
    "macOS any": (258, lambda ip: struct.pack("<III", 108, 1, 1) + bytes(96) + ethernet(ip)),
}

# ---------------------------------------------------------------------------------------------------- tunnels


def gre(flags: int, kind: int | None = None, fields: bytes = b"", inner: Wrap = lambda ip: ip) -> Wrap:
    """GRE in IPv4."""
    return lambda ip: ip4(struct.pack(">HH", flags, ethertype(ip) if kind is None else kind) + fields + inner(ip), 47)


def geneve(ip: bytes) -> bytes:
    """GENEVE with an option of four bytes."""
    return udp(struct.pack(">BBHI", 2, 0, 0x6558, 7 << 8) + b"\x01\x02\x03\x01" + bytes(4) + ethernet(ip), 6081)


def vxlan(ip: bytes) -> bytes:
    """VXLAN, network 7."""
    return udp(struct.pack(">II", 8 << 24, 7 << 8) + ethernet(ip), 4789)


def gtp(ip: bytes) -> bytes:
    """GTP-U with a sequence number and one extension header."""
    return udp(struct.pack(">BBHIHBB", 0x36, 0xFF, 8 + len(ip), 1, 9, 0, 0x85) + b"\x01\0\x05\0" + ip, 2152, 2152)


def in_ip(ip: bytes) -> bytes:
    """In IPv4, as protocol 4 or 41."""
    return ip4(ip, 4 if ip[0] >> 4 == 4 else 41)


def in_ip6(ip: bytes) -> bytes:
    """In IPv6, as protocol 4 or 41."""
    return ip6(ip, 4 if ip[0] >> 4 == 4 else 41)


TUNNELS: dict[str, Wrap] = {
    "gre": gre(0),
    "gre with checksum, key, number": gre(0xB000, fields=bytes(4) + b"\0\0\0\x07" + b"\0\0\0\x01"),
    "gre with routes": gre(0x4000, fields=bytes(4) + b"\x08\0\0\x04\x0a\0\0\x03" + bytes(4)),
    "gre bridging": gre(0x2000, 0x6558, b"\0\0\0\x07", ethernet),
    "gre bridging a vlan": gre(0, 0x6558, inner=tagged(b"\x81\0\0\x05")),
    "gre mpls": gre(0, 0x8847, inner=lambda ip: b"\0\x06\x41\x40" + ip),
    "pptp": lambda ip: ip4(struct.pack(">HHHHI", 0x3001, 0x880B, len(ppp(ip)) + 2, 5, 1) + b"\xff\x03" + ppp(ip), 47),
    "gre wccp": gre(0, 0x883E, b"\0\0\0\0"),
    "erspan I": gre(0, 0x88BE, inner=ethernet),
    "erspan II": gre(0x1000, 0x88BE, b"\0\0\0\x01" + b"\x10\x05\0\x07\0\0\0\x09", ethernet),
    "erspan III": gre(0x1000, 0x22EB, b"\0\0\0\x01" + b"\x20\x05\0\x07" + bytes(8), ethernet),
    "erspan III with a subheader": gre(0x1000, 0x22EB, b"\0\0\0\x01" + b"\x20\x05\0\x07" + bytes(7) + b"\x01" + b"\x10" + bytes(7), ethernet),
    "vxlan": vxlan,
    "vxlan, linux's port": lambda ip: udp(struct.pack(">II", 8 << 24, 7 << 8) + ethernet(ip), 8472),
    "vxlan gpe": lambda ip: udp(bytes((0x0C, 0, 0, 1 if ip[0] >> 4 == 4 else 2)) + bytes(4) + ip, 4790),
    "geneve": geneve,
    "geneve of ip": lambda ip: udp(struct.pack(">BBHI", 0, 0, ethertype(ip), 7 << 8) + ip, 6081),
    "gtp": gtp,
    "gre in udp": lambda ip: udp(b"\0\0" + typed(ip), 4754),
    "mpls in udp": lambda ip: udp(b"\0\x06\x41\x40" + ip, 6635),
    "mpls in ip": lambda ip: ip4(b"\0\x06\x41\x40" + ip, 137),
    "tzsp": lambda ip: udp(b"\x01\0\0\x01" + b"\x0a\x01\x2a" + b"\0\x01" + ethernet(ip), 37008),
    "ethernet in ip": lambda ip: ip4(b"\x30\0" + ethernet(ip), 97),
    "ip in ip": in_ip,
    "ip in ip6": in_ip6,
    "four deep": lambda ip: vxlan(gre(0)(in_ip6(in_ip(ip)))),
    "options or extension headers": extended,
    "authentication header": authenticated,
    "segmentation offload": offloaded,
    "authentication header in vxlan": lambda ip: vxlan(authenticated(ip)),
}


def variants(path: Path) -> dict[str, Variant]:
    """The capture in every link layer, tunnel, form of fragments and file format, by name."""
    from rewrap_files import files, pcap

    original = packets(path)
    same = {number: number for number in range(1, len(original) + 1)}
    found = {}
    for name, (link, wrap) in LINKS.items():
        found[f"link: {name}"] = Variant(pcap([Packet(p.time, wrap(p.data)) for p in original], link), same)
    bare = 228 if original[0].data[0] >> 4 == 4 else 229
    found["link: raw ip of one version"] = Variant(pcap(original, bare), same)
    for name, tunnel in TUNNELS.items():
        found[f"tunnel: {name}"] = Variant(pcap([Packet(p.time, ethernet(tunnel(p.data))) for p in original], 1), same)
    for name, cut in CUTS.items():
        found[f"fragments: {name}"] = _fragmented(original, cut)
    found.update({f"file: {name}": variant for name, variant in files(original).items()})
    return found


def _fragmented(original: list[Packet], cut: Callable[[bytes, int], list[bytes]]) -> Variant:
    from rewrap_files import pcap

    out, frames = [], {}
    for number, packet in enumerate(original, 1):
        out += [Packet(packet.time, ethernet(piece)) for piece in cut(packet.data, number)]
        frames[number] = len(out)
    return Variant(pcap(out, 1), frames)


CUTS: dict[str, Callable[[bytes, int], list[bytes]]] = {
    "in order": fragments,
    "in reverse": lambda ip, n: fragments(ip, n)[::-1],
    "odd ones first": lambda ip, n: fragments(ip, n, 64)[1::2] + fragments(ip, n, 64)[::2],
    "large": lambda ip, n: fragments(ip, n, 1208),
    "tunnel in fragments": lambda ip, n: fragments(vxlan(ip), n, 256),
    "fragments in a tunnel": lambda ip, n: [vxlan(piece) for piece in fragments(ip, n, 256)],
}
