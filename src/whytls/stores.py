"""Which stores each side has at rest: read from the call and ``whytls.toml``, and handed out by hop.

A side is named as on the gateway's road: ``client``, ``router``, ``message-processor``, ``backend``; ``server`` where no gateway is
known. A side can have several keystores (a Router has one for each virtual host); it has one truststore, for what one of two trusts
the other does not, and no capture tells which of them was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from whytls.exceptions import InputError, UsageError
from whytls.model import NOTHING_AT_REST, AtRest, Hop, KeyEntry, Keystore, Truststore

if TYPE_CHECKING:
    from whytls.pki.password import Password
    from whytls.pki.store import Entry, Store

SIDES = ("client", "router", "message-processor", "backend", "server")
_SERVERS = frozenset({"router", "backend", "server"})
MOST_ENTRIES = 1024  # of one side's keystores; a Router with more virtual hosts is asked about a few of them
Given = Mapping[str, str | Sequence[str]] | Sequence[str]  # {"router": "store.p12"}, or "router=store.p12" as on the command line

# Who is client and server on each hop.
_ENDS: dict[Hop, tuple[str, str]] = {
    "northbound": ("client", "router"),
    "southbound": ("message-processor", "backend"),
    "direct": ("client", "server"),
}


class Stores(NamedTuple):
    """Every side's stores; what is worth a warning about them."""

    by_side: Mapping[str, AtRest]
    warnings: tuple[str, ...] = ()

    def at(self, hop: Hop) -> tuple[AtRest, AtRest]:
        """The stores of the client and of the server on that hop."""
        client, server = _ENDS[hop]
        return self.by_side.get(client, NOTHING_AT_REST), self.by_side.get(server, NOTHING_AT_REST)

    def unused(self, hops: Iterable[Hop]) -> list[str]:
        """What to say of sides that stood on none of these hops: a gateway's where a hop was not known, a server's where all were."""
        met = set(hops)
        stood = {side for hop in met for side in _ENDS[hop]}
        meant = ("router", "message-processor", "backend") if "direct" in met else ("server",) if met else ()
        idle = [side for side in self.by_side if side in meant and side not in stood]
        return [f"no failed handshake was seen to be the {side}'s, so its stores were not used: {_TELL[side]}" for side in idle]


_TELL = {
    "router": "say which machine it is with --router ADDRESS, or name its stores server=STORE",
    "message-processor": "say which machine it is with --message-processor ADDRESS, or name its stores client=STORE",
    "backend": "say which machine it is with --backend ADDRESS, or name its stores server=STORE",
    "server": "every server that failed here is a Router or a backend: name its stores router=STORE or backend=STORE",
}


def stores(
    keystore: Given = (), truststore: Given = (), password_env: Given = (), password_file: Given = (), file: str | None = None
) -> Stores | None:
    """Reads all stores that the call and the tables ``[keystores]`` and ``[truststores]`` of a ``whytls.toml`` name; None: none.

    Passwords come from environment variables or files, each for both stores of its side, also in the tables ``[password_env]`` and
    ``[password_file]``. Files named in ``whytls.toml`` stand relative to it. A side that the call names is not looked for there.

    Raises:
        InputError: a store or a password file cannot be read, or a store only in part.
        UsageError: a side or an environment variable is none, or a side has two truststores.
    """
    keys = _given(keystore, "keystore") or {}
    trusts = _given(truststore, "truststore") or {}
    if file is not None:
        keys = {**_listed(file, "keystores", relative=True), **keys}
        trusts = {**_listed(file, "truststores", relative=True), **trusts}
    if not keys and not trusts:
        return None
    passwords = _passwords(password_env, password_file, file)
    double = next((side for side, sources in trusts.items() if len(sources) > 1), None)
    if double is not None:
        raise UsageError(f"the {double} has two truststores", hint="a verdict is about one: ask twice, or name a folder that holds both")
    warnings: list[str] = []
    found: dict[str, AtRest] = {}
    for side in SIDES:
        if side in keys or side in trusts:
            password = passwords.get(side)
            held = _keystore(side, keys[side], password, warnings) if side in keys else None
            trusted = _truststore(side, trusts[side][0], password) if side in trusts else None
            found[side] = AtRest(held, trusted)
    return Stores(found, tuple(warnings))


