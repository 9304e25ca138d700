"""PKCS #12 of OpenSSL, two Javas and NSS; passwords that are wrong, and files that are damaged."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12 as library
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ber import shortest

from whytls.exceptions import InputError, WhytlsError
from whytls.pki.der import children, element
from whytls.pki.derivation import Rounds
from whytls.pki.password import Password
from whytls.pki.readers import pkcs12
from whytls.pki.store import Opening, Store, anchors, read_store

Opened = Callable[..., Store]
STORES = Path(__file__).parent / "stores"


@pytest.mark.parametrize("name", ["modern.p12", "legacy.p12", "rc2-128.p12", "nss.p12", "plain.p12", "nomac.p12"])
def test_one_key_with_its_chain(name: str, opened: Opened, named: SimpleNamespace) -> None:
    store = opened(name)
    (entry,) = store.entries
    assert (store.format, store.integrity, store.damage, store.warnings) == ("PKCS #12", "none" if name == "nomac.p12" else "verified", "", ())
    assert (entry.kind, entry.alias, entry.chain, entry.key_fits) == ("key", "api", (named.api, named.issuing), True)


@pytest.mark.parametrize("name", ["java17.p12", "newer.p12", "java8.p12"])
def test_several_keys_of_java(name: str, opened: Opened, named: SimpleNamespace) -> None:
    store = opened(name)
    api, shop, own, anchor = store.entries
    assert [(e.kind, e.alias, e.key_fits, len(e.chain)) for e in store.entries] == [
        ("key", "api", True, 3), ("key", "shop", True, 3), ("key", "selbst-ä", True, 1), ("trusted", "anchor", None, 1),
    ]  # fmt: skip
    assert api.chain == (named.api, named.issuing, named.root)
    assert shop.chain == (named.shop, named.issuing, named.root)
    assert anchor.chain == (named.root,)
    assert anchors(store) == (named.root, named.api, named.shop, own.chain[0])
    assert all(e.created and 1_600_000_000_000 < e.created < 2_000_000_000_000 for e in (api, shop, own))
    assert store.passed_over == (("a secret key 'secret'",) if name == "java17.p12" else ())


def test_the_usual_library_keeps_one_of_these_keys() -> None:
    loaded = library.load_pkcs12((STORES / "newer.p12").read_bytes(), b"meadow1")
    assert loaded.key
    assert loaded.cert


def test_no_password_at_all_and_an_empty_one(opened: Opened, named: SimpleNamespace) -> None:
    trusted = opened("cacerts.p12", None)
    assert [(e.kind, e.alias, e.chain) for e in trusted.entries] == [("trusted", "anchor", (named.root,))]
    assert (trusted.integrity, trusted.warnings) == ("none", ())
    empty = opened("empty.p12", None)
    assert (empty.integrity, empty.entries[0].key_fits) == ("verified", True)
    assert opened("empty.p12", "").entries == empty.entries


def test_the_public_default_opens_certificates_and_is_told_but_opens_no_key(tmp_path: Path, pki: SimpleNamespace) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    data = library.serialize_key_and_certificates(b"a", pki.server.key, pki.server.certificate, None, BestAvailableEncryption(b"changeit"))
    (tmp_path / "a.p12").write_bytes(data)
    store = read_store(tmp_path / "a.p12")
    assert (store.integrity, store.entries[0].chain, store.entries[0].key_fits) == ("verified", (pki.server.der,), None)
    assert store.entries[0].key == "encrypted, not opened"
    assert store.warnings == ("Java's public default password, changeit, opens it",)
    assert read_store(tmp_path / "a.p12", password=Password.of("changeit")).entries[0].key_fits is True


def test_certificates_without_a_key_are_put_in_order(opened: Opened, named: SimpleNamespace) -> None:
    assert [(e.kind, e.chain) for e in opened("nokeys.p12").entries] == [("certificate", (named.api, named.issuing, named.root))]


@pytest.mark.parametrize("name", ["modern.p12", "legacy.p12", "java17.p12", "empty.p12", "nss.p12", "nokeys.p12"])
def test_a_wrong_password_is_called_that(name: str, opened: Opened) -> None:
    with pytest.raises(InputError, match="the password from the caller does not open it") as caught:
        opened(name, "wrong")
    assert "give the password with which it was exported" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["modern.p12", "legacy.p12", "java17.p12"])
def test_a_password_that_is_missing_is_asked_for(name: str, opened: Opened) -> None:
    with pytest.raises(InputError, match="encrypted with a password") as caught:
        opened(name, None)
    assert "environment variable" in (caught.value.hint or "")


def test_certificates_in_clear_are_read_whatever_the_password(opened: Opened, named: SimpleNamespace) -> None:
    for password, integrity in ((None, "not checked"), ("wrong", "failed")):
        store = opened("plain.p12", password)
        assert (store.integrity, store.entries[0].chain) == (integrity, (named.api, named.issuing))
    assert store.warnings == ("the password from the caller does not open it",)
    assert opened("nomac.p12", "wrong").entries[0].warnings == ("the private key: the password from the caller does not open it",)


def test_damage_is_told_from_a_wrong_password(tmp_path: Path) -> None:
    data = bytearray((STORES / "modern.p12").read_bytes())
    data[-20] ^= 1  # in the checksum
    (tmp_path / "a.p12").write_bytes(data)
    store = read_store(tmp_path / "a.p12", password=Password.of("meadow1"))
    assert (store.integrity, len(store.entries)) == ("failed", 1)
    assert store.damage == "the password from the caller opens it, but its checksum does not fit: it was changed after it was written"
    with pytest.raises(InputError, match="does not open it"):
        read_store(tmp_path / "a.p12", password=Password.of("wrong"))


def test_what_stands_before_a_cut_is_read(tmp_path: Path, named: SimpleNamespace) -> None:
    data = (STORES / "plain.p12").read_bytes()
    (tmp_path / "a.p12").write_bytes(data[: data.index(named.issuing) + 10])
    store = read_store(tmp_path / "a.p12", password=Password.of("meadow1"))
    assert [entry.chain for entry in store.entries] == [(named.api,)]
    assert store.damage.startswith("the file is cut short at byte")


@pytest.mark.parametrize("name", ["plain.p12", "nss.p12", "cacerts.p12"])
def test_every_cut_is_told(name: str) -> None:
    data = (STORES / name).read_bytes()
    for size in range(1, len(data), 61):
        try:
            store = pkcs12.read(data[:size], name, Opening(Password.of("meadow1"), rounds=Rounds(20_000)))
        except WhytlsError:
            pass
        else:
            assert "cut short" in store.damage


def with_pbmac1(password: str, digest: str, prf: str, size: int = 32) -> bytes:
    """nomac.p12 with a checksum by RFC 9579, as OpenSSL 3.4 and Java 26 write it: its hashes are Python's own."""
    oids = {"sha256": "2a864886f70d0209", "sha512": "2a864886f70d020b", "sha1": "2a864886f70d0207"}
    data = (STORES / "nomac.p12").read_bytes()
    version, info = children(data, element(data, 0, len(data)))
    _, content = children(data, info)
    string = next(children(data, content))
    hmac_with = {name: shortest(0x30, shortest(6, bytes.fromhex(oid)) + b"\5\0") for name, oid in oids.items()}
    key = hashlib.pbkdf2_hmac(prf, password.encode(), b"saltsalt", 2048, size)
    values = shortest(0x30, shortest(4, b"saltsalt") + b"\2\2\x08\0" + shortest(2, bytes((size,))) + hmac_with[prf])
    derived = shortest(0x30, shortest(6, bytes.fromhex("2a864886f70d01050c")) + values)
    algorithm = shortest(0x30, shortest(6, bytes.fromhex("2a864886f70d01050e")) + shortest(0x30, derived + hmac_with[digest]))
    made = hmac.digest(key, data[string.body : string.end], digest)
    mac = shortest(0x30, algorithm + shortest(4, made))
    return shortest(0x30, data[version.start : info.end] + shortest(0x30, mac + shortest(4, b"NOT USED") + b"\2\1\2"))


