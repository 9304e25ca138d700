"""`python -m tools.fuzz --seconds N`: every target in turn, a table of executions, 1 on any finding."""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.fuzz.growth import check
from tools.fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".work" / "fuzz"
LEDGER = WORK / "executions.json"  # of all runs on this checkout


@dataclass(frozen=True, slots=True)
class Result:
    """What one target's run came to."""

    name: str
    executions: int
    slowest: float  # seconds of the slowest input
    took: float
    finding: str  # empty: none


def fuzz(name: str, seconds: int) -> Result:
    """Run one target in a process of its own."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "tools.fuzz.session", name, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    count = WORK / f"{name}.count"
    executions, slowest = struct.unpack("<QQ", count.read_bytes()) if count.is_file() else (0, 0)
    finding = ""
    if done.returncode != 0:
        log = WORK / f"{name}.log"
        log.write_bytes(done.stdout + done.stderr)
        finding = f"ended with {done.returncode}, see {log.relative_to(ROOT)}:\n" + _story(log.read_text(errors="replace"))
    return Result(name, executions, slowest / 1e9, time.monotonic() - begin, finding)


def _story(log: str) -> str:
    """The traceback and where the input is kept."""
    lines = log.splitlines()
    begin = next((i for i, line in enumerate(lines) if "Traceback" in line or "Uncaught" in line), max(0, len(lines) - 15))
    kept = [line for line in lines if "Test unit written" in line]
    return "\n".join(f"    {line[:200]}" for line in lines[begin : begin + 30] + kept)


def total(results: list[Result]) -> dict[str, int]:
    """Executions of each target over all runs, this one included."""
    ledger: dict[str, int] = json.loads(LEDGER.read_text()) if LEDGER.is_file() else {}
    for result in results:
        ledger[result.name] = ledger.get(result.name, 0) + result.executions
    LEDGER.write_text(json.dumps(ledger, indent=1, sort_keys=True))
    return ledger


def main() -> int:
    """Fuzz, grow, report."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of this machine's time, over all targets")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    names = arguments.targets or list(TARGETS)
    each = max(3, arguments.seconds * arguments.jobs // len(names))
    WORK.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda name: fuzz(name, each), names))
    ledger = total(results)
    print(f"{'target':14}{'executions':>12}{'a second':>10}{'in all runs':>14}{'corpus':>8}{'slowest':>10}{'grown':>7}")
    bad = [f"{r.name} {r.finding}" for r in results if r.finding]
    for r in results:
        corpus = WORK / "corpus" / r.name
        grown, steep = check(r.name, corpus, min(10, each / 5))
        bad += [f"{r.name}: {line}" for line in steep]
        size, rate = len(list(corpus.glob("*"))), r.executions / max(r.took, 1e-9)
        print(f"{r.name:14}{r.executions:12,}{rate:10,.0f}{ledger[r.name]:14,}{size:8,}{r.slowest * 1000:7.0f} ms{grown:7}")
    print(f"{'all':14}{sum(r.executions for r in results):12,}{'':10}{sum(ledger.values()):14,}")
    for finding in bad:
        print(f"\nFINDING {finding}")
    print(f"\n{len(bad)} findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
