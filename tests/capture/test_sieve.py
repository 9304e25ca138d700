"""The sieve keeps handshakes and forgets the rest, in bounded memory."""

from __future__ import annotations

import struct

import pytest
from segments import ACK, CLIENT_FLIGHT, FIN, RST, SECOND, SERVER_FINISH, SYN, Recorded, Tape, client_hello, record, run_of, server_flight

from whytls.capture import sieve as module
from whytls.capture.sieve import Flow, Numbering, Sieve
from whytls.capture.tcp import ORDER, PAYLOAD


def sieved(*files: list[tuple[int, bytes, int]], link: int = 1, in_one_run: int = 50) -> Sieve:
    sieve = Sieve()
    for file, run in Recorded(*files, link=link, in_one_run=in_one_run).runs():
        sieve.feed(file, run)
    sieve.finish()
    return sieve


def one(sieve: Sieve) -> Flow:
    assert len(sieve.decided) == 1
    return sieve.decided[0]


def payload(flow: Flow, side: int) -> bytes:
    return b"".join(p[PAYLOAD] for p in (flow.first, flow.second)[side].packets)


def whole() -> Tape:
    return Tape().open().client(client_hello()).server(server_flight()).client(CLIENT_FLIGHT).server(SERVER_FINISH)


def test_a_handshake_is_kept_whole_and_in_order() -> None:
    flow = one(sieved(whole().close().packets))
    assert payload(flow, 0) == client_hello() + CLIENT_FLIGHT
    assert payload(flow, 1) == server_flight() + SERVER_FINISH
    assert flow.first.orderly
    assert flow.second.orderly
    assert [p[ORDER] for p in flow.first.signals] == [1, 12]


def test_bulk_data_is_forgotten_and_a_new_connection_on_its_ports_is_not() -> None:
    tape = whole().client(record(23, bytes(100)))
    for _ in range(40):
        tape.server(record(23, bytes(8000)))
    again = Tape(start=(777_000, 5)).open().client(client_hello("again.example.test"))
    again.packets = [(t + 100 * SECOND, frame, n) for t, frame, n in again.packets]
    sieve = sieved(tape.packets + again.packets)
    first, second = sieve.decided
    assert len(payload(first, 1)) <= module.LIMIT + 9000
    assert b"again" in payload(second, 0)
    assert sieve.flows == 2


def test_a_repeated_syn_opens_no_second_flow() -> None:
    tape = Tape().send(0, flags=SYN, seq=999).send(0, flags=SYN, seq=999)
    tape.next = [999, 9000]
    tape.open().client(client_hello())
    assert len(one(sieved(tape.packets)).first.signals) == 3


