"""The way to servers on loopback that answer, refuse, stall, drip, reset and lie; and what the verdict makes of a way that failed."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from walking import QUICK, reset, script, serving, sockets, walk

from whytls.exceptions import InputError
from whytls.model import Endpoint, Prelude
from whytls.pki.password import Password
from whytls.probing.conversation import Conversation
from whytls.probing.limits import Limits
from whytls.probing.target import PORTS, Target, Where, proxy, proxy_header
from whytls.probing.way import PROXIES, Opened, opened

SMTP = (b"220 mail.maple.test ESMTP\r\n", b"250-mail.maple.test\r\n250 STARTTLS\r\n", b"220 2.0.0 go ahead\r\n")


async def echoed(way: Opened) -> bytes:
    """What comes back over the open way."""
    await way.line.send(b"hello")
    heard = b""
    async with asyncio.timeout(5):
        while not heard.endswith(b"hello"):
            heard += await way.line.receive() or pytest.fail("the line was closed")
    return heard


@pytest.mark.parametrize("family", ["IPv4", "IPv6", "unix", "abstract"])
def test_straight_to_the_server(family: str, tmp_path: Path) -> None:
    kind, address = {
        "IPv4": (socket.AF_INET, ("127.0.0.1", 0)), "IPv6": (socket.AF_INET6, ("::1", 0)), "unix": (socket.AF_UNIX, str(tmp_path / "s")),
        "abstract": (socket.AF_UNIX, f"\0whytls-test-{os.getpid()}"),
    }[family]  # fmt: skip
    with serving(script(b"hi "), kind, address) as target:
        done = walk(target, then=echoed)
    assert done.heard == b"hi hello"
    assert done.kinds == ["syn", "syn-ack"]
    assert done.said.prelude is None
    way = done.opened
    assert (way.preludes, way.leftover) == ((), b"")
    assert 0 <= way.connected <= way.ready < 3
    assert str(way.remote) == (f"unix:{target.path}" if target.path else str(target.endpoint))


# ------------------------------------------------------------------ stages


def test_a_dialect_is_spoken_up_to_tls() -> None:
    with serving(script(*SMTP)) as target:
        done = walk(target._replace(starttls="smtp"), then=echoed)
    assert done.heard == b"hello"
    assert done.opened.preludes == (Prelude("smtp"),)
    assert done.said.prelude == Prelude("smtp")


def test_what_the_server_says_behind_its_permission_is_kept() -> None:
    """RFC 3207 section 6: what comes in the clear behind the 220 is nobody's word; it is read first, and is known."""
    with serving(script(SMTP[0], SMTP[1], SMTP[2] + b"injected")) as target:
        done = walk(target._replace(starttls="smtp"), then=echoed)
    assert done.heard == b"injectedhello"
    assert done.opened.leftover == b"injected"


def relaying(kind: str, seen: list[bytes]) -> Callable[[socket.socket], None]:
    """A proxy of that kind that connects to what it is asked for on loopback and carries the bytes."""

    def handle(connected: socket.socket) -> None:
        if kind == "http":
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connected.recv(4096)
            seen.append(head)
            port = int(head.split(b" ")[1].rpartition(b":")[2])
            answer = b"HTTP/1.1 200 OK\r\n\r\n"
        elif kind.startswith("socks5"):
            connected.sendall(b"\x05\0" if connected.recv(3) else b"")
            head = connected.recv(300)
            seen.append(head)
            port, answer = int.from_bytes(head[-2:], "big"), b"\x05\0\0\x01\0\0\0\0\0\0"
        else:
            head = connected.recv(300)
            seen.append(head)
            port, answer = int.from_bytes(head[2:4], "big"), b"\0\x5a\0\0\0\0\0\0"
        with socket.create_connection(("127.0.0.1", port)) as onward:
            # the server's greeting is in the same segment as the proxy's permission
            connected.sendall(answer + onward.recv(4096))
            while data := connected.recv(4096):
                onward.sendall(data)
                connected.sendall(onward.recv(4096))

    return handle


