"""What is tried with a ClientHello that was refused, and in which order: the steps that a real upgrade, or a real repair, makes.

Theory of operation
-------------------
A step is what somebody changes in one go: a Java 7 that becomes a Java 8 offers TLS 1.2 *and* signature_algorithms *and* suites with
AEAD; changing the version alone would be answered by another refusal, and nothing would be learned (measured on OpenSSL). So a
step holds the change that leads and those that come along with it; what of it was needed is found afterwards (``shrink.py``).

There are two kinds. A *repair* gives the hello what it lacks beside mainstream clients: that is what mismatches are mended by. A step
of the other kind takes something away, or asks for something else: a server that then answers minded what it has to ignore (RFC 8446
section 4.1.2), or was asked for another site. If a repair helps, it is the answer; a hello that passes without its TLS 1.3
because the server then falls back to other rules does not speak against it.

The order is that of likelihood: what the alert names; where the hello offers less than everybody does (``inference/offer.py``);
then by how often it is the cause. Old and weak things come last: a server that accepts the newest thing is best explained by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from whytls.probing.changes import (
    ADDABLE,
    FALLBACK_SCSV,
    HYBRID,
    MODERN_GROUPS,
    MODERN_SCHEMES,
    MODERN_SUITES,
    MODERN_TLS13,
    PADDING,
    RENEGOTIATION_SCSV,
    Aspect,
    Change,
    applied,
)
from whytls.wire.hello import message_body
from whytls.wire.registry import (
    GROUPS,
    OPENSSL_SUITES,
    SCHEMES,
    SSL3,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    scheme_key_type,
    suite_facts,
)
from whytls.wire.value import ClientHello

# What may stand in a hello whatever else is taken out: its own dimensions, each of which has a step of its own, and what they need.
_ESSENTIAL = frozenset({0, 10, 11, 13, 16, 43, 45, 50, 51})
_APPLICATIONS = ("http/1.1", "h2")
_KINDS = ("RSA", "ECDSA")
_SIGNING = frozenset({"rsa", "rsa-pss", "ecdsa", "ed25519", "ed448", "dsa"})


class Step(NamedTuple):
    """What is changed in one go; the first change leads, and gives the step its name."""

    changes: tuple[Change, ...]
    repairs: bool = True

    @property
    def lead(self) -> Change:
        """The change that the others come along with."""
        return self.changes[0]

    @property
    def title(self) -> str:
        """The step in words: ``adding TLS 1.2``."""
        return self.lead.done


class Hints(NamedTuple):
    """What is known of the refusal before anything is sent."""

    alert: int | None = None  # the description; None: it was not by an alert
    narrow: tuple[str, ...] = ()  # dimensions in which the hello is restricted, the leading one first
    names: tuple[str, ...] = ()  # server names that this server could know, best first; at most three are tried


_NO_HINTS = Hints()
_SPEAKING: dict[int, tuple[Aspect, ...]] = {
    70: ("version",), 71: ("suite", "group", "version"), 86: ("fallback", "version"), 112: ("sni",), 120: ("alpn",),
    109: ("sni", "signature", "group"), 80: ("sni",), 10: ("group",),
}  # fmt: skip
_MOST_NAMES = 3


def steps(hello: ClientHello, hints: Hints = _NO_HINTS) -> tuple[Step, ...]:
    """All steps for this hello, the likeliest first; none of them leaves it as it is."""
    if hello.sslv2:
        return _from_sslv2(hello, hints)
    found = [
        *_names(hello, hints.names),
        *_newer(hello),
        *_modern_suites(hello),
        *_modern_schemes(hello),
        *_modern_groups(hello),
        *_applications(hello),
        *_older(hello),
        *_signals(hello),
        *_other_suites(hello),
        *_plain(hello),
        *_without(hello, hints.names),
        *_others(hello),
    ]
    effective = [step for step in found if applied(hello, step.changes) != hello]
    return tuple(sorted(effective, key=lambda step: _rank(step, hints)))


def _rank(step: Step, hints: Hints) -> int:
    """A stable sort keeps the order of likelihood within a rank."""
    said = _SPEAKING.get(hints.alert, ()) if hints.alert is not None else ()
    if step.lead.aspect in said:
        return said.index(step.lead.aspect)
    if step.repairs and step.lead.aspect in hints.narrow:
        return 10 + hints.narrow.index(step.lead.aspect)
    if hints.alert is None and len(step.changes) > 2 and not step.repairs:
        return 20  # dropped without a word: what a box on the way, or an old server, chokes on
    return 30


# ------------------------------------------------------------------ repairs


def _names(hello: ClientHello, names: Sequence[str]) -> Iterable[Step]:
    if not hello.server_name:
        for name in names[:_MOST_NAMES]:
            yield Step((Change("sni", "add", (name,)),))


def _newer(hello: ClientHello) -> Iterable[Step]:
    """The versions above the newest that is offered, with all that a client which has them offers."""
    new = [v for v in (TLS12, TLS13) if v > hello.max_version]
    if new:
        along = [
            *_missing("suite", MODERN_SUITES, hello.cipher_suites, "version"),
            *_missing("group", MODERN_GROUPS, hello.groups, "version"),
            *_missing("signature", MODERN_SCHEMES, hello.signature_algorithms, "version"),
        ]
        yield Step((Change("version", "add", tuple(new)), *along))


def _older(hello: ClientHello) -> Iterable[Step]:
    """The versions below the newest that are not offered; only supported_versions can leave them out."""
    if hello.supported_versions is None:
        return
    gaps = [v for v in (TLS12, TLS11, TLS10, SSL3) if v not in hello.versions and v < hello.max_version]
    if gaps:
        suites = [*(MODERN_SUITES if TLS12 in gaps else ()), *_CLASSIC]
        yield Step((Change("version", "add", tuple(gaps)), *_missing("suite", suites, hello.cipher_suites, "version")))


def _modern_suites(hello: ClientHello) -> Iterable[Step]:
    wanted = [s for s in (*MODERN_TLS13, *MODERN_SUITES) if any(suite_facts(s).usable(v) for v in hello.versions)]
    for one in _missing("suite", wanted, hello.cipher_suites):
        yield Step((one, *(_missing("group", MODERN_GROUPS, None, "suite") if hello.groups is None else ())))


def _other_suites(hello: ClientHello) -> Iterable[Step]:
    """All that the hello's versions could use besides: the classic ones, then the rare and the weak."""
    usable = [s for s in _ALL_SUITES if any(suite_facts(s).usable(v) for v in hello.versions)]
    for one in _missing("suite", usable, (*hello.cipher_suites, *MODERN_SUITES, *MODERN_TLS13)):
        yield Step((one, *(_missing("group", MODERN_GROUPS, None, "suite") if hello.groups is None else ())))


