"""Encryption schemes: what is not known is named, and work is paid for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ber import shortest

from whytls.exceptions import InputError, Malformed, WhytlsError
from whytls.pki.der import element
from whytls.pki.derivation import Rounds
from whytls.pki.pbe import decrypt

RC2_40 = bytes.fromhex("2a864886f70d010c0106")
PBES2, PBKDF2, AES256 = bytes.fromhex("2a864886f70d01050d"), bytes.fromhex("2a864886f70d01050c"), bytes.fromhex("60864801650304012a")


def algorithm(oid: bytes, parameters: bytes) -> bytes:
    return shortest(0x30, shortest(6, oid) + parameters)


def opened(data: bytes, closed: bytes, rounds: int = 100_000) -> bytes | None:
    return decrypt(data, element(data, 0, len(data)), closed, "a", Rounds(rounds))


def pbes2(kdf: bytes, cipher: bytes) -> bytes:
    return algorithm(PBES2, shortest(0x30, kdf + cipher))


SALT_AND_COUNT = shortest(4, b"saltsalt") + b"\2\1\5"
IV = shortest(4, bytes(16))


@pytest.mark.parametrize(
    ("data", "closed", "words"),
    [
        (algorithm(b"\x2a\x03", b""), b"", "encrypted in a way that is not known here (1.2.3)"),
        (pbes2(algorithm(PBKDF2, shortest(0x30, SALT_AND_COUNT)), algorithm(b"\x2a\x03", IV)), bytes(16), "a cipher that is not known here"),
        (pbes2(algorithm(b"\x2a\x03", b""), algorithm(AES256, IV)), bytes(16), "a key derivation that is not known here"),
        (pbes2(algorithm(PBKDF2, shortest(0x30, SALT_AND_COUNT + algorithm(b"\x2a\x03", b""))), algorithm(AES256, IV)), b"", "PBKDF2 with 1.2.3"),
        (algorithm(RC2_40, shortest(0x30, SALT_AND_COUNT)), bytes(100_000), "asks for 600,000 rounds"),  # RC2 is computed in Python
    ],
)
def test_what_is_not_done_is_said(data: bytes, closed: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(data, closed)
    assert words in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("data", "closed", "words"),
    [
        (pbes2(algorithm(PBKDF2, shortest(0x30, SALT_AND_COUNT)), algorithm(AES256, IV)), bytes(15), "expected are whole blocks of 16"),
        (pbes2(algorithm(PBKDF2, shortest(0x30, SALT_AND_COUNT + b"\2\1\7")), algorithm(AES256, IV)), bytes(16), "a key of 32 bytes"),
        (pbes2(algorithm(PBKDF2, shortest(0x30, algorithm(b"\x2a\x03", b"") + b"\2\1\5")), algorithm(AES256, IV)), bytes(16), "salt of PBKDF2"),
        (algorithm(RC2_40, shortest(0x30, b"")), bytes(8), "two values are expected"),
        (shortest(0x30, b""), b"", "begin with its object identifier"),
    ],
)
def test_parameters_that_contradict_the_scheme(data: bytes, closed: bytes, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        opened(data, closed)
    assert words in str(caught.value)


def test_a_wrong_password_is_no_error() -> None:
    data = pbes2(algorithm(PBKDF2, shortest(0x30, SALT_AND_COUNT)), algorithm(AES256, IV))
    assert opened(data, b"\x11" * 32) is None


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([0, 8, 16, 64]))
def test_damage_is_our_own_error(noise: bytes, size: int) -> None:
    for oid in (RC2_40, PBES2, bytes.fromhex("2b060104012a021301"), bytes.fromhex("2b060104012a02110101"), bytes.fromhex("2a864886f70d010503")):
        for parameters in (noise, shortest(0x30, noise)):
            try:
                opened(algorithm(oid, parameters), bytes(size), 1000)
            except WhytlsError:
                pass
