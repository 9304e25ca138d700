"""What a cause is: a declaration, a ``look`` and a ``fix``.

A cause file has, from top to bottom: its page as the module docstring (*What happened · How it looks · Tell it from · Fix ·
References*), ``CAUSE = Cause(...)``, ``look(handshake, context) -> Answer``, ``fix(finding, context) -> Fix``. Its slug is its
file name. It parses nothing and prints nothing. ``phases`` and ``needs`` are checked before ``look`` is called, so that "not
captured" becomes CannotTell in one place (verdict.py) and a cause stays a page of reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType, ModuleType
from typing import Literal

from whytls.inference.counterfactual import Dimension
from whytls.model import Answer, CauseClass, Confirmer, Context, EndingKind, Finding, Fix, Handshake, Hop, Owner, Phase, Side
from whytls.tuples import NamedTuple

# What there has to be before a cause is asked: a part of the Handshake by its name there; the client's bytes sent again; a reset that does not
# fit its sender; a replay with the live server.
Need = Literal[
    "client-hello", "server-hello", "hello-retry-request", "server-chain", "client-chain", "certificate-request", "server-key-exchange",
    "prelude", "retransmission", "foreign-reset", "replay",
]  # fmt: skip

FROM_HELLO: tuple[Phase, ...] = ("client-hello", "retry", "server-flight")
FROM_CERTIFICATE: tuple[Phase, ...] = ("client-turn", "server-turn", "finished")


class Cause(NamedTuple):
    """The declaration of a cause; what it decides is in its module's ``look`` and ``fix``."""

    title: str  # one sentence that stands alone; {fact} are the finding's facts
    cause_class: CauseClass
    owners: tuple[Owner, ...]  # cheapest first
    phases: tuple[Phase, ...]  # asked only when the handshake ended there; empty: only found at rest
    breaker: Side | None = None  # asked only when this end broke off (or after both had finished, where it can be either)
    endings: frozenset[EndingKind] | None = None  # asked only when it ended in one of these ways
    alerts: frozenset[int] | None = None  # asked only when it was one of these, where an alert in the clear ended it
    defects: frozenset[str] = frozenset()  # it is one of these of a chain: asked only where the chain has one or cannot be seen,
    names: frozenset[int] = frozenset()  # or where the alert is one of these, which say just this; so for ``either``, too
    at_rest: frozenset[str] = frozenset()  # besides ``defects``: what `whytls check` finds in certificates at rest, and names so
    dimension: Dimension | None = None  # of the ClientHello: asked only where anything speaks for its refusal over this
    needs: tuple[Need, ...] = ()
    either: tuple[Need, ...] = ()  # one of these, besides
    titles: Mapping[str, str] = MappingProxyType({})  # by the finding's detail, where one sentence does not fit all
    who_can_confirm: Confirmer = "anyone"  # on the southbound hop, where it differs (R3: it needs the Message Processor)
    references: tuple[str, ...] = ()
    completed: bool = False  # also asked of handshakes that completed on the wire
    last_resort: bool = False  # asked only when no other cause has found anything


class LoadedCause(NamedTuple):
    """A cause file, imported."""

    slug: str
    declaration: Cause
    look: Callable[[Handshake, Context], Answer]
    fix: Callable[[Finding, Context], Fix]
    module: ModuleType

    @property
    def page(self) -> str:
        """The file's docstring: the text that ``whytls explain`` prints."""
        return (self.module.__doc__ or "").strip()


@lru_cache(maxsize=256)
def resolve_owners(owners: tuple[Owner, ...], hop: Hop) -> tuple[Owner, ...]:
    """Name the owners of this hop: on a gateway's hop 'server' and 'client' are Router, Message Processor or backend."""
    return tuple(dict.fromkeys([resolve_owner(owner, hop) for owner in owners]))


def resolve_owner(owner: Owner, hop: Hop) -> Owner:
    """Name one owner, in the same way."""
    names = _OWNERS.get(hop)
    return owner if names is None else names.get(owner, owner)


_OWNERS: dict[Hop, dict[Owner, Owner]] = {"northbound": {"server": "gateway"}, "southbound": {"client": "gateway", "server": "backend"}}
