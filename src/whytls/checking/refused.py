"""Why a server takes up none of our ClientHellos: the verdict on the broadest of them, with all other attempts as what else is known.

The attempts stand to each other as the handshakes of a recording do: what the server let through or refused besides is the profile that
the causes argue from, and nothing is said here that ``whytls diagnose`` would not say of the same handshakes.
"""

from __future__ import annotations

from collections.abc import Sequence

from whytls.checking.result import Level, Problem
from whytls.inference.ending import ending_of
from whytls.inference.profile import Profiles
from whytls.model import Context, Diagnosis, Fix
from whytls.probing.attempt import Attempt


def diagnosis_of(
    attempts: Sequence[Attempt], attempt: Attempt, at: int | None = None, anchors: tuple[bytes, ...] | None = None
) -> Diagnosis:
    """The verdict on one attempt, with the others as the rest of the recording."""
    from whytls.capture.assemble import seen_of
    from whytls.verdict import judge

    handshake = attempt.handshake
    book = Profiles()
    for other in attempts:
        seen = seen_of(other.handshake)
        # We left when we knew enough: for the server, that hello was good.
        book.learn(seen._replace(outcome="completed") if other.accepted else seen)
    context = Context(
        ending_of(handshake), at=at, trust=anchors, server_profile=book.server(handshake.server),
        client_profile=book.client(handshake.client.address), whole_recording=True,
    )  # fmt: skip
    return judge(handshake, context).diagnosis


def decisive(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt to be judged where nothing was accepted: of those that failed the one that offered most, the first of them."""
    failed = [attempt for attempt in attempts if not attempt.accepted and attempt.handshake.outcome == "failed"]
    return max(failed, key=_breadth) if failed else None


def _breadth(attempt: Attempt) -> tuple[int, int, int]:
    hello = attempt.handshake.client_hello
    return (0, 0, -attempt.number) if hello is None else (hello.max_version, len(hello.cipher_suites), -attempt.number)


def as_problem(diagnosis: Diagnosis, level: Level = "failure") -> Problem | None:
    """A diagnosis as a problem of the server; ``None`` where nothing failed."""
    if diagnosis.cause is None or diagnosis.cause_class is None:
        return None
    fix: Fix | None = diagnosis.fix
    decide = next((a.would_decide for a in diagnosis.alternatives if a.would_decide), "").partition("; or whytls ")[0]  # that was done just now
    others = tuple(f"or {a.cause} ({a.confidence})" for a in diagnosis.alternatives[:3])
    return Problem(
        level, diagnosis.cause, diagnosis.cause_class, diagnosis.title.rstrip("."), diagnosis.confidence or "possible", diagnosis.owners,
        diagnosis.evidence, fix, diagnosis.detail, (), decide, (*others, *diagnosis.warnings),
    )  # fmt: skip
