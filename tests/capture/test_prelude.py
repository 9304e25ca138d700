"""Where TLS begins behind each dialect, and what is said where it is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments import client_hello, server_hello

from whytls.capture.prelude import FOREIGN, LEADS, POSTGRESQL_REQUEST, PROXY_V2, TLS, Found, answers_plain_request, find, goes_on_without, opening

HELLO, ANSWER = client_hello(), server_hello()
LDAP_REQUEST = bytes.fromhex("301d02010177188016312e332e362e312e342e312e313436362e3230303337")
LDAP_GRANTED = bytes.fromhex("300c02010178070a010004000400")
LDAP_REFUSED = bytes.fromhex("3017020101" + "78120a01020400040b") + b"unsupported"
MYSQL_GREETING = b"\x4a\0\0\0\x0a8.0.36\0" + bytes(66)
MYSQL_REQUEST = b"\x20\0\0\1" + b"\x85\xae\x03\0" + bytes(28)
V2 = PROXY_V2 + b"\x21\x11\0\x0c" + bytes((192, 0, 2, 7, 10, 0, 0, 2)) + b"\x9c\x40\x01\xbb"
SOCKS4A = b"\x04\x01\x01\xbb\0\0\0\1me\0www.example.test\0"
SOCKS5_NAME = b"\x05\x01\0\x03\x10www.example.test\x01\xbb"

GRANTED = [
    ("smtp", b"EHLO me\r\nSTARTTLS\r\n", b"220 mail ready\r\n250-mail\r\n250 STARTTLS\r\n220 go ahead\r\n", None),
    ("smtp", b"EHLO me\r\nstarttls\r\n", b"220-mail\r\n220 ready\r\n250-mail\r\n250-SIZE 1\r\n250 OK\r\n220 go\r\n", None),
    ("imap", b"a1 CAPABILITY\r\na2 STARTTLS\r\n", b"* OK ready\r\n* CAPABILITY IMAP4\r\na1 OK done\r\na2 OK begin\r\n", None),
    ("pop3", b"CAPA\r\nSTLS\r\n", b"+OK ready\r\n+OK list\r\nUSER\r\nSTLS\r\n.\r\n+OK begin\r\n", None),
    ("ftp", b"AUTH TLS\r\n", b"220-hi\r\n220 ftp\r\n234 go\r\n", None),
    ("ldap", LDAP_REQUEST, LDAP_GRANTED, None),
    ("postgresql", POSTGRESQL_REQUEST, b"S", None),
    ("mysql", MYSQL_REQUEST, MYSQL_GREETING, None),
    ("xmpp", b"<?xml version='1.0'?><stream:stream to='x'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     b"<?xml version='1.0'?><stream:stream><stream:features><starttls xmlns='x'/></stream:features><proceed xmlns='x'/>", None),
    ("http-connect", b"CONNECT www.example.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nVia: p\r\n\r\n", "www.example.test:443"),
    ("http-connect", b"CONNECT a:1 HTTP/1.1\r\n\r\nCONNECT a:1 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n",
     b"HTTP/1.1 407 Who?\r\nContent-Length: 4\r\n\r\nnoneHTTP/1.1 200 OK\r\n\r\n", "a:1"),
    ("socks4", b"\x04\x01\x01\xbb\x5d\xb8\xd8\x22me\0", b"\0\x5a" + bytes(6), "93.184.216.34:443"),
    ("socks4", SOCKS4A, b"\0\x5a" + bytes(6), "www.example.test:443"),
    ("socks5", b"\x05\x01\0" + SOCKS5_NAME, b"\x05\0\x05\0\0\x01" + bytes(6), "www.example.test:443"),
    ("socks5", b"\x05\x02\0\x02\x01\x02me\x02pw" + SOCKS5_NAME, b"\x05\x02\x01\0\x05\0\0\x01" + bytes(6), "www.example.test:443"),
    ("proxy-v1", b"PROXY TCP4 192.0.2.7 10.0.0.2 40000 443\r\n", b"", "192.0.2.7:40000"),
    ("proxy-v2", V2, b"", "192.0.2.7:40000"),
]  # fmt: skip

REFUSED = [
    ("smtp", b"EHLO me\r\nSTARTTLS\r\n", b"220 mail\r\n250 mail\r\n454 TLS not available\r\n", "454 TLS not available"),
    ("imap", b"a2 STARTTLS\r\n", b"* OK ready\r\na2 BAD unknown\x07 command\r\n", "a2 BAD unknown command"),
    ("pop3", b"STLS\r\n", b"+OK ready\r\n-ERR no\r\n", "-ERR no"),
    ("ftp", b"AUTH TLS\r\nUSER me\r\n", b"220 ftp\r\n500 what?\r\n331 go on\r\n", "500 what?"),
    ("ldap", LDAP_REQUEST, LDAP_REFUSED, "result code 2: unsupported"),
    ("postgresql", POSTGRESQL_REQUEST, b"N", "N (the server is not configured for TLS)"),
    ("xmpp", b"<stream:stream><starttls xmlns='x'/>", b"<stream:stream><failure xmlns='x'/></stream:stream>", "<failure xmlns='x'/>"),
    ("http-connect", b"CONNECT a:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 403 Forbidden"),
    ("socks4", b"\x04\x01\x01\xbb\x5d\xb8\xd8\x22\0", b"\0\x5b" + bytes(6), "request rejected or failed"),
    ("socks5", b"\x05\x01\0", b"\x05\xff", "no acceptable way to authenticate"),
    ("socks5", b"\x05\x01\0" + SOCKS5_NAME, b"\x05\0\x05\x05\0\x01" + bytes(6), "connection refused"),
    ("socks5", b"\x05\x01\x02\x01\x02me\x02pw", b"\x05\x02\x01\x01", "user name or password refused"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "client", "server", "target"), GRANTED)
def test_tls_begins_where_the_dialect_ends(kind: str, client: bytes, server: bytes, target: str | None) -> None:
    assert find(client + HELLO, server + ANSWER) == Found(kind, len(client), len(server), target)
    assert opening(client) == LEADS or opening(server) == LEADS


@pytest.mark.parametrize(("kind", "client", "server", "words"), REFUSED)
def test_a_refusal_is_quoted(kind: str, client: bytes, server: bytes, words: str) -> None:
    found = find(client, server)
    assert found is not None
    assert (found.kind, found.upgraded, found.refusal) == (kind, False, words)


def test_dialects_inside_each_other() -> None:
    inside = find(b"PROXY TCP4 192.0.2.7 10.0.0.2 40000 25\r\nEHLO me\r\nSTARTTLS\r\n" + HELLO, b"220 x\r\n250 y\r\n220 go\r\n" + ANSWER)
    assert inside is not None
    assert (inside.kind, inside.target, inside.upgraded) == ("smtp", "192.0.2.7:40000", True)


def test_plain_dialects_that_nobody_upgrades_are_none_of_ours() -> None:
    assert find(b"EHLO me\r\nMAIL FROM:<a@b>\r\n", b"220 x\r\n250 y\r\n250 ok\r\n") is None
    assert find(HELLO, b"220 mail ready\r\n") is None
    assert find(HELLO, ANSWER) is None
    assert find(b"", b"220 x\r\n") is None
    assert find(MYSQL_REQUEST[:4] + bytes(40), MYSQL_GREETING) is None


def test_the_same_tag_for_all_commands() -> None:
    client, server = b". CAPABILITY\r\n. STARTTLS\r\n", b"* OK hi\r\n* CAPABILITY IMAP4rev1\r\n. OK listed\r\n. OK begin\r\n"
    assert find(client + HELLO, server + ANSWER) == Found("imap", len(client), len(server))


@pytest.mark.parametrize(
    ("client", "server", "rest", "without"),
    [
        (POSTGRESQL_REQUEST, b"N", b"\0\0\0\x29\0\3\0\0user\0me\0", True), (POSTGRESQL_REQUEST, b"N", b"X\0\0\0\x04", False),
        (b"STARTTLS\r\n", b"220 x\r\n454 no\r\n", b"MAIL FROM:<a@b>\r\n", True), (b"STARTTLS\r\n", b"220 x\r\n454 no\r\n", b"QUIT\r\n", False),
        (b"a1 STARTTLS\r\n", b"* OK x\r\na1 BAD\r\n", b"a2 LOGOUT\r\n", False), (b"a1 STARTTLS\r\n", b"* OK x\r\na1 BAD\r\n", HELLO, False),
        (LDAP_REQUEST, LDAP_REFUSED, b"\x30\x05\x02\x01\x02\x42\x00", False), (LDAP_REQUEST, LDAP_REFUSED, b"\x30\x0c\x02\x01\x02\x60\x07", True),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 No\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", False),
        (b"STARTTLS\r\n", b"220 x\r\n454 no\r\n", b"", False),
    ],
)  # fmt: skip
def test_who_goes_on_in_plain_text_had_only_asked(client: bytes, server: bytes, rest: bytes, without: bool) -> None:
    found = find(client + rest, server)
    assert found is not None
    assert not found.upgraded
    assert goes_on_without(found, client + rest) is without


def test_no_answer_is_no_refusal_in_words() -> None:
    for client, server in ((b"EHLO me\r\nSTARTTLS\r\n", b"220 x\r\n250 y\r\n"), (b"CONNECT a:1 HTTP/1.1\r\n\r\n", b""), (POSTGRESQL_REQUEST, b"")):
        found = find(client, server)
        assert found is not None
        assert (found.upgraded, found.refusal) == (False, None)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (HELLO, TLS), (HELLO[:1], TLS), (b"\x15\3\1\0\2\2\x28", TLS), (b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + bytes(40), TLS),
        (b"\x14\3\3\0\1\1", TLS), (b"SSH-2.0-x\r\n", FOREIGN), (b"GET / HTTP/1.1\r\n", FOREIGN), (b"\x80", FOREIGN), (b"\x05\x01\0", LEADS),
        (b"HTTP/1.1 200 OK\r\n", FOREIGN), (b"\x17\3\3\0\5", FOREIGN),
    ],
)  # fmt: skip
def test_first_bytes(head: bytes, kind: int) -> None:
    assert opening(head) == kind


def test_answers_of_servers_that_want_tls() -> None:
    assert answers_plain_request(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    assert not answers_plain_request(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert not answers_plain_request(b"HTTP/1.1 200 OK\r\n\r\nHTTPS")


@given(
    st.sampled_from([*GRANTED, *REFUSED]), st.integers(0, 200), st.integers(0, 200), st.integers(0, 255), st.booleans()
)
def test_damaged_preludes_raise_nothing_and_stay_inside(case: tuple[str, bytes, bytes, object], a: int, b: int, value: int, cut: bool) -> None:
    _, client, server, _ = case
    if cut:
        client, server = client[:a], server[:b]
    else:
        client = client[:a] + bytes([value]) + client[a + 1 :]
        server = server[:b] + bytes([value]) + server[b + 1 :]
    found = find(client, server)
    if found is not None:
        assert found.client_at >= 0
        assert found.server_at >= 0
        assert found.target is None or found.target.isprintable()


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_anything_can_be_looked_at(client: bytes, server: bytes) -> None:
    find(client, server)
    if client:
        assert opening(client) in (FOREIGN, LEADS, TLS)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"EHLO " + b"a" * 60_000, b"220 " + b"\n" * 60_000), (b"EHLO\n" * 12_000, b"220 x\n" * 10_000), (b"<?xml" + b"<starttls" * 7000, b""),
        (b"<?xml<starttls/>", b"<failure " * 7000), (b"CONNECT a:1 HTTP/1.1\r\n\r\n" * 2000, b"HTTP/1.1 407 x\r\n\r\n" * 3000),
        (LDAP_REQUEST, b"\x30\x84\0\0\xff\0" + b"\x78\x0a" * 30_000), (b"CONNECT " + b"a" * 60_000, b""), (b"STARTTLS " * 7000 + b"\n", b"220 x\n"),
    ],
)  # fmt: skip
def test_long_preludes_cost_no_more_than_their_length(client: bytes, server: bytes) -> None:
    begun = time.process_time()
    find(client, server)
    assert time.process_time() - begun < 0.5
