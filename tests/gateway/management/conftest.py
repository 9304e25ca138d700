"""A Management API in this process, and one who may call it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from caller import Caller

from authority import AT
from whytls.gateway.management.app import app
from whytls.gateway.management.settings import Settings
from whytls.gateway.sealing import Secret
from whytls.gateway.store import Store

SETTINGS = Settings(clock=lambda: AT)  # the day on which the tests' certificates are valid


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite", Secret("a test", False, b"x" * 64))
    yield made
    made.close()


@pytest.fixture
def stranger(store: Store) -> Caller:
    """One without a password."""
    return Caller(app(store, SETTINGS))


@pytest.fixture
def client(store: Store) -> Caller:
    """The administrator."""
    return Caller(app(store, SETTINGS), {"authorization": f"Bearer {store.secret.token}"})
