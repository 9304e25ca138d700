"""Gateways are inferred from the two roles of an address, and from nothing less."""

from __future__ import annotations

import time
from typing import Any

from whytls.inference import gateway
from whytls.inference.gateway import APART, Gateways
from whytls.model import Endpoint, Seen

CALLER, ROUTER, BACKEND = Endpoint("198.51.100.7", 50_001), Endpoint("10.0.0.7", 443), Endpoint("10.0.9.12", 8443)
INSIDE = Endpoint("10.0.0.7", 41_822)


def seen(client: Endpoint, server: Endpoint, at: int = 0, **fields: Any) -> Seen:
    return Seen(1, "f", client, server, "completed", None, None, None, None, None, None, False, started_at=at, **fields)


def book(*sightings: Seen) -> Gateways:
    made = Gateways()
    for sighting in sightings:
        made.learn(sighting)
    return made


def test_both_roles_at_once_make_a_gateway() -> None:
    known = book(seen(CALLER, ROUTER), seen(INSIDE, BACKEND, 5_000_000))
    assert known.is_gateway("10.0.0.7")
    assert known.hop(CALLER, ROUTER) == "northbound"
    assert known.hop(INSIDE, BACKEND) == "southbound"
    assert known.hop(CALLER, BACKEND) == "direct"


def test_one_role_makes_none() -> None:
    known = book(seen(CALLER, ROUTER), seen(Endpoint("198.51.100.8", 1), ROUTER))
    assert known.hop(CALLER, ROUTER) == "direct"


def test_called_back_by_ones_own_server_makes_none() -> None:
    assert not book(seen(CALLER, ROUTER), seen(INSIDE, Endpoint(CALLER.address, 443))).is_gateway("10.0.0.7")


def test_a_machine_that_talks_to_itself_is_none() -> None:
    local = Endpoint("127.0.0.1", 1)
    known = book(seen(local, Endpoint("127.0.0.1", 443)), seen(local, BACKEND), seen(CALLER, Endpoint("127.0.0.1", 443)))
    assert known.hop(local, Endpoint("127.0.0.1", 443)) == "direct"


def test_hours_apart_is_not_at_once() -> None:
    assert book(seen(CALLER, ROUTER), seen(INSIDE, BACKEND, APART)).is_gateway("10.0.0.7")
    assert not book(seen(CALLER, ROUTER), seen(INSIDE, BACKEND, APART + 1)).is_gateway("10.0.0.7")


def test_the_same_peers_once_more_are_judged_by_their_last_sighting() -> None:
    known = book(seen(CALLER, ROUTER), seen(CALLER, ROUTER, 2 * APART), seen(INSIDE, BACKEND, 2 * APART + 5))
    assert known.is_gateway("10.0.0.7")


def test_a_scan_fills_neither_memory_nor_time() -> None:
    known, begun = Gateways(), time.process_time()
    for number in range(60_000):
        tail = f"{number >> 8 & 255}.{number & 255}"
        known.learn(seen(Endpoint(f"10.1.{tail}", number), Endpoint(f"10.2.{tail}", 443)))
        known.learn(seen(INSIDE, Endpoint(f"172.16.{tail}", 443)))
        known.learn(seen(Endpoint(f"172.17.{tail}", 1), ROUTER))
        known.is_gateway("10.0.0.7")
    assert time.process_time() - begun < 20
    assert max(map(len, (known._served, known._called))) <= gateway.MOST_ADDRESSES
    assert max(len(peers) for peers in known._called.values()) <= gateway.MOST_PEERS
