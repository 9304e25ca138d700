"""Steps into tunnels: GRE, ERSPAN, IP-in-IP, EtherIP and MPLS inside IP; VXLAN, GENEVE, GRE, GTP-U, Teredo, TZSP and MPLS inside UDP.

``inside_ip`` and ``inside_udp`` tell what a payload holds as (ethertype, offset), with its tags taken off, or None where it is no
tunnel or does not look like what its number says. How deep one goes is the caller's business (capture/ip.py).
"""

from __future__ import annotations

from whytls.capture.link import ETHERNET, IPV4, IPV6, MPLS, PPP, Network, Place, Reader, raw, untag

IP_IN_IP, IP6_IN_IP, GRE, ETHER_IP, MPLS_IN_IP = 4, 41, 47, 97, 137
_WCCP = 0x883E
_TRANSPARENT = (IPV4, IPV6, ETHERNET, MPLS, 0x8848, 0x8100, 0x88A8)  # ethertypes that GRE and GENEVE carry and we step into
_GPE = {1: IPV4, 2: IPV6, 3: ETHERNET, 5: MPLS}  # next protocol numbers of VXLAN-GPE


def inside_ip(protocol: int, buf: bytes, off: int, end: int) -> Network | None:
    """What stands inside an IP payload of that protocol number."""
    reader = _OVER_IP.get(protocol)
    return untag(reader(buf, off, end), buf, end) if reader else None


def inside_udp(source: int, destination: int, buf: bytes, off: int, end: int) -> Network | None:
    """What stands inside a UDP payload (behind its header) between these ports."""
    reader = _OVER_UDP.get(destination)
    if reader is None and source in _BOTH_WAYS:
        reader = _OVER_UDP[source]
    return untag(reader(buf, off, end), buf, end) if reader else None


def _ip4(buf: bytes, off: int, end: int) -> Place | None:
    return IPV4, off


def _ip6(buf: bytes, off: int, end: int) -> Place | None:
    return IPV6, off


def _mpls(buf: bytes, off: int, end: int) -> Place | None:
    return MPLS, off


def _ether_ip(buf: bytes, off: int, end: int) -> Place | None:
    """RFC 3378: version 3 in the first half-byte, then a whole Ethernet frame."""
    return (ETHERNET, off + 2) if off + 2 <= end and buf[off] == 0x30 else None


