"""Extensions: one function per extension that a verdict needs, found by its number (RFC 8446 section 4.2).

Each takes the extension's body as it stood in a hello and returns its value, or raises Malformed with the offset in the
body. ``CLIENT`` and ``SERVER`` say which field of a hello a number fills; ``value`` reads one that has no field.
GREASE (RFC 8701) is taken out where the lists are used: ``without_grease``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from whytls.exceptions import Malformed
from whytls.wire.cursor import Cursor, whole_list16, whole_names
from whytls.wire.registry import GREASE

# RFC 8701 has names of protocols, too: two equal bytes.
_GREASE = GREASE | {str(bytes((n & 0xFF, n & 0xFF)), "ascii", "backslashreplace") for n in GREASE}

Value = TypeVar("Value", int, str)


def without_grease(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The same list without GREASE."""
    return values if _GREASE.isdisjoint(values) else tuple(v for v in values if v not in _GREASE)


# ------------------------------------------------------------------ names


def server_name(body: bytes) -> str:
    """The host name (RFC 6066 section 3), as it stood there; bytes that are not ASCII are written ``\\xNN``."""
    size = len(body)
    if size > 5 and body[:3] == (size - 2).to_bytes(2, "big") + b"\0" and body[3] << 8 | body[4] == size - 5:
        return str(body[5:], "ascii", "backslashreplace")  # one name, as nearly always
    names = _only_block(body, 2, "server_name")
    while names.left:
        kind, name = names.u8("name_type"), names.vector(2, "host_name")
        if kind == 0:
            return name.decode("ascii", "backslashreplace")
    raise Malformed("server_name holds no host name", offset=2)


def alpn(body: bytes) -> tuple[str, ...]:
    """The protocols offered, best first (RFC 7301)."""
    return tuple(whole_names(body, "ALPN"))


def alpn_chosen(body: bytes) -> str:
    """The one protocol that the server chose."""
    names = alpn(body)
    if len(names) != 1:
        raise Malformed(f"ALPN holds {len(names)} protocols where the server chooses one", offset=0)
    return names[0]


def certificate_authorities(body: bytes) -> tuple[bytes, ...]:
    """The issuers that the sender accepts, each a DER Name (RFC 8446 section 4.2.4; also a CertificateRequest's own list)."""
    names, found = _only_block(body, 2, "certificate_authorities"), []
    while names.left:
        found.append(names.vector(2, "distinguished name"))
    return tuple(found)


# ------------------------------------------------------------------ what is offered and chosen


def supported_versions(body: bytes) -> tuple[int, ...]:
    """The versions that the client offers, best first (RFC 8446 section 4.2.1)."""
    return whole_list16(body, 1, "supported_versions")


def selected_version(body: bytes) -> int:
    """The version that the server chose."""
    return _only_u16(body, "selected_version")


def supported_groups(body: bytes) -> tuple[int, ...]:
    """Groups for the key exchange, best first (RFC 8446 section 4.2.7, RFC 8422 section 5.1.1)."""
    return whole_list16(body, 2, "supported_groups")


def signature_algorithms(body: bytes) -> tuple[int, ...]:
    """Signature schemes for the handshake and, where nothing else says so, the certificates (RFC 8446 section 4.2.3)."""
    return whole_list16(body, 2, "signature_algorithms")


def signature_algorithms_cert(body: bytes) -> tuple[int, ...]:
    """Signature schemes for the certificates alone."""
    return whole_list16(body, 2, "signature_algorithms_cert")


def key_shares(body: bytes) -> tuple[int, ...]:
    """The groups for which the client sent a share (RFC 8446 section 4.2.8)."""
    size, at, found = len(body), 2, []
    if size < 2 or size - 2 != body[0] << 8 | body[1]:
        raise Malformed(f"key_share's length does not fit its {size} bytes", offset=0)
    while at < size:
        if at + 4 > size:
            raise Malformed(f"a key share needs 4 bytes, {size - at} are left", offset=at)
        found.append(body[at] << 8 | body[at + 1])
        at += 4 + (body[at + 2] << 8 | body[at + 3])
    if at != size:
        raise Malformed("the last key share is longer than the extension", offset=size)
    return tuple(found)


def key_share_chosen(body: bytes) -> int:
    """The group of the server's share; in a HelloRetryRequest the group asked for, alone."""
    cursor = Cursor(body)
    group = cursor.u16("group")
    if cursor.left:
        cursor.vector(2, "key_exchange")
        cursor.finish("key_share")
    return group


def psk_chosen(body: bytes) -> int:
    """Which of the client's identities the server took (RFC 8446 section 4.2.11)."""
    return _only_u16(body, "selected_identity")


def psk_modes(body: bytes) -> tuple[int, ...]:
    """How a pre-shared key can be used: 0 alone, 1 with (EC)DHE (RFC 8446 section 4.2.9)."""
    return tuple(_only_block(body, 1, "psk_key_exchange_modes").rest())