@pytest.mark.parametrize("kind", ["http", "socks4", "socks4a", "socks5", "socks5h"])
def test_through_a_proxy_and_a_dialect_behind_it(kind: str) -> None:
    seen: list[bytes] = []
    with serving(script(*SMTP)) as target, serving(relaying(kind, seen)) as at:
        through = proxy(f"{kind}://{at.endpoint}")
        done = walk(target._replace(host="localhost", family=4, starttls="smtp", proxy=through), then=echoed)
    assert done.heard == b"hello"
    assert (b"localhost" in seen[0]) == through.resolves
    asked = f"localhost:{target.port}" if through.resolves else f"127.0.0.1:{target.port}"
    stage = {"http": "http-connect"}.get(kind, kind[:6])
    assert done.opened.preludes == (Prelude(stage, (), asked), Prelude("smtp"))
    assert done.said.prelude == Prelude("smtp", (), asked)  # as capture.prelude.find tells it
    assert done.opened.remote == Endpoint(at.host, at.port)


def test_the_next_address_of_a_proxy_is_tried() -> None:
    seen: list[bytes] = []
    with serving(script(b"hi ")) as target, serving(relaying("socks5", seen)) as at:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = closed.getsockname()
        where = Where(socket.AF_INET, (target.host, target.port), ((socket.AF_INET, nobody), (socket.AF_INET, (at.host, at.port))))
        said = Conversation("x", 9)

        async def go() -> Opened:
            way = await opened(target._replace(proxy=proxy(f"socks5://{at.endpoint}")), where, said, QUICK)
            assert isinstance(way, Opened), way
            way.line.close()
            return way

        assert asyncio.run(go()).remote.port == at.port
    assert [event.kind for event in said.events] == ["syn", "rst", "syn", "syn-ack"]


def test_the_proxy_protocol_goes_first() -> None:
    heard: list[bytes] = []

    def handle(connected: socket.socket) -> None:
        heard.append(connected.recv(4096))
        script(*SMTP)(connected)

    with serving(handle) as target:
        done = walk(target._replace(starttls="smtp", proxy_header=proxy_header("v1", "192.0.2.7:40000")), then=echoed)
    assert heard == [f"PROXY TCP4 192.0.2.7 127.0.0.1 40000 {target.port}\r\n".encode()]
    assert [prelude.kind for prelude in done.opened.preludes] == ["proxy-v1", "smtp"]
    assert done.said.prelude == Prelude("smtp", (), "192.0.2.7:40000")


# ------------------------------------------------------------------ TCP's own failures


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        target = Target(*listening.getsockname())
    done = walk(target)
    assert (done.failed.kind, done.failed.stage, done.kinds) == ("refused", "tcp", ["syn", "rst"])
    assert done.failed.hindered_by_load
    assert done.judged().cause == "connection-refused"


