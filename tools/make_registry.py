"""Writes src/whytls/wire/numbers.py from tools/registry.csv; with --check only says whether it is up to date.

registry.csv is the list to edit: kind, number, IANA's name (as IANA or, where it has none, the stacks that use it spell it),
OpenSSL's name of a cipher suite, the standard that defines it.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "registry.csv"
TARGET = ROOT / "src" / "whytls" / "wire" / "numbers.py"

TABLES = {
    "version": ("VERSIONS", "Protocol versions."),
    "suite": ("SUITES", "Cipher suites; those above 0xffff are SSLv2's cipher kinds."),
    "group": ("GROUPS", "Groups for the key exchange (once: named curves)."),
    "scheme": ("SCHEMES", "Signature schemes; below 0x0700 also TLS 1.2's pairs of hash and signature."),
    "extension": ("EXTENSIONS", "Extension types."),
    "alert": ("ALERTS", "Alert descriptions."),
    "handshake": ("HANDSHAKE_TYPES", "Handshake message types."),
    "content": ("CONTENT_TYPES", "Record content types."),
    "certificate-type": ("CERTIFICATE_TYPES", "Client certificate types (TLS 1.2 and before)."),
}

HEAD = '''"""Numbers of TLS and their names, as plain tables. Written by tools/make_registry.py from registry.csv: edit that."""

'''

Row = tuple[str, int, str, str, str]


def rows(source: Path = SOURCE) -> list[Row]:
    """The rows of the data file, checked: known kinds, each number once, ascending within its kind."""
    found: list[Row] = []
    seen: set[tuple[str, int]] = set()
    with source.open(newline="", encoding="utf-8") as file:
        for place, row in enumerate(csv.DictReader(file), 2):
            kind, number = row["kind"], int(row["number"], 16)
            if kind not in TABLES:
                raise SystemExit(f"{source.name} line {place}: unknown kind {kind!r}")
            if (kind, number) in seen:
                raise SystemExit(f"{source.name} line {place}: {kind} {row['number']} stands there twice")
            if not row["name"] or any(not text.isascii() or '"' in text for text in row.values()):
                raise SystemExit(f"{source.name} line {place}: a name is missing or not plain ASCII")
            seen.add((kind, number))
            found.append((kind, number, row["name"], row["openssl"], row["reference"]))
    return sorted(found, key=lambda row: (list(TABLES).index(row[0]), row[1]))


def _table(name: str, comment: str, entries: list[tuple[str, str]]) -> str:
    lines = "".join(f'    {number}: "{text}",\n' for number, text in entries)
    return f"# {comment}\n{name}: dict[int, str] = {{\n{lines}}}\n"


def _references(found: list[Row]) -> str:
    """Which standard defines what: kind -> number -> name of the standard, several numbers a line, as no formatter likes it."""
    text = "# Where each is defined.\n# fmt: off\nREFERENCES: dict[str, dict[int, str]] = {\n"
    for kind in TABLES:
        text += f'    "{kind}": {{\n'
        line = ""
        for number, reference in ((n, r) for k, n, _, _, r in found if k == kind and r):
            entry = f'0x{number:X}: "{reference}",'
            if len(line) + len(entry) > 110:
                text, line = text + f"        {line.rstrip()}\n", ""
            line += entry + " "
        text += (f"        {line.rstrip()}\n" if line else "") + "    },\n"
    return text + "}\n"


def module(found: list[Row]) -> str:
    """The text of numbers.py."""
    parts = []
    for kind, (name, comment) in TABLES.items():
        width = 2 if kind in ("alert", "handshake", "content", "certificate-type") else 4
        entries = [(f"0x{n:0{width}X}", label) for k, n, label, _, _ in found if k == kind]
        parts.append(_table(name, comment, entries))
    openssl = [(f"0x{n:04X}", label) for k, n, _, label, _ in found if k == "suite" and label]
    parts.append(_table("OPENSSL_SUITES", "OpenSSL's names of cipher suites, where it has one of its own.", openssl))
    parts.append(_references(found))
    return HEAD + "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Writes or, with --check, compares."""
    text = module(rows())
    if "--check" in arguments:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.name} is not what {SOURCE.name} says: run tools/make_registry.py")
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
