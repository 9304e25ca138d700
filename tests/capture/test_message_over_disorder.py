"""A message over two records whose packets were recorded in the wrong order is complete with the later frame."""

from __future__ import annotations

import struct
from pathlib import Path

from whytls.capture.prelude import begins_midway
from whytls.capture.recording import handshakes
from whytls.capture.source import recordings
from whytls.model import Handshake

BODY = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x04\xc0\x2f\0\x2f" + b"\x01\0"
MESSAGE = b"\x01" + len(BODY).to_bytes(3, "big") + BODY


def record(body: bytes) -> bytes:
    return struct.pack(">BHH", 22, 0x0303, len(body)) + body


def packet(seq: int, flags: int, payload: bytes = b"") -> bytes:
    tcp = struct.pack(">HHIIBBHHH", 40000, 443, seq, 1, 0x50, flags, 500, 0, 0) + payload
    return bytes(12) + b"\x08\0" + struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp), seq, 0, 64, 6, 0, 0x0A000001, 0x0A000002) + tcp


def test_the_later_frame_completes_it(tmp_path: Path) -> None:
    one, other = record(MESSAGE[:20]), record(MESSAGE[20:])
    packets = [packet(0, 2), packet(1 + len(one), 0x18, other), packet(1, 0x18, one), packet(1 + len(one + other), 4)]
    body = b"".join(struct.pack("<IIII", 1_700_000_000 + i, 0, len(p), len(p)) + p for i, p in enumerate(packets))
    capture = tmp_path / "disorder.pcap"
    capture.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + body)
    (found,) = [h for r in recordings([str(capture)]) for h in handshakes(r, everything=True) if isinstance(h, Handshake)]
    hello = found.first("client-hello")
    assert hello is not None
    assert hello.value is not None
    assert hello.frames == (3,)


def test_a_segment_of_which_nothing_was_recorded_begins_nothing() -> None:
    assert not begins_midway(b"")  # found by fuzzing: a snap length that ends with the TCP header, in mid-connection