def test_nothing_answers() -> None:
    """A listening socket whose queue is full drops the SYN, as a firewall would."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        with socket.create_connection(listening.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(listening.getsockname())
            done = walk(Target(*listening.getsockname()), Limits(connect=0.3))
    assert (done.failed.kind, done.failed.stage, done.kinds) == ("timeout", "tcp", ["syn"])
    assert done.failed.quiet == 300_000_000
    assert done.judged().cause == "connection-timeout"


@pytest.mark.parametrize(
    ("number", "kind", "kinds"),
    [
        (errno.EHOSTUNREACH, "unreachable", ["syn", "icmp-unreachable"]),
        (errno.ENETUNREACH, "unreachable", ["syn", "icmp-unreachable"]),
        (errno.ETIMEDOUT, "timeout", ["syn"]),
        (errno.ECONNRESET, "reset", ["syn", "syn-ack", "rst"]),
        (errno.EMFILE, "local", ["syn"]),
        (errno.EADDRNOTAVAIL, "local", ["syn"]),
    ],
)
def test_what_the_system_says_of_a_connect(number: int, kind: str, kinds: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", failing)
    done = walk(Target("192.0.2.7", 443))
    assert (done.failed.kind, done.kinds) == (kind, kinds)
    assert os.strerror(number) in done.failed.words or number == errno.ECONNRESET
    assert "192.0.2.7:443" in done.failed.words


def test_paths_of_sockets_that_lead_nowhere(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    assert walk(Target("", 0, path)).failed.kind == "unreachable"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    assert walk(Target("", 0, path)).failed.kind == "refused"
    with socket.socket(socket.AF_UNIX) as full:
        full.bind(path + "2")
        full.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path + "2")
            done = walk(Target("", 0, path + "2"))
    assert (done.failed.kind, done.failed.words) == ("refused", f"unix:{path}2 refuses connections: its queue of connections is full")


# ------------------------------------------------------------------ failures on the way


def test_a_refusal_has_the_servers_words_and_the_verdict_repeats_them() -> None:
    with serving(script(SMTP[0], b"250-x\r\n250 SIZE\r\n", b"502 5.5.1 not \x1b]0;here\r\n")) as target:
        done = walk(target._replace(starttls="smtp"))
    assert (done.failed.kind, done.failed.stage) == ("starttls-refused", "smtp")
    assert done.failed.words == "the server refused to change from SMTP to TLS and does not list it: 502 5.5.1 not ]0;here"
    assert done.said.prelude == Prelude("smtp", (), None, False, "502 5.5.1 not ]0;here")
    diagnosis = done.judged()
    assert (diagnosis.cause, diagnosis.confidence) == ("starttls-refused", "proven")
    assert "502 5.5.1" in diagnosis.evidence[0].text


def test_a_proxys_refusal() -> None:
    with serving(script(b"", wait=False)) as at, serving(lambda s: (s.recv(999), s.sendall(b"HTTP/1.1 403 Filtered\r\n\r\n"))[1]) as through:
        done = walk(at._replace(proxy=proxy(f"http://{through.endpoint}")))
    assert (done.failed.kind, done.failed.stage) == ("refused-by-proxy", "http-connect")
    assert done.failed.words == f"the proxy http://{through.endpoint} refused {at.endpoint}: HTTP/1.1 403 Filtered"
    assert done.judged().cause == "proxy-refused"


def test_a_proxy_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    done = walk(Target("a.test", 443, proxy=proxy(f"http://127.0.0.1:{port}")))
    assert done.failed.kind == "refused"
    assert done.failed.words.startswith(f"the proxy http://127.0.0.1:{port}: 127.0.0.1:{port} refuses connections")


@pytest.mark.parametrize("stage", [0, 1])
def test_a_reset_on_the_way(stage: int) -> None:
    def handle(connected: socket.socket) -> None:
        for piece in SMTP[:stage]:
            connected.sendall(piece)
            connected.recv(4096)
        reset(connected)

    with serving(handle) as target:
        done = walk(target._replace(starttls="smtp"))
    assert (done.failed.kind, done.kinds) == ("reset", ["syn", "syn-ack", "rst"])
    if stage or done.failed.stage == "smtp":  # else the reset was there before we looked
        assert done.failed.words == "in SMTP, before TLS: the connection was lost: Connection reset by peer"


def test_a_close_on_the_way() -> None:
    with serving(script(SMTP[0], wait=False)) as target:
        done = walk(target._replace(starttls="smtp"))
    assert (done.failed.kind, done.kinds) == ("closed", ["syn", "syn-ack", "fin"])


def test_silence_is_waited_for_once() -> None:
    with serving(lambda s: (s.recv(10), None)[1]) as target:
        begun = time.monotonic()
        done = walk(target._replace(starttls="smtp"), Limits(answer=0.3))
    assert (done.failed.kind, done.failed.stage, done.failed.quiet) == ("timeout", "smtp", 300_000_000)
    assert 0.25 < time.monotonic() - begun < 2
    assert done.failed.words == "in SMTP, before TLS: no answer within 0.3 s"


def test_a_server_that_drips_is_left_when_the_time_is_over() -> None:
    def drip(connected: socket.socket) -> None:
        while True:
            connected.sendall(b"2")
            time.sleep(0.05)

    with serving(drip) as target:
        begun = time.monotonic()
        done = walk(target._replace(starttls="smtp"), Limits(answer=0.4, total=0.8))
    assert done.failed.kind == "timeout"
    assert "0.8 s that one connection may take" in done.failed.words
    assert 0.7 < time.monotonic() - begun < 3


@pytest.mark.parametrize("dialect", [*PORTS, "http", "socks5"])
def test_a_server_that_never_stops_talking_is_left(dialect: str) -> None:
    def endless(connected: socket.socket) -> None:
        while True:
            connected.sendall(b"220-more\r\n* more\r\n" * 500)

    with serving(endless) as target:
        if dialect in PORTS:
            done = walk(target._replace(starttls=dialect), QUICK._replace(answer=5, total=20))
        else:
            done = walk(target._replace(proxy=proxy(f"{dialect}://{target.endpoint}")), QUICK._replace(answer=5, total=20))
    assert done.failed.kind in ("endless", "foreign")


def test_the_bound_of_bytes_holds_before_the_dialects_own() -> None:
    with serving(lambda s: s.sendall(b"220-x\r\n" * 4000)) as target:
        done = walk(target._replace(starttls="smtp"), QUICK._replace(most_bytes=100))
    assert done.failed.kind == "endless"
    assert "more than 100 bytes" in done.failed.words


def test_words_of_another_protocol() -> None:
    with serving(script(b"SSH-2.0-OpenSSH_9.2p1\r\n")) as target:
        done = walk(target._replace(starttls="imap"))
    assert (done.failed.kind, done.failed.words) == ("foreign", "what answers does not speak IMAP: SSH-2.0-OpenSSH_9.2p1")
    assert (done.said.prelude, done.kinds) == (None, ["syn", "syn-ack", "foreign", "fin"])


def test_a_port_that_speaks_tls_at_once() -> None:
    with serving(lambda s: (s.recv(999), s.sendall(b"\x15\x03\x03\0\x02\x02\x32"))[1]) as target:
        done = walk(target._replace(starttls="postgresql"))
    assert (done.failed.kind, done.failed.words) == ("foreign", "what answers does not speak PostgreSQL: TLS, without being asked for it")


# ------------------------------------------------------------------ nothing is left behind


def test_a_walk_that_is_cancelled_leaves_nothing() -> None:
    async def go(target: Target, after: float) -> None:
        task = asyncio.create_task(opened(target, Where(socket.AF_INET, (target.host, target.port)), Conversation("x", 9), QUICK))
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with serving(lambda s: (s.recv(10), None)[1]) as target:
        for after in (0, 0.05):
            before = sockets()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                asyncio.run(go(target._replace(starttls="smtp"), after))
                gc.collect()
            time.sleep(0.05)
            assert sockets() <= before + 1  # the server's end may take its moment


def test_many_ways_that_fail_leave_nothing() -> None:
    with serving(reset) as target:
        before = sockets()
        for _ in range(40):
            walk(target._replace(starttls="ftp"))
        time.sleep(0.05)
        assert sockets() <= before + 2


def test_the_password_is_asked_for_when_it_is_needed_and_stands_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hush\n")
    through = proxy("http://ada@127.0.0.1:9", password=Password.from_file(file))
    file.unlink()
    with serving(script(b"x")) as at, pytest.raises(InputError):
        walk(Target("a.test", 443, proxy=through._replace(port=at.port)))
    heard: list[bytes] = []

    def handle(connected: socket.socket) -> None:
        heard.append(connected.recv(4096))
        connected.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")

    with serving(handle) as at:
        done = walk(Target("a.test", 443, proxy=proxy(f"http://ada@{at.endpoint}", password=Password.of("hush"))))
    assert b"Basic YWRhOmh1c2g=" in heard[0]
    for shown in (repr(done.result), str(done.said.prelude), repr(done.judged())):
        assert "hush" not in shown
        assert "YWRhOmh1c2g" not in shown
    assert "Basic" in done.failed.words


def test_the_kinds_of_proxies_are_those_of_the_causes() -> None:
    from whytls.causes import proxy_refused

    assert set(proxy_refused._PROXIES) == PROXIES
