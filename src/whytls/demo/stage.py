"""The stage: a gateway that runs, its Management API, and what a row of the demonstration does with them.

The gateway has an event loop of its own in a thread; a row is plain code that waits for what it asked for. Everything that the gateway
is configured with goes through its Management API, as on Edge, and only a Message Processor's properties through their file and a restart.
"""

from __future__ import annotations

import asyncio
import io
import json
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

from whytls.demo.authority import Chain, Issued, pem
from whytls.demo.backend import Backend, Setup
from whytls.demo.caller import Answer, Client, Kind, call
from whytls.demo.tcpdump import tcpdump
from whytls.edge.client import ManagementApi
from whytls.edge.environment import Environment
from whytls.edge.resources import Reference, TargetServer, TlsInfo, VirtualHost, referred
from whytls.exceptions import InputError

if TYPE_CHECKING:
    from whytls.gateway.up import Running

Recorder = Literal["own", "tcpdump"]
FIRST_PORT, PORTS = 9443, 64  # of virtual hosts, as the configuration has them; they are listened on at free ones
PATIENCE = 10.0  # seconds until a change has to have arrived at Router and Message Processor
HOST = "backend.example.test"  # all backends, on different ports
PCAP_HEADER = 24  # bytes
SNI = "conf_system_jsse.enableSNIExtension"


class Stage:
    """A running gateway, and the backends in front of which it stands."""

    def __init__(
        self, folder: Path, kind: Kind, gateway: Running, loop: asyncio.AbstractEventLoop, api: ManagementApi, recorder: Recorder = "own"
    ) -> None:
        self.folder, self.kind, self.gateway, self.api, self.recorder = folder, kind, gateway, api, recorder
        self._loop, self._backends, self._port = loop, list[Backend](), FIRST_PORT

    # ------------------------------------------------------------------ what there is

    def backend(self, name: str, setup: Setup) -> Backend:
        """A new backend."""
        made = Backend(name, setup, self.folder)
        self._backends.append(made)
        return made

    def call(self, client: Client, host: str, port: int, path: str) -> Answer:
        """A call of that client to a virtual host's port, as the configuration has it."""
        return call(self.kind, client, host, self.gateway.ports[port], path, self.folder)

    def keystore(self, name: str, alias: str, chain: Chain, *, key: bool) -> None:
        """A new keystore with one alias, or without the key a truststore."""
        self.api.create_keystore(name)
        self.api.add_pem(name, alias, pem(chain), chain[0].key_pem if key else None, expired=True)

    def reference(self, name: str, keystore: str) -> str:
        """A new reference; how a configuration names it."""
        self.api.create_reference(Reference(name, keystore, "KeyStore"))
        return f"ref://{name}"

    def truststore(self, name: str, *trusted: Issued) -> str:
        """A truststore of these behind a reference of its name; how a configuration names that."""
        self.api.create_keystore(f"{name}-1")
        for number, one in enumerate(trusted, 1):
            self.api.add_pem(f"{name}-1", f"ca{number}", one.pem)
        return self.reference(name, f"{name}-1")

    def identity(self, name: str, alias: str, chain: Chain) -> str:
        """A keystore with a key behind a reference of its name; how a configuration names that."""
        self.keystore(f"{name}-1", alias, chain, key=True)
        return self.reference(name, f"{name}-1")

    def virtual_host(self, name: str, alias: str, tls: TlsInfo, properties: tuple[tuple[str, str], ...] = (), port: int = 0) -> VirtualHost:
        """A new virtual host, on a port of its own unless one is given."""
        if not port:
            port, self._port = self._port, self._port + 1
        made = VirtualHost(name, port, (alias,), tls=tls, properties=properties)
        self.api.create_virtual_host(made)
        return made

    def proxy(self, name: str, port: int, tls: TlsInfo) -> TargetServer:
        """A new target server, and a proxy of the same name and path that calls it."""
        made = TargetServer(name, HOST, port, True, tls)
        self.api.create_target_server(made)
        self.api.deploy(name, self.api.import_proxy(name, _bundle(name)))
        return made

    # ------------------------------------------------------------------ what is changed

    def properties(self, line: str) -> tuple[str, ...]:
        """Writes a line of ``message-processor.properties``; it counts after a restart. As a line for people."""
        path = self.folder / "customer" / "application" / "message-processor.properties"
        path.write_text(f"{line}\n", encoding="ascii")
        return (f"+ {line}",)

    def restart(self, component: str) -> tuple[str, ...]:
        """Restarts the router or the message-processor; as a line for people."""
        self._asked(f"/restart/{component}", b"")
        return (f"  restart of the {component}",)

    def sni(self, on: bool) -> None:
        """Sees that the Message Processor's switch stands so."""
        if self.gateway.plane.processor.settings.sni != on:
            self.properties(f"{SNI}={'true' if on else 'false'}")
            self.restart("message-processor")

    # ------------------------------------------------------------------ what is seen

    def settle(self) -> None:
        """Waits until Router and Message Processor work with what the Management API holds.

        Raises:
            InputError: they do not within ``PATIENCE``.
        """
        try:
            asyncio.run_coroutine_threadsafe(_arrived(self.gateway), self._loop).result(PATIENCE)
        except TimeoutError:
            raise InputError("a change did not arrive at the gateway", hint="is this machine very busy? try again") from None

    @contextmanager
    def recorded(self, name: str, ports: Sequence[int]) -> Iterator[None]:
        """What passes while the block runs is a recording of its own, ``rows/NAME.pcap``: cut out of the gateway's, or by tcpdump."""
        if self.recorder == "tcpdump":
            with tcpdump(self.cut(name), ports):
                yield
            return
        whole = self.flushed()
        since = whole.stat().st_size
        yield
        self.flushed()
        with whole.open("rb") as file:
            head = file.read(PCAP_HEADER)
            file.seek(since)
            self.cut(name).write_bytes(head + file.read())

    def cut(self, name: str) -> Path:
        """Where that is."""
        folder = self.folder / "rows"
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.pcap"

    def topology(self) -> dict[str, list[str]]:
        """Who is who on loopback, in the words of a ``whytls.toml``."""
        return {"router": [f"127.0.0.1:{port}" for port in self.gateway.ports.values()], "backend": ["127.0.0.1"]}

    def flushed(self) -> Path:
        """The recording, with all that has passed so far."""
        recorder = self.gateway.plane.recorder
        if recorder is None:
            raise InputError("this gateway records nothing")

        async def flush() -> None:
            recorder.flush()

        asyncio.run_coroutine_threadsafe(flush(), self._loop).result(PATIENCE)
        return Path(recorder.path)

    def trace(self, since: int = 0) -> list[dict[str, Any]]:
        """The gateway's own trace behind an entry."""
        return [json.loads(line) for line in self._asked(f"/trace?since={since}").splitlines()]

    def environment(self, hosts: Sequence[str], servers: Sequence[str]) -> Environment:
        """Some virtual hosts and target servers as the Management API shows them, with the stores that they name."""
        found = {name: self.api.virtual_host(name) for name in hosts}
        called = {name: self.api.target_server(name) for name in servers}
        infos = [tls for tls in (*(one.tls for one in found.values()), *(one.tls for one in called.values())) if tls is not None]
        named = {referred(value) for info in infos for value in (info.key_store, info.trust_store) if value}
        references = {name: self.api.reference(name) for name in sorted(named)}
        stores = {one.refers: self.api.whole_keystore(one.refers) for one in references.values()}
        return Environment(str(self.api.at), self.api.at.organization, self.api.at.environment, "edge", stores, references, found, called)

    def close(self) -> None:
        """Ends the backends."""
        for one in self._backends:
            one.close()

    def _asked(self, path: str, data: bytes | None = None) -> bytes:
        asked = urllib.request.Request(self.gateway.management + path, data, {"Authorization": f"Bearer {self.gateway.token}"})  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is reached without a proxy
        with opener.open(asked, timeout=PATIENCE) as response:
            answer: bytes = response.read()
        return answer


