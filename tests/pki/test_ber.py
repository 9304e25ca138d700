"""BER with lengths by end marks, strings in pieces, and what was cut."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whytls.exceptions import Malformed
from whytls.pki.ber import definite, integer, octets, outer, parts
from whytls.pki.der import Element, element


def tlv(tag: int, body: bytes) -> bytes:
    size = len(body)
    length = bytes((size,)) if size < 128 else b"\x84" + size.to_bytes(4, "big")
    return bytes((tag,)) + length + body


def shortest(tag: int, body: bytes) -> bytes:
    size = len(body)
    octets_ = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes((tag,)) + (bytes((size,)) if size < 128 else bytes((0x80 | len(octets_),)) + octets_) + body


def test_lengths_by_end_marks_become_definite() -> None:
    inner = b"\x30\x80" + tlv(2, b"\1") + b"\x24\x80" + tlv(4, b"ab") + tlv(4, b"c") + b"\0\0" + b"\0\0"
    assert definite(b"\x30\x80" + inner + b"\0\0" + b"rest") == shortest(0x30, shortest(0x30, tlv(2, b"\1") + tlv(4, b"abc")))


def test_der_is_handed_back_as_it_is() -> None:
    data = tlv(0x30, tlv(2, b"\1"))
    assert definite(data) is data
    assert definite(b"") == b""


trees = st.recursive(
    st.binary(max_size=20).map(lambda body: ("leaf", body)),
    lambda inner: st.tuples(st.sampled_from(["definite", "marked"]), st.lists(inner, max_size=4)),
    max_leaves=6,
)


def written(tree: tuple[str, object], marks: bool) -> bytes:
    kind, content = tree
    if kind == "leaf":
        assert isinstance(content, bytes)
        return shortest(0x04, content)
    assert isinstance(content, list)
    body = b"".join(written(child, marks) for child in content)
    return b"\x30\x80" + body + b"\0\0" if marks and kind == "marked" else shortest(0x30, body)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # trees take their time on a machine that is busy
@given(st.lists(trees, max_size=3))
def test_definite_is_what_would_have_been_written_with_lengths(content: list[tuple[str, object]]) -> None:
    tree = ("marked", content)
    assert definite(written(tree, True)) == written(tree, False)


@given(st.binary(max_size=200))
def test_damage_is_one_error(noise: bytes) -> None:
    for data in (noise, b"\x30\x80" + noise):
        try:
            converted = definite(data)
            for part in parts(converted, outer(converted, []), []):
                octets(converted, part)
        except Malformed:
            pass


def test_bounds() -> None:
    begin = time.process_time()
    for data in (b"\x30\x80" * 100_000, b"\x30\x80" + b"\5\0" * 600_000):
        with pytest.raises(Malformed, match="too deep or of too many parts"):
            definite(data)
    assert time.process_time() - begin < 5
    many = tlv(0x30, b"\5\0" * 20_001)
    with pytest.raises(Malformed, match="more than 20000 parts"):
        list(parts(many, element(many, 0, len(many))))


def test_what_was_cut_is_read_as_far_as_it_goes() -> None:
    data = tlv(0x30, tlv(0x30, tlv(2, b"\1") + tlv(4, b"abcdef")))[:-3]
    cut: list[int] = []
    whole = outer(data, cut)
    (inner,) = parts(data, whole, cut)
    number, string = parts(data, inner, cut)
    assert (integer(data, number), octets(data, string), cut) == (1, b"abc", [0, 2, 7])
    with pytest.raises(Malformed):
        list(parts(data, whole))


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x80", bytes(10)])
def test_counts_are_not_negative_and_fit_eight_bytes(body: bytes) -> None:
    with pytest.raises(Malformed, match="from 0 to"):
        integer(body, Element(2, 0, 0, len(body)))
