"""Issuers fetched over the network: a real server on loopback that helps, lies, drips and never ends."""

from __future__ import annotations

import ast
import gzip
import ipaddress
import socket
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st
from issuers import Answer, Issuers, issuers, ok, redirect

import whytls.pki
from authority import AT, Issued, issue
from whytls.exceptions import InputError
from whytls.pki.fetch import Attempt, Fetched, Limits, certificates_in_answer, fetch_issuers, is_public

QUICK = Limits(seconds=1.0)


@pytest.fixture
def server() -> Iterator[Issuers]:
    with issuers() as running:
        yield running


def loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_loopback


def here(host: str, port: int, seconds: float) -> Sequence[str]:
    return ["127.0.0.1"]


def aia(*urls: str) -> tuple[x509.ExtensionType, ...]:
    method = x509.oid.AuthorityInformationAccessOID.CA_ISSUERS
    return (x509.AuthorityInformationAccess([x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for url in urls]),)


def fetch(leaf: Issued, **wanted: object) -> Fetched:
    return fetch_issuers([leaf.der], **{"at": AT, "allow": loopback, "limits": QUICK, **wanted})  # type: ignore[arg-type]


def one(leaf: Issued, **wanted: object) -> Attempt:
    found = fetch(leaf, **wanted)
    assert len(found.attempts) == 1
    return found.attempts[0]


def below(ca: Issued, *urls: str) -> Issued:
    return issue("shop.meadow.example", ca, extra=aia(*urls))


def test_issuers_are_fetched_up_to_the_root(server: Issuers, pki: SimpleNamespace) -> None:
    upper = issue("Upper", pki.root, ca=True, extra=aia(server.url("/root.der")))
    lower = issue("Lower", upper, ca=True, extra=aia(server.url("/upper.der")))
    server.answers = {"/lower.der": ok(lower.der), "/upper.der": ok(upper.der), "/root.der": ok(pki.root.der)}
    found = fetch(below(lower, server.url("/lower.der")))
    assert found.certificates == (lower.der, upper.der, pki.root.der)
    assert server.asked == ["/lower.der", "/upper.der", "/root.der"]
    assert [(a.problem, a.address) for a in found.attempts] == [("", "127.0.0.1")] * 3


def test_what_is_at_hand_is_not_fetched(server: Issuers, pki: SimpleNamespace) -> None:
    leaf = below(pki.middle, server.url("/middle.der"))
    assert fetch(leaf, known=[pki.middle.der, pki.root.der]) == Fetched()
    assert fetch(leaf, anchors=[pki.middle.der]) == Fetched()
    assert server.asked == []


@pytest.mark.parametrize("form", ["der", "pem", "p7c", "p7c pem", "chunked", "close", "wrong type"])
def test_every_form_of_answer(server: Issuers, pki: SimpleNamespace, form: str) -> None:
    bundle = [pki.root.certificate, pki.middle.certificate]
    der = pki.middle.der
    server.answers["/m"] = {
        "der": ok(der, "Content-Type: application/pkix-cert"),
        "pem": ok(b"a note\n" + pki.middle.pem.encode()),
        "p7c": ok(pkcs7.serialize_certificates(bundle, Encoding.DER)),
        "p7c pem": ok(pkcs7.serialize_certificates(bundle, Encoding.PEM)),
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(der), der),
        "close": b"HTTP/1.0 200 OK\r\n\r\n" + der,
        "wrong type": ok(der, "Content-Type: text/html; charset=utf-8"),
    }[form]
    attempt = one(below(pki.middle, server.url("/m")))
    assert attempt.problem == ""
    assert attempt.certificates[0] == der
    assert (pki.root.der in attempt.certificates) is form.startswith("p7c")


def test_the_next_address_is_asked_when_the_first_gives_nothing(server: Issuers, pki: SimpleNamespace) -> None:
    server.answers["/good"] = ok(pki.middle.der)
    found = fetch(below(pki.middle, "ldap://ca.meadow.example/cn=x", server.url("/absent"), server.url("/good")))
    assert [a.problem for a in found.attempts] == ["ldap: only http is fetched", "the answer is HTTP 404", ""]
    assert found.certificates == (pki.middle.der,)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://ca.meadow.example/1.cer", "only http"),
        ("file:///etc/passwd", "only http"),
        ("ca.meadow.example/1.cer", "only http"),
        ("http:///1.cer", "no host name"),
        ("http://user:secret@ca.meadow.example/1.cer", "no host name"),
        ("http://[::1/1.cer", "no URL"),
        ("http://ca.meadow.example:99999/1.cer", "no URL"),
        ("http://ca meadow/1.cer", "no host name"),
        ("http://ca.meadow.example/" + "a" * 3000, "longer than"),
    ],
)
def test_addresses_that_are_not_asked(server: Issuers, pki: SimpleNamespace, url: str, problem: str) -> None:
    assert problem in one(below(pki.middle, url), resolve=here).problem
    assert server.asked == []


