"""Cipher suites for people: what the two sides agree on keys by, and the ciphers under it, in the order in which the server chose them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from whytls.wire.registry import SuiteFacts, suite_facts

_CIPHERS = {
    "AES_128_GCM": "AES-128-GCM", "AES_256_GCM": "AES-256-GCM", "CHACHA20_POLY1305": "ChaCha20", "3DES_EDE_CBC": "3DES", "RC4_128": "RC4",
    "NULL": "NULL", "SHA256": "NULL-SHA256", "SHA384": "NULL-SHA384",
}  # fmt: skip


class Family(NamedTuple):
    """Suites by which keys are agreed on in the same way."""

    name: str  # as ``family`` gives it
    ciphers: tuple[str, ...]
    size: int  # suites


def folded(suites: Sequence[int]) -> list[Family]:
    """The families of these suites, in the order in which they were first chosen."""
    families: dict[str, tuple[dict[str, None], list[int]]] = {}
    for suite in suites:
        facts = suite_facts(suite)
        ciphers, counted = families.setdefault(family(facts), ({}, []))
        ciphers[cipher(facts)] = None
        counted.append(suite)
    return [Family(name, tuple(ciphers), len(counted)) for name, (ciphers, counted) in families.items()]


def family(facts: SuiteFacts) -> str:
    """``ECDHE-ECDSA``, ``RSA key exchange``, ``anonymous ECDHE``; empty in TLS 1.3, where suites say nothing of it."""
    if facts.tls13:
        return ""
    if facts.export:
        return "export"
    if facts.authentication == "anon":
        return f"anonymous {facts.key_exchange}"
    if facts.key_exchange == "RSA":
        return "RSA key exchange"
    if facts.key_exchange in ("DH", "ECDH"):
        return f"fixed {facts.key_exchange}-{facts.authentication}"
    return facts.key_exchange if facts.key_exchange == facts.authentication else f"{facts.key_exchange}-{facts.authentication}"


def cipher(facts: SuiteFacts) -> str:
    """``AES-128-GCM``, ``3DES``; CBC suites with another MAC than SHA-1 bear it, for clients tell them apart."""
    name = _CIPHERS.get(facts.cipher) or facts.cipher.replace("_", "-")
    return f"{name}-{facts.mac}" if facts.cipher.endswith("CBC") and facts.mac not in ("SHA", "AEAD", "") else name
