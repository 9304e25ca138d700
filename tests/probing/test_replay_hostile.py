"""Servers that stall, drip, lie or never end: a replay with them is bounded, and says what it met."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.live.hostile import BEHAVIOURS  # noqa: E402
from lab.live.listener import listening  # noqa: E402

from story import Thing, alert, client, server, story  # noqa: E402
from whytls.model import Context  # noqa: E402
from whytls.probing.attempt import Prober  # noqa: E402
from whytls.probing.limits import Limits  # noqa: E402
from whytls.probing.replay import judged_with, replay  # noqa: E402
from whytls.verdict import judge  # noqa: E402
from whytls.wire.hello import make  # noqa: E402


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_a_hostile_server_is_bounded(behaviour: str) -> None:
    """The recorded refusal is a server's that behaved; what is there now does not."""
    hello = make(suites=(0xC02F,), random=bytes(32), server_name="www.maple.test")
    refused = story(client >> Thing("client-hello", hello, 90), server << alert(40))
    limits = Limits(connect=1, answer=0.15, total=0.6, patience=0.1, most_bytes=1 << 16)
    with listening(BEHAVIOURS[behaviour]) as place:
        prober = Prober(socket.AF_INET, (place.address, place.port), "hostile", limits)
        found = asyncio.run(replay(refused, Context(), prober, names=("api.maple.test",)))
    assert found is not None
    if behaviour == "never-closes":  # a server as others are, until it should close: it refuses this hello indeed
        assert (found.stopped, found.dimensions) == ("found", {"suite"})
        return
    assert found.stopped in ("otherwise", "not-reproduced", "inconsistent")
    assert len(found.tried) <= 4
    said = judge(*judged_with(refused, Context(), found)).diagnosis
    assert said.warnings
    assert not any("bug" in w for w in said.warnings)
