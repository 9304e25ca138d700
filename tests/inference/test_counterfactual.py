"""What another handshake with the same server proves about a hello that was refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story import CLIENT, SERVER, hello
from whytls.inference.counterfactual import _servers, nearest
from whytls.model import Seen, ServerProfile
from whytls.wire.message import ClientHello

RSA, ECDSA = (0x0804, 0x0401), (0x0403, 0x0503)


def offered(**fields: Any) -> ClientHello:
    value = hello(**fields).value
    assert isinstance(value, ClientHello)
    return value


def accepted(**fields: Any) -> Seen:
    given: dict[str, Any] = {
        "frame": 9, "file": "story.pcap", "client": CLIENT, "server": SERVER, "outcome": "completed", "sni": "www.example.test",
        "version": 0x0303, "cipher_suite": 0xC02F, "group": 0x001D, "alpn": None, "chain": None, "client_certificate": False,
        "offered_versions": (0x0304, 0x0303),
    }  # fmt: skip
    return Seen(**{**given, **fields})


@pytest.mark.parametrize(
    ("hello_fields", "seen_fields", "found"),
    [
        ({}, {}, set()),
        ({}, {"version": 0x0301}, {"version"}),
        ({}, {"version": 0x0301, "cipher_suite": 0xC009}, {"version", "suite"}),  # what it takes of the hello's own version is not known
        ({"suites": (0x002F,)}, {}, {"suite"}),
        ({"groups": (0x0018,)}, {}, {"group"}),
        ({"groups": None}, {}, set()),  # a client that says nothing of groups takes any (RFC 8422 section 4)
        ({"schemes": ECDSA}, {"offered_signature_algorithms": (*RSA, *ECDSA)}, {"signature"}),
        ({"schemes": ECDSA}, {}, set()),  # what the other one offered is not known
        ({"schemes": (*RSA, *ECDSA)}, {"offered_signature_algorithms": RSA}, set()),  # more than was needed is no difference
        ({"sni": None}, {}, {"sni"}),
        ({"sni": ""}, {"sni": None}, set()),
        ({"sni": "other.example.test"}, {}, {"sni"}),
        ({"alpn": ("h2",)}, {"alpn": "http/1.1"}, {"alpn"}),
        ({"alpn": ("h2", "http/1.1")}, {"alpn": "http/1.1"}, set()),
        ({"alpn": None}, {"alpn": "h2"}, set()),
        ({"sni": None, "suites": (0x002F,), "groups": (0x0018,)}, {}, {"sni", "suite", "group"}),
    ],
)
def test_differences(hello_fields: dict[str, Any], seen_fields: dict[str, Any], found: set[str]) -> None:
    near = nearest(offered(**hello_fields), ServerProfile((accepted(**seen_fields),)))
    assert near is not None
    assert near.differences == found


def test_the_nearest_counts() -> None:
    far = accepted(sni="a.example.test", cipher_suite=0xC0AC, group=0x0018, frame=6)
    profile = ServerProfile((accepted(version=0x0301, frame=5), far, accepted(frame=7)))
    near = nearest(offered(sni=None, groups=(0x0017,)), profile)
    assert near is not None
    assert near.seen.frame == 7
    assert near.differences == {"sni", "group"}
    only = nearest(offered(sni=None), profile)
    assert only is not None
    assert only.differences == {"sni"}


def test_a_handshake_whose_hello_was_not_recorded_proves_nothing() -> None:
    profile = ServerProfile((accepted(sni=None, offered_versions=()),))
    assert nearest(offered(), profile) is None
    near = nearest(offered(sni=None), ServerProfile((*profile.completed, accepted(frame=12))))
    assert near is not None
    assert near.seen.frame == 12


def test_nothing_is_proven_by_nothing() -> None:
    assert nearest(offered(), None) is None
    assert nearest(offered(), ServerProfile(failed=(accepted(outcome="failed"),))) is None
    same = nearest(offered(), ServerProfile((accepted(),)))
    assert same is not None
    assert same.differences == frozenset()


SIGHTINGS = st.builds(
    lambda sni, version, suite, group, alpn: {"sni": sni, "version": version, "cipher_suite": suite, "group": group, "alpn": alpn},
    st.sampled_from((None, "www.example.test", "b.example.test")), st.sampled_from((0x0301, 0x0303)), st.sampled_from((0xC02F, 0x002F)),
    st.sampled_from((None, 0x001D, 0x0018)), st.sampled_from((None, "h2")),
)  # fmt: skip


@given(st.lists(SIGHTINGS, min_size=1, max_size=12), st.sampled_from((None, "www.example.test", "c.example.test")))
def test_the_nearest_of_many_is_the_first_of_those_with_the_fewest_differences(sightings: list[dict[str, Any]], name: str | None) -> None:
    hello = offered(sni=name, suites=(0xC02F,), groups=(0x001D,), alpn=("http/1.1",))
    completed = [accepted(**fields, frame=frame) for frame, fields in enumerate(sightings, 1)]
    one_by_one = [near for seen in completed if (near := nearest(hello, ServerProfile((seen,)))) is not None]
    near = nearest(hello, ServerProfile(tuple(completed)))
    assert near == min(one_by_one, key=lambda n: len(n.differences))


@given(st.lists(SIGHTINGS, min_size=1, max_size=8), st.lists(st.integers(1, 8), min_size=1, max_size=6))
def test_what_a_profile_shows_does_not_depend_on_those_that_were_asked_before(sightings: list[dict[str, Any]], asked: list[int]) -> None:
    """Profiles of one server grow, and an older one is asked again, as a replay does."""
    hello = offered(suites=(0xC02F,), groups=(0x001D,), alpn=("http/1.1",))
    completed = [accepted(**fields, frame=frame) for frame, fields in enumerate(sightings, 1)]
    for many in asked:
        _servers.clear()
        alone = nearest(hello, ServerProfile(tuple(completed[:many])))
        for before in asked:
            nearest(hello, ServerProfile(tuple(completed[:before])))
        assert nearest(hello, ServerProfile(tuple(completed[:many]))) == alone
