"""Client certificates to present: every kind of store, the key inside it or beside it, and what is wrong with those that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from authority import CLIENT, Issued, issue
from whytls.exceptions import InputError
from whytls.pki import key as keys
from whytls.pki.certificate import read
from whytls.pki.password import Password
from whytls.pki.store import read_store
from whytls.probing.identity import identity

STORES = Path(__file__).parents[1] / "pki/stores"
MEADOW = Password.of("meadow1")


@pytest.fixture(scope="module")
def till() -> Issued:
    return issue("till 7", issue("Meadow Root", ca=True), usage=(CLIENT,))


def pem(issued: Issued, password: bytes = b"") -> str:
    closing = BestAvailableEncryption(password) if password else NoEncryption()
    return str(issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closing).decode())


def test_certificate_and_key_in_one_file_or_two(tmp_path: Path, till: Issued) -> None:
    certificate, key, both = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "both.pem"
    certificate.write_text(ssl.DER_cert_to_PEM_cert(till.der))
    key.write_text(pem(till))
    both.write_text(certificate.read_text() + key.read_text())
    for found in (identity(str(both)), identity(str(certificate), str(key))):
        assert found.chain == (till.der,)
        assert found.key.public_key() == till.key.public_key()
        assert "Private" not in repr(found)


def test_a_key_with_a_password(tmp_path: Path, till: Issued) -> None:
    file = tmp_path / "both.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(till.der) + pem(till, b"secret"))
    assert identity(str(file), password=Password.of("secret")).chain == (till.der,)
    for wrong in (None, Password.of("other")):
        with pytest.raises(InputError, match="not open") as told:
            identity(str(file), password=wrong)
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("name", ["java17.p12", "java17.jks", "java17.jceks", "two-with-keys.pem"])
def test_keystores_by_alias(name: str) -> None:
    store = read_store(str(STORES / name), password=MEADOW)
    aliases = [entry.alias for entry in store.entries if entry.kind == "key" and entry.key_fits]
    assert aliases
    for alias in aliases:
        found = identity(str(STORES / name), alias=alias, password=MEADOW)
        assert read(found.chain[0]).key_sha256
    with pytest.raises(InputError, match="no certificate in it that a client presents"):
        identity(str(STORES / name), alias="nobody", password=MEADOW)


def test_a_certificate_alone_has_no_key(tmp_path: Path, till: Issued) -> None:
    file = tmp_path / "c.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(till.der))
    with pytest.raises(InputError, match=r"private key of CN=till 7.*--key FILE"):
        identity(str(file))


def test_nobody_else_keeps_keys(tmp_path: Path, till: Issued) -> None:
    file = tmp_path / "k.pem"
    file.write_text(pem(till))
    with keys.keeping() as inside:
        read_store(str(file))
    before = dict(inside)
    read_store(str(file))
    assert len(before) == 1
    assert inside == before
