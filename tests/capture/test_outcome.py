"""Completed, failed or unfinished: the rule, told as ladders."""

from __future__ import annotations

import pytest

from story import (
    Step,
    alert,
    certificate_request,
    change,
    client,
    client_flight,
    client_key_exchange,
    encrypted,
    fin,
    finished,
    foreign,
    gap,
    hello,
    message,
    retry,
    rst,
    server,
    server_flight,
    server_hello,
    story,
    syn,
    syn_ack,
    ticket,
    unreachable,
    wait,
)
from whytls.capture.outcome import Circumstances, outcome_of
from whytls.model import Coverage, Handshake, Prelude, Transport

OLD = [client >> hello(version=0x0303), *server_flight(b"leaf"), *client_flight(), server << change(), server << finished()]
MUTUAL = [
    client >> hello(version=0x0303),
    *server_flight(b"leaf", request=certificate_request()),
    *client_flight(b"mine", asked=True),
    server << change(),
    server << finished(),
]
NEW = [client >> hello(), *server_flight(b"leaf" * 50, version=0x0304), *client_flight(version=0x0304)]
NEW_MUTUAL = [
    client >> hello(),
    *server_flight(b"leaf" * 50, version=0x0304, request=certificate_request()),
    *client_flight(b"mine" * 100, asked=True, version=0x0304),
]
CLOSE_NOTIFY_12, CLOSE_NOTIFY_13 = encrypted(26, 21), encrypted(19)


def early(told: Handshake) -> bool:
    """Whether it is kept in full although it completed."""
    about = Circumstances(quiet=told.quiet)
    return outcome_of(list(told.events), told.version, about, told.transport)[1].early


COMPLETED: list[tuple[str, list[Step]]] = [
    ("data both ways", [*OLD, client >> encrypted(100), server << encrypted(9000), client >> fin(), server << fin()]),
    ("1.3 data both ways", [*NEW, server << encrypted(250), client >> encrypted(100), server << encrypted(9000), client >> fin()]),
    ("only looked", [*OLD, client >> CLOSE_NOTIFY_12, client >> fin(), server << fin()]),
    ("only looked, 1.3", [*NEW, client >> CLOSE_NOTIFY_13, client >> fin(), server << encrypted(250), server << fin()]),
    ("somebody at a prompt", [*OLD, wait(0.7), client >> CLOSE_NOTIFY_12, client >> fin(), server << CLOSE_NOTIFY_12, client >> rst()]),
    ("server greets, client goes", [*OLD, server << encrypted(280), client >> CLOSE_NOTIFY_12, client >> fin(), client >> rst()]),
    ("server tires", [*NEW, server << encrypted(250), wait(60), server << CLOSE_NOTIFY_13, server << fin()]),
    ("server tires of one that never spoke", [*NEW, wait(60), server << CLOSE_NOTIFY_13, server << fin()]),
    ("short answer", [*NEW_MUTUAL, client >> encrypted(100), server << encrypted(400), server << CLOSE_NOTIFY_13, server << fin()]),
    ("early data, then gone", [client >> hello(early_data=True), client >> encrypted(60), *NEW[1:], client >> CLOSE_NOTIFY_13, client >> rst()]),
    ("application settings", [*NEW[:-1], client >> encrypted(63), client >> encrypted(90), server << encrypted(5000), client >> rst()]),
    ("heartbeats", [*OLD, client >> encrypted(61, 24), server << encrypted(61, 24), client >> rst()]),
    ("plain bytes behind it", [*MUTUAL, client >> encrypted(22), server << foreign(b"D"), server << fin()]),
    ("data seen, ends lost", [client >> hello(), server << gap(3000), client >> encrypted(66), server << encrypted(65), client >> fin()]),
    ("SSLv2", [client >> hello(version=2), server << server_hello(2), *[s >> message("other-message") for s in (client, server) * 2]]),
    ("no server record yet, long after", [*NEW]),
]  # fmt: skip

