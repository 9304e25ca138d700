"""Which target server is called next."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from whytls.edge.resources import TargetEndpoint
from whytls.gateway.balancer import Balancer, Plan, plan_of

ALL = frozenset("abc")


def endpoint(inner: str) -> TargetEndpoint:
    text = f"<TargetEndpoint name='default'><HTTPTargetConnection><LoadBalancer>{inner}</LoadBalancer></HTTPTargetConnection></TargetEndpoint>"
    return TargetEndpoint.from_xml(text.encode())


def test_what_a_load_balancer_says() -> None:
    plan = plan_of(endpoint(
        "<Algorithm>Weighted</Algorithm><Server name='a'><Weight>3</Weight></Server><Server name='b'/>"
        "<Server name='c'><IsFallback>true</IsFallback></Server><MaxFailures>5</MaxFailures><RetryEnabled>false</RetryEnabled>"
    ))  # fmt: skip
    assert plan == Plan("Weighted", ("a", "b", "c"), (3, 1, 1), "c", 5, False)
    assert plan_of(TargetEndpoint("p", "1", "t", servers=("a", "b"))) == Plan("RoundRobin", ("a", "b"), (1, 1), "", 0, True)


def first_of(balancer: Balancer, count: int, active: frozenset[str] = ALL) -> Counter[str]:
    return Counter(balancer.order(active)[0] for _ in range(count))


def test_round_robin_takes_turns_and_retries_the_others() -> None:
    balancer = Balancer(Plan("RoundRobin", ("a", "b", "c"), (1, 1, 1), "", 0, True))
    assert [balancer.order(ALL) for _ in range(3)] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_weights_are_kept_over_a_round(weights: list[int]) -> None:
    names = tuple("abcde"[: len(weights)])
    balancer = Balancer(Plan("Weighted", names, tuple(weights), "", 0, True))
    assert first_of(balancer, sum(weights), frozenset(names)) == Counter(dict(zip(names, weights, strict=True)))


def test_least_connections() -> None:
    balancer = Balancer(Plan("LeastConnections", ("a", "b"), (1, 1), "", 0, True))
    balancer.began("a")
    assert balancer.order(ALL)[0] == "b"
    balancer.began("b")
    balancer.ended("a", well=True)
    assert balancer.order(ALL)[0] == "a"


def test_who_fails_too_often_is_taken_out_and_the_fallback_comes_last() -> None:
    balancer = Balancer(Plan("RoundRobin", ("a", "b", "c"), (1, 1, 1), "c", 2, True))
    assert balancer.order(ALL)[-1] == "c"
    for _ in range(2):
        balancer.ended("a", well=False)
    assert balancer.order(ALL) == ["b", "c"]
    balancer.ended("a", well=True)
    assert "a" in balancer.order(ALL)
    for name in "ab":
        for _ in range(2):
            balancer.ended(name, well=False)
    assert balancer.order(ALL) == ["c"]
    assert balancer.order(frozenset()) == []


def test_without_retries_one_server_is_tried() -> None:
    assert Balancer(Plan("RoundRobin", ("a", "b"), (1, 1), "", 0, False)).order(ALL) == ["a"]
