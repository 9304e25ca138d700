"""The certificates, keys and anchors that an nginx configuration names, each with its server and the directive's place.

A directive of the certificate kind is inherited from the outer block only where the inner one has none of that name. Several
certificates of one server pair with their keys in order. Paths count from the main configuration's folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from whytls.exceptions import InputError
from whytls.pki.password import Password, first_lines
from whytls.pki.readers import pem
from whytls.pki.readers.nginx_syntax import Configuration, Directive, parse
from whytls.pki.store import Entry, Opening, Place, Store, file_content, recognised

PREFIXES = ("", "proxy_", "grpc_", "uwsgi_")  # as server, and as client of what is behind
ANCHORS = ("ssl_client_certificate", "ssl_trusted_certificate")
NAMES = frozenset(
    prefix + name
    for prefix in PREFIXES
    for name in ("ssl_certificate", "ssl_certificate_key", "ssl_password_file", "ssl_crl", *ANCHORS)
)
MOST_ENTRIES, MOST_PASSED_OVER, MOST_PASSWORDS = 20_000, 1_000, 20
# A path of this form is no file: worked out for each connection, in the configuration itself, or behind an engine.
_NO_FILE = {"$": "its name is worked out for each connection", "data:": "it stands in the configuration itself", "engine:": "it is kept by an engine",
            "store:": "it is kept by a provider"}  # fmt: skip
_TELLS = re.compile(
    rb"(?:^|[\s;}])(?:(?:server|http|stream|events|mail)\s*\{|(?:\w+_)?ssl_(?:certificate|certificate_key|client_certificate|trusted_certificate)\s)"
)


def looks_like(data: bytes) -> bool:
    """Whether a text has a block or a directive that makes it an nginx configuration."""
    return b"\0" not in data[:8192] and bool(_TELLS.search(data))


def read(data: bytes, name: str, opening: Opening) -> Store:
    """Everything that the configuration names; a file that is missing or damaged is an entry that says so."""
    found = parse(data, name)
    collected = _Collected(found, opening)
    _scope(found.directives, {}, "", collected)
    if not collected.entries and not found.damage:
        raise InputError("an nginx configuration that names no certificate", file=name, hint="expected ssl_certificate or an include that has it")
    return Store(
        name, "nginx", tuple(collected.entries[:MOST_ENTRIES]), passed_over=tuple(collected.passed_over),
        warnings=tuple(found.warnings), damage="; ".join(found.damage[:3]),
    )  # fmt: skip


@dataclass(slots=True)
class _Collected:
    found: Configuration
    opening: Opening
    entries: list[Entry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    files: dict[str, pem.Contents | str] = field(default_factory=dict)  # what is in a file, or why it cannot be read

    def path(self, directive: Directive) -> str:
        return str(self.found.root / directive.args[0]) if directive.args else ""

    def contents(self, path: str, opening: Opening) -> pem.Contents | str:
        """A file's certificates and keys; read once, however many servers name it."""
        if path not in self.files:
            self.files[path] = _contents(path, opening)
        return self.files[path]


Named = dict[str, list[Directive]]


def _scope(directives: tuple[Directive, ...], inherited: Named, server: str, collected: _Collected, *, is_server: bool = False) -> None:
    """One block: what it names, and the blocks inside. What a server inherits is told with the server."""
    own: Named = {}
    for directive in directives:
        if directive.block is None and directive.name in NAMES:
            own.setdefault(directive.name, []).append(directive)
    valid = {**inherited, **own}
    inner = [directive for directive in directives if directive.block]
    handed_down = not server and any(map(_has_server, inner))
    for prefix in PREFIXES:
        if len(collected.entries) < MOST_ENTRIES and (prefix or not handed_down):
            here = valid if is_server and not prefix else own
            _presented(here, valid, prefix, server, collected)
            _anchors(here, prefix, server, collected)
    for directive in inner:
        if directive.name != "server":
            _scope(directive.block or (), valid, server, collected)
        elif not server:  # nginx refuses a server in a server
            _scope(directive.block or (), valid, _server_name(directive), collected, is_server=True)


def _has_server(directive: Directive) -> bool:
    return directive.name == "server" or any(map(_has_server, directive.block or ()))


def _server_name(server: Directive) -> str:
    names = [arg for inner in server.block or () if inner.name == "server_name" for arg in inner.args]
    listens = [inner.args[0] for inner in server.block or () if inner.name == "listen" and inner.args]
    return " ".join(names[:5]) or (f"listen {listens[0]}" if listens else "server")