FAILED: list[tuple[str, list[Step]]] = [
    ("fatal alert", [client >> hello(), server << alert(40)]),
    ("warning that ends", [client >> hello(), server << alert(0, level=1), server << fin()]),
    ("closed without a word", [client >> hello(), server << fin()]),
    ("reset", [client >> hello(), server << server_hello(), server << rst()]),
    ("refused", [client >> syn(), server << rst()]),
    ("unreachable", [client >> syn(), server << unreachable()]),
    ("plain text", [client >> hello(), server << foreign(b"HTTP/1.1 400 Bad Request")]),
    ("plain text of the client", [client >> foreign(b"GET / HTTP/1.1"), server << alert(70)]),
    ("hidden alert", [client >> hello(), *server_flight(version=0x0304), client >> change(), client >> encrypted(19), client >> fin()]),
    ("hidden alert of JSSE", [client >> hello(), *server_flight(version=0x0304), client >> encrypted(35), server << fin()]),
    ("plain alert under 1.3", [client >> hello(), *server_flight(version=0x0304), client >> change(), client >> alert(48)]),
    ("server refuses the client's certificate", [*NEW_MUTUAL, server << CLOSE_NOTIFY_13, server << fin()]),
    ("the same to one that asked already", [*NEW_MUTUAL, client >> encrypted(59), server << encrypted(35), client >> fin()]),
    ("and to one that sent none", [*NEW[:-1], client >> encrypted(25), server << CLOSE_NOTIFY_13, server << fin(), client >> encrypted(53)]),
    ("without an alert", [*NEW_MUTUAL, client >> encrypted(100), server << rst()]),
    ("TLS 1.2, late", [*MUTUAL, client >> encrypted(100), server << CLOSE_NOTIFY_12, server << fin()]),
    ("client checks late and drops it", [*OLD, client >> CLOSE_NOTIFY_12, client >> fin(), server << CLOSE_NOTIFY_12, client >> rst()]),
    ("client checks late and drops it, 1.3", [*NEW, client >> CLOSE_NOTIFY_13, client >> fin(), server << encrypted(250), client >> rst()]),
    ("client leaves TLS at once", [*OLD, client >> foreign(b"0\5\2\1\2B\0"), client >> fin(), server << CLOSE_NOTIFY_12]),
    ("retry led nowhere", [client >> hello(), server << retry(), client >> fin()]),
    ("client key exchange, then gone", [client >> hello(version=0x0303), *server_flight(b"leaf"), client >> client_key_exchange(), server << fin()]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "steps"), COMPLETED)
def test_completed(name: str, steps: list[Step]) -> None:
    assert story(steps, quiet=11).outcome == "completed", name


@pytest.mark.parametrize(("name", "steps"), FAILED)
def test_failed(name: str, steps: list[Step]) -> None:
    assert story(steps).outcome == "failed", name


def test_silence_takes_ten_seconds() -> None:
    for steps in ([client >> hello()], [client >> syn()], [client >> syn(), server << syn_ack()], [client >> hello(), *server_flight(b"leaf")]):
        assert story(steps, quiet=9.9).outcome == "unfinished"
        assert story(steps, quiet=10).outcome == "failed"


def test_insisting_without_an_answer_takes_three() -> None:
    syns = [client >> syn(), wait(1), client >> syn(), wait(2), client >> syn()]
    assert story(syns, quiet=1).outcome == "failed"
    assert story(syns[:3], quiet=1).outcome == "unfinished"
    lost = Transport(syn_seen=True, syn_ack_seen=True, client_bytes=517, client_retransmissions=3, largest_unacknowledged=517)
    assert story(client >> hello(), transport=lost, quiet=3).outcome == "failed"
    assert story(client >> hello(), transport=lost, quiet=2).outcome == "unfinished"
    unheard = Transport(server_bytes=4000, server_acked=0, server_retransmissions=3)
    assert story(client >> hello(), server << server_hello(), transport=unheard, quiet=4).outcome == "failed"


def test_a_recording_that_begins_in_the_middle_fails_only_on_what_it_shows() -> None:
    middle = Coverage(start=False)
    assert story(server << alert(40), tcp=False, coverage=middle).outcome == "failed"
    assert story(server_flight(b"leaf"), client >> fin(), tcp=False, coverage=middle).outcome == "failed"
    assert story(server_flight(b"leaf"), tcp=False, coverage=middle, quiet=60).outcome == "unfinished"
    assert story(client >> encrypted(90), server << encrypted(90), server << fin(), tcp=False, coverage=middle).outcome == "completed"
    assert story(server << encrypted(26, 21), server << fin(), tcp=False, coverage=middle).outcome == "unfinished"
    flight = [s for s in client_flight() if s.thing is not None]
    assert story(flight, server << ticket(), server << change(), server << finished(), tcp=False, coverage=middle).outcome == "completed"


def test_one_side_alone_tells_nothing_of_the_other() -> None:
    alone = Coverage(server=False)
    assert story(client >> hello(), tcp=False, coverage=alone, quiet=60).outcome == "unfinished"
    assert story(client >> hello(), client >> alert(48), tcp=False, coverage=alone).outcome == "failed"
    assert story(client >> syn(), coverage=alone, transport=Transport(), quiet=60).outcome == "failed"


def test_what_was_given_up_is_unfinished() -> None:
    assert story(client >> hello(), coverage=Coverage(evicted=True), quiet=60).outcome == "unfinished"


def test_a_refused_prelude_is_a_failure() -> None:
    assert story(client >> fin(), prelude=Prelude("smtp", upgraded=False, refusal="454 no")).outcome == "failed"


def test_what_was_over_before_a_conversation_is_kept_for_the_causes() -> None:
    told = dict(COMPLETED)
    assert early(story(told["short answer"]))
    assert early(story(told["only looked"]))
    assert early(story(told["only looked, 1.3"]))
    assert not early(story(told["data both ways"]))
    assert not early(story(told["1.3 data both ways"]))
