"""Runs a program and says what it cost: wall time, CPU time, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """What one run cost: seconds, and megabytes at the peak."""

    wall: float
    cpu: float
    peak: float


def whytls(source: str) -> list[str]:
    """The finished command, verdicts and report included."""
    return [str(Path(sys.executable).with_name("whytls")), "diagnose", source, "--format", "jsonl"]


def tshark(path: str) -> list[str]:
    """What people run today for the same question: handshake messages, alerts and server names."""
    fields = ["frame.number", "ip.src", "ip.dst", "tls.handshake.type", "tls.alert_message.desc"]
    fields.append("tls.handshake.extensions_server_name")
    chosen = [part for name in fields for part in ("-e", name)]
    return ["tshark", "-r", path, "-Y", "tls.handshake or tls.alert_message", "-T", "fields", *chosen]


def run(command: list[str], out: Path, stdin: int | None = None) -> Run:
    """Run to the end with its output in a file; only ends 0 and 1 (failures found) are good ones."""
    with out.open("wb") as target:
        begin = time.perf_counter()
        source = subprocess.DEVNULL if stdin is None else stdin
        process = subprocess.Popen(command, stdin=source, stdout=target, stderr=subprocess.PIPE)
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1) or b"Traceback" in complaint:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {complaint.decode(errors='replace')[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run_piped(path: Path, command: list[str], out: Path) -> Run:
    """The same, fed through a pipe."""
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        return run(command, out, source.stdout.fileno())
