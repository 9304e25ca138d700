from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.model import EventKind, Side
from whytls.wire.transcript import ESTABLISHED, ROWS, SHAPE_LETTERS, START, STATES, TABLE, advance, allowed, expected

KINDS = get_args(EventKind)
LETTERS = {letter: kind for kind, letter in SHAPE_LETTERS.items() if kind != "syn-ack"}


def walk(shape: str, version: int = 0x0303) -> str:
    """The state after a handshake written in letters; every message in it must have its place."""
    state = START
    for letter in shape:
        kind, sender = LETTERS[letter.upper()], "client" if letter.isupper() else "server"
        assert allowed(state, sender, kind, version), (state, sender, kind)
        state = advance(state, sender, kind, version)
    return state


@pytest.mark.parametrize("shape", [
    "CsxknGIDid",  # full, ECDHE
    "CsxnGIDid",  # RSA key exchange
    "CsxukrnXGYIDtid",  # everything: stapled status, client certificate, ticket
    "CsxkrnXGIDid",  # the client has no certificate
    "CsxkrnLGIDid",  # SSL 3.0: it says so by an alert
    "CsknGIDid",  # anonymous, or PSK with a hint
    "CsnGIDid",  # PSK without one
    "CsidID",  # resumed
    "CstidID",  # resumed, with a new ticket
    "CsxknGIDDid",  # false start
    "CsxknGIFif",  # Finished could be read
    "OoCsxknGIDidDdLE",  # with TCP around it and data behind it
    "hCsxknGIDid",
])  # fmt: skip
def test_handshakes_before_tls13_come_to_their_end(shape: str) -> None:
    assert walk(shape) == "established"


@pytest.mark.parametrize("shape", ["CsidddIDd", "CsdDd", "CsiddIDDd", "CjiICsdDd", "CIjCsidDd", "CIDDsidDDd", "CjCIsdDd"])
def test_handshakes_of_tls13_come_to_their_end(shape: str) -> None:
    assert walk(shape, 0x0304) == "open-1.3"


@pytest.mark.parametrize("shape", ["CsizxyfIFt", "CszrxyfXYFttdD", "CszrxyfXFDtd", "CjICiszxyfFd", "CszfFt", "CszxyfdFDd"])
def test_handshakes_of_tls13_that_were_opened_come_to_their_end(shape: str) -> None:
    assert walk(shape, 0x0304) == "open-1.3"


@pytest.mark.parametrize(("shape", "version", "wanted"), [
    ("", 0x0303, ("client: client-hello",)),
    ("OoC", 0x0303, ("server: server-hello", "server: hello-retry-request")),
    ("Csxk", 0x0303, ("server: certificate-request", "server: server-hello-done")),
    ("Csxkrn", 0x0303, ("client: certificate",)),
    ("CsxkrnX", 0x0303, ("client: client-key-exchange",)),
    ("CsxkrnXG", 0x0303, ("client: certificate-verify", "client: change-cipher-spec")),
    ("CsxknGID", 0x0303, ("server: new-session-ticket", "server: change-cipher-spec")),
    ("CsxknGIDL", 0x0303, ("server: new-session-ticket", "server: change-cipher-spec")),
    ("Cj", 0x0304, ("client: client-hello",)),
    ("CjC", 0x0304, ("server: server-hello",)),
    ("Csi", 0x0304, ("server: encrypted",)),
    ("Csid", 0x0304, ("client: encrypted",)),
    ("Csz", 0x0304, ("server: certificate-request", "server: certificate", "server: finished")),
    ("Cszrxyf", 0x0304, ("client: certificate",)),
    ("CszrxyfX", 0x0304, ("client: certificate-verify", "client: finished")),
    ("CszrxyfXF", 0x0304, ("server: new-session-ticket", "server: encrypted")),
    ("CsxknGIDid", 0x0303, ()),
])  # fmt: skip
def test_what_was_expected(shape: str, version: int, wanted: tuple[str, ...]) -> None:
    assert expected(walk(shape, version)) == wanted


def test_a_second_retry_has_no_place_and_moves_nothing() -> None:
    state = walk("CjC", 0x0304)
    assert not allowed(state, "server", "hello-retry-request", 0x0304)
    assert advance(state, "server", "hello-retry-request", 0x0304) == state
    assert not allowed(state, "server", "server-hello", 0x0303)  # a retry binds to TLS 1.3


@pytest.mark.parametrize(("shape", "sender", "kind"), [
    ("Csx", "server", "change-cipher-spec"), ("C", "server", "certificate"), ("CsxknG", "server", "change-cipher-spec"),
    ("Csxkn", "client", "certificate"), ("CsxkrnXGI", "client", "certificate-verify"), ("Csxk", "client", "client-key-exchange"),
])  # fmt: skip
def test_messages_without_a_place(shape: str, sender: Side, kind: EventKind) -> None:
    state = walk(shape)
    assert not allowed(state, sender, kind)
    assert advance(state, sender, kind) == state


def test_holes_in_the_recording_are_stepped_over_only_when_the_caller_says_so() -> None:
    assert advance("start", "server", "server-hello", 0x0303) == "start"
    assert advance("start", "server", "server-hello", 0x0303, gap=True) == "server-hello"
    assert advance("client-hello", "client", "client-key-exchange", gap=True) == "client-key-exchange"
    assert advance("server-hello", "server", "hello-request", gap=True) == "server-hello"


def test_sslv2_is_not_followed() -> None:
    state = advance(walk("C"), "server", "server-hello", 2)
    assert (state, expected(state)) == ("server-hello-2", ())
    assert allowed(state, "client", "encrypted")


def test_the_table_is_whole() -> None:
    reached = {START}
    for state, sender, kind, after in ROWS:
        assert state in reached, f"{state} is left before it is reached"
        assert sender in get_args(Side)
        assert kind.partition(" ")[0] in KINDS
        reached.add(after)
    assert reached == set(STATES)
    ends = {state for state in STATES if not expected(state)}
    assert ends == {*ESTABLISHED, "server-hello-2"}
    assert set(TABLE.values()) <= set(STATES)


def test_no_row_contradicts_another() -> None:
    keys = [row[:3] for row in ROWS]
    assert len(keys) == len(set(keys))


def test_every_kind_of_event_has_a_letter_of_its_own() -> None:
    assert set(SHAPE_LETTERS) == set(KINDS)
    letters = [letter for kind, letter in SHAPE_LETTERS.items() if kind != "syn-ack"]
    assert len(letters) == len(set(letters))
    assert SHAPE_LETTERS["syn"] == SHAPE_LETTERS["syn-ack"]  # the sender tells them apart
    assert all(len(letter) == 1 and letter.isupper() for letter in letters)


EVENTS = st.tuples(st.sampled_from(("client", "server")), st.sampled_from(KINDS), st.booleans(), st.sampled_from((None, 2, 0x0303, 0x0304)))


@given(st.lists(EVENTS, max_size=30))
def test_any_events_in_any_order(events: list[tuple[Side, EventKind, bool, int | None]]) -> None:
    state = START
    for sender, kind, gap, version in events:
        before = state
        state = advance(state, sender, kind, version, gap)
        assert state in STATES
        if not gap and not allowed(before, sender, kind, version):
            assert state == before
        assert all(line.partition(": ")[2] in KINDS for line in expected(state))


def test_what_never_moves_the_state() -> None:
    still: list[EventKind] = ["syn", "syn-ack", "fin", "rst", "icmp-unreachable", "foreign", "gap", "malformed", "alert"]
    for kind in still:
        for state in STATES:
            assert allowed(state, "client", kind)
            assert advance(state, "client", kind, gap=True) == state
