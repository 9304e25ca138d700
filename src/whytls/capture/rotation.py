"""Says which files are one recording that was cut into pieces, and in which order: rotated sets of tcpdump and dumpcap.

Files belong together when they lie in one folder, their names come from one pattern, and their times follow each other:
    tcpdump -C     edge.pcap edge.pcap1 edge.pcap2 …          a number behind the name
    tcpdump -C -W  edge.pcap00 edge.pcap01 …                  the same, as a ring: the lowest number need not be the oldest
    tcpdump -G     edge-2026-01-31T12:00:00.pcap …            a date or a Unix time in the name
    dumpcap -b     edge_00001_20260131120000.pcapng …         number and time, in either order
    tcpdump -G     edge-13.pcap edge-14.pcap …                hours only: then one must follow the other at once
The order is that of the first packets, since a ring says nothing by its numbers. Two captures made at the same time with names
like these stay apart, because their times overlap.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from whytls.capture.pcap import MAGICS, MAX_PACKET, Clock

OVERLAP = 2_000_000_000  # packets near the cut come out of order by less than this
AT_ONCE = 5_000_000_000  # how soon the next file must begin, where the names alone prove little
TAIL = 256 << 10  # bytes looked at from the end to find the last packet

_SQUEEZED = re.compile(r"\.(gz|xz|zst|bz2)$", re.IGNORECASE)
_KIND = r"\.(?:pcap|pcapng|cap|dmp|dump|ntar|trc)"
_COUNTED = re.compile(rf"({_KIND})\d{{1,9}}$", re.IGNORECASE)
_DATED = re.compile(
    r"_\d{5,}_\d{14}(?!\d)|_\d{14}_\d{5,}(?!\d)"  # dumpcap
    r"|(?<!\d)(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:[-_.T ]?[0-2]\d(?:[-_.:h]?[0-5]\d(?:[-_.:m]?[0-6]\d)?)?)?(?:[-+]\d{4}|Z)?(?!\d)"
    r"|(?<!\d)1\d{9}(?!\d)"  # %s
)
_HOURS = re.compile(rf"(?<=[-_.])(?:\d\d){{1,3}}(?={_KIND}$)", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,9}$")


class Span(NamedTuple):
    """A file and the times of its first and last packet, as far as they are known."""

    name: str
    first: int | None
    last: int | None


def pattern(name: str) -> tuple[str, bool]:
    """What a file's name has in common with the rest of its set, and whether that alone is proof enough."""
    name = _SQUEEZED.sub("", name)
    name = _COUNTED.sub(r"\1", name)
    common, dates = _DATED.subn("*", name)
    if dates:
        return common, True
    if re.search(_KIND + "$", name, re.IGNORECASE):
        common, hours = _HOURS.subn("*", name)
        return common, not hours
    return _NUMBER.sub("", name), False


def sets(names: Sequence[str], span: Callable[[str], Span]) -> list[tuple[str, ...]]:
    """Sort files into recordings, each in the order of time; ``span`` is asked only about files that could be of one set."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for name in names:
        groups.setdefault((os.path.dirname(name), *pattern(os.path.basename(name))), []).append(name)
    found: list[tuple[str, ...]] = []
    for (_, _, certain), members in groups.items():
        if len(members) == 1:
            found.append((members[0],))
            continue
        spans = sorted(map(span, members), key=lambda s: (s.first is None, s.first or 0, s.name))
        if all(_follows(a, b, certain) for a, b in pairwise(spans)):
            found.append(tuple(s.name for s in spans))
        else:
            found.extend((name,) for name in members)
    return found


def _follows(a: Span, b: Span, certain: bool) -> bool:
    if a.first is None or b.first is None:
        return certain  # a piece without packets: the name must do
    gap = b.first - (a.first if a.last is None else a.last)
    return b.first > a.first and gap >= -OVERLAP and (certain or (a.last is not None and gap <= AT_ONCE))


def last_time(file: BinaryIO, size: int, magic: bytes, first: int, when: Clock) -> int | None:
    """When the last packet of a plain file was recorded, from the end of the file alone; None where that cannot be told."""
    file.seek(max(24, size - TAIL))
    tail = file.read(TAIL)
    if magic in MAGICS:
        return _last_record(tail, *MAGICS[magic], first)
    return _last_block(tail, "<", when) or _last_block(tail, ">", when)


def _last_record(tail: bytes, order: str, unit: int, skip: int, first: int) -> int | None:
    """Look for a record from which one gets, record by record, to the very end: its time has the first one's top byte."""
    sign = struct.pack(order + "I", first // 1_000_000_000 & 0xFFFFFFFF)
    at = 3 if order == "<" else 0
    fields, dead = struct.Struct(order + "IIII").unpack_from, set[int]()
    off = tail.find(sign[at : at + 1])
    while off >= 0:
        here, time, steps = off - at, 0, []
        while 0 <= here <= len(tail) - skip and here not in dead:
            sec, fraction, caplen, length = fields(tail, here)
            if fraction * unit >= 1_000_000_000 or caplen > MAX_PACKET or length < caplen:
                break
            steps.append(here)
            time = sec * 1_000_000_000 + fraction * unit
            here += skip + caplen
        if here == len(tail) and steps:
            return time
        dead.update(steps)
        off = tail.find(sign[at : at + 1], off + 1)
    return None


def _last_block(tail: bytes, order: str, when: Clock) -> int | None:
    """Go back from block to block, each of which ends with its length, until one holds a packet."""
    words, stop = struct.Struct(order + "II").unpack_from, len(tail)
    while stop >= 12:
        (n,) = struct.unpack_from(order + "I", tail, stop - 4)
        if not 12 <= n <= stop:
            return None
        kind, same = words(tail, stop - n)
        if same != n:
            return None
        if kind in (2, 6) and n >= 32:
            return when(tail, stop - n + 28)
        stop -= n
    return None
