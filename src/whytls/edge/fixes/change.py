"""One change of one resource of a gateway, as data: what is there, what is to be there, and how that looks as a call of the Management API.

A change can be shown, applied, found already done, and taken back; all four need only this value, so that it can lie in a journal. A private
key is the one thing that does not stand in it: it is handed over beside the change, and never written.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Any, Literal, NamedTuple
from urllib.parse import quote as percent

from whytls.edge.environment import Environment
from whytls.edge.keystore import Reference
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import TargetServer
from whytls.edge.virtualhost import VirtualHost
from whytls.model import Artefact
from whytls.pki.certificate import read
from whytls.pki.extract import armoured

ChangeKind = Literal["target server", "virtual host", "reference", "keystore", "alias", "certificate", "proxy"]


class Change(NamedTuple):
    """``before`` and ``after`` are JSON values as the Management API has them; None: it is not there."""

    kind: ChangeKind
    name: str  # of the resource; of an alias or certificate its keystore
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    inner: str = ""  # the alias; of a proxy the TargetEndpoint

    def __str__(self) -> str:
        """For people: ``reference front: front-1 → front-2``."""
        return str(_SENTENCES[self.kind](self))


def target_server(before: TargetServer, after: TargetServer, environment: Environment) -> Change:
    """A target server replaced as a whole (PUT replaces)."""
    return Change("target server", before.name, before.to_json(environment.dialect), after.to_json(environment.dialect))


def virtual_host(before: VirtualHost, after: VirtualHost) -> Change:
    """A virtual host replaced as a whole."""
    return Change("virtual host", before.name, before.to_json(), after.to_json())


def reference(before: Reference | None, after: Reference) -> Change:
    """A reference that stands for another keystore, or a new one."""
    return Change("reference", after.name, None if before is None else before.to_json(), after.to_json())


class NewAlias(NamedTuple):
    """One alias of a keystore that is to be made."""

    name: str
    chain: tuple[bytes, ...]  # DER
    keyed: bool = False  # its private key is handed over beside the change


def keystore(name: str, aliases: Sequence[NewAlias]) -> Change:
    """A new keystore or truststore with all that is in it."""
    held = [{"alias": alias.name, "certificates": [armoured(der) for der in alias.chain], "key": alias.keyed} for alias in aliases]
    return Change("keystore", name, None, {"name": name, "aliases": held})


def alias(store: str, made: NewAlias) -> Change:
    """Certificates that a truststore gets besides those that it has."""
    return Change("alias", store, None, {"alias": made.name, "certificates": [armoured(der) for der in made.chain]}, made.name)


def certificate(store: str, name: str, before: Sequence[bytes], after: Sequence[bytes]) -> Change:
    """Another chain for the key that an alias has."""
    old, new = ([armoured(der) for der in chain] for chain in (before, after))
    return Change("certificate", store, {"certificates": old}, {"certificates": new}, name)


def proxy(before: TargetEndpoint, after: TargetEndpoint) -> Change:
    """A TargetEndpoint of a deployed proxy: a new revision is imported and deployed in place of the old one."""
    old = {"revision": before.revision, "target": before.name, "xml": before.to_xml()}
    return Change("proxy", before.proxy, old, {"revision": "", "target": after.name, "xml": after.to_xml()}, before.name)


def difference(change: Change) -> list[str]:
    """What differs, as a unified diff of what the API has."""
    before, after = _written(change.before), _written(change.after)
    found = difflib.unified_diff(before, after, f"{change.kind} {change.name}, now", f"{change.kind} {change.name}, then", lineterm="", n=2)
    return list(found)


def artefacts(change: Change, environment: Environment) -> tuple[Artefact, ...]:
    """The change as somebody does it by hand: the body, and the call."""
    return tuple(_calls(change, base_of(environment)))


def base_of(environment: Environment) -> str:
    """The address of the environment at its Management API, with words to fill in for what is not known."""
    from whytls.edge.address import is_address

    if is_address(environment.source):
        return environment.source
    return f"https://MANAGEMENT-API/v1/o/{environment.organization or 'ORG'}/e/{environment.name or 'ENV'}"


def as_json(change: Change) -> dict[str, Any]:
    """For the journal."""
    return {"kind": change.kind, "name": change.name, "inner": change.inner, "before": change.before, "after": change.after}


def from_json(value: Mapping[str, Any]) -> Change:
    """Out of the journal.

    Raises:
        KeyError, TypeError, ValueError: it is no change.
    """
    kind, before, after = value["kind"], value["before"], value["after"]
    if kind not in _SENTENCES or (before is None and after is None):
        raise KeyError(kind)
    for side in (before, after):
        if side is not None:
            _check(kind, side)
    return Change(kind, str(value["name"]), before, after, str(value["inner"]))


def _check(kind: str, side: Mapping[str, Any]) -> None:
    """Whether a side has what a change of that kind is applied and taken back with."""
    if not isinstance(side, dict):
        raise TypeError(kind)
    if kind in _READERS:
        _READERS[kind](side)
    elif kind == "proxy":
        if not all(isinstance(side[field], str) for field in ("revision", "target", "xml")):
            raise TypeError(kind)
    else:
        for held in side["aliases"] if kind == "keystore" else [side]:
            if not all(pem.startswith("-----BEGIN CERTIFICATE-----") and der_of(pem) for pem in held["certificates"]):
                raise ValueError(kind)
            if kind == "keystore" and not (isinstance(held["alias"], str) and isinstance(held["key"], bool)):
                raise TypeError(kind)


_READERS: Mapping[str, Any] = {
    "target server": TargetServer.from_json, "virtual host": VirtualHost.from_json, "reference": Reference.from_json,
}  # fmt: skip
_COLLECTIONS = {"target server": "targetservers", "virtual host": "virtualhosts", "reference": "references"}


def _calls(change: Change, base: str) -> Iterator[Artefact]:
    after = change.after or {}
    if change.kind in _COLLECTIONS:
        path = f"{base}/{_COLLECTIONS[change.kind]}"
        method, path = ("POST", path) if change.before is None else ("PUT", f"{path}/{_part(change.name)}")
        yield Artefact("json", json.dumps(after, indent=2), f"{method} {path}")
        return
    store = f"{base}/keystores/{_part(change.name)}"
    if change.kind == "keystore":
        yield Artefact("json", json.dumps({"name": change.name}), f"POST {base}/keystores")
        for held in after["aliases"]:
            yield from _upload(store, held["alias"], held["certificates"], keyed=held["key"])
    elif change.kind == "alias":
        yield from _upload(store, change.inner, after["certificates"], keyed=False)
    elif change.kind == "certificate":
        url = f"{store}/aliases/{_part(change.inner)}?ignoreExpiryValidation=false"
        yield Artefact("pem", "".join(after["certificates"]), f"chain.pem: {_names(after['certificates'])}")
        yield Artefact("command", f"curl -n -X PUT {quote(url)} -F certFile=@chain.pem", "multipart, part certFile")
    else:
        yield from _revision(change, base)


def _revision(change: Change, base: str) -> Iterator[Artefact]:
    """A proxy's next revision, by hand."""
    name, target = _part(change.name), _part(change.inner)
    apis = f"{base.rpartition('/e/')[0]}/apis"
    old = _part(str((change.before or {}).get("revision") or "REVISION"))
    yield Artefact("xml", (change.after or {})["xml"], f"apiproxy/targets/{change.inner}.xml of proxy {change.name}")
    lines = [
        f"curl -n -o {quote(name + '.zip')} {quote(f'{apis}/{name}/revisions/{old}?format=bundle')}",
        f"unzip {quote(name + '.zip')} && cp NEW.xml {quote(f'apiproxy/targets/{target}.xml')} && zip -r {quote(name + '.zip')} apiproxy",
        f"curl -n -X POST {quote(f'{apis}?action=import&name={name}&validate=true')} -F {quote(f'file=@{name}.zip')}",
        f"curl -n -X POST {quote(f'{base}/apis/{name}/revisions/NEW-REVISION/deployments?override=true&delay=15')}",
    ]
    yield Artefact("command", "\n".join(lines), "a new revision, deployed in place of the old one")


