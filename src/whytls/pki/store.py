"""Stores of certificates and keys at rest: one value for every format, and the reader for each found by content.

``read_store`` takes a path, or a word for what this machine trusts: ``system``, ``certifi``, ``java``. What a file is, is
told by its bytes and never by its name: half of the keystores in the field bear the other format's ending.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from whytls.exceptions import DamagedInput, InputError
from whytls.pki.certificate import read
from whytls.pki.derivation import Rounds
from whytls.pki.password import Attempt, Password, attempts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_FILE = 64 << 20
WORDS = ("system", "certifi", "java")
KINDS = "PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, an nginx configuration, a folder of these"


class Place(NamedTuple):
    """Where something stands: ``line`` from 1, ``offset`` in bytes from 0, each where the format has it."""

    file: str
    line: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        """As compilers write it: ``conf.d/default.conf:12``; ``store.jks, byte 4711``."""
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return f"{self.file}, byte {self.offset}" if self.offset is not None else self.file


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: certificates that belong together, and what is known of the private key that goes with them.

    ``chain`` is what a server presents that is given this entry: its own certificate first, the others in the order of the
    file, or, where the format has no order, as Java follows the issuers. ``key_fits`` is whether the private key is that of
    the first certificate; ``None`` where there is no key, none could be opened, or there is no certificate.
    """

    kind: str  # "key": with a private key; "trusted": an anchor; "certificate": neither is said
    chain: tuple[bytes, ...]  # DER
    place: Place  # of a configuration: the directive
    alias: str = ""  # the store's own name for it; empty where the format has none
    role: str = ""  # the directive of a configuration that names it: ssl_certificate, ssl_client_certificate, ...
    file: str = ""  # the file that this directive names
    key: str = ""  # the form of the key: see pki/key.py; empty without one
    key_fits: bool | None = None
    created: int | None = None  # milliseconds since 1970
    public_key: str = ""  # SHA-256 of the public key that goes with the private one, as Certificate.key_sha256; empty where it was not opened
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """What a store holds. ``damage`` says where reading had to stop; what stands before is in ``entries`` all the same."""

    source: str
    format: str  # "PEM", "DER", "PKCS #7", "PKCS #12", "JKS", "JCEKS", "nginx", "folder", "anchors"
    entries: tuple[Entry, ...]
    integrity: str = "none"  # "verified"; "failed"; "not checked": nothing known opens it; "none": the format has no checksum
    passed_over: tuple[str, ...] = ()  # what else is in it and is not read: CRLs, secret keys
    warnings: tuple[str, ...] = ()
    damage: str = ""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """All certificates in it, each once, in order."""
        return tuple(dict.fromkeys(der for entry in self.entries for der in entry.chain))


@dataclass(frozen=True, slots=True)
class Opening:
    """What a reader may use to open a store."""

    password: Password | None = None
    key_passwords: tuple[Password, ...] = ()  # where keys have their own
    rounds: Rounds = field(default_factory=Rounds)

    def attempts(self) -> list[Attempt]:
        """What is tried on the store itself."""
        return list(attempts(self.password))

    def key_attempts(self) -> list[Attempt]:
        """What is tried on private keys: their own password first."""
        return [attempt for password in self.key_passwords for attempt in attempts(password)] + self.attempts()


def read_store(source: str | Path, *, password: Password | None = None, key_password: Password | None = None) -> Store:
    """Reads a store of any format.

    ``source`` is a file, a folder, or one of the words system, certifi and java (a file of that name is ``./system``).

    Raises:
        InputError: there is no such file, nothing in it could be read, or the password opens nothing. What can be read in
            spite of a wrong password or damage comes back as a ``Store`` that says so.
    """
    from pathlib import Path

    opening = Opening(password, (key_password,) if key_password else ())
    if source in WORDS:
        from whytls.pki.readers import system

        return system.read(str(source), opening)
    place = Path(source)
    if place.is_dir():
        from whytls.pki.readers import folder

        return folder.read(place, opening)
    return read_bytes(file_content(place), str(source), opening)


def read_bytes(data: bytes, name: str, opening: Opening) -> Store:
    """Reads the content of a file; nginx configurations find what they include beside ``name``."""
    store = recognised(data, name, opening)
    if store is None:
        from whytls.pki.readers import nginx

        store = nginx.read(data, name, opening) if nginx.looks_like(data) else None
    if store is None:
        raise InputError("neither a certificate nor a store of a known format", file=name, hint=f"known: {KINDS}")
    if not store.entries and store.damage:
        raise InputError(store.damage, file=name)
    return store


