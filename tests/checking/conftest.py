"""A small PKI, and files of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import CLIENT, SERVER, Issued, issue

HOST = "shop.meadow.example"


@pytest.fixture(scope="session")
def pki() -> SimpleNamespace:
    root = issue("Meadow Root", ca=True)
    middle = issue("Meadow Issuing 1", root, ca=True)
    stranger = issue("Heath Root", ca=True)
    return SimpleNamespace(
        root=root, middle=middle, server=issue(HOST, middle, san=(HOST,), usage=(SERVER,)), client=issue("till 7", middle, usage=(CLIENT,)),
        stranger=stranger, other=issue("Heath Issuing", stranger, ca=True),
    )  # fmt: skip


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., str]:
    """Writes certificates, and the key of ``key``, into a file."""

    def write(name: str, *issued: Issued | bytes, key: Issued | None = None) -> str:
        text = "".join(ssl.DER_cert_to_PEM_cert(one if isinstance(one, bytes) else one.der) for one in issued)
        if key is not None:
            text += key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write
