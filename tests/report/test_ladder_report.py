from typing import Any

import pytest
from samples import BACKEND, BEGAN, CLIENT, HELLO, SNI_MISSING

from story import replace
from whytls.exceptions import UsageError
from whytls.model import Coverage, Endpoint, Event, Handshake, Prelude, Transport
from whytls.report.ladder import draw, find, ladder
from whytls.report.terminal import Style
from whytls.wire.message import (
    Alert,
    Certificate,
    CertificateRequest,
    EncryptedRecord,
    ForeignBytes,
    MalformedMessage,
    ServerHello,
    ServerKeyExchange,
)

FAILED = SNI_MISSING.handshake
assert FAILED is not None


def drawn(handshake: Handshake, hop: str = "direct", **how: Any) -> str:
    return "\n".join(draw(ladder(handshake, hop), **how))  # type: ignore[arg-type]


def having(*values: tuple[str, str, object]) -> Handshake:
    events = tuple(Event(kind, side, n, BEGAN + n, value, length=20) for n, (kind, side, value) in enumerate(values, 1))  # type: ignore[arg-type]
    return Handshake(CLIENT, BACKEND, events, "failed", started_at=BEGAN)


def test_messages_stand_between_two_columns() -> None:
    lines = drawn(FAILED, "southbound").splitlines()
    assert lines[0] == "edge.pcap #1 · 2026-03-01T09:30:00.123456Z · southbound · failed"
    assert "Message Processor 10.0.0.7:41822" in lines[1]
    assert "backend 10.0.9.12:443" in lines[1]
    assert lines[4].startswith("#4    0.000300  ClientHello ──")
    assert lines[4].endswith("─▶")
    assert lines[5].strip() == "offers up to TLS 1.2, 2 cipher suites, no server_name"
    assert lines[6].startswith("#6    0.000900  ◀──")
    assert lines[6].endswith(" alert: fatal handshake_failure")
    assert lines[-1].strip() == "expected next: ServerHello of the backend"


def test_the_long_form_names_every_suite() -> None:
    shown = drawn(FAILED, verbose=True)
    assert "cipher suites: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" in shown
    assert "cipher suites: TLS" not in drawn(FAILED)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("client-hello", HELLO._replace(supported_versions=(0x0304, 0x0303), server_name="a.example", alpn=("h2", "http/1.1")),
         "offers TLS 1.2 to TLS 1.3, 2 cipher suites, server_name a.example, ALPN h2, http/1.1"),
        ("client-hello", HELLO._replace(psk=True, early_data=True), "resumes (PSK), early data"),
        ("client-hello", HELLO._replace(problem="extensions cut at byte 60"), "damaged: extensions cut at byte 60"),
        ("server-hello", ServerHello(0x0304, 0x0303, bytes(32), b"", 0x1301, 0, (), group=29, alpn="h2"),
         "TLS 1.3, TLS_AES_128_GCM_SHA256, group x25519, ALPN h2"),
        ("hello-retry-request", ServerHello(0x0304, 0x0303, bytes(32), b"", 0x1301, 0, (), group=23, is_retry=True),
         "asks for a key share of secp256r1"),
        ("certificate", Certificate(()), "empty: it has none to show"),
        ("certificate-request", CertificateRequest((1,), (0x0403,), (b"0", b"1")), "names 2 acceptable issuers"),
        ("certificate-request", CertificateRequest((1,), None, ()), "accepts any issuer"),
        ("server-key-exchange", ServerKeyExchange("dhe", dh_bits=512), "DHE, prime of 512 bits"),
        ("encrypted", EncryptedRecord(23, 1200), "1,200 bytes"),
        ("encrypted", EncryptedRecord(21, 26), "alert: 26 bytes"),
        ("foreign", ForeignBytes(b"HTTP/1.1 400 Bad Request\r\nServer: x", 300), "300 bytes, begins “HTTP/1.1 400 Bad Request”"),
        ("foreign", ForeignBytes(bytes(range(20)), 20), "begins 00 01 02 03"),
        ("malformed", MalformedMessage(2, "its length runs over the record", 4), "message type 2: its length runs over the record (at byte 4)"),
        ("gap", None, "20 bytes missing"),
        ("alert", Alert(1, 0), "alert: warning close_notify"),
    ],
)  # fmt: skip
def test_main_facts_of_a_message(kind: str, value: object, said: str) -> None:
    assert said in drawn(having((kind, "server", value)))


