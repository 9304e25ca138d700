"""RC2 against the vectors of RFC 2268 section 5, and against the library where it has the cipher."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import RC2
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.pki.rc2 import decrypt_cbc


@pytest.mark.parametrize(
    ("key", "bits", "plain", "closed"),
    [
        ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
        ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
        ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
        ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
        ("88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e", 129, "0000000000000000", "5b78d3a43dfff1f1"),
    ],
)
def test_vectors(key: str, bits: int, plain: str, closed: str) -> None:
    assert decrypt_cbc(bytes.fromhex(key), bits, bytes(8), bytes.fromhex(closed)).hex() == plain


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.binary(max_size=5).map(lambda b: b * 8))
def test_agrees_with_the_library_for_128_bits(key: bytes, iv: bytes, plain: bytes) -> None:
    encryptor = Cipher(RC2(key), modes.CBC(iv)).encryptor()
    assert decrypt_cbc(key, 128, iv, encryptor.update(plain)) == plain
