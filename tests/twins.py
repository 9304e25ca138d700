"""Handshakes alike: the same failure again, between other machines, in other frames, at another time, with other random bytes."""

from __future__ import annotations

import random
from typing import Any

from whytls.inference.ending import ending_of
from whytls.model import Context, Endpoint, Handshake, Seen, ServerProfile
from whytls.wire.message import ClientHello, Extension, ServerHello

MINUTE, SECOND = 60 * 10**9, 10**9
KEY_SHARE = 51


def twin(handshake: Handshake, context: Context, number: int) -> tuple[Handshake, Context]:
    """The ``number``-th twin of a handshake, which begins in the same minute, and what is known around it."""
    rng = random.Random(number)
    frames: dict[int, int] = {0: 0}
    for frame in sorted({f for e in handshake.events for f in e.frames}):
        frames[frame] = max(frames.values()) + rng.randrange(1, 30)
    began = handshake.started_at - handshake.started_at % MINUTE + rng.randrange(40) * SECOND

    def later(time: int) -> int:
        return began + (time - handshake.started_at) * (1000 + number) // 1000

    values: dict[int, Any] = {id(hello): _other(hello, rng) for hello in _hellos(handshake)}
    events = tuple(
        e._replace(frame=frames[e.frame], first_frame=frames[e.first_frame], time=later(e.time), value=values.get(id(e.value), e.value))
        for e in handshake.events
    )
    twin = handshake._replace(
        client=Endpoint(f"203.0.113.{rng.randrange(1, 255)}", rng.randrange(1024, 65536)),
        server=Endpoint(f"198.51.100.{rng.randrange(1, 255)}", handshake.server.port),
        events=events,
        started_at=began,
        ended_at=later(handshake.ended_at),
        **{name: values.get(id(getattr(handshake, name)), getattr(handshake, name)) for name in _HELLOS},
    )
    profile = context.server_profile
    if profile is not None:
        profile = ServerProfile(tuple(_seen(s, rng) for s in profile.completed), tuple(_seen(s, rng) for s in profile.failed), profile.speaks_tls)
    return twin, context._replace(ending=ending_of(twin), server_profile=profile)


_HELLOS = ("client_hello", "retried_hello", "server_hello", "hello_retry_request")


def _hellos(handshake: Handshake) -> list[Any]:
    said = [e.value for e in handshake.events if isinstance(e.value, ClientHello | ServerHello)]
    return [*said, *(getattr(handshake, name) for name in _HELLOS if getattr(handshake, name) is not None)]


def _other(hello: Any, rng: random.Random) -> Any:
    """A hello that says the same with other random bytes."""
    extensions = tuple(Extension(n, rng.randbytes(len(body)) if n == KEY_SHARE else body) for n, body in hello.extensions)
    return hello._replace(random=rng.randbytes(32), session_id=rng.randbytes(len(hello.session_id)), extensions=extensions)


def _seen(seen: Seen, rng: random.Random) -> Seen:
    return seen._replace(frame=rng.randrange(1, 500), client=Endpoint(f"203.0.113.{rng.randrange(1, 255)}", seen.client.port))
