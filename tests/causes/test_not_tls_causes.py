"""Causes in which one end does not speak TLS: where each speaks, and where its neighbour does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from asking import Silent, Speaks, accepted, check, check_silent, ids, judged, knowing

from story import alert, client, fin, foreign, hello, malformed, rst, server, story, syn
from whytls.model import Prelude

HELLO = client >> hello()
GET = client >> foreign(b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n")
PAGE = server << foreign(b"HTTP/1.1 400 Bad Request\r\n\r\n<html><center>The plain HTTP request was sent to HTTPS port</center>")
BARE = server << foreign(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
BANNER = server << foreign(b"220 mail.example.test ESMTP Postfix\r\n")
CLIENT, BOTH = ("client",), ("client", "server")
REFUSED = Prelude("smtp", (4, 5, 6), upgraded=False, refusal="454 TLS not available")
NOT_OFFERED = Prelude("imap", (4, 5), upgraded=False)
HEADER = Prelude("proxy-v1", (3,), "203.0.113.9:50001")
PROXY = Prelude("http-connect", (4, 5), "www.example.test:443", upgraded=False, refusal="HTTP/1.1 407 Proxy Authentication Required")

SPEAKS = [
    Speaks("plaintext-to-tls-port", "and the server says so", lambda _: story(GET, PAGE, server << fin()), "server", "proven", CLIENT, "", (4, 5)),
    Speaks("plaintext-to-tls-port", "and the server sends an alert",
           lambda _: story(GET, server << alert(10), server << fin()), "server", "proven", CLIENT,
           "", (4, 5)),
    Speaks("plaintext-to-tls-port", "and the server closes", lambda _: story(GET, server << fin()), "server", "likely", CLIENT, "", (4, 5)),
    Speaks("plaintext-to-tls-port", "on a port that was seen to speak TLS", lambda _: story(GET, server << fin()), "server", "proven", CLIENT, "",
           (4, 5, 41), knowing(accepted())),
    Speaks("plaintext-to-tls-port", "southbound",
           lambda _: story(GET, PAGE), "server", "proven", ("gateway",), "", (4, 5), lambda _: {"hop": "southbound"}),

    Speaks("tls-to-plaintext-port", "HTTP", lambda _: story(HELLO, BARE, server << fin()), "client", "proven", BOTH, "http", (4, 5)),
    Speaks("tls-to-plaintext-port", "a mail server",
           lambda _: story(HELLO, BANNER, client >> fin()), "client", "proven", BOTH, "starttls-left-out", (4, 5)),
    Speaks("tls-to-plaintext-port", "a shell",
           lambda _: story(HELLO, server << foreign(b"SSH-2.0-OpenSSH_9.2\r\n"), client >> rst()), "client", "proven", BOTH,
           "ssh", (4, 5)),
    Speaks("tls-to-plaintext-port", "nobody knows what",
           lambda _: story(HELLO, server << foreign(b"\x00\x01\x02\x03"), client >> rst()), "client", "proven", BOTH,
           "unknown", (4, 5)),
    Speaks("tls-to-plaintext-port", "or a header that was not wanted", lambda _: story(BARE, HELLO, server << fin(), prelude=HEADER),
           "client", "likely", BOTH, "http", (4, 5)),

    Speaks("starttls-refused", "in words",
           lambda _: story(client >> fin(), prelude=REFUSED), "server", "proven", ("server", "network"), "", (4, 5, 6)),
    Speaks("starttls-refused", "by leaving it out",
           lambda _: story(client >> fin(), prelude=NOT_OFFERED), "server", "likely", ("server", "network"), "", (4, 5)),
    Speaks("proxy-refused", "in words", lambda _: story(server << fin(), prelude=PROXY), "server", "proven", ("client", "network"), "", (4, 5)),
]  # fmt: skip

SILENT = [
    Silent("plaintext-to-tls-port", "tls-to-plaintext-port", lambda _: story(HELLO, BARE)),
    Silent("plaintext-to-tls-port", "closed-without-answer", lambda _: story(HELLO, server << fin())),
    Silent("tls-to-plaintext-port", "plaintext-to-tls-port", lambda _: story(GET, PAGE)),
    Silent("tls-to-plaintext-port", "malformed-message", lambda _: story(HELLO, server << malformed("ends before its length"), client >> alert(50))),
    Silent("tls-to-plaintext-port", "proxy-refused", lambda _: story(HELLO, BARE, prelude=PROXY)),
    Silent("starttls-refused", "tls-to-plaintext-port", lambda _: story(HELLO, BANNER)),
    Silent("starttls-refused", "proxy-refused", lambda _: story(client >> fin(), prelude=PROXY)),
    Silent("proxy-refused", "starttls-refused", lambda _: story(client >> fin(), prelude=REFUSED)),
    Silent("proxy-refused", "connection-refused", lambda _: story(client >> syn(), server << rst())),
    Silent("proxy-refused", "cipher-mismatch",
           lambda _: story(HELLO, server << alert(40), prelude=Prelude("http-connect", (4, 5), "www.example.test:443"))),
]  # fmt: skip


@pytest.mark.parametrize("row", SPEAKS, ids=ids)
def test_speaks(row: Speaks, pki: SimpleNamespace) -> None:
    check(row, pki)


@pytest.mark.parametrize("row", SILENT, ids=ids)
def test_is_silent_beside_its_neighbour(row: Silent, pki: SimpleNamespace) -> None:
    check_silent(row, pki)


SPOILERS = {"control": b"\x1b]0;evil\x07\r\n", "braces": b"{client.address}\r\n", "binary": b"\xff" * 300, "long": b"A" * 5000}


@pytest.mark.parametrize("said", SPOILERS.values(), ids=SPOILERS)
def test_what_was_said_cannot_spoil_the_sentence(said: bytes) -> None:
    verdict = judged(story(HELLO, server << foreign(said), client >> rst()))
    assert verdict.cause == "tls-to-plaintext-port"
    assert len(verdict.title) < 300
    assert all(ord(char) >= 32 for char in verdict.title)
