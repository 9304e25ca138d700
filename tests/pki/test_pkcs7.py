"""PKCS #7 and CMS: a set of certificates, in DER, BER and PEM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ber import shortest

from whytls.exceptions import InputError, WhytlsError
from whytls.pki.readers import pkcs7
from whytls.pki.store import Opening, Store, read_store

Opened = Callable[..., Store]
STORES = Path(__file__).parent / "stores"


def test_the_chain_is_put_in_order(opened: Opened, named: SimpleNamespace) -> None:
    store = opened("chain.p7b", None)
    assert (store.format, store.passed_over) == ("PKCS #7", ("a revocation list (CRL)",))
    assert [entry.chain for entry in store.entries] == [(named.api, named.issuing, named.root)]
    assert opened("chain.p7b.pem", None).entries[0].chain == store.entries[0].chain


def test_lengths_by_end_marks(opened: Opened, named: SimpleNamespace) -> None:
    assert (STORES / "indefinite.p7b").read_bytes()[:2] == b"\x30\x80"
    assert [entry.chain for entry in opened("indefinite.p7b", None).entries] == [(named.shop, named.issuing)]


def test_certificates_before_a_cut_are_read(named: SimpleNamespace, tmp_path: Path) -> None:
    data = (STORES / "chain.p7b").read_bytes()
    first, second = sorted((data.index(der), der) for der in (named.root, named.issuing, named.api))[:2]
    (tmp_path / "a").write_bytes(data[: second[0] + len(second[1]) + 30])
    store = read_store(tmp_path / "a")
    assert set(store.certificates) == {first[1], second[1]}
    assert "cut short at byte" in store.damage


def test_other_contents_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(shortest(0x30, shortest(6, bytes.fromhex("2a864886f70d010703")) + shortest(0xA0, shortest(0x30, b""))))
    with pytest.raises(InputError, match="an encrypted message"):
        read_store(tmp_path / "a")


@settings(deadline=None)
@given(st.integers(0), st.binary(min_size=1, max_size=6), st.sampled_from(["chain.p7b", "indefinite.p7b"]))
def test_damage_is_one_error(place: int, noise: bytes, name: str) -> None:
    data = (STORES / name).read_bytes()
    place %= len(data)
    try:
        store = pkcs7.read(data[:place] + noise + data[place + len(noise) :], name, Opening())
    except WhytlsError:
        pass
    else:
        assert sum(map(len, store.certificates)) <= len(data)
