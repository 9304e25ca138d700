"""Rotated sets: which files are one recording, and in which order."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewrap import CAPTURES, Packet, ethernet, packets
from rewrap_files import Blocks, pcap, plain, rotated

from whytls.capture import rotation, source

ORIGINAL = packets(CAPTURES[0])
FRAMES = [Packet(p.time, ethernet(p.data)) for p in ORIGINAL]
SETS = rotated(ORIGINAL)
SECOND = 10**9


def shifted(seconds: float) -> list[Packet]:
    return [Packet(p.time + int(seconds * SECOND), p.data) for p in FRAMES]


def names(folder: Path) -> list[list[str]]:
    """The file names of each recording in the folder."""
    return [[Path(file).name for file in recording.files] for recording in source.recordings([str(folder)])]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("seed", range(3))
def test_a_set_is_one_recording_in_the_order_of_time(kind: str, seed: int, tmp_path: Path) -> None:
    files = SETS[kind]
    order = list(written(tmp_path, files).iterdir())
    random.Random(seed).shuffle(order)
    (recording,) = source.recordings([str(path) for path in order])
    assert [Path(file).name for file in recording.files] == list(files)
    read = [(name, run.buf[s:e]) for name, run in recording.runs() for s, e in zip(run.starts, run.ends, strict=True)]
    assert [data for _, data in read] == [p.data for p in FRAMES]
    assert len({name for name, _ in read}) == 3
    first, *_, last = files
    assert recording.name == f"{tmp_path / first} … {last}"


def test_files_that_were_recorded_at_the_same_time_stay_apart(tmp_path: Path) -> None:
    many = [Packet(FRAMES[0].time + i * SECOND, FRAMES[0].data) for i in range(60)]
    later = [Packet(p.time + 30 * SECOND, p.data) for p in many]
    written(tmp_path, {"edge.pcap0": pcap(many, 1), "edge.pcap1": pcap(later, 1)})
    assert names(tmp_path) == [["edge.pcap0"], ["edge.pcap1"]]


def test_the_same_capture_twice_stays_apart(tmp_path: Path) -> None:
    written(tmp_path, {"edge.pcap": pcap(FRAMES, 1), "edge.pcap.gz": gzip.compress(pcap(FRAMES, 1))})
    assert names(tmp_path) == [["edge.pcap"], ["edge.pcap.gz"]]


def test_names_of_different_patterns_and_folders_stay_apart(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    written(tmp_path, {"router_20260131.pcap": pcap(FRAMES, 1), "backend_20260131.pcap": pcap(shifted(60), 1)})
    written(tmp_path, {"10.0.0.1.pcap": pcap(FRAMES, 1), "10.0.0.2.pcap": pcap(shifted(60), 1), "edge.pcap": pcap(FRAMES, 1)})
    written(tmp_path / "below", {"edge.pcap1": pcap(shifted(60), 1)})
    assert all(len(files) == 1 for files in names(tmp_path))
    assert len(names(tmp_path)) == 6


def test_numbers_alone_prove_nothing_unless_one_follows_the_other_at_once(tmp_path: Path) -> None:
    written(tmp_path, {"edge-13.pcap": pcap(FRAMES, 1), "edge-14.pcap": pcap(shifted(3600), 1)})
    assert names(tmp_path) == [["edge-13.pcap"], ["edge-14.pcap"]]
    written(tmp_path, {"edge-14.pcap": pcap(shifted(1), 1)})
    assert names(tmp_path) == [["edge-13.pcap", "edge-14.pcap"]]


def test_an_empty_last_piece_belongs_to_the_set(tmp_path: Path) -> None:
    written(tmp_path, {"edge.pcap0": pcap(FRAMES, 1), "edge.pcap1": pcap(shifted(5), 1), "edge.pcap2": pcap([], 1)})
    assert names(tmp_path) == [["edge.pcap0", "edge.pcap1", "edge.pcap2"]]


@pytest.mark.parametrize(
    ("name", "common"),
    [
        ("edge.pcap", ("edge.pcap", True)),
        ("edge.pcap12", ("edge.pcap", True)),
        ("edge.pcapng3.zst", ("edge.pcapng", True)),
        ("edge_00012_20260131120000.pcapng", ("edge*.pcapng", True)),
        ("edge_20260131120000_00012.pcapng", ("edge*.pcapng", True)),
        ("edge-2026-01-31_12:30:00.pcap.gz", ("edge-*.pcap", True)),
        ("2026-01-31T12:30:00Z.cap", ("*.cap", True)),
        ("edge-20260131-1230.pcap4", ("edge-*.pcap", True)),
        ("edge.1769853600.pcap", ("edge.*.pcap", True)),
        ("edge-1230.pcap", ("edge-*.pcap", False)),
        ("test1.pcap", ("test1.pcap", True)),
        ("trace7", ("trace", False)),
    ],
)
def test_patterns(name: str, common: tuple[str, bool]) -> None:
    assert rotation.pattern(name) == common


@given(st.text(max_size=80))
def test_any_name_has_a_pattern(name: str) -> None:
    assert isinstance(rotation.pattern(name)[0], str)


def last(path: Path) -> int | None:
    return source._span(str(path)).last


def test_the_last_packet_s_time_is_read_from_the_end(tmp_path: Path) -> None:
    many = [Packet(FRAMES[0].time + i * 1_000_000, FRAMES[i % len(FRAMES)].data) for i in range(3000)]
    file = tmp_path / "edge"
    for order in "<>":
        for nano, modified in ((False, False), (True, False), (False, True)):
            file.write_bytes(pcap(many, 1, order, nano, modified))
            assert file.stat().st_size > rotation.TAIL
            assert last(file) == many[-1].time
        bare = [Packet(p.time, p.data[14:]) for p in many]
        file.write_bytes(plain(bare, order).data)
        assert last(file) == many[-1].time
    file.write_bytes(Blocks().section().interface().packet(5, b"x").block(5, bytes(12)).done())
    assert last(file) == 5000


def test_no_last_time_where_the_end_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "edge"
    for data in (pcap(FRAMES, 1)[:-1], plain(ORIGINAL).data[:-4], gzip.compress(pcap(FRAMES, 1))):
        file.write_bytes(data)
        assert source.first_time(str(file)) == FRAMES[0].time
        assert last(file) is None


@given(st.binary(max_size=400))
def test_arbitrary_ends_raise_nothing(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "arbitrary"
    for start in (pcap(FRAMES, 1), plain(ORIGINAL).data):
        file.write_bytes(start + data)
        last(file)
