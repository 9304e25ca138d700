"""Java keystores taken apart into entries, one field changed, and put together again with every length right."""

from __future__ import annotations

import struct
from random import Random

from tools.fuzz.der import change_der
from tools.fuzz.frames import Change

Field = tuple[int, bytes]  # bytes of length in front (0: none), content


def take_apart(data: bytes) -> list[list[Field]]:
    """The entries of a JKS or JCEKS file; stops where an entry is no key and no certificate."""
    entries: list[list[Field]] = []
    at = 12
    while at + 6 < len(data) - 20:
        kind = int.from_bytes(data[at : at + 4], "big")
        fields: list[Field] = [(0, data[at : at + 4])]
        at, alias = _field(data, at + 4, 2)
        fields += [alias, (0, data[at : at + 8])]
        at += 8
        count = 1
        if kind == 1:
            at, key = _field(data, at, 4)
            count = int.from_bytes(data[at : at + 4], "big")
            fields += [key, (0, data[at : at + 4])]
            at += 4
        elif kind != 2:
            fields.append((0, data[at:-20]))
            at, count = len(data), 0
        for _ in range(min(count, 10)):
            at, name = _field(data, at, 2)
            at, der = _field(data, at, 4)
            fields += [name, der]
        entries.append(fields)
    return entries


def _field(data: bytes, at: int, size: int) -> tuple[int, Field]:
    end = at + size + int.from_bytes(data[at : at + size], "big")
    return end, (size, data[at + size : end])


def put_together(head: bytes, entries: list[list[Field]], checksum: bytes) -> bytes:
    """The file again."""
    body = b"".join(
        (len(content) & (1 << 8 * size) - 1).to_bytes(size, "big") + content if size else content for fields in entries for size, content in fields
    )
    return head + struct.pack(">I", len(entries)) + body + checksum


def change_keystore(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """One field of one entry changed, or an entry doubled, dropped or moved."""
    entries = take_apart(data)
    if not entries or rng.random() < 0.1:
        return change(data, longest)
    roll, place = rng.random(), rng.randrange(len(entries))
    if roll < 0.8:
        fields = entries[place]
        at = rng.randrange(len(fields))
        size, content = fields[at]
        changed = change_der(content, len(content) + 64, rng, change) if size == 4 else change(content, len(content) + 16)
        fields[at] = (size, changed if size else changed[: max(len(content), 1)])
    elif roll < 0.9:
        entries.insert(place, entries[rng.randrange(len(entries))])
    elif len(entries) > 1:
        del entries[place]
    made = put_together(data[:8], entries, data[-20:])
    return made if len(made) <= longest else change(data, longest)
