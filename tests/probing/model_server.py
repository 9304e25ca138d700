"""A server as a function: it answers offers as real ones do, and knows what it accepts. What is found is held against that.

How it chooses is what the stacks' sources say. The version first; then the first suite, in its own order or in the client's, for which
everything else is there (a certificate, a signature scheme, a group, and for ECDSA the certificate's curve among the groups); then group
and scheme, in its own order or in the client's. Where OpenSSL looks for a suite that can be used, others choose blindly: HAProxy its certificate
(``certificate_first``), GnuTLS a suite for which it has no key (``poison``), Java what it then breaks off over (``broken``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from hypothesis import strategies as st

from whytls.probing.offer import ALL_VERSIONS, PROTOCOLS, SCHEMES_OFFERED, Answer, Dialogue, Offer, groups_for, suites_for
from whytls.wire.registry import SSL3, TLS12, TLS13, scheme_key_type, suite_facts

T = TypeVar("T")
Order = Literal["server", "client"]
CERTIFICATES = {"RSA": ("rsa",), "ECDSA": ("ecdsa", "ed25519"), "DSS": ("dsa",)}


@dataclass(frozen=True)
class Model:
    """What the server accepts, and how it chooses."""

    suites: dict[int, tuple[int, ...]]  # by version, in its own order
    groups: tuple[int, ...] = (29, 23, 24)
    schemes: tuple[int, ...] = (0x0804, 0x0401)
    certificates: frozenset[str] = frozenset(("RSA",))
    curve: int = 23  # of the ECDSA certificate
    order: Order = "server"
    group_order: Order = "server"
    scheme_order: Order = "server"
    alpn: tuple[str, ...] = ()
    unknown_protocol: Literal["ignored", "alert"] = "ignored"
    most_suites: int = 1000  # longer lists are refused
    alert: int | None = 40  # with which it refuses; None: it closes
    broken: frozenset[int] = frozenset()  # it chooses these and breaks off
    poison: frozenset[int] = frozenset()  # it chooses these, and refuses
    certificate_first: bool = False  # who offers any ECDSA suite is given the ECDSA certificate, and nothing else
    tail: list[Offer] = field(default_factory=list, compare=False)

    # -------------------------------------------------------------- what is true

    def accepts(self, version: int) -> list[int]:
        """The suites of a version that a client with everything can have, in the server's order."""
        full = Offer("", (version,), (), groups_for(version), SCHEMES_OFFERED)
        known = [s for s in self.suites.get(version, ()) if s in suites_for(version) and s not in self.broken | self.poison]
        return [s for s in known if self._usable(s, version, full._replace(suites=(s,)))]

    def has_groups(self, version: int) -> list[int]:
        """The groups that a client can have of it in a version, in its own order.

        Where all certificates are for ECDSA and of a curve that it ranks itself, nothing behind that curve can be had: without the curve
        there is no certificate for the client, and with it the curve is chosen.
        """
        users = [suite for suite in self.accepts(version) if _elliptic(suite) or version == TLS13]
        groups = self._groups(version) if users else []
        for_ecdsa_only = version < TLS13 and all(suite_facts(suite).authentication == "ECDSA" for suite in users)
        if for_ecdsa_only and self.group_order == "server" and self.curve in groups:
            return groups[: groups.index(self.curve) + 1]
        return groups

    def has_schemes(self, version: int) -> set[int]:
        """The schemes that it signs with."""
        kinds = {kind for suite in self.accepts(version) if _signed(suite, version) for kind in CERTIFICATES[suite_facts(suite).authentication]}
        return {scheme for scheme in self.schemes if scheme_key_type(scheme) in kinds}

    # -------------------------------------------------------------- what it answers

    def answer(self, offer: Offer) -> Answer:
        """The answer to one offer."""
        self.tail.append(offer)
        number = len(self.tail)
        top = offer.versions[0]
        common = [v for v in ALL_VERSIONS if v in self.suites and (v in offer.versions if top == TLS13 else v <= top)]
        if not common or len(offer.suites) > self.most_suites:
            return self._refuse(number, 70 if not common else self.alert)
        version = common[0]
        known = [s for s in _ordered(self.suites[version], offer.suites, self.order) if self._usable(s, version, offer)]
        if not known or known[0] in self.poison:
            return self._refuse(number, self.alert)
        suite = known[0]
        if suite in self.broken:
            return Answer(number, "refused", 80, version, suite)
        protocol = next((name for name in self.alpn if name in offer.alpn), None)
        if self.alpn and offer.alpn and protocol is None and self.unknown_protocol == "alert":
            return self._refuse(number, 120)
        group = scheme = None
        if version > SSL3 and (_elliptic(suite) or version == TLS13):
            group = _ordered(self._groups(version), offer.groups, self.group_order)[0]
        if version < TLS13 and _signed(suite, version):
            kinds = CERTIFICATES[suite_facts(suite).authentication]
            scheme = _ordered([s for s in self.schemes if scheme_key_type(s) in kinds], offer.schemes, self.scheme_order)[0]
        dh = 2048 if suite_facts(suite).key_exchange == "DHE" else None
        return Answer(number, "reached", None, version, suite, group, scheme, protocol if version < TLS13 else None, dh)

    def _refuse(self, number: int, alert: int | None) -> Answer:
        return Answer(number, "closed") if alert is None or self.alert is None else Answer(number, "refused", alert)

    def _groups(self, version: int) -> list[int]:
        return [group for group in self.groups if group in groups_for(version)]

    def _usable(self, suite: int, version: int, offer: Offer) -> bool:
        facts = suite_facts(suite)
        certificates = self.certificates
        if self.certificate_first and "ECDSA" in certificates and any(suite_facts(s).authentication == "ECDSA" for s in offer.suites):
            certificates = frozenset(("ECDSA",))
        if facts.authentication in CERTIFICATES and facts.authentication not in certificates:
            return False
        if version > SSL3 and (_elliptic(suite) or version == TLS13) and not set(self._groups(version)) & set(offer.groups):
            return False
        if version > SSL3 and facts.authentication == "ECDSA" and self.curve not in offer.groups:
            return False
        if version == TLS12 and _signed(suite, version):
            return any(scheme_key_type(s) in CERTIFICATES[facts.authentication] for s in set(self.schemes) & set(offer.schemes))
        return True


