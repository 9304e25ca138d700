"""Words of a call that many functions take, as values: a time, and a store of anchors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whytls.exceptions import UsageError

if TYPE_CHECKING:
    from datetime import datetime


def anchors(trust: str | None) -> tuple[bytes, ...] | None:
    """The anchors of a store; ``None`` where none is named."""
    if trust is None:
        return None
    from whytls.pki.store import read_anchors

    return read_anchors(trust)


def moment(at: str | datetime | None) -> int | None:
    """A time in nanoseconds since 1970.

    Raises:
        UsageError: the text is no time.
    """
    if at is None:
        return None
    from datetime import UTC, datetime

    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at) if not at.isdigit() else datetime.fromtimestamp(int(at), UTC)
        except (ValueError, OverflowError, OSError):
            raise UsageError(f"{at!r} is no time", hint="for instance 2019-03-01, 2019-03-01T12:00:00Z, or seconds since 1970") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return int(at.timestamp()) * 1_000_000_000
