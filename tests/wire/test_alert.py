from __future__ import annotations

import re

import pytest

from whytls.wire import alert
from whytls.wire.alert import OBSERVED, STANDARD, is_fatal, sent_for, stacks_sending
from whytls.wire.registry import ALERTS


def test_numbers_bear_the_names_of_the_registry() -> None:
    named = {name.lower(): value for name, value in vars(alert).items() if name.isupper() and isinstance(value, int)}
    named.pop("warning")
    named.pop("fatal")
    assert len(named) > 25
    assert {name: ALERTS[number] for name, number in named.items()} == {name: name for name in named}


@pytest.mark.parametrize(("level", "description", "tls13", "fatal"), [
    (2, 40, False, True), (1, 0, False, False), (2, 0, False, True), (1, 112, False, False), (1, 40, False, True),
    (1, 40, True, True), (2, 0, True, False), (1, 90, True, False), (1, 41, False, False), (1, 100, False, False),
    (1, 48, False, True),
])  # fmt: skip
def test_what_ends_a_handshake(level: int, description: int, tls13: bool, fatal: bool) -> None:
    assert is_fatal(level, description, tls13) is fatal


def test_the_tables_hold_known_alerts_and_slugs() -> None:
    slug = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
    for reason, standard in STANDARD.items():
        assert slug.fullmatch(reason)
        assert standard.alerts
        assert standard.reference.startswith("RFC ")
        assert set(standard.alerts) <= set(ALERTS)
    for row in OBSERVED:
        assert row.reason in STANDARD
        assert row.sender in ("client", "server")
        assert row.alert is None or row.alert in ALERTS
    keys = [(row.reason, row.stack, row.alert, row.sender) for row in OBSERVED]
    assert len(keys) == len(set(keys))


def test_one_alert_leaves_many_reasons_open() -> None:
    assert {"cipher-mismatch", "group-mismatch", "client-certificate-missing", "sni-missing", "dh-too-small"} <= sent_for(40)
    assert {"certificate-expired", "certificate-name-mismatch", "certificate-untrusted"} <= sent_for(42) & sent_for(46)
    assert sent_for(120) == {"alpn-mismatch"}
    assert sent_for(116) == {"client-certificate-missing"}
    assert "certificate-name-mismatch" in sent_for(None)
    assert sent_for(200) == frozenset()


def test_stacks() -> None:
    assert stacks_sending(46, "certificate-untrusted") == ("java",)
    assert "go" in stacks_sending(42, "certificate-untrusted")
    assert "curl" in stacks_sending(None, "certificate-name-mismatch")
    assert stacks_sending(40, "alpn-mismatch") == ()
    assert "go" in stacks_sending(70, "protocol-mismatch", "server")
    assert "go" not in stacks_sending(70, "protocol-mismatch", "client")
