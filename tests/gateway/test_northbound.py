"""Clients that fail at the Router: what they see is nginx's, and the verdict names what is wrong."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gateway_world as world
from whytls.edge.resources import TlsInfo, VirtualHost
from whytls.gateway.dataplane import DataPlane, Places

FRONT = TlsInfo(enabled=True, key_store="ref://front", key_alias="api")
MUTUAL = replace(FRONT, client_auth_enabled=True, trust_store="ref://trust")
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def served(host: TlsInfo = FRONT, plain: bool = False, **changes: Any) -> DataPlane:
    """A data plane in front of a target that nobody reaches: what happens northbound happens before."""
    given = {name: changes.pop(name) for name in ("aliases", "listen", "properties") if name in changes}
    return world.plane(world.environment(1, None, host=host, plain=plain, **given), connect_timeout=0.5, **changes)


async def settled(plane: DataPlane) -> dict[str, Any]:
    """The trace's last entry, once it is there."""
    for _ in range(200):
        if plane.trace.entries:
            return world.last(plane)
        await asyncio.sleep(0.01)
    raise AssertionError("nothing in the trace")


def failing(context: ssl.SSLContext, host: TlsInfo = FRONT, name: str | None = "api.example.test", **changes: Any) -> tuple[str, dict[str, Any]]:
    """A client whose handshake does not go through: its error, and the trace."""

    async def run() -> tuple[str, dict[str, Any]]:
        async with served(host, **changes) as plane:
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)) as error:
                await world.request(plane, context=context, name=name)
            return str(error.value), await settled(plane)

    return asyncio.run(run())


def test_a_name_of_nobody_is_refused_with_unrecognized_name() -> None:
    error, entry = failing(world.client_context(None), name="other.example.test")
    assert "UNRECOGNIZED_NAME" in error.upper().replace(" ", "_")
    assert (entry["diagnosis"]["cause"], entry["diagnosis"]["confidence"]) == ("sni-unknown", "proven")
    assert entry["server_name"] == "other.example.test"
    assert "handshake rejected while SSL handshaking" in entry["log"]


def test_a_name_of_nobody_gets_the_default_certificate_where_there_is_one() -> None:
    async def run() -> None:
        async with served(unmatched="default", default=("front", "api")) as plane:
            response = await world.request(plane, context=world.client_context(None), name="other.example.test")
            assert response.status in (503, 404)

    asyncio.run(run())


def test_no_name_is_served_where_one_virtual_host_has_the_port_and_refused_where_several_have() -> None:
    async def run() -> None:
        async with served() as plane:
            assert (await world.request(plane, context=world.client_context(None), name=None)).status == 503
            second = VirtualHost("other", 443, ("other.example.test",), tls=FRONT)
            await plane.update(plane.environment._replace(virtual_hosts=(*plane.environment.virtual_hosts, second)))
            with pytest.raises(ssl.SSLError):
                await world.request(plane, context=world.client_context(None), name=None)
            assert world.last(plane)["diagnosis"]["cause"] == "sni-missing"

    asyncio.run(run())


def test_a_version_that_the_router_does_not_have() -> None:
    error, entry = failing(world.client_context(maximum_version=ssl.TLSVersion.TLSv1), protocols=("TLSv1.2",))
    assert "PROTOCOL_VERSION" in error.upper().replace(" ", "_")
    assert (entry["diagnosis"]["cause"], entry["diagnosis"]["hop"]) == ("protocol-mismatch", "northbound")


def test_the_virtual_hosts_protocols_narrow_the_routers() -> None:
    limited = (("ssl_protocols", "TLSv1.2"),)
    _, entry = failing(world.client_context(maximum_version=ssl.TLSVersion.TLSv1), properties=limited)
    assert entry["diagnosis"]["cause"] == "protocol-mismatch"
    _, entry = failing(world.client_context(minimum_version=V13), properties=(("ssl_protocols", "TLSv1.3"),))  # which the Router has not
    assert entry["diagnosis"] is None or entry["diagnosis"]["hop"] == "northbound"