def _given(given: Given, option: str) -> dict[str, list[str]]:
    """What was given, by side."""
    found: dict[str, list[str]] = {}
    if isinstance(given, Mapping):
        pairs = [(side, value) for side, values in given.items() for value in ([values] if isinstance(values, str) else values)]
    else:
        pairs = [(word.partition("=")[0], word.partition("=")[2]) for word in ([given] if isinstance(given, str) else given)]
    for name, value in pairs:
        side = name.strip().replace("_", "-")
        if side not in SIDES or not value:
            raise UsageError(f"{name!r} is no side, or nothing is given for it", hint=f"--{option} SIDE=…, where SIDE is one of {', '.join(SIDES)}")
        found.setdefault(side, []).append(value)
    return found


def _listed(file: str, table: str, *, relative: bool) -> dict[str, list[str]]:
    from whytls.configuration import lists
    from whytls.pki.store import WORDS

    found = lists(file, table, SIDES, "a store or a list of them" if relative else "a word for each side")
    if not relative:
        return found
    folder = Path(file).parent
    return {side: [value if value in WORDS else str(folder / value) for value in values] for side, values in found.items()}


def _passwords(env: Given, files: Given, file: str | None) -> dict[str, Password]:
    from whytls.pki.password import Password

    named, written = _given(env, "password-env"), _given(files, "password-file")
    if file is not None:
        given = {*named, *written}
        named |= {side: words for side, words in _listed(file, "password_env", relative=False).items() if side not in given}
        written |= {side: paths for side, paths in _listed(file, "password_file", relative=True).items() if side not in given}
    double = next((side for side in SIDES if len(named.get(side, ())) + len(written.get(side, ())) > 1), None)
    if double is not None:
        raise UsageError(f"the {double} has two passwords", hint="one for each side, from the environment or from a file")
    found = {side: Password.from_environment(words[0]) for side, words in named.items()}
    return found | {side: Password.from_file(paths[0]) for side, paths in written.items()}


def _keystore(side: str, sources: Sequence[str], password: Password | None, warnings: list[str]) -> Keystore:
    from whytls.pki.store import read_store

    entries: list[KeyEntry] = []
    certificates: dict[bytes, None] = {}
    for source in sources:
        store = read_store(source, password=password)
        if store.damage:
            raise InputError(store.damage, file=source)
        for entry in _presented(store, side):
            if len(entries) < MOST_ENTRIES:
                entries.append(KeyEntry(entry.chain, _place(source, entry)))
            if entry.key_fits is False:
                warnings.append(f"{_place(source, entry)}: the private key is not that of the certificate, so nobody can present it")
        certificates.update(dict.fromkeys(store.certificates))
        if store.integrity == "failed":
            warnings.append(f"{source}: its checksum is not that of its content, or the password is not its own")
    return Keystore(", ".join(sources), tuple(entries), tuple(certificates))


def _presented(store: Store, side: str) -> list[Entry]:
    """The entries that a side presents: with a key, or where the store has none (a chain that was exported), of no CA."""
    from whytls.pki.certificate import read
    from whytls.pki.grouping import is_end_entity

    own = [entry for entry in store.entries if entry.chain and _of_side(entry, side)]
    keyed = [entry for entry in own if entry.kind == "key" or entry.role.endswith("ssl_certificate")]
    return keyed or [entry for entry in own if entry.kind == "certificate" and is_end_entity(read(entry.chain[0]))]


def _of_side(entry: Entry, side: str) -> bool:
    """Of an nginx configuration: whether a directive is about this side (``ssl_…`` as server, ``proxy_ssl_…`` as client)."""
    if not entry.role:
        return True
    return entry.role.startswith("ssl_") == (side in _SERVERS)


def _truststore(side: str, source: str, password: Password | None) -> Truststore:
    from dataclasses import replace

    from whytls.pki.store import read_store, whole_anchors

    store = read_store(source, password=password)
    if any(entry.role for entry in store.entries):
        store = replace(store, entries=tuple(entry for entry in store.entries if _of_side(entry, side) and entry.kind == "trusted"))
        if not any(entry.chain for entry in store.entries):
            wanted = "ssl_client_certificate" if side in _SERVERS else "proxy_ssl_trusted_certificate"
            raise InputError(f"names no certificate that the {side} trusts", file=source, hint=f"expected {wanted}")
    found = whole_anchors(store, source)
    places = {der: _place(source, entry) for entry in reversed(store.entries) for der in entry.chain}
    return Truststore(source, found, tuple(places.get(der, source) for der in found))


def _place(source: str, entry: Entry) -> str:
    """Where an entry stands, as people name it."""
    if entry.role:
        return f"{entry.file} ({entry.place})" if entry.file else str(entry.place)
    if entry.alias:
        return f"{source}, alias {entry.alias}"
    return str(entry.place) if entry.place.line is not None or entry.place.file != source else source