def _modern_schemes(hello: ClientHello) -> Iterable[Step]:
    """Schemes for both kinds of keys; with suites for the kind that was missing, which stacks take out together (OpenSSL)."""
    if hello.max_version < TLS12:
        return
    for one in _missing("signature", MODERN_SCHEMES, hello.signature_algorithms):
        kinds = {scheme_key_type(s).upper() for s in hello.signature_algorithms or ()}
        held = {suite_facts(s).authentication for s in hello.cipher_suites}
        gone = [kind for kind in _KINDS if kind not in kinds and kind not in held]
        suites = [s for s in MODERN_SUITES if suite_facts(s).authentication in gone and hello.signature_algorithms is not None]
        yield Step((one, *(_missing("suite", suites, hello.cipher_suites, "signature") if TLS12 in hello.versions else ())))


def _modern_groups(hello: ClientHello) -> Iterable[Step]:
    if hello.groups is None and not any(suite_facts(s).key_exchange in ("ECDHE", "TLS13") for s in hello.cipher_suites):
        return
    for one in _missing("group", MODERN_GROUPS, hello.groups):
        yield Step((one,))


def _applications(hello: ClientHello) -> Iterable[Step]:
    missing = tuple(name for name in _APPLICATIONS if name not in (hello.alpn or ()))
    if missing:
        yield Step((Change("alpn", "add", missing),))


def _signals(hello: ClientHello) -> Iterable[Step]:
    """What a server can insist on in a hello: the fallback's mark left out, the extended master secret, secure renegotiation."""
    if hello.fallback:
        yield Step((Change("fallback", "remove", (FALLBACK_SCSV,)),))
    wanted = []
    if not hello.extended_master_secret:
        wanted.append(Change("extended-master-secret", "add"))
    if not hello.secure_renegotiation:
        wanted.append(Change("renegotiation", "add", (RENEGOTIATION_SCSV,)))
    if wanted and hello.versions[-1] < TLS13:
        yield Step(tuple(wanted))


