"""A gateway and a backend that are really there: the local Management API in a process of its own, and TLS servers on loopback."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import CLIENT, SERVER, Issued, days, issue
from whytls.edge.address import management_address
from whytls.edge.client import ManagementApi
from whytls.edge.credentials import credentials
from whytls.edge.keystore import Reference
from whytls.edge.targetserver import TargetServer
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.transport import Transport
from whytls.edge.virtualhost import VirtualHost

NOW = datetime.datetime.now(datetime.UTC)
LONG, YEAR = {"begins": NOW - days(900), "ends": NOW + days(900)}, {"begins": NOW - days(5), "ends": NOW + days(300)}
ROOT = issue("Meadow Root", ca=True, **LONG)
CA = issue("Meadow CA", ROOT, ca=True, **LONG)
OTHER_ROOT = issue("Hill Root", ca=True, **LONG)
API = issue("api.example.test", CA, san=("api.example.test",), usage=(SERVER,), **YEAR)
EXPIRED = issue("api.example.test", CA, san=("api.example.test",), usage=(SERVER,), begins=NOW - days(400), ends=NOW - days(3))
BACKEND = issue("localhost", CA, san=("localhost",), usage=(SERVER,), **YEAR)
PROCESSOR = issue("processor", CA, usage=(CLIENT,), **YEAR)


def key_of(issued: Issued) -> bytes:
    made: bytes = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


def chain_of(*issued: Issued) -> bytes:
    return "".join(one.pem for one in issued).encode()


def store(folder: Path, name: str, *issued: Issued) -> Path:
    """A PEM file with a key and its chain."""
    path = folder / name
    path.write_bytes(key_of(issued[0]) + chain_of(*issued))
    return path


@contextmanager
def backend(folder: Path, tune: Callable[[ssl.SSLContext], None] = lambda context: None, *chain: Issued) -> Iterator[int]:
    """A TLS server that completes handshakes; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(store(folder, f"backend-{id(tune)}.pem", *(chain or (BACKEND, CA))))
    tune(context)
    listening = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            with context.wrap_socket(connection, server_side=True) as spoken:
                spoken.recv(1024)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)  # or the thread that waits in accept would take one more
        listening.close()


class Gateway:
    """One environment at the local Management API."""

    def __init__(self, url: str, api: ManagementApi) -> None:
        self.url, self.api = url, api

    def keystore(self, name: str, alias: str, *chain: Issued, key: bool = True) -> None:
        self.api.create_keystore(name)
        self.api.add_pem(name, alias, chain_of(*chain), key_of(chain[0]) if key else None, expired=True)

    def reference(self, name: str, refers: str) -> None:
        self.api.create_reference(Reference(name, refers))

    def virtual_host(self, tls: TlsInfo, name: str = "secure", aliases: tuple[str, ...] = ("api.example.test",), port: int = 9443) -> None:
        self.api.create_virtual_host(VirtualHost(name, port, aliases, tls=tls))

    def target_server(self, port: int, tls: TlsInfo | None, name: str = "backend", host: str = "localhost") -> None:
        self.api.create_target_server(TargetServer(name, host, port, True, tls))

    def empty(self) -> None:
        """Takes everything away."""
        for names, delete in (
            (self.api.virtual_hosts, self.api.delete_virtual_host), (self.api.target_servers, self.api.delete_target_server),
            (self.api.references, self.api.delete_reference), (self.api.keystores, self.api.delete_keystore),
        ):  # fmt: skip
            for name in names():
                delete(name)


@contextmanager
def gateway(url: str) -> Iterator[Gateway]:
    at = management_address(f"{url}/v1/o/local/e/test")
    with Transport(at.base, credentials(at.host), writable=True) as transport:
        yield Gateway(str(at), ManagementApi(transport, at))