async def _arrived(gateway: Running) -> None:
    from whytls.gateway.loading import environment
    from whytls.gateway.store import Scope

    wanted = await asyncio.to_thread(environment, gateway.store, Scope("local", "test"))
    while gateway.plane.environment != wanted or {host.port for host in wanted.virtual_hosts} - set(gateway.ports):
        await asyncio.sleep(0.005)


@contextmanager
def staged(folder: Path, kind: Kind, warn: Callable[[str], None], recorder: Recorder = "own") -> Iterator[Stage]:
    """A stage over that folder for as long as the block runs.

    Raises:
        InputError: the gateway cannot be started.
    """
    from whytls.edge.address import management_address
    from whytls.edge.credentials import Credentials
    from whytls.edge.transport import Transport
    from whytls.gateway.settings import ProcessorSettings, Settings
    from whytls.gateway.up import Wanted
    from whytls.pki.password import Password

    processor = ProcessorSettings(hosts={HOST: "127.0.0.1"}, io_timeout=PATIENCE)
    settings = Settings(processor=processor, ports={FIRST_PORT + number: 0 for number in range(PORTS)})
    with ExitStack() as stack:
        gateway, loop = stack.enter_context(_running(Wanted(folder, settings, management_port=0, record=True), warn))
        who = Credentials("the gateway's own", user=gateway.user, password=Password.of(gateway.token))
        at = management_address(f"{gateway.management}/v1/o/local/e/test")
        transport = stack.enter_context(Transport(at.base, who, writable=True))
        stage = Stage(folder, kind, gateway, loop, ManagementApi(transport, at), recorder)
        stack.callback(stage.close)
        yield stage


@contextmanager
def _running(wanted: Any, warn: Callable[[str], None]) -> Iterator[tuple[Running, asyncio.AbstractEventLoop]]:
    """A gateway with an event loop in a thread of its own."""
    from whytls.gateway.up import running

    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    there, told = threading.Event(), list[Any]()

    async def serve() -> None:
        try:
            async with running(wanted, warn) as gateway:
                told.append(gateway)
                there.set()
                await stop.wait()
        except Exception as error:
            told.append(error)
            raise
        finally:
            there.set()

    def main() -> None:
        try:
            loop.run_until_complete(serve())
        except Exception as error:
            if told[-1] is not error:
                warn(str(error))
        finally:
            loop.close()

    thread = threading.Thread(target=main, name="gateway", daemon=True)
    thread.start()
    there.wait()
    if isinstance(told[0], Exception):
        thread.join()
        raise told[0]
    try:
        yield told[0], loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


def _bundle(name: str) -> bytes:
    """A proxy at ``/NAME`` that calls the target server NAME."""
    made = io.BytesIO()
    inner = f"<HTTPProxyConnection><BasePath>/{escape(name)}</BasePath></HTTPProxyConnection>"
    route = '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>'
    balanced = f"<HTTPTargetConnection><LoadBalancer><Server name={quoteattr(name)}/></LoadBalancer></HTTPTargetConnection>"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"apiproxy/{name}.xml", f"<APIProxy name={quoteattr(name)}/>")
        archive.writestr("apiproxy/proxies/default.xml", f'<ProxyEndpoint name="default">{inner}{route}</ProxyEndpoint>')
        archive.writestr("apiproxy/targets/default.xml", f'<TargetEndpoint name="default">{balanced}</TargetEndpoint>')
    return made.getvalue()
