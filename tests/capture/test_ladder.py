"""The events of one direction: messages, alerts, encrypted records, and what stands between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from segments import (
    CLIENT_FLIGHT,
    MODERN_CLIENT,
    MODERN_SERVER,
    SERVER_FINISH,
    alert,
    certificate,
    client_hello,
    message,
    record,
    server_flight,
    server_hello,
)

from whytls.capture.ladder import FIRST_ENCRYPTED, LAST_ENCRYPTED, Lane
from whytls.capture.tcp import ACK, PSH, Packet, stream
from whytls.model import Side
from whytls.wire.message import RETRY_RANDOM, Alert, EncryptedRecord, ForeignBytes, MalformedMessage

SSLV2_HELLO = bytes.fromhex("802e0103010015000000100100800300800600400200800700c00000050000040000ff") + bytes(13)


def packets(data: bytes, size: int = 1400, lost: tuple[int, ...] = (), snap: int | None = None) -> list[Packet]:
    return [
        (n, n * 1000, ACK | PSH, 1000 + at, 0, 64, data[at : at + size][:snap], len(data[at : at + size]), n)
        for n, at in enumerate(range(0, len(data), size), 1)
        if n not in lost
    ]


def lane(
    data: bytes, sender: Side = "server", *, size: int = 1400, lost: tuple[int, ...] = (), snap: int | None = None,
    midway: bool = False, version: int | None = None, at: int = 0,
) -> Lane:  # fmt: skip
    made = stream(packets(data, size, lost, snap), [], 1000)
    return Lane(sender, made, at, midway=midway, version=version)


def kinds(some: Lane) -> list[str]:
    return [e.kind for e in some.events]


def test_a_flight_in_the_clear_then_counted() -> None:
    read = lane(server_flight() + SERVER_FINISH + record(23, bytes(500)))
    assert kinds(read) == [
        "server-hello", "certificate", "server-key-exchange", "server-hello-done", "change-cipher-spec", "encrypted", "encrypted",
    ]  # fmt: skip
    assert (read.version, read.suite) == (0x0303, 0xC02F)
    assert read.chain is not None
    assert len(read.chain[0]) == 900
    assert [e.value for e in read.events[-2:]] == [EncryptedRecord(22, 40), EncryptedRecord(23, 500)]
    assert [e.length for e in read.events[-2:]] == [40, 500]


def test_a_message_has_the_frames_of_its_record() -> None:
    read = lane(server_hello() + certificate(3000), size=1000)
    hello, chain = read.events
    assert hello.frames == (1,)
    assert chain.frames == (1, 4)


@given(st.integers(1, 400), st.integers(1, 300))
def test_messages_split_over_records_and_records_over_segments(fragment: int, size: int) -> None:
    body = message(2, server_hello()[9:]) + message(11, certificate()[9:]) + message(14, b"")
    data = b"".join(record(22, body[at : at + fragment]) for at in range(0, len(body), fragment))
    read = lane(data, size=size)
    assert kinds(read) == ["server-hello", "certificate", "server-hello-done"]
    assert read.events[2].frame == -(-len(data) // size)
    assert read.events[0].frames[0] == 1


def test_several_messages_in_one_record() -> None:
    body = message(2, server_hello()[9:]) + message(11, certificate()[9:]) + message(14, b"")
    assert kinds(lane(record(22, body))) == ["server-hello", "certificate", "server-hello-done"]


def test_under_tls_13_type_23_is_the_flight_and_a_short_alert_is_plain() -> None:
    server = lane(MODERN_SERVER)
    assert kinds(server) == ["server-hello", "change-cipher-spec", *["encrypted"] * 4]
    client = lane(client_hello(modern=True) + record(20, b"\1") + alert(48), "client", version=0x0304)
    assert kinds(client) == ["client-hello", "change-cipher-spec", "alert"]
    assert client.events[-1].value == Alert(2, 48)
    assert kinds(lane(MODERN_CLIENT + record(23, bytes(19)), "client", version=0x0304))[1:] == ["encrypted", "encrypted"]


def test_under_tls_12_an_alert_behind_the_key_change_is_encrypted() -> None:
    read = lane(client_hello() + CLIENT_FLIGHT + record(21, bytes(26)), "client", version=0x0303)
    assert read.events[-1].value == EncryptedRecord(21, 26)
    assert kinds(lane(client_hello() + alert(0, 1), "client"))[-1] == "alert"


def test_a_retry_gives_two_hellos() -> None:
    extensions = bytes.fromhex("000c002b00020304003300020017")
    retry = message(2, b"\3\3" + RETRY_RANDOM + b"\0\x13\x01\0" + extensions)
    read = lane(record(22, retry) + record(20, b"\1") + server_hello(True))
    assert kinds(read) == ["hello-retry-request", "change-cipher-spec", "server-hello"]
    assert read.retry is not None
    assert read.retry.group == 0x17
    twice = lane(client_hello() + record(20, b"\1") + client_hello("second.test"), "client", version=0x0304)
    assert twice.client_hello is not None
    assert twice.retried_hello is not None
    assert twice.retried_hello.server_name == "second.test"


def test_sslv2_hello() -> None:
    read = lane(SSLV2_HELLO, "client")
    assert kinds(read) == ["client-hello"]
    assert read.client_hello is not None
    assert read.client_hello.sslv2


def test_foreign_bytes_are_quoted_and_counted() -> None:
    (event,) = lane(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 3000).events
    assert isinstance(event.value, ForeignBytes)
    assert event.value.head.startswith(b"HTTP/1.1 400")
    assert (len(event.value.head), event.value.length, event.frame) == (256, 3028, 1)
    assert kinds(lane(server_hello() + b"ERROR: no\r\n")) == ["server-hello", "foreign"]


def test_what_cannot_be_a_message_or_record_is_malformed() -> None:
    (event,) = lane(record(22, b"\x0b\xff\xff\xff" + bytes(50))).events
    assert isinstance(event.value, MalformedMessage)
    assert "16777215" in event.value.problem
    assert kinds(lane(server_hello() + b"\x16\3\3\xff\xff" + bytes(100))) == ["server-hello", "malformed"]
    assert kinds(lane(record(22, message(2, b"\3\3")))) == ["malformed"]


def test_the_first_and_last_of_many_encrypted_records_are_kept() -> None:
    data = server_hello(True) + b"".join(record(23, bytes(n + 20)) for n in range(100)) + alert(40)
    read = lane(data)
    lengths = [e.length for e in read.events if e.kind == "encrypted"]
    assert lengths == [*range(20, 20 + FIRST_ENCRYPTED), *range(120 - LAST_ENCRYPTED, 120)]
    assert kinds(read)[-1] == "alert"


def test_over_a_lost_packet_reading_goes_on_behind_the_record() -> None:
    data = server_hello() + certificate(5000) + record(22, message(14, b"")) + alert(40)
    read = lane(data, size=1000, lost=(3,))
    assert kinds(read) == ["server-hello", "certificate", "gap", "server-hello-done", "alert"]
    assert read.lost
    assert (read.events[1].value, read.chain) == (None, None)
    assert read.events[2].length == 1000


def test_a_packet_that_begins_with_records_is_where_reading_starts_again() -> None:
    data = client_hello() + certificate(1400 - len(client_hello()) - 15) + b"?" * 1400 + alert(48)
    read = lane(data, "client", lost=(1, 2))
    assert kinds(read)[-1] == "alert"
    assert read.events[-1].frame == 3
    assert read.lost


def test_the_snap_length_leaves_types_and_lengths() -> None:
    flight = [server_hello(), certificate(1000), record(22, message(14, b"")), alert(70)]
    made = []
    at = 0
    for n, part in enumerate(flight, 1):
        made.append((n, n, ACK, 1000 + at, 0, 64, part[:30], len(part), n))
        at += len(part)
    read = Lane("server", stream(made, [], 1000), 0)
    assert [e.kind for e in read.events if e.kind != "gap"] == ["server-hello", "certificate", "server-hello-done", "alert"]
    assert read.events[0].value is None
    assert read.events[-1].value == Alert(2, 70)


def test_four_bytes_of_a_record_still_tell_an_alert() -> None:
    made = [(1, 1, ACK, 1000, 0, 64, client_hello()[:4], 200, 1), (2, 2, ACK, 1200, 0, 64, alert(70)[:4], 7, 2)]
    read = Lane("client", stream(made, [], 1000), 0)
    assert [(e.kind, e.value) for e in read.events if e.kind != "gap"] == [("client-hello", None), ("alert", None)]


def test_the_middle_of_a_connection_is_not_foreign() -> None:
    read = lane(b"\x9a" * 700 + record(22, message(14, b"")) + b"", size=700, midway=True)
    assert kinds(read) == ["gap", "server-hello-done"]
    assert kinds(lane(b"\x9a" * 1000, midway=True)) == ["gap"]
    finished = lane(record(22, b"\x9a" * 40) + record(23, bytes(60)), midway=True)
    assert kinds(finished) == ["encrypted", "encrypted"]


def test_an_incomplete_record_shows_its_whole_messages() -> None:
    body = message(2, server_hello()[9:]) + message(11, certificate()[9:])
    assert kinds(lane(record(22, body)[:300])) == ["server-hello"]


@given(st.binary(max_size=400), st.integers(1, 100), st.booleans(), st.sets(st.integers(1, 5), max_size=3), st.integers(1, 60))
def test_anything_can_be_read(data: bytes, size: int, midway: bool, lost: set[int], snap: int) -> None:
    for prefix in (b"", server_hello(), server_flight()[:300], SSLV2_HELLO):
        read = lane(prefix + data, size=size, midway=midway, lost=tuple(lost), snap=snap)
        assert all(e.frame for e in read.events)


@given(st.integers(0, 1500), st.integers(0, 255), st.integers(1, 1400), st.booleans())
def test_flipped_bytes_raise_nothing(at: int, value: int, size: int, midway: bool) -> None:
    data = server_flight() + SERVER_FINISH
    lane(data[:at] + bytes([value]) + data[at + 1 :], size=size, midway=midway)