def _others(hello: ClientHello) -> Iterable[Step]:
    """What is seldom asked for."""
    if hello.max_version >= TLS12:
        rare = [s for s in SCHEMES if s not in MODERN_SCHEMES and scheme_key_type(s) in _SIGNING]
        for one in _missing("signature", rare, (*(hello.signature_algorithms or ()), *MODERN_SCHEMES)):
            yield Step((one,))
    rare = [g for g in GROUPS if g not in MODERN_GROUPS and g < 0xFE00]
    for one in _missing("group", rare, (*(hello.groups or ()), *MODERN_GROUPS)):
        if hello.groups is not None or hello.max_version >= TLS13:
            yield Step((one,))
    absent = tuple(number for number in ADDABLE if not hello.has(number) and number != 23)
    if absent:
        yield Step((Change("extension", "add", absent),))


def _missing(aspect: Aspect, wanted: Sequence[int], had: Sequence[int] | None, belongs: Aspect | None = None) -> list[Change]:
    """The change that adds what is missing of it; none where nothing is."""
    missing = tuple(v for v in wanted if v not in (had or ()))
    return [Change(aspect, "add", missing, belongs)] if missing else []


# ------------------------------------------------------------------ taking away, and asking for something else


def _plain(hello: ClientHello) -> Iterable[Step]:
    """Everything out that a server has to ignore: if that passes, one of these things is what it chokes on."""
    found: list[Change] = []
    if hello.greased:
        found.append(Change("grease", "remove"))
    hybrid = tuple(g for g in hello.groups or () if g in HYBRID)
    if hybrid and len(hybrid) < len(hello.groups or ()):
        found.append(Change("group", "remove", hybrid, "size"))
    if hello.session_id:
        found.append(Change("session-id", "remove"))
    if set(hello.compression_methods) - {0}:
        found.append(Change("compression", "remove"))
    if hello.record_version > TLS10:
        found.append(Change("record-version", "change", (TLS10,)))
    ignorable = [n for n in dict.fromkeys(e.number for e in hello.extensions) if n not in _ESSENTIAL]
    found += [Change("size", "remove") if n == PADDING else Change("extension", "remove", (n,)) for n in ignorable]
    if found:
        yield Step(tuple(found), repairs=False)


def _without(hello: ClientHello, names: Sequence[str]) -> Iterable[Step]:
    if hello.max_version >= TLS13 and hello.versions[-1] < TLS13:
        yield Step((Change("newer-version", "remove", (TLS13,)),), repairs=False)
    if hello.server_name:
        for name in [n for n in names if n.lower() != hello.server_name.lower()][: _MOST_NAMES - 1]:
            yield Step((Change("sni", "change", (name,)),), repairs=False)
        yield Step((Change("sni", "remove"),), repairs=False)
    if hello.alpn is not None:
        yield Step((Change("alpn", "remove"),), repairs=False)
    if 0xFF < 4 + len(message_body(hello)) < 0x200:
        yield Step((Change("size", "add", (0x200,)),), repairs=False)  # RFC 7685 section 1: the sizes that hang some boxes


def _from_sslv2(hello: ClientHello, hints: Hints) -> tuple[Step, ...]:
    """A hello in SSLv2's form has nothing that could be changed in it: its form is first, and what comes along with a newer client."""
    form = Change("form", "change")
    plain = applied(hello, (form,))
    repairs = (*_names(plain, hints.names), *_newer(plain), *_modern_suites(plain), *_other_suites(plain))
    along = [Step((*step.changes, form._replace(belongs=step.lead.aspect))) for step in repairs]
    return (Step((form,), repairs=False), *along)


# ------------------------------------------------------------------ all suites, the better first


def _strength(suite: int) -> tuple[bool, int, str, int]:
    facts = suite_facts(suite)
    weak = facts.export or facts.cipher in ("", "NULL") or facts.cipher.startswith(("RC4", "RC2", "DES_CBC", "DES40"))
    usual = {"ECDHE": 0, "DHE": 1, "RSA": 2}.get(facts.key_exchange, 4) + (0 if facts.authentication in ("RSA", "ECDSA") else 3)
    return weak, usual, facts.cipher, suite


def _servers(suite: int) -> bool:
    """Whether servers with a certificate, or with none at all, have it: what a shared key, a password or a ticket of Kerberos is needed for
    helps no client, and a list of 400 suites is refused by some servers for its length alone."""
    facts = suite_facts(suite)
    return suite <= 0xFFFF and facts.key_exchange in ("ECDHE", "DHE", "RSA", "ECDH", "DH") and facts.authentication != "PSK"


_ALL_SUITES = tuple(sorted((s for s in OPENSSL_SUITES if _servers(s)), key=_strength))
_CLASSIC = (0xC027, 0xC013, 0xC014, 0xC009, 0xC00A, 0x009E, 0x0033, 0x0039, 0x009C, 0x009D, 0x003C, 0x002F, 0x0035, 0x000A, 0x0016, 0x0005)
