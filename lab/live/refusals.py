"""ClientHellos that servers refuse, each for one known reason: what a replay has to find, for every stack that can be set up so.

A refusal is a server (its description, `lab.live.serve`), a client's hello, the cause that is true, and what stands between them: a box that
does not let every hello through is a relay of ours, for no server in use is as old as that any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Literal, NamedTuple

from lab.live.listener import Listening, Visit, listening
from lab.live.papers import Papers
from lab.live.relay import pass_on
from lab.live.serve import TLS10, TLS11, TLS12, TLS13, Pair, Serve
from whytls.probing.changes import with_shares
from whytls.wire.hello import change, extended, make
from whytls.wire.message import read
from whytls.wire.value import ClientHello

WWW, API = "www.maple.test", "api.maple.test"
GROUPS = (0x001D, 0x0017, 0x0018)
SCHEMES = (0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
SUITES13, SUITES12 = (
    (0x1301, 0x1302, 0x1303),
    (0xC02C, 0xC030, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC00A, 0xC014, 0xC009, 0xC013, 0x009D, 0x009C, 0x003C, 0x002F),
)
OLD_SUITES = (0xC009, 0xC013, 0x002F, 0xC004, 0x0033, 0x0032, 0xC008, 0xC012, 0x000A, 0x0016)
ECDSA_SCHEMES = (0x0403, 0x0503)
RSA_GCM, RSA_GCM_256 = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"
Drop = Literal["silence", "reset"]
Box = tuple[Callable[[ClientHello, int], bool], Drop]  # which hellos (and how long their record is) do not pass, and what they are met with


class Refused(NamedTuple):
    """One refusal."""

    cause: str  # the slug that is true
    serve: Serve  # its stack is to be filled in
    hello: ClientHello
    dimensions: frozenset[str]  # of the smallest change
    names: tuple[str, ...] = ()  # that the replay may try
    box: Box | None = None


def today(name: str | None = WWW) -> ClientHello:
    """The hello of a client of today (that of OpenSSL 3, with its extensions)."""
    hello = make(
        suites=(*SUITES13, *SUITES12), versions=(TLS13, TLS12), server_name=name, groups=GROUPS, signature_algorithms=SCHEMES, session_id=bytes(32)
    )
    for number, body in ((11, b"\x01\0"), (35, b""), (22, b""), (23, b""), (45, b"\x01\x01"), (0xFF01, b"\0")):
        hello = extended(hello, number, body)
    return with_shares(hello, (0x001D,))


def of_tls12(name: str | None = WWW) -> ClientHello:
    """A client of 2015: TLS 1.2 at most (Java 8, OpenSSL 1.0.2)."""
    return change(today(name), versions=(TLS12,), suites=SUITES12, without=(51, 45))._replace(session_id=b"")


def of_tls13() -> ClientHello:
    """A client that was restricted to TLS 1.3."""
    return change(today(), versions=(TLS13,), suites=SUITES13)


def java7(name: str | None = WWW) -> ClientHello:
    """Java 7: TLS 1.0, no signature_algorithms, no AEAD (peers.md)."""
    hello = make(suites=(*OLD_SUITES, 0x00FF), versions=(TLS10,), server_name=name, groups=(0x0017, 0x0018, 0x0019), signature_algorithms=None)
    return extended(hello, 11, b"\x01\0")


def refusals(issued: Papers) -> dict[str, Refused]:
    """All of them, by a short name."""
    both, api = issued.both(WWW), issued.server(API)
    rsa, ec = both[:1], both[1:]
    return {**_of_versions(rsa), **_of_suites(rsa, ec), **_of_groups(rsa), **_of_schemes(rsa, ec), **_of_names(rsa, (api,)), **_of_signals(rsa),
            **_of_boxes(rsa)}  # fmt: skip


_Pairs = tuple[Pair, ...]


def _refused(cause: str, dimension: str, serve: Serve, hello: ClientHello, *, names: tuple[str, ...] = (), box: Box | None = None) -> Refused:
    return Refused(cause, serve, hello, frozenset({dimension}), names, box)


def _of_versions(rsa: _Pairs) -> dict[str, Refused]:
    refused = partial(_refused, "protocol-mismatch", "version")
    return {
        "java7-to-tls12": refused(Serve("", rsa, (TLS12,)), java7()),
        "java7-to-tls12-13": refused(Serve("", rsa, (TLS12, TLS13)), java7()),
        "tls12-to-tls13": refused(Serve("", rsa, (TLS13,)), of_tls12()),
        "today-to-tls10": refused(Serve("", rsa, (TLS10, TLS11)), today()),
        "tls13-only-to-tls12": refused(Serve("", rsa, (TLS12,)), of_tls13()),
    }


def _of_suites(rsa: _Pairs, ec: _Pairs) -> dict[str, Refused]:
    refused = partial(_refused, "cipher-mismatch", "suite")
    gcm = Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256))
    return {
        "old-suites-to-gcm": refused(gcm, change(of_tls12(), suites=(0x002F, 0x0035, 0x003C))),
        "gcm-to-rsa": refused(Serve("", rsa, (TLS12,), suites=("AES128-SHA", "AES256-SHA")), change(of_tls12(), suites=SUITES12[:4])),
        "ecdsa-suites-to-rsa": refused(Serve("", rsa, (TLS12,)), change(of_tls12(), suites=(0xC02B, 0xC02C, 0xC009))),
        "rsa-suites-to-ecdsa": refused(Serve("", ec, (TLS12,)), change(of_tls12(), suites=(0xC02F, 0xC030, 0xC013, 0x002F))),
        "suites-of-tls13": refused(Serve("", rsa, (TLS13,), suites=("TLS_AES_256_GCM_SHA384",)), change(of_tls13(), suites=(0x1301,))),
    }


def _of_groups(rsa: _Pairs) -> dict[str, Refused]:
    refused = partial(_refused, "group-mismatch", "group")
    gcm = Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256), groups=("secp384r1",))
    return {
        "group-tls13": refused(Serve("", rsa, (TLS13,), groups=("secp384r1",)), with_shares(change(today(), groups=(0x001D, 0x0017)), (0x001D,))),
        "group-tls12": refused(gcm, change(of_tls12(), groups=(0x0019,))),
    }


def _of_schemes(rsa: _Pairs, ec: _Pairs) -> dict[str, Refused]:
    refused = partial(_refused, "signature-algorithm-mismatch", "signature")
    gcm, new = Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256)), Serve("", rsa, (TLS13,))
    return {
        "ecdsa-only-tls13": refused(new, change(of_tls13(), signature_algorithms=ECDSA_SCHEMES)),
        "ecdsa-only-tls12": refused(gcm, change(of_tls12(), suites=SUITES12[:4], signature_algorithms=ECDSA_SCHEMES)),
        "rsa-only-tls13": refused(Serve("", ec, (TLS13,)), change(of_tls13(), signature_algorithms=(0x0804, 0x0805, 0x0401))),
    }


def _of_names(rsa: _Pairs, api: _Pairs) -> dict[str, Refused]:
    new, sites = (TLS12, TLS13), {API: api}
    strict = Serve("", rsa, new, names=sites, unknown_name="reject", no_name="reject")
    strict12 = Serve("", rsa, (TLS12,), names=sites, unknown_name="reject", no_name="reject")
    knowing = Serve("", rsa, new, names=sites, unknown_name="reject")
    return {
        "no-name": _refused("sni-missing", "sni", strict, today(None), names=(API,)),
        "no-name-tls12": _refused("sni-missing", "sni", strict12, of_tls12(None), names=(API,)),
        "unknown-name": _refused("sni-unknown", "sni", knowing, today("no.maple.test"), names=(API,)),
        "alpn": _refused("alpn-mismatch", "alpn", Serve("", rsa, new, alpn=("http/1.1",)), change(today(), alpn=("acme/7",))),
    }


def _of_signals(rsa: _Pairs) -> dict[str, Refused]:
    extended_secret = Serve("", rsa, (TLS12,), extended_master_secret="required")
    secure = Serve("", rsa, (TLS12,), secure_renegotiation="required")
    marked = change(of_tls12(), suites=(*SUITES12, 0x5600))
    return {
        "fallback": _refused("downgrade-refused", "fallback", Serve("", rsa, (TLS12, TLS13)), marked),
        "master-secret": _refused("extended-master-secret-missing", "extended-master-secret", extended_secret, change(of_tls12(), without=(23,))),
        "renegotiation": _refused("renegotiation-refused", "renegotiation", secure, change(of_tls12(), without=(0xFF01,))),
    }


def _of_boxes(rsa: _Pairs) -> dict[str, Refused]:
    server = Serve("", rsa, (TLS12, TLS13))

    def refused(dimension: str, hello: ClientHello, dropped: Callable[[ClientHello, int], bool], how: Drop) -> Refused:
        return _refused("hello-intolerance", dimension, server, hello, box=(dropped, how))

    return {
        "box-tls13": refused("newer-version", today(), lambda hello, _: hello.max_version >= TLS13, "reset"),
        "box-long": refused("size", _long(), lambda _, length: length > 1300, "silence"),
        "box-512": refused("size", _middling(), lambda _, length: 256 <= length - 5 < 512, "silence"),
        "box-grease": refused("grease", today()._replace(greased=True), lambda hello, _: hello.greased, "reset"),
        "box-extension": refused("extension", today(), lambda hello, _: hello.has(22), "reset"),
    }


def _long() -> ClientHello:
    """A hello with a post-quantum share, as browsers have sent it since 2024: longer than a packet."""
    hello = change(today(), groups=(0x11EC, *GROUPS))
    share = b"\x11\xec\x04\xc0" + bytes(1216) + b"\0\x1d\0\x20" + bytes(32)
    return extended(hello, 51, len(share).to_bytes(2, "big") + share)


def _middling() -> ClientHello:
    return extended(today(), 21, bytes(40))


# ------------------------------------------------------------------ the box


def boxed(port: int, box: Box) -> AbstractContextManager[Listening]:
    """A relay before that port of this machine which does not pass every ClientHello on."""
    dropped, how = box

    def behave(visit: Visit) -> None:
        header = visit.read(5)
        record = header + visit.read(int.from_bytes(header[3:5], "big"))
        hello = read(1, record[9:])
        if not isinstance(hello, ClientHello) or not dropped(hello, len(record)):
            pass_on(visit, port, first=record)
        elif how == "silence":
            visit.until_closed()
        else:
            visit.reset()

    return listening(behave)
