"""A small sound PKI: a root, an intermediate, a server's and a client's certificate; and stores that real tools wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from authority import CLIENT, SERVER, issue
from whytls.pki.password import Password
from whytls.pki.store import Store, read_store

STORES = Path(__file__).parent / "stores"


@pytest.fixture(scope="session")
def pki() -> SimpleNamespace:
    root = issue("Meadow Root", ca=True)
    middle = issue("Meadow Issuing 1", root, ca=True)
    server = issue("shop.meadow.example", middle, san=("shop.meadow.example",), usage=(SERVER,))
    client = issue("till 7", middle, san=("till7.meadow.example",), usage=(CLIENT,))
    stranger = issue("Heath Root", ca=True)
    other = issue("Heath Issuing", stranger, ca=True)
    sibling = issue("Meadow Issuing 2", root, ca=True)
    return SimpleNamespace(
        root=root, middle=middle, server=server, client=client, stranger=stranger, other=other, sibling=sibling
    )  # fmt: skip


@pytest.fixture(scope="session")
def stores() -> Path:
    """The folder of stores; its README says who wrote them and how."""
    return STORES


@pytest.fixture(scope="session")
def opened() -> Callable[..., Store]:
    """Reads a store of that folder with a password, or without one."""

    def read(name: str, password: str | None = "meadow1", key: str | None = None) -> Store:
        given = None if password is None else Password.of(password)
        return read_store(STORES / name, password=given, key_password=None if key is None else Password.of(key))

    return read


@pytest.fixture(scope="session")
def named(opened: Callable[..., Store]) -> SimpleNamespace:
    """The certificates in these stores by name, as DER."""
    names = ("root", "issuing", "api", "shop", "other")
    return SimpleNamespace(**{name: opened(f"{name}.pem", None).entries[0].chain[0] for name in names})
