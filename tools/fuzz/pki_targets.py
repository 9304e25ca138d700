"""Targets of pki/: certificates, chains, names."""

from __future__ import annotations

from tools.fuzz import seeds
from tools.fuzz.items import NOW, Run, packed, unpacked


def certificate() -> Run:
    """A certificate, by the library and by our lenient reader."""
    from whytls.pki import der
    from whytls.pki.certificate import read

    def run(data: bytes) -> None:
        read(data)
        der.fields(data)

    return run


def chain() -> Run:
    """A chain as a peer sends it, for both purposes."""
    from whytls.pki.chain import examine

    def run(data: bytes) -> None:
        sent = list(unpacked(data))[:40]
        if len(data) & 1:
            examine(sent, at=NOW, host="api.example.test")
        else:
            examine(sent, at=NOW, purpose="client", anchors=sent[-1:])

    return run


def chain_seeds() -> list[bytes]:
    """The chains, and each in another order."""
    return [packed(list(c)) for c in seeds.certificates()] + [packed(list(c[::-1])) for c in seeds.certificates() if len(c) > 1]


def name() -> Run:
    """A host name against the names of a certificate."""
    from whytls.pki.certificate import Certificate
    from whytls.pki.name import match

    def run(data: bytes) -> None:
        parts = [part.decode("utf-8", "backslashreplace") for part in data.split(b"\0")]
        host, names = parts[0], tuple(parts[1:])
        match(host, Certificate(b"", "", (), dns_names=names))
        match(host, Certificate(b"", "", (), common_names=names))
        match(host, Certificate(b"", "", (), ip_addresses=names))

    return run


NAMES = [
    b"api.example.test\0api.example.test",
    b"a.b.example.test\0*.example.test\0*.b.example.test\0a*.b.example.test",
    b"10.0.0.1\x0010.0.0.1\x00*.0.0.1",
    b"[2001:db8::1]\x002001:db8:0:0:0:0:0:1",
    b"xn--bcher-kva.example\0b\xc3\xbccher.example\0*.example",
    b"API.Example.Test.\0api.example.test.\0",
]
