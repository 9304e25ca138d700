"""Every segment of real captures is found again behind every link layer, tunnel and file format, at the right frame and time."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from rewrap import CAPTURES, Segment, Variant, packets, segment, variants

from whytls.capture import ip, source

ALL = {f"{path.stem}: {name}": (path, name) for path in CAPTURES for name in variants(path)}


@functools.cache
def made(path: Path) -> dict[str, Variant]:
    return variants(path)


def located(recording: source.Recording) -> dict[int, tuple[Segment, int]]:
    """{frame: (segment, time)} of all TCP in the recording (of one file)."""
    found: dict[int, tuple[Segment, int]] = {}
    number, reassembly = 0, ip.Reassembly()
    for _, run in recording.runs():
        for i, (start, end) in enumerate(zip(run.starts, run.ends, strict=True)):
            number = run.frames[i] if run.frames is not None else number + 1
            time = run.when(run.buf, start)
            assert run.orig(run.buf, start) == end - start
            tcp = ip.locate(run.link, run.buf, start, end, reassembly, time)
            if tcp and tcp.proto == ip.TCP:
                data = tcp.offset + (tcp.buf[tcp.offset + 12] >> 4) * 4
                assert tcp.missing == 0
                found[number] = Segment(tcp.src, tcp.dst, tcp.buf[tcp.offset : data], tcp.buf[data : tcp.stop]), time
    return found


@pytest.mark.parametrize("name", ALL)
def test_segments_are_found_at_their_frames(name: str, tmp_path: Path) -> None:
    path, variant_name = ALL[name]
    variant = made(path)[variant_name]
    file = tmp_path / "capture"
    file.write_bytes(variant.data)
    (recording,) = source.recordings([str(file)])
    found = located(recording)
    original = packets(path)
    assert {frame: what for frame, (what, _) in found.items()} == {variant.frames[n]: segment(packet.data) for n, packet in enumerate(original, 1)}
    if "old blocks" not in name:  # simple packet blocks have no time
        assert [time for _, (_, time) in sorted(found.items())] == [packet.time for packet in original]
    assert [w for w in recording.warnings if "link type 147" not in w] == []


def test_secrets_are_kept(tmp_path: Path) -> None:
    from rewrap_files import KEY_LOG

    file = tmp_path / "capture"
    file.write_bytes(made(CAPTURES[0])["file: pcapng, crowded"].data)
    (recording,) = source.recordings([str(file)])
    assert len(located(recording)) == len(packets(CAPTURES[0]))
    assert set(recording.secrets) == {KEY_LOG}


def test_an_unsupported_interface_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_bytes(made(CAPTURES[0])["file: pcapng, interfaces"].data)
    (recording,) = source.recordings([str(file)])
    located(recording)
    assert recording.warnings == ["link type 147 (DLT_USER0) is not supported: its packets are counted and not read"]
