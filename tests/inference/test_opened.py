"""TLS 1.3 whose records were opened: by a client of ours, or with a key log. Its messages tell; sizes do not count."""

from __future__ import annotations

import pytest

from story import (
    Step,
    Thing,
    alert,
    certificate,
    certificate_request,
    certificate_verify,
    client,
    fin,
    hello,
    server,
    server_hello,
    story,
    ticket,
)
from whytls.inference.client_flight import client_flight
from whytls.inference.ending import ending_of
from whytls.inference.hidden_alert import alert_sized, is_hidden_alert, opened
from whytls.inference.late_rejection import dropped_by_client, refused_in_words, short_answer_and_close, traffic
from whytls.model import Context, Handshake
from whytls.verdict import judge
from whytls.wire.message import EncryptedExtensions, EncryptedRecord, PlainMessage

TLS13 = 0x0304
EXTENSIONS = Thing("other-message", EncryptedExtensions(()), 6)
LEAF = b"leaf"


def finished() -> Thing:
    """Finished, as it was read."""
    return Thing("finished", PlainMessage(20, 32), 36)


START = [client >> hello(), server << server_hello(TLS13), server << EXTENSIONS]
FLIGHT = [server << certificate(LEAF), server << certificate_verify(), server << finished()]
PLAIN = [*START, *FLIGHT]
ASKED = [*START, server << certificate_request(), *FLIGHT]
BARE = [client >> certificate(), client >> finished()]
SHOWN = [client >> certificate(LEAF), client >> certificate_verify(), client >> finished()]
PAGE = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>"


def data(content: bytes = b"", length: int = 0) -> Thing:
    size = length or len(content) + 17
    return Thing("encrypted", EncryptedRecord(23, size, content), size)


def told(*steps: Step | list[Step], outcome: str = "failed") -> Handshake:
    return story(*steps, outcome=outcome)


@pytest.mark.parametrize(("steps", "phase", "how", "breaker"), [
    ([*START, server << alert(40)], "server-flight", "alert", "server"),  # before its flight is complete
    ([*START, server << certificate(LEAF), server << alert(80)], "server-flight", "alert", "server"),
    ([*START, server << certificate(LEAF), client >> alert(48)], "client-turn", "alert", "client"),
    ([*PLAIN, client >> alert(46)], "client-turn", "alert", "client"),
    ([*PLAIN, client >> fin()], "client-turn", "fin", "client"),
    ([*ASKED, *BARE, server << alert(116)], "server-turn", "alert", "server"),
    ([*ASKED, *SHOWN, server << alert(42)], "server-turn", "alert", "server"),
    ([*ASKED, *SHOWN, client >> data(b"GET /"), server << alert(42)], "server-turn", "alert", "server"),  # it did not wait for its answer
    ([*ASKED, *SHOWN, server << ticket(), server << alert(42)], "finished", "alert", "server"),  # it had accepted us
    ([*PLAIN, client >> finished(), client >> data(b"GET /"), server << data(b"200"), server << alert(80)], "finished", "alert", "server"),
    ([*PLAIN, client >> finished(), server << alert(0, 1)], "finished", "close-notify", "server"),
    ([*ASKED, *SHOWN, server << fin()], "finished", "fin", "server"),
])  # fmt: skip
def test_where_it_ended(steps: list[Step], phase: str, how: str, breaker: str) -> None:
    ending = ending_of(told(*steps))
    assert (ending.phase, ending.how, ending.breaker) == (phase, how, breaker)


@pytest.mark.parametrize(("steps", "content", "behind"), [
    ([*PLAIN, client >> finished(), client >> data(length=53)], "finished", 1),
    ([*ASKED, *BARE], "empty-certificate", 0),
    ([*ASKED, *SHOWN, client >> data(), client >> data()], "certificate", 2),
    (PLAIN, "unknown", 0),
])  # fmt: skip
def test_the_clients_flight_is_what_was_read(steps: list[Step], content: str, behind: int) -> None:
    flight = client_flight(told(*steps))
    assert (flight.content, len(flight.after)) == (content, behind)
    assert all(event.kind != "encrypted" for event in flight.events)


def test_no_size_is_an_alert() -> None:
    handshake = told(*PLAIN, client >> finished(), client >> data(length=19), server << data(length=19), outcome="completed")
    assert opened(handshake)
    assert not any(alert_sized(handshake, e) or is_hidden_alert(handshake, e) for e in handshake.events)
    seen = traffic(handshake)
    assert (len(seen.client_data), len(seen.server_data), seen.first_close) == (1, 1, None)


def test_tickets_are_no_answer() -> None:
    handshake = told(*PLAIN, client >> finished(), client >> data(b"GET /"), server << ticket(), server << ticket(), server << data(b"HTTP/1.1 200"))
    assert [e.value.content for e in traffic(handshake).server_data if isinstance(e.value, EncryptedRecord)] == [b"HTTP/1.1 200"]


def test_a_client_that_only_looked_dropped_it_as_in_tls12() -> None:
    drop = dropped_by_client(told(*PLAIN, client >> finished(), server << ticket(), client >> fin(), outcome="completed"))
    assert drop is not None
    assert drop.kind == "fin"


@pytest.mark.parametrize(("steps", "cause"), [
    ([*ASKED, *BARE, server << alert(116)], "client-certificate-missing"),
    ([*ASKED, *BARE, client >> data(b"GET /"), server << alert(42)], "client-certificate-missing"),
])  # fmt: skip
def test_the_verdict_is_proven_where_the_empty_certificate_was_read(steps: list[Step], cause: str) -> None:
    diagnosis = judge(told(*steps), Context()).diagnosis
    assert (diagnosis.cause, diagnosis.confidence) == (cause, "proven")


def test_a_page_that_speaks_of_a_certificate_is_a_refusal() -> None:
    handshake = told(*ASKED, *BARE, client >> data(b"GET /"), server << data(PAGE), server << alert(0, 1), outcome="completed")
    assert refused_in_words(handshake) == "400 No required SSL certificate was sent"
    assert short_answer_and_close(handshake) is not None
    diagnosis = judge(handshake, Context()).diagnosis
    assert (diagnosis.cause, diagnosis.confidence) == ("client-certificate-missing", "proven")


@pytest.mark.parametrize("page", [
    b"HTTP/1.1 200 OK\r\n\r\n<title>how to get a certificate</title>", b"HTTP/1.1 404 Not Found\r\n\r\n<title>404 Not Found</title>", b"", PAGE[1:],
])  # fmt: skip
def test_other_pages_are_none(page: bytes) -> None:
    handshake = told(*ASKED, *BARE, client >> data(b"GET /"), server << data(page), server << alert(0, 1), outcome="completed")
    assert refused_in_words(handshake) == ""
    assert judge(handshake, Context()).diagnosis.cause is None
