"""A recording from packets to Handshakes: what is yielded, what is only counted, and where it stands."""

from __future__ import annotations

import gc

import pytest
from segments import (
    CLIENT_FLIGHT,
    MODERN_CLIENT,
    MODERN_SERVER,
    SERVER_FINISH,
    Recorded,
    Tape,
    alert,
    client_hello,
    record,
    server_flight,
)

from whytls.capture import glance
from whytls.capture.assemble import Reading
from whytls.capture.glance import MOST_OF_A_SERVER, plainly_completed
from whytls.capture.recording import Tally, handshakes
from whytls.capture.sieve import Sieve
from whytls.model import Handshake, Met, Seen

Item = Handshake | Seen


def finished(port: int = 40000, name: str = "www.example.test", server: str = "10.0.0.2") -> Tape:
    tape = Tape(client=("10.0.0.1", port), server=(server, 443)).open()
    return tape.client(client_hello(name)).server(server_flight()).client(CLIENT_FLIGHT).server(SERVER_FINISH)


def talked(port: int = 40000, name: str = "www.example.test", server: str = "10.0.0.2") -> Tape:
    return finished(port, name, server).client(record(23, bytes(200))).server(record(23, bytes(6000))).close()


def modern(port: int = 40000) -> Tape:
    tape = Tape(client=("10.0.0.1", port)).open().client(client_hello(modern=True)).server(MODERN_SERVER).client(MODERN_CLIENT)
    return tape.server(record(23, bytes(250)))


def refused(port: int = 41000) -> Tape:
    return Tape(client=("10.0.0.1", port)).open().client(client_hello()).server(alert(40)).close(1)


def run(*tapes: Tape, everything: bool = False) -> tuple[list[Item], Tally]:
    tally = Tally()
    packets = [p for tape in tapes for p in tape.packets]
    return list(handshakes(Recorded(packets), everything=everything, tally=tally)), tally


def test_failures_are_handshakes_and_what_went_well_is_seen_once() -> None:
    items, tally = run(*[talked(40000 + n) for n in range(5)], refused())
    assert [type(i) for i in items] == [Seen, Handshake]
    assert (tally.handshakes, tally.completed, tally.failed, tally.unfinished, tally.flows) == (6, 5, 1, 0, 6)
    seen = items[0]
    assert isinstance(seen, Seen)
    assert (seen.sni, seen.version, seen.cipher_suite, seen.group, seen.outcome) == ("www.example.test", 0x0303, 0xC02F, 0x1D, "completed")
    assert seen.chain is not None
    assert (seen.offered_suites, seen.offered_groups, seen.offered_versions[0]) == ((0xC02F, 0x1301), (0x1D, 0x17), 0x0303)
    assert (seen.frame, seen.file) == (1, "1.pcap")


def test_another_name_or_server_is_something_new() -> None:
    newer = modern(5).client(record(23, bytes(300))).server(record(23, bytes(9000))).close()
    items, _ = run(talked(1), talked(2, "other.example.test"), talked(3, server="10.0.0.3"), talked(4), newer)
    assert [(i.sni, str(i.server), i.version) for i in items if isinstance(i, Seen)] == [
        ("www.example.test", "10.0.0.2:443", 0x0303),
        ("other.example.test", "10.0.0.2:443", 0x0303),
        ("www.example.test", "10.0.0.3:443", 0x0303),
        ("www.example.test", "10.0.0.2:443", 0x0304),
    ]


def test_everything_makes_handshakes_of_all() -> None:
    items, tally = run(talked(), refused(), everything=True)
    assert [i.outcome for i in items if isinstance(i, Handshake)] == ["completed", "failed"]
    assert tally.completed == 1


@pytest.mark.parametrize(
    "tape",
    [
        finished().client(record(21, bytes(26))).close(),
        finished().client(record(23, bytes(200))).server(record(23, bytes(400))).close(1),
        modern().client(record(23, bytes(90))).server(record(23, bytes(400)) + record(23, bytes(19))).close(1),
        modern().client(record(23, bytes(19))).close(),
    ],
)
def test_what_was_over_early_is_given_in_full(tape: Tape) -> None:
    (item,), _ = run(tape)
    assert isinstance(item, Handshake)
    assert item.outcome == "completed"


def test_a_short_answer_to_a_client_that_was_asked_for_a_certificate_is_given_in_full() -> None:
    request = record(22, b"\x0d\0\0\x0a\1\1\0\4\4\1\4\3\0\0")
    empty = record(22, b"\x0b\0\0\3\0\0\0")
    flight = server_flight()
    done = record(22, b"\x0e\0\0\0")
    tape = Tape().open().client(client_hello()).server(flight[: -len(done)] + request + done)
    tape.client(empty + CLIENT_FLIGHT).server(SERVER_FINISH).client(record(23, bytes(90))).server(record(23, bytes(400)))
    (item,), _ = run(tape.close())
    assert isinstance(item, Handshake)
    assert (item.outcome, item.client_chain) == ("completed", ())
    assert item.certificate_request is not None
    asked = Tape().open().client(client_hello(modern=True)).server(MODERN_SERVER)
    asked.client(record(20, b"\1") + record(23, bytes(25)) + record(23, bytes(53)))
    asked.client(record(23, bytes(84))).server(record(23, bytes(282)) * 2).server(record(23, bytes(406))).close()
    (item,), _ = run(asked)
    assert isinstance(item, Handshake)


