"""The inventory of servers that answer and of ends that do not: what is known when it ends early, and that it ends."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.live.hostile import BEHAVIOURS
from lab.live.listener import Visit, listening

from whytls.probing.attempt import Attempt, Prober
from whytls.probing.inventory import inventory
from whytls.probing.limits import Limits
from whytls.probing.result import Inventory
from whytls.wire.message import read

QUICK = Limits(connect=1, answer=0.2, total=0.6)


def asked(port: int, limits: Limits = QUICK, name: str | None = "www.maple.test") -> tuple[Inventory, Prober]:
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", limits)
    return asyncio.run(inventory(prober, name)), prober


# Those that accept a suite at the first answer and then misbehave are no server of ours, and end nothing either.
@pytest.mark.parametrize("behaviour", [name for name in BEHAVIOURS if name not in ("never-closes", "suite-not-offered")])
def test_hostile_servers_cost_little(behaviour: str) -> None:
    begun = time.monotonic()
    with listening(BEHAVIOURS[behaviour]) as server:
        found, prober = asked(server.port)
    assert time.monotonic() - begun < 20
    assert prober.count <= 40
    assert not any(len(version.suites) > 1 for version in found.versions)
    assert len(found.attempts) == prober.count


@pytest.mark.parametrize("behaviour", ["http", "ssh", "smtp", "garbage"])
def test_what_is_no_tls_is_asked_once(behaviour: str) -> None:
    with listening(BEHAVIOURS[behaviour]) as server:
        found, prober = asked(server.port)
    assert prober.count == 1
    assert (found.attempts[0].end, found.versions, found.warnings) == ("foreign", (), ())


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    found, prober = asked(port)
    assert prober.count == 1
    assert found.versions == ()
    assert found.warnings[0].startswith("not everything was asked: no connection could be had")


def tls10_server(suites: tuple[int, ...], until: int = 1000) -> object:
    """A server of TLS 1.0 that only says its ServerHello, and is gone after so many connections."""

    def behave(visit: Visit) -> None:
        head = visit.read(5)
        if head[:1] != b"\x16" or visit.number >= until:
            return
        hello = read(1, visit.read(int.from_bytes(head[3:5], "big"))[4:])
        chosen = next((suite for suite in suites if suite in hello.cipher_suites), None)  # type: ignore[union-attr]
        if chosen is None:
            visit.send(b"\x15\x03\x01\0\x02\x02\x28")
        else:
            body = b"\x03\x01" + bytes(32) + b"\0" + chosen.to_bytes(2, "big") + b"\0"
            visit.send(b"\x16\x03\x01" + (len(body) + 8).to_bytes(2, "big") + b"\x02" + len(body).to_bytes(3, "big") + body + b"\x0e\0\0\0")
        visit.until_closed()

    return behave


def test_the_order_of_a_server_of_a_few_lines() -> None:
    suites = (0x002F, 0x000A, 0x0035, 0x0005)
    with listening(tls10_server(suites)) as server:  # type: ignore[arg-type]
        found, _ = asked(server.port)
    accepted = [version for version in found.versions if version.suites]
    assert [(version.version, version.suites, version.server_order) for version in accepted] == [(0x0301, suites, True)]
    assert found.compression is False
    assert found.secure_renegotiation is False


def test_a_server_that_goes_away_leaves_a_part() -> None:
    suites = (0x002F, 0x000A, 0x0035, 0x0005)
    with listening(tls10_server(suites, until=3)) as server:  # type: ignore[arg-type]
        found, _ = asked(server.port, QUICK._replace(answer=0.1))
    (version,) = [version for version in found.versions if version.suites]
    assert set(version.suites) < set(suites)


def test_a_server_that_goes_away_refuses_no_name() -> None:
    """It had accepted the name all along; that the last attempts with it are closed without a word says nothing of it."""
    suites, one_by_one = (0x002F, 0x0035), QUICK._replace(parallel=1, answer=0.1)
    with listening(tls10_server(suites)) as server:  # type: ignore[arg-type]
        whole, _ = asked(server.port, one_by_one)
    (right,) = [asked_for for asked_for in whole.names if asked_for.named == "right"]
    with listening(tls10_server(suites, until=right.attempt - 1)) as server:  # type: ignore[arg-type]
        found, _ = asked(server.port, one_by_one)
    assert [version.suites for version in found.versions if version.suites]
    assert found.names == ()
    assert any("what the server makes of a name was not learned" in warning for warning in found.warnings)


def test_bounds_are_kept_and_said() -> None:
    suites = (0x002F, 0x000A, 0x0035, 0x0005)
    with listening(tls10_server(suites)) as server:  # type: ignore[arg-type]
        found, prober = asked(server.port, QUICK._replace(connections=4))
    assert prober.count == 4
    assert len(found.attempts) == 4
    assert found.warnings == ("not everything was asked: the bound of 4 connections is reached",)


def test_parts_are_left_out() -> None:
    parts = ("suites", "names", "groups", "alpn", "resumption", "client-certificate")
    with listening(tls10_server((0x002F, 0x000A))) as server:  # type: ignore[arg-type]
        prober = Prober(socket.AF_INET, ("127.0.0.1", server.port), "one", QUICK)
        found = asyncio.run(inventory(prober, None, without=parts))
    assert [version.suites for version in found.versions if version.suites] == [(0x002F,)]
    assert found.names == ()


def test_progress_hears_of_every_attempt() -> None:
    heard: list[Attempt] = []
    with listening(tls10_server((0x002F,))) as server:  # type: ignore[arg-type]
        prober = Prober(socket.AF_INET, ("127.0.0.1", server.port), "one", QUICK)
        found = asyncio.run(inventory(prober, None, progress=heard.append))
    numbers = [attempt.number for attempt in heard]
    assert len(set(numbers)) == len(numbers)
    assert {attempt.number for attempt in found.attempts if attempt.accepted} <= set(numbers) <= {attempt.number for attempt in found.attempts}


def test_a_name_that_is_refused_is_left_out() -> None:
    def behave(visit: Visit) -> None:
        head = visit.read(5)
        if head[:1] != b"\x16":
            return
        body = visit.read(int.from_bytes(head[3:5], "big"))
        if b"www.maple.test" in body:
            visit.send(b"\x15\x03\x01\0\x02\x02\x70")
            visit.until_closed()
            return
        hello = b"\x03\x03" + bytes(32) + b"\0\0\x2f\0"
        if b"\0\x2f" in body:
            visit.send(b"\x16\x03\x03" + (len(hello) + 8).to_bytes(2, "big") + b"\x02" + len(hello).to_bytes(3, "big") + hello + b"\x0e\0\0\0")
        visit.until_closed()

    with listening(behave) as server:
        found, _ = asked(server.port)
    assert found.server_name is None
    assert any("refuses the name" in warning for warning in found.warnings)
    assert found.why is not None
    assert (found.why.reason, found.why.needed) == ("sni", ("name",))
    assert [version.version for version in found.versions if version.suites] == [0x0303]
