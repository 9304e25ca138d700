"""How the tests of causes ask: a row is a story, and what has to be said of it.

``Speaks`` is a story in which a cause gives the verdict; ``Silent`` one that looks like it, in which it finds nothing and another
cause gives the verdict. Both go the way of every handshake: all causes are asked, the verdict ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from story import CLIENT, SERVER, START, Thing, alert, client, hello, server, server_hello, story
from whytls import verdict
from whytls.inference.ending import ending_of
from whytls.model import Altered, Context, Diagnosis, Endpoint, Finding, Handshake, Replayed, Seen, ServerProfile, Tried

Tell = Callable[[SimpleNamespace], Handshake]
Know = Callable[[SimpleNamespace], dict[str, Any]]
OTHER = Endpoint("192.0.2.99", 50_000)


class Speaks(NamedTuple):
    """The cause gives the verdict on this story."""

    slug: str
    form: str  # for people
    told: Tell
    side: str
    confidence: str
    owners: tuple[str, ...]
    detail: str = ""
    frames: tuple[int, ...] = ()  # the evidence cites these among others
    known: Know = lambda pki: {}


class Silent(NamedTuple):
    """The cause finds nothing in this story; ``instead`` gives the verdict."""

    slug: str
    instead: str | None
    told: Tell
    known: Know = lambda pki: {}


def ids(row: Speaks | Silent) -> str:
    return f"{row.slug}: {row.form}" if isinstance(row, Speaks) else f"{row.slug}, not {row.instead}"


def findings(told: Handshake, **known: Any) -> dict[str, Finding]:
    """What every cause finds in the handshake, by slug; a cause that breaks fails the test."""
    context = Context(ending=ending_of(told), **known)
    found, bugs = verdict._ask(told, context)
    assert bugs == []
    return {cause.slug: finding for cause, finding in found}


def judged(told: Handshake, **known: Any) -> Diagnosis:
    """The verdict."""
    return verdict.judge(told, Context(**known)).diagnosis


def check(row: Speaks, pki: SimpleNamespace) -> None:
    """The cause gives the verdict, as the row has it, and its evidence and fix can be shown."""
    told, known = row.told(pki), row.known(pki)
    said = judged(told, **known)
    assert (said.cause, said.detail, said.failing_side, said.confidence, said.owners) == (
        row.slug, row.detail, row.side, row.confidence, row.owners,
    )  # fmt: skip
    assert set(row.frames) <= {frame for evidence in said.evidence for frame in evidence.frames}
    assert said.title
    assert "{" not in said.title
    assert said.fix is not None
    assert said.fix.text
    assert said.warnings == tuple(w for w in said.warnings if "bug" not in w)
    if said.confidence != "proven":
        assert all(other.would_decide for other in said.alternatives)
        assert findings(told, **known)[row.slug].would_decide


def check_silent(row: Silent, pki: SimpleNamespace) -> None:
    """The cause finds nothing, and the other one gives the verdict."""
    told, known = row.told(pki), row.known(pki)
    assert row.slug not in findings(told, **known)
    assert judged(told, **known).cause == row.instead


def accepted(**fields: Any) -> Seen:
    """Another handshake with the same server, which got through (unless ``outcome`` says otherwise)."""
    given: dict[str, Any] = {
        "frame": 41, "file": "story.pcap", "client": OTHER, "server": SERVER, "outcome": "completed", "sni": "www.example.test",
        "version": 0x0303, "cipher_suite": 0xC02F, "group": 0x001D, "alpn": None, "chain": None, "client_certificate": False,
        "started_at": START, "offered_versions": (0x0304, 0x0303),
    }  # fmt: skip
    return Seen(**{**given, **fields})


def knowing(*seen: Seen, **fields: Any) -> Know:
    """The context in which these other handshakes with the server are known."""
    completed = tuple(s for s in seen if s.outcome == "completed")
    failed = tuple(s for s in seen if s.outcome != "completed")
    fields.setdefault("speaks_tls", bool(completed))
    return lambda pki: {"server_profile": ServerProfile(completed, failed, **fields)}


def replayed(*minimal: Altered, certain: bool = True, sent: Thing | None = None) -> Know:
    """The context in which the handshake was done again, and went through with these changes only; ``sent`` is the hello that has them."""
    attempt = story(client >> (sent or hello()), server << server_hello(), file="server.example.test:443 attempt 4")
    control = Tried((), 2, False, "fatal handshake_failure", story(client >> hello(), server << alert(40), file="server.example.test:443 attempt 2"))
    helped = Tried(minimal, 4, True, "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", attempt)
    other = Tried((Altered("alpn", "adding ALPN h2"),), 5, False, "fatal handshake_failure", attempt)
    found = Replayed(
        "server.example.test:443", "found", 4, 4 if certain else 3, minimal, True, confirmed=2, alone=(other,), tried=(control, helped, other),
    )  # fmt: skip
    return lambda pki: {"replayed": found}


__all__ = ["CLIENT", "SERVER", "Silent", "Speaks", "accepted", "check", "check_silent", "findings", "ids", "judged", "knowing", "replayed"]
