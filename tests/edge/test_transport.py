from __future__ import annotations

import base64
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import days, issue, usages
from edge_server import Asked, EdgeServer, Reply, reply
from whytls.edge import transport as transport_module
from whytls.edge.credentials import NOBODY, Credentials
from whytls.edge.transport import Transport
from whytls.exceptions import ApiError, InputError, UsageError
from whytls.pki.password import Password

ANA = Credentials("the test", user="ana", password=Password.of("sécret"))


@pytest.fixture
def server() -> Iterator[EdgeServer]:
    with EdgeServer({"/v1/o/acme": {"name": "acme"}}) as made:
        yield made


def opened(server: EdgeServer, who: Credentials = ANA, **options: object) -> Transport:
    return Transport(f"{server.url}/v1", who, pause=lambda seconds: None, **options)


def scripted(*replies: Reply) -> object:
    left = list(replies)
    return lambda asked: left.pop(0) if left else None


def test_user_and_password_go_as_basic(server: EdgeServer) -> None:
    with opened(server) as api:
        assert api.get(("o", "acme")).value() == {"name": "acme"}
    assert server.asked[0].headers["authorization"] == "Basic " + base64.b64encode("ana:sécret".encode()).decode()
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_names_are_quoted(server: EdgeServer) -> None:
    with opened(server) as api, pytest.raises(ApiError):
        api.get(("o", "a/../b?c#d é"))
    assert server.asked[0].path == "/v1/o/a%2F..%2Fb%3Fc%23d%20%C3%A9"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_can_be_asked_twice_is(server: EdgeServer, status: int) -> None:
    server.before = scripted(reply({}, status), reply({}, status))
    with opened(server) as api:
        assert api.get(("o", "acme")).value() == {"name": "acme"}
    assert len(server.asked) == 3


def test_a_post_is_asked_once(server: EdgeServer) -> None:
    server.before = scripted(reply({}, 503))
    with opened(server, writable=True) as api, pytest.raises(ApiError, match="503"):
        api.ask("POST", ("o", "acme"), document={})
    assert len(server.asked) == 1


def test_after_four_attempts_the_answer_stands(server: EdgeServer) -> None:
    server.before = lambda asked: reply({"code": "x.Busy", "message": "later"}, 503)
    with opened(server) as api, pytest.raises(ApiError) as caught:
        api.get(("o", "acme"))
    assert len(server.asked) == 4
    assert (caught.value.status, caught.value.code) == (503, "x.Busy")


def test_the_pause_is_the_servers_or_doubles(server: EdgeServer) -> None:
    pauses: list[float] = []
    late = reply({}, 503, Retry_After="Wed, 21 Oct 2037 07:28:00 GMT")
    server.before = scripted(reply({}, 429, Retry_After="7"), reply({}, 503), late)
    with Transport(f"{server.url}/v1", ANA, pause=pauses.append) as api:
        api.get(("o", "acme"))
    assert pauses[0] == 7
    assert 1.0 <= pauses[1] <= 1.25
    assert pauses[2] == transport_module.LONGEST_PAUSE


def test_nothing_is_written_unless_it_was_opened_for_that(server: EdgeServer) -> None:
    with opened(server) as api:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            with pytest.raises(UsageError, match="reading only"):
                api.ask(method, ("o", "acme"))
    assert not server.asked


def test_an_error_says_what_was_asked_the_apis_words_and_what_to_do(server: EdgeServer) -> None:
    with opened(server) as api, pytest.raises(ApiError) as caught:
        api.get(("o", "acme", "e", "prod"))
    error = caught.value
    assert (error.status, error.code) == (404, "messaging.config.beans.ApplicationDoesNotExist")
    assert str(error) == (
        f"GET {server.url}/v1/o/acme/e/prod: 404 messaging.config.beans.ApplicationDoesNotExist: /v1/o/acme/e/prod is not there "
        "(check the names of organization, environment and resource; they are case-sensitive)"
    )


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"error": {"code": 404, "message": "no such keystore", "status": "NOT_FOUND"}}', "NOT_FOUND", "no such keystore"),
        (b'{"fault": {"faultstring": "Bad", "detail": {"errorcode": "x.y"}}}', "x.y", "Bad"),
        (b'{"code": "a\\u001b[31mb", "message": 7}', "a [31mb", "7"),
        (b"<html>", "", ""), (b"[]", "", ""), (b"", "", ""), (b'{"error": 3, "fault": 4, "code": [], "message": {}}', "", ""),
    ],
)  # fmt: skip
def test_faults_of_all_kinds_are_read(server: EdgeServer, body: bytes, code: str, message: str) -> None:
    server.before = lambda asked: (400, {}, body)
    with opened(server) as api, pytest.raises(ApiError) as caught:
        api.get(("o", "acme"))
    assert caught.value.code == code
    assert message in caught.value.problem
    assert "\x1b" not in str(caught.value)


def test_a_401_says_where_the_credentials_come_from_and_not_what_they_are(server: EdgeServer) -> None:
    server.before = lambda asked: reply({}, 401)
    with opened(server) as api, pytest.raises(ApiError) as caught:
        api.get(("o", "acme"))
    assert "the credentials come from the test" in str(caught.value)
    assert "sécret" not in str(caught.value) + repr(caught.value) + repr(ANA)