def test_no_suite_in_common() -> None:
    context = world.client_context(maximum_version=V12)
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    _, entry = failing(context, properties=(("ssl_ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"),))
    assert (entry["diagnosis"]["cause"], entry["diagnosis"]["failing_side"]) == ("cipher-mismatch", "server")


@pytest.mark.parametrize("version", [V12, V13], ids=["TLS 1.2", "TLS 1.3"])
def test_a_client_that_does_not_trust_the_router(version: ssl.TLSVersion) -> None:
    context = world.client_context(world.OTHER_ROOT, minimum_version=version, maximum_version=version)
    error, entry = failing(context, protocols=("TLSv1.2", "TLSv1.3"))
    assert "CERTIFICATE_VERIFY_FAILED" in error
    assert entry["diagnosis"]["cause"] in ("certificate-untrusted", "chain-incomplete")
    assert entry["diagnosis"]["failing_side"] == "client"
    assert entry["status"] is None, "there is no HTTP status: the handshake died on the wire"


def test_an_expired_certificate_of_the_router() -> None:
    async def run() -> dict[str, Any]:
        expired = world.issue("api.example.test", world.MIDDLE, san=("api.example.test",), **world.EXPIRED)
        given = world.environment(1, None, stores={"front": world.store("front", api=world.own(expired, world.MIDDLE))})
        async with world.plane(given) as plane:
            with pytest.raises(ssl.SSLError):
                await world.request(plane)
            return await settled(plane)

    entry = asyncio.run(run())
    assert (entry["diagnosis"]["cause"], entry["diagnosis"]["confidence"]) == ("certificate-expired", "proven")


# ------------------------------------------------------------------ client certificates

PAGES = {
    "none": (None, "No required SSL certificate was sent", "client-certificate-missing"),
    "expired": ((world.CLIENT_EXPIRED, world.MIDDLE), "The SSL certificate error", "client-certificate-expired"),
    "of another authority": ((world.CLIENT_OTHER, world.OTHER_ROOT), "The SSL certificate error", "client-certificate-untrusted"),
}


@pytest.mark.parametrize("version", [V12, V13], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("which", PAGES)
def test_a_bad_client_certificate_gets_nginxs_page_after_a_whole_handshake(which: str, version: ssl.TLSVersion, tmp_path: Path) -> None:
    chain, title, cause = PAGES[which]

    async def run() -> tuple[world.Response, dict[str, Any]]:
        identity = world.files(tmp_path, "client", *chain) if chain else None
        context = world.client_context(identity=identity, minimum_version=version, maximum_version=version)
        async with served(MUTUAL, protocols=("TLSv1.2", "TLSv1.3")) as plane:
            return await world.request(plane, context=context), await settled(plane)

    response, entry = asyncio.run(run())
    assert response.status == 400
    assert f"<title>400 {title}</title>" in response.body.decode()
    assert response.headers["connection"] == "close"
    assert (response.cause, entry["diagnosis"]["cause"]) == (cause, cause)
    assert (entry["diagnosis"]["confidence"], entry["status"]) == ("proven", 400)


def test_a_good_client_certificate_passes_and_a_bad_one_where_errors_are_ignored(tmp_path: Path) -> None:
    async def run() -> None:
        good = world.client_context(identity=world.files(tmp_path, "good", world.CLIENT, world.MIDDLE))
        other = world.client_context(identity=world.files(tmp_path, "other", world.CLIENT_OTHER, world.OTHER_ROOT))
        async with served(MUTUAL) as plane:
            assert (await world.request(plane, context=good)).status == 503
        async with served(replace(MUTUAL, ignore_validation_errors=True)) as plane:
            assert (await world.request(plane, context=other)).status == 503
            assert (await world.request(plane)).status == 400, "one is still required"

    asyncio.run(run())


def test_the_client_check_of_one_virtual_host_is_not_got_round_by_the_host_field() -> None:
    async def run() -> None:
        async with served() as plane:
            locked = VirtualHost("locked", 443, ("locked.example.test",), tls=MUTUAL)
            await plane.update(plane.environment._replace(virtual_hosts=(*plane.environment.virtual_hosts, locked)))
            raw = b"GET /weather HTTP/1.1\r\nHost: locked.example.test\r\n\r\n"
            assert (await world.request(plane, raw=raw)).status == 421

    asyncio.run(run())


# ------------------------------------------------------------------ not TLS


def test_plain_http_to_the_tls_port_gets_nginxs_page() -> None:
    async def run() -> None:
        async with served() as plane:
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
            writer.write(b"GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
            response = await world.read_response(reader)
            writer.close()
            assert response.status == 400
            assert b"The plain HTTP request was sent to HTTPS port" in response.body
            assert response.cause == "plaintext-to-tls-port"

    asyncio.run(run())


JUNK = [b"", b"\x16", b"\x16\x03\x01\x00", b"\x80\x2e", b"\x16\x03\x01\x40\x00" + b"\x01" * 20, b"\xff" * 100, b"\x16" * 70_000]


@pytest.mark.parametrize("data", JUNK)
def test_anything_else_ends_the_connection_and_nothing_more(data: bytes) -> None:
    async def run() -> None:
        async with served(handshake_timeout=0.5) as plane:
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
            writer.write(data)
            writer.write_eof()
            with suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), 5)
            writer.close()
            assert (await world.request(plane)).status == 503

    asyncio.run(run())


