"""The Router's own answers beside those of the real nginx: the same status, the same fields, the same bytes; and its alerts."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from test_up import free_port

import gateway_world as world
from whytls.edge.resources import TlsInfo, VirtualHost
from whytls.exceptions import InputError
from whytls.gateway.environment import Environment, Loaded
from whytls.gateway.nginx import configuration

FRONT = TlsInfo(enabled=True, key_store="ref://front", key_alias="api")
LOCKED = replace(FRONT, client_auth_enabled=True, trust_store="ref://trust")
GET = b"GET /weather HTTP/1.1\r\nHost: %b\r\n\r\n"


def two_hosts() -> Environment:
    given = world.environment(1, None)
    hosts = (VirtualHost("secure", 443, ("api.example.test",), tls=FRONT), VirtualHost("locked", 443, ("locked.example.test",), tls=LOCKED))
    return given._replace(virtual_hosts=hosts)


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    port = free_port()
    (folder / "temp").mkdir()
    settings = world.settings(ports={443: port})
    (folder / "nginx.conf").write_text(configuration(two_hosts(), settings, Loaded(), folder, 1, "token"))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if (folder / "nginx.pid").exists():
                break
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait()


async def raw(port: int, sent: bytes, context: ssl.SSLContext | None, name: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name if context else None)
    writer.write(sent)
    data = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return re.sub(rb"Date: [^\r]*\r\n", b"", data)


def asked(kind: str, folder: Path) -> tuple[bytes, ssl.SSLContext | None, str]:
    anyone = world.client_context(None)
    if kind == "plain":
        return GET % b"api.example.test", None, ""
    if kind == "none":
        return GET % b"locked.example.test", anyone, "locked.example.test"
    if kind == "misdirected":
        return GET % b"locked.example.test", anyone, "api.example.test"
    if kind == "head":
        return b"GET / HTTP/1.1\r\nHost: api.example.test\r\n" + b"X: " + b"y" * 40_000 + b"\r\n\r\n", anyone, "api.example.test"
    if kind == "no host":
        return b"GET / HTTP/1.1\r\n\r\n", anyone, "api.example.test"
    chain = {"expired": (world.CLIENT_EXPIRED, world.MIDDLE), "untrusted": (world.CLIENT_OTHER, world.OTHER_ROOT)}[kind]
    return GET % b"locked.example.test", world.client_context(None, world.files(folder, kind, *chain)), "locked.example.test"


@pytest.mark.stacks
@pytest.mark.parametrize("kind", ["plain", "none", "expired", "untrusted", "misdirected", "head", "no host"])
def test_a_page_is_nginxs_byte_for_byte(kind: str, tmp_path: Path) -> None:
    async def run(real: int) -> tuple[bytes, bytes]:
        sent = asked(kind, tmp_path)
        async with world.plane(two_hosts(), cause_header=False, protocols=("TLSv1.2", "TLSv1.3")) as plane:
            return await raw(plane.ports[443], *sent), await raw(real, *sent)

    with nginx(tmp_path) as port:
        ours, theirs = asyncio.run(run(port))
    assert ours == theirs


@pytest.mark.stacks
@pytest.mark.parametrize(
    ("changes", "name"),
    [({}, "nobody.example.test"), ({"maximum_version": ssl.TLSVersion.TLSv1}, "narrow.example.test")],
    ids=["a name of nobody", "an old version"],
)
def test_an_alert_is_nginxs(changes: dict[str, object], name: str, tmp_path: Path) -> None:
    async def error(port: int) -> str:
        with pytest.raises(ssl.SSLError) as found:
            await raw(port, b"", world.client_context(None, **changes), name)
        return str(found.value.reason)

    async def run(real: int) -> tuple[str, str]:
        async with world.plane(two_hosts(), protocols=("TLSv1.2",)) as plane:
            return await error(plane.ports[443]), await error(real)

    with nginx(tmp_path) as port:
        ours, theirs = asyncio.run(run(port))
    if not changes:
        assert ours == theirs
    assert {ours, theirs} <= {"TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_PROTOCOL_VERSION"}


@pytest.mark.parametrize("wrong", ["a;b", "x y", "$host", "a{", "", "ä.test"])
def test_a_name_cannot_steer_nginxs_configuration(wrong: str, tmp_path: Path) -> None:
    for host in (VirtualHost(wrong, 443, ("a.test",)), VirtualHost("v", 443, (wrong,))):
        with pytest.raises(InputError, match="cannot stand in nginx's configuration"):
            configuration(Environment(virtual_hosts=(host,)), world.settings(), Loaded(), tmp_path, 1, "t")


def test_keys_are_written_for_their_owner_only(tmp_path: Path) -> None:
    configuration(two_hosts(), world.settings(), Loaded(), tmp_path, 1, "t")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.pem")} == {0o600}


# ------------------------------------------------------------------ nginx as the target


@pytest.mark.stacks
def test_a_backend_of_nginx_that_minds_the_client_certificate_answers_400_and_the_verdict_says_so(tmp_path: Path) -> None:
    async def run(real: int) -> tuple[world.Response, str]:
        info = TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.2",))
        given = world.environment(real, info, url=f"https://locked.example.test:{real}")
        hosts = {"locked.example.test": "127.0.0.1"}
        async with world.plane(given, sni=True, hosts=hosts) as plane:
            response = await world.request(plane)
            return response, world.last(plane)["diagnosis"]["cause"]

    with nginx(tmp_path) as port:
        response, cause = asyncio.run(run(port))
    assert (response.status, b"No required SSL certificate was sent" in response.body) == (400, True)
    assert (response.cause, cause) == ("client-certificate-missing", "client-certificate-missing")
