"""Writes chains with the answers that the stacks gave, so that tests read them where no stack is: `python -m lab.chains.record FOLDER`.

One chain for every answer that was ever given (OpenSSL's number and depth, the text of Go's and Java's error without names and times).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lab.chains import stacks
from lab.chains.cases import cases
from lab.chains.plan import Case


def main(folder: Path) -> None:
    """Makes all chains, asks the stacks, keeps one chain for each answer."""
    made = cases()
    answers = list(zip(made, stacks.openssl(made), stacks.go(made), stacks.java(made), strict=True))
    seen: set[tuple[str, str]] = set()
    kept: list[tuple[Case, list[str]]] = []
    for case, openssl, go, java in sorted(answers, key=lambda answer: (len(answer[0].faults), len(answer[0].chain))):
        new = {("openssl", f"{openssl.code} {openssl.depth}"), ("go", _kind(go)), ("java", _kind(java.jsse))} - seen
        if new:
            seen |= new
            kept.append((case, [case.label, str(openssl.code), str(openssl.depth), openssl.text, go, java.jsse, java.builder]))
    folder.mkdir(parents=True, exist_ok=True)
    stacks.bundle([case for case, _ in kept], folder / "chains.txt")
    (folder / "answers.tsv").write_text("".join("\t".join(row) + "\n" for _, row in kept), encoding="utf-8")
    print(f"{len(kept)} of {len(made)} chains")


def _kind(text: str) -> str:
    """The answer without what is different in every chain."""
    without_names = re.sub(r'"[^"]*"|[\w*-]+(\.[\w*-]+)+\.?|\d{4}-\S+', "_", text)
    return re.sub(r"(matching|match|not) \S+", r"\1 _", without_names)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
