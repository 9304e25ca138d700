"""One direction in order: whatever happened to the segments on their way, the bytes, frames and holes are told truly."""

from __future__ import annotations

import itertools
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.capture.tcp import ACK, FIN, PSH, Packet, Stream, position, stream, without_copies

BASES = st.sampled_from((0, 1000, 0xFFFFFFFF, 0xFFFFFF00, 0x7FFFFFFF, 0x80000000))


def packet(order: int, base: int, at: int, payload: bytes, *, length: int | None = None, flags: int = ACK | PSH, ident: int = 0) -> Packet:
    return (order, order * 1_000_000, flags, (base + at) & 0xFFFFFFFF, 0, 64, payload, len(payload) if length is None else length, ident)


def arranged(packets: list[Packet], base: int = 1000, signals: list[Packet] | None = None) -> Stream:
    return stream(packets, signals or [], base)


data_and_cuts = st.binary(min_size=1, max_size=300).flatmap(
    lambda data: st.tuples(st.just(data), st.lists(st.integers(1, max(len(data) - 1, 1)), max_size=20))
)


def segments(data: bytes, cuts: list[int]) -> list[tuple[int, bytes]]:
    edges = sorted({0, len(data), *[c for c in cuts if c < len(data)]})
    return [(a, data[a:b]) for a, b in itertools.pairwise(edges)]


@given(data_and_cuts, BASES)
def test_in_order_the_two_roads_agree(drawn: tuple[bytes, list[int]], base: int) -> None:
    data, cuts = drawn
    packets = [packet(i, base, at, part) for i, (at, part) in enumerate(segments(data, cuts), 1)]
    quick, careful = stream(packets, [], base, orderly=True), stream(packets, [], base)
    assert quick.data == careful.data == data
    assert quick.reach == careful.reach == len(data)
    for at in range(len(data)):
        assert quick.frame_at(at) == careful.frame_at(at)
    assert not careful.gaps
    assert not careful.repeated


@given(data_and_cuts, BASES, st.randoms(use_true_random=False))
def test_any_order_any_repetition_any_overlap_gives_the_same_bytes(drawn: tuple[bytes, list[int]], base: int, chance: random.Random) -> None:
    data, cuts = drawn
    parts = segments(data, cuts)
    more = []
    for _ in range(chance.randrange(6)):
        start = chance.randrange(len(data))
        more.append((start, data[start : start + chance.randrange(1, 80)]))
    parts += more + chance.sample(parts, chance.randrange(len(parts) + 1))
    chance.shuffle(parts)
    packets = [packet(i, base, at, part) for i, (at, part) in enumerate(parts, 1)]
    result = arranged(packets, base)
    assert result.pieces == [(0, data)]
    assert not result.gaps
    assert not result.contradiction
    for at in range(len(data)):
        bringers = [i for i, (start, part) in enumerate(parts, 1) if start <= at < start + len(part)]
        brought = result.frame_at(at)
        assert brought in bringers
    assert result.completing(0, len(data))[0] <= len(parts)


@given(data_and_cuts, BASES, st.randoms(use_true_random=False))
def test_what_is_lost_is_a_gap_and_nothing_else_is(drawn: tuple[bytes, list[int]], base: int, chance: random.Random) -> None:
    data, cuts = drawn
    parts = segments(data, cuts)
    kept = [part for part in parts if chance.random() < 0.6]
    chance.shuffle(kept)
    close = packet(99, base, len(data), b"", flags=FIN | ACK)
    result = arranged([packet(i, base, at, part) for i, (at, part) in enumerate(kept, 1)], base, [close])
    have = bytearray(len(data))
    for at, part in kept:
        have[at : at + len(part)] = b"\1" * len(part)
    shown = bytearray(len(data))
    for start, piece in result.pieces:
        assert data[start : start + len(piece)] == piece
        shown[start : start + len(piece)] = b"\1" * len(piece)
    assert shown == have
    assert sum(gap.length for gap in result.gaps) == have.count(0)
    assert result.reach == len(data)
    assert not result.contradiction


def test_first_copy_wins_and_a_contradiction_is_recorded() -> None:
    result = arranged([packet(1, 1000, 5, b"56789"), packet(2, 1000, 0, b"01234XXXXX"), packet(3, 1000, 10, b"ab")])
    assert result.pieces == [(0, b"0123456789ab")]
    assert result.contradiction
    assert result.repeated == 1
    assert [result.frame_at(i) for i in (0, 5, 10)] == [2, 1, 3]
    assert result.completing(0, 10)[0] == 2


def test_reordering_is_no_repetition() -> None:
    result = arranged([packet(1, 1000, 5, b"56789"), packet(2, 1000, 0, b"01234")])
    assert (result.data, result.repeated, result.contradiction) == (b"0123456789", 0, False)
    assert result.completing(0, 10)[0] == 2


def test_keep_alive_holds_no_data() -> None:
    result = arranged([packet(1, 1000, 0, b"abc"), packet(2, 1000, 2, b"\0"), packet(3, 1000, 3, b"def")])
    assert (result.data, result.contradiction, result.repeated) == (b"abcdef", False, 0)


def test_snap_length_cuts_are_gaps_of_their_own_kind() -> None:
    result = arranged([packet(1, 1000, 0, b"abc", length=10), packet(2, 1000, 10, b"klm", length=5), packet(3, 1000, 20, b"xyz")])
    assert result.snapped
    assert [(g.position, g.length, g.snapped) for g in result.gaps] == [(3, 7, True), (13, 7, True)]
    assert [start for start, _ in result.pieces] == [0, 10, 20]


def test_bytes_before_the_beginning_count_where_they_reach_into_it() -> None:
    result = arranged([packet(1, 1000, -3, b"xyzabc"), packet(2, 1000, -9, b"old")])
    assert result.pieces == [(0, b"abc")]


def test_nothing_but_a_fin_far_ahead_is_one_gap() -> None:
    result = arranged([], signals=[packet(1, 1000, 70, b"", flags=FIN | ACK)])
    assert result.pieces == []
    assert [(g.position, g.length) for g in result.gaps] == [(0, 70)]
    assert (result.data, result.end, result.recorded) == (b"", 0, 0)


@given(st.integers(0, 0xFFFFFFFF), st.integers(-(2**31), 2**31 - 1))
def test_positions_survive_the_wrap(base: int, at: int) -> None:
    assert position((base + at) & 0xFFFFFFFF, base) == at


def test_the_same_packet_twice_is_one_but_a_repetition_is_two() -> None:
    first = (1, 0, 24, 1000, 0, 64, b"abc", 3, 77)
    again = (2, 40_000, 24, 1000, 0, 63, b"abc", 3, 77)
    resent = (3, 40_000_000, 24, 1000, 0, 64, b"abc", 3, 78)
    assert without_copies([first, again, resent]) == ([first, resent], True)
    nameless = [(i, t, 24, 1000, 0, 64, b"abc", 3, -1) for i, t in ((1, 0), (2, 20_000), (3, 200_000_000))]
    assert without_copies(nameless) == ([nameless[0], nameless[2]], True)
    assert without_copies([first]) == ([first], False)


@settings(max_examples=1)
@given(st.just(4096))
def test_the_worst_order_costs_no_more_than_sorting(count: int) -> None:
    tiny = [packet(i, 0, (i * 2_654_435_761) % (2 * count), b"x") for i in range(count)]
    wide = [packet(count + i, 0, i, bytes(1400)) for i in range(count)]
    begun = time.process_time()
    arranged(tiny + wide, 0)
    assert time.process_time() - begun < 2
