"""What a call asks of every certificate, as its words say it: a time, a host, anchors, certificates at hand, revocation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whytls.checking.result import Ask
from whytls.exceptions import UsageError
from whytls.pki.terms import anchors, moment

if TYPE_CHECKING:
    from datetime import datetime

    from whytls.pki.defect import Purpose
    from whytls.pki.readers.revocation import Source


def terms(
    host: str | None, purpose: Purpose | None, trust: str | None, with_: Sequence[str], crl: Sequence[str], ocsp: Sequence[str],
    at: str | datetime | None, warn_days: int, fetch: bool, allow_private: bool,
) -> Ask:  # fmt: skip
    """What is asked of every certificate; the terms are those of ``check``."""
    from time import time_ns

    if purpose not in (None, "server", "client"):
        raise UsageError(f"{purpose!r} is no purpose", hint="server or client")
    if host is not None and (not host or host.startswith("*") or any(sign in host for sign in "/ ") or (":" in host and host.count(":") == 1)):
        raise UsageError(f"{host[:100]!r} is no host name", hint="a name or an address, without port: api.example.com")
    if not 0 <= warn_days <= 36_500:
        raise UsageError(f"{warn_days} is no number of days", hint="from 0 to 36,500")
    when = moment(at)
    given = [der for source in with_ for der in _certificates(source)]
    said = tuple(found for source in (*crl, *ocsp) for found in _statements(source))
    return Ask(when if when is not None else time_ns(), purpose, host, anchors(trust), given, said, warn_days, fetch, allow_private)


def _certificates(source: str) -> tuple[bytes, ...]:
    from whytls.pki.store import read_store

    return read_store(source).certificates


def _statements(source: str) -> list[Source]:
    from whytls.pki.readers.revocation import read_revocation

    return read_revocation(source)
