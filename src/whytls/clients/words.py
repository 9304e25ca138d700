"""Counts and lists in words."""

from __future__ import annotations

from collections.abc import Sequence

from whytls.wire.registry import version_name


def count_of(count: int, what: str) -> str:
    """ "one suite", "12 suites"."""
    return f"one {what}" if count == 1 else f"{count} {what}s"


def listed(names: Sequence[str], most: int = 6) -> str:
    """ "x25519, secp256r1 and 3 more"; "none" for nothing."""
    if not names:
        return "none"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def versions_of(versions: Sequence[int]) -> str:
    """ "TLS 1.2 and up", "TLS 1.0 at most", "TLS 1.2 only", "TLS 1.0 to TLS 1.2"; from the highest to the lowest."""
    if not versions:
        return "none"
    top, low = versions[0], versions[-1]
    if top == low:
        return f"{version_name(top)} only"
    if top == 0x0304:
        return f"{version_name(low)} and up"
    return f"{version_name(top)} at most"
