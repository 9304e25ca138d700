"""Finds where IP begins behind any link layer and its tags.

``network(link, buf, start, end)`` gives (ethertype, offset), with tags (VLAN, MPLS, PPPoE, …) taken off. Everything is told
in ethertypes, the common tongue of these protocols: an inner Ethernet frame is 0x6558, PPP 0x880b (RFC 7637, RFC 2784 registry).
Link types are those of https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from collections.abc import Callable

Place = tuple[int, int]  # ethertype, offset of what it names
Network = tuple[int, int, int]  # the same, and where it must end at the latest by the length that PPPoE states
Reader = Callable[[bytes, int, int], Place | None]

IPV4, IPV6, ETHERNET, PPP, MPLS = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8847
PPPOE = 0x8864
LLC, PPP_HDLC = 4, 7  # Linux's own numbers in cooked headers: a frame begins with an 802.2 or a PPP header
FAR = 1 << 40
MOST_TAGS = 32  # tags and labels before IP; real frames have three or four

_SKIP = {  # a tag's ethertype: length of what follows it, the last two bytes of which are the next ethertype
    0x8100: 4,  # 802.1Q
    0x88A8: 4,  # 802.1ad, outer tag of QinQ
    0x9100: 4,  # the same before it was standard
    0x9200: 4,
    0x9300: 4,
    0x8926: 6,  # VN-Tag
    0x8909: 8,  # Cisco MetaData
}
_PPP_TYPES = {0x0021: IPV4, 0x0057: IPV6, 0x0281: MPLS, 0x0283: MPLS}
_FAMILIES = {2: IPV4, 10: IPV6, 23: IPV6, 24: IPV6, 28: IPV6, 30: IPV6}  # AF_INET6: Linux, Windows, BSDs, macOS


def network(link: int, buf: bytes, start: int, end: int) -> Network | None:
    """Where the first network layer of a packet of that link type begins, and which; None where none is found."""
    reader = READERS.get(link)
    return untag(reader(buf, start, end), buf, end) if reader else None


def untag(place: Place | None, buf: bytes, end: int) -> Network | None:
    """Take off tags and inner link layers until IP, or anything else that we do not step into."""
    limit = FAR
    for _ in range(MOST_TAGS):
        if place is None:
            return None
        kind, off = place
        if kind in (IPV4, IPV6):
            return kind, off, limit
        if kind in _SKIP:
            off += _SKIP[kind]
            place = (buf[off - 2] << 8 | buf[off - 1], off) if off <= end else None
        elif kind in _INNER:
            place = _INNER[kind](buf, off, end)
            if kind == PPPOE and place:  # some access routers count the padding of short frames into IP, not into PPPoE
                limit = min(limit, off + 6 + (buf[off + 4] << 8 | buf[off + 5]))
        else:
            return kind, off, limit
    return None


def ethernet(buf: bytes, start: int, end: int) -> Place | None:
    """Ethernet II, or 802.3 with LLC where the type is a length."""
    off = start + 14
    if off > end:
        return None
    kind = buf[off - 2] << 8 | buf[off - 1]
    return (kind, off) if kind >= 0x600 else llc(buf, off, end)


def llc(buf: bytes, off: int, end: int) -> Place | None:
    """IEEE 802.2, with SNAP or with IP's own service access point."""
    head = buf[off : min(off + 8, end)]
    if head[:3] == b"\xaa\xaa\x03" and head[3:6] in (b"\0\0\0", b"\0\0\xf8") and len(head) == 8:
        return head[6] << 8 | head[7], off + 8
    if head[:3] == b"\x06\x06\x03":
        return raw(buf, off + 3, end)
    return None


def raw(buf: bytes, start: int, end: int) -> Place | None:
    """IP without any header before it; its version says which."""
    if start >= end:
        return None
    version = buf[start] >> 4
    return (IPV4, start) if version == 4 else (IPV6, start) if version == 6 else None


