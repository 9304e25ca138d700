"""How long an attempt takes at most, how much it reads, and how many there are."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of one probe; a server that stalls, drips or never ends costs no more than this."""

    connect: float = 5.0  # seconds to connect to one address
    answer: float = 5.0  # seconds without a byte of the server
    total: float = 15.0  # seconds for one attempt
    patience: float = 0.3  # seconds that a finished handshake waits for what the server says to it, where nothing is asked
    most_bytes: int = 1 << 18  # of the server's, in one attempt
    most_events: int = 512  # in one attempt: endless warnings and empty records are events, too
    connections: int = 200  # to one target, in all
    parallel: int = 8  # to one target, at once
    rate: float = 0.0  # connections a second, at most; 0: as fast as they come


DEFAULT = Limits()
