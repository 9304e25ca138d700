"""Key derivations against published values, and the bound on what a store can ask for."""

from __future__ import annotations

import pytest

from whytls.exceptions import InputError
from whytls.pki import derivation
from whytls.pki.derivation import MOST_ROUNDS, Rounds


def test_pbkdf2_of_rfc_6070() -> None:
    made = derivation.pbkdf2("passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25, "sha1", Rounds())
    assert made.hex() == "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"


def test_scrypt_of_rfc_7914() -> None:
    made = derivation.scrypt("password", b"NaCl", 1024, 8, 16, 64, Rounds())
    assert made.hex().startswith("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")


def test_pkcs12_as_openssl_derives_it() -> None:
    made = derivation.pkcs12("123456", bytes.fromhex("e241f01650dbeae4"), 2048, 3, 32, "sha256", Rounds())
    assert made.hex() == "721259f14aad70b58839f71566b433da1b8ad08f650f4d02faaa0b9b095bb51d"


@pytest.mark.parametrize("digest", sorted(set(derivation.DIGESTS.values())))
def test_every_digest_makes_a_key_longer_than_itself(digest: str) -> None:
    made = derivation.pkcs12("a", b"salt", 3, 1, 100, digest, Rounds())
    assert len(made) == 100
    assert made != derivation.pkcs12("a", b"salt", 3, 2, 100, digest, Rounds())
    assert made != derivation.pkcs12("b", b"salt", 3, 1, 100, digest, Rounds())


@pytest.mark.parametrize("digest", sorted(set(derivation.HMACS.values())))
def test_every_hmac(digest: str) -> None:
    assert len(derivation.pbkdf2("a", b"salt", 2, 70, digest, Rounds())) == 70


def test_no_password_is_not_an_empty_one() -> None:
    none, empty = (derivation.pkcs12(text, b"salt", 2, 1, 24, "sha1", Rounds()) for text in (None, ""))
    assert none != empty


def test_rounds_are_paid_before_they_are_computed() -> None:
    purse = Rounds(10_000)
    derivation.pbkdf2("a", b"salt", 6_000, 16, "sha256", purse)
    assert purse.left == 4_000
    with pytest.raises(InputError, match=r"asks for 6,000 rounds of hashing \(from 1 to 10,000"):
        derivation.pbkdf2("a", b"salt", 6_000, 16, "sha256", purse)
    assert purse.left == 4_000
    for ask in (
        lambda: derivation.pbkdf2("a", b"", MOST_ROUNDS + 1, 16, "sha1", Rounds()),
        lambda: derivation.pkcs12("a", b"", 2**63, 1, 16, "sha1", Rounds()),
        lambda: derivation.pbkdf1("a", b"", 0, "md5", Rounds()),
        lambda: derivation.jceks("a", bytes(8), MOST_ROUNDS, Rounds()),
        lambda: derivation.scrypt("a", b"", 1 << 20, 8, 1, 32, Rounds()),
        lambda: derivation.scrypt("a", b"", 3, 8, 1, 32, Rounds()),
        lambda: derivation.scrypt("a", b"", 2, 1 << 62, 1, 32, Rounds()),
        lambda: derivation.scrypt("a", b"", 2, 1, 1 << 62, 32, Rounds()),
        lambda: derivation.pbkdf2("a", bytes(2000), 1, 16, "sha1", Rounds()),
    ):
        with pytest.raises(InputError, match=r"asks for|has a salt"):
            ask()
