"""A row of the demonstration as a value: which failure of the runbook, on which hop, and how it is made, seen and mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from whytls.demo.authority import Chain, Issued
from whytls.demo.caller import Answer
from whytls.model import Hop, Owner

if TYPE_CHECKING:
    from whytls.demo.stage import Stage


class Applied(NamedTuple):
    """A fix that was carried out."""

    owner: Owner  # who carried it out: the gateway's operator, as the verdict says; or a client or backend, played by us
    text: str
    diff: tuple[str, ...] = ()


class Before(NamedTuple):
    """What was shown before the failure was provoked."""

    answer: Answer
    warning: str  # in our words; empty: there was nothing to say


class AtHand(NamedTuple):
    """What the gateway's operator brings besides the verdict."""

    identity: Chain = ()  # a new certificate with its chain, and its key
    certificates: tuple[Issued, ...] = ()  # others, such as a CA's intermediate


class Scene(NamedTuple):
    """A row with its props in place."""

    call: Callable[[], Answer]
    again: Callable[[], Answer]  # the same call after the fix; another one where the fix is the caller's
    fix: Callable[[], Applied] | AtHand  # what a client or backend does; or the gateway mends it as the verdict says, with what is brought
    virtual_host: str = ""  # that the failing handshake is about; its port as the configuration has it is ``port``
    target_server: str = ""
    port: int = 0  # of the server of the failing handshake, as it stands in the recording
    before: Callable[[], Before] | None = None  # played first: what happens without the switch that the row is about
    provoke: Callable[[], None] | None = None  # then the switch


class Row(NamedTuple):
    """One failure of the runbook on one hop."""

    name: str
    runbook: str  # R4 ... R9, and the pair of R17 where it is one
    hop: Hop
    failure: str
    cause: str  # that has to be found
    status: int | None  # that the caller has to see; None: no HTTP at all, the handshake died on the wire
    code: str  # Edge's error code, or a piece of the page
    stage: Callable[[Stage, str], Scene]
    sni: bool = False  # whether the Message Processor's switch is on; off is Edge's default
    note: str = ""
