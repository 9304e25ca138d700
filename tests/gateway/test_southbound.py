"""Targets that fail: what the caller gets is Edge's, and the verdict is the one for what is really wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gateway_world as world
from authority import issue
from whytls.edge.resources import TargetServer, TlsInfo

PLAIN = TlsInfo(enabled=True, trust_store="ref://trust")
MUTUAL = replace(PLAIN, client_auth_enabled=True, key_store="own", key_alias="me")
MODERN = {"highest": ssl.TLSVersion.TLSv1_3, "lowest": ssl.TLSVersion.TLSv1_3}
OLD = {"highest": ssl.TLSVersion.TLSv1}


class Case(NamedTuple):
    """A target and what comes of calling it."""

    chain: tuple[Any, ...] = (world.BACKEND, world.MIDDLE)
    info: TlsInfo = PLAIN
    server: dict[str, Any] = {}  # noqa: RUF012 -- read only
    own: tuple[Any, ...] = ()
    sni: bool = False
    name_needed: bool = False
    status: int = 503
    code: str = "SslHandshakeFailed"
    words: str = ""  # in the faultstring
    cause: str = ""
    log: str = ""  # in the trace's error.cause
    confidence: str = "proven"


CASES = {
    "expired": Case((world.BACKEND_EXPIRED, world.MIDDLE), cause="certificate-expired", words="validity check failed"),
    "expired, TLS 1.3": Case((world.BACKEND_EXPIRED, world.MIDDLE), server=MODERN, cause="certificate-expired", words="validity check failed"),
    "untrusted": Case(
        (issue("backend.example.test", world.OTHER_ROOT, san=(world.HOST,), **world.VALID), world.OTHER_ROOT),
        cause="certificate-untrusted",
        words="SSL Handshake failed sun.security.validator.ValidatorException: PKIX path building failed: sun.security.provider.certpath."
        "SunCertPathBuilderException: unable to find valid certification path to requested target",
    ),
    "incomplete": Case((world.BACKEND,), cause="chain-incomplete", words="PKIX path building failed"),
    "incomplete, TLS 1.3": Case((world.BACKEND,), server=MODERN, cause="chain-incomplete", words="PKIX path building failed"),
    "another name, enforced": Case(
        (world.BACKEND_OTHER_NAME, world.MIDDLE),
        replace(PLAIN, enforce=True),
        sni=True,
        cause="certificate-name-mismatch",
        words="java.security.cert.CertificateException: No subject alternative DNS name matching backend.example.test found.",
    ),
    "old version": Case(server=OLD, cause="protocol-mismatch", code="ServiceUnavailable", log="Received fatal alert: protocol_version"),
    "no common suite": Case(
        info=replace(PLAIN, ciphers=("TLS_RSA_WITH_AES_128_GCM_SHA256",), protocols=("TLSv1.2",)),
        sni=True,
        cause="cipher-mismatch",
        code="ServiceUnavailable",
        log="Received fatal alert: handshake_failure",
        confidence="likely",
    ),
    "no server_name": Case(name_needed=True, cause="sni-missing", code="ServiceUnavailable", log="Received fatal alert: unrecognized_name"),
    "no client certificate": Case(
        server={"trust": world.ROOT}, cause="client-certificate-missing", code="ServiceUnavailable", log="Received fatal alert: handshake_failure"
    ),
    "no client certificate, TLS 1.3": Case(
        server={"trust": world.ROOT, **MODERN},
        cause="client-certificate-missing",
        code="ServiceUnavailable",
        log="Received fatal alert: certificate_required",
    ),
    "expired client certificate": Case(
        info=MUTUAL,
        own=(world.CLIENT_EXPIRED, world.MIDDLE),
        server={"trust": world.ROOT},
        code="ServiceUnavailable",
        cause="client-certificate-expired",
        log="Received fatal alert: certificate_expired",
    ),
    "expired client certificate, TLS 1.3": Case(
        info=MUTUAL,
        own=(world.CLIENT_EXPIRED, world.MIDDLE),
        server={"trust": world.ROOT, **MODERN},
        code="ServiceUnavailable",
        cause="client-certificate-expired",
        log="Received fatal alert: certificate_expired",
    ),
}


def cases() -> list[Any]:
    return [pytest.param(case, id=name) for name, case in CASES.items()]


async def called(case: Case, folder: Path) -> tuple[world.Response, dict[str, Any]]:
    context = world.server_context(folder, *case.chain, **case.server)
    if case.name_needed:
        world.needs_name(context)
    stores = {"own": world.store("own", me=world.own(*case.own))} if case.own else {}
    with world.backend(context) as backend:
        async with world.plane(world.environment(backend.port, case.info, stores=stores), sni=case.sni) as plane:
            return await world.request(plane), world.last(plane)


@pytest.mark.parametrize("case", cases())
def test_the_fault_is_edges_and_the_cause_is_what_is_wrong(case: Case, tmp_path: Path) -> None:
    response, entry = asyncio.run(called(case, tmp_path))
    assert (response.status, response.code) == (case.status, case.code)
    assert response.headers["content-type"] == "application/json"
    assert case.words in response.body.decode()
    diagnosis = entry["diagnosis"]
    assert (diagnosis["cause"], diagnosis["confidence"], diagnosis["hop"]) == (case.cause, case.confidence, "southbound")
    assert response.cause == case.cause
    assert case.log in entry["error.cause"]
    assert entry["fault"].endswith(case.code)
    assert diagnosis["related"], "the request that waited"


def test_a_client_certificate_is_shown_and_taken(tmp_path: Path) -> None:
    async def run() -> None:
        for server in ({}, MODERN):
            with world.backend(world.server_context(tmp_path, trust=world.ROOT, **server)) as backend:
                stores = {"own": world.store("own", me=world.own(world.CLIENT, world.MIDDLE))}
                async with world.plane(world.environment(backend.port, MUTUAL, stores=stores)) as plane:
                    assert (await world.request(plane)).body == b"hello"
                    assert not plane.trace.entries

    asyncio.run(run())


@pytest.mark.parametrize(
    ("info", "chain"),
    [
        (TlsInfo(enabled=True), (world.BACKEND_EXPIRED,)),  # no truststore: Edge checks nothing
        (replace(PLAIN, ignore_validation_errors=True), (world.BACKEND_EXPIRED,)),
        (PLAIN, (world.BACKEND_OTHER_NAME, world.MIDDLE)),  # Edge compares no names
        (replace(PLAIN, enforce=True), (world.BACKEND, world.MIDDLE)),
    ],
    ids=["no truststore", "ignored", "another name", "enforced and right"],
)
def test_what_edge_does_not_mind_passes(info: TlsInfo, chain: tuple[Any, ...], tmp_path: Path) -> None:
    async def run() -> None:
        with world.backend(world.server_context(tmp_path, *chain)) as backend:
            async with world.plane(world.environment(backend.port, info)) as plane:
                assert (await world.request(plane)).status == 200

    asyncio.run(run())


def test_the_sni_switch(tmp_path: Path) -> None:
    async def run(sni: bool) -> list[str | None]:
        names: list[str | None] = []
        context = world.server_context(tmp_path)
        context.sni_callback = lambda sock, name, used: names.append(name)
        with world.backend(context) as backend:
            async with world.plane(world.environment(backend.port, PLAIN), sni=sni) as plane:
                assert (await world.request(plane)).status == 200
        return names

    assert asyncio.run(run(True)) == [world.HOST]
    assert asyncio.run(run(False)) == [None]


# ------------------------------------------------------------------ not TLS, or not there


def of_handler(handler: Callable[[socket.socket], None], info: TlsInfo | None = PLAIN, **changes: Any) -> tuple[world.Response, dict[str, Any]]:
    async def run() -> tuple[world.Response, dict[str, Any]]:
        with world.backend(handler=handler) as backend:
            async with world.plane(world.environment(backend.port, info), **changes) as plane:
                return await world.request(plane), world.last(plane)

    return asyncio.run(run())


def silent(made: socket.socket) -> None:
    while made.recv(4096):
        pass


def test_a_target_that_says_nothing_to_a_hello_is_a_bad_gateway() -> None:
    response, entry = of_handler(silent, handshake_timeout=1.2)
    assert (response.status, response.code, response.cause) == (502, "BadGateway", "handshake-timeout")
    assert entry["diagnosis"]["confidence"] == "proven", "the kernel knows that the hello was acknowledged"


def test_a_target_that_takes_the_request_and_says_nothing_is_a_gateway_timeout() -> None:
    response, entry = of_handler(silent, None, io_timeout=0.3)
    assert (response.status, response.code) == (504, "GatewayTimeout")
    assert entry["diagnosis"] is None


def test_a_target_that_resets() -> None:
    def handler(made: socket.socket) -> None:
        made.recv(1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    response, entry = of_handler(handler)
    assert (response.code, response.cause) == ("ServiceUnavailable", "connection-reset")
    assert entry["diagnosis"]["shape"] == "OoCb"


def test_plain_http_spoken_by_the_target() -> None:
    response, _ = of_handler(lambda made: (made.recv(9999), made.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))[1])
    assert (response.status, response.code, response.cause) == (503, "SslHandshakeFailed", "tls-to-plaintext-port")


def test_plain_http_spoken_to_a_tls_port(tmp_path: Path) -> None:
    """The target server whose SSLInfo was forgotten: the backend answers with an alert, or closes."""

    async def run() -> tuple[world.Response, dict[str, Any]]:
        with world.backend(world.server_context(tmp_path)) as backend:
            async with world.plane(world.environment(backend.port, None)) as plane:
                return await world.request(plane), world.last(plane)

    response, entry = asyncio.run(run())
    assert (response.status, response.code, response.cause) == (502, "UnexpectedEOFAtTarget", "plaintext-to-tls-port")
    assert entry["isTlsEnabled"] is False


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    async def run() -> tuple[world.Response, dict[str, Any]]:
        async with world.plane(world.environment(port, PLAIN)) as plane:
            return await world.request(plane), world.last(plane)

    response, entry = asyncio.run(run())
    assert (response.status, response.code, response.cause) == (503, "ServiceUnavailable", "connection-refused")
    assert entry["tlsHandshakeStatus"] == "FAILED"


def test_a_name_that_is_not_known_is_no_matter_of_tls() -> None:
    async def run() -> tuple[world.Response, dict[str, Any]]:
        async with world.plane(world.environment(443, PLAIN, url="https://nowhere.invalid")) as plane:
            return await world.request(plane), world.last(plane)

    response, entry = asyncio.run(run())
    assert (response.status, response.code, response.cause) == (503, "ServiceUnavailable", "none")
    assert entry["diagnosis"] is None
    assert "nowhere.invalid" in entry["error.cause"]


def test_settings_that_make_no_handshake_fail_before_a_byte_is_sent() -> None:
    info = replace(PLAIN, protocols=("TLSv1",))

    async def run() -> world.Response:
        async with world.plane(world.environment(443, info), disabled_protocols=("TLSv1", "TLSv1.1")) as plane:
            return await world.request(plane)

    response = asyncio.run(run())
    assert response.code == "SslHandshakeFailed"
    assert b"No appropriate protocol (protocol is disabled or cipher suites are inappropriate)" in response.body


def test_no_proxy_at_that_path(tmp_path: Path) -> None:
    async def run() -> world.Response:
        async with world.plane(world.environment(443, PLAIN)) as plane:
            return await world.request(plane, "/elsewhere")

    response = asyncio.run(run())
    assert (response.status, response.code) == (404, "ApplicationNotFound")


# ------------------------------------------------------------------ target servers


def test_load_is_balanced_and_a_server_that_fails_is_passed_over(tmp_path: Path) -> None:
    async def run() -> None:
        good, other = world.backend(world.server_context(tmp_path)), world.backend(world.server_context(tmp_path))
        bad = world.backend(world.server_context(tmp_path, world.BACKEND_EXPIRED, world.MIDDLE))
        with good as one, other as two, bad as three:
            servers = tuple(TargetServer(f"ts{i}", world.HOST, b.port, True, PLAIN) for i, b in enumerate((one, two, three), 1))
            async with world.plane(world.environment(0, PLAIN, servers=servers)) as plane:
                for _ in range(6):
                    assert (await world.request(plane)).status == 200
                assert min(len(one.requests), len(two.requests)) >= 2
                assert {entry["target_server"] for entry in plane.trace.entries} == {"ts3"}
                assert {entry["diagnosis"]["cause"] for entry in plane.trace.entries} == {"certificate-expired"}
                await plane.update(plane.environment._replace(target_servers=tuple(replace(s, enabled=s.name == "ts3") for s in servers)))
                assert (await world.request(plane)).cause == "certificate-expired"
                await plane.update(plane.environment._replace(target_servers=()))
                response = await world.request(plane)
                assert (response.status, response.code) == (503, "NoActiveTargets")

    asyncio.run(run())


def test_a_target_server_without_sslinfo_is_called_in_plain_text(tmp_path: Path) -> None:
    async def run() -> None:
        with world.backend() as backend:
            server = TargetServer("ts", world.HOST, backend.port)
            async with world.plane(world.environment(0, None, servers=(server,))) as plane:
                assert (await world.request(plane)).body == b"hello"

    asyncio.run(run())
