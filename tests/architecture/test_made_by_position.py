"""Values that are made by position (``tuple.__new__``, for speed) have all fields of their class: nothing else would notice one too few."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "tuple.__new__" in path.read_text()]


def made(tree: ast.Module) -> Iterator[tuple[int, str, ast.Tuple]]:
    """Line, name of the class, and the fields, of every value that is made by position; those with a ``*`` count at run time only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_new", "new") and len(node.args) == 2:
            named, fields = node.args
            if (
                isinstance(named, ast.Name)
                and named.id.lstrip("_")[:1].isupper()
                and isinstance(fields, ast.Tuple)
                and not any(isinstance(f, ast.Starred) for f in fields.elts)
            ):
                yield node.lineno, named.id, fields


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SOURCE)) for path in FILES])
def test_no_field_is_left_out(path: Path) -> None:
    module = import_module(".".join(path.relative_to(SOURCE).with_suffix("").parts))
    for line, name, fields in made(ast.parse(path.read_text())):
        wanted = getattr(module, name)._fields
        assert len(fields.elts) == len(wanted), f"{path.name}:{line}: {name} has {len(wanted)} fields, {len(fields.elts)} are given"


def test_there_is_something_to_look_at() -> None:
    assert sum(1 for path in FILES for _ in made(ast.parse(path.read_text()))) > 20
