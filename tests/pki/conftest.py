"""A small sound PKI: a root, an intermediate, a server's and a client's certificate."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from authority import CLIENT, SERVER, issue


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
