"""pcap: runs, clocks, damage. The byte orders and magics are in test_ip_variants.py."""

from __future__ import annotations

import io
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewrap import CAPTURES, Packet, ethernet, packets
from rewrap_files import pcap as written

from whytls.capture import pcap
from whytls.exceptions import DamagedInput

ORIGINAL = [Packet(p.time, ethernet(p.data)) for p in packets(CAPTURES[0])]
FILE = written(ORIGINAL, 1)


class Piecemeal(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read(self, n: int | None = -1, /) -> bytes:
        return super().read(min(n or 0, 7))


def read(file: io.BytesIO) -> tuple[list[bytes], DamagedInput | None]:
    """All packets, and the damage at which reading ended."""
    found: list[bytes] = []
    try:
        for run in pcap.runs(file, file.read(4)):
            assert len(run.starts) == len(run.ends) > 0
            assert run.frames is None
            for start, end in zip(run.starts, run.ends, strict=True):
                assert 0 <= start <= end <= len(run.buf)
                run.when(run.buf, start)
                run.orig(run.buf, start)
                found.append(run.buf[start:end])
    except DamagedInput as damage:
        return found, damage
    return found, None


def test_a_pipe_that_gives_little_at_a_time() -> None:
    assert read(Piecemeal(FILE)) == ([p.data for p in ORIGINAL], None)


def test_many_chunks_and_the_largest_packet() -> None:
    large = [Packet(i * 1000, bytes([i % 251]) * size) for i, size in enumerate((pcap.MAX_PACKET, 0, 1, pcap.CHUNK, pcap.CHUNK - 16, 60000) * 3)]
    found, damage = read(io.BytesIO(written(large, 1)))
    assert damage is None
    assert found == [p.data for p in large]


@pytest.mark.parametrize("length", range(4, 24))
def test_cut_in_the_header(length: int) -> None:
    found, damage = read(io.BytesIO(FILE[:length]))
    assert found == []
    assert damage is not None
    assert (damage.offset, "header" in damage.problem) == (length, True)


def test_cut_anywhere_gives_all_that_is_whole() -> None:
    ends, at = [24], 24
    for packet in ORIGINAL:
        at += 16 + len(packet.data)
        ends.append(at)
    for length in range(24, len(FILE) + 1):
        found, damage = read(io.BytesIO(FILE[:length]))
        whole = sum(end <= length for end in ends) - 1
        assert found == [p.data for p in ORIGINAL[:whole]]
        assert damage is None if length in ends else damage is not None and damage.offset == ends[whole]


def test_a_length_no_packet_has() -> None:
    head = struct.pack("<IIII", 1, 1, pcap.MAX_PACKET + 1, 60)
    found, damage = read(io.BytesIO(FILE + head + bytes(600_000)))
    assert found == [p.data for p in ORIGINAL]
    assert damage is not None
    assert damage.offset == len(FILE)
    assert str(pcap.MAX_PACKET + 1) in damage.problem


def test_a_flipped_length_does_not_turn_the_rest_into_packets() -> None:
    many = ORIGINAL * 200
    data = bytearray(written(many, 1))
    at = 24
    for packet in many[:1000]:
        at += 16 + len(packet.data)
    data[at + 8] ^= 0x10
    found, damage = read(io.BytesIO(bytes(data)))
    assert damage is not None
    assert found[:1000] == [p.data for p in many[:1000]]
    assert len(found) < 1010
    assert at < (damage.offset or 0) < at + 4000


def test_zeros_after_a_power_loss_are_no_packets() -> None:
    found, damage = read(io.BytesIO(FILE + bytes(500_000)))
    assert found[: len(ORIGINAL)] == [p.data for p in ORIGINAL]
    assert len(found) <= len(ORIGINAL) + 1
    assert damage is not None
    assert len(FILE) <= (damage.offset or 0) <= len(FILE) + 16


def test_one_empty_packet_at_time_zero_is_one() -> None:
    odd = [*ORIGINAL, Packet(0, b"")]
    assert read(io.BytesIO(written(odd, 1))) == ([p.data for p in odd], None)


def test_times_and_lengths_on_the_wire() -> None:
    record = struct.pack("<IIII", 1700000000, 123456, 3, 1500) + b"abc"
    (run,) = pcap.runs(io.BytesIO(FILE[4:24] + record), FILE[:4])
    assert run.when(run.buf, run.starts[0]) == 1_700_000_000_123_456_000
    assert run.orig(run.buf, run.starts[0]) == 1500


@given(st.binary(max_size=2000), st.sampled_from(sorted(pcap.MAGICS)))
def test_arbitrary_bytes_raise_nothing_else(data: bytes, magic: bytes) -> None:
    read(io.BytesIO(magic + data))


@settings(max_examples=300)
@given(st.data())
def test_mutated_captures_keep_what_precedes_the_damage(data: st.DataObject) -> None:
    file = bytearray(FILE)
    first = len(file)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(24, len(file) - 1))
        file[at] = data.draw(st.integers(0, 255))
        first = min(first, at)
    found, _ = read(io.BytesIO(bytes(file)))
    at = 24
    for number, packet in enumerate(ORIGINAL):
        at += 16 + len(packet.data)
        if at > first:
            break
        assert found[number] == packet.data


def test_hostile_files_take_no_longer_than_others() -> None:
    """Long records that come in small pieces: joined once, not once for each piece."""
    began = time.process_time()
    record = struct.pack("<IIII", 1, 1, pcap.MAX_PACKET, pcap.MAX_PACKET) + bytes(pcap.MAX_PACKET)

    class Slow(io.BytesIO):
        def read(self, n: int | None = -1, /) -> bytes:
            return super().read(min(n or 0, 64))

    found, damage = read(Slow(FILE[:24] + record * 4))
    assert (len(found), damage) == (4, None)
    assert time.process_time() - began < 2
