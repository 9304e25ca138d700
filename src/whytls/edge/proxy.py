"""An API proxy: its revisions, where they are deployed, and what its bundle says of its targets and of the virtual hosts that serve it."""

from __future__ import annotations

from dataclasses import dataclass

from whytls.edge.targetendpoint import TargetEndpoint


@dataclass(frozen=True, slots=True)
class Proxy:
    """One revision of a proxy."""

    name: str
    revision: str = ""
    targets: tuple[TargetEndpoint, ...] = ()
    virtual_hosts: tuple[str, ...] = ()  # that its ProxyEndpoints name
    base_paths: tuple[str, ...] = ()
    deployed: bool | None = None  # in the environment that was asked for; None: not known
