"""The southbound rows: the Message Processor calls a target. Each has a target server, a proxy and a backend of its own behind one virtual host.

What the gateway is to mend goes through its Management API; what the backend's operator is to mend, the demonstration does as that operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from whytls.demo.authority import Issued, cast, issue
from whytls.demo.backend import Backend, Setup
from whytls.demo.caller import Client
from whytls.demo.row import Applied, AtHand, Before, Row, Scene
from whytls.demo.stage import HOST, Stage
from whytls.edge.resources import TlsInfo

FRONT = "secure"  # the virtual host in front of all of them
FRONT_HOST = "api.example.test"
FAILED, UNAVAILABLE = "SslHandshakeFailed", "ServiceUnavailable"  # the Message Processor rejects the backend; the backend rejects it
OURS = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


def _scene(stage: Stage, name: str, backend: Backend, info: TlsInfo, fix: Callable[[], Applied] | AtHand) -> Scene:
    """The row's target server and proxy in front of that backend."""
    stage.proxy(name, backend.port, info)
    port = stage.api.virtual_host(FRONT).port
    call = partial(stage.call, Client((cast()[0].root,)), FRONT_HOST, port, f"/{name}")
    return Scene(call, call, fix, target_server=name, port=backend.port)


def _trusting(stage: Stage, name: str, *roots: Issued) -> TlsInfo:
    return TlsInfo(enabled=True, trust_store=stage.truststore(f"{name}-ts", *(roots or (cast()[0].root,))))


def _by_backend(backend: Backend, text: str, **changes: Any) -> Applied:
    backend.change(backend.setup._replace(**changes))
    return Applied("backend", text)


def _good() -> Setup:
    return Setup(cast()[0].chain(HOST))


def protocol(stage: Stage, name: str) -> Scene:
    """The runbook's own: the backend speaks TLS 1.0 only."""
    backend = stage.backend(name, _good()._replace(highest="TLSv1"))
    return _scene(stage, name, backend, _trusting(stage, name), lambda: _by_backend(backend, "speaks TLS 1.2 now", highest="TLSv1.2"))


def pinned(stage: Stage, name: str) -> Scene:
    """The target server is pinned to a protocol that the backend has given up."""
    backend = stage.backend(name, _good()._replace(lowest="TLSv1.2"))
    info = replace(_trusting(stage, name), protocols=("TLSv1.1",))
    return _scene(stage, name, backend, info, AtHand())


