"""The gateway's secret: made once, read by its owner only, and what it seals is bound to its place."""

from __future__ import annotations

import os
import pickle
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import InputError, UsageError
from whytls.gateway.sealing import Secret


def of(text: bytes = b"x" * 64) -> Secret:
    return Secret("a test", False, text)


def test_the_first_start_makes_a_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    first, second = Secret.from_file(tmp_path / "secret"), Secret.from_file(tmp_path / "secret")
    assert (first.made, second.made) == (True, False)
    assert first.token == second.token
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_two_secrets_give_two_tokens(tmp_path: Path) -> None:
    assert Secret.from_file(tmp_path / "a").token != Secret.from_file(tmp_path / "b").token


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    Secret.from_file(tmp_path / "secret")
    os.chmod(tmp_path / "secret", mode)
    with pytest.raises(InputError, match="chmod 600"):
        Secret.from_file(tmp_path / "secret")


@pytest.mark.parametrize("content", [b"", b"short\n", b"x" * 5000])
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(InputError, match="openssl rand"):
        Secret.from_file(tmp_path / "secret")


def test_a_folder_that_is_not_there_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Secret.from_file(tmp_path / "nowhere" / "secret")


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHYTLS_GATEWAY_SECRET", raising=False)
    assert Secret.from_environment() is None
    monkeypatch.setenv("WHYTLS_GATEWAY_SECRET", "y" * 40)
    found = Secret.from_environment()
    assert found is not None
    assert found.token == of(b"y" * 40).token


@given(st.binary(max_size=300), st.text(max_size=30))
def test_what_is_sealed_comes_back(plain: bytes, place: str) -> None:
    sealed = of().seal(plain, place)
    assert of().open(sealed, place) == plain
    assert len(plain) < 8 or plain not in sealed


@given(st.binary(max_size=40), st.integers(0, 10_000), st.integers(1, 255))
def test_what_was_changed_does_not_open(plain: bytes, at: int, change: int) -> None:
    sealed = bytearray(of().seal(plain, "here"))
    sealed[at % len(sealed)] ^= change
    with pytest.raises(InputError, match="does not open"):
        of().open(bytes(sealed), "here")


@given(st.binary(max_size=60))
def test_noise_does_not_open(noise: bytes) -> None:
    with pytest.raises(InputError):
        of().open(noise, "here")


def test_another_place_or_another_secret_does_not_open() -> None:
    sealed = of().seal(b"key", "here")
    for secret, place in ((of(), "there"), (of(b"z" * 64), "here")):
        with pytest.raises(InputError, match="secret with which this store was made"):
            secret.open(sealed, place)


def test_a_secret_is_shown_and_written_nowhere() -> None:
    assert "xxx" not in repr(of())
    with pytest.raises(UsageError):
        pickle.dumps(of())
