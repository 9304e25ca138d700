from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.management_api import Running, running

from edge_live import Gateway, gateway

USER = "admin@gateway.test"


@pytest.fixture(scope="session")
def management(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The local Management API, once for all tests of this folder."""
    with running(tmp_path_factory.mktemp("management")) as found:
        yield found


@pytest.fixture
def edge(management: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Gateway]:
    """An empty environment; journals lie in a folder of the test's own."""
    monkeypatch.setenv("WHYTLS_EDGE_USER", USER)
    monkeypatch.setenv("WHYTLS_EDGE_PASSWORD", management.token)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with gateway(management.url) as found:
        found.empty()
        yield found
