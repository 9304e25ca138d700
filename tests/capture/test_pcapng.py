"""pcapng: blocks, clocks, frame numbers, damage. Whole files of every kind are in test_ip_variants.py."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewrap import CAPTURES, Packet, ethernet, packets
from rewrap_files import Blocks, crowded, interfaces, old_blocks, plain, sections

from whytls.capture import pcapng
from whytls.exceptions import DamagedInput

ORIGINAL = packets(CAPTURES[0])
WRITERS = [plain, crowded, interfaces, sections, old_blocks]
NANO = (9, b"\x09")
DATA = ethernet(ORIGINAL[0].data)


def read(data: bytes, secrets: list[bytes] | None = None) -> tuple[list[tuple[int, int, int, bytes]], DamagedInput | None]:
    """[(frame, time, link type, packet)], and the damage at which reading ended."""
    found: list[tuple[int, int, int, bytes]] = []
    file, number = io.BytesIO(data), 0
    try:
        for run in pcapng.runs(file, file.read(4), [] if secrets is None else secrets):
            assert len(run.starts) == len(run.ends) > 0
            assert run.frames is None or len(run.frames) == len(run.starts)
            for i, (start, end) in enumerate(zip(run.starts, run.ends, strict=True)):
                assert 0 <= start <= end <= len(run.buf)
                number = number + 1 if run.frames is None else run.frames[i]
                run.orig(run.buf, start)
                found.append((number, run.when(run.buf, start), run.link, run.buf[start:end]))
    except DamagedInput as damage:
        return found, damage
    return found, None


def one(*options: tuple[int, bytes], ticks: int) -> int:
    """The time of a packet of an interface with these options."""
    (packet,), damage = read(Blocks().section().interface(1, *options).packet(ticks, DATA).done())
    assert damage is None
    return packet[1]


def test_clocks() -> None:
    assert one(ticks=5) == 5_000
    assert one((9, b"\x06"), ticks=5) == 5_000
    assert one(NANO, ticks=2**63) == 2**63
    assert one((9, b"\x00"), ticks=7) == 7_000_000_000
    assert one((9, b"\x0c"), ticks=1_234_567) == 1234
    assert one((9, b"\x81"), ticks=3) == 1_500_000_000
    assert one((9, b"\x8a"), ticks=1) == 10**9 // 1024
    assert one(NANO, (14, struct.pack("<q", -3)), ticks=5) == 5 - 3_000_000_000
    assert one((2, b"a name"), (0, b""), NANO, ticks=5) == 5_000  # nothing counts behind the end of options
    assert one((9, b"\xff"), ticks=2**64 - 1) == 0
    assert one((9, b"\x7f"), ticks=2**64 - 1) == 0


def test_simple_packets_take_the_time_before_them_and_the_interface_s_snap_length() -> None:
    blocks = Blocks().section().interface(1, NANO, snap=20).simple(DATA).packet(77, DATA)
    blocks.block(3, struct.pack("<I", 1500) + DATA[:20], True)
    found, damage = read(blocks.done())
    assert damage is None
    assert [(time, len(data)) for _, time, _, data in found] == [(0, 20), (77, len(DATA)), (77, 20)]


def test_secrets_of_other_protocols_are_not_ours() -> None:
    blocks, secrets = Blocks().section(), list[bytes]()
    blocks.block(10, struct.pack("<II", 0x53534853, 4) + b"ssh!").block(10, struct.pack("<II", 0x544C534B, 3) + b"tls")
    assert read(blocks.done(), secrets) == ([], None)
    assert secrets == [b"tls"]


def test_secrets_are_bounded() -> None:
    blocks, secrets = Blocks().section(), list[bytes]()
    for _ in range(5):
        blocks.block(10, struct.pack("<II", 0x544C534B, 6 << 20) + bytes(6 << 20))
    assert read(blocks.done(), secrets) == ([], None)
    assert sum(map(len, secrets)) <= pcapng.MAX_SECRETS


Change = Callable[[Blocks], object]
DAMAGE: dict[str, Change] = {
    "interface": lambda b: b.packet(1, DATA, 5),
    "byte order": lambda b: b.block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4E, 1, 0, -1)),
    "version 2.0": lambda b: b.block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
    "claims 8 bytes": lambda b: b.out.append(struct.pack("<II", 0x777, 8)),
    "claims 4294967295 bytes": lambda b: b.out.append(struct.pack("<II", 0x777, 0xFFFFFFFF)),
    "packet block claims": lambda b: b.out.append(struct.pack("<II", 6, 1 << 20)),
    "another length": lambda b: b.out.append(struct.pack("<IIII", 0x777, 16, 0, 20)),
    "its own length": lambda b: b.out.append(struct.pack("<IIIIIIII", 6, 32, 0, 0, 0, 1, 1, 32)),
    "a secrets block": lambda b: b.block(10, struct.pack("<II", 0x544C534B, 9) + b"tls"),
    "contradicts its own length": lambda b: b.block(3, struct.pack("<I", 100) + b"less"),
    "was not described": lambda b: b.block(2, struct.pack("<HHIIII", 3, 0, 0, 0, 0, 0)),
    "interface 0": lambda b: b.section().simple(DATA),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_with_its_place_and_what_precedes_it_stands(what: str) -> None:
    blocks = Blocks().section().interface(1, NANO).packet(1, DATA).packet(2, DATA)
    DAMAGE[what](blocks)
    place = len(blocks.done()) - len(blocks.out[-1])
    found, damage = read(blocks.done() + bytes(100))
    assert [time for _, time, _, _ in found] == [1, 2]
    assert damage is not None
    assert what in damage.problem
    assert damage.offset == place


def test_cut_anywhere_gives_all_that_is_whole() -> None:
    whole, _ = read(plain(ORIGINAL).data)
    data = plain(ORIGINAL).data
    for length in range(4, len(data)):
        found, damage = read(data[:length])
        assert found == whole[: len(found)]
        assert damage is None or damage.offset is not None
        if damage is None:
            assert read(data[: length + 1])[1] is not None  # the cut was between two blocks


def test_no_interfaces_without_end() -> None:
    blocks = Blocks().section().interface()
    data = blocks.out[0] + blocks.out[1] * (pcapng._MORE_INTERFACES + 1)
    found, damage = read(data)
    assert found == []
    assert damage is not None
    assert "interfaces" in damage.problem


@given(st.binary(max_size=500), st.booleans())
def test_arbitrary_bytes_raise_nothing_else(data: bytes, opened: bool) -> None:
    read((Blocks().section().interface().done() if opened else pcapng.MAGIC) + data)


@settings(max_examples=300)
@given(st.data())
def test_mutated_files_raise_nothing_else(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(WRITERS))(ORIGINAL).data)
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(4, len(file) - 1))] = data.draw(st.integers(0, 255))
    read(bytes(file))


KINDS = st.sampled_from([0, 4, 5, 9, 10, 0xBAD, 0x40000BAD, 0x204, 0x216, 0x777, 0x80000777])


@pytest.mark.stacks
@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.just("packet"), st.just("simple"), st.just("obsolete"), st.just("section"), KINDS), max_size=12))
def test_frame_numbers_are_tshark_s(tmp_path_factory: pytest.TempPathFactory, order: list[str | int]) -> None:
    blocks = Blocks().section().interface(1, NANO)
    frame = Packet(1, ethernet(ORIGINAL[0].data))
    bodies = {
        0: b"", 4: bytes(4), 5: struct.pack("<III", 0, 1, 1), 9: b"__REALTIME_TIMESTAMP=1\n", 10: struct.pack("<II", 0x544C534B, 0),
        0xBAD: b"\0\x7e\x7e\0", 0x40000BAD: b"\0\x7e\x7e\0", 0x204: struct.pack("<HQQIHH", 0, 1, 1, 22, 1, 0),
        0x216: struct.pack("<HQQIHHI", 0, 1, 1, 26, 1, 0, 0), 0x777: bytes(8), 0x80000777: bytes(8),
    }  # fmt: skip
    for kind in order:
        if kind == "packet":
            blocks.packet(1, frame.data)
        elif kind == "simple":
            blocks.simple(frame.data)
        elif kind == "obsolete":
            blocks.obsolete(1, frame.data)
        elif kind == "section":
            blocks.section(">" if blocks.order == "<" else "<").interface(1, NANO)
        elif isinstance(kind, int) and (blocks.order == "<" or kind not in (0x204, 0x216)):
            blocks.block(kind, bodies[kind])
    file: Path = tmp_path_factory.mktemp("frames") / "t.pcapng"
    file.write_bytes(blocks.packet(1, frame.data).done())
    command = ["tshark", "-n", "-r", str(file), "-Y", "tcp", "-T", "fields", "-e", "frame.number"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found, damage = read(file.read_bytes())
    assert damage is None
    assert [number for number, *_ in found] == [int(line) for line in said.split()]
