"""Passwords: where they come from, and that they show nowhere."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from whytls.exceptions import InputError, UsageError
from whytls.pki.password import Password, attempts


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "grün 1")
    password = Password.from_environment("STORE_PASSWORD")
    assert password.reveal() == "grün 1"
    assert password.origin == "the environment variable STORE_PASSWORD"
    with pytest.raises(UsageError, match="no environment variable NOT_THERE"):
        Password.from_environment("NOT_THERE")


@pytest.mark.parametrize(
    ("content", "expected"), [(b"one\ntwo\n", "one"), (b"one\r\n", "one"), (b"", ""), (b" a b ", " a b "), ("grün".encode(), "grün")]
)
def test_from_a_file(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    assert Password.from_file(path).reveal() == expected


def test_files_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Password.from_file(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        Password.from_file(tmp_path / "binary")
    (tmp_path / "long").write_bytes(b"a" * 10_000)
    with pytest.raises(InputError, match="longer than 4096"):
        Password.from_file(tmp_path / "long")


def test_a_person_is_asked_once_and_only_when_needed() -> None:
    asked = []
    password = Password.from_prompt(lambda: asked.append(1) or "typed")  # type: ignore[func-returns-value]
    assert not asked
    assert (password.reveal(), password.reveal(), len(asked)) == ("typed", "typed", 1)


def test_it_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "geheim")
    for password in (Password.of("geheim"), Password.from_environment("STORE_PASSWORD"), Password.from_prompt(lambda: "geheim")):
        password.reveal()
        tried = list(attempts(password))
        assert "geheim" not in f"{password!r} {password} {tried!r} {tried[0]}"
        with pytest.raises(UsageError, match="not written anywhere"):
            pickle.dumps(password)
        with pytest.raises(UsageError):
            copy.deepcopy(password)


def test_what_is_tried_when_nobody_gave_one() -> None:
    tried = list(attempts(None))
    assert [attempt.text for attempt in tried] == [None, "", "changeit"]
    assert [attempt.opens_keys for attempt in tried] == [True, True, False]
    assert not any(attempt.given for attempt in tried)
    assert "changeit" in tried[2].what  # it is public, and said
