"""What a recording shows of its servers and clients besides the handshake in question, learned as it is read.

A server that accepted TLS 1.0 from somebody else, or that showed another certificate to a client that sent a name, tells what
it supports. Kept is a bounded number of distinct sightings per server (address and port) and per client (address); a snapshot
is a frozen value, made again only when something new was learned.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TypeVar

from whytls.model import ClientProfile, Endpoint, Seen, ServerProfile

MOST_SERVERS = 20_000  # a scan of a network must not fill the memory
MOST_SEEN = 48  # distinct sightings kept per server and outcome
# What makes a sighting a new one.
_mark = itemgetter(*map(Seen._fields.index, ("sni", "version", "cipher_suite", "group", "alpn", "chain", "alert", "offered_signature_algorithms")))


class Profiles:
    """The book of all servers and clients of one recording."""

    def __init__(self) -> None:
        self._servers: dict[Endpoint, _Entry] = {}
        self._clients: dict[str, _Entry] = {}

    def learn(self, seen: Seen) -> None:
        """Take one sighting in; sightings that tell nothing new are dropped."""
        mark = _mark(seen)
        server, client = _entry(self._servers, seen.server), _entry(self._clients, seen.client.address)
        if server is not None:
            server.learn(seen, mark)
        if client is not None:
            client.learn(seen, mark)

    def is_full(self, client: str, server: Endpoint, *, completed: bool) -> bool:
        """Whether nothing more is kept of either end of such a handshake."""
        for entry in (self._servers.get(server), self._clients.get(client)):
            if entry is None or len(entry.completed if completed else entry.failed) < MOST_SEEN:
                return False
        return True

    def server(self, server: Endpoint) -> ServerProfile | None:
        """What is known of a server so far."""
        entry = self._servers.get(server)
        return entry.server_profile() if entry is not None else None

    def client(self, address: str) -> ClientProfile | None:
        """What is known of a client so far."""
        entry = self._clients.get(address)
        return entry.client_profile() if entry is not None else None


_Key = TypeVar("_Key")


def _entry(book: dict[_Key, _Entry], key: _Key) -> _Entry | None:
    """The entry of a key, made if there is room for one."""
    entry = book.get(key)
    if entry is None and len(book) < MOST_SERVERS:
        entry = book[key] = _Entry()
    return entry


class _Entry:
    __slots__ = ("client", "completed", "failed", "shown", "snapshot")

    def __init__(self) -> None:
        self.completed: dict[tuple[object, ...], Seen] = {}
        self.failed: dict[tuple[object, ...], Seen] = {}
        self.shown: tuple[Seen, ...] = ()  # the completed ones, one value for as long as there is none to add
        self.snapshot: ServerProfile | None = None
        self.client: ClientProfile | None = None

    def learn(self, seen: Seen, mark: tuple[object, ...]) -> None:
        kept = self.completed if seen.outcome == "completed" else self.failed
        if len(kept) < MOST_SEEN and mark not in kept:
            kept[mark] = seen
            self.snapshot = self.client = None

    def all_completed(self) -> tuple[Seen, ...]:
        if len(self.shown) < len(self.completed):
            self.shown = tuple(self.completed.values())
        return self.shown

    def client_profile(self) -> ClientProfile:
        if self.client is None:
            self.client = ClientProfile(self.all_completed(), tuple(self.failed.values()))
        return self.client

    def server_profile(self) -> ServerProfile:
        if self.snapshot is None:
            completed, failed = self.all_completed(), tuple(self.failed.values())
            speaks = bool(completed) or any(s.version is not None for s in failed)
            self.snapshot = ServerProfile(completed, failed, speaks_tls=speaks)
        return self.snapshot
