"""The finding that every cause of a refused ClientHello makes of its dimension, so that they argue alike and differ in words only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whytls.inference.counterfactual import Dimension
from whytls.inference.hello_refusal import Refusal, weigh
from whytls.inference.quote import describe_hello, quote_ending
from whytls.model import Answer, Context, Evidence, Finding, Handshake, Owner, Silent

_new = tuple.__new__


def refused_for(
    dimension: Dimension, refusal: Refusal, handshake: Handshake, context: Context, *,
    offered: str = "", decide: str, facts: Mapping[str, Any] | None = None, detail: str = "", owners: tuple[Owner, ...] = (),
    proof: tuple[Evidence, ...] = (),
) -> Answer:  # fmt: skip
    """What speaks for this dimension as the reason of the refusal; silent where nothing does.

    ``offered`` is the hello's own list in words; ``proof`` is evidence that leaves nothing else.
    """
    weight = weigh(refusal, dimension)
    if weight is None:
        return Silent()
    hello = describe_hello(handshake, context)
    line = (_new(Evidence, (offered, hello.frames, handshake.file, None, None)),) if offered else ()
    return _new(Finding, (
        "server",
        context.ending.events,
        (hello, *line, *proof, *quote_ending(context), *weight.evidence),
        "proven" if proof else weight.confidence,
        facts or {},
        weight.assumptions,
        detail,
        owners,
        decide,
        True,  # settled by later
    ))  # fmt: skip
