"""PEM blocks in any text."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.exceptions import DamagedInput
from whytls.pki.derivation import Rounds
from whytls.pki.password import Password
from whytls.pki.readers.pem import blocks, certificates, contents, entries
from whytls.pki.store import Opening, Store, read_store

Opened = Callable[..., Store]


def block(content: bytes, label: str = "CERTIFICATE", end: str = "\n") -> bytes:
    return f"-----BEGIN {label}-----{end}{base64.encodebytes(content).decode()}-----END {label}-----{end}".encode()


def test_labels_and_lines() -> None:
    text = b"one\ntwo\n" + block(b"abc") + block(b"secret", "EC PRIVATE KEY") + b"words\n" + block(b"def", "X509 CERTIFICATE", "\r\n")
    found = list(blocks(text))
    assert [(b.label, b.line) for b in found] == [("CERTIFICATE", 3), ("EC PRIVATE KEY", 6), ("X509 CERTIFICATE", 10)]
    assert [b.content for b in found] == [b"abc", b"", b"def"]


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=5), st.text(alphabet="abc \n\r-", max_size=40))
def test_round_trip_with_anything_between(contents: list[bytes], between: str) -> None:
    noise = between.replace("-----", "").encode()
    assert certificates(noise + b"\n" + (b"\n" + noise + b"\n").join(map(block, contents))) == contents


@given(st.binary(max_size=300), st.integers(0, 300))
def test_damage_is_one_error(noise: bytes, place: int) -> None:
    text = block(b"abcdef" * 20)
    damaged = text[:place] + noise + text[place:]
    try:
        found = certificates(damaged)
    except DamagedInput:
        found = []
    assert len(found) <= damaged.count(b"-----BEGIN ")


def test_block_inside_a_block() -> None:
    with pytest.raises(DamagedInput, match="no end"):
        certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n" + block(b"abc"))


def test_many_openings_take_linear_time() -> None:
    begin = time.process_time()
    with pytest.raises(DamagedInput):
        certificates(b"-----BEGIN CERTIFICATE-----\n" * 100_000)
    assert certificates(b"-----BEGIN " * 200_000) == []
    assert time.process_time() - begin < 2


def test_a_chain_and_its_key_in_any_order(opened: Opened, named: SimpleNamespace) -> None:
    (entry,) = opened("shop-with-key.pem", None).entries
    assert (entry.kind, entry.chain, entry.key, entry.key_fits) == ("key", (named.shop, named.issuing), "not encrypted", True)
    (entry,) = opened("api-reversed.pem", None).entries
    assert (entry.kind, entry.chain) == ("certificate", (named.root, named.issuing, named.api))  # as a server would present it


def test_keys_that_do_not_fit(opened: Opened) -> None:
    (entry,) = opened("api-with-shop-key.pem", None).entries
    assert (entry.key_fits, entry.warnings) == (False, ())
    (entry,) = opened("api-own-second.pem", None).entries
    assert entry.key_fits is False
    assert entry.warnings == ("the private key belongs to certificate 2 of 2 (line 40), not to the first",)


def test_several_chains_each_with_its_key(opened: Opened, named: SimpleNamespace) -> None:
    store = opened("two-with-keys.pem", None)
    assert [(e.chain, e.key_fits) for e in store.entries] == [((named.api, named.issuing), True), ((named.shop,), True)]


def test_a_bundle_of_anchors_is_as_many_entries(pki: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(pki.root.pem + pki.stranger.pem)
    second = pki.root.pem.count("\n") + 1
    assert [(e.chain, e.place.line) for e in read_store(tmp_path / "a").entries] == [((pki.root.der,), 1), ((pki.stranger.der,), second)]


def test_names_that_tools_write_above_a_certificate(pki: SimpleNamespace, tmp_path: Path) -> None:
    of_openssl, of_keytool = "Bag Attributes\n    friendlyName: shop 1\n    localKeyID: 01\n", "\nAlias name: other\nCreation date: x\n"
    (tmp_path / "a").write_text(of_openssl + pki.root.pem + of_keytool + pki.stranger.pem + pki.middle.pem)
    assert [e.alias for e in read_store(tmp_path / "a").entries] == ["shop 1", "other", ""]


def test_what_else_is_in_it_is_named(stores: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes((stores / "root.crl").read_bytes() + (stores / "root.pem").read_bytes() + block(b"x", "DH PARAMETERS"))
    store = read_store(tmp_path / "a")
    assert (len(store.entries), store.passed_over) == (1, ("a revocation list (CRL) in line 1",))


def test_what_stands_before_damage_is_read(pki: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(pki.root.pem + pki.stranger.pem[:200])
    store = read_store(tmp_path / "a")
    assert [e.chain for e in store.entries] == [(pki.root.der,)]
    assert store.damage == f"the CERTIFICATE block in line {pki.root.pem.count(chr(10)) + 1} has no end, at byte {len(pki.root.pem)}"


def test_bounds(pki: SimpleNamespace) -> None:
    begin = time.process_time()
    found = contents(block(b"\x30") * 20_001, Opening())
    assert (len(found.certificates), "more than 20,000 certificates" in found.damage) == (20_000, True)
    found = contents(block(b"\x30\x01", "PRIVATE KEY") * 200, Opening())
    assert (len(found.keys), "more than 100 private keys" in found.damage) == (100, True)
    assert time.process_time() - begin < 3


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2000), st.sampled_from(["shop-with-key.pem", "pbes2.key", "traditional.key", "chain.p7b.pem"]))
def test_damage_to_what_tools_wrote_is_a_value(noise: bytes, place: int, name: str) -> None:
    data = (Path(__file__).parent / "stores" / name).read_bytes()
    found = contents(data[:place] + noise + data[place:], Opening(Password.of("meadow1"), rounds=Rounds(5000)))
    assert len(entries(found, name)) <= len(found.certificates) + len(found.keys)
