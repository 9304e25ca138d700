"""Writes a client's file: JSON, for all of them are read when a server was probed; the hello's bytes in lines of hexadecimal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

from lab.hellos.rules import Rules

DATA = Path(__file__).resolve().parents[2] / "src" / "whytls" / "clients" / "data"


def client(
    slug: str,
    title: str,
    family: str,
    version: str,
    note: str,
    flight: bytes,
    rules: Rules,
    provenance: dict[str, str | tuple[str, ...]],
    into: Path = DATA,
) -> Path:
    """Write SLUG.json and give its path."""
    rows = {"title": title, "family": family, "version": version, "note": note}
    members = [*_members(rows), f'"first_flight": {_lines(wrap(flight.hex(), 128))}']
    members += [f'"accepts": {_table(rules._asdict())}', f'"provenance": {_table(provenance)}']
    path = into / f"{slug}.json"
    into.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n  " + ",\n  ".join(members) + "\n}\n")
    return path


def _members(values: Mapping[str, object]) -> list[str]:
    """Names with their values, each for a line of its own; what is not told is left out."""
    told = {name: value for name, value in values.items() if value is not None and value not in ("", (), [])}
    return [f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in told.items()]


def _table(values: Mapping[str, object]) -> str:
    return "{\n    " + ",\n    ".join(_members(values)) + "\n  }"


def _lines(lines: list[str]) -> str:
    return "[\n    " + ",\n    ".join(map(json.dumps, lines)) + "\n  ]"
