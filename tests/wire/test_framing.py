from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of import plain_messages, stream

from whytls.wire.framing import MAX_MESSAGE, messages
from whytls.wire.record import split


def records_of(parts: list[bytes]) -> bytes:
    return b"".join(b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part for part in parts)


def message(number: int, body: bytes) -> bytes:
    return bytes([number]) + len(body).to_bytes(3, "big") + body


def test_a_real_server_flight() -> None:
    data = stream("client-auth-tls12-openssl-nginx", "server")
    found = plain_messages(data)
    assert [(m.number, m.length) for m in found] == [(2, 65), (11, 1731), (12, 296), (13, 88), (14, 0), (4, 1110)]
    assert all(m.complete and data[m.start] == m.number for m in found)
    assert found[1].start == found[0].end + 5  # a record header lies between


@given(st.lists(st.tuples(st.sampled_from([1, 2, 11, 12, 13, 14, 16]), st.binary(max_size=60)), min_size=1, max_size=6), st.data())
def test_however_messages_lie_in_records_they_come_out(wanted: list[tuple[int, bytes]], data: st.DataObject) -> None:
    joined = b"".join(message(number, body) for number, body in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(joined)), max_size=8)))
    parts = [joined[a:b] for a, b in zip([0, *cuts], [*cuts, len(joined)], strict=True)]
    stream_bytes = records_of(parts)
    found = messages(stream_bytes, split(stream_bytes).records)
    assert [(m.number, m.body) for m in found] == wanted
    for m in found:
        assert m.complete
        assert stream_bytes[m.start] == m.number
        assert stream_bytes[m.end - 1] == (m.body or b"\0")[-1]


@given(st.binary(max_size=300), st.integers(1, 303))
def test_a_cut_message_says_how_much_is_missing(body: bytes, cut: int) -> None:
    whole = message(11, body)
    cut = min(cut, len(whole) - 1)
    data = records_of([whole[:cut]])
    (found,) = messages(data, split(data).records)
    assert not found.complete
    assert found.missing == (len(whole) - cut if cut >= 4 else 4 - cut)
    assert (found.start, found.end) == (5, 5 + cut)
    assert found.body == body[: max(0, cut - 4)]


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 0xFFFFFF])
def test_an_absurd_length_ends_the_list_at_once(length: int) -> None:
    data = records_of([message(14, b"") + b"\x0b" + length.to_bytes(3, "big") + bytes(50)])
    done, absurd = messages(data, split(data).records)
    assert done.complete
    assert absurd.problem is not None
    assert str(length) in absurd.problem
    assert (absurd.length, absurd.body) == (length, b"")


def test_no_records_no_messages() -> None:
    assert messages(b"", []) == []


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_in_records(parts: list[bytes]) -> None:
    data = records_of(parts)
    place = 0
    for m in messages(data, split(data).records):
        assert place <= m.start < m.end <= len(data)
        assert len(m.body) <= m.length
        place = m.end
