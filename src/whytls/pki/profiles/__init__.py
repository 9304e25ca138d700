"""What each stack would decide about a chain: OpenSSL, Java's JSSE, Go's crypto/x509 and a browser, in their own words.

Each profile is that stack's algorithm over our own values, not a call to it: no stack has to be installed, and a profile says which
certificate it minds. They are compared with the stacks on thousands of generated chains (`make test-stacks`, benchmarks/chains.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whytls.exceptions import UsageError
from whytls.pki.defect import Purpose
from whytls.pki.path import MOST_CERTIFICATES
from whytls.pki.profiles.decision import Decision, Exhausted, Options, Profile, question

__all__ = ["PROFILES", "Decision", "Options", "Profile", "applicable", "decide"]

PROFILES: tuple[Profile, ...] = ("openssl", "java", "go", "browser")


def applicable(purpose: Purpose) -> tuple[Profile, ...]:
    """The profiles that judge such certificates: browsers judge those of servers only."""
    return PROFILES if purpose == "server" else tuple(profile for profile in PROFILES if profile != "browser")


def decide(
    profile: Profile,
    chain: Sequence[bytes],
    anchors: Sequence[bytes],
    *,
    at: int,
    host: str | None = None,
    purpose: Purpose = "server",
    options: Options = Options(),  # noqa: B008 -- a value, not a call that could change
) -> Decision:
    """What one stack decides about a chain as it was sent, the sender's own certificate first, all as DER.

    ``anchors`` is that stack's truststore; ``at`` is in nanoseconds since 1970; ``host`` is what the client asked for, a name or an
    address, and is not compared where it is ``None`` or ``purpose`` is ``"client"``; ``options`` is for stacks that are set up otherwise
    than by default. Raises ``UsageError`` for a profile that does not exist or does not judge such certificates (``applicable``), and for
    a chain without certificates. What certificates hold never raises: where it would take too long to decide, the Decision is no and
    says so (``exhausted``).
    """
    if profile not in PROFILES:
        raise UsageError(f"no such profile: {profile!r}", hint=f"one of {', '.join(PROFILES)}")
    if not chain:
        raise UsageError("no certificate to decide about", hint="the sender's own certificate comes first")
    asked = question(chain, anchors, at=at, host=host, purpose=purpose, options=options)
    from importlib import import_module

    try:
        found: Decision = import_module(f"whytls.pki.profiles.{profile}").decide(asked)
    except Exhausted:
        return Decision(profile, False, exhausted=True)
    return replace(found, exhausted=True) if len(chain) > MOST_CERTIFICATES and not found.accepted else found