def test_a_redirect_is_not_followed(server: EdgeServer) -> None:
    with EdgeServer({"/v1/o/acme": {}}) as other:
        server.before = lambda asked: (302, {"Location": f"{other.url}/v1/o/acme"}, b"")
        with opened(server) as api, pytest.raises(ApiError, match="redirects"):
            api.get(("o", "acme"))
        assert not other.asked


def test_an_answer_has_a_bound(server: EdgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LARGEST_ANSWER", 1000)
    server.before = lambda asked: (200, {}, b"x" * 2000)
    with opened(server) as api, pytest.raises(ApiError, match="larger than 1,000 bytes"):
        api.get(("o", "acme"))


def test_a_compressed_answer_is_refused(server: EdgeServer) -> None:
    server.before = lambda asked: (200, {"Content-Encoding": "gzip"}, b"x")
    with opened(server) as api, pytest.raises(ApiError, match="compressed"):
        api.get(("o", "acme"))


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 5000, b"\xff", b"{"])
def test_an_answer_that_is_no_json_is_the_apis_error(server: EdgeServer, body: bytes) -> None:
    server.before = lambda asked: (200, {}, body)
    with opened(server) as api, pytest.raises(ApiError, match="no JSON"):
        api.get(("o", "acme")).value()


def test_a_server_that_says_nothing_is_given_up(server: EdgeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Transport(url, ANA, timeout=0.1, attempts=2, pause=lambda _: None) as api,
            pytest.raises(ApiError, match=r"no answer in time \(2 attempts\)"),
        ):
            api.get(("o", "acme"))


def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LONGEST_ANSWER", 0.2)

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x")
                threading.Event().wait(0.02)
        except OSError:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with Transport(url, ANA, attempts=1) as api, pytest.raises(ApiError, match="took longer"):
            api.get(("o", "acme"))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Transport(f"http://127.0.0.1:{port}", ANA, attempts=1) as api, pytest.raises(ApiError, match="check the address"):
        api.get(("o", "acme"))


def test_a_bearer_token_is_sent_as_it_is(server: EdgeServer) -> None:
    with opened(server, Credentials("the test", token=Password.of("abc.def\n"))) as api:
        api.get(("o", "acme"))
    assert server.asked[0].headers["authorization"] == "Bearer abc.def"
    for odd in ("two words", "a\r\nX: y", "é", ""):
        with opened(server, Credentials("the test", token=Password.of(odd))) as api, pytest.raises(InputError, match="no token"):
            api.get(("o", "acme"))


def test_a_token_is_bought_kept_and_bought_anew_when_refused(server: EdgeServer) -> None:
    sold: list[Asked] = []

    def sell(asked: Asked) -> Reply | None:
        if asked.path == "/oauth/token":
            sold.append(asked)
            return reply({"access_token": f"t{len(sold)}", "expires_in": 1800, "refresh_token": "again"})
        return None if asked.headers["authorization"] == f"Bearer t{len(sold)}" and len(sold) != 1 else reply({}, 401)

    server.before = sell
    with opened(server, ANA._replace(token_url=f"{server.url}/oauth/token")) as api:
        api.get(("o", "acme"))
        api.get(("o", "acme"))
    assert [asked.path for asked in server.asked].count("/oauth/token") == 2
    assert b"grant_type=password&username=ana&password=s%C3%A9cret" in sold[0].body
    assert b"grant_type=refresh_token&refresh_token=again" in sold[1].body
    assert sold[0].headers["authorization"] == "Basic ZWRnZWNsaTplZGdlY2xpc2VjcmV0"


@pytest.mark.parametrize("answer", [reply({"error": "invalid_grant"}, 401), reply({}), (200, {}, b"x"), reply({"access_token": 7})])
def test_a_token_that_is_not_sold_is_said(server: EdgeServer, answer: Reply) -> None:
    server.before = lambda asked: answer
    with opened(server, ANA._replace(token_url=f"{server.url}/oauth/token")) as api, pytest.raises(ApiError, match="no token from"):
        api.get(("o", "acme"))


def test_the_api_is_verified_and_a_client_certificate_shown(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    valid = {"begins": now - days(1), "ends": now + days(1)}
    root, other = (issue(name, ca=True, key_usage=usages("key_cert_sign"), **valid) for name in ("root", "other"))
    leaf, client = issue("localhost", root, san=("127.0.0.1",), **valid), issue("ana", root, **valid)
    for name, made in {"ca.pem": root, "other.pem": other}.items():
        (tmp_path / name).write_text(made.pem)
    for name, made in {"server.pem": leaf, "client.pem": client}.items():
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (tmp_path / name).write_text(made.pem + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with EdgeServer({"/v1/o/acme": {"name": "acme"}}, context) as server:
        who = Credentials("the test", certificate=str(tmp_path / "client.pem"), ca=str(tmp_path / "ca.pem"))
        with opened(server, who) as api:
            assert api.get(("o", "acme")).value() == {"name": "acme"}
        with opened(server, who._replace(ca=str(tmp_path / "other.pem"))) as api, pytest.raises(ApiError, match="WHYTLS_EDGE_CA"):
            api.get(("o", "acme"))
    for odd in (who._replace(certificate=str(tmp_path / "none.pem")), who._replace(ca=str(tmp_path / "none.pem")), who._replace(certificate=who.ca)):
        with pytest.raises(InputError):
            Transport("https://127.0.0.1:1", odd)


def test_nobody_is_asked_for(server: EdgeServer) -> None:
    with opened(server, NOBODY) as api:
        api.get(("o", "acme"))
    assert "authorization" not in server.asked[0].headers
