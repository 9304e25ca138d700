"""Each kind of change through the Management API: how it stands now, how it is done, how it is taken back.

How it stands is asked before anything is done, and compared as values, so that the API's own spelling of flags and empty lists makes no
difference. What is neither what was read nor what is wanted was changed by somebody else meanwhile, and is left alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from whytls.edge.fixes.change import Change, der_of
from whytls.edge.keystore import Reference
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import TargetServer
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import ApiError, UsageError

if TYPE_CHECKING:
    from whytls.edge.client import ManagementApi
    from whytls.probing.facts import Identity

# part: a keystore that is there and has some of what it is to have: somebody was cut off in the middle
Standing = Literal["before", "after", "part", "other"]


class _Resource(NamedTuple):
    """One kind of resource that is put as a whole: its reader, and the calls by the names that ManagementApi has for them."""

    read: Callable[[Any], Any]
    word: str

    def now(self, api: ManagementApi, name: str) -> Any:
        """What the API has."""
        return getattr(api, self.word)(name)

    def give(self, api: ManagementApi, value: Any, *, new: bool) -> None:
        """Makes it, or puts it in place of what is there."""
        getattr(api, f"{'create' if new else 'put'}_{self.word}")(value)

    def delete(self, api: ManagementApi, name: str) -> None:
        """Takes it away."""
        getattr(api, f"delete_{self.word}")(name)


_RESOURCES: Mapping[str, _Resource] = {
    "target server": _Resource(TargetServer.from_json, "target_server"),
    "virtual host": _Resource(VirtualHost.from_json, "virtual_host"),
    "reference": _Resource(Reference.from_json, "reference"),
}


def standing(api: ManagementApi, change: Change) -> Standing:
    """Whether it is still to be done, is done already, or somebody else was there.

    Raises:
        ApiError: the API cannot be asked.
    """
    held = _RESOURCES.get(change.kind)
    if held is not None:
        return _compared(change, _there(lambda: held.now(api, change.name)), held.read)
    if change.kind == "keystore":
        return _keystore_standing(api, change)
    if change.kind in ("alias", "certificate"):
        return _alias_standing(api, change)
    return _proxy_standing(api, change)


def do(api: ManagementApi, change: Change, identity: Identity | None = None) -> Change:
    """Does it; the change as it then stands, which is what has to be found to take it back.

    Raises:
        ApiError: the API refuses, or did not do what it said.
        UsageError: a private key is needed that is not at hand.
    """
    held = _RESOURCES.get(change.kind)
    if held is not None:
        held.give(api, held.read(change.after), new=change.before is None)
        return change._replace(after=_taken(change, held.now(api, change.name), api))
    if change.kind == "keystore":
        _make_keystore(api, change, identity)
    elif change.kind == "alias":
        api.add_pem(change.name, change.inner, _pem(change.after))
    elif change.kind == "certificate":
        api.replace_certificate(change.name, change.inner, _pem(change.after))
    else:
        return _deploy(api, change)
    if standing(api, change) != "after":
        raise ApiError(f"{change}: the API took it, and then had something else")
    return change


def undo(api: ManagementApi, change: Change) -> None:
    """Takes it back.

    Raises:
        ApiError: the API refuses.
    """
    held = _RESOURCES.get(change.kind)
    if held is not None:
        if change.before is None:
            held.delete(api, change.name)
        else:
            held.give(api, held.read(change.before), new=False)
    elif change.kind == "keystore":
        api.delete_keystore(change.name)
    elif change.kind == "alias":
        api.delete_alias(change.name, change.inner)
    elif change.kind == "certificate":
        api.replace_certificate(change.name, change.inner, _pem(change.before), expired=True)
    else:
        api.deploy(change.name, str((change.before or {})["revision"]))


def _there(ask: Callable[[], Any]) -> Any:
    """What the API has; None: it is not there."""
    try:
        return ask()
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _compared(change: Change, now: Any, reader: Callable[[Any], Any]) -> Standing:
    before, after = (None if side is None else reader(side) for side in (change.before, change.after))
    return "after" if now == after else "before" if now == before else "other"


def _taken(change: Change, now: Any, api: ManagementApi) -> dict[str, Any]:
    """What the API has after a PUT, which has to hold everything that was asked for."""
    found: dict[str, Any] = now.to_json(api.at.dialect) if isinstance(now, TargetServer) else now.to_json()
    if not _holds(found, change.after):
        raise ApiError(f"{change}: the API took it, and then had something else")
    return found


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(key), value) for key, value in wanted.items() if value not in (None, [], ""))
    return bool(found == wanted)


def _make_keystore(api: ManagementApi, change: Change, identity: Identity | None) -> None:
    after = change.after or {}
    if any(held["key"] for held in after["aliases"]) and identity is None:
        raise UsageError(f"{change}: the private key is not at hand", hint="--certificate STORE, and --key FILE where it lies elsewhere")
    api.create_keystore(change.name)
    for held in after["aliases"]:
        if held["key"] and identity is not None:
            password = secrets.token_urlsafe(24)
            api.add_pkcs12(change.name, held["alias"], _pkcs12(held["alias"], _ders(held), identity, password), password)
        else:
            api.add_pem(change.name, held["alias"], _pem(held), expired=True)  # an anchor that has ended was there before, too


def _pkcs12(name: str, chain: Sequence[bytes], identity: Identity, password: str) -> bytes:
    """The key and its chain as PKCS #12, encrypted as OpenSSL 3 and Java since 8u301 do."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    own, *rest = (x509.load_der_x509_certificate(der) for der in chain)
    return pkcs12.serialize_key_and_certificates(name.encode(), identity.key, own, rest, BestAvailableEncryption(password.encode()))  # type: ignore[arg-type]


