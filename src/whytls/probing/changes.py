"""The changes of a ClientHello as values: one thing that is added, changed or taken out, and what the hello then is.

Theory of operation
-------------------
A change is data (dimension, kind, values), so that it can be compared, remembered, made smaller and written down; ``applied`` is the one
function that turns a hello and some changes into another hello. Changes of one hello do not disturb each other: each is applied to
what the others left, in one fixed order, so that any subset of them makes a well-formed hello. Delta debugging needs just that.

What a version *requires* comes with the version: TLS 1.3 without one of its suites, a key share and supported_versions is no offer of
TLS 1.3 (RFC 8446 section 9.2). What a newer release of a client merely brings along (signature_algorithms, AEAD suites) are changes of
their own that ``belong`` to the version: whether they were needed is found out, and if they were, they were needed for the version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import pack
from typing import Literal, NamedTuple

from whytls.wire.hello import (
    ALPN,
    EXTENDED_MASTER_SECRET,
    KEY_SHARE,
    PRE_SHARED_KEY,
    SERVER_NAME,
    SIGNATURE_ALGORITHMS,
    change,
    extended,
    message_body,
)
from whytls.wire.registry import TLS10, TLS13, extension_name, group_name, scheme_name, suite_facts, suite_name, version_name
from whytls.wire.value import ClientHello

Kind = Literal["add", "change", "remove"]
# The first six are the dimensions by which causes argue (inference/counterfactual.py); the others are what a server has to ignore, or
# has its own reasons to mind.
Aspect = Literal[
    "version", "suite", "group", "signature", "sni", "alpn",
    "fallback", "extended-master-secret", "renegotiation", "extension", "size", "grease", "session-id", "compression", "record-version",
    "newer-version", "form",
]  # fmt: skip

RENEGOTIATION_SCSV, FALLBACK_SCSV = 0x00FF, 0x5600
PADDING, SESSION_TICKET, EC_POINT_FORMATS = 21, 35, 11
SEGMENT = 1200  # bytes of a message that surely fit one segment, also in a tunnel
HYBRID = frozenset({0x11EB, 0x11EC, 0x11ED, 0x6399, 0x639A, 0xFE30, 0xFE31, 0x4138})  # groups whose shares fill a segment
_SHARE_LENGTHS = {0x001D: 32, 0x001E: 56, 0x0017: 65, 0x0018: 97, 0x0019: 133}


class Change(NamedTuple):
    """One thing that differs; hashable, so that answers can be remembered by it."""

    aspect: Aspect
    kind: Kind
    values: tuple[int | str, ...] = ()
    belongs: Aspect | None = None  # it only comes along with a change of this aspect

    @property
    def dimension(self) -> Aspect:
        """What it is a change of, in the end."""
        return self.belongs or self.aspect

    @property
    def text(self) -> str:
        """``server_name api.example.com``; what is added, changed or taken out."""
        return _TEXTS[self.aspect](self)

    @property
    def done(self) -> str:
        """``adding server_name api.example.com``."""
        return f"{_DOING[self.kind]} {self.text}"


_DOING: dict[Kind, str] = {"add": "adding", "change": "changing", "remove": "taking out"}


def applied(hello: ClientHello, changes: Iterable[Change]) -> ClientHello:
    """The hello with these changes, whatever their order.

    Raises:
        UsageError: the hello came in SSLv2's form, and none of the changes gives it another.
    """
    for one in sorted(set(changes), key=_order):
        hello = _APPLY[one.aspect](hello, one)
    return hello


def _order(one: Change) -> tuple[int, str, tuple[str, ...]]:
    return _ORDER[one.aspect], one.kind, tuple(str(v) for v in one.values)


# ------------------------------------------------------------------ applying


def _numbers(one: Change) -> list[int]:
    return [v for v in one.values if isinstance(v, int)]


def _names(one: Change) -> list[str]:
    return [v for v in one.values if isinstance(v, str)]


def _joined(had: tuple[int, ...] | None, new: list[int]) -> list[int]:
    return [*(had or ()), *(v for v in new if v not in (had or ()))]


def _sni(hello: ClientHello, one: Change) -> ClientHello:
    return change(hello, without=(SERVER_NAME,)) if one.kind == "remove" else change(hello, server_name=_names(one)[0])


def _version(hello: ClientHello, one: Change) -> ClientHello:
    new = _numbers(one)
    if max(new) < TLS13 and hello.supported_versions is None:
        return change(hello, versions=[max(new)])
    had = hello.supported_versions or tuple(v for v in hello.versions if v >= TLS10) or hello.versions
    hello = change(hello, versions=sorted({*had, *new}, reverse=True))
    return _with_tls13(hello) if TLS13 in new else hello


def _with_tls13(hello: ClientHello) -> ClientHello:
    """What TLS 1.3 requires besides supported_versions (RFC 8446 sections 4.1.2 and 9.2), where it is not there: a suite, and a share; and no
    compression but null, for which servers refuse with illegal_parameter (OpenSSL) or protocol_version."""
    hello = hello._replace(compression_methods=(0,))
    if not any(suite_facts(s).tls13 for s in hello.cipher_suites):
        hello = change(hello, suites=(0x1301, 0x1302, 0x1303, *hello.cipher_suites))
    if hello.groups is None:
        hello = change(hello, groups=(0x001D, 0x0017, 0x0018))
    if not hello.key_shares:
        usable = [g for g in hello.groups or () if g in _SHARE_LENGTHS]
        hello = with_shares(hello, usable[:1])
    return hello


def with_shares(hello: ClientHello, groups: Iterable[int]) -> ClientHello:
    """Shares for these groups: random bytes of the right length, which stand for the keys that are made when it is sent."""
    shares = b"".join([pack(">HH", g, _SHARE_LENGTHS[g]) + bytes(_SHARE_LENGTHS[g]) for g in groups if g in _SHARE_LENGTHS])
    return extended(hello, KEY_SHARE, len(shares).to_bytes(2, "big") + shares)


def _newer_version(hello: ClientHello, one: Change) -> ClientHello:
    gone = set(_numbers(one))
    kept = [v for v in hello.versions if v not in gone]
    if not kept:
        return hello
    if max(kept) >= TLS13:
        return change(hello, versions=kept)
    only_tls13 = {suite for suite in hello.cipher_suites if suite_facts(suite).tls13}
    suites = [s for s in hello.cipher_suites if s not in only_tls13]
    return change(hello, versions=[max(kept)], suites=suites or hello.cipher_suites, without=(KEY_SHARE, 45, PRE_SHARED_KEY, 42))


def _suites(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "remove":
        kept = [s for s in hello.cipher_suites if s not in one.values]
        return change(hello, suites=kept) if kept else hello
    plain = [s for s in hello.cipher_suites if s not in (RENEGOTIATION_SCSV, FALLBACK_SCSV)]
    signals = [s for s in hello.cipher_suites if s in (RENEGOTIATION_SCSV, FALLBACK_SCSV)]
    return change(hello, suites=[*_joined(tuple(plain), _numbers(one)), *signals])


def _groups(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "remove":
        kept = [g for g in hello.groups or () if g not in one.values]
        hello = change(hello, groups=kept)
        return without_shares(hello, frozenset(_numbers(one)))
    had = hello.groups
    hello = change(hello, groups=_joined(had, _numbers(one)))
    if not hello.has(EC_POINT_FORMATS) and had is None:
        hello = extended(hello, EC_POINT_FORMATS, b"\x01\x00")
    return hello


def without_shares(hello: ClientHello, groups: frozenset[int]) -> ClientHello:
    """Without the key shares of these groups; what remains keeps its order."""
    block = next((e for e in hello.extensions if e.number == KEY_SHARE), None)
    if block is None or not hello.key_shares or groups.isdisjoint(hello.key_shares):
        return hello
    kept, at = b"", 2
    while at + 4 <= len(block.body):
        end = at + 4 + int.from_bytes(block.body[at + 2 : at + 4], "big")
        if int.from_bytes(block.body[at : at + 2], "big") not in groups:
            kept += block.body[at:end]
        at = end
    return extended(hello, KEY_SHARE, len(kept).to_bytes(2, "big") + kept)


def _signatures(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "remove":
        return change(hello, without=(SIGNATURE_ALGORITHMS,))
    return change(hello, signature_algorithms=_joined(hello.signature_algorithms, _numbers(one)))


def _alpn(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "remove":
        return change(hello, without=(ALPN,))
    had = hello.alpn or ()
    return change(hello, alpn=[*had, *(name for name in _names(one) if name not in had)])


def _fallback(hello: ClientHello, one: Change) -> ClientHello:
    return change(hello, suites=[s for s in hello.cipher_suites if s != FALLBACK_SCSV]) if hello.fallback else hello


def _master_secret(hello: ClientHello, one: Change) -> ClientHello:
    return extended(hello, EXTENDED_MASTER_SECRET, b"" if one.kind == "add" else None)


def _renegotiation(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "add":
        return change(hello, suites=_joined(hello.cipher_suites, [RENEGOTIATION_SCSV]))
    kept = [s for s in hello.cipher_suites if s != RENEGOTIATION_SCSV]
    return change(hello, suites=kept, without=(0xFF01,))


def _extensions(hello: ClientHello, one: Change) -> ClientHello:
    if one.kind == "remove":
        return change(hello, without=_numbers(one))
    for number in _numbers(one):
        if number in ADDABLE and not hello.has(number):
            hello = extended(hello, number, ADDABLE[number])
    return hello


def _size(hello: ClientHello, one: Change) -> ClientHello:
    """To at least so many bytes of message by padding; or, kind "remove", the padding taken out."""
    bare = change(hello, without=(PADDING,))
    if one.kind == "remove":
        return bare
    missing = _numbers(one)[0] - (4 + len(message_body(bare)))
    return bare if missing <= 0 else extended(bare, PADDING, bytes(max(0, missing - 4)))


def _grease(hello: ClientHello, one: Change) -> ClientHello:
    return hello._replace(greased=False)


def _session(hello: ClientHello, one: Change) -> ClientHello:
    return hello._replace(session_id=b"" if one.kind == "remove" else bytes(32))


def _compression(hello: ClientHello, one: Change) -> ClientHello:
    return hello._replace(compression_methods=(0,))


def _record_version(hello: ClientHello, one: Change) -> ClientHello:
    return hello._replace(record_version=_numbers(one)[0])


def _form(hello: ClientHello, one: Change) -> ClientHello:
    """The same offer in the form that TLS has had since SSL 3.0; SSLv2's own suites, of three bytes, have no place in it."""
    if not hello.sslv2:
        return hello
    suites = tuple(s for s in hello.cipher_suites if s <= 0xFFFF) or (0x0005, 0x000A, 0x002F)
    random = hello.random[-32:].rjust(32, b"\0")
    plain = ClientHello(max(hello.legacy_version, 0x0300), random, b"", suites, (0,), ())
    return change(plain, suites=suites)


