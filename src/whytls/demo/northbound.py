"""The northbound rows: a client calls the Router. Each has a virtual host of its own in front of one good backend.

Where the client rejects the Router the handshake dies on the wire and there is no HTTP status; where the Router rejects the client's
certificate it completes the handshake and answers 400, as nginx does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from whytls.demo.authority import Chain, Issued, cast, issue
from whytls.demo.caller import Client
from whytls.demo.row import Applied, AtHand, Row, Scene
from whytls.demo.stage import Stage
from whytls.edge.resources import TlsInfo

PATH = "/hello"  # of the proxy in front of the good backend
NARROW = "ECDHE-ECDSA-AES256-GCM-SHA384"


def host_of(name: str) -> str:
    """The name that a row's clients call."""
    return f"{name}.api.example.test"


def _front(stage: Stage, name: str, chain: Chain = (), properties: tuple[tuple[str, str], ...] = (), trusts: tuple[Issued, ...] = ()) -> int:
    """The row's virtual host; its port."""
    ours, _ = cast()
    store = stage.identity(f"{name}-ks", "api", chain or ours.chain(host_of(name)))
    tls = TlsInfo(enabled=True, key_store=store, key_alias="api")
    if trusts:
        tls = replace(tls, client_auth_enabled=True, trust_store=stage.truststore(f"{name}-ts", *trusts))
    return stage.virtual_host(name, host_of(name), tls, properties).port


def _scene(stage: Stage, name: str, port: int, client: Client, fix: Callable[[], Applied] | AtHand, later: Client | None = None) -> Scene:
    call = partial(stage.call, client, host_of(name), port, PATH)
    again = partial(stage.call, later or client, host_of(name), port, PATH)
    return Scene(call, again, fix, virtual_host=name, port=port)


def _client(**changes: Any) -> Client:
    """A client that trusts the right authority."""
    return Client((cast()[0].root,))._replace(**changes)


def _by_client(text: str) -> Applied:
    return Applied("client", text)


def protocol(stage: Stage, name: str) -> Scene:
    """The client speaks TLS 1.1 at best, the virtual host 1.2."""
    port = _front(stage, name, properties=(("ssl_protocols", "TLSv1.2"),))
    return _scene(stage, name, port, _client(highest="TLSv1.1"), lambda: _by_client("speaks TLS 1.2 now"), _client(highest="TLSv1.2"))


def cipher(stage: Stage, name: str) -> Scene:
    """The virtual host wants AES-256, the client has AES-128."""
    port = _front(stage, name, properties=(("ssl_ciphers", NARROW),))
    client = _client(ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    return _scene(stage, name, port, client, AtHand())


def wrong_name(stage: Stage, name: str) -> Scene:
    """The certificate is something.domain's."""
    ours, _ = cast()
    port = _front(stage, name, ours.chain("something.domain.test"))
    return _scene(stage, name, port, _client(), AtHand(ours.chain(host_of(name))))


def incomplete(stage: Stage, name: str) -> Scene:
    """The intermediate was not uploaded."""
    chain = cast()[0].chain(host_of(name))
    port = _front(stage, name, chain[:1])
    return _scene(stage, name, port, _client(), AtHand(chain))


def wrong_intermediate(stage: Stage, name: str) -> Scene:
    """The intermediate of another authority was uploaded."""
    ours, other = cast()
    chain = ours.chain(host_of(name))
    port = _front(stage, name, (chain[0], other.middle))
    return _scene(stage, name, port, _client(), AtHand(certificates=chain[1:]))


def expired(stage: Stage, name: str) -> Scene:
    """The Router's certificate is expired."""
    ours, _ = cast()
    port = _front(stage, name, ours.chain(host_of(name), expired=True))
    return _scene(stage, name, port, _client(), AtHand(ours.chain(host_of(name))))


def untrusted(stage: Stage, name: str) -> Scene:
    """The Router's certificate is of an authority that the client does not know."""
    _, other = cast()
    port = _front(stage, name, (*other.chain(host_of(name)), other.root))
    later = _client(trusts=(cast()[0].root, other.root))
    return _scene(stage, name, port, _client(), lambda: _by_client("root into its truststore"), later)


def client_missing(stage: Stage, name: str) -> Scene:
    """The client has no certificate."""
    ours, _ = cast()
    port = _front(stage, name, trusts=(ours.root,))
    later = _client(identity=ours.chain("partner"))
    return _scene(stage, name, port, _client(), lambda: _by_client("sends its certificate"), later)


def client_expired(stage: Stage, name: str) -> Scene:
    """The client's certificate is expired."""
    ours, _ = cast()
    port = _front(stage, name, trusts=(ours.root,))
    client, later = (_client(identity=ours.chain("partner", expired=old)) for old in (True, False))
    return _scene(stage, name, port, client, lambda: _by_client("renewed its certificate"), later)


def client_untrusted(stage: Stage, name: str) -> Scene:
    """The client's certificate is of an authority that is not in the Router's truststore."""
    ours, other = cast()
    port = _front(stage, name, trusts=(ours.root,))
    client = _client(identity=(issue("partner", other.root), other.root))
    return _scene(stage, name, port, client, AtHand())


def no_name(stage: Stage, name: str) -> Scene:
    """Two virtual hosts on one port, and a client that names none."""
    port = _front(stage, name)
    other = TlsInfo(enabled=True, key_store=f"ref://{name}-ks", key_alias="api")
    stage.virtual_host(f"{name}-2", f"other-{host_of(name)}", other, port=port)
    return _scene(stage, name, port, _client(names=False), lambda: _by_client("sends server_name"), _client())


def unknown_name(stage: Stage, name: str) -> Scene:
    """A client calls a name that no virtual host has."""
    ours, _ = cast()
    port = _front(stage, name, ours.chain(f"new-{host_of(name)}"))
    call = partial(stage.call, _client(), f"new-{host_of(name)}", port, PATH)
    return Scene(call, call, AtHand(), virtual_host=name, port=port)


NORTHBOUND = (
    Row("north-protocol", "R4", "northbound", "client speaks TLS 1.1 at best", "protocol-mismatch", None, "", protocol),
    Row("north-cipher", "R5", "northbound", "no cipher suite in common", "cipher-mismatch", None, "", cipher),
    Row("north-name", "R6", "northbound", "certificate for another host", "certificate-name-mismatch", None, "", wrong_name),
    Row("north-chain", "R7", "northbound", "chain without the intermediate", "chain-incomplete", None, "", incomplete),
    Row("north-intermediate", "R7", "northbound", "wrong intermediate", "chain-wrong-intermediate", None, "", wrong_intermediate),
    Row("north-expired", "R8", "northbound", "Router's certificate expired", "certificate-expired", None, "", expired),
    Row("north-untrusted", "R8 R17", "northbound", "Router's CA unknown to client", "certificate-untrusted", None, "", untrusted),
    Row("north-client-missing", "R8", "northbound", "no client certificate", "client-certificate-missing", 400, "No required", client_missing),
    Row("north-client-expired", "R8", "northbound", "client certificate expired", "client-certificate-expired", 400, "SSL cert", client_expired),
    Row("north-client-untrusted", "R8 R17", "northbound", "client's CA unknown to Router", "client-certificate-untrusted", 400, "SSL cert",
        client_untrusted),
    Row("north-sni", "R9", "northbound", "client sends no server_name", "sni-missing", None, "", no_name),
    Row("north-sni-unknown", "R9", "northbound", "server_name of no virtual host", "sni-unknown", None, "", unknown_name),
)  # fmt: skip
