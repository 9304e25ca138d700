"""Endpoints on loopback: what they show, with a name and without, and what is said of those that show nothing."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import given
from hypothesis import strategies as st

import whytls
from authority import NOON, issue
from whytls import CheckResult, UsageError
from whytls.checking import endpoint
from whytls.checking.endpoint import shown
from whytls.exceptions import InputError
from whytls.pki.readers import live
from whytls.pki.readers.live import Address, address
from whytls.probing.limits import Limits
from whytls.wire.registry import version_name

Put = Callable[..., str]
Handler = Callable[[socket.socket], None]
HOST = "shop.meadow.example"


@contextmanager
def listening(handle: Handler) -> Iterator[int]:
    """A server on loopback that hands every connection to ``handle``."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one(connected: socket.socket) -> None:
            with connected:
                connected.settimeout(10)
                try:
                    handle(connected)
                except OSError:
                    return  # the client had enough

        def accept() -> None:
            while True:
                try:
                    connected, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connected,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def tls(chain: str, **wanted: object) -> Handler:
    """A TLS server that presents this file; ``other``: another one for those who send no name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    for name, value in wanted.items():
        setattr(context, name, value)

    def handle(connected: socket.socket) -> None:
        with context.wrap_socket(connected, server_side=True) as secured:
            secured.recv(1)

    return handle


def one(port: int, **wanted: object) -> CheckResult:
    (result,) = whytls.check(f"127.0.0.1:{port}", **{"at": NOON, **wanted})  # type: ignore[arg-type]
    return result


def test_the_chain_is_taken_as_it_is_sent(put: Put, pki: SimpleNamespace) -> None:
    with listening(tls(put("a.pem", pki.server, pki.middle, key=pki.server))) as port:
        result = one(port, trust=put("root.pem", pki.root), expect_host=HOST)
    assert result.chain == (pki.server.der, pki.middle.der)
    assert (result.kind, result.level) == ("endpoint", None)
    assert any("TLS 1.3" in note for note in result.notes)
    assert all(decision.accepted for decision in result.decisions)


def test_what_is_wrong_with_it_is_told(put: Put, pki: SimpleNamespace) -> None:
    with listening(tls(put("a.pem", pki.server, key=pki.server))) as port:
        result = one(port, expect_host="other.example")
    assert {(p.cause, p.level) for p in result.problems} == {("chain-incomplete", "failure"), ("certificate-name-mismatch", "failure")}
    assert result.problems[0].evidence[0].file == f"127.0.0.1:{port}"


def test_the_name_of_the_endpoint_is_the_name_that_is_called(put: Put, pki: SimpleNamespace) -> None:
    with listening(tls(put("a.pem", pki.server, pki.middle, key=pki.server))) as port:
        (result,) = whytls.check(f"localhost:{port}", at=NOON)
    assert result.host == "localhost"
    assert [p.cause for p in result.problems] == ["certificate-name-mismatch"]


def test_another_certificate_without_a_name_is_told(put: Put, pki: SimpleNamespace) -> None:
    named, plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    named.load_cert_chain(put("a.pem", pki.server, pki.middle, key=pki.server))
    plain.load_cert_chain(put("b.pem", pki.client, pki.middle, key=pki.client))

    def choose(secured: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name == HOST:
            secured.context = named

    plain.sni_callback = choose

    def handle(connected: socket.socket) -> None:
        with plain.wrap_socket(connected, server_side=True) as secured:
            secured.recv(1)

    with listening(handle) as port:
        result = one(port, expect_host=HOST)
    assert result.subject.startswith(f"CN={HOST}")
    assert any("without server_name" in note and "CN=till 7" in note for note in result.notes)


def test_a_server_that_wants_a_name_is_told(put: Put, pki: SimpleNamespace) -> None:
    def choose(secured: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        return None if name == HOST else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    handle = tls(put("a.pem", pki.server, pki.middle, key=pki.server), sni_callback=choose)
    with listening(handle) as port:
        result = one(port, expect_host=HOST)
        other = one(port, expect_host="other.example")
    assert any("unrecognized_name" in note and "sni-missing" in note for note in result.notes)
    assert [(p.cause, p.confidence) for p in other.problems] == [("sni-unknown", "proven")]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_that_is_wanted_is_told(put: Put, pki: SimpleNamespace, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(put("a.pem", pki.server, pki.middle, key=pki.server))
    context.load_verify_locations(put("root.pem", pki.root))
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version

    def handle(connected: socket.socket) -> None:
        with context.wrap_socket(connected, server_side=True) as secured:
            secured.recv(1)

    with listening(handle) as port:
        result = one(port)
    assert result.chain == (pki.server.der, pki.middle.der)
    assert result.level is None
    assert any("asks for a client certificate and names no CA" in note for note in result.notes)


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "tls-to-plaintext-port", "HTTP"),
        (b"220 mail.example ESMTP\r\n", "tls-to-plaintext-port", "SMTP"),
        (b"SSH-2.0-OpenSSH_9\r\n", "tls-to-plaintext-port", "SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol-mismatch", "TLS 1.3"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "sni-missing", "no server_name"),
        (b"\x16\x03\x03\xff\xff" + bytes(70_000), "malformed-message", "contradicts itself"),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", "malformed-message", "contradicts itself"),
    ],
)
def test_what_shows_no_certificate_is_named(answer: bytes, cause: str, words: str) -> None:
    def handle(connected: socket.socket) -> None:
        connected.recv(4096)
        connected.sendall(answer)
        while connected.recv(4096):
            pass

    with listening(handle) as port:
        result = one(port)
    (problem,) = result.problems
    assert (problem.cause, result.chain, problem.level) == (cause, (), "failure")
    assert words in problem.title
    assert problem.fix is not None
    assert problem.evidence[0].file == f"127.0.0.1:{port} attempt 1"


def test_an_end_that_closes_or_resets_or_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def close(connected: socket.socket) -> None:
        connected.recv(4096)

    def reset(connected: socket.socket) -> None:
        connected.recv(1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    def silent(connected: socket.socket) -> None:
        while connected.recv(4096):
            pass

    with listening(close) as port:
        assert one(port).problems[0].cause == "closed-without-answer"
    with listening(reset) as port:
        assert one(port).problems[0].cause == "connection-reset"
    with listening(silent) as port:
        began = time.monotonic()
        monkeypatch.setattr(endpoint, "LIMITS", Limits(connect=1, answer=0.2, total=0.5, connections=24))
        assert one(port).problems[0].cause == "handshake-timeout"
        assert time.monotonic() - began < 8
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    assert one(free).problems[0].cause == "connection-refused"


def test_a_server_that_never_ends_is_left() -> None:
    def handle(connected: socket.socket) -> None:
        connected.recv(4096)
        while True:
            connected.sendall(b"\x16\x03\x03\x40\x00" + b"\x0b\xff\xff\xff" + bytes(16380))

    with listening(handle) as port:
        found = shown(Address("127.0.0.1", port), None, limits=Limits(connect=1, answer=1, total=2, most_bytes=100_000, connections=3))
    assert found.chain == ()


def test_every_address_is_tried(put: Put, pki: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(tls(put("a.pem", pki.server, pki.middle, key=pki.server))) as port:
        places = [(socket.AF_INET, ("127.0.0.2", 1)), (socket.AF_INET6, ("::1", 1, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
        monkeypatch.setattr(live.socket, "getaddrinfo", lambda *_a, **_k: [(family, 1, 6, "", where) for family, where in places])
        found = shown(Address("shop.meadow.example", port), HOST)
    assert (found.address, found.chain) == ("127.0.0.1", (pki.server.der, pki.middle.der))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.example:443", Address("a.example", 443)), ("[::1]:8443", Address("::1", 8443)), ("10.0.0.7:1", Address("10.0.0.7", 1)),
        ("::1:443", None), ("a.example", None), ("dir/a:443", None), ("c:\\x:1", None), (":443", None), ("a:x", None), ("a b:1", None),
    ],
)  # fmt: skip
def test_what_an_endpoint_looks_like(text: str, wanted: Address | None) -> None:
    assert address(text) == wanted
    if wanted is not None:
        assert str(wanted) == text


@given(st.text(max_size=40))
def test_any_text_is_an_endpoint_or_none(text: str) -> None:
    for form in (text, f"{text}:443", f"[{text}]:443", f"a:{text}"):
        try:
            found = address(form)
        except UsageError:
            continue
        assert found is None or 0 < found.port < 65536


def test_a_name_that_leads_nowhere_is_an_error_of_the_call() -> None:
    with pytest.raises(InputError, match="cannot be resolved"):
        list(whytls.check("nowhere.invalid:443"))
    with pytest.raises(UsageError, match="no port"):
        whytls.check("a.example:70000")


@pytest.fixture
def s_server(put: Put, pki: SimpleNamespace) -> Iterator[Callable[..., int]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        chain = put(f"s{port}.pem", pki.server, pki.middle, key=pki.server)
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", chain, "-cert_chain", chain, "-quiet", *words]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        return port

    yield start
    for process in started:
        process.kill()
        process.wait(10)


@pytest.mark.stacks
@pytest.mark.parametrize(
    ("words", "version"),
    [
        (("-tls1", "-cipher", "ALL@SECLEVEL=0"), "TLS 1.0"), (("-tls1_1", "-cipher", "ALL@SECLEVEL=0"), "TLS 1.1"), (("-tls1_2",), "TLS 1.2"),
        (("-tls1_3",), "TLS 1.3"), (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA@SECLEVEL=0"), "TLS 1.2"),
    ],
)  # fmt: skip
def test_openssl_of_every_version(s_server: Callable[..., int], pki: SimpleNamespace, words: tuple[str, ...], version: str) -> None:
    found = shown(Address("127.0.0.1", s_server(*words)), HOST)
    assert found.named is not None
    assert found.named.answer is not None
    assert (version_name(found.named.answer.version), found.chain[0]) == (version, pki.server.der)


@pytest.mark.stacks
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_the_cas_that_a_server_names(s_server: Callable[..., int], put: Put, pki: SimpleNamespace, version: str) -> None:
    port = s_server("-Verify", "3", "-CAfile", put("cas.pem", pki.root, pki.stranger), version)
    (note,) = [note for note in one(port).notes if "asks for a client certificate" in note]
    assert "CN=Meadow Root,O=Meadow" in note
    assert "CN=Heath Root,O=Meadow" in note


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log info; events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port} ssl default_server; ssl_reject_handshake on; }}
  server {{ listen 127.0.0.1:{port} ssl; server_name {host}; ssl_certificate {own}; ssl_certificate_key {own}; }}
}}
"""


