from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of import NAMES, STREAMS, seconds, stream

from whytls.wire.record import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    MAX_BODY,
    SSLV2,
    looks_like_records,
    looks_like_tls,
    split,
)

SSLV2_HELLO = bytes.fromhex("802e 01 0301 0015 0000 0010") + bytes.fromhex("0700c0 050080 010080 00002f 000035 00000a 0000ff") + bytes(16)
SIDES = [(name, side) for name in NAMES for side in ("client", "server")]


@pytest.mark.parametrize(("name", "side"), SIDES)
def test_real_streams_are_used_up_exactly(name: str, side: str) -> None:
    data = stream(name, side)
    found = split(data)
    assert (found.stop, found.end) == ("", len(data))
    assert b"".join(data[r.offset : r.end] for r in found.records) == data
    assert looks_like_tls(data)
    assert looks_like_records(data)


def test_types_lengths_and_offsets() -> None:
    found = split(stream("client-auth-tls12-openssl-nginx", "client")).records
    assert [(r.content_type, r.length) for r in found] == [
        (HANDSHAKE, 208), (HANDSHAKE, 2628), (HANDSHAKE, 37), (HANDSHAKE, 264), (CHANGE_CIPHER_SPEC, 1), (HANDSHAKE, 40),
        (APPLICATION_DATA, 66), (ALERT, 26),
    ]  # fmt: skip
    assert [r.version for r in found[:2]] == [0x0301, 0x0303]
    assert (found[1].offset, found[1].start, found[1].end) == (213, 218, 218 + 2628)


@pytest.mark.parametrize(("name", "side"), SIDES)
def test_every_prefix_is_incomplete_or_ends_between_records(name: str, side: str) -> None:
    data = stream(name, side)
    ends = {0} | {r.end for r in split(data).records}
    for cut in range(0, len(data), 7):
        found = split(data[:cut])
        assert found.stop == ("" if cut in ends else "incomplete")
        assert found.end == max(end for end in ends if end <= cut)
        if found.stop and cut - found.end >= 5:
            assert found.present == cut - found.end - 5 < found.announced


def test_foreign_bytes_behind_records_are_found_at_their_place() -> None:
    hello = stream("full-tls12-java-java", "client")
    found = split(hello + b"HTTP/1.1 400 Bad Request\r\n")
    assert (found.stop, found.end) == ("foreign", len(hello))
    assert split(b"HTTP/1.1 400 Bad Request\r\n")[1:3] == (0, "foreign")
    assert split(b"HT").stop == "foreign"


def test_a_record_longer_than_any_is_flagged() -> None:
    data = b"\x17\x03\x03" + (MAX_BODY + 1).to_bytes(2, "big") + bytes(100)
    found = split(data)
    assert (found.stop, found.end, found.announced, found.present) == ("overflow", 0, MAX_BODY + 1, 100)
    longest = b"\x17\x03\x03" + MAX_BODY.to_bytes(2, "big") + bytes(MAX_BODY)
    assert split(longest).stop == ""


def test_an_sslv2_client_hello_with_a_header_of_two_and_of_three_bytes() -> None:
    found = split(SSLV2_HELLO + b"\x16\x03\x01\0\1x")
    assert [(r.content_type, r.version, r.offset, r.start, r.end) for r in found.records] == [
        (SSLV2, 0x0301, 0, 2, 48), (HANDSHAKE, 0x0301, 48, 53, 54),
    ]  # fmt: skip
    three = b"\x00\x2e\x00" + SSLV2_HELLO[2:]
    assert [(r.content_type, r.start, r.end) for r in split(three).records] == [(SSLV2, 3, 49)]
    assert looks_like_tls(SSLV2_HELLO)
    assert looks_like_tls(three)
    assert split(SSLV2_HELLO[:20])[1:] == (0, "incomplete", 46, 18)


