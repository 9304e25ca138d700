"""Moments of a recording (nanoseconds since 1970) as people and machines read them."""

from __future__ import annotations

import time
from functools import lru_cache


def iso(moment: int) -> str:
    """ISO 8601 in UTC with microseconds: ``2026-03-01T09:30:00.123456Z``; empty where the clock of the recording is absurd."""
    seconds, nanoseconds = divmod(moment, 1_000_000_000)
    second = _second(seconds)
    return f"{second}.{nanoseconds // 1000:06d}Z" if second else ""


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    # A damaged or forged timestamp can be any 64-bit number; a year of five digits is no ISO 8601.
    if not 0 <= seconds < 253_402_300_800:
        return ""
    t = time.gmtime(seconds)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
