"""The client certificate to present: a chain and its private key, out of any store that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whytls.exceptions import InputError
from whytls.pki.certificate import read
from whytls.pki.key import keeping
from whytls.pki.store import read_store
from whytls.probing.facts import Identity

if TYPE_CHECKING:
    from whytls.pki.password import Password


def identity(
    cert: str, key: str | None = None, *, alias: str | None = None, password: Password | None = None, key_password: Password | None = None
) -> Identity:
    """The first entry of the store with a private key, or the one of that alias; ``key`` is a file of its own with the key.

    Raises:
        InputError: a file cannot be read, there is no such entry, or its key cannot be opened.
    """
    with keeping() as keys:
        store = read_store(cert, password=password, key_password=key_password)
        if key is not None:
            read_store(key, password=password, key_password=key_password)
    chains = [entry for entry in store.entries if entry.chain and entry.kind != "trusted" and alias in (None, entry.alias)]
    for entry in chains:
        private = keys.get(read(entry.chain[0]).key_sha256)
        if private is not None:
            return Identity(entry.chain, private)
    if not chains:
        names = ", ".join(entry.alias for entry in store.entries if entry.alias and entry.chain)[:200]
        raise InputError("no certificate in it that a client presents", file=cert, hint=f"it has {names}" if names else "a store with its key")
    why = next((warning for entry in store.entries for warning in entry.warnings), "")
    closed = any(entry.key and not entry.public_key for entry in store.entries)
    hint = "its password is given with --password-env NAME" if closed else "--key FILE, where the key lies elsewhere"
    subject = read(chains[0].chain[0]).subject
    raise InputError(f"the private key of {subject} is not there or not open{f': {why}' if why else ''}", file=cert, hint=hint)