@pytest.mark.stacks
def test_an_nginx_that_rejects_whom_it_does_not_know(put: Put, pki: SimpleNamespace, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own, configuration = put("own.pem", pki.server, pki.middle, key=pki.server), tmp_path / "nginx.conf"
    configuration.write_text(NGINX.format(folder=tmp_path, port=port, host=HOST, own=own))
    process = subprocess.Popen(["nginx", "-e", str(tmp_path / "error.log"), "-p", str(tmp_path), "-c", str(configuration)])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        result, unknown = one(port, expect_host=HOST), one(port, expect_host="other.example")
        at_rest = list(whytls.check(str(configuration), at=NOON))
    finally:
        process.terminate()
        process.wait(10)
    assert result.level is None
    assert any("without server_name" in note and "unrecognized_name" in note for note in result.notes)
    assert [p.cause for p in unknown.problems] == ["sni-unknown"]
    assert [(r.alias, r.level, r.chain) for r in at_rest] == [(HOST, None, result.chain)]


def test_missing_issuers_are_fetched_only_where_that_is_allowed(put: Put, pki: SimpleNamespace) -> None:
    asked: list[bytes] = []

    def handle(connected: socket.socket) -> None:
        asked.append(connected.recv(4096).split(b" ")[1])
        body = pki.middle.der if asked[-1] == b"/middle.cer" else b""
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with listening(handle) as port:
        place = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(f"http://127.0.0.1:{port}/middle.cer"))
        own = issue("own", pki.middle, san=(HOST,), extra=(x509.AuthorityInformationAccess([place]),))
        source = put("own.pem", own, key=own)
        (closed,) = whytls.check(source, at=NOON)
        (public,) = whytls.check(source, at=NOON, fetch_issuers=True)
        assert asked == []  # not without permission, and not from a private address
        (fetched,) = whytls.check(source, at=NOON, fetch_issuers=True, allow_private=True)
    assert asked == [b"/middle.cer"]
    assert [(r.problems[0].cause, r.problems[0].confidence) for r in (closed, public, fetched)] == [
        ("chain-incomplete", "likely"), ("chain-incomplete", "likely"), ("chain-incomplete", "proven"),
    ]  # fmt: skip
    assert any("127.0.0.1" in note for note in public.notes)
    assert fetched.repair is not None
    assert fetched.repair.chain == (own.der, pki.middle.der)
