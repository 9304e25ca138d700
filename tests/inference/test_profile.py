"""What a recording shows of its servers: told apart by what they tell, in bounds."""

from __future__ import annotations

import time
from typing import Any

from story import CLIENT, SERVER
from whytls.inference import profile
from whytls.inference.profile import Profiles
from whytls.model import Endpoint, Seen


def seen(**fields: Any) -> Seen:
    given: dict[str, Any] = {
        "frame": 1, "file": "story.pcap", "client": CLIENT, "server": SERVER, "outcome": "completed", "sni": "www.example.test",
        "version": 0x0303, "cipher_suite": 0xC02F, "group": 0x001D, "alpn": None, "chain": None, "client_certificate": False,
    }  # fmt: skip
    return Seen(**{**given, **fields})


def test_nothing_is_known_of_a_server_that_was_not_seen() -> None:
    book = Profiles()
    book.learn(seen())
    assert book.server(Endpoint(SERVER.address, 8443)) is None
    assert book.client("203.0.113.77") is None


def test_what_was_accepted_and_what_was_not_stand_apart() -> None:
    book = Profiles()
    book.learn(seen())
    book.learn(seen(outcome="failed", version=None, alert=("server", 40), frame=9))
    known = book.server(SERVER)
    assert known is not None
    assert [s.frame for s in known.completed] == [1]
    assert [s.frame for s in known.failed] == [9]
    assert known.speaks_tls
    client = book.client(CLIENT.address)
    assert client is not None
    assert len(client.completed) == len(client.failed) == 1


def test_a_server_that_only_refused_is_not_known_to_speak_tls() -> None:
    book = Profiles()
    book.learn(seen(outcome="failed", version=None))
    known = book.server(SERVER)
    assert known is not None
    assert not known.speaks_tls


def test_the_same_again_tells_nothing_new() -> None:
    book = Profiles()
    book.learn(seen())
    first = book.server(SERVER)
    for frame in range(2, 50):
        book.learn(seen(frame=frame))
    assert book.server(SERVER) is first


def test_sightings_of_one_server_are_bounded() -> None:
    book = Profiles()
    for number in range(5_000):
        book.learn(seen(sni=f"n{number}.example.test", frame=number))
    known = book.server(SERVER)
    assert known is not None
    assert len(known.completed) == profile.MOST_SEEN


def test_servers_are_bounded_and_learning_is_quick() -> None:
    book = Profiles()
    begun = time.process_time()
    for number in range(30_000):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        book.learn(seen(server=Endpoint(address, 443), client=Endpoint(f"172.16.{number >> 8 & 255}.{number & 255}", 1)))
    assert time.process_time() - begun < 5
    known = [number for number in range(30_000) if book.server(Endpoint(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 443))]
    assert len(known) == profile.MOST_SERVERS