def _gre(buf: bytes, off: int, end: int) -> Place | None:
    """RFC 2784 with key and sequence number (RFC 2890), source routes (RFC 1701), PPTP's version 1 (RFC 2637)."""
    if off + 4 > end:
        return None
    flags, kind = buf[off] << 8 | buf[off + 1], buf[off + 2] << 8 | buf[off + 3]
    version, at = flags & 7, off + 4
    if version == 1:
        at += 4 + (4 if flags & 0x1000 else 0) + (4 if flags & 0x0080 else 0)
        return (PPP, at) if kind == PPP and flags & 0x1000 else None
    if version:
        return None
    at += (4 if flags & 0xC000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
    if flags & 0x4000:
        at = _past_routes(buf, at, end)
    return _gre_payload(kind, bool(flags & 0x1000), buf, at, end)


def _past_routes(buf: bytes, at: int, end: int) -> int:
    """Behind GRE's source route entries: family, offset and length of each; one of zeros is the last (RFC 1701)."""
    while at + 4 <= end:
        length = buf[at + 3]
        last = not length and not buf[at] and not buf[at + 1]
        at += 4 + length
        if last:
            break
    return at


def _gre_payload(kind: int, numbered: bool, buf: bytes, at: int, end: int) -> Place | None:
    """What a GRE packet of that protocol type holds at ``at``."""
    if kind in _TRANSPARENT:
        return kind, at
    if at + 8 > end:
        return None
    if kind == 0x88BE and not numbered:  # ERSPAN type I has no header of its own
        return ETHERNET, at
    if kind in (0x88BE, 0x22EB):
        return _erspan(buf, at, end)
    if kind == _WCCP:  # with or without a redirect header of four bytes, which never begins like IPv4
        return raw(buf, at if buf[at] >> 4 == 4 else at + 4, end)
    return None


def _erspan(buf: bytes, at: int, end: int) -> Place | None:
    """Type II has 8 bytes; type III has 12, and 8 more where its O bit is set; its frame type 2 is bare IP."""
    version = buf[at] >> 4
    if version == 1:
        return ETHERNET, at + 8
    if version != 2 or at + 12 > end:
        return None
    inner = at + (20 if buf[at + 11] & 1 else 12)
    frame_type = buf[at + 10] >> 2 & 31
    return (ETHERNET, inner) if frame_type == 0 else raw(buf, inner, end) if frame_type == 2 else None


def _vxlan(buf: bytes, off: int, end: int) -> Place | None:
    """RFC 7348; the bit that says "the network identifier is valid" must be set."""
    return (ETHERNET, off + 8) if off + 8 <= end and buf[off] & 8 else None


def _vxlan_gpe(buf: bytes, off: int, end: int) -> Place | None:
    if off + 8 > end or not buf[off] & 8:
        return None
    kind = _GPE.get(buf[off + 3]) if buf[off] & 4 else ETHERNET
    return (kind, off + 8) if kind else None


def _geneve(buf: bytes, off: int, end: int) -> Place | None:
    """RFC 8926: version 0, a number of options, the payload's ethertype."""
    if off + 8 > end or buf[off] >> 6:
        return None
    kind = buf[off + 2] << 8 | buf[off + 3]
    return (kind, off + 8 + (buf[off] & 63) * 4) if kind in _TRANSPARENT else None


def _gtp(buf: bytes, off: int, end: int) -> Place | None:
    """GTP-U version 1, message G-PDU: four more bytes if any flag is set, then a chain of extension headers (3GPP TS 29.281)."""
    if off + 8 > end or buf[off] & 0xF0 != 0x30 or buf[off + 1] != 0xFF:
        return None
    at = off + 8
    if buf[off] & 7:
        at += 4
        following = buf[at - 1] if at <= end and buf[off] & 4 else 0
        while following and at < end:
            at += (buf[at] or 1) * 4
            following = buf[at - 1] if at <= end else 0
    return raw(buf, at, end)


def _tzsp(buf: bytes, off: int, end: int) -> Place | None:
    """TaZmen sniffer protocol, as MikroTik sends it: tagged fields up to number 1, then an Ethernet frame."""
    if off + 4 > end or buf[off] != 1 or buf[off + 1] or buf[off + 2 : off + 4] != b"\0\x01":
        return None
    at = off + 4
    while at < end:
        if buf[at] == 1:
            return ETHERNET, at + 1
        at += 1 if buf[at] == 0 else 2 + (buf[at + 1] if at + 1 < end else 0)
    return None


def _teredo(buf: bytes, off: int, end: int) -> Place | None:
    """RFC 4380: authentication and origin may stand before IPv6."""
    if buf[off : off + 2] == b"\0\x01" and off + 4 <= end:
        off += 13 + buf[off + 2] + buf[off + 3]
    if buf[off : off + 2] == b"\0\0":
        off += 8
    return (IPV6, off) if off < end and buf[off] >> 4 == 6 else None


_OVER_IP: dict[int, Reader] = {
    IP_IN_IP: _ip4,
    IP6_IN_IP: _ip6,
    GRE: _gre,
    ETHER_IP: _ether_ip,
    MPLS_IN_IP: _mpls,
}
_OVER_UDP: dict[int, Reader] = {
    2152: _gtp,
    3544: _teredo,
    4754: _gre,  # RFC 8086
    4789: _vxlan,
    4790: _vxlan_gpe,
    6081: _geneve,
    6635: _mpls,
    8472: _vxlan,  # Linux's default, and flannel's
    37008: _tzsp,
}
_BOTH_WAYS = frozenset((2152, 3544))  # where answers come from the port, not to it
PORTS = frozenset(_OVER_UDP)  # UDP between other ports is no tunnel