def test_a_health_check_that_connects_and_goes_is_no_failure() -> None:
    async def run() -> None:
        async with served() as plane:
            _, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
            writer.close()
            await writer.wait_closed()
            await world.request(plane)
            assert {entry["hop"] for entry in plane.trace.entries} == {"southbound"}

    asyncio.run(run())


def test_who_stands_behind_a_load_balancer_is_known_from_the_proxy_protocol() -> None:
    async def run() -> None:
        with world.backend() as backend:
            given = world.environment(backend.port, None, listen=("proxy_protocol",), plain=True)
            async with world.plane(given) as plane:
                reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
                writer.write(b"PROXY TCP4 203.0.113.7 10.0.0.1 5555 443\r\nGET /weather HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
                assert (await world.read_response(reader)).status == 200
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
                writer.write(b"GET /weather HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
                assert await reader.read() == b"", "without the header it is closed"
                writer.close()
            assert b"x-forwarded-for: 203.0.113.7\r\n" in backend.requests[0]

    asyncio.run(run())


def test_the_access_log_is_named_and_escaped_as_nginx_does(tmp_path: Path) -> None:
    async def run() -> None:
        given = world.environment(1, None)
        async with world.plane(given, Places(logs=tmp_path)) as plane:
            await world.request(plane, raw=b'GET /weather?"\\x HTTP/1.1\r\nHost: api.example.test\r\nUser-Agent: a"b\r\n\r\n')

    asyncio.run(run())
    text = (tmp_path / "org~test.443_access_log").read_text()
    assert '"GET /weather?\\x22\\x5Cx HTTP/1.1" 503' in text
    assert '"a\\x22b" secure ' in text


# ------------------------------------------------------------------ how clients go


def test_a_client_that_looks_at_the_name_after_the_handshake_and_says_farewell(tmp_path: Path) -> None:
    """curl: a close_notify, and the FIN comes later; the Router judges at the first of them."""

    async def run() -> dict[str, Any]:
        front = world.store("front", api=world.own(world.BACKEND_OTHER_NAME, world.MIDDLE))
        async with world.plane(world.environment(1, None, stores={"front": front})) as plane:
            context = world.client_context()
            context.check_hostname = False
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            made = context.wrap_bio(incoming, outgoing, server_hostname="api.example.test")
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
            while True:
                try:
                    made.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(1 << 14))
            with suppress(ssl.SSLWantReadError):
                made.unwrap()
            writer.write(outgoing.read())  # and no FIN: the connection is kept open on our side
            entry = await settled(plane)
            writer.close()
            return entry

    entry = asyncio.run(run())
    assert (entry["diagnosis"]["cause"], entry["diagnosis"]["failing_side"]) == ("certificate-name-mismatch", "client")
