from typing import Any

import pytest

from story import replace
from whytls.exceptions import UsageError
from whytls.filters import Filters, moment
from whytls.model import Diagnosis, Endpoint, Handshake

SECOND = 1_000_000_000
D = Diagnosis(
    "sni-missing", "hello", "t", "failed", Endpoint("10.0.0.7", 41822), Endpoint("2001:db8::1", 8443), "southbound",
    sni="Api.Example.COM", started_at=moment("2026-03-01T09:30:00Z"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, True),
        ({"host": ["10.0.0.7"]}, True),
        ({"host": ["10.0.0.0/24"]}, True),
        ({"host": ["10.0.0.9/24"]}, True),  # host bits set: the network is meant
        ({"host": ["2001:DB8:0::1"]}, True),  # the same address, written otherwise
        ({"host": ["[2001:db8::1]"]}, True),
        ({"host": ["2001:db8::/32", "10.9.9.9"]}, True),
        ({"host": ["10.0.1.0/24"]}, False),
        ({"port": ["8443"]}, True),
        ({"port": [":8443", 1]}, True),
        ({"port": [443]}, False),
        ({"sni": ["api.example.com"]}, True),
        ({"sni": ["*.example.com."]}, True),
        ({"sni": ["*.example.org", "api.*"]}, True),
        ({"sni": ["example.com"]}, False),
        ({"sni": [""]}, False),
        ({"cause": ["sni-missing", "x"]}, True),
        ({"cause": ["x"]}, False),
        ({"hop": ["southbound"]}, True),
        ({"hop": ["northbound"]}, False),
        ({"since": "2026-03-01T09:30"}, True),
        ({"since": "2026-03-01T10:30:00+01:00"}, True),
        ({"since": "2026-03-01T09:30:00.000001Z"}, False),
        ({"until": "2026-03-01T09:30Z"}, False),
        ({"until": "2026-03-02"}, True),
        ({"host": ["10.0.0.7"], "port": [443]}, False),  # different options: all of them
    ],
)
def test_what_is_kept(asked: dict[str, Any], kept: bool) -> None:
    assert Filters.of(**asked).matches(D) is kept


def test_a_hello_without_a_name_is_asked_for_with_the_empty_name() -> None:
    assert Filters.of(sni=[""]).matches(replace(D, sni=None))
    assert not Filters.of(sni=["*"]).matches(replace(D, sni=None))


def test_before_there_is_a_verdict_cause_and_hop_do_not_count() -> None:
    handshake = Handshake(D.client, D.server, (), "failed")
    assert Filters.of(cause=["other"], hop=["direct"]).matches(handshake)
    assert not Filters.of(cause=["other"]).matches(D)


def test_an_address_that_is_none_matches_no_network() -> None:
    assert not Filters.of(host=["10.0.0.0/8"]).matches(replace(D, client=Endpoint("?", 1)))


@pytest.mark.parametrize(
    "asked",
    [
        {"host": ["api.example.com"]}, {"host": ["10.0.0.0/99"]}, {"port": ["https"]}, {"port": [0]}, {"port": ["70000"]},
        {"port": ["٣"]}, {"hop": ["sideways"]}, {"since": "yesterday"}, {"until": "2026-13-01"}, {"since": "9" * 30},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_said_with_what_would_be(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as told:
        Filters.of(**asked)
    assert told.value.hint


def test_moments() -> None:
    assert moment("0") == 0
    assert moment("1772357400.5") == 1772357400 * SECOND + SECOND // 2
    assert moment("2026-03-01T09:30:00") == 1772357400 * SECOND
    assert moment("1969-12-31T23:59:59.999999Z") == -1000


def test_empty_filters_are_false() -> None:
    assert not Filters()
    assert not Filters.of()
    assert Filters.of(port=[443])


def test_many_stars_and_a_hostile_name_take_no_time() -> None:
    import time

    started = time.perf_counter()
    assert not Filters.of(sni=["*a*a*a*a*a*a*a*a*b"]).matches(replace(D, sni="a" * 60_000))
    assert time.perf_counter() - started < 1