@pytest.mark.parametrize(("digest", "prf"), [("sha256", "sha256"), ("sha512", "sha256"), ("sha256", "sha1"), ("sha512", "sha512")])
def test_pbmac1(digest: str, prf: str, tmp_path: Path) -> None:
    data = with_pbmac1("meadow1", digest, prf)
    assert library.load_pkcs12(data, b"meadow1").key  # OpenSSL in the library accepts what the test wrote
    with pytest.raises(ValueError, match="assword"):
        library.load_pkcs12(data, b"wrong")
    (tmp_path / "a.p12").write_bytes(data)
    assert read_store(tmp_path / "a.p12", password=Password.of("meadow1")).integrity == "verified"
    assert read_store(tmp_path / "a.p12", password=Password.of("wrong")).integrity == "failed"


def test_work_is_bounded(tmp_path: Path) -> None:
    data = (STORES / "legacy.p12").read_bytes()
    patched = data.replace(b"\2\2\x08\0", b"\2\2\x7f\xff")
    begin = time.process_time()
    with pytest.raises(InputError, match=r"not opened|encrypted|does not open"):
        pkcs12.read(patched, "a.p12", Opening(Password.of("meadow1"), rounds=Rounds(30_000)))
    assert time.process_time() - begin < 1


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["modern.p12", "plain.p12", "java17.p12", "nss.p12"]), st.integers(0), st.binary(min_size=1, max_size=8), st.booleans())
def test_damage_is_one_error(name: str, place: int, noise: bytes, insert: bool) -> None:
    data = (STORES / name).read_bytes()
    place %= len(data)
    damaged = data[:place] + noise + data[place + (0 if insert else len(noise)) :]
    try:
        store = pkcs12.read(damaged, name, Opening(Password.of("meadow1"), rounds=Rounds(60_000)))
    except WhytlsError:
        pass
    else:
        assert store.integrity != "verified" or not store.damage
