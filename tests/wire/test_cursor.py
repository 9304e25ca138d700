from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import Malformed
from whytls.wire.cursor import Cursor, hello_start, numbers16, typed_blocks, whole_list16, whole_names
from whytls.wire.value import Extension


def test_reads_numbers_and_vectors_in_order() -> None:
    at = Cursor(bytes.fromhex("01 0203 040506 0708090a 02aabb 0001cc 000001dd ee"))
    assert (at.u8(), at.u16(), at.u24(), at.u32()) == (0x01, 0x0203, 0x040506, 0x0708090A)
    assert (at.vector(1), at.vector(2), at.vector(3)) == (b"\xaa\xbb", b"\xcc", b"\xdd")
    assert at.rest() == b"\xee"
    at.finish("all")


def test_a_block_ends_where_its_length_says() -> None:
    at = Cursor(b"\x02ab" + b"c")
    block = at.block(1)
    assert block.take(2) == b"ab"
    assert at.u8() == ord("c")
    with pytest.raises(Malformed):
        block.u8()


@pytest.mark.parametrize("method", ["u8", "u16", "u24", "u32"])
def test_nothing_is_read_past_the_end_and_the_offset_is_said(method: str) -> None:
    at = Cursor(b"xyz", 3)
    with pytest.raises(Malformed) as caught:
        getattr(at, method)()
    assert caught.value.offset == 3
    assert at.at == 3


def test_what_is_left_over_is_an_error() -> None:
    with pytest.raises(Malformed, match="2 bytes too many in a hello"):
        Cursor(b"ab").finish("a hello")


def test_an_end_behind_the_data_is_cut_to_it() -> None:
    assert Cursor(b"abc", 1, 99).left == 2


@given(st.binary(max_size=200), st.integers(1, 2))
def test_a_list_of_numbers_uses_its_length_up_exactly(data: bytes, width: int) -> None:
    announced = int.from_bytes(data[:width], "big")
    fits = len(data) >= width and announced == len(data) - width and announced % 2 == 0
    if fits:
        assert b"".join(n.to_bytes(2, "big") for n in whole_list16(data, width, "a list")) == data[width:]
    else:
        with pytest.raises(Malformed):
            whole_list16(data, width, "a list")


@given(st.lists(st.integers(0, 0xFFFF), max_size=200), st.binary(max_size=3))
def test_numbers_of_any_count(values: list[int], before: bytes) -> None:
    data = before + b"".join(v.to_bytes(2, "big") for v in values)
    assert numbers16(data, len(before), 2 * len(values), "numbers") == tuple(values)
    with pytest.raises(Malformed):
        numbers16(data, len(before), 2 * len(values) + 2, "numbers")


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_names_and_every_prefix_of_them(names: list[bytes], data: st.DataObject) -> None:
    inner = b"".join(bytes([len(n)]) + n for n in names)
    body = len(inner).to_bytes(2, "big") + inner
    assert whole_names(body, "names") == [n.decode("ascii", "backslashreplace") for n in names]
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Malformed):
        whole_names(body[:cut], "names")


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=8), st.integers(0, 60))
def test_extensions_before_a_damage_stand(blocks: list[tuple[int, bytes]], cut: int) -> None:
    inner = b"".join(n.to_bytes(2, "big") + len(b).to_bytes(2, "big") + b for n, b in blocks)
    whole = len(inner).to_bytes(2, "big") + inner
    found: list[Extension] = []
    typed_blocks(b"xx" + whole, 2, found, Extension)
    assert found == blocks
    short: list[Extension] = []
    cut = min(cut, len(whole) - 1)
    with pytest.raises(Malformed) as caught:
        typed_blocks(whole[:cut], 0, short, Extension)
    assert short == blocks[: len(short)]
    assert 0 <= (caught.value.offset or 0) <= cut


def test_bytes_behind_the_extensions_are_told_from_a_length_too_long() -> None:
    found: list[Extension] = []
    with pytest.raises(Malformed, match="1 bytes too many behind"):
        typed_blocks(b"\0\4\0\x17\0\0!", 0, found, Extension)
    with pytest.raises(Malformed, match="end 1 bytes behind the message"):
        typed_blocks(b"\0\5\0\x17\0\0", 0, [], Extension)
    assert found == [(23, b"")]


@given(st.binary(max_size=100))
def test_the_start_of_a_hello(data: bytes) -> None:
    if len(data) < 35 or len(data) < 35 + data[34]:
        with pytest.raises(Malformed) as caught:
            hello_start(data)
        assert 0 <= (caught.value.offset or 0) <= len(data)
    else:
        version, random, session_id, at = hello_start(data)
        assert version.to_bytes(2, "big") + random + bytes([len(session_id)]) + session_id == data[:at]