def _presented(here: Named, valid: Named, prefix: str, server: str, collected: _Collected) -> None:
    """Certificates with their keys, in order."""
    role = f"{prefix}ssl_certificate"
    keys = valid.get(f"{role}_key", [])
    for place, directive in enumerate(here.get(role, [])):
        if len(collected.entries) >= MOST_ENTRIES:
            return
        key = keys[place] if place < len(keys) else None
        collected.entries.append(_pair(directive, key, valid.get(f"{prefix}ssl_password_file", []), server, collected))


def _pair(certificate: Directive, key: Directive | None, passwords: list[Directive], server: str, collected: _Collected) -> Entry:
    opening = _with_passwords(collected, passwords)
    path, warnings = collected.path(certificate), []
    held, problem = _from(path, certificate, collected, opening)
    warnings += [problem] if problem else []
    private: pem.HeldKey | None = None
    if key is None:
        warnings.append(f"there is no {certificate.name}_key for it")
    else:
        other, problem = _from(collected.path(key), key, collected, opening)
        private = other.keys[0] if other.keys else None
        if problem or private is None:
            warnings.append(problem or f"no private key in {collected.path(key)} ({key.file}:{key.line})")
    made = pem.entry(held.certificates, private, path)
    place = Place(certificate.file, certificate.line)
    return replace(made, place=place, alias=server, role=certificate.name, file=path, warnings=(*warnings, *made.warnings))


def _anchors(here: Named, prefix: str, server: str, collected: _Collected) -> None:
    for role in ANCHORS:
        for directive in here.get(prefix + role, []):
            if len(collected.entries) >= MOST_ENTRIES:
                return
            path, place = collected.path(directive), Place(directive.file, directive.line)
            held, problem = _from(path, directive, collected, collected.opening)
            chains = [(certificate.der,) for certificate in held.certificates]
            warnings = (problem,) if problem else () if chains else (f"no certificate in {path}",)
            made = [Entry("trusted", chain, place, server, directive.name, path, warnings=warnings) for chain in chains]
            collected.entries += made or [Entry("trusted", (), place, server, directive.name, path, warnings=warnings)]
    for directive in here.get(f"{prefix}ssl_crl", [])[: MOST_PASSED_OVER - len(collected.passed_over)]:
        collected.passed_over.append(f"the revocation list {collected.path(directive)} ({directive.file}:{directive.line})")


def _from(path: str, directive: Directive, collected: _Collected, opening: Opening) -> tuple[pem.Contents, str]:
    """What is in the file that a directive names, and what is wrong with it."""
    if not directive.args:
        return pem.Contents(), f"{directive.name} has no argument; expected a file"
    argument = directive.args[0]
    reason = next((why for sign, why in _NO_FILE.items() if (sign in argument if sign == "$" else argument.startswith(sign))), None)
    if reason:
        return pem.Contents(), f"{argument[:200]} is not read: {reason}"
    found = collected.contents(path, opening)
    return (pem.Contents(), found) if isinstance(found, str) else (found, f"{path}: {found.damage}" if found.damage else "")


def _contents(path: str, opening: Opening) -> pem.Contents | str:
    from pathlib import Path

    try:
        data = file_content(Path(path), named=True)
        if pem.BEGIN in data:
            return pem.contents(data, opening)
        store = recognised(data, path, opening)
    except InputError as error:
        return str(error)
    return f"{path}: nginx reads PEM, and this is {store.format if store else 'no certificate'}"


def _with_passwords(collected: _Collected, directives: list[Directive]) -> Opening:
    """The passwords of ssl_password_file, one a line, as nginx tries them."""
    passwords = list(_passwords(collected, directives))
    return replace(collected.opening, key_passwords=(*collected.opening.key_passwords, *passwords)) if passwords else collected.opening


def _passwords(collected: _Collected, directives: list[Directive]) -> Iterator[Password]:
    for directive in directives[:1]:
        path = collected.path(directive)
        try:
            if not os.path.isfile(path):
                return
            for number, line in enumerate(first_lines(path, MOST_PASSWORDS), 1):
                if line:
                    yield Password(f"line {number} of {path}", lambda line=line: line)  # type: ignore[misc]
        except InputError:
            return  # a key that stays closed says so