def recognised(data: bytes, name: str, opening: Opening) -> Store | None:
    """The store in these bytes, by its first bytes; ``None`` where they are no store (they can be a configuration)."""
    try:
        if data[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
            from whytls.pki.readers import jks

            return jks.read(data, name, opening)
        if data[:1] == b"\x30":
            from whytls.pki.readers import single

            return single.read(data, name, opening)
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # as PowerShell writes text
        text = data.decode("utf-16", "replace").encode("utf-8") if wide else data
        if b"-----BEGIN " in text:
            from whytls.pki.readers import pem

            store = pem.read(text, name, opening)
            return replace(store, warnings=("the text is UTF-16, which OpenSSL, nginx and Java do not read: save it as UTF-8",)) if wide else store
    except DamagedInput as error:
        raise InputError(error.problem, file=name, offset=error.offset, hint=error.hint) from error
    return None


def file_content(path: Path, largest: int = LARGEST_FILE, *, named: bool = False) -> bytes:
    """A file's bytes. One that a configuration has ``named``, and not a person, has to be a regular file: a pipe never ends.

    Raises:
        InputError: it cannot be read, or is larger than a store can be.
    """
    try:
        if named and not path.is_file():
            raise InputError("No such file" if not path.exists() else "no regular file", file=str(path))
        with open(path, "rb") as file:
            data = file.read(largest + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(getattr(error, "strerror", None) or "cannot be read", file=str(path)) from error
    if len(data) > largest:
        raise InputError("too large for a store", file=str(path), hint=f"at most {largest} bytes")
    return data


def read_anchors(path: str | Path, *, password: Password | None = None) -> tuple[bytes, ...]:
    """What ``--trust`` names, as trust anchors, each once, as DER: any store that ``read_store`` reads.

    Raises:
        InputError: as ``read_store``; or the store is damaged or has no certificate. A truststore that is read in part
            only would change verdicts silently.
    """
    return whole_anchors(read_store(path, password=password), str(path))


def whole_anchors(store: Store, path: str) -> tuple[bytes, ...]:
    """The anchors of a store that was read; ``path`` is what the call names it.

    Raises:
        InputError: as ``read_anchors``.
    """
    found = anchors(store)
    if store.damage:
        raise InputError(store.damage, file=path)
    if store.integrity == "failed":
        raise InputError(store.warnings[-1], file=path, hint="give the password with which it was written")
    if not found:
        other = [*(["a private key"] if any(entry.kind == "key" for entry in store.entries) else []), *store.passed_over[:5]]
        what = f", but: {', '.join(other)}" if other else ""
        locked = next((warning for warning in store.warnings if "password" in warning), None)
        raise InputError(f"no certificate in it{what}", file=path, hint=locked or "expected certificates, or a store of them")
    unreadable = next((der for der in found if not read(der).subject_der), None)
    if unreadable is not None and store.format != "folder":
        raise InputError(f"certificate {found.index(unreadable) + 1} of {len(found)} in it is not readable", file=path)
    return tuple(der for der in found if read(der).subject_der)


def anchors(store: Store) -> tuple[bytes, ...]:
    """The certificates of a store that whoever uses it as a truststore trusts.

    Java trusts the trusted entries and each key entry's own certificate (TrustStoreUtil of OpenJDK), and nginx what its
    directives for clients name; where a store says nothing of the kind, and of a folder, all are meant.
    """
    trusted = [entry for entry in store.entries if entry.kind == "trusted"]
    if store.format == "folder" or (not trusted and store.format not in ("JKS", "JCEKS")):
        return store.certificates
    own = [entry for entry in store.entries if entry.kind == "key" and not entry.role and entry.chain]
    return tuple(dict.fromkeys([der for entry in trusted for der in entry.chain] + [entry.chain[0] for entry in own]))


@lru_cache(maxsize=1)
def system_anchors() -> tuple[bytes, ...]:
    """This machine's own anchors: where OpenSSL looks, else where distributions keep them; empty if nowhere."""
    for candidate in system_places():
        try:
            return read_anchors(candidate)
        except InputError:
            continue
    return ()


def system_places() -> Iterator[str]:
    """Where this machine's anchors are looked for, in order."""
    import ssl

    paths = ssl.get_default_verify_paths()
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    yield from (place for place in (paths.cafile, *usual, paths.capath) if place)