@pytest.mark.parametrize("said", [(b"SSH-2.0-client\r\n", b"SSH-2.0-server\r\n"), (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")])
def test_what_is_not_tls_is_forgotten_once_both_have_spoken(said: tuple[bytes, bytes]) -> None:
    sieve = sieved(Tape().open().client(said[0]).server(said[1]).client(b"more").close().packets)
    assert (sieve.decided, sieve.dropped, sieve.flows, sieve.held) == ([], 1, 1, 0)


def test_a_monologue_is_forgotten() -> None:
    sieve = sieved(Tape().open().client(b"\0\1\2\3" * 20_000).packets)
    assert (sieve.decided, sieve.dropped) == ([], 1)


def test_plain_text_on_a_tls_port_is_kept() -> None:
    tape = Tape().open().client(b"GET / HTTP/1.0\r\n\r\n").server(b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port")
    assert one(sieved(tape.packets)).first.kind == 0
    assert one(sieved(Tape().open().client(b"GET / HTTP/1.0\r\n\r\n").server(b"\x15\3\1\0\2\2\x46").packets)).second.kind == 2


def test_the_middle_of_a_connection_opens_a_flow_only_with_tls() -> None:
    assert sieved(Tape().client(b"\x17\3\3\0\5hello").server(b"anything at all").packets).flows == 0
    flow = one(sieved(Tape().client(b"\x17\3\3\0\5hello").server(b"\x15\3\3\0\2\2\x28").packets))
    assert flow.midway
    assert payload(flow, 0) == b"\x15\3\3\0\2\2\x28"


def test_an_alert_behind_a_reset_is_kept_and_the_flow_handed_over_soon() -> None:
    tape = Tape().open().client(client_hello()).send(1, flags=RST | ACK).server(b"\x15\3\3\0\2\2\x28").tail(3).tail(1)
    sieve = Sieve()
    for file, run in Recorded(tape.packets, in_one_run=1).runs():
        sieve.feed(file, run)
        if sieve.decided:
            break
    assert payload(one(sieve), 1) == b"\x15\3\3\0\2\2\x28"


def test_idle_flows_are_handed_over() -> None:
    sieve = Sieve()
    for file, run in Recorded(Tape().open().client(client_hello()).tail(121).packets, in_one_run=1).runs():
        sieve.feed(file, run)
    assert one(sieve).until - one(sieve).last_time > 120 * SECOND


def test_far_segments_are_passed_over_and_too_many_give_the_flow_up() -> None:
    tape = Tape().open().client(client_hello())
    for _ in range(3):
        tape.send(1, b"\x16" * 100, seq=9001 + 500_000)
    flow = one(sieved(tape.server(server_flight()).packets))
    assert payload(flow, 1) == server_flight()
    for _ in range(20):
        tape.send(1, b"\x16" * 100, seq=9001 + 500_000)
    sieve = Sieve()
    for file, run in Recorded(tape.packets).runs():
        sieve.feed(file, run)
    assert len(sieve.decided) == 1


def test_memory_is_bounded_and_what_gives_way_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET", 200_000)
    sieve, marked = Sieve(), 0
    for number in range(300):
        tape = Tape(client=("10.0.0.1", 1024 + number)).open().client(client_hello() + bytes(3000))
        for file, run in Recorded(tape.packets).runs():
            sieve.feed("all.pcap", run)
            assert file
        assert sieve.held < 220_000
        marked += sum(flow.evicted for flow in sieve.decided)
        sieve.decided = []
    assert marked > 200
    sieve.finish()
    assert sieve.held == 0


def test_a_syn_flood_stays_in_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FLOWS", 100)
    monkeypatch.setattr(module, "MAX_TOMBSTONES", 300)
    sieve = Sieve()
    for number in range(2000):
        sieve.feed("flood.pcap", run_of(Tape(client=("10.0.0.1", 1024 + number)).send(0, flags=SYN).packets))
        assert len(sieve.live) <= 202
        assert len(sieve.done) <= 302
        sieve.decided = []


def test_fin_of_both_sides_ends_a_flow_after_a_moment() -> None:
    sieve = Sieve()
    for file, run in Recorded(whole().close().tail(2).packets, in_one_run=1).runs():
        sieve.feed(file, run)
    assert len(sieve.decided) == 1
    assert not sieve.live


def test_vlan_cooked_and_raw_frames_are_read() -> None:
    packets = whole().packets
    tagged = [(t, f[:12] + b"\x81\0\0\5" + b"\x88\xa8\0\6" + f[12:], n + 8) for t, f, n in packets]
    cooked = [(t, bytes(14) + f[12:], n + 2) for t, f, n in packets]
    cooked2 = [(t, b"\x08\0" + bytes(18) + f[14:], n + 6) for t, f, n in packets]
    raw = [(t, f[14:], n - 14) for t, f, n in packets]
    for frames, link in ((tagged, 1), (cooked, 113), (cooked2, 276), (raw, 101)):
        assert payload(one(sieved(frames, link=link)), 1) == server_flight() + SERVER_FINISH


def test_ipv6_with_and_without_extension_headers() -> None:
    source, target = b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\2"
    for extra in (b"", b"\6\0" + bytes(6)):
        packets = []
        for time, frame, length in whole().packets:
            tcp = extra + frame[34:]
            ends = source + target if frame[26:30] == bytes((10, 0, 0, 1)) else target + source
            ip = struct.pack(">IHBB", 0x60000000, len(tcp), 0 if extra else 6, 61) + ends
            packets.append((time, bytes(12) + b"\x86\xdd" + ip + tcp, length + 20 + len(extra)))
        flow = one(sieved(packets))
        assert payload(flow, 1) == server_flight() + SERVER_FINISH
        assert flow.first.packets[0][5] == 61


def test_fragments_and_loopback_headers_are_read_too() -> None:
    packets = []
    for time, frame, length in whole().packets:
        head, data = frame[14:34], frame[34:]
        if len(data) > 400:
            first = head[:2] + struct.pack(">HHH", 20 + 400, 7, 0x2000) + head[8:]
            rest = head[:2] + struct.pack(">HHH", 20 + len(data) - 400, 7, 50) + head[8:]
            packets += [(time, b"\2\0\0\0" + first + data[:400], 424), (time, b"\2\0\0\0" + rest + data[400:], length - 400)]
        else:
            packets.append((time, b"\2\0\0\0" + head + data, length - 10))
    assert len(packets) > len(whole().packets)
    flow = one(sieved(packets, link=0))
    assert payload(flow, 1) == server_flight() + SERVER_FINISH


def test_ip_options_and_ethernet_padding_do_not_matter() -> None:
    packets = []
    for time, frame, length in whole().packets:
        ip = frame[14:]
        total = struct.unpack_from(">H", ip, 2)[0] + 4
        longer = b"\x46" + ip[1:2] + struct.pack(">H", total) + ip[4:20] + b"\1\1\1\0" + ip[20:]
        packets.append((time, frame[:14] + longer + bytes(9), length + 13))
    assert payload(one(sieved(packets)), 0) == client_hello() + CLIENT_FLIGHT


def test_unreachable_is_noted_with_the_syn_it_is_about() -> None:
    tape = Tape().send(0, flags=SYN)
    inner = tape.packets[0][1][14:42]
    message = b"\x03\x01" + bytes(6) + inner
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(message), 9, 0, 60, 1, 0) + bytes((10, 0, 0, 254)) + bytes((10, 0, 0, 1))
    tape.packets.append((tape.clock, bytes(12) + b"\x08\0" + ip + message, 14 + len(ip) + len(message)))
    assert [p[2] for p in one(sieved(tape.packets)).second.signals] == [0x1000]


def test_quic_is_named_once() -> None:
    initial = b"\xc3\0\0\0\1\x08" + bytes(8) + b"\0\0\x44\xd0" + bytes(1200)
    udp = struct.pack(">HHHH", 50000, 443, 8 + len(initial), 0) + initial
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + bytes((10, 0, 0, 1)) + bytes((10, 0, 0, 2))
    frame = bytes(12) + b"\x08\0" + ip + udp
    sieve = sieved([(1, frame, len(frame))] * 3)
    assert [(d.protocol, d.order) for d in sieve.datagrams] == [("quic", 1)]


def test_numbering_tells_file_and_frame() -> None:
    numbering = Numbering()
    assert numbering.place(3) == ("", 3)
    numbering.begin("a.pcap", 0)
    assert numbering.single
    numbering.begin("b.pcap", 10)
    numbering.begin("empty.pcap", 25)
    numbering.begin("c.pcap", 25)
    assert [numbering.place(n) for n in (1, 10, 11, 25, 26)] == [
        ("a.pcap", 1), ("a.pcap", 10), ("b.pcap", 1), ("b.pcap", 15), ("c.pcap", 1),
    ]  # fmt: skip


def test_a_flow_over_two_files_is_one() -> None:
    packets = whole().close().packets
    sieve = sieved(packets[:5], packets[5:])
    flow = one(sieved(packets[:5], packets[5:]))
    assert payload(flow, 1) == server_flight() + SERVER_FINISH
    last = flow.second.signals[-1][ORDER]
    assert sieve.numbering.place(last) == ("2.pcap", last - 5)


def test_damaged_headers_are_passed_over() -> None:
    frame = Tape().send(0, flags=SYN | FIN).packets[0][1]
    cut = [(1, frame[:n], len(frame)) for n in range(len(frame))]
    odd = [(1, frame[:at] + bytes([value]) + frame[at + 1 :], len(frame)) for at in range(12, 54) for value in (0, 15, 255)]
    for link in (1, 113, 276, 101, 0, 9999):
        sieved(cut + odd, link=link)
