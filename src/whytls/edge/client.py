"""The Management API of one environment, resource by resource.

Edge for the public and the private cloud, and Apigee X and hybrid where their resources differ in shape only. Paths are those that
apigee-edge-js and apigee-cli use. Everything that changes the gateway needs a transport that was opened for writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from whytls.edge import fields
from whytls.edge.keystore import Alias, CertInfo, KeyStore, Reference
from whytls.edge.origin import Origin
from whytls.edge.targetserver import TargetServer
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import ApiError, InputError

if TYPE_CHECKING:
    from whytls.edge.address import ManagementAddress
    from whytls.edge.transport import Answer, Transport

Value = TypeVar("Value")
PAGE, MOST_PAGES = 1000, 100
PEM, BINARY = "application/x-pem-file", "application/octet-stream"


class ManagementApi:
    """One environment's resources. Every call raises ``ApiError`` where the API refuses, is not there, or answers what it should not."""

    def __init__(self, transport: Transport, at: ManagementAddress) -> None:
        self.transport, self.at = transport, at
        self._organization = ("o", at.organization) if at.dialect == "edge" else ("organizations", at.organization)
        self._environment = (*self._organization, "e" if at.dialect == "edge" else "environments", at.environment)

    # Keystores and truststores

    def keystores(self) -> list[str]:
        """The names of all keystores and truststores."""
        return self._names((*self._environment, "keystores"))

    def keystore(self, name: str) -> KeyStore:
        """A keystore with its aliases, without their certificates."""
        answer, value = self._value((*self._environment, "keystores", name))
        return _read(answer, lambda: KeyStore.from_json(value, Origin(answer.url)))

    def aliases(self, keystore: str) -> list[str]:
        """The names of a keystore's aliases."""
        return self._names((*self._environment, "keystores", keystore, "aliases"))

    def alias(self, keystore: str, name: str) -> Alias:
        """What is known of an alias, with its certificates where the API hands them out."""
        answer, value = self._value((*self._environment, "keystores", keystore, "aliases", name))
        found = _read(answer, lambda: Alias.from_json(value))
        kept = {"name": found.name or name, "has_key": found.has_key, "described": found.described, "rest": found.rest}
        return Alias(certificates=self.certificates(keystore, name), origin=Origin(answer.url), **kept)  # type: ignore[arg-type]

    def certificates(self, keystore: str, alias: str) -> tuple[bytes, ...]:
        """An alias's certificates as DER, the own one first."""
        answer = self.transport.get((*self._environment, "keystores", keystore, "aliases", alias, "certificate"), accept="*/*")
        return _certificates(answer)

    def certs(self, keystore: str) -> list[str]:
        """The names of a keystore's certificates, by the older call (R14)."""
        return self._names((*self._environment, "keystores", keystore, "certs"))

    def cert(self, keystore: str, name: str) -> tuple[CertInfo, ...]:
        """What the API says of one of them, by the older call; times in milliseconds since 1970."""
        answer, value = self._value((*self._environment, "keystores", keystore, "certs", name))

        def read() -> tuple[CertInfo, ...]:
            listed = fields.listed(fields.mapping(value, "cert").get("certInfo"), "certInfo")
            return tuple(CertInfo.from_json(info) for info in listed)

        return _read(answer, read)

    def exported(self, keystore: str, cert: str) -> tuple[bytes, ...]:
        """A certificate as DER, by the older call."""
        return _certificates(self.transport.get((*self._environment, "keystores", keystore, "certs", cert, "export"), accept="*/*"))

    def whole_keystore(self, name: str) -> KeyStore:
        """A keystore with all certificates, by the calls for aliases, or by the older ones where those are not known."""
        store = self.keystore(name)
        try:
            names = self.aliases(name)
        except ApiError as error:
            if error.status != 404:
                raise
            return self._older(store)
        keyed = {alias.name for alias in store.aliases if alias.has_key}
        aliases = [self.alias(name, alias) for alias in names]
        found = tuple(Alias(a.name, a.certificates, a.has_key or a.name in keyed, a.described, a.rest, a.origin) for a in aliases)
        return KeyStore(store.name or name, found, store.rest, store.origin)

    def _older(self, store: KeyStore) -> KeyStore:
        keyed = {alias.name for alias in store.aliases if alias.has_key}
        found = []
        for name in self.certs(store.name):
            own = name in keyed or name.removesuffix("-cert") in keyed
            found.append(Alias(name, self.exported(store.name, name), own, self.cert(store.name, name), origin=store.origin))
        return KeyStore(store.name, tuple(found), store.rest, store.origin)

    def create_keystore(self, name: str) -> None:
        """A new and empty keystore."""
        self.transport.ask("POST", (*self._environment, "keystores"), document={"name": name})

    def delete_keystore(self, name: str) -> None:
        """Deletes a keystore with all that is in it."""
        self.transport.ask("DELETE", (*self._environment, "keystores", name))

    def add_pem(
        self, keystore: str, alias: str, certificates: bytes, key: bytes | None = None, password: str | None = None, *, expired: bool = False
    ) -> None:  # fmt: skip
        """A new alias from PEM: a chain with its key, or certificates to be trusted. ``expired`` takes one that is past its end."""
        files = {"certFile": ("cert.pem", certificates, PEM), **({"keyFile": ("key.pem", key, PEM)} if key is not None else {})}
        form = {"password": password} if password is not None else None
        self._add(keystore, alias, "keycertfile", files, form, expired)

    def add_pkcs12(self, keystore: str, alias: str, store: bytes, password: str, *, expired: bool = False) -> None:
        """A new alias from PKCS #12, the only way in which a Private Cloud from 4.53 on takes a private key."""
        self._add(keystore, alias, "pkcs12", {"file": ("store.p12", store, "application/x-pkcs12")}, {"password": password}, expired)

    def _add(
        self, keystore: str, alias: str, form_of: str, files: Mapping[str, tuple[str, bytes, str]], form: Mapping[str, str] | None, expired: bool
    ) -> None:  # fmt: skip
        query = {"alias": alias, "format": form_of, "ignoreExpiryValidation": "true" if expired else "false", "ignoreNewlineValidation": "true"}
        self.transport.ask("POST", (*self._environment, "keystores", keystore, "aliases"), query=query, files=files, form=form)

    def replace_certificate(self, keystore: str, alias: str, certificates: bytes, *, expired: bool = False) -> None:
        """New certificates for the key that an alias has. A keystore in use is better replaced by a new one behind a reference."""
        files, query = {"certFile": ("cert.pem", certificates, PEM)}, {"ignoreExpiryValidation": "true" if expired else "false"}
        self.transport.ask("PUT", (*self._environment, "keystores", keystore, "aliases", alias), query=query, files=files)

    def delete_alias(self, keystore: str, alias: str) -> None:
        """Deletes an alias with its key."""
        self.transport.ask("DELETE", (*self._environment, "keystores", keystore, "aliases", alias))

    # References

    def references(self) -> list[str]:
        """The names of all references."""
        return self._names((*self._environment, "references"))

    def reference(self, name: str) -> Reference:
        """A reference."""
        answer, value = self._value((*self._environment, "references", name))
        return _read(answer, lambda: Reference.from_json(value, Origin(answer.url)))

    def create_reference(self, reference: Reference) -> None:
        """A new reference, to a keystore that exists."""
        self.transport.ask("POST", (*self._environment, "references"), document=reference.to_json())

    def put_reference(self, reference: Reference) -> None:
        """Lets a reference stand for another keystore."""
        self.transport.ask("PUT", (*self._environment, "references", reference.name), document=reference.to_json())

    def delete_reference(self, name: str) -> None:
        """Deletes a reference."""
        self.transport.ask("DELETE", (*self._environment, "references", name))

    # Virtual hosts

    def virtual_hosts(self) -> list[str]:
        """The names of all virtual hosts; Apigee X has none, there the answer is an empty list."""
        return [] if self.at.dialect == "x" else self._names((*self._environment, "virtualhosts"))

    def virtual_host(self, name: str) -> VirtualHost:
        """A virtual host."""
        answer, value = self._value((*self._environment, "virtualhosts", name))
        return _read(answer, lambda: VirtualHost.from_json(value, Origin(answer.url)))

    def create_virtual_host(self, host: VirtualHost) -> None:
        """A new virtual host."""
        self.transport.ask("POST", (*self._environment, "virtualhosts"), document=host.to_json())

    def put_virtual_host(self, host: VirtualHost) -> None:
        """Replaces a virtual host as a whole."""
        self.transport.ask("PUT", (*self._environment, "virtualhosts", host.name), document=host.to_json())

    def delete_virtual_host(self, name: str) -> None:
        """Deletes a virtual host."""
        self.transport.ask("DELETE", (*self._environment, "virtualhosts", name))

    # Target servers

    def target_servers(self) -> list[str]:
        """The names of all target servers."""
        return self._names((*self._environment, "targetservers"))

    def target_server(self, name: str) -> TargetServer:
        """A target server."""
        answer, value = self._value((*self._environment, "targetservers", name))
        return _read(answer, lambda: TargetServer.from_json(value, Origin(answer.url)))

    def create_target_server(self, server: TargetServer) -> None:
        """A new target server."""
        self.transport.ask("POST", (*self._environment, "targetservers"), document=server.to_json(self.at.dialect))

    def put_target_server(self, server: TargetServer) -> None:
        """Replaces a target server as a whole."""
        self.transport.ask("PUT", (*self._environment, "targetservers", server.name), document=server.to_json(self.at.dialect))

    def delete_target_server(self, name: str) -> None:
        """Deletes a target server."""
        self.transport.ask("DELETE", (*self._environment, "targetservers", name))

    # Proxies

    def proxies(self) -> list[str]:
        """The names of all proxies of the organization."""
        return self._names((*self._organization, "apis"))

    def revisions(self, proxy: str) -> list[str]:
        """The revisions of a proxy, oldest first."""
        found = self._names((*self._organization, "apis", proxy, "revisions"))
        return sorted(found, key=lambda name: (len(name), name))

    def deployed(self) -> list[tuple[str, str]]:
        """Which revisions of which proxies are deployed in the environment."""
        answer, value = self._value((*self._environment, "deployments"))
        return _read(answer, lambda: list(_deployed(value, self.at.environment)))

    def bundle(self, proxy: str, revision: str) -> bytes:
        """A revision's bundle: a zip archive, not yet opened."""
        return self.transport.get((*self._organization, "apis", proxy, "revisions", revision), accept="*/*", format="bundle").body

    def import_proxy(self, proxy: str, bundle: bytes) -> str:
        """A new revision of a proxy from a bundle; its number. It is not deployed by that."""
        answer = self.transport.ask(
            "POST", (*self._organization, "apis"), query={"action": "import", "name": proxy, "validate": "true"},
            files={"file": (f"{proxy}.zip", bundle, BINARY)},
        )  # fmt: skip
        return _read(answer, lambda: fields.text(fields.mapping(answer.value(), "proxy").get("revision"), "revision"))

    def deploy(self, proxy: str, revision: str) -> None:
        """Deploys a revision in place of the one that is deployed."""
        path = (*self._environment, "apis", proxy, "revisions", revision, "deployments")
        delay = {"delay": "15"} if self.at.dialect == "edge" else {}
        self.transport.ask("POST", path, query={"override": "true", **delay})

    # How all of them are asked

    def _value(self, path: tuple[str, ...], **query: str) -> tuple[Answer, Any]:
        answer = self.transport.get(path, **query)
        return answer, answer.value()

    def _names(self, path: tuple[str, ...]) -> list[str]:
        """All names of a collection, page after page: Edge goes on from ``startKey``, Apigee X by ``nextPageToken``.

        Most collections come whole and know no pages; then the second page is the first one again, and has nothing new.
        """
        found: dict[str, None] = {}
        query: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            answer, value = self._value(path, **query)
            names, token = _read(answer, partial(_page, value))
            new = [name for name in names if name not in found]
            found |= dict.fromkeys(new)
            if token:
                query = {"pageToken": token}
            elif new and len(names) >= PAGE:
                query = {"startKey": names[-1], "count": str(PAGE)}
            else:
                return list(found)
            if not new:
                return list(found)
        raise ApiError(f"GET {answer.url}: the list does not end after {MOST_PAGES} pages")


