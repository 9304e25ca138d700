"""Edge's resources as frozen values, with the JSON and XML that the Management API and proxy bundles have for them; all from one place.

Reading is tolerant, writing exact: fields that are not known here are kept and written back, because a PUT replaces the whole resource.
Each value knows its ``origin``: file and line, or the address at which it is served. It does not count when two are compared.
"""

from __future__ import annotations

from whytls.edge.keystore import Alias, CertInfo, KeyStore, Reference
from whytls.edge.origin import Origin
from whytls.edge.proxy import Proxy
from whytls.edge.targetendpoint import Address, TargetEndpoint, address
from whytls.edge.targetserver import Dialect, TargetServer
from whytls.edge.tlsinfo import CommonName, StoreKind, TlsInfo, protocol, referred, same_protocol, store_kind
from whytls.edge.virtualhost import VirtualHost

__all__ = [
    "Address",
    "Alias",
    "CertInfo",
    "CommonName",
    "Dialect",
    "KeyStore",
    "Origin",
    "Proxy",
    "Reference",
    "StoreKind",
    "TargetEndpoint",
    "TargetServer",
    "TlsInfo",
    "VirtualHost",
    "address",
    "protocol",
    "referred",
    "same_protocol",
    "store_kind",
]
