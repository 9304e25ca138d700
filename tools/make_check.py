"""Writes into docs/check.md and README.md what the `whytls check` commands in them say, run over the stores of tests/pki/stores.

A command is an indented line `$ whytls check ...`; what is indented below it is its output. All are run as on one day, so that
dates do not drift. --check only says whether the pages still show what the commands give.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from whytls.cli.main import main as whytls

ROOT = Path(__file__).resolve().parent.parent
STORES = ROOT / "tests/pki/stores"
PAGES = (ROOT / "docs/check.md", ROOT / "README.md")
DAY = ["--at", "2027-01-01", "--color", "never"]
COMMAND = re.compile(r"^    \$ whytls (check .*)\n\n(?:(?:    .*)?\n)*(?=\S)", re.MULTILINE)


def shown(match: re.Match[str]) -> str:
    """The command and its output, indented as code."""
    out = io.StringIO()
    with contextlib.chdir(STORES), contextlib.redirect_stdout(out):
        os.environ["STORE_PASSWORD"] = "meadow1"  # the test stores' own; see their README
        whytls([*shlex.split(match[1]), *DAY])
    lines = [f"    {line}" if line else "" for line in out.getvalue().rstrip().split("\n")]
    return "\n".join([f"    $ whytls {match[1]}", "", *lines, "", ""])


def main(arguments: Sequence[str]) -> int:
    """Write, or compare."""
    stale = 0
    for page in PAGES:
        text = page.read_text()
        wanted = COMMAND.sub(shown, text)
        if "--check" in arguments and text != wanted:
            print(f"{page.relative_to(ROOT)} shows another output than the commands give: run tools/make_check.py", file=sys.stderr)
            stale = 1
        elif text != wanted:
            page.write_text(wanted)
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
