"""Writes into README.md what `whytls diagnose` says about one recording of the corpus, and the first replay of docs/replay.md (which a tool of
its own writes from real servers); --check only says whether both still stand there."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from whytls.cli.main import main as whytls

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
CAPTURE = ROOT / "tests/corpus/sni-missing--southbound-strict-haproxy-backend/capture.pcap"
BEGIN, END = "    $ whytls diagnose edge.pcap\n\n", "\n| sign | meaning |"
REPLAY = ROOT / "docs/replay.md"
COMMAND, BEHIND = "    $ whytls replay partner.pcap#1 --to 10.20.9.12:443\n\n", "\n| what people do most |"


def shown() -> str:
    """The command's output, indented as code."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        whytls(["diagnose", str(CAPTURE), "--color", "never"])
    return "".join(f"    {line}\n" if line else "\n" for line in out.getvalue().rstrip().split("\n"))


def replayed() -> str:
    """The replay's output, as docs/replay.md has it."""
    block = []
    for line in REPLAY.read_text().split(COMMAND)[1].split("\n"):
        if line and not line.startswith("    "):
            break
        block.append(line)
    return "\n".join(block).rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write, or compare."""
    text = README.read_text()
    before, rest = text.split(BEGIN)
    wanted = before + BEGIN + shown() + END + rest.split(END)[1]
    before, rest = wanted.split(COMMAND)
    wanted = before + COMMAND + replayed() + BEHIND + rest.split(BEHIND)[1]
    if "--check" in arguments:
        if text != wanted:
            print("README.md shows another output than the command gives: run tools/make_readme.py", file=sys.stderr)
        return int(text != wanted)
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