def ppp(buf: bytes, start: int, end: int) -> Place | None:
    """PPP, with or without address and control bytes, protocol number of one or two bytes (RFC 1661)."""
    off = start + 2 if buf[start : start + 2] == b"\xff\x03" else start
    if off + 2 > end:
        return None
    short = buf[off] & 1
    number = buf[off] if short else buf[off] << 8 | buf[off + 1]
    kind = _PPP_TYPES.get(number)
    return (kind, off + (1 if short else 2)) if kind else None


def _ppp_serial(buf: bytes, start: int, end: int) -> Place | None:
    """PPP in HDLC-like framing, or Cisco HDLC on the same line (RFC 1662, RFC 1547)."""
    return _hdlc(buf, start, end) if buf[start : start + 2] in (b"\x0f\x00", b"\x8f\x00") else ppp(buf, start, end)


def _ppp_directed(buf: bytes, start: int, end: int) -> Place | None:
    return ppp(buf, start + 1, end)


def _pppoe(buf: bytes, start: int, end: int) -> Place | None:
    """The session stage of PPPoE (RFC 2516); discovery carries no IP."""
    if start + 6 > end or buf[start] != 0x11 or buf[start + 1]:
        return None
    return ppp(buf, start + 6, end)


def _pppoe_alone(buf: bytes, start: int, end: int) -> Place | None:
    return PPPOE, start


def _hdlc(buf: bytes, start: int, end: int) -> Place | None:
    off = start + 4
    return (buf[off - 2] << 8 | buf[off - 1], off) if off <= end else None


def _mpls(buf: bytes, start: int, end: int) -> Place | None:
    """A label stack (RFC 3032). What follows is not named: IP by its version, a pseudo-wire by its control word of zero."""
    for off in range(start, min(end - 4, start + 4 * MOST_TAGS), 4):
        if buf[off + 2] & 1:
            place = raw(buf, off + 4, end)
            if place or buf[off + 4 : off + 6] != b"\0\0":
                return place
            return ETHERNET, off + 8  # Ethernet over MPLS with a control word, RFC 4448
    return None


def _backbone(buf: bytes, start: int, end: int) -> Place | None:
    """802.1ah: a service tag of four bytes and the customer's whole frame."""
    return ETHERNET, start + 4


def _null(buf: bytes, start: int, end: int) -> Place | None:
    """BSD loopback: the address family in four bytes, in the byte order of the machine that recorded, or of the network."""
    if start + 4 > end:
        return None
    family = buf[start] | buf[start + 1] or buf[start + 2] | buf[start + 3]
    kind = _FAMILIES.get(family)
    return (kind, start + 4) if kind else None


def _cooked(buf: bytes, start: int, end: int) -> Place | None:
    off = start + 16
    return (buf[off - 2] << 8 | buf[off - 1], off) if off <= end else None


def _cooked2(buf: bytes, start: int, end: int) -> Place | None:
    off = start + 20
    return (buf[start] << 8 | buf[start + 1], off) if off <= end else None


def _firewire(buf: bytes, start: int, end: int) -> Place | None:
    off = start + 18
    return (buf[off - 2] << 8 | buf[off - 1], off) if off <= end else None


def wireless(buf: bytes, start: int, end: int, padded: bool = False) -> Place | None:
    """An 802.11 data frame in the clear. Of several frames sent as one (A-MSDU) the first is read."""
    if start + 24 > end:
        return None
    control, flags = buf[start], buf[start + 1]
    if control & 0x4C != 0x08 or control & 3 or flags & 0x40:  # no data frame, or an encrypted one
        return None
    off = start + (30 if flags & 3 == 3 else 24)
    aggregate = False
    if control & 0x80:  # quality of service
        aggregate = off < end and bool(buf[off] & 0x80)
        off += 6 if flags & 0x80 else 2
    if padded:
        off += (start - off) % 4
    return llc(buf, off + 14 if aggregate else off, end)


def _radiotap(buf: bytes, start: int, end: int) -> Place | None:
    """The radiotap header; its flags tell whether the 802.11 header was padded to four bytes."""
    if start + 8 > end:
        return None
    length = buf[start + 2] | buf[start + 3] << 8
    off = start + 8
    present = buf[start + 4]
    more = buf[start + 7] & 0x80
    while more and off + 4 <= min(end, start + length):
        more = buf[off + 3] & 0x80
        off += 4
    if present & 1:  # a time stamp of eight bytes, aligned
        off += 8 + (start - off) % 8
    padded = bool(present & 2 and off < end and buf[off] & 0x20)
    return wireless(buf, start + length, end, padded)


