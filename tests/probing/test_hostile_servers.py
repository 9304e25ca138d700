"""Each server of lab/live/hostile.py, asked for a whole handshake: an end in time, and a verdict that is not wrong."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import pytest
from lab.live.hostile import BEHAVIOURS
from lab.live.listener import listening

from whytls.model import Context
from whytls.probing.attempt import Prober
from whytls.probing.limits import Limits
from whytls.verdict import judge
from whytls.wire.hello import make

QUICK = Limits(connect=2, answer=0.3, total=1.5, patience=0.1)
# The ends and causes that are right; None: no failure. After a ServerHello that a client would refuse we wait for more, as we refuse nothing.
WANTED: dict[str, tuple[str, str | None]] = {
    "silent": ("silence", "handshake-timeout"),
    "fin-at-once": ("closed|reset", "closed-without-answer|connection-reset"),
    "fin-after-hello": ("closed", "closed-without-answer"),
    "reset-at-accept": ("reset", "connection-reset"),
    "reset-after-hello": ("reset", "connection-reset"),
    "reset-mid-flight": ("reset", "connection-reset"),
    "never-closes": ("reached", None),
    "garbage": ("foreign", "tls-to-plaintext-port"),
    "garbage-record": ("foreign", "malformed-message"),
    "http": ("foreign", "tls-to-plaintext-port"),
    "ssh": ("foreign", "tls-to-plaintext-port"),
    "smtp": ("foreign", "tls-to-plaintext-port"),
    "endless-certificate": ("foreign", "malformed-message"),
    "endless-warnings": ("refused|endless", "unexplained|malformed-message"),
    "endless-empty-records": ("foreign", "malformed-message"),
    "endless-change-cipher-spec": ("endless", "malformed-message"),
    "endless-hello-requests": ("endless", "malformed-message"),
    "endless-retries": ("foreign", "hello-retry-refused"),
    "huge-certificate-list": ("foreign", "malformed-message"),
    "suite-not-offered": ("silence", "handshake-timeout"),
    "version-not-offered": ("silence", "handshake-timeout"),
    "version-unknown": ("silence", "handshake-timeout"),
    "truncated-record": ("closed", "closed-without-answer"),
    "truncated-message": ("closed", "closed-without-answer"),
    "lying-lengths": ("foreign", "malformed-message"),
}


@pytest.mark.parametrize("tls13", [False, True], ids=["tls12", "tls13"])
@pytest.mark.parametrize("name", sorted(WANTED))
def test_it_comes_to_an_end_that_is_called_by_its_name(name: str, tls13: bool) -> None:
    share = ((0x1D, os.urandom(32)),) if tls13 else ()
    versions = (0x0304, 0x0303) if tls13 else (0x0303,)
    hello = make(suites=(0x1301, 0x1302, 0xC02F, 0xC02B, 0x2F), versions=versions, key_shares=share, random=os.urandom(32), session_id=os.urandom(32))
    with listening(BEHAVIOURS[name]) as server:
        prober = Prober(socket.AF_INET, ("127.0.0.1", server.port), name, QUICK)
        began = time.monotonic()
        found = asyncio.run(prober.attempt(hello, name, "finish", request=b"GET / HTTP/1.0\r\n\r\n"))
        took = time.monotonic() - began
    end, cause = WANTED[name]
    assert found.end in end.split("|")
    assert took < QUICK.total + 2  # of a machine with other work
    assert len(found.handshake.events) <= QUICK.most_events
    diagnosis = judge(found.handshake, Context()).diagnosis
    assert (diagnosis.cause or "") in (cause or "").split("|")


def test_no_behaviour_is_forgotten() -> None:
    assert set(WANTED) == set(BEHAVIOURS)
