"""The same verdict behind every link layer and tunnel, from fragments and from every file format, at Wireshark's frame numbers."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest
from rewrap import CAPTURES, Packet, ethernet, packets, variants
from rewrap_files import pcap, rotated

import whytls
from story import replace
from whytls.model import Diagnosis, Endpoint, Evidence

NAMES = {f"{path.stem}: {name}": (path, name) for path in CAPTURES for name in variants(path)}
TIMELESS = "old blocks"  # simple packet blocks have no time

made = functools.cache(variants)


@functools.cache
def original(path: Path) -> tuple[Diagnosis, ...]:
    return tuple(whytls.diagnose(path))


def comparable(said: Diagnosis, frames: dict[int, int] | None = None, *, times: bool = True) -> dict[str, object]:
    """A verdict without the file it is from; its frames put through the mapping."""

    def at(frame: int) -> int:
        return frames.get(frame, -frame) if frames else frame

    evidence = tuple(Evidence(e.text, tuple(map(at, e.frames)), "", e.certificate) for e in said.evidence)
    anonymous = replace(said, handshake=None, file="", frame=at(said.frame), evidence=evidence, started_at=said.started_at if times else 0)
    fields = {name: getattr(anonymous, name) for name in anonymous.__slots__}
    events = said.handshake.events if said.handshake else ()
    return fields | {"events": [(e.kind, e.sender, tuple(map(at, e.frames)), e.value, e.length, e.time if times else 0) for e in events]}


def test_the_originals_fail_each_in_its_way() -> None:
    causes = {path.name: [d.cause for d in original(path)] for path in CAPTURES}
    assert len(CAPTURES) >= 3
    assert all(len(said) == 1 for said in causes.values())
    assert len({said[0] for said in causes.values()}) == len(CAPTURES)
    assert {":" in d.client.address for path in CAPTURES for d in original(path)} == {True, False}


@pytest.mark.parametrize("name", NAMES)
def test_the_verdict_is_the_same(name: str, tmp_path: Path) -> None:
    path, variant_name = NAMES[name]
    variant = made(path)[variant_name]
    file = tmp_path / "capture"
    file.write_bytes(variant.data)
    run = whytls.diagnose(file)
    said = list(run)
    times = TIMELESS not in variant_name
    expected = [comparable(d, variant.frames, times=times) for d in original(path)]
    assert [comparable(d, times=times) for d in said] == expected
    assert [w for w in run.warnings if "link type 147" not in w] == []


@pytest.mark.parametrize("kind", rotated(packets(CAPTURES[0])))
def test_a_rotated_set_is_one_recording(kind: str, tmp_path: Path) -> None:
    """Frames are those of the file that they stand in."""
    path = CAPTURES[0]
    whole = packets(path)
    names = rotated(whole)[kind]
    size = -(-len(whole) // 3)
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    (one,) = whytls.diagnose(tmp_path)
    (was,) = original(path)
    assert (one.cause, one.failing_side, one.confidence, one.detail) == (was.cause, was.failing_side, was.confidence, was.detail)
    order = list(names)
    places = {frame: (order[(frame - 1) // size], (frame - 1) % size + 1) for frame in range(1, len(whole) + 1)}
    expected = {places[frame] for e in was.evidence for frame in e.frames}
    assert {(Path(e.file).name, frame) for e in one.evidence for frame in e.frames} == expected


def test_two_connections_of_the_same_capture_in_two_tunnels_stand_apart(tmp_path: Path) -> None:
    """The same addresses in two virtual networks would be one flow to whoever does not look; here two captures are one after the other."""
    first, second = (packets(path) for path in CAPTURES[:2])
    later = [Packet(packet.time + 3600 * 10**9, packet.data) for packet in second]
    file = tmp_path / "both.pcap"
    file.write_bytes(pcap([Packet(p.time, ethernet(p.data)) for p in sorted([*first, *later], key=lambda p: p.time)], 1))
    said = list(whytls.diagnose(file))
    assert sorted(str(d.cause) for d in said) == sorted(str(d.cause) for path in CAPTURES[:2] for d in original(path))


# ------------------------------------------------------------------ beside tshark

UNREAD = ("file: xz", "file: xz, streams", "file: bzip2", "file: gzip, zeros behind", "file: zstd, frames")  # by tshark 4.0
DECODE = [f"udp.port=={port},{what}" for port, what in ((8472, "vxlan"), (4754, "gre"), (4790, "vxlan_gpe"))]
WANTED = {"client-hello": 1, "server-hello": 2, "certificate": 11, "certificate-request": 13, "server-hello-done": 14}
BESIDE = [name for name, (path, variant) in NAMES.items() if variant not in UNREAD and variant not in ("link: snap", "link: llc")]


def of_tshark(file: Path, server: Endpoint) -> set[tuple[int, str]]:
    """(frame, message) of all plain handshake messages and alerts that tshark reads."""
    rules = [option for rule in (*DECODE, f"tcp.port=={server.port},tls") for option in ("-d", rule)]
    command = ["tshark", "-n", "-r", str(file), *rules, "-o", "ipv6.tso_support:TRUE", "-Y", "tls", "-T", "fields", "-E", "aggregator=;"]
    fields = [option for field in ("frame.number", "tls.handshake.type", "tls.alert_message.desc") for option in ("-e", field)]
    said = subprocess.run([*command, *fields], capture_output=True, text=True, timeout=60, check=True).stdout
    found = set()
    for line in said.splitlines():
        frame, types, alerts = [*line.split("\t"), "", ""][:3]
        for number in filter(None, types.split(";")):
            found |= {(int(frame), kind) for kind, wanted in WANTED.items() if wanted == int(number)}
        found |= {(int(frame), "alert") for _ in filter(None, alerts.split(";"))}
    return found


@pytest.mark.stacks
@pytest.mark.parametrize("name", BESIDE)
def test_tshark_reads_the_messages_at_the_same_frames(name: str, tmp_path: Path) -> None:
    path, variant_name = NAMES[name]
    file = tmp_path / "capture"
    file.write_bytes(made(path)[variant_name].data)
    (one,) = whytls.diagnose(file)
    assert one.handshake is not None
    ours = {(e.frame, e.kind) for e in one.handshake.events if e.kind in (*WANTED, "alert")}
    assert ours == of_tshark(file, one.server)