_Apply = Callable[[ClientHello, Change], ClientHello]
_APPLY: dict[Aspect, _Apply] = {
    "form": _form, "extension": _extensions, "newer-version": _newer_version, "version": _version, "suite": _suites, "group": _groups,
    "signature": _signatures, "sni": _sni, "alpn": _alpn, "fallback": _fallback, "extended-master-secret": _master_secret,
    "renegotiation": _renegotiation, "grease": _grease, "session-id": _session, "compression": _compression,
    "record-version": _record_version, "size": _size,
}  # fmt: skip
_ORDER: dict[Aspect, int] = {aspect: place for place, aspect in enumerate(_APPLY)}  # the size last: it measures the rest

# Extensions that can be offered without more ado, and what stands in them.
ADDABLE: dict[int, bytes] = {
    5: b"\x01\0\0\0\0",  # status_request: OCSP, any responder
    EC_POINT_FORMATS: b"\x01\0",
    22: b"",  # encrypt_then_mac
    EXTENDED_MASTER_SECRET: b"",
    SESSION_TICKET: b"",
    45: b"\x01\x01",  # psk_key_exchange_modes: with (EC)DHE
}


# ------------------------------------------------------------------ words


def _listed(names: list[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _several(what: str, names: list[str], most: int = 3) -> str:
    """``the groups x25519, secp256r1``; of more than so many the number, and the first."""
    if len(names) > most:
        return f"{len(names)} {what}s ({names[0]}, …)"
    return f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


_TEXTS: dict[Aspect, Callable[[Change], str]] = {
    "sni": lambda c: "server_name" if c.kind == "remove" else f"server_name {'to ' if c.kind == 'change' else ''}{_names(c)[0]}",
    "version": lambda c: _listed([version_name(v) for v in sorted(_numbers(c), reverse=True)]),
    "newer-version": lambda c: _listed([version_name(v) for v in _numbers(c)]),
    "suite": lambda c: _several("cipher suite", [suite_name(v) for v in _numbers(c)]),
    "group": lambda c: _several("group", [group_name(v) for v in _numbers(c)], 4),
    "signature": lambda c: (
        _several("signature scheme", [scheme_name(v) for v in _numbers(c)]) if c.values else "signature_algorithms"
    ),
    "alpn": lambda c: f"ALPN {_listed(_names(c))}".strip(),
    "fallback": lambda c: "TLS_FALLBACK_SCSV",
    "extended-master-secret": lambda c: "extended_master_secret",
    "renegotiation": lambda c: "the signal for secure renegotiation",
    "extension": lambda c: _several("extension", [extension_name(v) for v in _numbers(c)], 4),
    "size": lambda c: "padding" if c.kind == "remove" else f"padding to {_numbers(c)[0]} bytes",
    "grease": lambda c: "GREASE values",
    "session-id": lambda c: "the session id",
    "compression": lambda c: "the compression methods other than null",
    "record-version": lambda c: f"the record's version to {version_name(_numbers(c)[0])}",
    "form": lambda c: "SSLv2's form of the ClientHello to that of TLS",
}

# ------------------------------------------------------------------ what a mainstream client offers


MODERN_SUITES = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8)  # ECDHE with AEAD, for both kinds of certificates
MODERN_TLS13 = (0x1301, 0x1302, 0x1303)
MODERN_GROUPS = (0x001D, 0x0017, 0x0018)
MODERN_SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601)
