"""What this machine trusts."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import certifi
import pytest

import whytls.pki.readers.system
import whytls.pki.store
from whytls.exceptions import InputError
from whytls.pki.readers.pem import certificates
from whytls.pki.store import anchors, read_store


def test_certifi_and_its_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    store = read_store("certifi")
    assert anchors(store) == tuple(dict.fromkeys(certificates(Path(certifi.where()).read_bytes())))
    assert {e.kind for e in store.entries} == {"trusted"}
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(InputError, match=r"not installed .pip install certifi"):
        read_store("certifi")


def test_the_system_store(monkeypatch: pytest.MonkeyPatch, stores: Path, named: SimpleNamespace) -> None:
    monkeypatch.setattr(whytls.pki.readers.system, "system_places", lambda: iter(["/none", str(stores / "root.pem")]))
    store = read_store("system")
    assert (store.entries[0].kind, anchors(store), str(stores / "root.pem") in store.source) == ("trusted", (named.root,), True)
    monkeypatch.setattr(whytls.pki.readers.system, "system_places", lambda: iter(["/none"]))
    with pytest.raises(InputError, match=r"no store of anchors .looked for in /none"):
        read_store("system")


def test_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stores: Path, named: SimpleNamespace) -> None:
    place = tmp_path / "jre" / "lib" / "security"
    place.mkdir(parents=True)
    (place / "cacerts").write_bytes((stores / "cacerts.jks").read_bytes())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    store = read_store("java")
    assert (store.format, store.integrity, anchors(store)) == ("JKS", "verified", (named.root,))
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setattr(whytls.pki.readers.system, "JAVA_PLACES", ("/none",))
    with pytest.raises(InputError, match="set JAVA_HOME"):
        read_store("java")


def test_a_file_of_such_a_name_is_reached_by_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stores: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system").write_bytes((stores / "root.pem").read_bytes())
    assert read_store("./system").format == "PEM"
    assert read_store(tmp_path / "system").format == "PEM"
