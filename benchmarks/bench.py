"""`make bench`: speed, memory, start-up and counts of the finished command, beside tshark on the same files in the same run.

Each measurement runs the programs in turn, warm, at least five times, and shows medians; ratios are what can be compared between
machines. Ratios grow with the file, so they are judged at full size only (``--size full``: 1 GB, 200,000 flows).
"""

from __future__ import annotations

import argparse
import json
import statistics
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from caches import show as hit_rates
from measure import Run, run, run_piped, tshark, whytls

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".work" / "bench"
SIZES = {"full": (1e9, 200_000, 20_000), "small": (1e8, 10_000, 2_000)}  # bytes of bulk, flows of storm, flows of mixed and sll
START_UP_PACKETS = 100
CAUSE_OF = {  # the generator's outcomes (flights.py), as we call them
    "unknown_ca": "certificate-untrusted",
    "unknown_ca13": "certificate-untrusted",
    "expired": "certificate-expired",
    "no_version": "protocol-mismatch",
    "no_cipher": "cipher-mismatch",
    "hello_rst": "connection-reset",
    "hello_silence": "handshake-timeout",
}


@dataclass
class Bars:
    """What was reached against what must be."""

    rows: list[tuple[str, str, str, bool | None]] = field(default_factory=list)

    def add(self, name: str, figure: str, bar: str, met: bool | None) -> None:
        """One bar; ``met`` is None where this run is too small to judge it."""
        self.rows.append((name, figure, bar, met))

    def show(self) -> bool:
        """Prints all; whether none was missed."""
        print("\nbars")
        for name, figure, bar, met in self.rows:
            print(f"  {'    ' if met is None else 'ok  ' if met else 'MISS'} {name:44} {figure:>14}   {bar}")
        return all(met is not False for _, _, _, met in self.rows)


def capture(kind: str, *, size: float = 1e9, flows: int | None = None) -> Path:
    """The generated file, made once for each size."""
    path = WORK / f"{kind}-{int(size) if kind == 'bulk' else flows}.pcap"
    if not Path(f"{path}.truth.json").is_file():
        print(f"writing {path.relative_to(ROOT)}", file=sys.stderr)
        wanted = ["--bytes", str(size)] if flows is None else ["--flows", str(flows)]
        # In a process of its own: what this one holds would count as the peak of those that it starts (getrusage(2), ru_maxrss).
        generator = [sys.executable, str(ROOT / "benchmarks/gen_capture.py"), kind, str(path), *wanted]
        subprocess.run(generator, check=True, stdout=subprocess.DEVNULL)
    return path


