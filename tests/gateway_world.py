"""A gateway for tests: certificates that are valid now, an environment around them, backends that fail as wanted, and a client."""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import Issued, ec_key, issue
from whytls.edge.resources import Proxy, TargetEndpoint, TargetServer, TlsInfo, VirtualHost
from whytls.gateway.dataplane import DataPlane, Places
from whytls.gateway.environment import Environment, Held, Referred, Store
from whytls.gateway.settings import ProcessorSettings, Settings

warnings.filterwarnings("ignore", "ssl.TLSVersion", DeprecationWarning)  # old versions are meant

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
VALID = {"begins": NOW - 30 * DAY, "ends": NOW + 300 * DAY}
EXPIRED = {"begins": NOW - 300 * DAY, "ends": NOW - 30 * DAY}

ROOT = issue("Test Root", ca=True, key=ec_key("root"), **VALID)
MIDDLE = issue("Test Issuing", ROOT, ca=True, key=ec_key("middle"), **VALID)
OTHER_ROOT = issue("Other Root", ca=True, key=ec_key("other"), **VALID)
API = issue("api.example.test", MIDDLE, san=("api.example.test",), **VALID)
BACKEND = issue("backend.example.test", MIDDLE, san=("backend.example.test",), **VALID)
BACKEND_EXPIRED = issue("backend.example.test", MIDDLE, san=("backend.example.test",), **EXPIRED)
BACKEND_OTHER_NAME = issue("something.example.test", MIDDLE, san=("something.example.test",), **VALID)
CLIENT = issue("client", MIDDLE, key=ec_key("client"), **VALID)
CLIENT_EXPIRED = issue("client", MIDDLE, key=ec_key("client"), **EXPIRED)
CLIENT_OTHER = issue("client", OTHER_ROOT, key=ec_key("client"), **VALID)
CLIENT_SELF = issue("client", key=ec_key("client"), **VALID)
HOST = "backend.example.test"


def pkcs8(issued: Issued) -> bytes:
    return issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def key_pem(issued: Issued) -> str:
    return issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def own(*chain: Issued) -> Held:
    return Held(tuple(one.der for one in chain), pkcs8(chain[0]))


def store(name: str, edition: int = 0, **entries: Held | Issued) -> Store:
    return Store(name, {alias: held if isinstance(held, Held) else Held((held.der,)) for alias, held in entries.items()}, edition)


def environment(
    port: int, target: TlsInfo | None = None, *, host: TlsInfo | None = None, aliases: tuple[str, ...] = ("api.example.test",), url: str = "",
    stores: dict[str, Store] | None = None, references: dict[str, Referred] | None = None, servers: tuple[TargetServer, ...] = (),
    properties: tuple[tuple[str, str], ...] = (), listen: tuple[str, ...] = (), virtual_port: int = 443, plain: bool = False,
) -> Environment:  # fmt: skip
    """One virtual host, one proxy, one backend."""
    front = None if plain else host or TlsInfo(enabled=True, key_store="ref://front", key_alias="api")
    held = {"front": store("front", api=own(API, MIDDLE)), "trust": store("trust", root=ROOT), **(stores or {})}
    referred = {"front": Referred("front"), "trust": Referred("trust"), **(references or {})}
    url = url or (f"https://{HOST}:{port}" if target is not None else f"http://{HOST}:{port}")
    endpoint = TargetEndpoint("weather", "1", "default", "" if servers else url, tuple(one.name for one in servers), target)
    return Environment(
        virtual_hosts=(VirtualHost("secure", virtual_port, aliases, tls=front, properties=properties, listen_options=listen),),
        target_servers=servers, proxies=(Proxy("weather", "1", (endpoint,), ("secure",), ("/weather",), True),), stores=held, references=referred,
    )  # fmt: skip


def settings(**changes: Any) -> Settings:
    processor = ProcessorSettings(connect_timeout=2, handshake_timeout=2, io_timeout=2, hosts={HOST: "127.0.0.1"})
    made = Settings(processor=processor, cause_header=True, ports={443: 0, 80: 0, 9443: 0})
    for name, value in changes.items():
        if name in made._fields:
            made = made._replace(**{name: value})
        elif name in made.processor._fields:
            made = made._replace(processor=made.processor._replace(**{name: value}))
        else:
            made = made._replace(router=made.router._replace(**{name: value}))
    return made


