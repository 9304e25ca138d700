"""whytls's own client of the Management API (``edge.client``) against it, over a socket: both read and write the same values."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lab.management_api import running

from authority import issue
from whytls.edge.address import management_address
from whytls.edge.client import ManagementApi
from whytls.edge.credentials import Credentials
from whytls.edge.resources import Reference, TargetServer, TlsInfo, VirtualHost
from whytls.edge.snapshot import fetch
from whytls.edge.transport import Transport
from whytls.exceptions import ApiError
from whytls.gateway.bundle import zipped
from whytls.pki.password import Password

ROOT = issue("Meadow root", ca=True)
LEAF = issue("api.test", ROOT)
PAIR = (LEAF.pem + ROOT.pem).encode()
KEY = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
HOST = VirtualHost("secure", 9443, ("api.test",), tls=TlsInfo(enabled=True, key_store="ref://front", key_alias="own"))
SERVER = TargetServer("backend", "backend.test", 8443, tls=TlsInfo(enabled=True, trust_store="ref://front", protocols=("TLSv1.2",)))
BUNDLE = zipped(
    {
        "apiproxy/orders.xml": b'<APIProxy name="orders"/>',
        "apiproxy/proxies/default.xml": b'<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/orders</BasePath>'
        b"<VirtualHost>secure</VirtualHost></HTTPProxyConnection></ProxyEndpoint>",
        "apiproxy/targets/default.xml": b'<TargetEndpoint name="default"><HTTPTargetConnection><LoadBalancer><Server name="backend"/>'
        b"</LoadBalancer></HTTPTargetConnection></TargetEndpoint>",
    }
)


def test_what_our_client_writes_it_reads_back(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        at = management_address(f"{server.url}/v1/o/local/e/test")
        api = ManagementApi(Transport(at.base, Credentials("the test", token=Password.of(server.token)), writable=True), at)
        api.create_keystore("front-1")
        api.add_pem("front-1", "own", PAIR, KEY, expired=True)
        api.create_reference(Reference("front", "front-1"))
        api.create_virtual_host(HOST)
        api.create_target_server(SERVER)
        assert api.import_proxy("orders", BUNDLE) == "1"
        api.deploy("orders", "1")
        assert api.import_proxy("orders", BUNDLE) == "2"
        api.deploy("orders", "2")
        found = fetch(api)
        assert found.warnings == ()
        (alias,) = found.keystores["front-1"].aliases
        assert (alias.name, alias.certificates, alias.has_key) == ("own", (LEAF.der, ROOT.der), True)
        assert alias.described[0].is_valid is False  # of 2024
        assert (found.references["front"], found.virtual_hosts["secure"], found.target_servers["backend"]) == (
            Reference("front", "front-1"),
            HOST,
            SERVER,
        )
        (proxy,) = found.proxies
        assert (proxy.name, proxy.revision, proxy.targets[0].servers, proxy.virtual_hosts) == ("orders", "2", ("backend",), ("secure",))
        with pytest.raises(ApiError, match="has expired"):
            api.add_pem("front-1", "again", PAIR, KEY)
        api.create_keystore("front-2")
        api.put_reference(Reference("front", "front-2"))
        api.delete_keystore("front-1")
        assert api.keystores() == ["front-2"]
