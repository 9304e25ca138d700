"""Lower rooms never import higher ones (docs/design.md, "The house"): also not lazily, and not for type checkers only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "whytls"

# Bottom first. A room may import itself and any room of a lower step; rooms of one step do not know each other.
STEPS = (
    {"tuples"},
    {"exceptions", "phrases"},
    {"configuration"},
    {"wire"},
    {"pki"},  # above wire for its table of alerts
    {"clients"},  # what real clients send and accept: data, and set intersection
    {"model"},
    {"capture", "inference", "topology", "stores", "filters"},
    {"probing"},  # what it hears is read and weighed by the same functions as a recording
    {"causes"},
    {"verdict"},
    {"kinds"},  # a verdict for all failures of one kind
    {"errortext", "checking"},
    {"surveying"},
    {"edge"},  # its audit judges stores as checking does, and reads what surveying found
    {"report"},
    {"gateway"},  # its trace is in the words of the report
    {"run"},  # the diagnoses of one call
    {"api"},
    {"live"},  # the public functions that contact servers; a replay begins with a diagnosis
    {"mending"},  # the public functions that mend a gateway; a fix is verified by a probe
    {"serve", "fleet", "demo"},  # demo: a gateway, its clients and backends, and what a diagnosis says of them
    {"cli"},
    {"__init__", "__main__"},
)
STEP_OF = {room: number for number, step in enumerate(STEPS) for room in step}

# The package re-exports the public functions lazily; whoever imports it imports nothing.
VERSION_ONLY = "whytls"

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of ours in the file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            assert node.module is not None
            # ``from whytls import model`` names a room in its list; ``from whytls.wire import cursor`` in its path.
            names = [f"whytls.{alias.name}" for alias in node.names] if node.module == "whytls" else [node.module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "whytls" and len(parts) > 1:
                yield node.lineno, parts[1]


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_a_file_imports_only_its_own_room_and_lower_ones(path: Path) -> None:
    room = room_of(path)
    assert room in STEP_OF, f"{room} has no place in the house: add it to STEPS and to docs/design.md"
    for line, other in imported(path):
        if other == "__version__":
            continue
        assert other in STEP_OF, f"{path.name}:{line} imports {other}, which is no room"
        assert other == room or STEP_OF[other] < STEP_OF[room], f"{path.name}:{line}: {room} may not import {other}"


def test_the_rule_sees_imports_in_functions_and_for_type_checkers(tmp_path: Path) -> None:
    source = tmp_path / "example.py"
    source.write_text(
        "import whytls.cli.main\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from whytls.api import diagnose\n"
        "def f():\n    from whytls.report import text\n    from whytls import model\n"
    )
    assert list(imported(source)) == [(1, "cli"), (4, "api"), (6, "report"), (7, "model")]


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 30