def cipher(stage: Stage, name: str) -> Scene:
    """The target server is limited to a suite that the backend does not have."""
    backend = stage.backend(name, _good()._replace(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"))
    info = replace(_trusting(stage, name), ciphers=(OURS,), protocols=("TLSv1.2",))
    return _scene(stage, name, backend, info, AtHand())


def wrong_name(stage: Stage, name: str) -> Scene:
    """The backend's certificate is something.domain's. Edge does not mind until Enforce says so."""
    backend = stage.backend(name, Setup(cast()[0].chain("something.domain.test")))
    made = _scene(stage, name, backend, _trusting(stage, name), lambda: _by_backend(backend, "certificate with the right name", chain=_good().chain))

    def before() -> Before:
        from whytls.api import check

        answer = made.call()
        found = [problem for result in check(f"127.0.0.1:{backend.port}", expect_host=HOST) for problem in result.problems]
        return Before(answer, next((f"{one.cause}: {one.title}" for one in found if one.cause == "certificate-name-mismatch"), ""))

    def provoke() -> None:
        server = stage.api.target_server(name)
        stage.api.put_target_server(replace(server, tls=replace(server.tls or TlsInfo(), enforce=True)))

    return made._replace(before=before, provoke=provoke)


def incomplete(stage: Stage, name: str) -> Scene:
    """The backend does not send its intermediate."""
    chain = _good().chain
    backend = stage.backend(name, Setup(chain[:1]))
    return _scene(stage, name, backend, _trusting(stage, name), lambda: _by_backend(backend, "sends the complete chain", chain=chain))


def wrong_intermediate(stage: Stage, name: str) -> Scene:
    """The backend sends the intermediate of another authority."""
    chain = _good().chain
    backend = stage.backend(name, Setup((chain[0], cast()[1].middle)))
    return _scene(stage, name, backend, _trusting(stage, name), lambda: _by_backend(backend, "sends the right intermediate", chain=chain))


def expired(stage: Stage, name: str) -> Scene:
    """The backend's certificate is expired."""
    backend = stage.backend(name, Setup(cast()[0].chain(HOST, expired=True)))
    return _scene(stage, name, backend, _trusting(stage, name), lambda: _by_backend(backend, "renewed its certificate", chain=_good().chain))


def untrusted(stage: Stage, name: str) -> Scene:
    """The backend's authority is not in the Message Processor's truststore."""
    _, other = cast()
    backend = stage.backend(name, Setup((*other.chain(HOST), other.root)))
    return _scene(stage, name, backend, _trusting(stage, name), AtHand())


def client_missing(stage: Stage, name: str) -> Scene:
    """The backend wants a client certificate, the target server has none."""
    ours, _ = cast()
    backend = stage.backend(name, _good()._replace(trusts=(ours.root,)))
    return _scene(stage, name, backend, _trusting(stage, name), AtHand(ours.chain("message-processor")))


def _mutual(stage: Stage, name: str, chain: tuple[Issued, ...]) -> TlsInfo:
    store = stage.identity(f"{name}-ks", "mp", chain)
    return replace(_trusting(stage, name), client_auth_enabled=True, key_store=store, key_alias="mp")


def client_expired(stage: Stage, name: str) -> Scene:
    """The Message Processor's certificate is expired."""
    ours, _ = cast()
    backend = stage.backend(name, _good()._replace(trusts=(ours.root,)))
    return _scene(stage, name, backend, _mutual(stage, name, ours.chain("message-processor", expired=True)), AtHand(ours.chain("message-processor")))


def client_untrusted(stage: Stage, name: str) -> Scene:
    """The Message Processor's certificate is of an authority that the backend does not trust."""
    ours, other = cast()
    backend = stage.backend(name, _good()._replace(trusts=(ours.root,)))
    info = _mutual(stage, name, (issue("message-processor", other.root), other.root))
    return _scene(stage, name, backend, info, lambda: _by_backend(backend, "root into its truststore", trusts=(ours.root, other.root)))


def no_name(stage: Stage, name: str) -> Scene:
    """The backend needs server_name, which a private cloud's Message Processor does not send."""
    backend = stage.backend(name, _good()._replace(needs_name=True))
    return _scene(stage, name, backend, _trusting(stage, name), AtHand())


SOUTHBOUND = (
    Row("south-protocol", "R4", "southbound", "backend speaks TLS 1.0 only", "protocol-mismatch", 503, UNAVAILABLE, protocol),
    Row("south-protocol-pinned", "R4", "southbound", "target pinned to TLS 1.1", "protocol-mismatch", 503, UNAVAILABLE, pinned),
    Row("south-cipher", "R5", "southbound", "no cipher suite in common", "cipher-mismatch", 503, UNAVAILABLE, cipher, sni=True),
    Row("south-name", "R6", "southbound", "certificate for another host", "certificate-name-mismatch", 503, FAILED, wrong_name, sni=True,
        note="Edge compares no host names southbound; Enforce switches it on for this target"),
    Row("south-chain", "R7", "southbound", "chain without the intermediate", "chain-incomplete", 503, FAILED, incomplete),
    Row("south-intermediate", "R7", "southbound", "wrong intermediate", "chain-wrong-intermediate", 503, FAILED, wrong_intermediate),
    Row("south-expired", "R8", "southbound", "backend's certificate expired", "certificate-expired", 503, FAILED, expired),
    Row("south-untrusted", "R8 R17", "southbound", "backend's CA unknown", "certificate-untrusted", 503, FAILED, untrusted),
    Row("south-client-missing", "R8", "southbound", "no client certificate", "client-certificate-missing", 503, UNAVAILABLE, client_missing),
    Row("south-client-expired", "R8", "southbound", "client certificate expired", "client-certificate-expired", 503, UNAVAILABLE, client_expired),
    Row("south-client-untrusted", "R8 R17", "southbound", "gateway's CA unknown to backend", "client-certificate-untrusted", 503, UNAVAILABLE,
        client_untrusted),
    Row("south-sni", "R9", "southbound", "backend needs server_name", "sni-missing", 503, UNAVAILABLE, no_name,
        note="jsse.enableSNIExtension is off by default in private cloud"),
)  # fmt: skip
