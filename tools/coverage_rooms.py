"""`make coverage`: which lines of wire/ and capture/ the test suite reaches; 1 where a room has less than the bar."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".work" / "coverage"
BAR = 90.0
ROOMS = ("wire", "capture")  # what reads hostile bytes
GENERATED = ("wire/numbers.py",)


def measure() -> dict[str, dict[str, dict[str, int]]]:
    """Run the suite under coverage; per file its summary."""
    WORK.mkdir(parents=True, exist_ok=True)
    data, report = f"--data-file={WORK / 'data'}", WORK / "report.json"
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "run", data, "-m", "pytest"], cwd=ROOT, check=False)  # a failing test is `make test`'s matter
    subprocess.run([*coverage, "json", data, "-o", str(report), "--quiet"], cwd=ROOT, check=True)
    files: dict[str, dict[str, dict[str, int]]] = json.loads(report.read_text())["files"]
    return files


def main() -> int:
    """A line per file of these rooms, then a line per room."""
    lines: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in sorted(measure().items()):
        inside = name.partition("whytls/")[2]
        room = inside.partition("/")[0]
        if room not in ROOMS or inside in GENERATED or not file["summary"]["num_statements"]:
            continue
        covered, all_lines = file["summary"]["covered_lines"], file["summary"]["num_statements"]
        lines[room][0] += covered
        lines[room][1] += all_lines
        print(f"  {inside:32}{100 * covered / max(all_lines, 1):6.1f} %   {all_lines - covered} of {all_lines} lines not reached")
    shares = {room: 100 * covered / max(all_lines, 1) for room, (covered, all_lines) in lines.items()}
    for room in ROOMS:
        share = shares.get(room, 0.0)
        print(f"{'ok  ' if share >= BAR else 'MISS'} {room}/: {share:.1f} % of lines (bar {BAR:g} %)")
    return 0 if all(shares.get(room, 0.0) >= BAR for room in ROOMS) else 1


if __name__ == "__main__":
    sys.exit(main())
