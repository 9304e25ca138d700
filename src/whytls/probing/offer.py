"""What is offered to a server in one attempt, and what its answer says; neither knows a connection.

The lists here are everything that has a number. Their order is meant: it differs from the orders that servers are known to
prefer already in the first place, so that the first choice tells whether a server follows its own order or ours.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal, NamedTuple, TypeVar

from whytls.wire.registry import (
    GROUPS,
    SCHEMES,
    SSL2,
    SSL3,
    SUITES,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    group_kind,
    suite_facts,
    version_name,
)

ALL_VERSIONS = (TLS13, TLS12, TLS11, TLS10, SSL3, SSL2)
FALLBACK_SCSV, RENEGOTIATION_SCSV = 0x5600, 0x00FF

# Protocols that servers are met with. acme-tls/1 is left out: who takes it shows a certificate made for the challenge (RFC 8737).
PROTOCOLS = (
    "http/1.1", "h2", "http/1.0", "spdy/3.1", "h2c", "grpc-exp", "postgresql", "tds/8.0", "imap", "pop3", "managesieve", "ftp", "smtp",
    "xmpp-client", "xmpp-server", "mqtt", "dot", "irc", "ntske/1", "stun.turn", "stun.nat-discovery", "webrtc", "c-webrtc", "sip/2",
    "coap", "radius/1.1", "ldap", "nnsp", "nntp", "sunrpc", "h3",
)  # fmt: skip

Part = Literal["groups", "schemes", "alpn"]
Shape = Literal["full", "bare"]  # bare: without any extension, as SSL 3.0 knows them


OWN = ""  # as an offer's name: the one of the target


class Offer(NamedTuple):
    """One hello to send."""

    purpose: str  # for people
    versions: tuple[int, ...]  # highest first
    suites: tuple[int, ...]
    groups: tuple[int, ...] = ()
    schemes: tuple[int, ...] = ()
    alpn: tuple[str, ...] = ()
    shape: Shape = "full"
    name: str | None = OWN  # server_name; None: without one
    fallback: bool = False  # with TLS_FALLBACK_SCSV
    share: bool = False  # with a key share (x25519); else TLS 1.3 is asked to choose a group (HelloRetryRequest)
    deep: bool = False  # in TLS 1.3 to the end of the server's flight, which needs keys; without, to its choice


class Answer(NamedTuple):
    """What came of an offer, as far as it says what the server accepts."""

    attempt: int  # its number
    end: str  # attempt.Attempt.end
    alert: int | None = None  # that ended it
    version: int | None = None  # all that follows: of the server's choice, where it made one
    suite: int | None = None
    group: int | None = None
    scheme: int | None = None
    alpn: str | None = None
    dh_bits: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the server chose and stood by it: one that breaks off after its choice cannot do what it chose."""
        return self.suite is not None and self.end not in BROKEN_OFF

    @property
    def gone(self) -> bool:
        """Whether there was no connection."""
        return self.end in ("refused-connection", "timeout", "unreachable")


BROKEN_OFF = frozenset(("refused", "closed", "reset", "foreign"))

T = TypeVar("T")
# A line of questions: it yields offers, is sent the answers, and returns what they amount to. No I/O: who drives it has the connection.
Dialogue = Generator[Offer, Answer, T]


# ------------------------------------------------------------------ everything that can be offered


def suites_for(version: int) -> tuple[int, ...]:
    """Every cipher suite that the version can use, in the order in which they are offered.

    What gives forward secrecy stands first, and within one key exchange the older cipher before the newer: no server prefers that. What
    needs more than a certificate (PSK, SRP, Kerberos) stands last: some servers choose it and then have no key for it.
    """
    known = _suites.get(version)
    if known is None:
        if version == SSL2:
            known = tuple(sorted(number for number in SUITES if number > 0xFFFF))
        else:
            usable = [number for number in SUITES if 0 < number <= 0xFFFF and suite_facts(number).usable(version)]
            known = tuple(sorted(usable, key=_place))
        _suites[version] = known
    return known


