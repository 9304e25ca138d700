"""Anchors from files, and a clear word for what is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from whytls.exceptions import InputError
from whytls.pki.store import read_anchors, system_anchors


def test_pem_bundle_with_text_between(pki: SimpleNamespace, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"Meadow Root\n====\n{pki.root.pem}\r\nsome words\n{pki.stranger.pem}{pki.root.pem}")
    assert read_anchors(bundle) == (pki.root.der, pki.stranger.der)
    assert read_anchors(str(bundle)) == (pki.root.der, pki.stranger.der)


def test_der_and_folder(pki: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "a.der").write_bytes(pki.root.der)
    assert read_anchors(tmp_path / "a.der") == (pki.root.der,)
    (tmp_path / "b.pem").write_text(pki.stranger.pem)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "below").mkdir()
    assert read_anchors(tmp_path) == (pki.root.der, pki.stranger.der)


def test_trusted_certificate_of_openssl(pki: SimpleNamespace, tmp_path: Path) -> None:
    import base64

    content = base64.b64encode(pki.root.der + b"\x30\x03\x0c\x01a").decode()
    (tmp_path / "t.pem").write_text(f"-----BEGIN TRUSTED CERTIFICATE-----\n{content}\n-----END TRUSTED CERTIFICATE-----\n")
    assert read_anchors(tmp_path / "t.pem") == (pki.root.der,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither a certificate nor a store"),
        (b"hello", "known: PEM, DER, PKCS #7"),
        (b"\xfe\xed\xfe\xed\0\0\0\2", "JKS keystore that ends"),
        (b"\xce\xce\xce\xce\0\0\0\3", "version 3; 1 and 2 exist"),
        (b"\x30\x03\x02\x01\x03", "PKCS #12"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "a private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "no end"),
        (b"a\nb\n-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "line 3 is not Base64"),
        (b"-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n", ""),
        (b"-----BEGIN " + b"A" * 500, "no certificate in it"),
    ],
)
def test_what_is_no_store(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_anchors(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_anchors(tmp_path / "none")
    with pytest.raises(InputError, match="no certificate in it"):
        read_anchors(tmp_path)


def test_system_store_is_read_once() -> None:
    assert system_anchors() is system_anchors()