def ask(model: Model, dialogue: Dialogue[T], most: int = 3000) -> tuple[T, int]:
    """Carries a dialogue to its end; what it returns, and the number of questions."""
    count = 0
    try:
        offer = next(dialogue)
        while True:
            count += 1
            assert count <= most, "it goes on and on"
            offer = dialogue.send(model.answer(offer))
    except StopIteration as end:
        return end.value, count


def _elliptic(suite: int) -> bool:
    return suite_facts(suite).key_exchange == "ECDHE"


def _signed(suite: int, version: int) -> bool:
    facts = suite_facts(suite)
    return version == TLS12 and facts.key_exchange in ("ECDHE", "DHE") and facts.authentication in CERTIFICATES


V = TypeVar("V")


def _ordered(own: Sequence[V], offered: Sequence[V], order: Order) -> list[V]:
    return [v for v in own if v in offered] if order == "server" else [v for v in offered if v in own]


# ------------------------------------------------------------------ all kinds of servers

_MET = [s for s in suites_for(TLS12) if suite_facts(s).key_exchange in ("ECDHE", "DHE", "RSA", "PSK")]


def some_of(values: Sequence[V], least: int = 0, most: int = 40) -> st.SearchStrategy[tuple[V, ...]]:
    """Some of them, in any order."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True).map(tuple)


@st.composite
def models(draw: Callable[..., object]) -> Model:
    """Servers of every kind: few or many suites, in blocks or mixed, one certificate or more, their own order or the client's."""
    pick: Callable[..., bool] = lambda: draw(st.booleans())  # type: ignore[return-value] # noqa: E731
    versions = draw(st.sets(st.sampled_from(ALL_VERSIONS[:5]), min_size=1))
    suites = {}
    for version in versions:  # type: ignore[attr-defined]
        pool = suites_for(TLS13) if version == TLS13 else [s for s in _MET if s in suites_for(version)]
        suites[version] = draw(some_of(pool))
        if pick():  # in blocks of one kind, as OpenSSL has them
            suites[version] = tuple(sorted(suites[version], key=lambda s: suite_facts(s).key_exchange))
    orders = st.sampled_from(("server", "client"))
    curves = [g for g in groups_for(TLS12) if g < 30]
    return Model(
        suites,
        draw(some_of(list(dict.fromkeys(groups_for(TLS13) + groups_for(TLS12))), 0, 20)),
        draw(some_of(SCHEMES_OFFERED, 0, 16)),
        frozenset(draw(st.sets(st.sampled_from(sorted(CERTIFICATES))))),
        draw(st.sampled_from(curves)),
        draw(orders),
        draw(orders),
        draw(orders),
        draw(some_of(PROTOCOLS[:6], 0, 4)),
        draw(st.sampled_from(("ignored", "alert"))),
        alert=draw(st.sampled_from((40, 71, None))),
        broken=frozenset(draw(st.sets(st.sampled_from(_MET[:30]), max_size=3))),
    )  # type: ignore[arg-type]