def _page(value: Any) -> tuple[list[str], str]:
    """The names on a page and what leads to the next one: a bare list, of names or objects, or an object around such a list."""
    token = ""
    if isinstance(value, Mapping):
        token = fields.text(value.get("nextPageToken"), "nextPageToken")
        listed = [inner for inner in value.values() if isinstance(inner, list)]
        value = listed[0] if len(listed) == 1 else []
    if not isinstance(value, list):
        raise InputError("is no list of names")
    named = [entry.get("name", entry.get("alias")) if isinstance(entry, Mapping) else entry for entry in value]
    return [name for entry in named if (name := fields.text(entry, "name"))], token


def _deployed(value: Any, environment: str) -> Iterator[tuple[str, str]]:
    """Edge lists proxies with their revisions, of one environment or of all; Apigee X one deployment after the other."""
    source = fields.mapping(value, "deployments")
    for entry in fields.listed(source.get("deployments"), "deployments"):
        flat = fields.mapping(entry, "deployments")
        if flat.get("environment", environment) == environment:
            yield fields.text(flat.get("apiProxy"), "apiProxy"), fields.text(flat.get("revision"), "revision")
    around = source.get("environment")
    inner = [fields.mapping(one, "environment") for one in around] if isinstance(around, list) else []
    for holder in [source, *(one for one in inner if one.get("name") == environment)]:
        for proxy in fields.listed(holder.get("aPIProxy"), "aPIProxy"):
            named = fields.mapping(proxy, "aPIProxy")
            for revision in fields.listed(named.get("revision"), "revision"):
                one = fields.mapping(revision, "revision")
                if fields.text(one.get("state"), "state") in ("", "deployed"):
                    yield fields.text(named.get("name"), "name"), fields.text(one.get("name"), "name")


def _certificates(answer: Answer) -> tuple[bytes, ...]:
    from whytls.pki.store import Opening, recognised

    store = _read(answer, lambda: recognised(answer.body, answer.url, Opening()))
    if store is None or not store.certificates or store.damage:
        raise ApiError(f"GET {answer.url}: the answer is no certificate", status=answer.status)
    return store.certificates


def _read(answer: Answer, reader: Callable[[], Value]) -> Value:
    """What the reader makes of an answer; an answer that it cannot read is the API's error, not the caller's.

    Raises:
        ApiError: it cannot be read.
    """
    try:
        return reader()
    except InputError as error:
        raise ApiError(f"GET {answer.url}: the answer is not understood: {error.problem}", status=answer.status) from None