@pytest.mark.parametrize(
    "inside",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::",
     "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "ff02::1",
     "2001:db8::1", "198.18.0.1", "192.0.2.1", "240.0.0.1"],
)  # fmt: skip
def test_inner_addresses_are_refused(server: Issuers, pki: SimpleNamespace, inside: str) -> None:
    assert not is_public(ipaddress.ip_address(inside))
    leaf = below(pki.middle, "http://ca.meadow.example/1.cer")
    attempt = one(leaf, allow=is_public, resolve=lambda *_: ["93.184.216.34", inside])
    assert f"ca.meadow.example has the address {inside}, which is not on the public internet" in attempt.problem
    assert attempt.address == ""


@pytest.mark.parametrize("outside", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(outside: str) -> None:
    assert is_public(ipaddress.ip_address(outside))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_every_way_to_write_loopback_is_refused_by_itself(server: Issuers, pki: SimpleNamespace, host: str) -> None:
    attempt = one(below(pki.middle, server.url("/m", host)), allow=is_public)
    assert "not on the public internet" in attempt.problem
    assert server.asked == []


def test_the_name_is_resolved_once_and_that_address_is_connected_to(server: Issuers, pki: SimpleNamespace) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    server.answers["/m"] = ok(pki.middle.der)
    attempt = one(below(pki.middle, f"http://rebind.example:{server.port}/m"), resolve=lambda *_: next(answers))
    assert (attempt.problem, attempt.address) == ("", "127.0.0.1")
    assert server.hosts == [f"rebind.example:{server.port}"]
    assert next(answers) == ["10.0.0.1"]


def test_redirects_are_followed_and_checked_again(server: Issuers, pki: SimpleNamespace) -> None:
    server.answers = {"/a": redirect("/b"), "/b": redirect(server.url("/c")), "/c": ok(pki.middle.der)}
    attempt = one(below(pki.middle, server.url("/a")))
    assert attempt.problem == ""
    assert attempt.redirects == (server.url("/b"), server.url("/c"))


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254, which is not"),
        ("http://127.0.0.2/", "127.0.0.2, which is not"),
        ("https://ca.meadow.example/", "only http"),
        ("file:///etc/passwd", "only http"),
        ("//[::1", "no HTTP that can be followed"),
        ("/loop", "redirects more than 3 times"),
    ],
)
def test_redirects_that_are_not_followed(server: Issuers, pki: SimpleNamespace, to: str, problem: str) -> None:
    server.answers = {"/loop": redirect(to)}
    only_here = ipaddress.ip_address("127.0.0.1")
    attempt = one(below(pki.middle, server.url("/loop")), allow=lambda address: address == only_here)
    assert problem in attempt.problem


def drip(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        connected.sendall(b"0")
        time.sleep(0.05)


def drip_header(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1000):
        connected.sendall(b"0")
        time.sleep(0.05)


def patient(connected: socket.socket) -> None:
    while True:
        connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.001)


