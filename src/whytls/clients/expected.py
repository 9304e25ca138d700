"""Would this client get through to that server? Answered by set intersection, without a connection.

Theory of operation
-------------------
Known are what the client offers and accepts (``Client``) and what the server accepts (``Accepts``). The steps are those of the handshake, in
its order: version, name, application protocol, cipher suite with group and signature scheme, what the client minds in the ServerHello
and in the ServerKeyExchange, the server's certificate, the client's certificate. At each step two sets meet; where nothing is in both, that
step's ``Obstacle`` says which sets, and the cause that a verdict on the failed handshake would name. The first obstacle ends the handshake; the
ones after it would have ended it next, as far as they do not depend on what was never agreed.

Servers choose the version first and never go back to a lower one for want of a suite (OpenSSL, JSSE, Go and GnuTLS all do so), so the
highest common version decides. A server knows nothing of the client's limits on keys and primes: it chooses, and the client breaks off.

Nobody's guess is hidden: what the inventory does not know is no limit, and stands in ``unknown``; what has to be true of the client besides (its
trust anchors, where they are not given) stands in ``conditions``. ``connects`` is None where an obstacle or its absence could not be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain as joined
from typing import Literal, NamedTuple

from whytls.clients import certificates
from whytls.clients.client import Client
from whytls.clients.hello import name_sent
from whytls.clients.server import Accepts, Site
from whytls.clients.words import count_of, listed, versions_of
from whytls.wire.registry import (
    TLS12,
    TLS13,
    group_kind,
    group_name,
    scheme_hash,
    scheme_key_type,
    scheme_name,
    suite_facts,
    suite_name,
    version_name,
)

SHA1_RSA, SHA1_ECDSA = 0x0201, 0x0203  # what a TLS 1.2 hello without signature_algorithms stands for (RFC 5246 section 7.4.1.4.1)
Set = tuple[str, ...]


class Obstacle(NamedTuple):
    """A step at which the two ends find nothing in common, or one of them refuses what the other chose."""

    cause: str  # the slug of the cause that the failed handshake has
    text: str  # one sentence without a subject's name: "it offers TLS 1.0 at most; the server takes TLS 1.2 and up"
    refuses: Literal["client", "server"]
    offered: Set = ()  # the two sets, in words, where that is what it is about
    accepted: Set = ()


class Answer(NamedTuple):
    """Whether a client gets through, what would be agreed on, and what stands in the way."""

    client: str  # its slug
    connects: bool | None  # None: not to be told from what is known
    obstacles: tuple[Obstacle, ...] = ()  # the one that ends the handshake first
    server_name: str | None = None  # what it sends
    version: int | None = None
    suite: int | None = None
    group: int | None = None
    signature_scheme: int | None = None
    chain: tuple[bytes, ...] = ()  # what the server shows it
    alpn: str | None = None
    conditions: tuple[str, ...] = ()  # what else has to be so
    unknown: tuple[str, ...] = ()  # what the inventory does not tell


def expected(
    client: Client,
    server: Accepts,
    *,
    name: str | None,
    at: int,
    anchors: Sequence[bytes] | None = None,
    with_certificate: bool = False,
) -> Answer:
    """What this client meets at that server when it calls it by that name or address.

    ``at`` is in nanoseconds since 1970. ``anchors`` (DER) are what the client trusts; with None that is a condition of the answer.
    ``with_certificate``: the client has a certificate of its own that the server takes.
    """
    sent = name_sent(client, name)
    site = server.named if sent is not None or server.nameless is None else server.nameless
    apart = _apart(server, site)
    if apart:
        server = server._replace(signature_schemes=None)
    answer = Answer(client.slug, None, server_name=sent)
    found: list[Obstacle] = []
    version = _version(client, server, found)
    if site.refused:
        found.append(_name_refused(client, name, sent))
    answer = answer._replace(version=version, alpn=_protocol(client, server, found))
    unasked = apart and version is not None and version < TLS13
    if version is not None and not unasked:
        answer = _agreed(answer, client, server, site, found)
    elif site.chains:
        answer = answer._replace(chain=site.chains[0])
    told = certificates.Told((), (), ())
    if answer.chain and not site.refused:
        told = certificates.judged(client, answer.chain, name, sent, server.named, at=at, anchors=anchors)
        found += [Obstacle(cause, text, "client") for cause, text in told.refused]
    if server.client_certificate == "required" and not with_certificate:
        found.append(Obstacle("client-certificate-missing", "the server requires a client certificate, and it has none", "server"))
    unknown = (*_unknown(server, site, answer), *((_UNASKED,) if unasked else ()), *told.unknown)
    connects = False if found else None if told.unknown or unasked or not server.versions else True
    return answer._replace(connects=connects, obstacles=tuple(found), conditions=told.conditions, unknown=unknown)


_UNASKED = "which cipher suites the server takes with the certificate that it shows without a name"


def _apart(server: Accepts, site: Site) -> bool:
    """Whether the site without a name has another kind of key than the one that was asked with a name: what that one signs by, and below
    TLS 1.3 its suites, say nothing of it (hitch shows its last certificate, of whatever kind, to those who send no name)."""
    if site is server.named or not site.chains:
        return False
    return not certificates.kinds(site.chains) <= certificates.kinds(server.named.chains)


# ------------------------------------------------------------------ what is agreed on before any certificate


def _version(client: Client, server: Accepts, found: list[Obstacle]) -> int | None:
    offered, taken = client.versions, server.versions
    if not taken:
        return None
    common = [version for version in offered if version in taken]
    if common:
        return common[0]
    text = f"it offers {versions_of(offered)}; the server takes {versions_of(taken)}"
    found.append(Obstacle("protocol-mismatch", text, "server", _names(offered, version_name), _names(taken, version_name)))
    return None


def _name_refused(client: Client, name: str | None, sent: str | None) -> Obstacle:
    if sent is not None:
        return Obstacle("sni-unknown", f"the server refuses the name {sent}", "server")
    why = "it never sends a name" if not client.sends_name else f"it sends no name for {name}" if name else "it was called without a name"
    return Obstacle("sni-missing", f"{why}, and the server refuses a handshake without one", "server")


def _protocol(client: Client, server: Accepts, found: list[Obstacle]) -> str | None:
    if not client.alpn or not server.alpn:
        return None
    common = [protocol for protocol in server.alpn if protocol in client.alpn]
    if common:
        return common[0]
    if server.alpn_required:
        text = f"it offers {listed(client.alpn)}; the server takes {listed(server.alpn)} only"
        found.append(Obstacle("alpn-mismatch", text, "server", client.alpn, server.alpn))
    return None


def _agreed(answer: Answer, client: Client, server: Accepts, site: Site, found: list[Obstacle]) -> Answer:
    """With the suite, group, scheme and chain that the server chooses in that version; what stands against it is added to ``found``."""
    version = answer.version or 0
    own, offered = server.suites[version], client.hello.cipher_suites
    both = [s for s in own if s in offered] if server.own_order else [s for s in offered if s in own]
    common = [suite for suite in both if suite_facts(suite).usable(version)]
    if not common:
        found.append(_no_suite(version, [suite for suite in offered if suite_facts(suite).usable(version)], own))
        return answer._replace(chain=site.chains[0] if site.chains else ())
    first = _try(common[0], version, client, server, site)
    others = (_try(suite, version, client, server, site) for suite in common[1:])  # the rest is not asked for where one fits
    fitting = next((one for one in joined((first,), others) if one.obstacle is None), None)
    if fitting is None:
        found.append(first.obstacle or _no_suite(version, common, own))
        return answer._replace(chain=site.chains[0] if site.chains else ())
    answer = answer._replace(suite=fitting.suite, group=fitting.group, signature_scheme=fitting.scheme, chain=fitting.chain)
    found += _minded(client, server, version, fitting)
    return answer


class _Tried(NamedTuple):
    """One suite that both have, and what goes with it."""

    suite: int
    obstacle: Obstacle | None = None
    group: int | None = None
    scheme: int | None = None
    chain: tuple[bytes, ...] = ()


def _no_suite(version: int, offered: Sequence[int], own: Sequence[int]) -> Obstacle:
    kinds = {suite_facts(s).authentication for s in own}
    text = f"none of the {count_of(len(offered), 'cipher suite')} that it offers for {version_name(version)} is among the server's {len(own)}"
    if len(kinds) == 1 and kinds <= {"RSA", "ECDSA"} and kinds.isdisjoint(suite_facts(s).authentication for s in offered):
        text += f" (all of them need an {kinds.copy().pop()} certificate)"
    return Obstacle("cipher-mismatch", text, "server", _names(offered, suite_name), _names(own, suite_name))


def _try(suite: int, version: int, client: Client, server: Accepts, site: Site) -> _Tried:
    """Whether a server can choose this suite: a group for it, and a key whose signatures the client takes."""
    facts, group, scheme = suite_facts(suite), None, None
    if facts.tls13 or facts.key_exchange == "ECDHE":
        groups = _groups(client, version)
        group = _first(groups, server.groups) if groups is not None else None
        if groups is not None and server.groups is not None and group is None:
            taken = [g for g in server.groups if version == TLS13 or group_kind(g) == "elliptic"]
            text = (
                f"none of the {count_of(len(groups), 'key-exchange group')} that it offers ({_some(groups)}) is among the server's ({_some(taken)})"
            )
            return _Tried(suite, Obstacle("group-mismatch", text, "server", _names(groups, group_name), _names(taken, group_name)))
    signed = facts.tls13 or facts.key_exchange in ("ECDHE", "DHE")
    fitting = certificates.fitting(site.chains, facts.authentication)
    keys = [key for key in fitting if version == TLS13 or _on_a_known_curve(key[2], client)]
    if fitting and not keys:
        curve, own = fitting[0][2], client.hello.groups or ()
        text = f"the key in the server's certificate lies on {curve}, which is not among the groups that it offers ({_some(own)})"
        return _Tried(suite, Obstacle("group-mismatch", text, "server", _names(own, group_name), (curve,)))
    if not signed or version < TLS12 or facts.authentication == "anon":
        return _Tried(suite, None, group, None, keys[0][0] if keys else ())
    schemes = _schemes(client, version)
    for chain, kind, curve in keys or [((), "", "")]:
        usable = [s for s in schemes if not kind or _fits(s, version, kind, curve)]
        scheme = _first(usable, server.signature_schemes)
        if scheme is not None or (usable and server.signature_schemes is None):
            return _Tried(suite, None, group, scheme, chain)
    wanted = server.signature_schemes
    have = (
        f"those of the server ({listed(_names(wanted, scheme_name))})"
        if wanted
        else f"what the server's {keys[0][1]} key can sign"
        if keys
        else "them"
    )
    text = f"none of the {count_of(len(schemes), 'signature scheme')} that it offers for {version_name(version)} is among {have}"
    return _Tried(suite, Obstacle("signature-algorithm-mismatch", text, "server", _names(schemes, scheme_name), _names(wanted or (), scheme_name)))


def _groups(client: Client, version: int) -> list[int] | None:
    """Its groups that count in that version; None: it names none, and the server takes which it likes (RFC 8422 section 4)."""
    groups = client.hello.groups
    if groups is None:
        return None
    return [g for g in groups if version == TLS13 or group_kind(g) == "elliptic"]


def _on_a_known_curve(curve: str, client: Client) -> bool:
    """Below TLS 1.3 a certificate's own curve has to be among the client's groups (RFC 8422 section 5.3)."""
    groups = client.hello.groups
    return not curve or groups is None or curve in _names(groups, group_name)


def _schemes(client: Client, version: int) -> list[int]:
    schemes = client.hello.signature_algorithms
    if schemes is None:
        return [SHA1_RSA, SHA1_ECDSA] if version < TLS13 else []
    return list(schemes)


def _fits(scheme: int, version: int, kind: str, curve: str) -> bool:
    """Whether that key can sign by that scheme in that version (RFC 8446 section 4.2.3)."""
    name, wanted = scheme_name(scheme), scheme_key_type(scheme)
    if wanted != ("ecdsa" if kind == "ec" else kind):
        return False
    if version != TLS13:
        return True
    if scheme_hash(scheme) in ("sha1", "sha224") or name.startswith("rsa_pkcs1"):
        return False
    return kind != "ec" or not curve or curve in name  # ecdsa_secp256r1_sha256: in TLS 1.3 hash and curve belong together


def _first(offered: Sequence[int], taken: Sequence[int] | None) -> int | None:
    """The first that both have; with nothing known of the other end none is named."""
    return next((one for one in offered if one in taken), None) if taken is not None else None


# ------------------------------------------------------------------ what the client minds in what was chosen


def _minded(client: Client, server: Accepts, version: int, chosen: _Tried) -> Iterable[Obstacle]:
    rules, facts = client.rules, suite_facts(chosen.suite)
    if version >= TLS13:
        return
    if server.secure_renegotiation is False and rules.needs_secure_renegotiation:
        yield Obstacle(
            "renegotiation-refused", "the server does not know secure renegotiation (RFC 5746), without which it goes no further", "client"
        )
    signed = facts.key_exchange in ("ECDHE", "DHE") and facts.authentication != "anon"
    if signed and version < TLS12 and not rules.legacy_signatures:
        text = f"{version_name(version)} with {facts.key_exchange} is signed with SHA-1, which it refuses; the server takes nothing newer"
        yield Obstacle("protocol-mismatch", text, "client", _names(client.versions, version_name), _names(server.versions, version_name))
    if facts.key_exchange == "DHE" and server.dh_bits is not None and rules.dh_bits is not None:
        least, most = rules.dh_bits
        if server.dh_bits < least:
            yield Obstacle("dh-too-small", f"the server's Diffie-Hellman prime has {server.dh_bits} bits; it takes {least} and more", "client")
        elif server.dh_bits > most:
            text = f"the server chooses {suite_name(chosen.suite)} with a prime of {server.dh_bits} bits, and it can handle {most} at most"
            yield Obstacle("cipher-mismatch", text, "client")


def _unknown(server: Accepts, site: Site, answer: Answer) -> Iterable[str]:
    if not server.versions:
        yield "which versions the server takes"
    if answer.suite is None:
        return
    facts = suite_facts(answer.suite)
    if server.groups is None and (facts.tls13 or facts.key_exchange == "ECDHE"):
        yield "which key-exchange groups the server takes"
    if facts.key_exchange == "DHE" and server.dh_bits is None:
        yield "how long the server's Diffie-Hellman prime is"
    if not site.chains and facts.authentication not in ("anon", "PSK"):
        yield "which certificate the server shows"


def _names(numbers: Iterable[int], name: Callable[[int], str]) -> Set:
    return tuple([name(number) for number in numbers])


def _some(groups: Sequence[int]) -> str:
    return listed(_names(groups, group_name), most=4)