_USUAL = (frozenset(("TLS13", "ECDHE", "DHE", "RSA", "ECDH", "DH")), frozenset(("any", "RSA", "ECDSA", "DSS", "anon")))

_suites: dict[int, tuple[int, ...]] = {}
_EXCHANGES = ("TLS13", "ECDHE", "DHE", "RSA")
_AUTHENTICATIONS = ("any", "RSA", "ECDSA")
# The lightest first. In TLS 1.3 servers begin with AES (their own order) or with what the client has first.
_CIPHERS = ("CCM_8", "CCM", "CBC", "SEED", "IDEA", "CHACHA20", "GCM")


def usual(number: int) -> bool:
    """Whether a suite takes no more than a certificate, as nearly all do: no shared key, password or ticket."""
    facts = suite_facts(number)
    return facts.key_exchange in _USUAL[0] and facts.authentication in _USUAL[1]


def _place(number: int) -> tuple[int, ...]:
    facts = suite_facts(number)
    weak = facts.export or facts.cipher.startswith(("NULL", "RC4", "DES", "RC2"))
    cipher = next((place for place, part in enumerate(_CIPHERS) if part in facts.cipher), len(_CIPHERS))
    exchange, authentication = _at(_EXCHANGES, facts.key_exchange), _at(_AUTHENTICATIONS, facts.authentication)
    return not usual(number), weak, facts.authentication == "anon", exchange, authentication, cipher, number


def _at(known: tuple[str, ...], value: str) -> int:
    return known.index(value) if value in known else len(known)


_COMMON = (0x0017, 0x001D, 0x0018, 0x0019, 0x001E)  # usable in every version; secp256r1 first, where servers have x25519
_ONLY_13 = (31, 32, 33)  # brainpool has other numbers in TLS 1.3 (RFC 8734)
_EXPLICIT = (0xFF01, 0xFF02)  # no group, but "I can do any"


def groups_for(version: int) -> tuple[int, ...]:
    """Every group that the version can use; those of RFC 7919 in all, since they belong to DHE before TLS 1.3."""
    kinds = ("elliptic", "finite", "hybrid", "post-quantum") if version == TLS13 else ("elliptic", "finite")
    rest = [n for n in GROUPS if group_kind(n) in kinds and n not in _COMMON and n not in _EXPLICIT]
    kept = [n for n in rest if (n >= 31 if version == TLS13 else n not in _ONLY_13)]
    return _COMMON + tuple(kept)


SCHEMES_OFFERED = tuple(sorted(SCHEMES, key=lambda number: (number not in (0x0401, 0x0804, 0x0403), number)))


def with_list(asked: Offer, part: Part, values: Any) -> Offer:
    """The offer with another of its lists."""
    return asked._replace(**{part: values})


def offer_words(version: int, suites: tuple[int, ...]) -> str:
    """What an offer of these suites is for."""
    return f"{version_name(version)}, {len(suites)} cipher suite{'s' if len(suites) != 1 else ''}"


def offer(version: int, suites: tuple[int, ...]) -> Offer:
    """These suites of one version, with everything else that it can use."""
    text = offer_words(version, suites)
    if version <= SSL3:
        return Offer(text, (version,), suites, shape="bare")
    alpn = PROTOCOLS if version < TLS13 else ()
    return Offer(text, (version,), suites, groups_for(version), SCHEMES_OFFERED if version >= TLS12 else (), alpn)


def broad() -> Offer:
    """Everything from TLS 1.0 to TLS 1.3 at once: what the server chooses is its best."""
    suites = suites_for(TLS13) + suites_for(TLS12)
    groups = tuple(dict.fromkeys(groups_for(TLS13) + groups_for(TLS12)))
    return Offer("everything we know", (TLS13, TLS12, TLS11, TLS10), suites, groups, SCHEMES_OFFERED, PROTOCOLS)
