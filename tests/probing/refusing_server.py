"""Servers as functions of a hello: what RFC 8446 and 5246 say, in the way that OpenSSL does it. For the tests of the search."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from whytls.probing.search import Heard
from whytls.wire.registry import TLS12, TLS13, scheme_key_type, suite_facts
from whytls.wire.value import ClientHello

NO = Heard(False)


class ModelServer(NamedTuple):
    """What it accepts."""

    versions: tuple[int, ...]
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    keys: frozenset[str]  # kinds of certificates: rsa, ecdsa
    names: tuple[str, ...] = ()  # empty: it does not look at the name
    alpn: tuple[str, ...] = ()  # empty: it does not look at ALPN
    chokes: Callable[[ClientHello], bool] = lambda hello: False
    schemes: tuple[int, ...] = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601)

    def answer(self, hello: ClientHello) -> Heard:
        """What it does with the hello."""
        if self.chokes(hello) or hello.sslv2:
            return NO
        if self.names and hello.server_name not in self.names:
            return NO
        if self.alpn and hello.alpn is not None and not set(self.alpn) & set(hello.alpn):
            return NO
        version = max(set(self.versions) & set(hello.versions), default=None)
        if version is None:
            return NO
        if hello.fallback and version == hello.max_version < max(self.versions):
            return NO
        if version == TLS13:
            return self._tls13(hello)
        for suite in self.suites:
            if suite in hello.cipher_suites and suite_facts(suite).usable(version):
                found = self._classic(hello, version, suite)
                if found.passes:
                    return found
        return NO

    def beside(self, name: str, site: ModelServer) -> Sites:
        """This as the default site, and another that has rules of its own."""
        return Sites(self, name, site)

    def _tls13(self, hello: ClientHello) -> Heard:
        suite = next((s for s in self.suites if suite_facts(s).tls13 and s in hello.cipher_suites), None)
        group = next((g for g in self.groups if g in (hello.groups or ())), None)
        scheme = self._scheme(hello.signature_algorithms or (), self.keys)
        if suite is None or group is None or scheme is None or hello.key_shares is None:
            return NO
        if hello.compression_methods != (0,):  # RFC 8446 section 4.1.2
            return NO
        return Heard(True, TLS13, suite, group, scheme)

    def _scheme(self, offered: tuple[int, ...], keys: frozenset[str]) -> int | None:
        return next((s for s in self.schemes if s in offered and scheme_key_type(s) in keys), None)

    def _classic(self, hello: ClientHello, version: int, suite: int) -> Heard:
        facts = suite_facts(suite)
        if facts.authentication.lower() not in self.keys:
            return NO
        if facts.key_exchange == "RSA":
            return Heard(True, version, suite)
        scheme: int | None = None
        if version == TLS12 and hello.signature_algorithms is not None:
            scheme = self._scheme(hello.signature_algorithms, frozenset({facts.authentication.lower()}))
            if scheme is None:
                return NO
        if facts.key_exchange == "DHE":
            return Heard(True, version, suite, None, scheme)
        group = next((g for g in self.groups if hello.groups is None or g in hello.groups), None)
        return Heard(True, version, suite, group, scheme) if group is not None else NO


class Sites(NamedTuple):
    """Two sites behind one address."""

    default: ModelServer
    name: str
    other: ModelServer

    def answer(self, hello: ClientHello) -> Heard:
        """What the site does that the hello names."""
        return (self.other if hello.server_name == self.name else self.default).answer(hello)