def endless(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connected.sendall(bytes(65536))


def endless_chunks(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connected.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")


def endless_headers(connected: socket.socket) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connected.sendall(b"X: " + b"y" * 60_000 + b"\r\n")


def silent(connected: socket.socket) -> None:
    connected.recv(1)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (drip, "no complete answer within 1 seconds"),
        (drip_header, "no complete answer within 1 seconds"),
        (silent, "no complete answer within 1 seconds"),
        (patient, ""),
        (endless, "larger than"),
        (endless_chunks, "larger than"),
        (endless_headers, ""),
        (ok(b"x", "X: y")[:20], ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", "larger than 1048576 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n", "larger than 1048576 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n0", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"", "closed connection without response"),
        (ok(gzip.compress(bytes(5_000_000)), "Content-Encoding: gzip"), "compressed"),
        (ok(b"<!doctype html><title>Log in</title>"), "expected DER, PEM or PKCS #7"),
        (ok(b""), "expected DER, PEM or PKCS #7"),
        (ok(b"\x30\x84\xff\xff\xff\xff"), "damaged"),
        (ok(b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), "PKCS #7 that cannot be read"),
        (ok(b"-----BEGIN CERTIFICATE-----\nAAAA"), "damaged"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", "HTTP 500"),
    ],
)
def test_hostile_answers_end_soon_and_small(server: Issuers, pki: SimpleNamespace, answer: Answer, problem: str) -> None:
    server.answers["/m"] = answer
    leaf = below(pki.middle, server.url("/m"))
    tracemalloc.start()
    begun = time.monotonic()
    attempt = one(leaf)
    took = time.monotonic() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert attempt.problem
    assert problem in attempt.problem
    assert attempt.certificates == ()
    assert took < 2.5
    assert peak < 12_000_000


def test_a_certificate_that_issued_nothing_here_leads_no_further(server: Issuers, pki: SimpleNamespace) -> None:
    server.answers["/m"] = ok(pki.other.der)
    assert "did not issue the one that names it" in one(below(pki.middle, server.url("/m"))).problem


def test_a_chain_that_never_ends_is_left(server: Issuers) -> None:
    """Each issuer names a further one, made while it is asked for."""
    top = issue("Tower 60", ca=True)
    made = [top]
    for n in reversed(range(60)):
        made.append(issue(f"Tower {n}", made[-1], ca=True, extra=aia(server.url(f"/{n + 1}"))))
    server.answers = {f"/{60 - n}": ok(level.der) for n, level in enumerate(made)}
    found = fetch(below(made[-1], server.url("/0")), limits=Limits(seconds=2.0))
    assert len(found.attempts) == Limits().answers
    assert len(found.certificates) == Limits().answers


def test_a_circle_is_left(server: Issuers) -> None:
    one_ca, two_ca = issue("Circle One", ca=True), issue("Circle Two", ca=True)
    first = issue("Circle One", two_ca, ca=True, key=one_ca.key, extra=aia(server.url("/two")))
    second = issue("Circle Two", one_ca, ca=True, key=two_ca.key, extra=aia(server.url("/one")))
    server.answers = {"/one": ok(first.der), "/two": ok(second.der)}
    found = fetch(below(one_ca, server.url("/one")))
    assert found.certificates == (first.der, second.der)
    assert server.asked == ["/one", "/two"]


def test_many_silent_addresses_take_bounded_time(server: Issuers, pki: SimpleNamespace) -> None:
    server.answers = {f"/{n}": silent for n in range(50)}
    leaf = below(pki.middle, *(server.url(f"/{n}") for n in range(50)))
    begun = time.monotonic()
    found = fetch(leaf, limits=Limits(seconds=0.2, seconds_in_all=0.7))
    assert time.monotonic() - begun < 1.5
    assert 3 <= len(found.attempts) <= 5


def test_a_resolver_that_hangs_is_left_behind(pki: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def hanging(*_: object, **__: object) -> list[object]:
        time.sleep(3)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    begun = time.monotonic()
    assert "no complete answer" in one(below(pki.middle, "http://ca.meadow.example/"), limits=Limits(seconds=0.3)).problem
    assert time.monotonic() - begun < 1.5


def test_nobody_listens(server: Issuers, pki: SimpleNamespace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "no connection: Connection refused" in one(below(pki.middle, f"http://127.0.0.1:{port}/")).problem


def test_proxies_of_the_environment_are_not_used(server: Issuers, pki: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    server.answers["/m"] = ok(pki.middle.der)
    assert one(below(pki.middle, server.url("/m"))).problem == ""


def test_nothing_else_in_the_room_fetches() -> None:
    """Completing a chain never touches the network unless the caller calls ``fetch_issuers`` himself."""
    room = Path(whytls.pki.__file__).parent
    for path in room.rglob("*.py"):
        names = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        if path.name not in ("fetch.py", "live.py"):
            assert not names & {"socket", "http.client", "urllib.request", "whytls.pki.fetch"}, path


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"", b"\x30\x80", b"\x30\x0b\x06\x09", b"-----BEGIN ", b"-----BEGIN PKCS7-----\n"]), st.binary(max_size=200))
def test_any_answer_is_certificates_or_our_error(begin: bytes, rest: bytes) -> None:
    try:
        assert certificates_in_answer(begin + rest)
    except InputError as error:
        assert "answer" in error.problem  # noqa: PT017