def warm(path: Path) -> None:
    """Read the file once, so that nobody waits for the disk."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def beside(path: Path, rounds: int) -> dict[str, list[Run]]:
    """Both programs in turn on one file, after a warm-up of the file."""
    warm(path)
    results: dict[str, list[Run]] = {"whytls": [], "tshark": []}
    for _ in range(rounds):
        results["whytls"].append(run(whytls(str(path)), WORK / "whytls.jsonl"))
        results["tshark"].append(run(tshark(str(path)), WORK / "tshark.txt"))
    return results


def middle(runs: list[Run], what: str) -> float:
    """The median of one figure."""
    return float(statistics.median(getattr(r, what) for r in runs))


def show(path: Path, results: dict[str, list[Run]]) -> None:
    """The table of one file."""
    size = path.stat().st_size / 1e6
    print(f"\n{path.name}, {size:.0f} MB")
    print(f"  {'program':16}{'wall s':>10}{'CPU s':>10}{'MB/s':>8}{'peak MB':>9}   wall of each run")
    for name, runs in results.items():
        wall = middle(runs, "wall")
        each = " ".join(f"{r.wall:.2f}" for r in runs)
        print(f"  {name:16}{wall:10.3f}{middle(runs, 'cpu'):10.3f}{size / wall:8.0f}{max(r.peak for r in runs):9.0f}   {each}")


def speed(bars: Bars, kind: str, path: Path, rounds: int, full: bool) -> None:
    """Against tshark from a file; then from a pipe, where memory and counts must be the same."""
    results = beside(path, rounds)
    piped = run_piped(path, whytls("-"), WORK / "piped.jsonl")
    show(path, {**results, "whytls, pipe": [piped]})
    ratio = middle(results["tshark"], "cpu") / middle(results["whytls"], "cpu")
    wall = middle(results["tshark"], "wall") / middle(results["whytls"], "wall")
    need, limit = (12, 150) if kind == "bulk" else (3, 300)
    met = ratio >= need if full else None
    bars.add(f"{kind}: CPU time against tshark", f"{ratio:.1f} x", f">= {need} x (wall {wall:.1f} x)", met)
    peak = max(r.peak for r in (*results["whytls"], piped))
    bars.add(f"{kind}: peak memory, file and pipe", f"{peak:.0f} MB", f"<= {limit} MB", peak <= limit)
    counts(bars, kind, path, WORK / "whytls.jsonl")
    counts(bars, f"{kind}, pipe", path, WORK / "piped.jsonl")


def counts(bars: Bars, kind: str, path: Path, answers: Path) -> None:
    """Failed handshakes reported against the truth of the generator."""
    truth = json.loads(Path(f"{path}.truth.json").read_text())
    said = Counter(json.loads(line)["cause"] for line in answers.open())
    failed = sum(n for cause, n in said.items() if cause)
    bars.add(f"{kind}: failed handshakes", str(failed), f"= {truth['failed']}", failed == truth["failed"])
    print(f"  {kind}, said:  " + ", ".join(f"{cause} {n}" for cause, n in sorted(said.items())))
    expected: Counter[str] = Counter()
    for outcome, n in truth["flows"].items():
        expected[CAUSE_OF.get(outcome, "")] += n
    print(f"  {kind}, truth: " + ", ".join(f"{cause} {n}" for cause, n in sorted(expected.items()) if cause))


def growth(bars: Bars, kind: str, small: Path, large: Path, full: bool) -> None:
    """Memory may not follow the size of the file, once what is bounded has filled up: caches, and connections that say nothing more, which
    are waited for through two minutes of the recording."""
    peaks = [run(whytls(str(path)), WORK / "growth.jsonl").peak for path in (small, large)]
    factor = large.stat().st_size / small.stat().st_size
    figure = f"{peaks[0]:.0f} -> {peaks[1]:.0f} MB"
    met = peaks[1] <= max(60, 1.25 * peaks[0]) if full else None  # caches of bounded size fill up first
    bars.add(f"{kind}: memory, file {factor:.1f} x as large", figure, "<= 1.25 x, or under 60 MB", met)


def start_up(bars: Bars) -> None:
    """A cold process on a capture of 100 packets, to the printed verdict."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")], check=True)  # as an installation has it
    path = cut(capture("storm", flows=8), WORK / "hundred.pcap", START_UP_PACKETS)
    results = beside(path, 15)
    show(path, results)
    wall = {name: middle(runs, "wall") for name, runs in results.items()}
    figure, bar = f"{wall['whytls'] * 1000:.0f} ms", f"<= 1/2 of tshark's {wall['tshark'] * 1000:.0f} ms; aim 50 ms"
    bars.add("100 packets, cold process to verdict", figure, bar, wall["whytls"] <= wall["tshark"] / 2)


def cut(source: Path, target: Path, packets: int) -> Path:
    """The first packets of a pcap file."""
    with source.open("rb") as file:
        data = file.read(packets * 2000)
    end = 24
    for _ in range(packets):
        end += 16 + struct.unpack_from("<I", data, end + 8)[0]
    target.write_bytes(data[:end])
    return target


def main() -> int:
    """All measurements, then the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("start-up", "bulk", "storm", "counts", "growth", "caches"), help="one of the measurements")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    size, flows, odd = SIZES[arguments.size]
    full, only, bars = arguments.size == "full", arguments.only, Bars()
    if only in (None, "start-up"):
        start_up(bars)
    if only in (None, "bulk"):
        speed(bars, "bulk", capture("bulk", size=size), arguments.rounds, full)
    if only in (None, "storm"):
        speed(bars, "storm", capture("storm", flows=flows), arguments.rounds, full)
    if only in (None, "counts"):
        for kind in ("mixed", "sll"):
            path = capture(kind, flows=odd)
            run(whytls(str(path)), WORK / "counts.jsonl")
            counts(bars, kind, path, WORK / "counts.jsonl")
    if only in (None, "growth"):
        growth(bars, "bulk", capture("bulk", size=size / 4), capture("bulk", size=size), full)
        growth(bars, "storm", capture("storm", flows=flows), capture("storm", flows=2 * flows), full)
    if only in (None, "caches"):
        hit_rates(capture("storm", flows=flows // 5))
    return 0 if bars.show() else 1


if __name__ == "__main__":
    sys.exit(main())
