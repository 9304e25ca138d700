"""All of it together: resources are made through the Management API, a call fails as Edge's does, the API mends it, the call succeeds."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

import gateway_world as world
from whytls.api import diagnose
from whytls.exceptions import InputError, UsageError
from whytls.gateway.settings import Settings
from whytls.gateway.up import Running, Wanted, running

PROXY = b"""<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/weather</BasePath><VirtualHost>secure</VirtualHost></HTTPProxyConnection>
<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>"""
TARGET = b"""<TargetEndpoint name="default"><HTTPTargetConnection>
<LoadBalancer><Server name="ts1"/></LoadBalancer></HTTPTargetConnection></TargetEndpoint>"""


def bundle() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("apiproxy/weather.xml", b'<APIProxy name="weather"/>')
        archive.writestr("apiproxy/proxies/default.xml", PROXY)
        archive.writestr("apiproxy/targets/default.xml", TARGET)
    return made.getvalue()


class Api:
    """Calls of the Management API, in threads."""

    def __init__(self, gateway: Running) -> None:
        self._base, self._token = gateway.management, gateway.token

    async def __call__(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, kind: str = "application/json") -> Any:
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        return await asyncio.to_thread(self._call, method, path if path.startswith("/") else f"/v1/o/local/e/test/{path}", data, kind)

    def _call(self, method: str, path: str, data: bytes | None, kind: str) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", **({"Content-Type": kind} if data is not None else {})}
        asked = urllib.request.Request(self._base + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=10) as response:
            text = response.read()
        return [json.loads(line) for line in text.splitlines()] if path.startswith("/trace") else json.loads(text)

    async def upload(self, store: str, alias: str, chain: tuple[world.Issued, ...], *, key: bool) -> None:
        parts = {"certFile": "".join(one.pem for one in chain)} | ({"keyFile": world.key_pem(chain[0])} if key else {})
        head = '--x\r\nContent-Disposition: form-data; name="{0}"; filename="{0}.pem"\r\n\r\n{1}\r\n'
        text = "".join(head.format(name, value) for name, value in parts.items()) + "--x--\r\n"
        path = f"keystores/{store}/aliases?alias={alias}&format=keycertfile&ignoreExpiryValidation=true"
        await self("POST", path, text.encode(), "multipart/form-data; boundary=x")


async def furnished(api: Api, port: int) -> None:
    """One virtual host, one target server, one proxy; the truststore holds the wrong root."""
    for store, alias, chain, key in (("front1", "api", (world.API, world.MIDDLE), True), ("trust1", "root", (world.OTHER_ROOT,), False)):
        await api("POST", "keystores", {"name": store})
        await api.upload(store, alias, chain, key=key)
    for reference, store in (("front", "front1"), ("trust", "trust1")):
        await api("POST", "references", {"name": reference, "refers": store, "resourceType": "KeyStore"})
    info = {"enabled": "true", "keyStore": "ref://front", "keyAlias": "api"}
    await api("POST", "virtualhosts", {"name": "secure", "port": "443", "hostAliases": ["api.example.test"], "sSLInfo": info})
    info = {"enabled": "true", "trustStore": "ref://trust"}
    await api("POST", "targetservers", {"name": "ts1", "host": world.HOST, "port": port, "isEnabled": True, "sSLInfo": info})
    await api("POST", "/v1/o/local/apis?action=import&name=weather", bundle(), "application/octet-stream")
    await api("POST", "apis/weather/revisions/1/deployments", b"", "application/x-www-form-urlencoded")


async def called(gateway: Running, until: Any) -> world.Response:
    """Calls until the change has arrived: the API answers when it is stored, and the Router is told in the same moment."""
    for _ in range(100):
        try:
            response = await world.request(gateway.plane)
            if until(response):
                return response
        except (KeyError, OSError):
            pass
        await asyncio.sleep(0.02)
    return response


def wanted(folder: Path, **changes: Any) -> Wanted:
    return Wanted(folder, world.settings(), management_port=0)._replace(**changes)


def complain(text: str) -> None:
    raise AssertionError(text)


def test_a_call_fails_the_api_mends_it_and_the_call_succeeds(tmp_path: Path) -> None:
    async def run() -> None:
        with world.backend(world.server_context(tmp_path, world.BACKEND, world.MIDDLE)) as backend:
            async with running(wanted(tmp_path / "gateway", record=True), complain) as gateway:
                api = Api(gateway)
                await furnished(api, backend.port)
                response = await called(gateway, lambda r: r.status == 503)
                assert (response.status, response.code) == (503, "SslHandshakeFailed")
                told = (await api("GET", "/trace?hop=southbound"))[-1]
                assert told["diagnosis"]["cause"] == response.cause
                assert (told["truststore"], told["target_server"]) == ("ref://trust", "ts1")

                await api("POST", "keystores", {"name": "trust2"})
                await api.upload("trust2", "root", (world.ROOT,), key=False)
                await api("PUT", "references/trust", {"name": "trust", "refers": "trust2", "resourceType": "KeyStore"})
                assert (await called(gateway, lambda r: r.status == 200)).body == b"hello"
                recorded = gateway.plane.recorder
                assert recorded is not None
                recorded.flush()
                (tmp_path / "trust.pem").write_text(world.OTHER_ROOT.pem)
                known = {"backend": [f":{backend.port}"], "truststore": {"message-processor": str(tmp_path / "trust.pem")}}
                said = next(d for d in diagnose(recorded.path, **known) if d.hop == "southbound")
                assert said.cause == told["diagnosis"]["cause"]
            assert [json.loads(line)["number"] for line in (tmp_path / "gateway/logs/trace.jsonl").read_text().splitlines()]

    asyncio.run(run())


def test_a_gateway_comes_up_again_as_it_was(tmp_path: Path) -> None:
    async def run() -> None:
        with world.backend(world.server_context(tmp_path)) as backend:
            async with running(wanted(tmp_path / "gateway"), complain) as gateway:
                await furnished(Api(gateway), backend.port)
            async with running(wanted(tmp_path / "gateway"), complain) as gateway:
                assert (await called(gateway, lambda r: r.status == 503)).code == "SslHandshakeFailed"

    asyncio.run(run())


def test_properties_are_read_at_a_restart_as_on_edge(tmp_path: Path) -> None:
    async def run() -> None:
        names: list[str | None] = []
        context = world.server_context(tmp_path)
        context.sni_callback = lambda sock, name, used: names.append(name)
        with world.backend(context) as backend:
            async with running(wanted(tmp_path / "gateway"), complain) as gateway:
                api = Api(gateway)
                await furnished(api, backend.port)
                await called(gateway, lambda r: r.status == 503)
                properties = tmp_path / "gateway/customer/application/message-processor.properties"
                properties.write_text("# SNI\nconf_system_jsse.enableSNIExtension=true\n")
                await world.request(gateway.plane)
                assert set(names) == {None}
                await api("POST", "/restart/message-processor")
                await world.request(gateway.plane)
                assert names[-1] == world.HOST
                properties.write_text("conf_system_jsse.enableSNIExtension=perhaps\n")
                with pytest.raises(urllib.error.HTTPError) as refused:
                    await api("POST", "/restart/message-processor")
                assert refused.value.code == 400
                assert b"neither true nor false" in refused.value.read()

    asyncio.run(run())


def test_who_has_no_token_sees_no_trace_and_restarts_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(wanted(tmp_path / "gateway"), complain) as gateway:
            api = Api(gateway._replace(token="guessed"))
            for method, path in (("GET", "/trace"), ("POST", "/restart/router")):
                with pytest.raises(urllib.error.HTTPError) as refused:
                    await api(method, path)
                assert refused.value.code == 401

    asyncio.run(run())


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def run() -> None:
        async with running(wanted(tmp_path / "file"), complain):
            pass

    with pytest.raises(InputError, match="folder"):
        asyncio.run(run())


def test_the_command_runs_restarts_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / "gateway"
    call = [sys.executable, "-m", "whytls", "gateway"]
    process = subprocess.Popen([*call, "up", "--folder", folder, "--management-port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        assert lines[0].startswith("Management API   http://127.0.0.1:")
        restarted = subprocess.run([*call, "restart", "message-processor", "--folder", folder], capture_output=True, text=True, check=False)
        assert (restarted.returncode, restarted.stdout) == (0, "message-processor restarted\n")
        second = subprocess.run([*call, "up", "--folder", folder, "--management-port", "0"], capture_output=True, text=True, check=False, timeout=30)
        assert second.returncode == 2
        assert "another gateway has this store" in second.stderr
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    late = subprocess.run([*call, "restart", "router", "--folder", folder], capture_output=True, text=True, check=False)
    assert late.returncode == 2
    assert "no gateway runs" in late.stderr


@pytest.mark.parametrize(
    "words", [["down"], ["restart", "everything"], ["up", "--port", "x=1"], ["up", "--listen", "0.0.0.0"], ["up", "--resolve", "a=b"], []]
)
def test_calls_that_cannot_be(words: list[str]) -> None:
    from whytls.cli.gateway import run

    with pytest.raises(UsageError):
        run(words)


# ------------------------------------------------------------------ the real nginx


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.stacks
def test_the_real_nginx_as_the_router(tmp_path: Path) -> None:
    assert shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    port = free_port()
    settings: Settings = world.settings(ports={443: port})

    async def ready(gateway: Running) -> None:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return

    async def run() -> None:
        with world.backend(world.server_context(tmp_path)) as backend:
            async with running(wanted(tmp_path / "gateway", settings=settings, router="nginx"), complain) as gateway:
                api = Api(gateway)
                await furnished(api, backend.port)
                await ready(gateway)
                through = gateway._replace(plane=_At(port))  # type: ignore[arg-type]
                response = await called(through, lambda r: r.status == 503)
                assert response.code == "SslHandshakeFailed"
                assert response.headers["server"] == "nginx"
                assert (await api("GET", "/trace"))[-1]["diagnosis"]["hop"] == "southbound"
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.plane._entrance.ports[8998])  # type: ignore[union-attr]
                writer.write(b"GET /weather HTTP/1.1\r\nHost: a\r\nX-Whytls-Virtual-Host: secure\r\n\r\n")
                assert (await world.read_response(reader)).status == 403, "the Message Processor's own door is for the Router only"
                writer.close()
            assert not list((tmp_path / "gateway/nginx").glob("*.pem")), "keys are taken from the disk"

    asyncio.run(run())


class _At:
    """What a test's client needs of a data plane."""

    def __init__(self, port: int) -> None:
        self.ports = {443: port}
