"""PEM blocks in any text."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import DamagedInput
from whytls.pki.readers.pem import blocks, certificates


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
