"""The builder of handshakes without bytes builds what the engine would."""

from __future__ import annotations

from story import (
    alert,
    certificate_request,
    client,
    client_flight,
    encrypted,
    fin,
    hello,
    retry,
    rst,
    server,
    server_flight,
    server_hello,
    story,
    syn,
    wait,
)


def test_a_refused_hello_reads_as_its_ladder() -> None:
    told = story(client >> hello(sni=None, version=0x0303), server << alert(40), server << fin())
    assert told.shape == "OoCle"
    assert (told.outcome, told.state) == ("failed", "client-hello")
    assert told.sni is None
    assert [e.frame for e in told.events] == [1, 2, 4, 5, 6]
    assert told.expected == ("server: server-hello", "server: hello-retry-request")


def test_flights_make_whole_handshakes() -> None:
    old = story(client >> hello(version=0x0303), server_flight(b"leaf"), client_flight(), server << encrypted(200), client >> fin())
    assert (old.version, old.server_chain, old.outcome) == (0x0303, (b"leaf",), "completed")
    new = story(client >> hello(), server_flight(b"leaf", version=0x0304), client_flight(version=0x0304), server << encrypted(250))
    assert (new.version, new.server_chain, new.outcome, new.state) == (0x0304, None, "completed", "open-1.3")


def test_mutual_tls_keeps_what_the_client_sent() -> None:
    told = story(
        client >> hello(version=0x0303),
        server_flight(b"leaf", request=certificate_request()),
        client_flight(asked=True),
        server << alert(40),
    )
    assert told.client_chain == ()
    assert told.certificate_request is not None
    assert told.outcome == "failed"


def test_time_passes_and_fields_can_be_replaced() -> None:
    told = story(
        client >> hello(),
        server << retry(),
        client >> hello(groups=(0x0017,)),
        wait(3),
        client >> rst(),
        quiet=2,
        file="other.pcap",
    )
    assert told.retried_hello is not None
    assert told.events[-1].time - told.events[-2].time == 3_001_000_000
    assert (told.quiet, told.file) == (2_000_000_000, "other.pcap")


def test_nobody_answers() -> None:
    assert story(client >> syn(), server << rst()).outcome == "failed"
    assert story(client >> hello(), quiet=11).outcome == "failed"
    assert story(client >> hello(), quiet=2).outcome == "unfinished"
    assert story(client >> hello(), server << server_hello(), tcp=False).events[0].frame == 1
