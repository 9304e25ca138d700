"""`make accuracy`: the grader over the labelled captures, all of them and the held-out pairs of stacks, against the bars.

The tool is asked as the judge asks it: one process a capture, nothing but the capture. Ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

from matrix import ROOT, unpacked

GRADER = ROOT / "tests" / "matrix" / "grade.py"

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
    ("in the clear: owner", rf"^in the clear: owner right{PERCENT}", 95.0, True),
    ("TLS 1.3 in the dark: class", rf"{DARK}class{PERCENT}", 80.0, True),
    ("TLS 1.3 in the dark: side", rf"{DARK}side{PERCENT}", 85.0, True),
    ("failures reported for a success", rf"^false positives on successes{PERCENT}", 0.0, False),
]


def asked() -> str:
    """The tool as the judge asks it: nothing but the capture. What it says is kept beside, for the second table."""
    whytls = shlex.quote(str(Path(sys.executable).with_name("whytls")))
    script = f'{whytls} diagnose "$0/capture.pcap" --format json | tee "$0/said.json"'
    return f"bash -o pipefail -c {shlex.quote(script)} {{dir}}"


def grade(folder: Path, results: Path, jobs: int, command: str) -> str:
    """What the grader prints for the cases under ``folder``; what was said of each case goes to ``results``."""
    judge = [
        sys.executable, str(GRADER), str(folder), "--adapter", str(ROOT / "tests/matrix/adapter.py"),
        "--cmd", command, "--jobs", str(jobs), "--json", str(results),
    ]  # fmt: skip
    return subprocess.run(judge, check=True, text=True, stdout=subprocess.PIPE).stdout


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


def owner_in_the_clear(cases: Path, results: Path) -> str:
    """The grader's line on owners counts the dark cases too; the bar is set for those in the clear."""
    labels = {path.parent.name: json.loads(path.read_text()) for path in cases.rglob("label.json")}
    dark = runpy.run_path(str(GRADER))["dark"]
    hits = []
    for row in json.loads(results.read_text()):
        label, owner = labels[row["id"]], row["said"]["owner"]
        if label["cause"] != "success" and owner is not None and not dark(label, False):
            hits.append(label["who_must_fix"] in ("either", owner))
    return f"in the clear: owner right     {sum(hits)}/{len(hits)} = {100 * sum(hits) / max(1, len(hits)):.1f}%\n"


def misses(cases: Path, results: Path) -> None:
    """Each case that was judged wrongly, with what is wrong about the verdict."""
    labels = {path.parent.name: json.loads(path.read_text()) for path in cases.rglob("label.json")}
    print("\nmisjudged")
    for row in json.loads(results.read_text()):
        label, said = labels[row["id"]], row["said"]
        cause, failed = said["cause"], label["cause"] != "success"
        alert = next((a["frame"] for a in label["expected_evidence"]["alerts"] if a["level"] == "fatal" and not a["encrypted"]), None)
        wrong = [f"said {cause}"] if cause != label["cause"] and (failed or cause not in ("success", "none")) else []
        if failed and said["failing_side"] != label["failing_side"]:
            wrong.append(f"side {said['failing_side']} for {label['failing_side']}")
        if failed and label["who_must_fix"] not in ("either", said["owner"]):
            wrong.append(f"owner {said['owner']} for {label['who_must_fix']}")
        if failed and alert and alert not in (said["frames"] or []) and not label["capture"]["starts_mid_handshake"]:
            wrong.append(f"alert #{alert} not cited")
        if wrong:
            print(f"  {row['id']}: {', '.join(wrong)} ({said['confidence']})")


def main() -> int:
    """Grade, print both tables, compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--misses", action="store_true", help="list every case that is judged wrongly")
    arguments = parser.parse_args()
    cases = unpacked()
    everything, held_out = cases.parent / "said-all.json", cases.parent / "said-held-out.json"
    printed = grade(cases, everything, arguments.jobs, asked())
    printed += "\n" + owner_in_the_clear(cases, everything)
    print(f"===== all cases =====\n{printed}")
    good = judged("all cases, against the bars", printed)
    printed = grade(cases / "held-out", held_out, arguments.jobs, "cat {dir}/said.json")
    printed += "\n" + owner_in_the_clear(cases, held_out)
    print(f"\n===== held-out pairs of stacks =====\n{head(printed)}")
    good &= judged("held-out pairs of stacks, against the bars", printed)
    if arguments.misses:
        misses(cases, everything)
    print(f"\nwhat was said of each case: {cases.parent.relative_to(ROOT)}/said-*.json")
    return 0 if good else 1


def head(printed: str) -> str:
    """The figures without the tables per cause and per stack."""
    return "\n".join(line for line in printed.split("\n\nper cause", 1)[0].splitlines() if not line.startswith("median"))


if __name__ == "__main__":
    sys.exit(main())
