"""The sources of a call, one after the other: each entry judged when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from whytls.checking.judge import Judge, at_hand
from whytls.checking.result import Ask, CheckResult
from whytls.exceptions import InputError, UsageError
from whytls.pki.password import Password
from whytls.pki.readers.live import Address, address
from whytls.pki.store import KINDS, WORDS, Entry, Store, read_store


class Check:
    """The results of a call, one for each entry; ``warnings`` is complete once it is exhausted."""

    def __init__(self, sources: Sequence[str], ask: Ask, password: Password | None, key_password: Password | None) -> None:
        self.sources, self.ask = list(sources), ask
        self.warnings: list[str] = []
        self.read = 0  # entries
        self._password, self._key_password = password, key_password

    def __iter__(self) -> Iterator[CheckResult]:
        for source in self.sources:
            for result in self._source(source):
                self.read += 1
                yield result

    def _source(self, source: str) -> Iterator[CheckResult]:
        endpoint = endpoint_of(source)
        if endpoint is not None:
            from whytls.checking.endpoint import examined  # asyncio and our client of TLS are for endpoints only

            yield examined(endpoint, self.ask)
            return
        store = opened(source, self._password, self._key_password)
        self.warnings += [f"{source}: {text}" for text in told(store)]
        if not store.entries:
            raise InputError("no certificate in it", file=source, hint=", ".join(store.passed_over[:3]) or f"known: {KINDS}")
        judge = Judge(self.ask, source, store.format, at_hand(store, self.ask), alone=store.format != "folder")
        seen: set[tuple[str, tuple[bytes, ...]]] = set()
        for entry in store.entries:
            result = judge.entry(entry)
            mark = (entry.kind, entry.chain)
            if mark in seen and entry.kind == "trusted" and not entry.role:
                self.warnings.append(f"{source}: {result.subject} is in it twice ({entry.alias or entry.place})")
            seen.add(mark)
            yield result


def endpoint_of(source: str) -> Address | None:
    """The endpoint that a source names: HOST:PORT, unless there is a file of that name."""
    if "://" in source and not os.path.exists(source):
        host = source.split("://", 1)[1].split("/", 1)[0]
        raise UsageError(f"{source[:100]!r} is a URL", hint=f"name host and port: {host if ':' in host else host + ':443'}")
    if source in WORDS or os.path.exists(source):
        return None
    return address(source)


def opened(source: str, password: Password | None, key_password: Password | None) -> Store:
    """The store that a source names."""
    return read_store(source, password=password, key_password=key_password)


def told(store: Store) -> list[str]:
    """What has to be said about a store as a whole."""
    found = [store.damage] if store.damage else []
    found += store.warnings
    if store.integrity == "failed" and not any("password" in warning for warning in store.warnings):
        found.append("its checksum does not fit")
    if store.format == "folder":
        found += store.passed_over
    return found


def presented(store: Store, alias: str | None, source: str) -> list[Entry]:
    """The entries of a store that its owner presents: those with a key; where there are none, its chains.

    Raises:
        InputError: there is none of that alias, or none at all.
    """
    keys = [entry for entry in store.entries if entry.chain and (entry.kind == "key" or entry.role in ("ssl_certificate", "proxy_ssl_certificate"))]
    chains = keys or [entry for entry in store.entries if entry.chain and entry.kind != "trusted"]
    if alias is not None:
        chains = [entry for entry in chains if entry.alias == alias]
    if not chains:
        have = ", ".join(entry.alias for entry in keys[:10] if entry.alias)
        what = f"no entry {alias!r} with a certificate in it" if alias is not None else "nothing in it that somebody presents"
        raise InputError(what, file=source, hint=f"it has {have}" if have else "expected a private key with its certificate, or a chain")
    return chains
