"""JKS and JCEKS of Java 17: everything that stands in clear without a password, the rest with it."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.exceptions import DamagedInput, Malformed, WhytlsError
from whytls.pki.derivation import Rounds
from whytls.pki.password import Password
from whytls.pki.readers import jks
from whytls.pki.readers.java_object import end_of
from whytls.pki.store import Opening, Store, anchors, read_store

Opened = Callable[..., Store]
STORES = Path(__file__).parent / "stores"


@pytest.mark.parametrize(("name", "form"), [("java17.jks", "JKS"), ("java17.jceks", "JCEKS")])
def test_all_but_keys_without_a_password(name: str, form: str, opened: Opened, named: SimpleNamespace) -> None:
    store = opened(name, None)
    assert (store.format, store.integrity, store.damage, store.warnings) == (form, "not checked", "", ())
    found = {entry.alias: entry for entry in store.entries}
    assert found["api"].chain == (named.api, named.issuing)
    assert found["shop"].chain == (named.shop, named.issuing)
    assert found["anchor"].chain == (named.root,)
    assert found["selbst-ä"].kind == "key"
    assert {alias: (e.kind, e.key, e.key_fits) for alias, e in found.items() if alias in ("api", "anchor")} == {
        "api": ("key", "encrypted, not opened", None), "anchor": ("trusted", "", None),
    }  # fmt: skip
    assert all(e.created and 1_600_000_000_000 < e.created < 2_000_000_000_000 and not e.warnings for e in store.entries)
    data = (STORES / name).read_bytes()
    assert all(int.from_bytes(data[e.place.offset : e.place.offset + 4], "big") in (1, 2) for e in store.entries if e.place.offset is not None)


@pytest.mark.parametrize("name", ["java17.jks", "java17.jceks"])
def test_with_its_password(name: str, opened: Opened) -> None:
    store = opened(name)
    assert (store.integrity, store.warnings) == ("verified", ())
    assert [(e.key, e.key_fits) for e in store.entries if e.kind == "key"] == [("encrypted", True)] * 3


def test_a_secret_key_is_named_and_what_stands_behind_it_is_read(opened: Opened, named: SimpleNamespace) -> None:
    store = opened("java17.jceks", None)
    assert store.passed_over == ("the secret key 'secret'",)
    data = (STORES / "java17.jceks").read_bytes()
    assert data.index(b"\xac\xed\0\5") < min(e.place.offset for e in store.entries)  # it is the first entry
    assert next(e for e in store.entries if e.alias == "last").chain == (named.other,)


def test_a_key_with_a_password_of_its_own(opened: Opened) -> None:
    assert opened("keypass.jks").entries[0].warnings == ("the private key: the password from the caller does not open it",)
    store = opened("keypass.jks", "meadow1", "another1")
    assert (store.integrity, store.entries[0].key_fits) == ("verified", True)


def test_wrong_password_leaves_what_is_in_clear(opened: Opened) -> None:
    store = opened("java17.jks", "wrong")
    assert (store.integrity, len(store.entries), store.damage) == ("failed", 4, "")
    assert store.warnings == ("the password from the caller does not fit its checksum: it is another one, or the file was changed",)


def test_damage_is_told_from_a_wrong_password(tmp_path: Path, named: SimpleNamespace) -> None:
    data = bytearray((STORES / "java17.jks").read_bytes())
    data[data.index(named.root) + 200] ^= 1
    (tmp_path / "a").write_bytes(data)
    store = read_store(tmp_path / "a", password=Password.of("meadow1"))
    assert store.integrity == "failed"
    assert store.damage == "the password opens a key in it, but its checksum does not fit: it was changed after it was written"


def test_cacerts_are_checked_with_the_public_default(opened: Opened, named: SimpleNamespace) -> None:
    store = opened("cacerts.jks", None)
    assert (store.integrity, anchors(store)) == ("verified", (named.root,))
    assert store.warnings == ("no password was given; its checksum fits Java's public default password, changeit",)


def test_a_key_that_is_another_certificates(opened: Opened, tmp_path: Path, named: SimpleNamespace) -> None:
    data = (STORES / "java17.jks").read_bytes()[:-20]
    old, new = (struct.pack(">I", len(der)) + der for der in (named.shop, named.other))
    swapped = data.replace(old, new)
    digest = hashlib.sha1("meadow1".encode("utf-16-be") + b"Mighty Aphrodite" + swapped).digest()
    (tmp_path / "a").write_bytes(swapped + digest)
    store = read_store(tmp_path / "a", password=Password.of("meadow1"))
    assert (store.integrity, store.damage) == ("verified", "")
    assert {e.alias: e.key_fits for e in store.entries if e.kind == "key"} == {"api": True, "shop": False, "selbst-ä": True}


def test_a_truststore_of_the_library_is_one_of_ours_in_pkcs12(pki: SimpleNamespace, tmp_path: Path) -> None:
    data = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(pki.root.certificate, b"one")], NoEncryption())
    (tmp_path / "a").write_bytes(data)
    (entry,) = read_store(tmp_path / "a").entries
    assert (entry.kind, entry.alias, entry.chain) == ("trusted", "one", (pki.root.der,))


def test_every_cut_keeps_the_entries_before_it() -> None:
    data = (STORES / "java17.jceks").read_bytes()
    counts = []
    for size in range(32, len(data), 37):
        store = jks.read(data[:size], "a", Opening())
        assert "stand before that" in store.damage
        counts.append(len(store.entries))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3, 4}


def test_version_1_has_no_types_and_aliases_are_in_javas_own_utf(named: SimpleNamespace) -> None:
    alias = b"a\xc0\x80\xed\xa0\xbd\xed\xb8\x80\xc3\xa4"
    entry = b"\0\0\0\2" + struct.pack(">H", len(alias)) + alias + struct.pack(">QI", 7, len(named.root)) + named.root
    store = jks.read(b"\xfe\xed\xfe\xed\0\0\0\1\0\0\0\1" + entry + bytes(20), "a", Opening())
    assert [(e.alias, e.chain, e.created) for e in store.entries] == [("a\0😀ä", (named.root,), 7)]
    assert (store.damage, store.integrity) == ("", "not checked")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xfe\xed\xfe\xed", "ends in its header"),
        (b"\xfe\xed\xfe\xed\0\0\0\7" + bytes(40), "version 7; 1 and 2 exist"),
    ],
)
def test_what_is_no_keystore(data: bytes, words: str) -> None:
    with pytest.raises(DamagedInput, match=words):
        jks.read(data, "a", Opening())


def test_lengths_are_not_believed() -> None:
    head = b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff"
    begin = time.process_time()
    for entry in (b"\0\0\0\1\0\1a" + bytes(8) + b"\xff\xff\xff\xff", b"\0\0\0\1\0\1a" + bytes(8) + b"\0\0\0\0\x7f\xff\xff\xff", b"\0\0\0\7"):
        store = jks.read(head + entry + bytes(200), "a", Opening())
        assert (store.entries, bool(store.damage)) == ((), True)
    many = jks.read(head + (b"\0\0\0\2\0\1a" + bytes(8) + b"\0\5X.509\0\0\0\0") * 30_000 + bytes(20), "a", Opening())
    assert "more than 20,000 entries" in many.damage
    assert time.process_time() - begin < 5


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["java17.jks", "java17.jceks", "keypass.jks"]), st.integers(0), st.binary(min_size=1, max_size=8), st.booleans())
def test_damage_is_one_error(name: str, place: int, noise: bytes, insert: bool) -> None:
    data = (STORES / name).read_bytes()
    place %= len(data)
    damaged = data[:place] + noise + data[place + (0 if insert else len(noise)) :]
    try:
        store = jks.read(damaged if damaged[:4] in jks.FORMATS else data[:4] + damaged, name, Opening(Password.of("meadow1"), rounds=Rounds(1000)))
    except WhytlsError:
        pass
    else:
        assert store.integrity in ("verified", "failed")


@given(st.binary(max_size=200))
def test_serialised_objects_end_or_are_told(noise: bytes) -> None:
    data = b"\xac\xed\0\5" + noise
    try:
        assert 4 < end_of(data, 0) <= len(data)
    except Malformed:
        pass


def test_serialised_objects_are_bounded() -> None:
    begin = time.process_time()
    fields = b"\x72\0\1a" + bytes(8) + b"\2\xff\xff" + b"I\0\0" * 65_535
    array = b"\x75\x72\0\2[B" + bytes(8) + b"\2\0\0\x78\x70\xff\xff\xff\xff"
    for body in (b"\x73" * 100_000, fields, array):
        with pytest.raises(Malformed, match=r"too deep|beyond|expected"):
            end_of(b"\xac\xed\0\5" + body, 0)
    assert time.process_time() - begin < 1