def test_an_sslv2_server_answers_in_sslv2() -> None:
    hello = bytes.fromhex("8012 04 00 01 0002 0000 0003 0004") + b"\x07\x00\xc0" + b"conn"
    found = split(hello + b"\x80\x03\x02ab")
    assert [(r.content_type, r.version) for r in found.records] == [(SSLV2, 2), (SSLV2, 2)]
    assert split(b"\x80\x03\x00\x00\x01").records[0].version == 2  # ERROR: no cipher
    assert looks_like_tls(hello)


def test_tls_records_can_follow_an_sslv2_hello_that_offers_sslv2() -> None:
    hello = SSLV2_HELLO[:3] + b"\x00\x02" + SSLV2_HELLO[5:]
    tls = b"\x16\x03\x01\0\1x"
    assert [r.content_type for r in split(hello + tls).records] == [SSLV2, HANDSHAKE]
    assert split(hello + tls[:3])[1:3] == (48, "incomplete")


@pytest.mark.parametrize("data", [
    b"", b"\x16", b"\x16\x03", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 400", b"220 mail ready\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff\x01", b"\x16\x03\x05\x00\x40\x01", b"\x16\x04\x01\x00\x40\x01",
    b"\x16\x03\x01\x00\x40\x63\x00\x00\x3c", b"\x16\x03\x01\x00\x40\x01\x7f\x00\x3c", b"\x15\x03\x01\x00\x03\x02",
    b"\x15\x03\x01\x00\x02\x07", b"\x17\x03\x03\x00\x10" + bytes(16), b"\x14\x03\x03\x00\x01\x01", b"\x80\x2e\x01\x03\x01",
    b"\x16\x03\x01\x00\x04\x00\x00\x00\x01", b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", bytes(64), b"\xff" * 64,
])  # fmt: skip
def test_what_does_not_begin_with_tls(data: bytes) -> None:
    assert not looks_like_tls(data)


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01", b"\x16\x03\x01\x02", b"\x16\x03\x01\x02\x00\x01", b"\x15\x03\x01\x00\x02\x02\x28", b"\x15\x03\x03\x00\x02",
    b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
])  # fmt: skip
def test_what_does_as_far_as_it_can_be_seen(data: bytes) -> None:
    assert looks_like_tls(data)


def test_the_middle_of_a_connection() -> None:
    data = stream("full-tls13-go-go", "server")
    second = split(data).records[1].offset
    assert looks_like_records(data[second:])
    assert not looks_like_tls(data[second:])
    assert not looks_like_records(data[7:])
    assert not looks_like_records(b"GET / HTTP/1.1\r\n\r\n")
    assert looks_like_records(data[second : second + 3])


@given(st.binary(max_size=400), st.integers(0, 20))
def test_any_bytes(data: bytes, at: int) -> None:
    found = split(data, at)
    place = at
    for record in found.records:
        assert place == record.offset < record.start <= record.end <= len(data)
        place = record.end
    assert found.end == place
    assert found.stop or place >= len(data)
    looks_like_tls(data, at)
    looks_like_records(data, at)


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6))
def test_changed_streams(which: tuple[str, str], changes: list[tuple[int, int]]) -> None:
    data = bytearray(STREAMS[which])
    for place, byte in changes:
        data[place % len(data)] = byte
    found = split(bytes(data))
    assert found.end <= len(data)
    assert sum(r.end - r.offset for r in found.records) == found.end


@pytest.mark.parametrize("unit", [b"\x17\x03\x03\x00\x00", b"\x80\x00"])
def test_the_time_grows_with_the_length_only(unit: bytes) -> None:
    start = SSLV2_HELLO[:3] + b"\x00\x02" + SSLV2_HELLO[5:] if unit[0] & 0x80 else b""

    short, long = start + unit * 2_000, start + unit * 32_000
    assert seconds(lambda: split(long)) < 60 * seconds(lambda: split(short))  # 16 times as long; squared it would be 256
