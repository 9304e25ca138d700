"""`make accuracy`: the grader over the labelled captures, all of them and the held-out pairs of stacks, against the bars.

The tool is asked as the judge asks it: one process a capture, nothing but the capture. Ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

from matrix import ROOT, unpacked

PERCENT = r"\s+\d+/\d+ = ([\d.]+)%"
CLEAR, DARK = r"^in the clear\s.*?", r"^TLS 1\.3 in the dark\s.*?"
# name, where the grader prints it, bar, whether the figure must reach the bar (else: stay at or under it)
BARS = [
    ("in the clear: cause first", rf"{CLEAR}cause first{PERCENT}", 93.0, True),
    ("in the clear: class", rf"{CLEAR}class{PERCENT}", 98.0, True),
    ("in the clear: side", rf"{CLEAR}side{PERCENT}", 97.0, True),
    ("in the clear: proven", rf"^proven, of those in the clear{PERCENT}", 60.0, True),
    ("proven and right", rf"^proven and right{PERCENT}", 100.0, True),
    ("the fatal alert's frame is cited", rf"^fatal alert's frame is cited{PERCENT}", 99.0, True),
    ("owner right", rf"^owner right{PERCENT}", 95.0, True),
    ("TLS 1.3 in the dark: class", rf"{DARK}class{PERCENT}", 80.0, True),
    ("TLS 1.3 in the dark: side", rf"{DARK}side{PERCENT}", 85.0, True),
    ("failures reported for a success", rf"^false positives on successes{PERCENT}", 0.0, False),
]


def grade(folder: Path, results: Path, jobs: int) -> str:
    """What the grader prints for the cases under ``folder``; what was said of each case goes to ``results``."""
    whytls = Path(sys.executable).with_name("whytls")
    command = [
        sys.executable, str(ROOT / "tests/matrix/grade.py"), str(folder), "--adapter", str(ROOT / "tests/matrix/adapter.py"),
        "--cmd", f"{shlex.quote(str(whytls))} diagnose {{pcap}} --format json", "--jobs", str(jobs), "--json", str(results),
    ]  # fmt: skip
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def judged(title: str, printed: str) -> bool:
    """Prints every bar with the figure reached; says whether all were."""
    print(f"\n{title}")
    good = True
    for name, pattern, bar, at_least in BARS:
        match = re.search(pattern, printed, re.MULTILINE)
        figure = float(match[1]) if match else None
        met = figure is not None and (figure >= bar if at_least else figure <= bar)
        good &= met
        sign = "≥" if at_least else "≤"
        shown = "not measured" if figure is None else f"{figure:5.1f} %"
        print(f"  {'ok  ' if met else 'MISS'} {name:36} {shown:>12}   bar {sign} {bar:g} %")
    return good


def main() -> int:
    """Grade, print both tables, compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=("all", "held-out"), help="one of the two runs")
    arguments = parser.parse_args()
    cases = unpacked()
    runs = [("all", "all cases", cases), ("held-out", "held-out pairs of stacks", cases / "held-out")]
    good = True
    for key, title, folder in runs:
        if arguments.only in (None, key):
            printed = grade(folder, cases.parent / f"said-{key}.json", arguments.jobs)
            print(f"\n===== {title} =====\n{printed}" if key == "all" else f"\n===== {title} =====\n{head(printed)}")
            good &= judged(f"{title}, against the bars", printed)
    print(f"\nwhat was said of each case: {cases.parent.relative_to(ROOT)}/said-*.json")
    return 0 if good else 1


def head(printed: str) -> str:
    """The figures without the tables per cause and per stack."""
    return printed.split("\n\nper cause", 1)[0]


if __name__ == "__main__":
    sys.exit(main())
