"""Phrases that are made of parts."""

from __future__ import annotations

from whytls.phrases import together


def test_what_is_done_alike_is_said_once() -> None:
    out = ["taking out the extension session_ticket", "taking out the extension heartbeat"]
    assert together(out) == "taking out the extensions session_ticket and heartbeat"
    assert together(["adding TLS 1.2", *out[:1]]) == "adding TLS 1.2 and taking out the extension session_ticket"
    assert together([]) == ""


def test_of_many_the_first_are_named() -> None:
    assert together([f"adding group {n}" for n in range(9)]) == "adding group 0, group 1, group 2, group 3 and 5 more"