# ------------------------------------------------------------------ backends


def files(folder: Path, name: str, *chain: Issued) -> str:
    path = folder / f"{name}.pem"
    path.write_text(key_pem(chain[0]) + "".join(one.pem for one in chain))
    return str(path)


def server_context(
    folder: Path, *chain: Issued, trust: Issued | None = None, highest: Any = None, lowest: Any = None, ciphers: str = ""
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    context.minimum_version = lowest or ssl.TLSVersion.TLSv1
    context.maximum_version = highest or ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files(folder, "backend", *(chain or (BACKEND, MIDDLE))))
    if trust is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trust.pem)
    return context


def needs_name(context: ssl.SSLContext, alert: int = ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME) -> ssl.SSLContext:
    """A server with several sites, which refuses a client that names none."""
    context.sni_callback = lambda sock, name, used: None if name else alert
    return context


class Backend:
    """A backend in threads: blocking sockets send the alert of a handshake that fails, which asyncio's do not."""

    def __init__(self, context: ssl.SSLContext | None, answer: Callable[[bytes], bytes] | None, handler: Callable[[Any], None] | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.names: list[str | None] = []
        self._context, self._answer, self._handler = context, answer, handler
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(made)
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        made = accepted
        try:
            made.settimeout(10)
            if self._context is not None:
                made = self._context.wrap_socket(made, server_side=True)
            if self._handler is not None:
                self._handler(made)
                return
            with made.makefile("rb") as reader:
                while (request := read_request(reader)) is not None:
                    self.requests.append(request)
                    made.sendall(self._answer(request) if self._answer else b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except OSError:
            pass
        finally:
            made.close()
            self._open.discard(accepted)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # a thread waits in accept()
        self._listener.close()
        for made in self._open:
            made.close()


def read_request(reader: Any) -> bytes | None:
    """One request, body and all, as raw bytes; a chunked body without its framing."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            return None
        head += line
    fields = {n.lower(): v.strip() for n, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
    if b"content-length" in fields:
        return bytes(head + reader.read(int(fields[b"content-length"])))
    if fields.get(b"transfer-encoding") == b"chunked":
        body = b""
        while size := int(reader.readline(), 16):
            body += reader.read(size + 2)[:-2]
        while (line := reader.readline()) != b"\r\n":
            body += b"[trailer " + line.strip() + b"]"
        return head + body
    return head


@contextmanager
def backend(
    context: ssl.SSLContext | None = None, answer: Callable[[bytes], bytes] | None = None, handler: Callable[[Any], None] | None = None
) -> Iterator[Backend]:
    """A backend that answers every request with what ``answer`` makes of it, or does with a connection what ``handler`` does."""
    made = Backend(context, answer, handler)
    try:
        yield made
    finally:
        made.close()


# ------------------------------------------------------------------ the client


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def cause(self) -> str:
        return self.headers.get("x-whytls-cause", "").split(";")[0]

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["fault"]["detail"]["errorcode"]).rpartition(".")[2]


def client_context(trust: Issued | None = ROOT, identity: str | None = None, **changes: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    if trust is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=trust.pem)
    if identity is not None:
        context.load_cert_chain(identity)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


async def read_response(reader: asyncio.StreamReader) -> Response:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            size = int(await reader.readline(), 16)
            piece = await reader.readexactly(size + 2) if size else b""
            if not size:
                while await reader.readline() != b"\r\n":
                    pass
                break
            body += piece[:-2]
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Response(int(lines[0].split(" ")[1]), headers, body)


async def request(
    plane: DataPlane, path: str = "/weather/today", context: ssl.SSLContext | None = None, name: str | None = "api.example.test", raw: bytes = b"",
    port: int = 443,
) -> Response:  # fmt: skip
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", plane.ports[port], ssl=context or client_context(), server_hostname=name or "127.0.0.1"
    )
    try:
        writer.write(raw or f"GET {path} HTTP/1.1\r\nHost: api.example.test\r\n\r\n".encode())
        return await asyncio.wait_for(read_response(reader), 10)
    finally:
        writer.close()


def plane(given: Environment, places: Places | None = None, **changes: Any) -> DataPlane:
    return DataPlane(given, settings(**changes), places or Places())


def last(made: DataPlane) -> dict[str, Any]:
    """The last entry of the trace."""
    return made.trace.entries[-1]
