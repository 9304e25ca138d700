"""A cause is one file, and its docstring is its page (docs/design.md, "A cause is one file")."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path

import pytest
from tools import make_docs, make_schema

from whytls import api, causes
from whytls.cli.main import main

HEADINGS = ("What happened", "How it looks", "Tell it from", "Fix", "References")
SLUG = re.compile(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`")
SLUGS = causes.slugs()
NO_NEIGHBOUR = {"unexplained"}  # what is left when no cause speaks


def sections(page: str) -> dict[str, str]:
    """The page's text by heading: a line with a line of dashes under it."""
    parts = re.split(r"^(.+)\n-{3,}$", page, flags=re.MULTILINE)
    return {heading.strip(): text.strip() for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_has_its_five_headings_and_none_is_empty(slug: str) -> None:
    found = sections(causes.load(slug).page)
    assert tuple(found) == HEADINGS
    assert all(found.values())


@pytest.mark.parametrize("slug", SLUGS)
def test_tell_it_from_names_causes_that_exist(slug: str) -> None:
    named = set(SLUG.findall(sections(causes.load(slug).page)["Tell it from"]))
    assert named & set(SLUGS) or slug in NO_NEIGHBOUR, "no other cause is named"
    assert slug not in named
    assert named <= set(SLUGS) | set(causes.RETIRED), f"unknown: {named - set(SLUGS)}"


@pytest.mark.parametrize("slug", SLUGS)
def test_a_cause_parses_nothing_and_prints_nothing(slug: str) -> None:
    source = Path(str(causes.load(slug).module.__file__)).read_text()
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert not names & {"print", "open", "bytes", "struct", "Cursor", "from_bytes"}


def test_there_are_causes_to_look_at() -> None:
    assert len(SLUGS) >= 40


def test_a_copied_file_is_a_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    original = Path(str(causes.load("sni-missing").module.__file__))
    shutil.copy(original, tmp_path / "copied_for_a_test.py")
    monkeypatch.setattr(causes, "__path__", [*causes.__path__, str(tmp_path)])
    monkeypatch.setattr(causes, "_loaded", {})

    try:
        assert "copied-for-a-test" in causes.slugs()
        assert "copied-for-a-test" in api.causes()
        assert main(["explain", "copied-for-a-test"]) == 0
        assert "What happened" in capsys.readouterr().out
        assert main(["explain"]) == 0
        assert "copied-for-a-test" in capsys.readouterr().out
        assert "copied-for-a-test" in str(make_schema.schema(causes.slugs()))
        assert "copied-for-a-test.md" in make_docs.causes()
    finally:
        sys.modules.pop("whytls.causes.copied_for_a_test", None)


def test_two_files_cannot_share_a_slug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(str(causes.load("sni-missing").module.__file__), tmp_path / "sni_missing.py")
    monkeypatch.setattr(causes, "__path__", [*causes.__path__, str(tmp_path)])
    with pytest.raises(RuntimeError, match="sni-missing"):
        causes.slugs()
