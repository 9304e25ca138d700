"""Folders of stores."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import whytls.pki.readers.folder
from whytls.exceptions import InputError
from whytls.pki.store import read_anchors, read_store


def test_everything_below_is_read_once(stores: Path, tmp_path: Path, named: SimpleNamespace) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    for place, name in ((tmp_path, "api-chain.pem"), (deep, "api.der"), (deep, "cacerts.jks"), (deep, "root.crl"), (deep, "modern.p12")):
        (place / name).write_bytes((stores / name).read_bytes())
    (deep / "notes.txt").write_text("nothing")
    (deep / "link.pem").symlink_to(tmp_path / "api-chain.pem")
    (deep / "loop").symlink_to(tmp_path)
    (deep / "gone.pem").symlink_to(tmp_path / "gone")
    os.mkfifo(deep / "pipe")
    store = read_store(tmp_path)
    assert [(Path(e.place.file).name, e.chain) for e in store.entries] == [
        ("api-chain.pem", (named.api, named.issuing)), ("api.der", (named.api,)), ("cacerts.jks", (named.root,)),
    ]  # fmt: skip
    assert store.passed_over == ("6 files, 3 of them stores, 1 links to nothing, 3 links or no files, 1 not readable, 2 without certificates",)
    assert any("modern.p12: its contents are encrypted" in warning for warning in store.warnings)
    assert set(read_anchors(tmp_path)) == {named.root} | set(store.certificates)


def test_bounds(stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.pem").write_bytes((stores / "api.pem").read_bytes() + b"\n" * number)
    monkeypatch.setattr(whytls.pki.readers.folder, "MOST_BYTES", 2000)
    store = read_store(tmp_path)
    assert len(store.entries) == 2
    assert "is not read" in store.warnings[-1]
    monkeypatch.setattr(whytls.pki.readers.folder, "LARGEST_FILE", 100)
    with pytest.raises(InputError, match="2 too large"):
        read_store(tmp_path)
    monkeypatch.setattr(whytls.pki.readers.folder, "MOST_FILES", 3)
    monkeypatch.setattr(whytls.pki.readers.folder, "MOST_BYTES", 1 << 30)
    with pytest.raises(InputError, match="more than 3 files"):
        read_store(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no certificate in it .0 files, 0 of them stores"):
        read_store(tmp_path)
