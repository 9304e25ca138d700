"""Every folder of the corpus has its three files, and every expectation can be read and keeps to the known words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from whytls.pki.store import read_store

CORPUS = Path(__file__).resolve().parent
FOLDERS = sorted(path for path in CORPUS.iterdir() if path.is_dir() and "--" in path.name)
RUN_KEYS = {"name", "options", "hop_inferred", "exit_code", "handshake"}
KEYS = {"client", "server", "first_frame", "hop", "outcome", "sni"}
FAILED_KEYS = {"cause", "failing_side", "owners", "confidence_at_least", "confidence_at_most", "frames"}
OPTIONAL_KEYS = {"also", "alternatives", "truth", "detail", "related", "or_outcome", "or_side", "says", "artefact", "note"}
LEVELS = ["possible", "likely", "proven"]


def test_there_are_folders() -> None:
    assert len(FOLDERS) >= 10


def test_no_folder_without_a_cause_in_its_name() -> None:
    stray = [path.name for path in CORPUS.iterdir() if path.is_dir() and "--" not in path.name and path.name != "__pycache__"]
    assert stray == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_folder_is_complete(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    captures = names & {"capture.pcap", "capture.pcapng"}
    assert len(captures) == 1
    assert names - captures - {"stores"} == {"expect.toml", "README.md"}
    assert (folder / captures.pop()).stat().st_size < 150_000
    readme = (folder / "README.md").read_text()
    assert readme.startswith(f"# {folder.name}\n")
    for heading in ("## Who is who", "## Origin", "## Make it again"):
        assert heading in readme
    assert "/tmp/" not in readme
    assert "PRIVATE KEY" not in readme


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if (folder / "stores").is_dir()], ids=lambda folder: folder.name)
def test_stores_are_small_used_and_hold_no_key(folder: Path) -> None:
    runs = tomllib.loads((folder / "expect.toml").read_text())["run"]
    given = {value.partition("=")[2] for run in runs for value in run["options"] if "=stores/" in value}
    assert given == {f"stores/{file.name}" for file in (folder / "stores").iterdir()}
    for file in (folder / "stores").iterdir():
        assert file.stat().st_size < 20_000
        assert all(entry.kind != "key" for entry in read_store(file).entries)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_expectation_keeps_to_the_words(folder: Path) -> None:
    document = tomllib.loads((folder / "expect.toml").read_text())
    assert set(document) == {"run"}
    for run in document["run"]:
        assert set(run) == RUN_KEYS
        for row in run["handshake"]:
            assert_row(row)
        outcomes = [row["outcome"] for row in run["handshake"]]
        assert run["exit_code"] == (1 if "failed" in outcomes else 0)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_slug_of_the_folder_is_expected_in_it(folder: Path) -> None:
    slug = folder.name.split("--")[0]
    rows = [row for run in tomllib.loads((folder / "expect.toml").read_text())["run"] for row in run["handshake"]]
    if slug == "completed":
        assert {row["outcome"] for row in rows} <= {"completed", "none"}
    else:
        assert any(slug in (row.get("cause"), row.get("truth")) for row in rows)


def assert_row(row: dict[str, object]) -> None:
    assert row["outcome"] in ("failed", "completed", "unfinished", "none")
    needed = KEYS | FAILED_KEYS if row["outcome"] == "failed" else KEYS
    assert needed <= set(row)
    assert set(row) - needed <= OPTIONAL_KEYS
    assert row["hop"] in ("northbound", "southbound", "direct")
    for end in ("client", "server"):
        assert re.fullmatch(r"(\d+\.){3}\d+:\d+|\[[0-9a-f:]+\]:\d+", str(row[end]))
    if row["outcome"] == "failed":
        assert row["failing_side"] in ("client", "server", "network")
        assert set(row["owners"]) <= {"client", "gateway", "backend", "network", "server"}  # type: ignore[call-overload]
        assert row["owners"]
        assert LEVELS.index(str(row["confidence_at_least"])) <= LEVELS.index(str(row["confidence_at_most"]))
