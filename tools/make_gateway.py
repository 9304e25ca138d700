#!/usr/bin/env python3
"""Writes into docs/gateway.md what `whytls demo` says: the table, and one row in full.

What differs from run to run (ports, fingerprints, frame numbers, seconds) is written as if it never changed. ``--check`` writes nothing and fails
when the page does not show what the command gives.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from whytls.cli.main import main as whytls

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/gateway.md"
BLOCKS = {"table": "demo --caller python", "row": "demo --caller python --row south-untrusted --verbose"}
_CHANGING = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:8080"),
    (re.compile(r"\bport \d{5}\b"), "port 8443"),
    (re.compile(r":\d{5}\b"), ":8443"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "6fb9…"),
    (re.compile(r"SHA-256 [0-9a-f]{16}…"), "SHA-256 6fb9…"),
    (re.compile(r"; \d+ s$", re.MULTILINE), "; 9 s"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


def said(command: str) -> str:
    """What the command says, with what changes put at rest.

    Raises:
        RuntimeError: a row is not right; what was said is its text.
    """
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = whytls(command.split())
    text = out.getvalue()
    if code:
        raise RuntimeError(text)
    for pattern, steady in _CHANGING:
        text = pattern.sub(steady, text)
    return text.strip("\n")


def page() -> str:
    """The page with its blocks as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for name, command in BLOCKS.items():
        begin, end = (f"<!-- written by tools/make_gateway.py: {word} {name} -->\n" for word in ("begin", "end"))
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n```text\n$ whytls {command}\n\n{said(command)}\n```\n\n{end}{after}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it."""
    written = page()
    if list(arguments) != ["--check"]:
        PAGE.write_text(written, encoding="utf-8")
        return 0
    if written == PAGE.read_text(encoding="utf-8"):
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not what the command says now: tools/make_gateway.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
