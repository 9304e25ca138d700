"""One environment of an organisation as a value: what the Management API holds and the Router and the Message Processor work from.

Who changes something makes a new Environment and hands it over; nothing in it is changed in place. What a component has *loaded* is another
matter: Edge keeps a keystore that is named literally until the component restarts, and one behind ``ref://`` until its reference is updated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from whytls.edge.resources import Proxy, TargetServer, VirtualHost, referred, store_kind
from whytls.model import AtRest, KeyEntry, Keystore, Truststore

MOST_LOADED = 4096  # stores that one component keeps


class Held(NamedTuple):
    """What stands under one alias."""

    chain: tuple[bytes, ...]  # DER, the own certificate first
    key: bytes | None = None  # PKCS #8 as DER

    def __repr__(self) -> str:
        return f"Held({len(self.chain)} certificates{', a key' if self.key else ''})"  # a key is never shown


class Store(NamedTuple):
    """A keystore or truststore with what is in it. ``edition`` differs whenever its content does."""

    name: str
    entries: Mapping[str, Held]
    edition: int = 0


class Referred(NamedTuple):
    """Where a reference points. ``edition`` grows with every update, also with one that names the same store again."""

    refers: str
    edition: int = 0


class Environment(NamedTuple):
    """All resources of one environment."""

    organization: str = "org"
    name: str = "test"
    virtual_hosts: tuple[VirtualHost, ...] = ()
    target_servers: tuple[TargetServer, ...] = ()
    proxies: tuple[Proxy, ...] = ()  # the deployed revisions
    stores: Mapping[str, Store] = MappingProxyType({})
    references: Mapping[str, Referred] = MappingProxyType({})

    def target_server(self, name: str) -> TargetServer | None:
        """The target server of that name."""
        return next((server for server in self.target_servers if server.name == name), None)


class Loaded:
    """The stores that one component holds in memory, under the words by which the configuration names them.

    A literal name is loaded once. Behind ``ref://`` the store is loaded again when its reference is updated, and only then: a certificate
    that is replaced in place is not seen (Edge's documentation says not to do that).
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[Referred | None, Store]] = {}

    def store(self, environment: Environment, named: str) -> Store | None:
        """The store that ``named`` (a name, ``ref://NAME``) stands for; None where there is none. A template stands for none."""
        kind = store_kind(named)
        if kind in ("none", "template"):
            return None
        reference = environment.references.get(referred(named)) if kind == "reference" else None
        if kind == "reference" and reference is None:
            return None
        kept = self._held.get(named)
        if kept is not None and kept[0] == reference:
            return kept[1]
        found = environment.stores.get(reference.refers if reference else named)
        if found is not None:
            if len(self._held) >= MOST_LOADED:
                self._held.clear()
            self._held[named] = (reference, found)
        return found

    def restart(self) -> None:
        """Forgets everything, as the component does when it restarts."""
        self._held.clear()


def anchors(store: Store | None) -> tuple[bytes, ...]:
    """What a truststore trusts, each certificate once."""
    return tuple(dict.fromkeys(der for held in store.entries.values() for der in held.chain)) if store else ()


def entry(store: Store | None, alias: str) -> Held | None:
    """What is presented from a keystore: the alias; a store with one key needs none."""
    if store is None:
        return None
    if alias:
        found = store.entries.get(alias)
        return found if found and found.key and found.chain else None
    keyed = [held for held in store.entries.values() if held.key and held.chain]
    return keyed[0] if len(keyed) == 1 else None


def at_rest(keystore: Store | None, alias: str, truststore: Store | None) -> AtRest:
    """The stores of one side in the words of the model, for a verdict; an alias that is named stands alone."""
    own = trusted = None
    if keystore is not None:
        entries = [
            KeyEntry(held.chain, f"keystore {keystore.name}, alias {name}")
            for name, held in keystore.entries.items()
            if held.key and held.chain and (not alias or name == alias)
        ]
        own = Keystore(f"keystore {keystore.name}", tuple(entries), tuple(der for one in entries for der in one.chain))
    if truststore is not None:
        places = {der: f"truststore {truststore.name}, alias {name}" for name, held in truststore.entries.items() for der in held.chain}
        trusted = Truststore(f"truststore {truststore.name}", tuple(places), tuple(places.values()))
    return AtRest(own, trusted)
