"""Every dialect and every proxy with the programs that people run: TLS really begins, or the refusal has the program's own words."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_servers import NAME, SERVERS, dante, haproxy, microsocks, running, tinyproxy
from walking import walk, walked

from lab import pki
from whytls.pki.password import Password
from whytls.probing.guard import Gate
from whytls.probing.limits import Limits
from whytls.probing.target import PORTS, Target, proxy, proxy_header
from whytls.probing.way import Failed, Opened

pytestmark = pytest.mark.stacks
PATIENT = Limits(connect=5, answer=8, total=20)
ROOT = pki.root("Harbour Root CA R1")
# Nothing on Debian 12 that is installed for the tests speaks these: they are held by scripts in test_dialects.py only.
WITHOUT_A_PROGRAM = {"lmtp", "nntp", "sieve"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter, for servers that have one of their own."""
    path = Path(tempfile.mkdtemp(prefix="whytls-real-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def pair(folder: Path) -> tuple[str, str]:
    return pki.write(folder, "site", pki.leaf(ROOT, NAME))


async def secured(way: Opened, request: bytes = b"") -> bytes:
    """A TLS handshake over the line, verified; the version, or what is answered to a request."""
    context = ssl.create_default_context(cadata=pki.pem(ROOT.certificate).decode())
    came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(came, goes, server_hostname=NAME)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            await way.line.send(goes.read())
            came.write(await way.line.receive())
    await way.line.send(goes.read())
    if not request:
        return (tls.version() or "").encode()
    tls.write(request)
    await way.line.send(goes.read())
    answer = b""
    while True:
        try:
            piece = tls.read()
            if not piece:
                return answer
            answer += piece
        except ssl.SSLWantReadError:
            data = await way.line.receive()
            if not data:
                return answer
            came.write(data)
        except ssl.SSLZeroReturnError:
            return answer


def test_every_dialect_is_asked_of_a_program() -> None:
    assert set(SERVERS) | WITHOUT_A_PROGRAM == set(PORTS)


@pytest.mark.parametrize("dialect", SERVERS)
def test_tls_begins_behind_the_dialect(dialect: str, folder: Path, pair: tuple[str, str]) -> None:
    with running(SERVERS[dialect](folder, pair), folder) as port:
        done = walk(Target(NAME, port, address="127.0.0.1", server_name=NAME, starttls=dialect), PATIENT, secured)
    assert done.heard in (b"TLSv1.3", b"TLSv1.2")
    assert done.opened.leftover == b""


REFUSALS = {
    "smtp": r"does not list it: 502 5\.5\.1 Error: command not implemented$",
    "imap": r"IMAP to TLS: a1 BAD .*TLS support isn't enabled",
    "pop3": r"POP3 to TLS: -ERR .*TLS support isn't enabled",
    "ftp": r"FTP to TLS: 530 Please login with USER and PASS",
    "ldap": r"LDAP to TLS: result code 2: unsupported extended operation",
    "postgresql": r"PostgreSQL to TLS: N \(",
    "mysql": r"does not list it: (?:5\.5\.5-)?1\S+ greets without the flag CLIENT_SSL",
    "xmpp": r"does not list it: its stream features are \w+",
    "xmpp-server": r"stream error: undefined-condition: No stream features to offer",
}


@pytest.mark.parametrize("dialect", SERVERS)
def test_a_server_without_tls_says_so_itself(dialect: str, folder: Path) -> None:
    with running(SERVERS[dialect](folder, None), folder) as port:
        done = walk(Target(NAME, port, address="127.0.0.1", server_name=NAME, starttls=dialect), PATIENT)
    assert done.failed.kind == "starttls-refused", done.failed
    assert re.search(REFUSALS[dialect], done.failed.words), done.failed.words
    assert done.judged().cause == "starttls-refused"


def test_a_host_that_prosody_does_not_serve(folder: Path, pair: tuple[str, str]) -> None:
    with running(SERVERS["xmpp"](folder, pair), folder) as port:
        done = walk(Target("other.maple.test", port, address="127.0.0.1", starttls="xmpp"), PATIENT)
    assert done.failed.kind == "starttls-refused"
    assert "stream error: host-unknown" in done.failed.words


# ------------------------------------------------------------------ proxies


@pytest.mark.parametrize(
    ("kind", "program"),
    [("http", "tinyproxy"), ("socks5", "microsocks"), ("socks5h", "microsocks"), ("socks4", "dante"), ("socks5", "dante"),
     ("socks5h", "dante")],
)  # fmt: skip
def test_through_a_proxy(kind: str, program: str, folder: Path, pair: tuple[str, str]) -> None:
    start = {"tinyproxy": tinyproxy, "microsocks": microsocks, "dante": dante}[program]
    with running(haproxy(folder, pair), folder) as port, running(start(folder), folder) as through:
        wanted = Target("localhost", port, family=4, server_name=NAME, proxy=proxy(f"{kind}://127.0.0.1:{through}"))
        done = walk(wanted, PATIENT, secured)
    assert done.heard == b"TLSv1.3", done.result
    assert done.opened.preludes[0].target == (f"localhost:{port}" if wanted.proxy and wanted.proxy.resolves else f"127.0.0.1:{port}")


def test_socks_4a_is_refused_by_dante_as_curl_is(folder: Path, pair: tuple[str, str]) -> None:
    """Dante 1.4.2 does not take a name in SOCKS 4, from nobody: the yes to it is held by a script only (test_way.py)."""
    with running(haproxy(folder, pair), folder) as port, running(dante(folder), folder) as through:
        done = walk(Target("localhost", port, proxy=proxy(f"socks4a://127.0.0.1:{through}")), PATIENT)
        words = ["curl", "-skv", "-m", "5", "--socks4a", f"127.0.0.1:{through}", f"https://localhost:{port}/"]
        curl = subprocess.run(words, capture_output=True, text=True)
    assert done.failed.words.endswith("request rejected or failed")
    assert "(91), request rejected or failed" in curl.stderr


def test_through_a_proxy_that_wants_a_login(folder: Path, pair: tuple[str, str]) -> None:
    secret = Password.of("hush")
    with running(haproxy(folder, pair), folder) as port, running(microsocks(folder, "-u", "ada", "-P", "hush"), folder) as through:
        wanted = Target("127.0.0.1", port, server_name=NAME)
        with_it = walk(wanted._replace(proxy=proxy(f"socks5://ada@127.0.0.1:{through}", password=secret)), PATIENT, secured)
        without = walk(wanted._replace(proxy=proxy(f"socks5://127.0.0.1:{through}")), PATIENT)
        wrong = walk(wanted._replace(proxy=proxy(f"socks5://eve@127.0.0.1:{through}", password=secret)), PATIENT)
    assert with_it.heard == b"TLSv1.3"
    assert without.failed.words.endswith("no acceptable way to authenticate (no user name and password were given)")
    assert wrong.failed.words.endswith("user name or password refused")


def test_basic_credentials_at_tinyproxy(folder: Path, pair: tuple[str, str]) -> None:
    with running(haproxy(folder, pair), folder) as port, running(tinyproxy(folder, "BasicAuth ada hush"), folder) as through:
        wanted = Target("127.0.0.1", port, server_name=NAME)
        with_it = walk(wanted._replace(proxy=proxy(f"http://ada@127.0.0.1:{through}", password=Password.of("hush"))), PATIENT, secured)
        without = walk(wanted._replace(proxy=proxy(f"http://127.0.0.1:{through}")), PATIENT)
    assert with_it.heard == b"TLSv1.3"
    assert without.failed.kind == "refused-by-proxy"
    assert re.search(r"HTTP/1\.[01] 407 .*\(it asks for Basic\)$", without.failed.words)


def test_refusals_of_real_proxies(folder: Path) -> None:
    with running(tinyproxy(folder, "ConnectPort 443"), folder) as through:
        done = walk(Target("127.0.0.1", 9, proxy=proxy(f"http://127.0.0.1:{through}")), PATIENT)
    assert re.search(r"refused 127\.0\.0\.1:9: HTTP/1\.[01] 403 ", done.failed.words)
    assert done.judged().cause == "proxy-refused"
    rule = "socks block {\n  from: 0.0.0.0/0 to: 0.0.0.0/0\n}"
    with running(dante(folder, rule), folder) as through:
        five = walk(Target("127.0.0.1", 9, proxy=proxy(f"socks5://127.0.0.1:{through}")), PATIENT)
        four = walk(Target("127.0.0.1", 9, proxy=proxy(f"socks4://127.0.0.1:{through}")), PATIENT)
    assert five.failed.words.endswith("not allowed by ruleset")
    assert four.failed.words.endswith("request rejected or failed")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("source", ["192.0.2.7:40000", "[2001:db8::7]:40000", ""])
def test_haproxy_believes_the_proxy_protocol(version: str, source: str, folder: Path, pair: tuple[str, str]) -> None:
    async def asked(way: Opened) -> bytes:
        return await secured(way, b"GET / HTTP/1.0\r\n\r\n")

    with running(haproxy(folder, pair, accept="accept-proxy"), folder) as port:
        done = walk(Target("127.0.0.1", port, server_name=NAME, proxy_header=proxy_header(version, source)), PATIENT, asked)
        plain = walk(Target("127.0.0.1", port, server_name=NAME), PATIENT)
    shown = source.rpartition(":")[0].strip("[]") or "127.0.0.1"
    assert done.heard.endswith(b"\r\n\r\n" + shown.encode())
    assert plain.opened.preludes == ()


def test_haproxy_that_turns_the_fourth_connection_away(folder: Path, pair: tuple[str, str]) -> None:
    """The gate finds out how many it bears, and in the end all are served, but for the odd one: on a busy machine HAProxy can count closed
    connections for longer than the gate tries again."""
    rules = ("stick-table type ip size 10 expire 1m store conn_cur", "tcp-request connection track-sc0 src",
             "tcp-request connection reject if { sc0_conn_cur gt 3 }")  # fmt: skip

    async def go(port: int) -> tuple[list[str], Gate]:
        gate = Gate(PATIENT)

        async def attempt() -> str:
            try:
                done = await walked(Target("127.0.0.1", port, server_name=NAME), PATIENT, held)
            except (OSError, ssl.SSLError):
                return "away"
            return "away" if isinstance(done.result, Failed) else done.heard.decode()

        async def held(way: Opened) -> bytes:
            version = await secured(way)
            await asyncio.sleep(0.2)
            return version

        results = await asyncio.gather(*(gate.through(attempt, lambda result: result == "away") for _ in range(16)))
        return list(results), gate

    with running(haproxy(folder, pair, *rules), folder) as port:
        results, gate = asyncio.run(go(port))
    assert results.count("TLSv1.3") >= len(results) - 1, results
    assert gate.strain.relieved > 0
    assert 2 <= gate.strain.fewest_hindered <= 8  # HAProxy counts what it has not yet seen closed
    assert gate.parallel <= 4
    assert "when tried again alone" in gate.strain.words
