"""Private keys in every form that OpenSSL writes: whose they are, and nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

import whytls.pki.derivation
from authority import issue
from whytls.pki import key as keys
from whytls.pki.certificate import read
from whytls.pki.der import element
from whytls.pki.derivation import Rounds
from whytls.pki.password import Password, attempts
from whytls.pki.readers.pem import contents
from whytls.pki.store import Opening


def stored(data: bytes, password: str | None = None) -> keys.Key:
    return contents(data, Opening(Password.of(password) if password is not None else None)).keys[0].key


@pytest.mark.parametrize("name", ["pbes1.key", "pbes2.key", "scrypt.key", "traditional.key"])
def test_encrypted_keys(name: str, stores, named) -> None:  # type: ignore[no-untyped-def]
    data = (stores / name).read_bytes()
    right, wrong, none = stored(data, "meadow1"), stored(data, "meadow2"), stored(data)
    assert (right.form, right.fits(read(named.shop).key_sha256), right.fits(read(named.api).key_sha256)) == (keys.OPENED, True, False)
    assert (wrong.form, wrong.public, wrong.problem) == (keys.CLOSED, "", "the password from the caller does not open it")
    assert (none.form, none.fits(read(named.shop).key_sha256), none.problem) == (keys.CLOSED, None, "")


@pytest.mark.parametrize(("name", "whose"), [("shop.key", "shop"), ("sec1.key", "shop"), ("api.key", "api")])
def test_plain_keys(name: str, whose: str, stores, named) -> None:  # type: ignore[no-untyped-def]
    found = stored((stores / name).read_bytes())
    assert (found.form, found.fits(read(getattr(named, whose)).key_sha256)) == (keys.PLAIN, True)


@pytest.mark.parametrize("private", [rsa.generate_private_key(65537, 1024), dsa.generate_private_key(1024), ed25519.Ed25519PrivateKey.generate(),
                                     ed448.Ed448PrivateKey.generate()])  # fmt: skip
def test_kinds(private) -> None:  # type: ignore[no-untyped-def]
    import hashlib

    found = keys.plain(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found == keys.Key(keys.PLAIN, hashlib.sha256(public).hexdigest())


def test_nothing_of_the_key_is_kept() -> None:
    private = issue("a").key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    found = keys.plain(private)
    kept = [getattr(found, slot) for slot in found.__slots__]
    secret = private[36:68].hex()
    assert not any(isinstance(value, bytes) or (isinstance(value, str) and secret[:16] in value) for value in kept)


@pytest.mark.parametrize(
    ("der", "words"),
    [
        (b"\x30" * 20_000, "too many for a private key"),
        (b"", "not that of a private key"),
        (b"\x30\x03\x02\x01\0", "not that of a private key"),
        (bytes.fromhex("3082100002010030") + b"\x0c\x06\x07\x2a\x86\x48\xce\x38\x04\x01\x30\x01\0" + b"\x04\x82\x0f\xeb" + bytes(4075), "DSA key of"),
        (bytes.fromhex("3015020100300d06092a864886f70d01030130000401") + b"\0", "Diffie-Hellman"),
    ],
)
def test_what_is_not_loaded(der: bytes, words: str) -> None:
    found = keys.plain(der)
    assert (found.form, found.public) == (keys.STRANGE, "")
    assert words in found.problem


def test_a_store_cannot_ask_for_endless_work(stores) -> None:  # type: ignore[no-untyped-def]
    from base64 import b64decode

    der = b64decode(b"".join((stores / "pbes2.key").read_bytes().splitlines()[1:-1]))
    begin = der.index(b"\x02\x02\x08\x00")  # 2,048 rounds
    patched = bytearray(der)
    patched[begin : begin + 4] = b"\x02\x02\x7f\xff"
    purse = Rounds(30_000)
    found = keys.encrypted(bytes(patched), element(bytes(patched), 0, len(patched)), attempts(Password.of("a")), purse)
    assert (found.form, purse.left) == (keys.CLOSED, 30_000)
    assert "asks for 32,767 rounds of hashing (from 1 to 30,000" in found.problem
    assert whytls.pki.derivation.MOST_ROUNDS >= 10_000_000  # what real stores ask for is not refused


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_damage_is_a_value(noise: bytes) -> None:
    assert keys.plain(noise).public == ""
    wrapped = b"\x30\x82" + len(noise).to_bytes(2, "big") + noise
    found = keys.encrypted(wrapped, element(wrapped, 0, len(wrapped)), attempts(None), Rounds(1000))
    assert found.form in (keys.CLOSED, keys.STRANGE)
