"""The Router's nginx: ``0-default.conf``, the files per virtual host, or what ``nginx -T`` prints, as virtual hosts with their stores.

A server that speaks TLS becomes a virtual host, its certificate a keystore of one alias, its client CA a truststore; its own ``ssl_protocols``
and ``ssl_ciphers`` become the properties of those names, those around it settings of the Router. Its name is the one that the Router put into
the name of the client CA's file (``{org}-{env}-{vhost}-client.pem``), else the first server name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from whytls.edge.keystore import Alias, KeyStore
from whytls.edge.origin import Origin
from whytls.edge.settings import ROUTER_CIPHERS, ROUTER_PROTOCOLS, Setting
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import InputError
from whytls.pki.readers import nginx
from whytls.pki.readers.nginx_syntax import Configuration, Directive, parse
from whytls.pki.store import Entry, Opening, Place

MOST_SERVERS = 5_000
LISTS = ("ssl_protocols", "ssl_ciphers")
_OWN = (*LISTS, "ssl_verify_client", "ssl_certificate", "ssl_client_certificate", "ssl_stapling")
_CLIENT_FILE = re.compile(r"(?P<org>[^-]+)-(?P<env>[^-]+)-(?P<vhost>.+)-client\.pem")
_PORT = re.compile(r"(?:.*:)?(\d{1,5})")


class Router(NamedTuple):
    """What a Router's nginx says."""

    virtual_hosts: tuple[VirtualHost, ...]
    keystores: tuple[KeyStore, ...]
    settings: tuple[Setting, ...]  # of the http block: what holds where a server says nothing
    warnings: tuple[str, ...]
    files: frozenset[str] = frozenset()  # that were read for it, includes too


def looks_like(data: bytes) -> bool:
    """Whether a text is an nginx configuration, or a part of one that says something about TLS."""
    return nginx.looks_like(data) or (b"\0" not in data[:8192] and bool(re.search(rb"(?m)^[ \t]*ssl_(?:protocols|ciphers)[ \t]", data)))


def read(data: bytes, name: str) -> Router:
    """All servers of a configuration that speak TLS.

    Raises:
        InputError: it is damaged before anything could be read.
    """
    found = parse(data, name)
    if found.damage and not found.directives:
        raise InputError(found.damage[0], file=name)
    entries: dict[Place, list[Entry]] = {}
    try:
        for entry in nginx.read(data, name, Opening()).entries:
            entries.setdefault(entry.place, []).append(entry)
    except InputError:
        pass  # it names no certificate: 0-default.conf has lists alone
    stores: dict[str, KeyStore] = {}
    hosts = [host for server in _servers(found.directives, {}) if (host := _virtual_host(server, found, entries, stores)) is not None]
    missing = [warning for held in entries.values() for entry in held for warning in entry.warnings]
    return Router(
        tuple(hosts), tuple(stores.values()), tuple(_settings(found.directives)), (*found.warnings, *found.damage, *missing), frozenset(found.names)
    )


class _Server(NamedTuple):
    """A server block, and each directive that is valid in it, of its own or inherited."""

    block: tuple[Directive, ...]
    own: dict[str, Directive]
    valid: dict[str, Directive]
    place: Place


def _servers(directives: tuple[Directive, ...], outer: dict[str, Directive]) -> Iterator[_Server]:
    valid = {**outer, **{directive.name: directive for directive in directives if directive.block is None and directive.name in _OWN}}
    count = 0
    for directive in directives:
        if directive.block is None:
            continue
        if directive.name != "server":
            yield from _servers(directive.block, valid)
        elif count < MOST_SERVERS:
            count += 1
            own = {inner.name: inner for inner in directive.block if inner.block is None and inner.name in _OWN}
            yield _Server(directive.block, own, {**valid, **own}, Place(directive.file, directive.line))


def _settings(directives: tuple[Directive, ...]) -> Iterator[Setting]:
    """The lists outside of servers, under the names that router.properties has for them."""
    for directive in directives:
        if directive.name in LISTS and directive.args:
            token = ROUTER_PROTOCOLS if directive.name == "ssl_protocols" else ROUTER_CIPHERS
            yield Setting(token, " ".join(directive.args), Place(directive.file, directive.line), "router")
        elif directive.block is not None and directive.name != "server":
            yield from _settings(directive.block)


def _virtual_host(server: _Server, found: Configuration, entries: dict[Place, list[Entry]], stores: dict[str, KeyStore]) -> VirtualHost | None:
    listens = [directive for directive in server.block if directive.name == "listen" and directive.args]
    speaking = [listen for listen in listens if "ssl" in listen.args or "quic" in listen.args]
    names = tuple(name.lower() for directive in server.block if directive.name == "server_name" for name in directive.args if name not in ("", "_"))
    port = next((int(match[1]) for listen in speaking if (match := _PORT.fullmatch(listen.args[0])) and 0 < int(match[1]) < 65536), None)
    if port is None:
        return None
    trusted = server.valid.get("ssl_client_certificate")
    match = _CLIENT_FILE.fullmatch(PurePath(trusted.args[0]).name) if trusted and trusted.args else None
    name = match["vhost"] if match else names[0] if names else f"{PurePath(server.place.file).name}:{server.place.line}"
    lines = {"": server.place.line or 1, "port": speaking[0].line}
    named = next((directive for directive in server.block if directive.name == "server_name"), None)
    lines |= {"host_aliases": named.line} if named else {}
    own, verify = server.valid.get("ssl_certificate"), server.valid.get("ssl_verify_client")
    tls = TlsInfo(
        enabled=True, client_auth_enabled=None if verify is None else verify.args[:1] != ("off",),
        key_store=_store(own, name, found, entries, stores), key_alias=name if own else "", trust_store=_store(trusted, "", found, entries, stores),
    )  # fmt: skip
    in_file = {"tls.key_store": own, "tls.trust_store": trusted, "tls.client_auth_enabled": verify}
    in_file |= {f"properties.{key}": server.own.get(key) for key in LISTS}
    lines |= {key: directive.line for key, directive in in_file.items() if directive is not None and directive.file == server.place.file}
    properties = tuple((key, " ".join(server.own[key].args)) for key in LISTS if key in server.own)
    return VirtualHost(name, port, names, tls=tls, properties=properties, origin=Origin(server.place.file, MappingProxyType(lines)))


def _store(directive: Directive | None, alias: str, found: Configuration, entries: dict[Place, list[Entry]], stores: dict[str, KeyStore]) -> str:
    """The keystore that the file of a directive is; its name is the file's."""
    if directive is None or not directive.args:
        return ""
    path = str(found.root / directive.args[0])
    place = Place(directive.file, directive.line)
    origin = Origin(directive.file, MappingProxyType({"": directive.line}))
    held = entries.get(place, [])
    if alias:
        made = tuple(Alias(alias, entry.chain, entry.kind == "key", origin=origin) for entry in held[:1] if entry.chain)
    else:
        made = tuple(Alias(f"{number}", entry.chain, origin=origin) for number, entry in enumerate(held, 1) if entry.chain)
    if path not in stores or not stores[path].aliases:
        stores[path] = KeyStore(path, made, origin=origin)
    elif alias and alias not in (one.name for one in stores[path].aliases):  # one file for several virtual hosts
        stores[path] = KeyStore(path, (*stores[path].aliases, *made), origin=stores[path].origin)
    return path
