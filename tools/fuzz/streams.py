"""One direction of TLS taken apart into records, messages, extensions and certificates, changed, and put together again."""

from __future__ import annotations

import struct
from random import Random

from tools.fuzz.der import change_der
from tools.fuzz.frames import Change

HANDSHAKE = 22
CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE = 1, 2, 8, 11
Unit = tuple[int, int, bytes]  # content type, record version, body: a handshake unit holds one whole message
TYPES = (0, 1, 2, 4, 5, 6, 8, 11, 12, 13, 14, 15, 16, 20, 22, 24, 67, 99)
EXTENSIONS = (0, 1, 5, 10, 11, 13, 15, 16, 17, 18, 21, 22, 23, 27, 28, 34, 35, 41, 42, 43, 44, 45, 47, 49, 50, 51, 57, 65281)


def units_of(stream: bytes) -> tuple[list[Unit], bytes]:
    """Messages and other records, and what stands behind the last complete one."""
    units: list[Unit] = []
    at, waiting, version = 0, b"", 0x0303
    while at + 5 <= len(stream):
        kind, version, length = struct.unpack_from(">BHH", stream, at)
        if not 20 <= kind <= 24 or version >> 8 != 3 or at + 5 + length > len(stream):
            break
        body = stream[at + 5 : at + 5 + length]
        at += 5 + length
        if kind != HANDSHAKE:
            units.append((kind, version, body))
            continue
        waiting += body
        while len(waiting) >= 4 and len(waiting) >= 4 + (size := int.from_bytes(waiting[1:4], "big")):
            units.append((HANDSHAKE, version, waiting[: 4 + size]))
            waiting = waiting[4 + size :]
        if len(waiting) > 1 << 17:
            break
    if waiting:
        units.append((HANDSHAKE, version, waiting))
    return units, stream[at:]


def stream_of(units: list[Unit], rest: bytes, rng: Random) -> bytes:
    """Records of these units; now and then one over several records, or several in one."""
    parts: list[bytes] = []
    together = rng.random() < 0.15
    pending = b""
    for number, (kind, version, body) in enumerate(units):
        pending += body
        last = number + 1 == len(units) or units[number + 1][:2] != (kind, version)
        if together and not last:
            continue
        size = rng.choice((16384, 16384, 16384, 16384, 1, 7, rng.randrange(1, 400))) if len(pending) < 2000 else 16384
        for start in range(0, max(len(pending), 1), size):
            piece = pending[start : start + size]
            parts.append(struct.pack(">BHH", kind, version, len(piece)) + piece)
        pending = b""
    return b"".join(parts) + rest


def change_stream(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """One to three changes along the lengths of records and messages."""
    units, rest = units_of(data)
    if not units:
        return change(data, longest)
    for _ in range(rng.randint(1, 3)):
        at, roll = rng.randrange(len(units)), rng.random()
        kind, version, body = units[at]
        if roll < 0.70:
            changed = change_message(body, len(body) + 200, rng, change) if kind == HANDSHAKE else change(body, len(body) + 20)
            units[at] = (kind, version, changed)
        elif roll < 0.76:
            units.insert(at, units[rng.randrange(len(units))])
        elif roll < 0.82 and len(units) > 1:
            del units[at]
        elif roll < 0.88:
            other = rng.randrange(len(units))
            units[at], units[other] = units[other], units[at]
        elif roll < 0.92:
            units[at] = (kind, rng.choice((0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0305)), body)
        elif roll < 0.96:
            units.insert(at, (21, version, bytes((rng.randint(0, 3), rng.randrange(125)))))
        else:
            units[at] = (rng.choice((20, 21, 22, 23, 24)), version, body)
    made = stream_of(units, rest, rng)
    return made if len(made) <= longest else change(data, longest)


def change_message(message: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """A handshake message (type, length, body) changed inside, its length right."""
    if len(message) < 4:
        return change(message, longest)
    kind = message[0] if rng.random() < 0.95 else rng.choice(TYPES)
    body = change_body(kind, message[4:], longest, rng, change)
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def change_body(kind: int, body: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """A handshake message's body changed along its inner lengths, where the layout is known; else anywhere."""
    if rng.random() < 0.25:
        return change(body, longest)
    if kind in (CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS):
        at = _extensions_at(kind, body)
        if at is not None:
            changed = _change_extensions(body[at + 2 :], rng, change)
            return body[:at] + struct.pack(">H", min(len(changed), 0xFFFF)) + changed
    if kind == CERTIFICATE and len(body) > 3:
        return _change_certificates(body, rng, change)
    return change(body, longest)


def _extensions_at(kind: int, body: bytes) -> int | None:
    """Where a hello's extensions begin (at their length)."""
    try:
        if kind == ENCRYPTED_EXTENSIONS:
            return 0
        at = 35 + body[34]
        if kind == SERVER_HELLO:
            return at + 3
        at += 2 + int.from_bytes(body[at : at + 2], "big")
        return at + 1 + body[at]
    except IndexError:
        return None


def _change_extensions(data: bytes, rng: Random, change: Change) -> bytes:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(data):
        number, size = struct.unpack_from(">HH", data, at)
        found.append((number, data[at + 4 : at + 4 + size]))
        at += 4 + size
    if not found:
        found.append((rng.choice(EXTENSIONS), change(b"\0\2\0\0", 64)))
    at, roll = rng.randrange(len(found)), rng.random()
    number, body = found[at]
    if roll < 0.65:
        found[at] = (number, change(body, len(body) + 64))
    elif roll < 0.75:
        found[at] = (rng.choice(EXTENSIONS), body)
    elif roll < 0.85:
        found.insert(at, (rng.choice(EXTENSIONS), body))
    elif roll < 0.95:
        del found[at]
    else:
        rng.shuffle(found)
    return b"".join(struct.pack(">HH", number, len(body) & 0xFFFF) + body[:0xFFFF] for number, body in found)


def _change_certificates(body: bytes, rng: Random, change: Change) -> bytes:
    """The list of a TLS 1.2 Certificate message, or of a 1.3 one (context in front, extensions behind each)."""
    tls13 = body[0] == 0 and int.from_bytes(body[1:4], "big") == len(body) - 4
    at, end = (4 if tls13 else 3), len(body)
    found: list[bytes] = []
    while at + 3 <= end:
        size = int.from_bytes(body[at : at + 3], "big")
        found.append(body[at + 3 : at + 3 + size])
        at += 3 + size + (2 if tls13 else 0)
    if not found:
        return change(body, len(body) + 100)
    at, roll = rng.randrange(len(found)), rng.random()
    if roll < 0.7:
        found[at] = change_der(found[at], len(found[at]) + 100, rng, change)
    elif roll < 0.8:
        found.insert(at, found[rng.randrange(len(found))])
    elif roll < 0.9:
        del found[at]
    else:
        rng.shuffle(found)
    tail = b"\0\0" if tls13 else b""
    listed = b"".join(len(der).to_bytes(3, "big") + der + tail for der in found)
    return (b"\0" if tls13 else b"") + len(listed).to_bytes(3, "big") + listed
