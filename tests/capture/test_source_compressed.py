"""Compressed captures: bounded memory, damage, bombs. The formats themselves are in test_ip_variants.py."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from rewrap import CAPTURES, Packet, ethernet, packets
from rewrap_files import pcap

from whytls.capture import compressed, source
from whytls.exceptions import DamagedInput

FRAMES = [Packet(p.time, ethernet(p.data)) for p in packets(CAPTURES[0])]
FILE = pcap(FRAMES, 1)
FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
EACH = pytest.mark.parametrize("kind", FORMATS)


def unpacked(data: bytes, n: int = 4096) -> tuple[bytes, str]:
    """What comes out, and the damage at which it ended."""
    file = io.BytesIO(data)
    reader = compressed.opened(file, file.read(4))
    assert reader is not None
    out = b""
    try:
        while more := reader.read(n):
            assert len(more) <= n
            out += more
    except DamagedInput as damage:
        return out, damage.problem
    return out, ""


def noise(size: int) -> bytes:
    """Bytes that compress to about half."""
    chance = random.Random(1)
    return bytes(chance.choice(b"0123456789abcdef") for _ in range(size))


@EACH
@pytest.mark.parametrize("n", [1, 100, 1 << 20])
def test_all_of_it_comes_out(kind: str, n: int) -> None:
    data = noise(300_000 if n > 1 else 3000)
    assert unpacked(FORMATS[kind](data), n) == (data, "")
    assert unpacked(FORMATS[kind](data) + FORMATS[kind](b"second"), n) == (data + b"second", "")
    assert unpacked(FORMATS[kind](b"")) == (b"", "")


@EACH
def test_what_precedes_a_cut_comes_out(kind: str) -> None:
    data = noise(3_000_000)
    packed = FORMATS[kind](data)
    out, problem = unpacked(packed[: len(packed) // 2])
    assert data.startswith(out)
    assert len(out) > 0.3 * len(data) or kind == "bzip2"  # bzip2's blocks are 900 kB long
    assert "cut short" in problem or kind == "zstd"


def test_what_precedes_damage_in_gzip_comes_out_to_the_last_byte() -> None:
    data = noise(100_000)
    packed = bytearray(gzip.compress(data))
    packed[-6] ^= 1  # the checksum: all was good before it
    assert unpacked(bytes(packed)) == (data, unpacked(bytes(packed))[1])
    assert "gzip data is damaged" in unpacked(bytes(packed))[1]
    block = zlib.compressobj(wbits=31)
    whole = block.compress(data) + block.flush(zlib.Z_FULL_FLUSH)
    out, problem = unpacked(whole + b"\xff" * 100)  # no block begins so
    assert out == data
    assert f"at most {len(whole) + 100} bytes" in problem


@EACH
def test_what_follows_that_is_not_compressed_is_said(kind: str) -> None:
    data = noise(10_000)
    out, problem = unpacked(FORMATS[kind](data) + b"trailing words")
    assert out == data
    assert "something else follows" in problem or (kind == "zstd" and "damaged" in problem)
    if kind != "zstd":
        assert unpacked(FORMATS[kind](data) + bytes(1000)) == (data, "")


@EACH
def test_a_bomb_streams(kind: str, tmp_path: Path) -> None:
    """A capture of one empty record after another, many MB of them in a few kB: nothing of it is held."""
    record = (1).to_bytes(4, "little") + bytes(12)
    squeeze = {
        "gzip": lambda: zlib.compressobj(9, wbits=31),
        "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=1),
        "zstd": zstandard.ZstdCompressor(level=3).compressobj,
    }[kind]()
    parts = [squeeze.compress(FILE[:24])] + [squeeze.compress(record * 65536) for _ in range(60)] + [squeeze.flush()]
    file = tmp_path / "bomb"
    file.write_bytes(b"".join(parts))
    assert file.stat().st_size < 400_000
    (recording,) = source.recordings([str(file)])
    tracemalloc.start()
    count = sum(len(run.starts) for _, run in itertools.islice(recording.runs(), 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 19 * 8000
    assert peak < 24 << 20
    assert recording.warnings == []


def test_a_window_that_needs_too_much_memory_is_refused_in_time(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    out, problem = unpacked(packer.compress(FILE) + packer.flush())
    assert out == b""
    assert "memory" in problem
    greedy = lzma.compress(FILE, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}])
    out, problem = unpacked(greedy)
    assert out == b""
    assert "xz data is damaged" in problem or "memory" in problem.lower()


@EACH
def test_a_damaged_capture_gives_its_packets_and_one_warning(kind: str, tmp_path: Path) -> None:
    filler = noise(2_000_000)
    many = [Packet(i, filler[i * 500 : i * 500 + 500]) for i in range(4000)]
    packed = FORMATS[kind](pcap(many, 1))
    file = tmp_path / "edge.pcap"
    file.write_bytes(packed[: len(packed) // 2])
    (recording,) = source.recordings([str(file)])
    count = sum(len(run.starts) for _, run in recording.runs())
    assert 0 < count < len(many)
    assert len(recording.warnings) == 1
    assert recording.warnings[0].startswith(str(file))
    assert "what comes before it was read" in recording.warnings[0]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_mutated_files_raise_nothing_else(kind: str, data: st.DataObject) -> None:
    packed = bytearray(FORMATS[kind](FILE) * 2)
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(4, len(packed) - 1))] = data.draw(st.integers(0, 255))
    out, problem = unpacked(bytes(packed[: data.draw(st.integers(6, len(packed)))]))
    assert problem or out in (FILE[: len(out)], FILE + FILE) or kind == "zstd" or len(out) > 0


@given(st.sampled_from([b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"]), st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(magic: bytes, data: bytes) -> None:
    unpacked(magic + bytes(2) + data)
