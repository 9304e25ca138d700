"""Names DTLS and QUIC in a UDP payload for what they are (RFC 6347 section 4.1, RFC 9147, RFC 8999). Nothing of them is read."""

from __future__ import annotations

from typing import Literal

from whytls.wire.registry import version_name

_MAX_CONNECTION_ID = 20  # RFC 9000 section 17.2
_MAX_CONNECTION_ID_ANY = 255  # in a version negotiation, which serves versions to come (RFC 8999 section 6)

_QUIC_VERSIONS = {1: "QUIC v1", 0x6B3343CF: "QUIC v2", 0x709A50C4: "QUIC v2 draft", 0: "QUIC version negotiation"}
_DTLS_VERSIONS = (0xFEFF, 0xFEFD, 0xFEFC, 0x0100)


def name_udp(payload: bytes) -> Literal["dtls", "quic"] | None:
    """What a UDP payload carries, if it begins with a DTLS record or a QUIC packet with a long header."""
    if not payload:
        return None
    if 20 <= payload[0] <= 25:
        return "dtls" if _is_dtls(payload) else None
    return "quic" if payload[0] & 0x80 and _is_quic(payload) else None


def udp_version(payload: bytes) -> str:
    """The version that such a payload names: "DTLS 1.2", "QUIC v1"; empty: it is neither."""
    protocol = name_udp(payload)
    if protocol == "dtls":
        return version_name(payload[1] << 8 | payload[2])
    if protocol is None:
        return ""
    number = int.from_bytes(payload[1:5], "big")
    if number >> 8 == 0xFF0000:
        return f"QUIC draft {number & 0xFF}"
    if payload[1:2] in (b"Q", b"T") and payload[2:5].isdigit():
        return payload[1:5].decode("ascii")  # Google's own versions: Q046
    return _QUIC_VERSIONS.get(number, f"QUIC version 0x{number:08x}")


def _is_dtls(payload: bytes) -> bool:
    """13 bytes of header: type, version, epoch, sequence number, length; the record is in the datagram as a whole."""
    if len(payload) < 13 or payload[1] << 8 | payload[2] not in _DTLS_VERSIONS:
        return False
    length = payload[11] << 8 | payload[12]
    return 0 < length <= 16384 + 2048 and 13 + length <= len(payload)


def _is_quic(payload: bytes) -> bool:
    """RFC 8999 section 5.1: version, two connection IDs with their lengths. Only versions that are known, or GREASE."""
    if len(payload) < 7:
        return False
    number = int.from_bytes(payload[1:5], "big")
    known = number in _QUIC_VERSIONS or number >> 8 == 0xFF0000 or number & 0x0F0F0F0F == 0x0A0A0A0A
    if not known:
        return payload[0] & 0x40 != 0 and payload[1:2] in (b"Q", b"T") and payload[2:5].isdigit()
    longest = _MAX_CONNECTION_ID if number else _MAX_CONNECTION_ID_ANY
    if number and not payload[0] & 0x40:
        return False  # the fixed bit
    first = payload[5]
    if first > longest or 7 + first > len(payload):
        return False
    second = payload[6 + first]
    return second <= longest and 7 + first + second <= len(payload)
