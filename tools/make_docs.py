#!/usr/bin/env python3
"""Write the documents that are generated: docs/cli.md from the commands' own help, docs/causes/ from the cause files, and in
docs/design.md the table of the shape's letters.

``--check`` writes nothing and fails when a document is not what would be written, or belongs to no cause any more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from whytls import api
from whytls.causes import slugs
from whytls.cli import main as cli
from whytls.cli.options import parser
from whytls.report import ladder, pages
from whytls.wire.transcript import SHAPE_LETTERS

ROOT = Path(__file__).resolve().parent.parent
CAUSES = ROOT / "docs/causes"
DESIGN = ROOT / "docs/design.md"
NOTE = "<!-- Written by tools/make_docs.py; change {source} instead. -->\n"


def commands() -> str:
    """docs/cli.md."""
    parts = [
        NOTE.format(source="src/whytls/cli"),
        "# The command line\n\n```text\n" + cli.overview() + "```\n",
        "After Ctrl-C the exit code is 130; when nobody reads the output any more (`| head`), 141.\n",
    ]
    for name in cli.COMMANDS:
        module = import_module(f"whytls.cli.{name}")
        below = [import_module(f"whytls.cli.{file}") for file in getattr(module, "BELOW", {}).values()]
        shown = (module.COMMAND, *(inner.COMMAND for inner in below))
        parts += [f"## whytls {command.name}\n\n```text\n{parser(command).format_help()}```\n" for command in shown]
    return "\n".join(parts)


def causes() -> dict[str, str]:
    """docs/causes/: file name and text."""
    known = [api.explain(slug) for slug in slugs()]
    files = {f"{page.slug}.md": NOTE.format(source=_source(page.slug)) + "\n" + pages.markdown(page) for page in known}
    text = "A cause is what `whytls diagnose` names for a failed handshake, and `whytls check` for certificates at rest.\n"
    text += "`whytls explain CAUSE` prints the same pages.\n\n"
    files["README.md"] = NOTE.format(source="src/whytls/causes") + "\n# Causes\n\n" + text + pages.listing(known, "markdown")
    return files


def design() -> str:
    """docs/design.md with the shape's alphabet as the code has it; the rest of the page is written by hand."""
    begin, end = (f"<!-- written by tools/make_docs.py: {word} alphabet -->\n" for word in ("begin", "end"))
    page = DESIGN.read_text()
    names: dict[str, list[str]] = {}
    for kind, letter in SHAPE_LETTERS.items():
        names.setdefault(letter, []).append(ladder.NAMES[kind])
    rows = [f"| `{letter}` | {' / '.join(names[letter])} |\n" for letter in sorted(names)]
    before, after = page.split(begin)[0], page.split(end)[1]
    return before + begin + "| letter | event |\n|---|---|\n" + "".join(rows) + end + after


def _source(slug: str) -> str:
    return f"src/whytls/causes/{slug.replace('-', '_')}.py"


def documents() -> dict[Path, str]:
    """Every generated document and its text."""
    return {ROOT / "docs/cli.md": commands(), DESIGN: design(), **{CAUSES / name: text for name, text in causes().items()}}


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with --check compare them."""
    new = documents()
    orphans = [path for path in sorted(CAUSES.glob("*.md")) if path not in new]
    if "--check" in arguments:
        stale = [path for path, text in new.items() if not path.exists() or path.read_text() != text]
        for path in (*stale, *orphans):
            print(f"make_docs: {path.relative_to(ROOT)} is not up to date; run tools/make_docs.py")
        return 1 if stale or orphans else 0
    CAUSES.mkdir(parents=True, exist_ok=True)
    for path, text in new.items():
        path.write_text(text)
    for path in orphans:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
