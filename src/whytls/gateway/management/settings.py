"""What the Management API is told when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where it listens, and for whom. The password of ``user`` is the token that the secret gives."""

    host: str = "127.0.0.1"
    port: int = 8080  # Edge's own for HTTP; 0: any free one
    user: str = "admin@gateway.test"
    anywhere: bool = False  # also on addresses that others can reach
    organization: str = "local"  # made at the first start, with its environments
    environments: tuple[str, ...] = ("test",)
    most_calls: int = 64  # at once
    clock: Callable[[], int] = time.time_ns  # nanoseconds since 1970: which certificate counts as expired
