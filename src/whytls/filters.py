"""Which handshakes somebody wants to see: by host, port, name, time, and, once judged, by cause and hop.

Filters choose what is shown, never what is learned: a handshake that is filtered out still tells what its server supports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from whytls.exceptions import UsageError
from whytls.model import Diagnosis, Endpoint

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

HOPS = ("northbound", "southbound", "direct")


class Attempt(Protocol):
    """What a filter looks at before there is a verdict; a Handshake and a Diagnosis have it both."""

    @property
    def client(self) -> Endpoint:
        """Who began."""

    @property
    def server(self) -> Endpoint:
        """Who was asked."""

    @property
    def sni(self) -> str | None:
        """The server name that the client sent."""

    @property
    def started_at(self) -> int:
        """Nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to keep; an empty field keeps everything, several values in one field mean any of them.

    ``of`` builds one from what a user writes and says what is wrong with it; the fields hold what it understood.
    """

    hosts: tuple[str, ...] = ()  # addresses or CIDR networks, of either end
    ports: tuple[int, ...] = ()  # of either end
    sni: tuple[str, ...] = ()  # patterns with * and ?; "" is a ClientHello that names no server
    causes: tuple[str, ...] = ()
    hops: tuple[str, ...] = ()
    since: int | None = None  # nanoseconds since 1970, included
    until: int | None = None  # excluded

    @classmethod
    def of(
        cls,
        *,
        host: Iterable[str] = (),
        port: Iterable[int | str] = (),
        sni: Iterable[str] = (),
        cause: Iterable[str] = (),
        hop: Iterable[str] = (),
        since: str | None = None,
        until: str | None = None,
    ) -> Filters:
        """Filters from what a user writes; UsageError says what cannot be understood, and what would be."""
        hops = tuple(hop)
        for word in hops:
            if word not in HOPS:
                raise UsageError(f"{word!r} is no hop", hint="northbound, southbound or direct")
        return cls(
            hosts=tuple(_host(text) for text in host),
            ports=tuple(_port(text) for text in port),
            sni=tuple(pattern.lower().rstrip(".") for pattern in sni),
            causes=tuple(cause),
            hops=hops,
            since=None if since is None else moment(since),
            until=None if until is None else moment(until),
        )

    def __bool__(self) -> bool:
        return self != Filters()

    def matches(self, attempt: Attempt) -> bool:
        """Whether it is kept. Of a Handshake only hosts, ports, names and time are known; of a Diagnosis cause and hop, too."""
        if isinstance(attempt, Diagnosis) and not self._judged(attempt):
            return False
        if self.since is not None and attempt.started_at < self.since:
            return False
        if self.until is not None and attempt.started_at >= self.until:
            return False
        if self.ports and attempt.server.port not in self.ports and attempt.client.port not in self.ports:
            return False
        if self.hosts and not any(_within(a, self.hosts) for a in (attempt.server.address, attempt.client.address)):
            return False
        return not self.sni or _named(attempt.sni, self.sni)

    def _judged(self, diagnosis: Diagnosis) -> bool:
        return (not self.causes or diagnosis.cause in self.causes) and (not self.hops or diagnosis.hop in self.hops)


def moment(text: str) -> int:
    """A time as nanoseconds since 1970: ISO 8601 (UTC where it names no zone) or seconds since 1970."""
    from datetime import UTC, datetime

    written = text.strip()
    if re.fullmatch(r"\d{1,11}(\.\d{1,9})?", written):
        seconds, _, fraction = written.partition(".")
        return int(seconds) * 10**9 + int(fraction.ljust(9, "0") if fraction else 0)
    try:
        parsed = datetime.fromisoformat(written)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        since = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time", hint="write it as 2026-03-01T09:30:00Z, 2026-03-01 or seconds since 1970") from None
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000


def _host(text: str) -> str:
    from ipaddress import ip_address, ip_network

    try:
        if "/" in text:
            return str(ip_network(text, strict=False))
        return str(ip_address(text.strip("[]")))
    except ValueError:
        raise UsageError(f"{text!r} is no address", hint="write an address or a network such as 10.0.9.0/24; names go with --sni") from None


def _port(text: int | str) -> int:
    written = str(text).lstrip(":")
    if not written.isascii() or not written.isdigit() or not 0 < int(written[:6]) < 65536:
        raise UsageError(f"{text!r} is no port", hint="a number from 1 to 65535")
    return int(written)


@lru_cache(maxsize=65536)
def _within(address: str, hosts: tuple[str, ...]) -> bool:
    if address in hosts:
        return True
    from ipaddress import ip_address, ip_network

    try:
        known: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    return any(known in ip_network(host) for host in hosts)


@lru_cache(maxsize=4096)
def _named(sni: str | None, patterns: tuple[str, ...]) -> bool:
    if sni is None:
        return "" in patterns
    return _pattern(patterns).fullmatch(sni[:1024].lower().rstrip(".")) is not None


@lru_cache(maxsize=64)
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    from fnmatch import translate

    # fnmatch writes what stands between two stars as an atomic group, so that no name makes it slow.
    return re.compile("|".join(f"(?:{translate(pattern)})" for pattern in patterns if pattern) or r"(?!)")
