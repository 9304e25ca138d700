"""Which addresses are gateways, inferred: server on one connection and client on another of the same recording, at the same time.

A connection whose two ends have one address (a test on one machine) tells nothing. A gateway is believed in only where the two roles
are played towards different machines, so that a client that is called back by its own server is none.
"""

from __future__ import annotations

from collections import deque

from whytls.model import Ending, Endpoint, Handshake, Hop, Met, Passed, Seen

MOST_ADDRESSES = 50_000
MOST_PEERS = 64
MOST_REQUESTS = 256  # connections kept per gateway
LONGEST_WAIT = 60_000_000_000  # ns from a request to the southbound connection that it brings about
A_MOMENT = 1_000_000_000  # ns in which the same two machines tell nothing new
JUST = 2_000_000  # ns: an answer that begins this long before the failure's last packet still follows it
APART = 120_000_000_000  # ns between two sightings that still count as "at the same time": one keep-alive connection's life


class Gateways:
    """Who was seen in which role, and which requests were waiting when."""

    def __init__(self) -> None:
        self._requests: dict[str, deque[Passed]] = {}  # gateway address → connections to it
        self._lately: dict[tuple[str, str], int] = {}  # client and server address → when they were noted last
        self._served: dict[str, dict[str, int]] = {}  # server address → client addresses, and when last
        self._called: dict[str, dict[str, int]] = {}  # client address → server addresses, and when last
        self._both: set[str] = set()  # addresses of both; most recordings have none

    def learn(self, seen: Seen | Met) -> None:
        """Take one connection in."""
        client, server = seen.client.address, seen.server.address
        pair, now = (client, server), seen.started_at
        if client == server or -A_MOMENT < now - self._lately.get(pair, -A_MOMENT) < A_MOMENT:
            return
        if len(self._lately) >= MOST_ADDRESSES:
            self._lately.clear()
        self._lately[pair] = now
        _note(self._served, server, client, now)
        _note(self._called, client, server, now)
        if server in self._called and server in self._served:
            self._both.add(server)
        if client in self._served and client in self._called:
            self._both.add(client)

    def note(self, passed: Passed) -> None:
        """Take a connection in on which requests came to a machine that calls others itself."""
        kept = self._requests.get(passed.server.address)
        if kept is None:
            if len(self._requests) >= MOST_PEERS:
                return
            kept = self._requests[passed.server.address] = deque(maxlen=MOST_REQUESTS)
        kept.append(passed)

    def waiting(self, handshake: Handshake, ending: Ending) -> Passed | None:
        """The request that waited while a handshake of this Message Processor failed: asked last before it began, answered after it.

        It came to the same machine, or to a Router that calls it.
        """
        if not self._requests:
            return None
        processor, began = handshake.client.address, handshake.started_at
        ended = ending.events[0].time if ending.events else handshake.ended_at
        nearest: tuple[int, Passed] | None = None
        for kept in self._requests.values():
            for passed in kept:
                if processor != passed.server.address and processor not in passed.called:
                    continue
                asked = max((when for when in passed.asked if when <= began), default=None)
                if asked is None or began - asked > LONGEST_WAIT or any(began < when < ended - JUST for when in passed.answered):
                    continue
                if nearest is None or began - asked < nearest[0]:
                    nearest = (began - asked, passed)
        return nearest[1] if nearest else None

    def is_gateway(self, address: str) -> bool:
        """Whether the address served one machine and called another at the same time."""
        if address not in self._both:
            return False
        served, called = self._served[address], self._called[address]
        return any(client != server and abs(when - other) <= APART for client, when in served.items() for server, other in called.items())

    def hop(self, client: Endpoint, server: Endpoint) -> Hop:
        """The hop of a connection: to a gateway is northbound, from one southbound."""
        if not self._both or client.address == server.address:
            return "direct"
        if self.is_gateway(server.address):
            return "northbound"
        return "southbound" if self.is_gateway(client.address) else "direct"


def _note(book: dict[str, dict[str, int]], address: str, peer: str, when: int) -> None:
    peers = book.get(address)
    if peers is None:
        if len(book) >= MOST_ADDRESSES:
            return
        peers = book[address] = {}
    if peer in peers or len(peers) < MOST_PEERS:
        peers[peer] = when
