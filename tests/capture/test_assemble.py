"""From packets to Handshakes: roles, order, facts of TCP; and that what happens to packets on the way changes nothing but certainty."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segments import (
    ACK,
    CLIENT_FLIGHT,
    FIN,
    MODERN_SERVER,
    RST,
    SERVER_FINISH,
    SYN,
    Recorded,
    Tape,
    alert,
    client_hello,
    record,
    server_flight,
)

from whytls.capture.recording import handshakes
from whytls.model import Handshake

Packets = list[tuple[int, bytes, int]]


def assembled(packets: Packets, link: int = 1, in_one_run: int = 50) -> list[Handshake]:
    found = handshakes(Recorded(packets, link=link, in_one_run=in_one_run), everything=True)
    return [item for item in found if isinstance(item, Handshake)]


def one(tape: Tape) -> Handshake:
    (handshake,) = assembled(tape.packets)
    return handshake


def refused() -> Tape:
    return Tape().open().client(client_hello()).server(alert(40)).close(1)


def complete() -> Tape:
    tape = Tape().open().client(client_hello()).server(server_flight(), 400).client(CLIENT_FLIGHT).server(SERVER_FINISH)
    return tape.client(record(23, bytes(200))).server(record(23, bytes(300))).close()


def modern_refusal() -> Tape:
    return Tape().open().client(client_hello(modern=True)).server(MODERN_SERVER, 700).client(record(20, b"\1") + alert(48)).close()


def test_a_refused_hello_from_end_to_end() -> None:
    told = one(refused())
    assert (str(told.client), str(told.server), told.sni) == ("10.0.0.1:40000", "10.0.0.2:443", "www.example.test")
    assert (told.shape, told.outcome, told.state) == ("OoCleE", "failed", "client-hello")
    assert [(e.kind, e.frame) for e in told.events] == [
        ("syn", 1), ("syn-ack", 2), ("client-hello", 4), ("alert", 6), ("fin", 8), ("fin", 9),
    ]  # fmt: skip
    assert told.coverage.start
    assert told.file == "1.pcap"
    facts = told.transport
    assert (facts.syn_seen, facts.syn_ack_seen, facts.syn_count, facts.client_syn_ttl, facts.server_syn_ttl) == (True, True, 1, 64, 57)
    assert (facts.client_acked, facts.client_bytes, facts.server_acked) == (len(client_hello()), len(client_hello()), 7)
    assert told.ended_at == told.events[-1].time


def test_a_whole_handshake() -> None:
    told = one(complete())
    assert (told.outcome, told.shape, told.state) == ("completed", "OoCsxknGIDidDdEe", "established")
    assert told.server_chain is not None
    assert (told.version, told.resumed) == (0x0303, False)


def test_tls_13_alert_in_the_clear() -> None:
    told = one(modern_refusal())
    assert (told.outcome, told.shape, told.version) == ("failed", "OoCsidILEe", 0x0304)


# ------------------------------------------------------------------ what happens to packets on their way


def outline(handshake: Handshake) -> tuple[object, ...]:
    """What must not change when all bytes survive."""
    values = [(e.kind, e.sender, e.value, e.length) for e in handshake.events if e.kind not in ("syn", "syn-ack", "fin", "rst")]
    by_side = {side: [v for v in values if v[1] == side] for side in ("client", "server")}
    return handshake.client, handshake.server, handshake.outcome, handshake.version, handshake.server_chain, by_side


def resegmented(packets: Packets, size: int) -> Packets:
    """The same bytes in smaller segments."""
    made: Packets = []
    for time, frame, length in packets:
        data = frame[54:]
        if len(data) <= size:
            made.append((time, frame, length))
            continue
        for at in range(0, len(data), size):
            part = data[at : at + size]
            seq = (int.from_bytes(frame[38:42], "big") + at & 0xFFFFFFFF).to_bytes(4, "big")
            total = (40 + len(part)).to_bytes(2, "big")
            head = frame[:16] + total + frame[18:38] + seq + frame[42:54]
            made.append((time + at, head + part, 54 + len(part)))
    return made


def doubled(packets: Packets, chance: random.Random) -> Packets:
    """Every packet twice, as on ``-i any``."""
    return [copy for t, f, n in packets for copy in ((t, f, n), (t + 20_000, f, n))]


def resent(packets: Packets, chance: random.Random) -> Packets:
    """Some packets again, later, with another IP identification."""
    made = []
    for t, f, n in packets:
        made.append((t, f, n))
        if chance.random() < 0.3 and len(f) > 54:
            made.append((t + 300_000_000, f[:18] + b"\xee\xee" + f[20:], n))
    return made


def swapped(packets: Packets, chance: random.Random) -> Packets:
    """Neighbours change places, behind the TCP handshake."""
    made = list(packets)
    for i in range(4, len(made) - 1):
        if chance.random() < 0.3:
            made[i], made[i + 1] = made[i + 1], made[i]
    return made


def overlapping(packets: Packets, chance: random.Random) -> Packets:
    """Some segments begin earlier than what is due, with the same bytes."""
    made = []
    before: dict[bytes, bytes] = {}
    for t, f, n in packets:
        way, data = f[26:38], f[54:]
        last = before.get(way, b"")
        back = min(len(last), chance.randrange(40))
        if data and back and chance.random() < 0.5:
            seq = (int.from_bytes(f[38:42], "big") - back & 0xFFFFFFFF).to_bytes(4, "big")
            total = (40 + back + len(data)).to_bytes(2, "big")
            f, n = f[:16] + total + f[18:38] + seq + f[42:54] + last[-back:] + data, n + back
        if data:
            before[way] = data
        made.append((t, f, n))
    return made


CHANGES: list[Callable[[Packets, random.Random], Packets]] = [overlapping, resent, doubled, swapped]  # applied in this order
TALES = [refused, complete, modern_refusal]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(TALES), st.sets(st.integers(0, 3)), st.integers(1, 1400), st.randoms(use_true_random=False))
def test_where_all_bytes_survive_the_handshake_is_the_same(
    tale: Callable[[], Tape], changes: set[int], size: int, chance: random.Random
) -> None:
    packets = resegmented(tale().packets, max(size, 20))
    for number in sorted(changes):
        packets = CHANGES[number](packets, chance)
    (told,) = assembled(packets, in_one_run=chance.randrange(1, 60))
    assert outline(told) == outline(one(tale()))
    assert not told.coverage.client_gap
    assert not told.coverage.server_gap


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TALES), st.sampled_from((0xFFFFFFFF, 0xFFFFFF80, 0x7FFFFF80, 0)))
def test_sequence_numbers_wrap(tale: Callable[[], Tape], start: int) -> None:
    made = tale()
    moved: Packets = []
    for t, f, n in made.packets:
        ways = 1000 if f[26:30] == bytes((10, 0, 0, 1)) else 9000
        seq = (int.from_bytes(f[38:42], "big") - ways + start) & 0xFFFFFFFF
        ack = (int.from_bytes(f[42:46], "big") - (10000 - ways) + start) & 0xFFFFFFFF if f[47] & ACK else 0
        moved.append((t, f[:38] + seq.to_bytes(4, "big") + ack.to_bytes(4, "big") + f[46:], n))
    (told,) = assembled(moved)
    assert outline(told) == outline(one(tale()))
    assert told.transport.client_acked == one(tale()).transport.client_acked


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(TALES), st.sets(st.integers(0, 30), max_size=6), st.integers(1, 800))
def test_lost_packets_never_turn_a_success_into_an_alert(tale: Callable[[], Tape], lost: set[int], size: int) -> None:
    packets = [p for i, p in enumerate(resegmented(tale().packets, max(size, 40))) if i not in lost]
    whole = one(tale())
    alerts = {(e.sender, e.value) for e in whole.events if e.kind == "alert"}
    for told in assembled(packets):
        assert {(e.sender, e.value) for e in told.events if e.kind == "alert" and e.value is not None} <= alerts
        assert not any(e.kind == "foreign" for e in told.events)
        if whole.outcome == "completed" and told.outcome == "failed":
            assert told.coverage.client_gap or told.coverage.server_gap or not told.coverage.start


# ------------------------------------------------------------------ facts of TCP


def test_packets_recorded_twice_are_no_retransmissions() -> None:
    (told,) = assembled(doubled(complete().packets, random.Random(1)))
    assert told.transport.duplicated
    assert (told.transport.client_retransmissions, told.transport.server_retransmissions, told.transport.syn_count) == (0, 0, 1)
    assert [e.kind for e in told.events].count("fin") == 2


def test_a_hello_that_never_arrives() -> None:
    tape = Tape().open()
    for _ in range(3):
        tape.send(0, client_hello(), seq=1001).wait(0.4)
    tape.send(1, flags=FIN | ACK)
    told = one(tape)
    assert told.transport.client_retransmissions == 2
    assert told.transport.client_acked == 0
    assert told.transport.largest_unacknowledged == len(client_hello())


def test_a_large_hello_of_which_only_the_first_packet_comes() -> None:
    tape = Tape().open().send(0, client_hello()[:50]).send(1, flags=ACK).tail(11)
    told = one(tape)
    assert (told.shape, told.client_hello, told.outcome, told.coverage.client_gap) == ("OoC", None, "failed", True)


def test_a_reset_that_does_not_fit_its_sender() -> None:
    tape = Tape().open().client(client_hello())
    forged = one(tape.send(1, flags=RST, ttl=113))
    assert forged.transport.foreign_reset
    assert "TTL is 113" in forged.transport.foreign_reset_reason
    honest = one(Tape().open().client(client_hello()).send(1, flags=RST | ACK))
    assert not honest.transport.foreign_reset
    late = Tape().open().client(client_hello()).send(1, flags=RST, seq=9001).server(server_flight())
    assert "went on sending" in one(late).transport.foreign_reset_reason
    far = Tape().open().client(client_hello()).send(1, flags=RST, seq=9001 + (1 << 30))
    assert "window" in one(far).transport.foreign_reset_reason


def test_a_close_says_whether_the_hello_had_come() -> None:
    under_way = Tape().open().send(0, client_hello(), seq=1001)
    for flags, unread in ((FIN | ACK, True), (RST | ACK, True), (RST, False)):
        told = one(Tape().open().send(0, client_hello(), seq=1001).send(1, flags=flags))
        assert told.transport.closed_unread is unread, flags
    after = one(under_way.send(1, flags=FIN | ACK).send(0, flags=ACK).send(1, flags=RST, seq=9002))
    assert after.transport.closed_unread, "what a closed port says later takes nothing away"
    for flags in (FIN | ACK, RST | ACK):
        assert not one(Tape().open().client(client_hello()).send(1, flags=flags)).transport.closed_unread
    half = Tape().open().send(0, client_hello()[:50]).send(0, client_hello()[50:], seq=1051)
    assert not one(half.send(1, flags=RST | ACK)).transport.closed_unread, "one byte that came is enough to decide by"


def test_whether_the_first_end_was_heard() -> None:
    waited = Tape().open().client(client_hello()).wait(12).send(0, flags=FIN | ACK)
    assert not one(waited).transport.end_acked
    assert one(waited.send(1, flags=ACK)).transport.end_acked
    assert one(Tape().open().client(client_hello()).server(alert(40)).close(1)).transport.end_acked
    assert one(Tape().open().send(1, flags=FIN | ACK).send(0, flags=ACK)).transport.end_acked
    assert not one(Tape().open().client(client_hello()).send(1, flags=RST | ACK)).transport.end_acked


def test_a_contradiction_is_said() -> None:
    tape = Tape().open().client(client_hello()).server(alert(40)).send(1, alert(48), seq=9001)
    told = one(tape)
    assert told.coverage.contradiction
    assert [e.value.description for e in told.events if e.kind == "alert"] == [40]  # type: ignore[union-attr]


def test_refused_unanswered_and_closed_at_once() -> None:
    assert one(Tape().send(0, flags=SYN).send(1, flags=RST | ACK)).outcome == "failed"
    assert one(Tape().send(0, flags=SYN).tail(11)).outcome == "failed"
    assert assembled(Tape().send(0, flags=SYN).tail(3).packets) == []
    assert one(Tape().open().send(1, flags=FIN | ACK)).outcome == "failed"


@pytest.mark.parametrize("leaves", [Tape().open().close(), Tape().open().send(0, flags=RST), Tape().open().wait(20).close(1), Tape().open()])
def test_a_connection_that_nobody_uses_is_none_of_ours(leaves: Tape) -> None:
    assert assembled(leaves.tail(1).packets) == []


def test_roles_follow_the_hello_not_the_connection() -> None:
    tape = Tape().open().server(client_hello()).client(server_flight()).server(alert(48)).close()
    told = one(tape)
    assert (told.client.port, told.server.port, told.transport.initiator) == (443, 40000, "server")
    assert told.transport.syn_seen
    assert told.events[-3].sender == "client"


def test_a_recording_that_begins_in_the_middle() -> None:
    tape = Tape().server(server_flight()).client(alert(48)).close()
    told = one(tape)
    assert (told.client.port, told.outcome, told.coverage.start) == (40000, "failed", False)
    only = one(Tape().server(alert(40)))
    assert (only.client.port, only.outcome) == (40000, "failed")
    assert assembled(Tape().server(record(21, bytes(26))).close(1).packets) == []
    assert assembled(Tape().client(record(23, bytes(90))).server(record(23, bytes(90))).packets) == []


def test_one_direction_only() -> None:
    client_only = [p for p in complete().packets if p[1][26:30] == bytes((10, 0, 0, 1))]
    (told,) = assembled(client_only)
    assert (told.coverage.client, told.coverage.server) == (True, False)
    assert told.outcome == "unfinished"
    server_only = [p for p in refused().packets if p[1][26:30] == bytes((10, 0, 0, 2))]
    (told,) = assembled(server_only)
    assert (told.client.port, told.outcome, told.coverage.client) == (40000, "failed", False)


def test_plain_http_on_a_tls_port() -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    words = b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port"
    for tape, shape in (
        (Tape().open().client(request).server(words).close(1), "OoPpeE"),
        (Tape().open().client(request).server(alert(70)).close(1), "OoPleE"),
        (Tape().open().client(request).close(1), "OoPeE"),
        (Tape().open().client(request).send(1, flags=RST | ACK), "OoPb"),
    ):
        told = one(tape)
        assert (told.shape.replace("Q", "P").replace("q", "p"), told.outcome) == (shape, "failed")
    assert assembled(Tape().open().client(request).close(0).packets) == []


def test_a_prelude_is_named_and_tls_behind_it_read() -> None:
    tape = Tape().open().server(b"220 mail\r\n").client(b"EHLO me\r\n").server(b"250 STARTTLS\r\n").client(b"STARTTLS\r\n").server(b"220 go\r\n")
    told = one(tape.client(client_hello()).server(alert(40)).close(1))
    assert told.prelude is not None
    assert (told.prelude.kind, told.prelude.frames, told.shape) == ("smtp", (4, 6, 10, 12), "OoCleE")
    no = Tape().open().server(b"220 mail\r\n").client(b"STARTTLS\r\n").server(b"454 no\r\n").close()
    told = one(no)
    assert told.prelude is not None
    assert (told.prelude.refusal, told.outcome) == ("454 no", "failed")


def test_tls_behind_a_dialect_that_nobody_knows() -> None:
    tape = Tape().open().client(b"\3\0\0\x13\x0e\xe0" + bytes(13)).server(b"\3\0\0\x13\x0e\xd0" + bytes(13))
    told = one(tape.client(client_hello()).server(alert(40)).close(1))
    assert (told.outcome, told.coverage.start, told.events[0].frame) == ("failed", True, 8)
    proxied = Tape().open().client(b"GET http://x/ HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\n\r\n")
    proxied.client(b"CONNECT a:443 HTTP/1.1\r\n\r\n").server(b"HTTP/1.1 200 OK\r\n\r\n").client(client_hello()).server(alert(40))
    told = one(proxied)
    assert told.prelude is not None
    assert (told.prelude.target, told.outcome) == ("a:443", "failed")


def test_snapped_packets_are_said_to_be() -> None:
    packets = [(t, f[:80], n) for t, f, n in refused().packets]
    (told,) = assembled(packets)
    assert told.coverage.snapped
    assert told.outcome == "failed"
    assert told.client_hello is None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 20), st.integers(0, 400), st.binary(max_size=12), st.booleans())
def test_damaged_packets_raise_nothing(which: int, at: int, put: bytes, shorter: bool) -> None:
    packets = complete().packets
    time, frame, length = packets[which % len(packets)]
    frame = frame[:at] if shorter else frame[:at] + put + frame[at + len(put) :]
    packets[which % len(packets)] = time, frame, length
    assembled(packets)
