"""Commands that texts tell the user to call exist, with the options that they name."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from whytls.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "src/whytls").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
CALL = re.compile(rf"\bwhytls ({'|'.join(COMMANDS)})((?: [^`\n\"';,:)]+)?)")


def calls() -> list[tuple[str, str, str]]:
    """Where, which command, and what stands behind it."""
    found = []
    for path in SOURCES:
        for line in path.read_text().splitlines():
            found += [(path.name, match[1], match[2]) for match in CALL.finditer(line)]
    return found


def test_there_are_calls_to_look_at() -> None:
    assert len(calls()) > 60
    assert any(command == "replay" and "--to" in rest for _, command, rest in calls())


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "version"])
def test_their_options_exist(command: str) -> None:
    module = import_module(f"whytls.cli.{command}")
    below = [import_module(f"whytls.cli.{file}").COMMAND for file in getattr(module, "BELOW", {}).values()]
    known = {flag for one in (module.COMMAND, *below) for option in one.options for flag in option.flags} | {"--help"}
    named = {(where, word) for where, name, rest in calls() if name == command for word in re.findall(r" (--[a-z][a-z-]*)", rest)}
    assert not {(where, word) for where, word in named if word not in known}
