"""Servers that stall, send garbage, reset, never end: a probe of each is bounded, and ends in a verdict."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.live.hostile import BEHAVIOURS  # noqa: E402
from lab.live.listener import listening  # noqa: E402

import whytls  # noqa: E402

# What each is, where one word says it; a close or a reset can mean more than one thing.
VERDICTS = {
    "silent": {"handshake-timeout"}, "garbage": {"tls-to-plaintext-port"}, "http": {"tls-to-plaintext-port"}, "ssh": {"tls-to-plaintext-port"},
    "smtp": {"tls-to-plaintext-port"}, "reset-at-accept": {"connection-reset"}, "reset-after-hello": {"connection-reset"},
    "reset-mid-flight": {"connection-reset"}, "fin-at-once": {"closed-without-answer", "connection-reset"},
    "fin-after-hello": {"closed-without-answer", "connection-reset"},
    "garbage-record": {"malformed-message"}, "lying-lengths": {"malformed-message"}, "endless-certificate": {"malformed-message"},
    "endless-retries": {"hello-retry-refused"}, "truncated-message": {"closed-without-answer"},
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BEHAVIOURS if name != "suite-not-offered"])
def test_a_hostile_server_is_left_with_a_verdict(name: str) -> None:
    began = time.monotonic()
    with listening(BEHAVIOURS[name]) as server:
        (survey,) = whytls.probe(f"127.0.0.1:{server.port}", timeout=0.25, connections=40)
    assert time.monotonic() - began < 12
    assert survey.level == "failure"
    assert survey.verdict in VERDICTS.get(name, {survey.verdict} - {"unknown"})
    assert len(survey.inventory.attempts) <= 40
    assert not any("bug in whytls" in warning for problem in survey.problems for warning in problem.warnings)
