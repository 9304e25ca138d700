"""Real byte streams for the tests of wire/ (streams/README.md), and small makers of damaged ones."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

from whytls.wire.framing import Framed, messages
from whytls.wire.record import HANDSHAKE, split

FOLDER = Path(__file__).parent / "streams"
NAMES = sorted({path.stem.rpartition("--")[0] for path in FOLDER.glob("*.bin")})


def stream(name: str, side: str) -> bytes:
    return (FOLDER / f"{name}--{side}.bin").read_bytes()


STREAMS = {(name, side): stream(name, side) for name in NAMES for side in ("client", "server")}


def plain_messages(data: bytes) -> list[Framed]:
    """The handshake messages in front of the first record that is none."""
    plain = []
    for record in split(data).records:
        if record.content_type != HANDSHAKE:
            break
        plain.append(record)
    return messages(data, plain)


MESSAGES = {(name, side, framed.number): framed.body for (name, side), data in STREAMS.items() for framed in plain_messages(data)}


def seconds(work: Callable[[], object]) -> float:
    """The least processor time of five runs, without the garbage collector's share, which grows with pytest's own heap."""
    best = 9.0
    gc.disable()
    try:
        for _ in range(5):
            before = time.process_time()
            work()
            best = min(best, time.process_time() - before)
    finally:
        gc.enable()
    return max(best, 1e-5)
