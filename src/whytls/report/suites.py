"""Cipher suites for people: what the two sides agree on keys by, and the ciphers under it, in the order in which the server chose them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def folded(suites: Sequence[int], *, in_order: bool = True) -> list[Family]:
    """The families of these suites, in the order in which they were first chosen; or, where that was ours and says nothing, in the usual one."""
    if not in_order:
        suites = sorted(suites, key=_usual_place)
    families: dict[str, tuple[dict[str, None], list[int]]] = {}
    for suite in suites:
        facts = suite_facts(suite)
        ciphers, counted = families.setdefault(family(facts), ({}, []))
        ciphers[cipher(facts)] = None
        counted.append(suite)
    return [Family(name, _sizes_together(ciphers), len(counted)) for name, (ciphers, counted) in families.items()]


def _sizes_together(ciphers: Iterable[str]) -> tuple[str, ...]:
    """``AES-256-GCM`` and ``AES-128-GCM`` as ``AES-256/128-GCM``, where the first of them stands."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for one in ciphers:
        parts = one.split("-", 2)
        if len(parts) == 3 and parts[1].isdecimal():
            sizes.setdefault((parts[0], parts[2]), []).append(parts[1])
        else:
            sizes.setdefault((one, ""), [])
    return tuple([f"{name}-{'/'.join(dict.fromkeys(bits))}-{rest}" if bits else name for (name, rest), bits in sizes.items()])


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
    """``AES-128-GCM``, ``3DES``; whatever the MAC."""
    return _CIPHERS.get(facts.cipher) or facts.cipher.replace("_", "-")


_EXCHANGES = ("TLS13", "ECDHE", "DHE", "RSA")
_CIPHERS_USUAL = ("AES_256_GCM", "CHACHA20", "AES_128_GCM", "GCM", "CCM", "AES_256_CBC", "AES_128_CBC", "CBC")


def _usual_place(suite: int) -> tuple[bool, int, str, int, str]:
    """Where configurations have it: forward secrecy first, then the strength of the cipher."""
    facts = suite_facts(suite)
    exchange = _EXCHANGES.index(facts.key_exchange) if facts.key_exchange in _EXCHANGES else len(_EXCHANGES)
    strength = next((place for place, part in enumerate(_CIPHERS_USUAL) if part in facts.cipher), len(_CIPHERS_USUAL))
    return facts.export or facts.authentication == "anon", exchange, facts.authentication, strength, facts.mac
