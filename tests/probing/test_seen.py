"""What attempts show besides: refusals for want of a client certificate, in each form that servers have for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.model import Endpoint, Event, Handshake
from whytls.probing.attempt import Attempt
from whytls.probing.seen import agreed, certificates, client_certificate, contradictions, refusal_of
from whytls.wire.hello import make
from whytls.wire.message import Alert, CertificateRequest, ServerHello

NGINX = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<center>No required SSL certificate was sent</center>"


def attempt(end: str = "reached", words: bytes = b"", *, asked: bool = True, completed: bool = True) -> Attempt:
    request = CertificateRequest((1,), (0x0804,), (b"ca",)) if asked else None
    ends = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 443)
    handshake = Handshake(
        *ends, (Event("finished", "client", 1, 1),), "completed" if completed else "failed", certificate_request=request, server_chain=(b"leaf",),
        server_hello=ServerHello(0x0303, 0x0303, bytes(32), b"", 0xC02F, 0, (), extended_master_secret=True),
    )  # fmt: skip
    return Attempt(1, "to its end", handshake, end, words)


@pytest.mark.parametrize(
    ("one", "wanted", "how"),
    [
        (attempt(asked=False), "no", ""),
        (attempt(), "optional", ""),
        (attempt(words=b"HTTP/1.1 200 OK\r\n\r\nall is well: certificate"), "optional", ""),
        (attempt(words=b"HTTP/1.1 400 Bad Request\r\n\r\nno Host"), "optional", ""),
        (attempt(words=NGINX), "required", "http-400"),
        (attempt("refused", completed=False), "required", "alert"),
        (attempt("closed", completed=False), "required", "closed"),
        (attempt("reset", completed=False), "required", "reset"),
    ],
)
def test_whether_a_client_certificate_is_wanted(one: Attempt, wanted: str, how: str) -> None:
    found = client_certificate([one])
    assert (found.wanted, found.how) == (wanted, how)
    assert found.authorities == ((b"ca",) if wanted != "no" else ())


@given(st.binary(max_size=200))
def test_whatever_a_server_answers(words: bytes) -> None:
    assert refusal_of(attempt(words=words)) in ("", "http-400")


def test_what_was_agreed_and_shown() -> None:
    assert agreed([attempt()]) == (False, False, None)  # the hello is not known, so it may have had no extensions
    assert agreed([]) == (None, None, None)
    assert [(shown.key_type, shown.chain, shown.attempts) for shown in certificates([attempt(), attempt()])] == [("rsa", (b"leaf",), (1, 1))]


def test_one_name_and_two_answers_are_two_servers() -> None:
    """A balancer before a server of TLS 1.2 and one of TLS 1.3 takes a version now, and has none of it then."""
    took = told_of(1, 0x0304, "www.maple.test")
    (words,) = contradictions([took, told_of(2, 0x0304, "www.maple.test", refused=True)])
    assert "attempt 1" in words
    assert "attempt 2" in words
    assert not contradictions([took, told_of(2, 0x0304, "api.maple.test", refused=True)]), "a site can have versions of its own"
    assert not contradictions([took, told_of(2, 0x0303, "www.maple.test", refused=True)])
    assert not contradictions([took, told_of(2, 0x0304, "www.maple.test", refused=True, alert=40)])


def told_of(number: int, version: int, name: str, *, refused: bool = False, alert: int = 70) -> Attempt:
    sent = make(suites=(0x1301, 0xC02F), versions=(version,), server_name=name)
    chosen = ServerHello(version, 0x0303, bytes(32), b"", 0x1301, 0, ())
    answer = Event("alert", "server", 2, 2, Alert(2, alert)) if refused else Event("server-hello", "server", 2, 2, chosen)
    ends = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 443)
    events = (Event("client-hello", "client", 1, 1, sent), answer)
    made = Handshake(*ends, events, "failed" if refused else "unfinished", client_hello=sent, server_hello=None if refused else chosen)
    return Attempt(number, "an offer", made, "refused" if refused else "reached")
