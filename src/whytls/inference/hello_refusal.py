"""A ClientHello that was refused: what the refusal itself says, and how each dimension of the offer stands.

Theory of operation
-------------------
Few servers say what they mind: ``protocol_version`` (70), ``unrecognized_name`` (112), ``no_application_protocol`` (120) and
``inappropriate_fallback`` (86) name the dimension; ``handshake_failure`` (40) and the rest do not (measured on OpenSSL, nginx, Go,
JSSE, GnuTLS, HAProxy: edge.md section 3). ``insufficient_security`` (71) names two: the suites (RFC 5246 section 7.2.2) or the groups
(RFC 8446 section 4.1.1, RFC 7919 section 4). For those the runbook's rule (R10) is the last resort, not the first:

1. where it was done again with the live server (``Context.replayed``), the smallest change with which it goes through says it, and nothing
   else counts: it is the same hello but for this;
2. another handshake of the recording that differs in one dimension only proves that dimension (``counterfactual.py``);
3. a dimension that the accepted handshakes show to be fine is out;
4. a hello that is restricted in a dimension where everybody's is broad points there (``offer.py``);
5. without any of these: no server_name → SNI, a server_name → cipher suites (R10).

Every cause of the ClientHello asks ``weigh`` for its dimension and so argues from the same facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import get_args

from whytls.inference.counterfactual import Counterfactual, Dimension, nearest
from whytls.inference.marks import Told
from whytls.inference.memo import Same, remembered
from whytls.inference.offer import Narrowness, restrictions
from whytls.inference.replayed import evidence_of, mended_by
from whytls.model import Confidence, Context, Evidence, Handshake, Replayed, Seen
from whytls.tuples import NamedTuple
from whytls.wire.message import ClientHello
from whytls.wire.registry import group_name, suite_name, version_name

UNEXPECTED_MESSAGE = 10
PROTOCOL_VERSION, INSUFFICIENT_SECURITY, INTERNAL_ERROR, INAPPROPRIATE_FALLBACK = 70, 71, 80, 86
MISSING_EXTENSION, UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL = 109, 112, 120
_SPEAKING: dict[int, tuple[str, ...]] = {
    PROTOCOL_VERSION: ("version",),
    INSUFFICIENT_SECURITY: ("suite", "group"),
    UNRECOGNIZED_NAME: ("sni",),
    NO_APPLICATION_PROTOCOL: ("alpn",),
    INAPPROPRIATE_FALLBACK: ("fallback",),
}
_new = tuple.__new__
_MUTE = frozenset({40, 47, 10, 80, 109, 50, 0})  # what stacks send for "nothing in common", whatever they mind


def said_for(dimension: Dimension) -> frozenset[int]:
    """The alerts with which a server can refuse a hello for this dimension: those that name it, and those that name nothing."""
    return _MUTE | {alert for alert, said in _SPEAKING.items() if dimension in said}


class Weight(NamedTuple):
    """How much speaks for one dimension as the reason of the refusal."""

    confidence: Confidence
    assumptions: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    why: str  # slug: replay, alert, counterfactual, sufficient, restricted, default


class Refusal(NamedTuple):
    """The server broke off over the ClientHello, before it had made a choice of its own (or while it was at it)."""

    hello: ClientHello
    alert: int | None  # None: it closed or reset without a word
    narrow: tuple[Narrowness, ...]
    nearest: Counterfactual | None
    weights: Mapping[Dimension, Weight]  # of the dimensions for which anything speaks; evidence is added by ``weigh``
    dimensions: frozenset[Dimension]  # these
    replayed: Replayed | None = None  # by which the weights are, where it found something
    begun: bool = False  # it had made its choice when it broke off (JSSE, Go: over the certificate); then the offer is not what it minds,
    # unless a replay shows that it is

    @property
    def over_choice(self) -> bool:
        """Whether the server refused before it had chosen, or a replay shows what it refused for."""
        return not self.begun or self.replayed is not None


@remembered
def hello_refusal(handshake: Handshake, context: Context) -> Refusal | None:
    """The refusal, or None where the server did not break off over the ClientHello."""
    ending, hello = context.ending, handshake.retried_hello or handshake.client_hello
    replayed = mended_by(context)
    ways = _SILENT_TOO if replayed is not None else _WAYS
    if hello is None or ending.breaker != "server" or ending.how not in ways:
        return None
    if handshake.server_hello is not None and ending.phase not in ("client-hello", "retry", "server-flight"):
        return None
    near, narrow = nearest(hello, context.server_profile), restrictions(hello)
    differs = near.differences if near is not None else None
    first_word = not handshake.coverage.server_gap
    mended, certain = (None, False) if replayed is None else (replayed.dimensions, replayed.certain)
    grounds = _new(_Grounds, (ending.alert, differs, narrow, bool(hello.server_name), hello.max_version, first_word, mended, certain))
    return _new(Refusal, (hello, ending.alert, narrow, near, *_weights(grounds), replayed, handshake.server_hello is not None))


_WAYS = ("alert", "hidden-alert", "fin", "rst", "close-notify")
_SILENT_TOO = (*_WAYS, "silence")


def weigh(refusal: Refusal, dimension: Dimension) -> Weight | None:
    """What speaks for this dimension; None when it is out or nothing speaks for it."""
    weight = refusal.weights.get(dimension)
    if weight is not None and weight.why == "replay" and refusal.replayed is not None:
        return weight._replace(evidence=evidence_of(refusal.replayed))
    if weight is None or weight.why != "counterfactual" or refusal.nearest is None:
        return weight
    return _new(Weight, (weight.confidence, weight.assumptions, (accepted(refusal.nearest.seen),), weight.why))


class _Grounds(NamedTuple):
    """All that the weights are read off: a storm of refusals has few kinds of them."""

    alert: int | None
    differences: frozenset[Dimension] | None  # from the nearest accepted handshake; None: none was seen
    narrow: tuple[Narrowness, ...]
    named: bool  # a server_name was sent
    max_version: int
    first_word: bool  # nothing that the server said before it is missing in the recording
    mended: frozenset[str] | None = None  # the dimensions of the smallest change with which a replay got through
    certain: bool = False  # that replay leaves nothing else


@lru_cache(maxsize=1024)
def _weights(grounds: _Grounds) -> tuple[Mapping[Dimension, Weight], frozenset[Dimension]]:
    found: dict[Dimension, Weight] = {}
    for dimension in get_args(Dimension):
        weight = _weighed(grounds, dimension)
        if weight is not None and weight.confidence == "proven" and not grounds.first_word and weight.why != "replay":
            weight = weight._replace(confidence="likely", assumptions=(*weight.assumptions, "the ClientHello is what it refused"))
        if weight is not None:
            found[dimension] = weight
    return found, frozenset(found)


def _weighed(grounds: _Grounds, dimension: Dimension) -> Weight | None:
    said = _SPEAKING.get(grounds.alert, ()) if grounds.alert is not None else ()
    # The alert alone proves what it names. That another change got the hello through as well (to another site, or past the check by a newer
    # version), or that the bound ended a replay before its change was the smallest, takes nothing of that away.
    if grounds.mended is not None and (not said or not grounds.mended.isdisjoint(said)):
        if dimension not in grounds.mended:
            return None
        return Weight("proven" if grounds.certain or (said == (dimension,) and grounds.first_word) else "likely", (), (), "replay")
    if said and dimension not in said:
        return None
    if len(said) == 1:
        return Weight("proven", (), (), "alert")
    if grounds.differences is not None:
        return _by_others(grounds, grounds.differences, dimension)
    narrow = next((n for n in grounds.narrow if n.dimension == dimension), None)
    if said:  # it names two, and which of them is open
        doubts = () if narrow is not None else tuple(f"not because of the {other}s" for other in said if other != dimension)
        return Weight("likely", doubts, (), "alert")
    mute = grounds.alert is None or grounds.alert in _MUTE
    if not mute:
        return None
    if narrow is not None and _sufficient(grounds, dimension):
        return Weight("proven", (), (), "sufficient")
    if narrow is not None:
        stronger = [n for n in grounds.narrow if n.dimension != dimension and not narrow.leads(n)]
        doubts = tuple(f"not because of its other restriction: {n.text}" for n in stronger)
        return Weight("likely", doubts, (), "restricted")
    return _by_default(grounds, dimension)


def _sufficient(grounds: _Grounds, dimension: Dimension) -> bool:
    """Whether the restriction is enough by itself, whatever else the hello holds.

    SSL 3.0 must not be negotiated by anybody (RFC 7568 section 3), and servers answer a hello of it in its own words, where
    protocol_version does not exist yet. ``unexpected_message`` as the first word to a well-formed first ClientHello is what JSSE says
    for no common group in TLS 1.3, and nobody else says (edge.md section 3, JDK 17).
    """
    if dimension == "version":
        return grounds.max_version == 0x0300
    return dimension == "group" and grounds.alert == UNEXPECTED_MESSAGE and grounds.max_version >= 0x0304


def _by_others(grounds: _Grounds, differences: frozenset[Dimension], dimension: Dimension) -> Weight | None:
    """What the nearest accepted handshake says: this dimension alone differs, or it does not differ at all."""
    if dimension not in differences:
        return None
    others = differences - {dimension}
    spoken = grounds.alert is not None and grounds.alert != 0
    if not others:
        if spoken and dimension != "version":
            return Weight("proven", (), (), "counterfactual")
        if spoken:  # most servers would have said protocol_version; GnuTLS does not (edge.md section 3)
            return Weight("likely", (), (), "counterfactual")
        # A close or a reset can be a passing trouble of the server's; and every site has a name of its own, so that a name that
        # differs says least.
        return Weight("likely", ("it was no passing trouble of the server",) if dimension == "sni" else (), (), "counterfactual")
    doubts = tuple(f"not because of the {other}, which differs too" for other in sorted(others))
    if dimension == "version" and spoken:
        doubts = (*doubts, "it does not say protocol_version for it")
    return Weight("likely", doubts, (), "counterfactual")


def accepted(seen: Seen | Told) -> Evidence:
    """That the same server accepted another handshake."""
    return seen.line(accepted) if isinstance(seen, Told) else _accepted(Same(seen))


@lru_cache(maxsize=1024)  # one sighting is the nearest to many hellos that were refused
def _accepted(same: Same) -> Evidence:
    seen: Seen = same.value
    name = f"which named {seen.sni}" if seen.sni else "which sent no server_name"
    chosen = [version_name(seen.version)] if seen.version else []
    chosen += [suite_name(seen.cipher_suite)] if seen.cipher_suite else []
    chosen += [group_name(seen.group)] if seen.group else []
    text = f"the same server accepted {', '.join(chosen) or 'a handshake'} from {seen.client.address}, {name}"
    return Evidence(text, (seen.frame,), seen.file)


def _by_default(grounds: _Grounds, dimension: Dimension) -> Weight | None:
    """R10: no server_name → SNI; a server_name → cipher suites."""
    silent = grounds.alert is None or grounds.alert == 0
    named = grounds.named
    if dimension == "sni":
        if named and grounds.alert != INTERNAL_ERROR:
            return None
        assume = "the server does not serve this name" if named else "the server serves several sites and needs a name"
        doubts = (assume, *(f"not because of its restriction: {n.text}" for n in grounds.narrow))
        return Weight("possible" if silent else "likely", doubts, (), "default")
    if dimension == "suite" and grounds.alert not in (INTERNAL_ERROR, MISSING_EXTENSION):
        unnamed = () if named else ("not because no server_name was sent",)
        others = tuple(f"not because of its restriction: {n.text}" for n in grounds.narrow)
        doubts = ("the server's list holds none of the suites offered", *unnamed, *others)
        return Weight("possible" if silent or grounds.narrow else "likely", doubts, (), "default")
    if dimension == "version" and grounds.alert == 40 and grounds.max_version < 0x0304:
        # GnuTLS 3.7 that speaks TLS 1.3 only says handshake_failure to a hello without it (edge.md section 3).
        return Weight("possible", ("the server speaks newer versions only", "it does not say protocol_version for it"), (), "default")
    if dimension == "version" and grounds.alert is None:
        return Weight("possible", ("the server knows none of the versions offered",), (), "default")
    if dimension in ("group", "signature") and not grounds.narrow and grounds.alert in (40, 10):
        return Weight("possible", (f"the server knows none of the {dimension}s offered", "it has a suite in common"), (), "default")
    return None
