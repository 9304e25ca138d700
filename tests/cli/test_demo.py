"""``whytls demo`` as a command: what it takes, what it keeps, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from whytls.cli.main import main
from whytls.demo import play, southbound


def test_the_rows_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--list"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [text.split()[0] for text in shown] == [row.name for row in play.ROWS]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--row", "south-snj"], "did you mean south-sni?"), (["something"], "takes nothing"), (["--caller", "wget"], "invalid choice")],
)
def test_a_wrong_call(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_what_is_there_already_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("kept")
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert "there is something in it" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "kept"


def test_one_row_is_played_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runbook"
    assert main(["demo", "--row", "south-chain", "--caller", "python", "--verbose", "--keep", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "1 of 1 right" in shown
    assert "  the recording     chain-incomplete (proven)" in shown
    called = ["diagnose", str(folder / "rows"), "--edge", str(folder / "edge"), "--topology", str(folder / "whytls.toml")]
    assert main([*called, "--format", "csv"]) == 1
    assert ",southbound," in (found := capsys.readouterr().out)
    assert "chain-incomplete" in found
    assert (folder / "logs" / "trace.jsonl").read_text().count("chain-incomplete") >= 1
    assert folder.stat().st_mode & 0o077 == 0, "there are private keys in it"


def test_a_row_that_is_not_right_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    row = next(row for row in southbound.SOUTHBOUND if row.name == "south-chain")
    monkeypatch.setattr(play, "ROWS", (row._replace(cause="sni-missing"),))
    assert main(["demo", "--caller", "python"]) == 1
    shown = capsys.readouterr().out
    assert "south-chain: NOT RIGHT: the trace should say sni-missing" in shown
    assert "0 of 1 right" in shown
