"""How handshakes end: the turn, who broke off, by what; and what only looks like it."""

from __future__ import annotations

import time

import pytest

from story import (
    Step,
    Thing,
    alert,
    certificate,
    certificate_request,
    change,
    client,
    client_flight,
    encrypted,
    fin,
    finished,
    foreign,
    hello,
    key_exchange,
    malformed,
    replace,
    retry,
    rst,
    server,
    server_flight,
    server_hello,
    story,
    syn,
    syn_ack,
    unreachable,
    wait,
)
from whytls.inference.ending import ending_of
from whytls.model import Ending, Handshake

TLS12, TLS13 = 0x0303, 0x0304
HELLO, HELLO12 = client >> hello(), client >> hello(version=TLS12)
FLIGHT12, FLIGHT13 = server_flight(b"leaf"), server_flight(bytes(700), version=TLS13)
ANSWER12, ANSWER13 = client_flight(), client_flight(version=TLS13)
DONE12 = [server << change(), server << finished()]
CUT_HELLO = client >> Thing("client-hello")
GET = client >> foreign(b"GET / HTTP/1.1\r\n\r\n")


def kinds(ending: Ending) -> list[str]:
    return [event.kind for event in ending.events]


ENDINGS: dict[str, tuple[Handshake, tuple[str, str, str | None, list[str]]]] = {
    "refused": (story(client >> syn(), server << rst()), ("tcp", "refused", "server", ["rst"])),
    "unreachable": (story(client >> syn(), server << unreachable()), ("tcp", "unreachable", "server", ["icmp-unreachable"])),
    "no SYN-ACK": (story(client >> syn(), quiet=11), ("tcp", "silence", "server", ["syn"])),
    "no hello": (story(wait(20), server << fin()), ("tcp", "silence", "client", ["fin"])),
    "no hello, and nobody closes": (story(client >> syn(), server << syn_ack(), quiet=11), ("tcp", "silence", "client", ["syn-ack"])),
    "reset on accept": (story(server << rst()), ("tcp", "rst", "server", ["rst"])),
    "alert": (story(HELLO, server << alert(40)), ("client-hello", "alert", "server", ["alert"])),
    "alert and close": (story(HELLO, server << alert(40), server << fin(), client >> fin()), ("client-hello", "alert", "server", ["alert", "fin"])),
    "alert after the other's FIN": (story(HELLO, server << fin(), client >> alert(50)), ("client-hello", "fin", "server", ["fin"])),
    "alert after the own FIN": (story(HELLO, server << fin(), server << alert(40)), ("client-hello", "fin", "server", ["fin", "alert"])),
    "a warning does not end it": (story(HELLO, server << alert(112, 1), server << fin()), ("client-hello", "fin", "server", ["fin"])),
    "user_canceled does": (story(HELLO, client >> alert(90, 1), client >> fin()), ("client-hello", "alert", "client", ["alert", "fin"])),
    "close_notify": (story(HELLO, server << alert(0, 1), server << fin()), ("client-hello", "close-notify", "server", ["alert", "fin"])),
    "fatal close_notify": (story(HELLO, server << alert(0)), ("client-hello", "close-notify", "server", ["alert"])),
    "silence after the hello": (story(HELLO, quiet=11), ("client-hello", "silence", "server", ["client-hello"])),
    "the client gives up waiting": (story(HELLO, wait(2), client >> rst()), ("client-hello", "silence", "server", ["rst"])),
    "the client does not wait": (story(HELLO, wait(0.3), client >> rst()), ("client-hello", "rst", "client", ["rst"])),
    "the owing side closes late": (story(HELLO, wait(30), server << fin()), ("client-hello", "fin", "server", ["fin"])),
    "recording ends": (story(HELLO, quiet=1), ("client-hello", "none", None, [])),
    "retry refused": (story(HELLO, server << retry(), client >> alert(47)), ("retry", "alert", "client", ["alert"])),
    "no second hello": (story(HELLO, server << retry(), quiet=11), ("retry", "silence", "client", ["hello-retry-request"])),
    "no answer to the second hello": (story(HELLO, server << retry(), HELLO, quiet=11), ("retry", "silence", "server", ["client-hello"])),
    "a hello of which only the first bytes were recorded": (story(CUT_HELLO, server << rst()), ("client-hello", "rst", "server", ["rst"])),
    "a ServerHello of which only the first bytes were": (
        story(CUT_HELLO, server << Thing("server-hello"), server << rst()), ("server-flight", "rst", "server", ["rst"]),
    ),
    "in the server's flight": (story(HELLO12, server << server_hello(), server << fin()), ("server-flight", "fin", "server", ["fin"])),
    "after its certificate, before its flight is whole": (
        story(HELLO12, server << server_hello(), server << certificate(b"leaf"), client >> alert(46), server << key_exchange()),
        ("client-turn", "alert", "client", ["alert"]),
    ),
    "after its certificate, by a reset": (
        story(HELLO12, server << server_hello(), server << certificate(b"leaf"), client >> rst()),
        ("client-turn", "rst", "client", ["rst"]),
    ),
    "refused certificate": (story(HELLO12, FLIGHT12, client >> alert(48), client >> fin()), ("client-turn", "alert", "client", ["alert", "fin"])),
    "the client does not answer": (story(HELLO12, FLIGHT12, quiet=11), ("client-turn", "silence", "client", ["server-hello-done"])),
    "an empty client certificate": (
        story(HELLO12, server_flight(b"leaf", request=certificate_request()), client_flight(asked=True), server << alert(40)),
        ("server-turn", "alert", "server", ["alert"]),
    ),
    "before the client's flight is whole": (
        story(HELLO12, server_flight(b"leaf", request=certificate_request()), client >> certificate(b"till"), server << alert(46)),
        ("server-turn", "alert", "server", ["alert"]),
    ),
    "the server does not finish": (story(HELLO12, FLIGHT12, ANSWER12, wait(5), client >> fin()), ("server-turn", "silence", "server", ["fin"])),
    "completed and closed": (
        story(HELLO12, FLIGHT12, ANSWER12, DONE12, client >> encrypted(26, 21), client >> fin()),
        ("finished", "close-notify", "client", ["encrypted", "fin"]),
    ),
    "TLS 1.3, alert in the clear": (story(HELLO, FLIGHT13, client >> alert(48)), ("client-turn", "alert", "client", ["alert"])),
    "TLS 1.3, hidden alert": (
        story(HELLO, FLIGHT13, client >> encrypted(19), client >> fin()),
        ("client-turn", "hidden-alert", "client", ["encrypted", "fin"]),
    ),
    "TLS 1.3, hidden alert behind a ChangeCipherSpec": (
        story(HELLO, FLIGHT13, client >> change(), client >> encrypted(19)),
        ("client-turn", "hidden-alert", "client", ["encrypted"]),
    ),
    "TLS 1.3, padded as JSSE does": (story(HELLO, FLIGHT13, client >> encrypted(35)), ("client-turn", "hidden-alert", "client", ["encrypted"])),
    "TLS 1.3, the short tag of CCM_8": (
        story(HELLO, server_flight(bytes(700), version=TLS13, suite=0x1305), client >> encrypted(11)),
        ("client-turn", "hidden-alert", "client", ["encrypted"]),
    ),
    "TLS 1.3, instead of the server's flight": (
        story(HELLO, server << server_hello(TLS13), server << encrypted(19), server << fin()),
        ("server-flight", "hidden-alert", "server", ["encrypted", "fin"]),
    ),
    "TLS 1.3, behind EncryptedExtensions": (
        story(HELLO, server << server_hello(TLS13), server << encrypted(42), server << encrypted(35)),
        ("server-flight", "hidden-alert", "server", ["encrypted"]),
    ),
    "TLS 1.3, the server refuses the client's flight": (
        story(HELLO, FLIGHT13, ANSWER13, server << encrypted(19), server << fin()),
        ("finished", "hidden-alert", "server", ["encrypted", "fin"]),
    ),
    "TLS 1.3, nothing behind the ServerHello": (
        story(HELLO, server << server_hello(TLS13), server << fin()),
        ("server-flight", "fin", "server", ["fin"]),
    ),
    "plain text, and a close": (story(GET, server << fin()), ("client-hello", "foreign", "server", ["foreign", "fin"])),
    "plain text, and an alert": (
        story(GET, server << alert(10), server << fin()),
        ("client-hello", "foreign", "server", ["foreign", "alert", "fin"]),
    ),
    "plain text in answer": (
        story(HELLO, server << foreign(b"HTTP/1.1 400 Bad Request\r\n"), client >> fin()),
        ("client-hello", "foreign", "client", ["foreign", "fin"]),
    ),
    "malformed": (
        story(HELLO12, server << malformed("ends early"), client >> alert(50)),
        ("client-hello", "foreign", "client", ["malformed", "alert"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", ENDINGS)
def test_ending(shape: str) -> None:
    told, expected = ENDINGS[shape]
    ending = ending_of(told)
    assert (ending.phase, ending.how, ending.breaker, kinds(ending)) == expected


def test_the_alert_that_ended_it_is_kept_by_its_number() -> None:
    assert ending_of(story(HELLO, server << alert(70))).alert == 70
    assert ending_of(story(GET, server << alert(10))).alert == 10
    assert ending_of(story(HELLO, server << fin(), client >> alert(50))).alert is None
    assert ending_of(story(HELLO, FLIGHT13, client >> encrypted(19))).alert is None


def test_the_wait_is_measured() -> None:
    assert ending_of(story(HELLO, wait(4), server << fin())).delay == 4_001_000_000
    assert ending_of(story(HELLO, quiet=15)).delay == 15_000_000_000


@pytest.mark.parametrize("size", [20, 34, 36, 53])
def test_other_sizes_are_no_alerts(size: int) -> None:
    assert ending_of(story(HELLO, FLIGHT13, client >> encrypted(size), client >> fin())).how != "hidden-alert"


def test_a_resumed_handshake_has_its_turns_the_other_way_round() -> None:
    resumed: list[Step] = [server << server_hello(), server << change(), server << finished()]
    assert ending_of(story(HELLO12, resumed, client >> alert(20), resumed=True)).phase == "client-turn"
    assert ending_of(story(HELLO12, resumed, client >> change(), client >> finished(), client >> fin(), resumed=True)).phase == "finished"


def test_time_grows_with_the_events_and_not_with_their_square() -> None:
    def seconds(count: int) -> float:
        many = [[client >> encrypted(19), server << encrypted(19)]] * count
        told, best = story(HELLO, FLIGHT13, ANSWER13, [client >> encrypted(60)] * count, *many, server << fin()), 9.0
        for _ in range(3):
            fresh = replace(told)
            begun = time.process_time()
            ending_of(fresh)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(4000) < 10 * max(seconds(1000), 0.002)


def test_rows_of_records_are_told_apart_by_their_places() -> None:
    """The shape writes a row of records as one letter, so these two have the same."""
    record = server << encrypted(600)
    two_before = story(client >> hello(), server << server_hello(TLS13), record, record, client >> fin(), record)
    two_after = story(client >> hello(), server << server_hello(TLS13), record, client >> fin(), record, record)
    assert two_before.shape == two_after.shape
    for told in (two_before, two_after):
        assert [(e.kind, e.sender) for e in ending_of(told).events] == [("fin", "client")]