def _upload(store: str, name: str, certificates: Sequence[str], *, keyed: bool) -> Iterator[Artefact]:
    query = f"alias={_part(name)}&format={'pkcs12' if keyed else 'keycertfile'}&ignoreExpiryValidation=false&ignoreNewlineValidation=true"
    url = quote(f"{store}/aliases?{query}")
    file = "chain.pem" if keyed else f"{_part(name)}.pem"
    if certificates:
        yield Artefact("pem", "".join(certificates), f"{file}: {_names(certificates)}")
    if not keyed:
        yield Artefact("command", f"curl -n -X POST {url} -F {quote(f'certFile=@{file}')}", "multipart, part certFile")
        return
    lines = [
        f"openssl pkcs12 -export -inkey KEY.pem -in chain.pem -name {quote(name)} -out store.p12 -passout file:password.txt",
        f"curl -n -X POST {url} -F file=@store.p12 -F 'password=<password.txt'",
    ]
    yield Artefact("command", "\n".join(lines), "multipart, parts file and password")


def _part(name: str) -> str:
    """A name as one part of a URL or of a path; nothing in it means anything to a shell, whoever chose it."""
    return percent(name, safe="")


def _written(value: Mapping[str, Any] | None) -> list[str]:
    """As text, certificates as one line each, for a diff."""
    if value is None:
        return []
    if "xml" in value:
        return str(value["xml"]).splitlines()
    return json.dumps(_short(value), indent=2, sort_keys=True).splitlines()


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_short(inner) for inner in value]
    return _named(value) if isinstance(value, str) and value.startswith("-----BEGIN CERTIFICATE") else value


def _named(pem: str) -> str:
    from whytls.pki.extract import one_line

    found = read(der_of(pem))
    return f"{one_line(found.subject)} (SHA-256 {found.sha256[:16]}…)"


def der_of(pem: str) -> bytes:
    """The certificate of one PEM block that we wrote ourselves."""
    import base64

    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))


def _names(certificates: Sequence[str]) -> str:
    return "; ".join(_named(pem) for pem in certificates[:4])


def _reference(change: Change) -> str:
    old, new = ((side or {}).get("refers", "") for side in (change.before, change.after))
    return f"reference {change.name}: {f'{old} → {new}' if old else f'new, stands for {new}'}"


def _keystore(change: Change) -> str:
    aliases = [f"{held['alias']}{' with its key' if held['key'] else ''}" for held in (change.after or {}).get("aliases", ())]
    return f"new keystore {change.name}: {', '.join(aliases)}"


_SENTENCES: dict[str, Any] = {
    "target server": lambda change: f"target server {change.name}: replaced",
    "virtual host": lambda change: f"virtual host {change.name}: replaced",
    "reference": _reference,
    "keystore": _keystore,
    "alias": lambda change: f"keystore {change.name}: alias {change.inner} added",
    "certificate": lambda change: f"keystore {change.name}: another chain for alias {change.inner}",
    "proxy": lambda change: f"proxy {change.name}: TargetEndpoint {change.inner} in a new revision, deployed",
}
