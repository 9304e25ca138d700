"""An environment from its Management API: everything that TLS depends on, read once. What cannot be read becomes a warning, and the rest stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from whytls.edge.environment import Environment
from whytls.edge.readers import bundle
from whytls.exceptions import ApiError, InputError

if TYPE_CHECKING:
    from whytls.edge.client import ManagementApi
    from whytls.edge.proxy import Proxy

Value = TypeVar("Value")
Progress = Callable[[str], None]  # what is being read
_FATAL = (None, 401)  # no answer, and nobody: the next question would fare no better
MOST_PROXIES = 2_000


def fetch(api: ManagementApi, *, proxies: bool = True, progress: Progress | None = None) -> Environment:
    """Reads keystores with their certificates, references, virtual hosts, target servers, and the deployed proxies' bundles.

    Raises:
        ApiError: the API cannot be reached, knows nobody of our name, or refuses the first list (of keystores).
    """
    warnings: list[str] = []
    at = api.at
    tell = progress or (lambda what: None)
    if at.plain:
        warnings.append(f"{at.base} is plain HTTP: user and password went over the network in the clear")

    def each(kind: str, names: Iterable[str], ask: Callable[[str], Value]) -> MappingProxyType[str, Value]:
        found: dict[str, Value] = {}
        for name in names:
            tell(f"{kind} {name}")
            value = _tried(lambda name=name: ask(name), warnings)  # type: ignore[misc]
            if value is not None:
                found[name] = value
        return MappingProxyType(found)

    tell("keystores")
    keystores = each("keystore", api.keystores(), api.whole_keystore)
    references = each("reference", _tried(api.references, warnings) or (), api.reference)
    hosts = each("virtual host", _tried(api.virtual_hosts, warnings) or (), api.virtual_host)
    servers = each("target server", _tried(api.target_servers, warnings) or (), api.target_server)
    deployed = (_tried(api.deployed, warnings) or []) if proxies else []
    if len(deployed) > MOST_PROXIES:
        warnings.append(f"{len(deployed):,} revisions are deployed; {MOST_PROXIES:,} of them are read")
    found: list[Proxy] = []
    for name, revision in deployed[:MOST_PROXIES]:
        tell(f"proxy {name}, revision {revision}")
        proxy = _tried(lambda name=name, revision=revision: _proxy(api, name, revision), warnings)  # type: ignore[misc]
        found += [proxy] if proxy is not None else []
    return Environment(
        str(at), at.organization, at.environment, at.dialect, keystores, references, hosts, servers, tuple(found), (), tuple(warnings)
    )  # fmt: skip


def _proxy(api: ManagementApi, name: str, revision: str) -> Proxy:
    url = f"{api.at.base}/o/{api.at.organization}/apis/{name}/revisions/{revision}"
    read = bundle.read_archive(api.bundle(name, revision), url, name, revision)
    return type(read)(read.name, read.revision, read.targets, read.virtual_hosts, read.base_paths, True)


def _tried(ask: Callable[[], Value], warnings: list[str]) -> Value | None:
    try:
        return ask()
    except ApiError as error:
        if error.status in _FATAL:
            raise
        warnings.append(str(error))
    except InputError as error:
        warnings.append(str(error))
    return None