def _keystore_standing(api: ManagementApi, change: Change) -> Standing:
    if _there(lambda: api.keystore(change.name)) is None:
        return "before"
    wanted = {held["alias"]: (_ders(held), bool(held["key"])) for held in (change.after or {}).get("aliases", ())}
    now = {alias.name: (alias.certificates, alias.has_key) for alias in api.whole_keystore(change.name).aliases}
    if now == wanted:
        return "after"
    return "part" if all(wanted.get(name) == held for name, held in now.items()) else "other"


def _alias_standing(api: ManagementApi, change: Change) -> Standing:
    now = _there(lambda: api.certificates(change.name, change.inner))
    before, after = (None if side is None else _ders(side) for side in (change.before, change.after))
    return "after" if now == after else "before" if now == before else "other"


def _proxy_standing(api: ManagementApi, change: Change) -> Standing:
    """Once a revision of ours is known, only that one is ours: another with the same TargetEndpoint can have other changes in it."""
    deployed = [revision for name, revision in api.deployed() if name == change.name]
    before, after = change.before or {}, change.after or {}
    if after.get("revision") in deployed:
        return "after"
    if not after.get("revision") and any(_endpoint(api, change, revision) == _normal(after) for revision in deployed):
        return "after"
    old = str(before.get("revision"))
    return "before" if old in deployed and _endpoint(api, change, old) == _normal(before) else "other"


def _deploy(api: ManagementApi, change: Change) -> Change:
    """The bundle with one file in it changed, as a new revision that is deployed in place of the old one."""
    from whytls.edge.rebundle import with_endpoint

    before, after = change.before or {}, change.after or {}
    bundle = with_endpoint(api.bundle(change.name, str(before["revision"])), change.inner, str(after["xml"]).encode())
    revision = api.import_proxy(change.name, bundle)
    api.deploy(change.name, revision)
    return change._replace(after={**after, "revision": revision})


def _endpoint(api: ManagementApi, change: Change, revision: str) -> str | None:
    from whytls.edge.readers.bundle import read_archive

    read = read_archive(api.bundle(change.name, revision), change.name, change.name, revision)
    return next((target.to_xml() for target in read.targets if target.name == change.inner), None)


def _normal(side: Mapping[str, Any]) -> str:
    return TargetEndpoint.from_xml(str(side["xml"]).encode()).to_xml()


def _ders(side: Mapping[str, Any]) -> tuple[bytes, ...]:
    return tuple(der_of(pem) for pem in side["certificates"])


def _pem(side: Mapping[str, Any] | None) -> bytes:
    return "".join((side or {})["certificates"]).encode()
