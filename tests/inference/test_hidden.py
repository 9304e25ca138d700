"""What TLS 1.3 cannot hide: the client's flight by its sizes, traffic after the handshake, short answers, and who dropped it."""

from __future__ import annotations

import pytest

from story import (
    Step,
    certificate_request,
    change,
    client,
    client_flight,
    encrypted,
    fin,
    finished,
    hello,
    rst,
    server,
    server_flight,
    server_hello,
    story,
)
from whytls.inference.client_flight import client_flight as flight_of
from whytls.inference.hidden_alert import alert_sized, is_hidden_alert
from whytls.inference.late_rejection import aborted_by_client, dropped_by_client, short_answer_and_close, traffic
from whytls.model import Handshake

TLS12, TLS13 = 0x0303, 0x0304
HELLO, HELLO12 = client >> hello(), client >> hello(version=TLS12)
ASKED = server_flight(bytes(700), request=certificate_request(), version=TLS13)


def answered(*sizes: int, suite: int | None = None, then: tuple[Step, ...] = ()) -> Handshake:
    """TLS 1.3 with a client flight of records of these sizes."""
    flight = server_flight(bytes(700), request=certificate_request(), version=TLS13, suite=suite)
    return story(HELLO, flight, client >> change(), *(client >> encrypted(size) for size in sizes), *then)


@pytest.mark.parametrize(
    ("sizes", "suite", "content", "records", "behind"),
    [
        ((53,), 0x1301, "finished", 1, 0),
        ((69,), 0x1302, "finished", 1, 0),
        ((69,), 0x1301, "finished", 1, 0),  # padded
        ((85,), 0x1302, "finished", 1, 0),  # padded
        ((53, 120), 0x1301, "finished", 1, 1),
        ((25, 53), 0x1301, "empty-certificate", 2, 0),
        ((25, 69), 0x1302, "empty-certificate", 2, 0),
        ((61,), 0x1301, "empty-certificate", 1, 0),
        ((41, 69), 0x1301, "empty-certificate", 2, 0),  # padded
        ((25,), 0x1301, "empty-certificate", 1, 0),
        ((25, 53, 300), 0x1301, "empty-certificate", 2, 1),
        ((900, 281, 53), 0x1301, "certificate", 3, 0),
        ((900, 281, 53, 200), 0x1301, "certificate", 3, 1),
        ((900, 297, 69, 200), 0x1301, "certificate", 3, 1),  # padded
        ((1300,), 0x1301, "certificate", 1, 0),
        ((100,), 0x1301, "unknown", 1, 0),
        ((), 0x1301, "unknown", 0, 0),
    ],
)  # fmt: skip
def test_client_flight(sizes: tuple[int, ...], suite: int, content: str, records: int, behind: int) -> None:
    told = flight_of(answered(*sizes, suite=suite))
    assert (told.content, len(told.events), len(told.after)) == (content, records, behind)


@pytest.mark.parametrize(("suite", "sizes"), [(0x1301, {19, 35}), (0x1303, {19, 35}), (0x1305, {11, 27})])
def test_sizes_of_alerts(suite: int, sizes: set[int]) -> None:
    told = answered(*range(1, 60), suite=suite)
    assert {e.length for e in told.events if e.sender == "client" and alert_sized(told, e)} == sizes


def test_tls12_says_itself_what_is_an_alert() -> None:
    told = story(HELLO12, server_flight(b"leaf"), client_flight(), server << change(), server << encrypted(19, 22))
    assert not any(is_hidden_alert(told, e) for e in told.events)


@pytest.mark.parametrize(
    ("told", "frames"),
    [
        (story(HELLO, ASKED, client >> encrypted(19)), [12]),
        (answered(53, 19), []),  # behind its Finished it is a close_notify just as well
        (answered(53, then=(server << encrypted(19),)), [14]),
        (answered(53, then=(server << encrypted(250), server << encrypted(19))), []),  # a ticket came first: accepted
        (answered(53, 19, then=(server << encrypted(19),)), [15]),
        (story(HELLO, server << server_hello(TLS13), server << encrypted(19)), [6]),
        (story(HELLO, server << server_hello(TLS13), server << encrypted(42), server << encrypted(19)), [7]),
        (story(HELLO, server << server_hello(TLS13), server << encrypted(900), server << encrypted(19)), []),
    ],
)  # fmt: skip
def test_where_an_alert_refuses(told: Handshake, frames: list[int]) -> None:
    assert [e.frame for e in told.events if is_hidden_alert(told, e)] == frames


DONE12 = [server << change(), server << finished()]


def old(*steps: Step) -> Handshake:
    """TLS 1.2, completed."""
    return story(HELLO12, server_flight(b"leaf"), client_flight(), DONE12, *steps)


def test_traffic_of_tls12_is_told_by_type() -> None:
    seen = traffic(old(client >> encrypted(100), server << encrypted(900), client >> encrypted(26, 21), client >> fin()))
    assert [e.length for e in seen.client_data] == [100]
    assert [e.length for e in seen.server_data] == [900]
    assert seen.first_close is not None
    assert (seen.first_close.kind, seen.first_close.sender) == ("encrypted", "client")


def test_traffic_of_tls13_begins_behind_the_flight_and_the_tickets() -> None:
    ticket = server << encrypted(250)
    seen = traffic(answered(25, 53, then=(ticket, ticket, client >> encrypted(120), server << encrypted(800), server << fin())))
    assert [e.length for e in seen.client_data] == [120]
    assert [e.length for e in seen.server_data] == [800]
    assert seen.first_close is not None
    assert seen.first_close.kind == "fin"


def test_dropped_means_closed_first_and_unused() -> None:
    assert dropped_by_client(old(client >> fin())) is not None
    assert dropped_by_client(old(client >> encrypted(26, 21), client >> fin())) is not None
    assert dropped_by_client(old(server << fin(), client >> fin())) is None
    assert dropped_by_client(old(client >> encrypted(100), client >> fin())) is None
    assert dropped_by_client(old()) is None


def test_thrown_away_means_reset_as_well() -> None:
    assert aborted_by_client(old(client >> fin(), server << fin(), client >> rst()))
    assert not aborted_by_client(old(client >> fin(), server << fin()))
    assert not aborted_by_client(old(server << fin(), client >> rst()))


@pytest.mark.parametrize(("size", "short"), [(100, False), (391, True), (415, True), (1500, False), (16_000, False)])
def test_a_short_answer_has_the_size_of_an_error_page(size: int, short: bool) -> None:
    told = old(client >> encrypted(120), server << encrypted(size), server << encrypted(26, 21), server << fin())
    assert (short_answer_and_close(told) is not None) is short


def test_a_short_answer_to_nothing_is_none() -> None:
    assert short_answer_and_close(old(server << encrypted(430), server << fin())) is None
    assert short_answer_and_close(old(client >> encrypted(120), server << fin())) is None