def _prism(buf: bytes, start: int, end: int) -> Place | None:
    return wireless(buf, start + 144, end)


def _avs(buf: bytes, start: int, end: int) -> Place | None:
    return wireless(buf, start + int.from_bytes(buf[start + 4 : start + 8], "big"), end)


def _per_packet(buf: bytes, start: int, end: int) -> Place | None:
    """PPI: a header of stated length, then a packet of the link type that it names."""
    if start + 8 > end:
        return None
    length, link = buf[start + 2] | buf[start + 3] << 8, int.from_bytes(buf[start + 4 : start + 8], "little")
    return _again(link, buf, start + max(length, 8), end)


def _pktap(buf: bytes, start: int, end: int) -> Place | None:
    """What macOS records on "any": its own header, then a packet of the link type that it names."""
    if start + 12 > end:
        return None
    length, link = (int.from_bytes(buf[start + at : start + at + 4], "little") for at in (0, 8))
    return _again(link, buf, start + max(length, 12), end)


def _again(link: int, buf: bytes, start: int, end: int) -> Place | None:
    reader = None if link in (192, 258) else READERS.get(link)  # never itself: no header inside the same header
    return reader(buf, start, end) if reader and start < end else None


def _nflog(buf: bytes, start: int, end: int) -> Place | None:
    """What iptables' NFLOG recorded: a list of attributes, of which number 9 is the packet."""
    off = start + 4
    while off + 4 <= end:
        size = buf[off] | buf[off + 1] << 8
        if buf[off + 2] | buf[off + 3] << 8 == 9:
            return raw(buf, off + 4, end)
        off += max(size + 3 & ~3, 4)
    return None


def _pflog(buf: bytes, start: int, end: int) -> Place | None:
    length = buf[start] + 3 & ~3 if start < end else 0
    return raw(buf, start + length, end) if length >= 4 else None


def _ipsec_log(buf: bytes, start: int, end: int) -> Place | None:
    return raw(buf, start + 12, end)


_INNER: dict[int, Reader] = {
    ETHERNET: ethernet,
    LLC: llc,
    PPP: ppp,
    MPLS: _mpls,
    0x8848: _mpls,
    PPPOE: _pppoe,
    0x88E7: _backbone,
    PPP_HDLC: ppp,
}
READERS: dict[int, Reader] = {
    0: _null,
    1: ethernet,
    9: ppp,
    12: raw,
    14: raw,
    50: _ppp_serial,
    51: _pppoe_alone,
    100: llc,  # RFC 1483 over ATM
    101: raw,
    104: _hdlc,
    105: wireless,
    108: _null,
    109: _ipsec_log,
    113: _cooked,
    117: _pflog,
    119: _prism,
    127: _radiotap,
    138: _firewire,
    163: _avs,
    192: _per_packet,
    204: _ppp_directed,
    228: raw,
    229: raw,
    239: _nflog,
    258: _pktap,
    276: _cooked2,
}
_NAMES = {
    3: "AX.25", 6: "Token Ring", 7: "ARCNET", 8: "SLIP", 10: "FDDI", 107: "Frame Relay", 147: "DLT_USER0", 148: "DLT_USER1",
    187: "Bluetooth", 189: "USB", 195: "802.15.4", 201: "Bluetooth", 220: "USB", 230: "802.15.4", 249: "USB", 251: "Bluetooth LE",
    252: "Wireshark's exported PDUs", 253: "netlink", 272: "Bluetooth",
}  # fmt: skip


def unsupported(link: int) -> str | None:
    """What to tell the user about a link type that is not read, or None where it is."""
    if link in READERS:
        return None
    name = f" ({_NAMES[link]})" if link in _NAMES else ""
    return f"link type {link}{name} is not supported: its packets are counted and not read"
