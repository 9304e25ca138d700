"""Writes a client's file: TOML, one record, the hello's bytes in lines of hexadecimal."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    """Write SLUG.toml and give its path."""
    lines = [f"title = {_text(title)}", f"family = {_text(family)}", f"version = {_text(version)}"]
    if note:
        lines.append(f"note = {_text(note)}")
    lines += ['first_flight = """', *wrap(flight.hex(), 128), '"""', "", "[accepts]"]
    for name, value in rules._asdict().items():
        if value is not None and value != () and value != "":
            lines.append(f"{name} = {_value(value)}")
    lines += ["", "[provenance]", *(f"{name} = {_value(value)}" for name, value in provenance.items() if value)]
    path = into / f"{slug}.toml"
    into.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Iterable):
        return f"[{', '.join(_value(item) for item in value)}]"
    raise TypeError(type(value))


def _text(text: str) -> str:
    """A TOML basic string, which is JSON's but for what JSON leaves unescaped (none of it stands here)."""
    return json.dumps(text, ensure_ascii=False)
