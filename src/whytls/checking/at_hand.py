"""Certificates at hand, from which chains are completed: looked up by name, so that a large store costs no search for each chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whytls.pki.certificate import Certificate, read
from whytls.pki.path import MOST_CERTIFICATES

MOST_SAME_NAME = 16


class AtHand:
    """A set of certificates; ``above`` gives those of them that can stand above a chain. They are read when it is first asked."""

    def __init__(self, certificates: Iterable[bytes] = ()) -> None:
        self._named: dict[str, list[Certificate]] = {}
        self._seen: set[bytes] = set()
        self._keyed: dict[str, Certificate] = {}
        self._unread: list[Iterable[bytes]] = [certificates]

    def add(self, certificates: Iterable[bytes]) -> None:
        """Takes more certificates in."""
        self._unread.append(certificates)

    def _read(self) -> None:
        waiting, self._unread = [der for some in self._unread for der in some], []
        for der in waiting:
            if der not in self._seen:
                self._seen.add(der)
                certificate = read(der)
                if certificate.key_sha256:
                    self._keyed.setdefault(certificate.key_sha256, certificate)
                known = self._named.setdefault(certificate.subject_canonical, [])
                if certificate.subject_canonical and len(known) < MOST_SAME_NAME:
                    known.append(certificate)

    def of_key(self, key_sha256: str) -> Certificate | None:
        """A certificate with this public key."""
        self._read()
        return self._keyed.get(key_sha256) if key_sha256 else None

    def above(self, chain: Sequence[bytes]) -> tuple[bytes, ...]:
        """The certificates that can be issuers, step by step upwards, without those of the chain itself; at most 32."""
        self._read()
        found: dict[bytes, None] = {}
        waiting = [read(der).issuer_canonical for der in chain]
        asked: set[str] = set()
        while waiting and len(found) < MOST_CERTIFICATES:
            name = waiting.pop(0)
            if name and name not in asked:
                asked.add(name)
                for issuer in self._named.get(name, ()):
                    if issuer.der not in chain and issuer.der not in found and len(found) < MOST_CERTIFICATES:
                        found[issuer.der] = None
                        waiting.append(issuer.issuer_canonical)
        return tuple(found)
