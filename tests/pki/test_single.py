"""Single structures in DER."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.exceptions import InputError, WhytlsError
from whytls.pki.password import Password
from whytls.pki.readers import single
from whytls.pki.store import Opening, Store, read_store

Opened = Callable[..., Store]


def test_one_certificate_and_several(opened: Opened, named: SimpleNamespace, tmp_path: Path) -> None:
    assert [entry.chain for entry in opened("api.der", None).entries] == [(named.api,)]
    (tmp_path / "a").write_bytes(named.api + named.issuing + b"rest")
    store = read_store(tmp_path / "a")
    assert [(e.chain, e.place.offset) for e in store.entries] == [((named.api,), 0), ((named.issuing,), len(named.api))]
    assert store.warnings == ("4 bytes behind the certificate are not read",)


def test_keys(opened: Opened) -> None:
    assert [(e.kind, e.key) for e in opened("pkcs1.der", None).entries] == [("key", "not encrypted")]
    assert [(e.kind, e.key) for e in opened("pbes2.der", None).entries] == [("key", "encrypted, not opened")]
    assert [(e.kind, e.key) for e in opened("pbes2.der").entries] == [("key", "encrypted")]


def test_what_else_is_signed_or_a_key_is_named(opened: Opened, pki: SimpleNamespace) -> None:
    assert opened("crl.der", None).passed_over == ("a revocation list (CRL)",)
    request = x509.CertificateSigningRequestBuilder().subject_name(pki.root.certificate.subject).sign(pki.root.key, SHA256())
    assert single.read(request.public_bytes(Encoding.DER), "a", Opening()).passed_over == ("a certificate request",)
    public = pki.root.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert single.read(public, "a", Opening()).passed_over == ("a public key (1.2.840.10045.2.1)",)


def test_a_certificate_that_was_cut_is_still_named(named: SimpleNamespace) -> None:
    store = single.read(named.api[:400], "a", Opening())
    assert store.entries[0].chain == (named.api[:400],)


@pytest.mark.parametrize("data", [b"\x30", b"\x30\x00", b"\x30\x03\x02\x01\x05", b"\x30\x05\x30\x03\x02\x01\x01"])
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(InputError, match=r"neither a certificate nor a private key|not a certificate"):
        single.read(data, "a", Opening())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_damage_is_one_error(noise: bytes) -> None:
    try:
        single.read(b"\x30" + noise, "a", Opening(Password.of("a")))
    except WhytlsError:
        pass
