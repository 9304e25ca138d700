"""Where a replay may go, how fast, and what is learned of a server that turns connections away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import QUICK, reset, serving, walked

from whytls.exceptions import UsageError
from whytls.probing import guard
from whytls.probing.guard import SLOWEST, Bucket, Gate, Strain, allowed, pause, taken
from whytls.probing.limits import Limits
from whytls.probing.target import Target, Where, addresses, proxy, target
from whytls.probing.way import Failed, Opened


def at(address: str, port: int = 443) -> Where:
    return Where(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port, 0, 0) if ":" in address else (address, port))


NAMED = target("api.maple.test")


@pytest.mark.parametrize(
    ("to", "allow", "wanted", "where", "permitted"),
    [
        ([], [], NAMED, at("192.0.2.7"), False),
        (["api.maple.test"], [], NAMED, at("192.0.2.7"), True),
        (["API.maple.test.:443"], [], NAMED, at("192.0.2.7"), True),
        (["api.maple.test:8443"], [], NAMED, at("192.0.2.7"), False),
        (["maple.test"], [], NAMED, at("192.0.2.7"), False),
        # an address that a capture says the name has is not what the name means
        (["api.maple.test"], [], NAMED._replace(address="10.0.0.1"), at("10.0.0.1"), False),
        (["10.0.0.1:443"], [], NAMED._replace(address="10.0.0.1"), at("10.0.0.1"), True),
        (["192.0.2.7"], [], NAMED, at("192.0.2.7"), True),
        (["192.0.2.7"], [], NAMED, at("192.0.2.8"), False),
        (["192.0.2.7"], [], target("192.0.2.7:22"), at("192.0.2.7", 22), False),
        # the name may be anybody's: its address decides (DNS rebinding)
        ([], ["192.0.2.0/24"], NAMED, at("192.0.2.7"), True),
        ([], ["192.0.2.0/24"], NAMED, at("127.0.0.1"), False),
        ([], ["192.0.2.7", "2001:db8::/32"], NAMED, at("2001:db8:9::1"), True),
        ([], ["192.0.2.7"], NAMED, at("192.0.2.8"), False),
        ([], ["10.0.0.0/8"], NAMED, at("::ffff:10.1.2.3"), True),
        ([], ["::/0"], NAMED, at("::ffff:10.1.2.3"), False),
        (["[2001:db8::7]:443"], [], target("[2001:db8:0::7]:443"), at("2001:db8::7"), True),
        (["unix:/run/a"], [], target("unix:/run/a"), Where(socket.AF_UNIX, "/run/a"), True),
        (["unix:/run/a"], ["0.0.0.0/0"], target("unix:/run/b"), Where(socket.AF_UNIX, "/run/b"), False),
        # what only the proxy knows is allowed by its name only
        ([], ["0.0.0.0/0", "::/0"], NAMED, Where(socket.AF_UNSPEC, ("api.maple.test", 443)), False),
        (["api.maple.test"], [], NAMED, Where(socket.AF_UNSPEC, ("api.maple.test", 443)), True),
    ],
)
def test_where_to(to: list[str], allow: list[str], wanted: Target, where: Where, permitted: bool) -> None:
    rule = allowed(to, allow)
    assert rule.permits(wanted, where) is permitted
    if permitted:
        rule.check(wanted, where)
    else:
        with pytest.raises(UsageError, match="not among the servers that may be contacted") as told:
            rule.check(wanted, where)
        assert told.value.hint
        assert told.value.hint.startswith("--to ")


def test_the_hint_says_what_would_allow_it() -> None:
    with pytest.raises(UsageError) as told:
        allowed().check(NAMED, at("::ffff:10.1.2.3"))
    assert str(told.value) == (
        "api.maple.test:443 (10.1.2.3) is not among the servers that may be contacted (--to api.maple.test:443, or --allow 10.1.2.3)"
    )


@pytest.mark.parametrize("text", ["", "a.test", "10.0.0.5/8", "10.0.0.0/33", "1.2.3", "::1/200", "x" * 500])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(UsageError) as told:
        allowed([], [text])
    assert told.value.hint
    if text == "10.0.0.5/8":
        assert told.value.hint == "10.0.0.0/8, or 10.0.0.5 for that one"


def test_what_a_name_means_is_judged_when_it_is_resolved() -> None:
    found = asyncio.run(addresses(target("localhost:9", family=4)))
    assert allowed([], ["127.0.0.0/8"]).permits(target("localhost:9"), found[0])
    assert not allowed([], ["10.0.0.0/8"]).permits(target("localhost:9"), found[0])
    (told,) = asyncio.run(addresses(target("localhost:9", proxy=proxy("socks5h://127.0.0.1:1"))))
    assert not allowed([], ["127.0.0.0/8"]).permits(target("localhost:9"), told)


# ------------------------------------------------------------------ how fast


@given(rate=st.floats(0.1, 1000), gaps=st.lists(st.floats(0, 3), min_size=2, max_size=40))
def test_no_two_connections_begin_nearer_than_the_rate_allows(rate: float, gaps: list[float]) -> None:
    bucket, now, begun = Bucket(rate), 100.0, []
    for gap in gaps:
        now += gap
        bucket, wait = taken(bucket, now)
        assert wait >= 0
        begun.append(now + wait)
    assert all(b - a >= 1 / rate - 1e-6 for a, b in pairwise(begun))
    assert begun[0] == 100.0 + gaps[0]


def test_without_a_rate_nobody_waits() -> None:
    assert taken(Bucket(0), 5.0) == (Bucket(0), 0.0)


def test_pauses_double_up_to_a_cap() -> None:
    found = [pause(number) for number in range(8)]
    assert found[:3] == [0.2, 0.4, 0.8]
    assert found[-1] == guard.LONGEST_PAUSE == pause(10**9)


# ------------------------------------------------------------------ stepping back


class Server:
    """A server on a clock of its own: serves connections of a tenth of a second, and turns away what ``minds`` says."""

    def __init__(self, minds: Callable[[int, float], bool]) -> None:
        self.minds, self.now, self.open, self.most, self.begun = minds, 0.0, 0, 0, list[float]()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            await asyncio.sleep(0)
            self.now += 0.001

    async def connection(self) -> str:
        self.open += 1
        self.most = max(self.most, self.open)
        self.begun.append(self.now)
        try:
            away = self.minds(self.open, self.now)
            for _ in range(20):
                await asyncio.sleep(0)
            return "reset" if away else "served"
        finally:
            self.open -= 1

    def run(self, count: int, limits: Limits) -> tuple[list[str], Gate]:
        async def all_of_them() -> tuple[list[str], Gate]:
            gate = Gate(limits, self.clock, self.sleep)
            done: list[Awaitable[str]] = [gate.through(self.connection, lambda result: result == "reset") for _ in range(count)]
            return list(await asyncio.gather(*done)), gate

        return asyncio.run(all_of_them())


def test_no_more_at_once_than_allowed_and_no_more_in_all() -> None:
    server = Server(lambda open_now, now: False)
    results, gate = server.run(30, Limits(parallel=4))
    assert (set(results), server.most, gate.begun, gate.left) == ({"served"}, 4, 30, 170)
    assert gate.strain == Strain(most_passed=4)
    assert gate.strain.words == ""
    with pytest.raises(UsageError, match="bound of 5 connections"):
        Server(lambda open_now, now: False).run(6, Limits(connections=5))


def test_the_rate_is_kept() -> None:
    server = Server(lambda open_now, now: False)
    server.run(6, Limits(rate=10.0))
    assert all(b - a >= 0.099 for a, b in pairwise(server.begun))


@pytest.mark.parametrize("bears", [1, 2, 3, 5])
def test_a_server_that_minds_many_at_once_is_found_out_and_served(bears: int) -> None:
    server = Server(lambda open_now, now: open_now > bears)
    results, gate = server.run(40, Limits(parallel=8))
    assert set(results) == {"served"}
    assert gate.strain.fewest_hindered > bears
    assert gate.strain.most_passed <= bears
    assert gate.parallel <= max(bears, 1)
    assert gate.strain.retries <= guard.RETRIES
    assert f"when {gate.strain.fewest_hindered} or more come at once" in gate.strain.words


def test_no_bound_is_told_where_the_numbers_contradict_each_other() -> None:
    strain = guard.relieved(guard.relieved(guard.passed(Strain(), 4), 5), 3)
    assert strain.words == (
        "the server turns connections away when several come at once, sometimes with 3: "
        "2 connections were refused, reset or closed beside others, and served when tried again alone"
    )


def test_a_server_that_minds_what_is_said_is_soon_believed() -> None:
    server = Server(lambda open_now, now: True)
    results, gate = server.run(40, Limits(parallel=8))
    assert set(results) == {"reset"}
    assert gate.strain.relieved == 0
    assert gate.strain.words == ""
    assert gate.begun <= 40 + guard.TRIES * 8
    assert gate.strain.retries <= guard.RETRIES
    assert gate.parallel == 8


def test_a_connection_that_is_alone_is_never_repeated() -> None:
    server = Server(lambda open_now, now: True)
    results, gate = server.run(3, Limits(parallel=1))
    assert (results, gate.begun, gate.strain.retries) == (["reset"] * 3, 3, 0)


def test_a_server_that_minds_for_a_while_is_waited_for() -> None:
    server = Server(lambda open_now, now: open_now > 1 or 0.0005 < now < 0.5)
    results, gate = server.run(2, Limits(parallel=2))
    assert results == ["served", "served"]
    assert 2 <= gate.strain.retries <= 3
    assert gate.strain.waited >= 0.6


def test_a_server_that_counts_by_the_second_is_asked_more_slowly() -> None:
    """Five in any second, however many at once (HAProxy's conn_rate, nftables' limit): after a few were turned away all others are served."""
    served: list[float] = []

    def counts(_: int, now: float) -> bool:
        if len([one for one in served if one > now - 1]) >= 5:
            return True
        served.append(now)
        return False

    server = Server(counts)
    results, gate = server.run(60, Limits(parallel=8))
    assert results.count("reset") == 0
    assert gate.strain.relieved
    assert server.now < 60 / SLOWEST + 10, "and it comes to an end"


def test_retries_count_as_connections() -> None:
    server = Server(lambda open_now, now: open_now > 1)
    results, gate = server.run(4, Limits(parallel=4, connections=5))
    assert gate.begun == 5
    assert results.count("reset") >= 1  # no more was allowed to find out
    assert len(server.begun) == 5


def test_an_attempt_that_raises_or_is_cancelled_gives_its_place_back() -> None:
    async def go() -> None:
        gate = Gate(Limits(parallel=1))

        async def broken() -> str:
            raise ValueError("broken")

        async def stuck() -> str:
            await asyncio.sleep(60)
            return ""

        async def good() -> str:
            return "served"

        with pytest.raises(ValueError, match="broken"):
            await gate.through(broken, bool)
        running = [asyncio.create_task(gate.through(stuck, bool)) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        async with asyncio.timeout(5):
            assert await gate.through(good, lambda _: False) == "served"

    asyncio.run(go())


def test_a_real_server_that_resets_the_fourth_of_four() -> None:
    """Over sockets: what is learned is told, and all are served in the end."""
    count = 0

    def handle(connected: socket.socket) -> None:
        nonlocal count
        count += 1
        try:
            if count > 3:
                reset(connected)
                return
            connected.sendall(b"220 hello\r\n")
            connected.recv(100)
            connected.sendall(b"234 yes\r\n")
            connected.recv(100)
        finally:
            count -= 1

    async def go(wanted: Target) -> tuple[list[Opened | Failed], Gate]:
        gate = Gate(QUICK)

        async def attempt() -> Opened | Failed:
            async def hold(_: Opened) -> bytes:
                await asyncio.sleep(0.1)
                return b""

            return (await walked(wanted, then=hold)).result

        results = await asyncio.gather(*(gate.through(attempt, lambda r: isinstance(r, Failed) and r.hindered_by_load) for _ in range(12)))
        return list(results), gate

    with serving(handle) as server:
        results, gate = asyncio.run(go(server._replace(starttls="ftp")))
    assert all(isinstance(result, Opened) for result in results)
    assert gate.strain.relieved > 0
    assert 2 <= gate.strain.fewest_hindered <= 8  # the server counts as well what it has not closed yet
