"""Each dialect spoken to servers that say yes, no, and anything else, in any pieces; and read as a recording of the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.capture import prelude
from whytls.pki.readers.live import Address
from whytls.probing import dialogue
from whytls.probing.dialects import upgrade
from whytls.probing.dialogue import Refused, Result, Talk, Upgraded
from whytls.probing.proxies import http_connect, proxy_header, socks4, socks5
from whytls.probing.target import PORTS

TLS = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(60)
NAME = "mail.maple.test"
WANTED = Address(NAME, 443)


class Said(NamedTuple):
    """A conversation that has ended."""

    result: Result
    client: bytes
    server: bytes  # what was taken of the server's
    pieces: int


def converse(talk: Talk, pieces: Iterable[bytes]) -> Said:
    """Speaks with a server that says these pieces and closes."""
    client, server, count, received = b"", b"", 0, None
    rest = iter(pieces)
    while True:
        try:
            client += talk.send(received)
        except StopIteration as stop:
            result: Result = stop.value
            return Said(result, client + (result.last if isinstance(result, Upgraded) else b""), server, count)
        received = next(rest, b"")
        server += received
        count += bool(received)


def mysql_greeting(flags: int = 0xFFFE) -> bytes:
    body = b"\x0a10.11.6-MariaDB\0" + b"\x07\0\0\0" + b"scramble" + b"\0" + flags.to_bytes(2, "little") + b"\x08\x02\0" + bytes(30)
    return len(body).to_bytes(3, "little") + b"\0" + body


FEATURES = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='7' from='mail.maple.test'>"
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><mechanisms xmlns='x'/></stream:features>"
)
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
YES: dict[str, bytes] = {
    "smtp": b"220-mail.maple.test ESMTP\r\n220 ready\r\n250-mail.maple.test\r\n250-SIZE 100\r\n250 STARTTLS\r\n220 2.0.0 Ready to start TLS\r\n",
    "lmtp": b"220 mail.maple.test LMTP\r\n250-mail.maple.test\r\n250 STARTTLS\r\n220 Begin TLS\r\n",
    "imap": b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n* 3 EXISTS\r\na1 OK Begin TLS negotiation now.\r\n",
    "pop3": b"+OK ready <1.2@mail.maple.test>\r\n+OK Begin TLS negotiation now.\r\n",
    "ftp": b"220-files\r\n  of all kinds\r\n220 (vsFTPd 3.0.3)\r\n234 Proceed with negotiation.\r\n",
    "nntp": b"200 news.maple.test ready, posting allowed\r\n382 Continue with TLS negotiation\r\n",
    "sieve": b'"IMPLEMENTATION" "Pigeonhole"\r\n"STARTTLS"\r\n"SASL" ""\r\nOK "ready."\r\nOK "Begin TLS negotiation now."\r\n',
    "ldap": bytes.fromhex("300c02010178070a010004000400"),
    "postgresql": b"S",
    "mysql": mysql_greeting(),
    "xmpp": FEATURES + PROCEED,
    "xmpp-server": FEATURES.replace(b"jabber:client", b"jabber:server") + PROCEED,
    "http-connect": b"HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n",
    "socks4": b"\0\x5a\0\0\0\0\0\0",
    "socks5": b"\x05\0\x05\0\0\x01\x7f\0\0\x01\x12\x34",
    "socks5-login": b"\x05\x02\x01\0\x05\0\0\x03\x04host\x12\x34",
}
NO: dict[str, list[tuple[bytes, str, str]]] = {  # what is said, the reason, the words
    "smtp": [
        (b"554 5.3.2 go away\r\n", "refused", "554 5.3.2 go away"),
        (b"220 x\r\n502 no EHLO here\r\n", "refused", "502 no EHLO here"),
        (b"220 x\r\n250-x\r\n250 SIZE\r\n502 5.5.1 Error: command not implemented\r\n", "not-offered", "502 5.5.1 Error: command not implemented"),
        (b"220 x\r\n250-x\r\n250 STARTTLS\r\n454 4.7.0 TLS not\x1b[31m available\r\n", "refused", "454 4.7.0 TLS not [31m available"),
        (b"220 x\r\n", "closed", ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign", "SSH-2.0-OpenSSH_9.2"),
    ],
    "imap": [
        (b"* BYE overloaded\r\n", "refused", "* BYE overloaded"),
        (b"* OK x\r\na1 BAD TLS support isn't enabled.\r\n", "refused", "a1 BAD TLS support isn't enabled."),
        (b"* OK x\r\n* BYE idle for too long\r\n", "refused", "* BYE idle for too long"),
    ],
    "pop3": [(b"-ERR no\r\n", "refused", "-ERR no"), (b"+OK\r\n-ERR TLS support isn't enabled.\r\n", "refused", "-ERR TLS support isn't enabled.")],
    "ftp": [(b"220 x\r\n530 Please login with USER and PASS.\r\n", "refused", "530 Please login with USER and PASS.")],
    "nntp": [(b"200 x\r\n580 no TLS\r\n", "refused", "580 no TLS"), (b"502 no\r\n", "refused", "502 no")],
    "sieve": [(b'"SASL" ""\r\nOK\r\nNO "unknown"\r\n', "not-offered", 'NO "unknown"'), (b'BYE "later"\r\n', "refused", 'BYE "later"')],
    "ldap": [
        (bytes.fromhex("301e02010178190a010204000412") + b"no such operation!", "refused", "result code 2: no such operation!"),
        (bytes.fromhex("300f020100780a0a013404000403") + b"bye", "refused", "result code 52: bye"),
        (b"\x30\x84\x7f\xff\xff\xff", "endless", "an LDAP message of 2147483647 bytes"),
        (b"\x30\x80\0\0", "foreign", "0\ufffd"),
        (b"\x15\x03\x01\0\x02\x02\x50", "foreign", "TLS, without being asked for it"),
    ],
    "postgresql": [
        (b"N", "refused", "N (the server is not configured for TLS)"),
        (b"E\0\0\0\x1cSFATAL\0C0A000\0Mtoo old\0\0", "refused", "too old"),
        (b"HTTP/1.1 400\r\n", "foreign", "HTTP/1.1 400"),
    ],
    "mysql": [
        (mysql_greeting(0xFFFE & ~0x800), "not-offered", "10.11.6-MariaDB greets without the flag CLIENT_SSL"),
        (b"\x12\0\0\0\xff\x69\x04Host is blocked", "refused", "error 1129: Host is blocked"),
        (b"\xff\xff\xff\0\x0a", "foreign", "\ufffd" * 3),
    ],
    "xmpp": [
        (FEATURES.replace(b"starttls", b"sm"), "not-offered", "its stream features are sm, required, mechanisms"),
        (FEATURES + b"<failure xmlns='x'/>", "refused", "<failure xmlns='x'/>"),
        (
            b"<stream:stream><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>no such host</text></stream:error>",
            "refused", "stream error: host-unknown: no such host",
        ),
        (b"HTTP/1.1 400 <b>", "foreign", "HTTP/1.1 400 <b>"),
    ],
    "http-connect": [
        (b"HTTP/1.0 403 Filtered\r\nContent-Length: 5\r\n\r\nnever", "refused", "HTTP/1.0 403 Filtered"),
        (
            b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=x\r\n\r\n", "refused",
            "HTTP/1.1 407 Login (it asks for Negotiate, Basic)",
        ),
        (b"SSH-2.0\r\n", "foreign", "SSH-2.0"),
    ],
    "socks4": [(b"\0\x5b\0\0\0\0\0\0", "refused", "request rejected or failed"), (b"\x05\xff", "foreign", "\N{REPLACEMENT CHARACTER}")],
    "socks5": [
        (b"\x05\xff", "refused", "no acceptable way to authenticate (no user name and password were given)"),
        (b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0", "refused", "connection refused"),
        (b"\x05\0\x05\x63\0\x01", "refused", "code 99"),
        (b"\x05\x02", "foreign", ""),
        (b"HTTP/1.1 400\r\n", "foreign", "HTTP/1.1 400"),
    ],
    "socks5-login": [
        (b"\x05\x02\x01\x01", "refused", "user name or password refused"),
        (b"\x05\xff", "refused", "no acceptable way to authenticate"),
    ],
}  # fmt: skip
OTHERS: dict[str, Callable[[], Talk]] = {
    "http-connect": lambda: http_connect(WANTED, "ada", "hush"),
    "socks4": lambda: socks4(WANTED, "ada"),
    "socks5": lambda: socks5(WANTED),
    "socks5-login": lambda: socks5(WANTED, "ada", "hush"),
}


def begun(dialect: str) -> Talk:
    return upgrade(dialect, NAME, "192.0.2.7") if dialect in PORTS else OTHERS[dialect]()


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes in pieces, none empty."""
    places = sorted({0, len(data), *(at % (len(data) + 1) for at in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def test_every_dialect_is_here() -> None:
    assert set(YES) == set(PORTS) | set(OTHERS)
    assert set(NO) >= set(PORTS) - {"lmtp", "xmpp-server"} | set(OTHERS)


@pytest.mark.parametrize("dialect", YES)
@given(cuts=st.lists(st.integers(0, 10_000), max_size=30), behind=st.binary(max_size=20))
def test_a_yes_is_understood_in_any_pieces(dialect: str, cuts: list[int], behind: bytes) -> None:
    said = converse(begun(dialect), cut(YES[dialect] + behind, cuts))
    assert isinstance(said.result, Upgraded), said
    assert said.result.leftover == (said.server[len(YES[dialect]) :])
    assert said.server.startswith(YES[dialect])


@pytest.mark.parametrize(("dialect", "answer", "reason", "words"), [(dialect, *case) for dialect, cases in NO.items() for case in cases])
@given(cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_a_no_is_told_in_the_other_ends_words(dialect: str, answer: bytes, reason: str, words: str, cuts: list[int]) -> None:
    said = converse(begun(dialect), cut(answer, cuts))
    assert isinstance(said.result, Refused)
    assert said.result.reason == reason
    if reason != "foreign" or not cuts:  # what is foreign is told by the piece in which it is seen
        assert said.result.words == words


@pytest.mark.parametrize("dialect", YES)
@given(data=st.data())
def test_nothing_that_a_server_says_is_too_much(dialect: str, data: st.DataObject) -> None:
    good = YES[dialect]
    at = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode), st.sampled_from([good, *YES.values()])))
    server = good[:at] + noise + good[at + data.draw(st.integers(0, 9)) :]
    said = converse(begun(dialect), cut(server, data.draw(st.lists(st.integers(0, 10_000), max_size=10))))
    if isinstance(said.result, Refused):
        assert said.result.words.isprintable()
        assert len(said.result.words) <= 300


ENDLESS = [
    b"220-a\r\n", b"250-a\r\n", b"* a\r\n", b"+OK", b"x", b"220 ", b'"a"\r\n', b"<a>", b"<stream:features>", b"<features ", b">", b"\x30\x82\x20\0",
    b"\0", b"E\0\0\x20\0", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n", b"120 a\r\n", b"\x05\0\x05\0\0\x03\xff",
]  # fmt: skip


@pytest.mark.parametrize("dialect", YES)
@pytest.mark.parametrize("endless", ENDLESS)
@pytest.mark.parametrize("before", [0, 1])
def test_endless_words_are_left(dialect: str, endless: bytes, before: int) -> None:
    def server(size: int) -> Iterable[bytes]:
        yield from [re.split(rb"(?<=\n)", YES[dialect])[0]] * before
        while True:
            yield endless * (size // len(endless) + 1)

    for size in (1, 4000):
        said = converse(begun(dialect), server(size))
        assert len(said.server) <= dialogue.MOST + size + len(endless) + 200
        assert said.pieces <= dialogue.MOST_PIECES + 2


# ------------------------------------------------------------------ as a recording tells it

KNOWN = {"smtp", "imap", "pop3", "ftp", "ldap", "postgresql", "mysql", "xmpp", "http-connect", "socks4", "socks5", "socks5-login"}


@pytest.mark.parametrize("dialect", sorted(KNOWN))
def test_a_recording_of_a_yes_is_read_as_the_same(dialect: str) -> None:
    said = converse(begun(dialect), [YES[dialect]])
    assert isinstance(said.result, Upgraded)
    found = prelude.find(said.client + TLS, said.server + TLS)
    assert found is not None
    assert (found.kind, found.upgraded) == (dialect.removesuffix("-login"), True)
    assert found.target == said.result.target
    assert said.client[found.client_at :] == b""  # TLS begins where it does in the recording
    if dialect != "imap":
        assert found.server_at == len(said.server)


@pytest.mark.parametrize(
    ("dialect", "answer"),
    [(dialect, answer) for dialect in sorted(KNOWN) for answer, reason, _ in NO.get(dialect, []) if reason in ("refused", "not-offered")],
)
def test_a_recording_of_a_no_has_the_same_words(dialect: str, answer: bytes) -> None:
    said = converse(begun(dialect), [answer])
    assert isinstance(said.result, Refused)
    found = prelude.find(said.client, said.server)
    if found is None or found.refusal is None:
        return  # the recording holds no request for TLS, or no answer to it
    assert (found.kind, found.upgraded) == (dialect.removesuffix("-login"), False)
    assert said.result.words.startswith(found.refusal.partition(" (")[0])


# ------------------------------------------------------------------ what is sent


def test_what_is_said_to_servers() -> None:
    said = {dialect: converse(begun(dialect), [YES[dialect]]).client for dialect in YES}
    assert said["smtp"] == b"EHLO [192.0.2.7]\r\nSTARTTLS\r\n"
    assert said["lmtp"].startswith(b"LHLO ")
    assert said["ldap"] == bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
    assert len(said["mysql"]) == 36
    assert b"to='mail.maple.test'" in said["xmpp"]
    assert b"xmlns='jabber:server'" in said["xmpp-server"]
    assert said["http-connect"] == (
        b"CONNECT mail.maple.test:443 HTTP/1.1\r\nHost: mail.maple.test:443\r\nProxy-Authorization: Basic YWRhOmh1c2g=\r\n\r\n"
    )
    assert said["socks4"] == b"\x04\x01\x01\xbb\0\0\0\x01ada\0mail.maple.test\0"
    assert said["socks5-login"] == b"\x05\x02\0\x02\x01\x03ada\x04hush\x05\x01\0\x03\x0fmail.maple.test\x01\xbb"


def test_a_preliminary_reply_is_not_the_greeting() -> None:
    said = converse(begun("ftp"), [b"120 ready in a minute\r\n", YES["ftp"]])
    assert isinstance(said.result, Upgraded)
    assert said.client == b"AUTH TLS\r\n"


def test_addresses_are_written_as_the_proxies_want_them() -> None:
    assert converse(socks4(Address("192.0.2.7", 25)), [YES["socks4"]]).client == b"\x04\x01\0\x19\xc0\0\x02\x07\0"
    assert converse(socks5(Address("2001:db8::7", 25)), [YES["socks5"]]).client.endswith(b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x07\0\x19")
    assert converse(http_connect(Address("2001:db8::7", 25)), [YES["http-connect"]]).client.startswith(b"CONNECT [2001:db8::7]:25 HTTP/1.1\r\n")
    assert converse(upgrade("smtp", "", "2001:db8::7"), [YES["smtp"]]).client.startswith(b"EHLO [IPv6:2001:db8::7]\r\n")
    assert converse(upgrade("xmpp", "a'b<c&", ""), [YES["xmpp"]]).client.count(b"to='a&apos;b&lt;c&amp;' ") == 1


FOUR, SIX = Address("192.0.2.7", 40000), Address("2001:db8::7", 40000)


@pytest.mark.parametrize(
    ("version", "source", "to", "expected"),
    [
        ("v1", None, None, b"PROXY UNKNOWN\r\n"),
        ("v1", FOUR, Address("192.0.2.9", 443), b"PROXY TCP4 192.0.2.7 192.0.2.9 40000 443\r\n"),
        ("v1", FOUR, SIX, b"PROXY TCP6 ::ffff:c000:207 2001:db8::7 40000 40000\r\n"),
        ("v1", SIX, None, b"PROXY TCP6 2001:db8::7 :: 40000 0\r\n"),
        ("v2", None, None, prelude.PROXY_V2 + b"\x20\0\0\0"),
        ("v2", FOUR, Address("192.0.2.9", 443), prelude.PROXY_V2 + bytes.fromhex("2111000cc0000207c00002099c4001bb")),
    ],
)
def test_headers_of_the_proxy_protocol(version: str, source: Address | None, to: Address | None, expected: bytes) -> None:
    said = converse(proxy_header(version, source, to), [])
    assert (said.client, said.pieces) == (expected, 0)
    found = prelude.find(said.client + TLS, TLS)
    assert found is not None
    assert (found.kind, found.client_at) == (f"proxy-{version}", len(expected))
    if source is not None:
        assert found.target is not None
        assert found.target.endswith(":40000")
