"""The tap and the recorder: what the gateway says of a connection and what ``whytls diagnose`` says of the recording are the same."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import alert, client_hello

import gateway_world as world
from whytls.api import diagnose
from whytls.edge.resources import TlsInfo
from whytls.exceptions import InputError
from whytls.gateway.dataplane import Places
from whytls.gateway.recorder import Recorder
from whytls.gateway.tap import Tap
from whytls.model import Context, Endpoint
from whytls.verdict import judge

CLIENT, SERVER = Endpoint("127.0.0.1", 40_000), Endpoint("127.0.0.1", 443)
SIX = Endpoint("2001:db8::1", 40_000), Endpoint("2001:db8::2", 443)


def refused(tap: Tap) -> Tap:
    tap.asked()
    tap.accepted()
    tap.passed("client", client_hello())
    tap.passed("server", alert(70))
    tap.closed("server")
    tap.closed("client")
    return tap


@pytest.mark.parametrize("ends", [(CLIENT, SERVER), SIX], ids=["IPv4", "IPv6"])
def test_the_recording_holds_the_same_handshake(ends: tuple[Endpoint, Endpoint], tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.pcap")
    seen = refused(Tap(*ends, "client", writer=recorder)).handshake()
    recorder.close()
    (read,) = [d.handshake for d in diagnose(tmp_path / "a.pcap")]
    assert seen is not None
    assert read is not None
    assert seen.coverage.whole
    told = [(e.kind, e.sender, e.frame, e.time) for e in seen.events]
    assert told == [(e.kind, e.sender, e.frame, e.time) for e in read.events]
    assert (seen.client, seen.server, seen.shape, seen.outcome) == (read.client, read.server, read.shape, read.outcome)
    assert seen.transport == read.transport


def test_a_refused_connection_is_whole() -> None:
    tap = Tap(CLIENT, SERVER, "client")
    tap.asked()
    tap.refused()
    handshake = tap.handshake()
    assert handshake is not None
    assert handshake.coverage.whole
    assert judge(handshake, Context(whole_recording=True)).diagnosis.cause == "connection-refused"


def test_nobody_claims_that_what_was_written_arrived() -> None:
    tap = Tap(CLIENT, SERVER, "client")
    tap.asked()
    tap.accepted()
    tap.passed("client", client_hello())
    before = tap.handshake(10**10)
    tap.acknowledged()
    after = tap.handshake(10**10)
    assert before is not None
    assert after is not None
    assert (before.transport.client_acked, after.transport.client_acked) == (0, after.transport.client_bytes)


def test_what_is_settled_is_let_go() -> None:
    tap = refused(Tap(CLIENT, SERVER, "client"))
    tap.settle()
    assert tap.handshake() is None
    tap.passed("server", b"x" * 1_000_000)
    assert tap._kept < 1_000


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.binary(max_size=40_000)), max_size=6), st.booleans())
def test_any_bytes_make_packets_that_the_engine_reads(said: list[tuple[Any, bytes]], resets: bool) -> None:
    tap = Tap(CLIENT, SERVER, "server")
    tap.asked()
    tap.accepted()
    for side, data in said:
        tap.passed(side, data)
    (tap.reset if resets else tap.closed)("client")
    for reading in (tap.reading(), tap.foreseen("server", b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        reading.handshake(tap.numbering)
    assert b"".join(data for side, data in said if side == "client").startswith(tap.reading().client_stream.data) or tap.reading().swapped


def test_of_long_connections_the_recorder_keeps_headers_only_and_the_file_has_an_end(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.pcap", snap=1_000, largest=200_000)
    tap = Tap(CLIENT, SERVER, "client", writer=recorder)
    tap.asked()
    tap.accepted()
    for _ in range(5_000):
        tap.passed("server", b"x" * 10_000)
    recorder.close()
    assert (tmp_path / "a.pcap").stat().st_size <= 200_100
    assert recorder.left_out > 0
    assert list(diagnose(tmp_path / "a.pcap")) == []


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no recording"):
        Recorder(tmp_path / "none" / "a.pcap")


def test_others_cannot_read_the_recording(tmp_path: Path) -> None:
    Recorder(tmp_path / "a.pcap").close()
    assert (tmp_path / "a.pcap").stat().st_mode & 0o777 == 0o600


# ------------------------------------------------------------------ with real connections

FAILURES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "certificate-expired": ((world.BACKEND_EXPIRED, world.MIDDLE), {}),
    "chain-incomplete": ((world.BACKEND,), {}),
    "protocol-mismatch": ((), {"highest": ssl.TLSVersion.TLSv1}),
    "client-certificate-missing": ((), {"trust": world.ROOT}),
}


async def recorded(cause: str, folder: Path) -> tuple[dict[str, Any], int]:
    chain, server = FAILURES[cause]
    with world.backend(world.server_context(folder, *chain, **server)) as backend:
        given_ = world.environment(backend.port, TlsInfo(enabled=True, trust_store="ref://trust"))
        async with world.plane(given_, Places(recording=folder / "gateway.pcap")) as plane:
            await world.request(plane)
            entry = world.last(plane)
        return entry, backend.port


@pytest.mark.parametrize("cause", FAILURES)
def test_trace_and_recording_agree_down_to_the_frames(cause: str, tmp_path: Path) -> None:
    entry, port = asyncio.run(recorded(cause, tmp_path))
    told = entry["diagnosis"]
    read = next(d for d in diagnose(tmp_path / "gateway.pcap", backend=[f":{port}"]) if d.hop == "southbound")
    assert (read.cause, read.failing_side) == (told["cause"], told["failing_side"]) == (cause, read.failing_side)
    frames = {tuple(one["frames"]) for one in told["evidence"]}
    assert frames & {e.frames for e in read.evidence}
    assert told["file"] == str(tmp_path / "gateway.pcap")


@pytest.mark.stacks
def test_wireshark_reads_the_recording_and_finds_no_fault(tmp_path: Path) -> None:
    asyncio.run(recorded("certificate-expired", tmp_path))
    tshark = shutil.which("tshark")
    assert tshark
    checked = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    fields = ["-T", "fields", "-e", "tcp.checksum.status", "-e", "_ws.malformed", "-e", "tcp.analysis.flags", "-e", "tls.alert_message.desc"]
    lines = subprocess.run([tshark, "-r", tmp_path / "gateway.pcap", *checked, *fields], check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in lines.splitlines()]
    assert {row[0] for row in rows} == {"1"}, "good"
    assert {row[1] for row in rows} == {""}
    assert {row[2] for row in rows} == {""}, "no retransmission, no lost segment, nothing out of order"
    assert "46" in {row[3] for row in rows}, "as Java 8 says it"