def ec_point_formats(body: bytes) -> tuple[int, ...]:
    """Point formats; 0 is uncompressed (RFC 8422 section 5.1.2)."""
    return tuple(_only_block(body, 1, "ec_point_formats").rest())


def compress_certificate(body: bytes) -> tuple[int, ...]:
    """Algorithms for a compressed certificate: 1 zlib, 2 brotli, 3 zstd (RFC 8879)."""
    return whole_list16(body, 1, "compress_certificate")


# ------------------------------------------------------------------ sizes and switches


def record_size_limit(body: bytes) -> int:
    """The longest record that the sender takes (RFC 8449)."""
    return _only_u16(body, "record_size_limit")


def max_fragment_length(body: bytes) -> int:
    """The longest record in bytes: 512, 1024, 2048 or 4096 (RFC 6066 section 4)."""
    if len(body) != 1 or not 1 <= body[0] <= 4:
        raise Malformed(f"max_fragment_length is one byte from 1 to 4, not {body[:4].hex() or 'nothing'}", offset=0)
    return 256 << body[0]


def heartbeat(body: bytes) -> int:
    """1: the peer can send heartbeats, 2: it cannot (RFC 6520)."""
    if len(body) != 1:
        raise Malformed(f"heartbeat has {len(body)} bytes instead of 1", offset=0)
    return body[0]


def status_request(body: bytes) -> int:
    """What status the client asks for: 1 is OCSP (RFC 6066 section 8)."""
    return Cursor(body).u8("status_type")


def has_content(body: bytes) -> bool:
    """session_ticket (RFC 5077): a ticket is in it; an empty one only says that tickets are known."""
    return bool(body)


def is_there(body: bytes) -> bool:
    """An extension whose presence says all: extended_master_secret, early_data, encrypted_client_hello and others."""
    return True


def renegotiation_info(body: bytes) -> bool:
    """The secure renegotiation indication (RFC 5746): its length must fit; what is in it does not matter here."""
    if not body or body[0] != len(body) - 1:
        raise Malformed(f"renegotiation_info's length does not fit its {len(body)} bytes", offset=0)
    return True


def cookie(body: bytes) -> bool:
    """The cookie of a HelloRetryRequest (RFC 8446 section 4.2.2)."""
    _only_block(body, 2, "cookie")
    return True


# ------------------------------------------------------------------ by number

Reader = Callable[[bytes], Any]

# number: (field of ClientHello, reader, whether the value is a list that can hold GREASE)
CLIENT: dict[int, tuple[str, Reader, bool]] = {
    0: ("server_name", server_name, False),
    10: ("groups", supported_groups, True),
    13: ("signature_algorithms", signature_algorithms, True),
    16: ("alpn", alpn, True),
    23: ("extended_master_secret", is_there, False),
    35: ("session_ticket", has_content, False),
    41: ("psk", is_there, False),
    42: ("early_data", is_there, False),
    43: ("supported_versions", supported_versions, True),
    44: ("cookie", cookie, False),
    50: ("signature_algorithms_cert", signature_algorithms_cert, True),
    51: ("key_shares", key_shares, True),
    0xFE0D: ("encrypted_client_hello", is_there, False),
    0xFFCE: ("encrypted_client_hello", is_there, False),  # encrypted_server_name, its draft forerunner
    0xFF01: ("secure_renegotiation", renegotiation_info, False),
}

# number: (field of ServerHello, reader)
SERVER: dict[int, tuple[str, Reader]] = {
    16: ("alpn", alpn_chosen),
    23: ("extended_master_secret", is_there),
    41: ("psk", psk_chosen),
    43: ("version", selected_version),
    44: ("cookie", cookie),
    51: ("group", key_share_chosen),
    0xFF01: ("secure_renegotiation", renegotiation_info),
}

# What a client can offer and no field holds.
_ON_REQUEST: dict[int, Reader] = {
    1: max_fragment_length,
    5: status_request,
    11: ec_point_formats,
    15: heartbeat,
    27: compress_certificate,
    28: record_size_limit,
    45: psk_modes,
    47: certificate_authorities,
}


def value(extensions: Sequence[tuple[int, bytes]], number: int) -> Any:
    """The value of one extension of a ClientHello, whether it has a field there or not; None: absent or not readable."""
    reader: Reader = _ON_REQUEST.get(number) or (CLIENT[number][1] if number in CLIENT else bytes)
    body = next((content for found, content in extensions if found == number), None)
    if body is None:
        return None
    try:
        result = reader(body)
    except Malformed:
        return None
    return without_grease(result) if number in CLIENT and CLIENT[number][2] else result


# ------------------------------------------------------------------ forms that several share


def _only_block(body: bytes, width: int, what: str) -> Cursor:
    cursor = Cursor(body)
    block = cursor.block(width, what)
    cursor.finish(what)
    return block


def _only_u16(body: bytes, what: str) -> int:
    if len(body) != 2:
        raise Malformed(f"{what} has {len(body)} bytes instead of 2", offset=0)
    return body[0] << 8 | body[1]
