"""Writes what passes the gateway as a capture, without root: frames made of the tapped bytes, with the times at which they passed.

The link type is raw IP (101): there was no Ethernet to be seen, and none is made up. Checksums are true, so that no reader complains.
Of each connection only so many bytes are written in full (``snap``); of the rest the headers, as ``tcpdump -s`` does.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import BinaryIO

from whytls.capture.tcp import FIN, FLAGS, PAYLOAD, RST, SYN, TIME, Packet
from whytls.exceptions import InputError

RAW_IP = 101
_MAGIC_NANOSECONDS = 0xA1B23C4D
_FILE = Struct("<IHHiIII").pack
_FRAME = Struct("<IIII").pack
_IPV4, _IPV6, _TCP = Struct(">BBHHHBBH").pack, Struct(">IHBB").pack, Struct(">HHIIBBHHH").pack
_WINDOW = 65_535
MOST_FLOWS = 65_536  # whose bytes are counted
SNAP = 1 << 20


class Recorder:
    """One file. It is flushed with every connection that ends, and whole after every packet for whoever reads it while it grows."""

    def __init__(self, path: str | os.PathLike[str], *, snap: int = SNAP, largest: int = 1 << 30) -> None:
        """``snap`` bytes of each direction of a connection are kept in full; behind ``largest`` bytes nothing more is written.

        Raises:
            InputError: the file cannot be made.
        """
        self.path, self.frames, self.left_out = str(path), 0, 0
        self._snap, self._largest, self._size = snap, largest, 24
        self._written: dict[bytes, int] = {}
        try:
            self._file: BinaryIO = open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=1 << 16)  # noqa: SIM115
        except OSError as error:
            raise InputError(f"no recording can be made there: {error.strerror}", file=self.path) from None
        self._file.write(_FILE(_MAGIC_NANOSECONDS, 2, 4, 0, 0, 1 << 18, RAW_IP))

    def write(self, key: bytes, packet: Packet) -> int:
        """Writes a packet; the value is its frame number. One that no longer has room is counted and left out."""
        if self._size >= self._largest:
            self.left_out += 1
            return self.frames
        payload, flags = packet[PAYLOAD], packet[FLAGS]
        kept = self._counted(key, len(payload), flags)
        head = _headers(key, packet)
        seconds, nanoseconds = divmod(packet[TIME], 1_000_000_000)
        length = len(head) + len(payload)
        self._file.write(_FRAME(seconds, nanoseconds, len(head) + kept, length) + head + payload[:kept])
        self._size += 16 + len(head) + kept
        self.frames += 1
        if flags & (FIN | RST):
            self._file.flush()
        return self.frames

    def flush(self) -> None:
        """Hands all of it to the system, for whoever reads the file now."""
        self._file.flush()

    def close(self) -> None:
        """The end of the file."""
        self._file.close()

    def _counted(self, key: bytes, length: int, flags: int) -> int:
        """How many bytes of this payload are written."""
        if flags & SYN:
            if len(self._written) >= MOST_FLOWS:
                self._written.clear()
            self._written[key] = 0
        before = self._written.get(key, 0)
        if length:
            self._written[key] = before + length
        if flags & (FIN | RST):
            self._written.pop(key, None)
        return max(0, min(length, self._snap - before))


def _headers(key: bytes, packet: Packet) -> bytes:
    """IP and TCP in front of the payload."""
    _, _, flags, sequence, acked, ttl, payload, _, identification = packet
    half = len(key) - 4 >> 1
    addresses, size = key[: 2 * half], 20 + len(payload)
    ports = int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")

    def tcp(checksum: int) -> bytes:
        return _TCP(*ports, sequence & 0xFFFFFFFF, acked & 0xFFFFFFFF, 0x50, flags & 0x3F, _WINDOW, checksum, 0)

    segment = tcp(_checksum(addresses + b"\0\x06" + size.to_bytes(4, "big")[-2:] + tcp(0) + payload))
    if half == 4:

        def ip(checksum: int) -> bytes:
            return _IPV4(0x45, 0, 20 + size, identification, 0x4000, ttl, 6, checksum) + addresses

        return ip(_checksum(ip(0))) + segment
    return _IPV6(0x60000000, size, 6, ttl) + addresses + segment


def _checksum(data: bytes) -> int:
    """RFC 1071, over whole words at once: a number modulo 2^16-1 is its sum of words with the carries added."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - total