def test_the_closing_says_what_is_missing() -> None:
    handshake = replace(
        FAILED,
        quiet=12_500_000_000,
        coverage=Coverage(start=False, server=False, client_gap=True, snapped=True),
        prelude=Prelude("http-connect", target="api.example.com:443", refusal="403 Forbidden\x1b"),
        transport=Transport(foreign_reset=True, foreign_reset_reason="its TTL is 64, that of the server is 51"),
    )
    shown = drawn(handshake, "southbound")
    assert "nothing followed in 12.5 s of recording" in shown
    assert "the recording begins in the middle of this connection" in shown
    assert "no packet of the backend was recorded" in shown
    assert "bytes of the Message Processor are missing" in shown
    assert "snap length" in shown
    assert "in front of TLS: http-connect to api.example.com:443; refused: “403 Forbidden\\x1b”" in shown
    assert "the RST does not fit its sender: its TTL is 64, that of the server is 51" in shown


def test_a_completed_handshake_expects_nothing_more() -> None:
    assert "expected next" not in drawn(replace(FAILED, outcome="completed"))


def test_what_a_stranger_wrote_cannot_steer_the_terminal() -> None:
    evil = HELLO._replace(server_name="\x1b[2J\u202e", alpn=("\x9b",))
    shown = drawn(having(("client-hello", "client", evil), ("foreign", "server", ForeignBytes(b"220 mail\x1b[31m\r\n", 12))), verbose=True)
    assert all(line.isprintable() for line in shown.splitlines())
    assert "\\x1b[2J\\u202e" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_keeps_to_the_width(width: int) -> None:
    shown = drawn(FAILED, "southbound", style=Style(width=width))
    assert max(len(line) for line in shown.splitlines()) <= max(width, 60)


def test_events_without_end_are_counted_not_drawn() -> None:
    handshake = having(*[("rst", "client", None)] * 1000)
    assert "600 more events are not drawn" in drawn(handshake)
    assert drawn(handshake).count("▶") == 400


def test_encrypted_records_in_a_row_share_a_rung() -> None:
    rows = [("encrypted", "server", EncryptedRecord(23, n)) for n in (23, 2650, 281)]
    lines = drawn(having(*rows, ("encrypted", "client", EncryptedRecord(23, 69)))).splitlines()
    assert lines[2].startswith("#1–3 ")
    assert lines[2].endswith("─ 3 encrypted records")
    assert lines[3].strip() == "23, 2,650, 281 bytes"
    assert lines[4].split()[2:4] == ["encrypted", "record"]


LATER = replace(
    SNI_MISSING, frame=20, file="b.pcap", client=Endpoint("10.0.0.8", 1),
    handshake=replace(FAILED, events=tuple(e._replace(frame=e.frame + 19) for e in FAILED.events)),
)  # fmt: skip


@pytest.mark.parametrize(("wanted", "found"), [("1", 1), ("4", 1), ("3", 1), (25, 20), ("b.pcap#22", 20), ("edge.pcap#7", 1)])
def test_any_frame_of_a_handshake_finds_it(wanted: str | int, found: int) -> None:
    assert find([SNI_MISSING, LATER], wanted).frame == found


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("12", "handshakes near it begin at #1, #20"), ("b.pcap#4", "#20"), ("x", "--show 4"), ("-3", "--show 4"), ("9" * 40, "--show 4")],
)
def test_a_frame_of_none_is_said_with_what_is_near(wanted: str, hint: str) -> None:
    with pytest.raises(UsageError) as told:
        find([SNI_MISSING, LATER], wanted)
    assert hint in (told.value.hint or "")


def test_an_exact_frame_ends_the_search() -> None:
    def two() -> Any:
        yield SNI_MISSING
        raise AssertionError("read on")

    assert find(two(), 6) is SNI_MISSING
