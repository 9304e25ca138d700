"""Stores are told by their content; anchors from all of them, and a clear word for what is none."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from types import SimpleNamespace

import pytest

from whytls.exceptions import InputError
from whytls.pki.password import Password
from whytls.pki.store import Entry, Place, Store, file_content, read_anchors, read_store, system_anchors


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


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("api.pem", "PEM"), ("api.der", "DER"), ("chain.p7b", "PKCS #7"), ("indefinite.p7b", "PKCS #7"), ("java17.jks", "JKS"),
        ("java17.jceks", "JCEKS"), ("modern.p12", "PKCS #12"), ("nss.p12", "PKCS #12"), ("nginx/nginx.conf", "nginx"), ("pkcs1.der", "DER"),
    ],
)  # fmt: skip
def test_a_store_is_told_by_its_content(name: str, form: str, stores: Path, tmp_path: Path) -> None:
    misnamed = tmp_path / "store.txt"
    misnamed.write_bytes((stores / name).read_bytes())
    assert read_store(stores / name, password=Password.of("meadow1")).format == form
    if form != "nginx":  # that one names files beside it
        assert read_store(str(misnamed), password=Password.of("meadow1")).format == form


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api-chain.pem", ("api", "issuing")), ("api.der", ("api",)),
        ("chain.p7b", ("api", "issuing", "root")), ("chain.p7b.pem", ("api", "issuing", "root")),
        ("java17.jceks", ("root", "other", "api", "shop")), ("keypass.jks", ("api",)), ("nokeys.p12", ("api", "issuing", "root")),
        ("cacerts.jks", ("root",)), ("cacerts.p12", ("root",)), ("nss.p12", ("api", "issuing")), ("trusted.pem", ("root",)),
        ("nginx/nginx.conf", ("root", "issuing", "api")),
    ],
)  # fmt: skip
def test_anchors_of_every_format(name: str, expected: tuple[str, ...], stores: Path, named: SimpleNamespace) -> None:
    found = read_anchors(stores / name, password=None if name.startswith("cacerts") else Password.of("meadow1"))
    known = {getattr(named, own): own for own in ("root", "issuing", "api", "shop", "other")}
    assert [known[der] for der in found if der in known] == list(expected)
    assert len(found) - len(expected) == (1 if name == "java17.jceks" else 0)  # the self-signed one


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("modern.p12", "encrypted with a password"),
        ("root.crl", "no certificate in it, but: a revocation list"),
        ("crl.der", "no certificate in it, but: a revocation list"),
        ("api.key", "no certificate in it, but: a private key"),
    ],
)
def test_stores_without_an_anchor(name: str, words: str, stores: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_anchors(stores / name)


def test_anchors_of_a_damaged_store_are_refused(stores: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes((stores / "java17.jks").read_bytes()[:-100])
    with pytest.raises(InputError, match="entries stand before that"):
        read_anchors(tmp_path / "a")


def test_a_checksum_that_fails_is_no_truststore(stores: Path) -> None:
    with pytest.raises(InputError, match="does not fit its checksum"):
        read_anchors(stores / "cacerts.jks", password=Password.of("wrong"))


def test_text_as_powershell_writes_it(stores: Path, tmp_path: Path, named: SimpleNamespace) -> None:
    (tmp_path / "a").write_bytes((stores / "root.pem").read_text().encode("utf-16"))
    store = read_store(tmp_path / "a")
    assert (store.certificates, "save it as UTF-8" in store.warnings[0]) == ((named.root,), True)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(200))
    with pytest.raises(InputError, match="too large for a store"):
        file_content(tmp_path / "large", 100)
    with pytest.raises(InputError, match="No such file"):
        read_store(tmp_path / "none")
    with pytest.raises(InputError, match="known: PEM, DER"):
        read_store(tmp_path / "large")


def test_values_show_no_secret(stores: Path) -> None:
    store = read_store(stores / "java17.p12", password=Password.of("meadow1"))
    assert "meadow1" not in repr(store)
    secrets = [line for line in (stores / "api.key").read_text().splitlines() if not line.startswith("-")]
    assert not any(line in repr(read_store(stores / "api.key")) for line in secrets)
    with pytest.raises(FrozenInstanceError):
        store.entries[0].kind = "x"  # type: ignore[misc]


def test_places_are_written_as_compilers_do() -> None:
    assert [str(Place("a", 3)), str(Place("a", offset=7)), str(Place("a"))] == ["a:3", "a, byte 7", "a"]


def test_certificates_of_a_store_each_once() -> None:
    entries = (Entry("certificate", (b"1", b"2"), Place("a")), Entry("certificate", (b"2", b"3"), Place("a")))
    assert Store("a", "PEM", entries).certificates == (b"1", b"2", b"3")