def test_what_is_no_tls_is_counted() -> None:
    ssh = Tape().open().client(b"SSH-2.0-a\r\n").server(b"SSH-2.0-b\r\n").close()
    mail = Tape(client=("10.0.0.1", 2)).open().server(b"220 x\r\n").client(b"EHLO me\r\n").server(b"250 y\r\n").close()
    items, tally = run(ssh, mail)
    assert (items, tally.flows, tally.not_tls, tally.handshakes, tally.packets) == ([], 2, 2, 0, len(ssh.packets) + len(mail.packets))
    assert tally.bytes == sum(len(f) for _, f, _ in ssh.packets + mail.packets)


def test_failures_come_while_the_recording_still_runs() -> None:
    source = Recorded(refused().tail(2).tail(1).packets + talked().packets, in_one_run=1)
    usual = gc.get_threshold()
    running = handshakes(source)
    first = next(running)
    assert isinstance(first, Handshake)
    assert gc.get_threshold() != usual
    running.close()
    assert gc.get_threshold() == usual


def test_frames_are_those_of_their_file() -> None:
    packets = talked().packets + refused().packets
    cut = len(talked().packets) + 3
    items = list(handshakes(Recorded(packets[:cut], packets[cut:])))
    told = items[-1]
    assert isinstance(told, Handshake)
    assert [(e.kind, e.file, e.frame) for e in told.events][1:4] == [
        ("syn-ack", "1.pcap", cut - 1), ("client-hello", "2.pcap", 1), ("alert", "2.pcap", 3),
    ]  # fmt: skip
    assert told.file == "1.pcap"


def test_what_is_kept_of_a_server_is_bounded() -> None:
    items, tally = run(*[talked(1000 + n, f"host{n}.example.test") for n in range(MOST_OF_A_SERVER + 20)])
    assert len(items) == MOST_OF_A_SERVER
    assert tally.completed == MOST_OF_A_SERVER + 20


def test_the_same_pair_is_passed_on_again_after_a_minute() -> None:
    later = talked(2)
    later.packets = [(t + 61_000_000_000, f, n) for t, f, n in later.packets]
    items, _ = run(talked(1), talked(3), later)
    assert [i.started_at - items[0].started_at for i in items] == [0, 61_000_000_000]
    assert isinstance(items[0], Seen)
    assert items[0].ended_at > items[0].started_at
    assert isinstance(items[1], Met)  # nothing new about the server: who met whom is all


def test_books_of_many_servers_and_clients_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "MOST_SERVERS", 8)
    monkeypatch.setattr(glance, "MOST_CLIENTS", 8)
    monkeypatch.setattr(glance, "MOST_OF_A_CLIENT", 4)
    book = glance.Book()
    for number in range(40):
        sieve = Sieve()
        for file, part in Recorded(talked(server=f"10.0.1.{number}").packets).runs():
            sieve.feed(file, part)
        sieve.finish()
        reading = Reading(sieve.decided[0])
        client, server = glance.ends_of(reading)
        assert book.is_new(reading, server)
        assert book.is_new_pair(client, server, reading.begun) == (number < 4)
        assert len(book._servers) <= 8
        assert max(map(len, book._clients.values())) <= 4


def test_quic_is_named() -> None:
    initial = b"\xc3\0\0\0\1\x08" + bytes(8) + b"\0\0\x44\xd0" + bytes(1200)
    udp = b"\xc3\x50\x01\xbb" + (8 + len(initial)).to_bytes(2, "big") + b"\0\0" + initial
    ip = b"\x45\0" + (20 + len(udp)).to_bytes(2, "big") + b"\0\1\0\0\x40\x11\0\0" + bytes((10, 0, 0, 1, 10, 0, 0, 2))
    frame = bytes(12) + b"\x08\0" + ip + udp
    (item,) = handshakes(Recorded([(5, frame, len(frame))]))
    assert isinstance(item, Handshake)
    assert (item.protocol, item.outcome, str(item.server), item.started_at) == ("quic", "unfinished", "10.0.0.2:443", 5)


def test_a_glance_never_says_completed_where_the_long_road_says_failed() -> None:
    tapes = [
        talked(), modern(), refused(), finished(), modern().server(record(23, bytes(19))).close(1),
        Tape().open().client(client_hello()).server(server_flight()).client(record(20, b"\1") + alert(48) + bytes(6000)).server(bytes(6000)),
        Tape().open().client(client_hello(modern=True)).server(MODERN_SERVER).client(record(20, b"\1") + record(23, bytes(19))).server(
            record(23, bytes(6000))
        ),
    ]  # fmt: skip
    for tape in tapes:
        sieve = Sieve()
        for file, part in Recorded(tape.packets).runs():
            sieve.feed(file, part)
        sieve.finish()
        reading = Reading(sieve.decided[0])
        glance = plainly_completed(reading)
        told = reading.handshake(sieve.numbering)
        assert told is not None
        assert not glance or told.outcome == "completed"
