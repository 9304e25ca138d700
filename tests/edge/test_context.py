from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

import whytls
from edge_acme import API, BACKEND, INTERMEDIATE, PROCESSOR, ROOT, VIRTUAL_HOST, resources
from edge_server import EdgeServer
from story import alert, certificate_request, client, client_flight, fin, hello, rst, server, server_flight, story
from whytls.cli.main import main
from whytls.edge.context import EdgeContext, read_environment
from whytls.edge.environment import Environment
from whytls.edge.naming import named
from whytls.edge.readers import properties
from whytls.edge.resources import Alias, KeyStore, Proxy, Reference, TargetEndpoint, TargetServer, TlsInfo, VirtualHost
from whytls.exceptions import ApiError
from whytls.model import NOTHING_AT_REST, AtRest, Context, Diagnosis, Endpoint, Handshake, Hop, Keystore, Truststore
from whytls.verdict import judge

CORPUS = Path(__file__).parents[1] / "corpus"
ROUTER, BACKEND_AT = Endpoint("192.0.2.5", 9443), Endpoint("192.0.2.9", 443)
STORES = {
    "front-1": KeyStore("front-1", (Alias("own", (API.der, INTERMEDIATE.der), True),)),
    "mp-1": KeyStore("mp-1", (Alias("client", (PROCESSOR.der,), True),)),
    "trust": KeyStore("trust", (Alias("meadow", (ROOT.der,)),)),
}


def acme(**changes: object) -> Environment:
    host, backend = VirtualHost.from_json(VIRTUAL_HOST), TargetServer.from_json(BACKEND)
    values: dict[str, object] = {
        "source": "x", "organization": "acme", "name": "prod", "keystores": MappingProxyType(STORES),
        "references": MappingProxyType({"front": Reference("front", "front-1"), "mp": Reference("mp", "mp-1")}),
        "virtual_hosts": MappingProxyType({"secure": host}), "target_servers": MappingProxyType({"backend": backend}),
    }  # fmt: skip
    return Environment(**{**values, **changes})  # type: ignore[arg-type]


def called(sni: str | None, at: Endpoint) -> Handshake:
    return story(client >> hello(sni=sni), server << alert(40), server << fin(), server=at)


def said(handshake: Handshake, environment: Environment) -> Diagnosis:
    """The verdict with the gateway known, as whytls.diagnose makes it."""
    context = EdgeContext(environment)
    hop = context.hop(handshake) or "direct"
    of_client, of_server = context.stores(handshake, hop)
    diagnosis = judge(handshake, Context(hop=hop, client_stores=of_client, server_stores=of_server, whole_recording=True)).diagnosis
    assert not [warning for warning in diagnosis.warnings if "bug" in warning]
    return named(diagnosis, context)


def texts(diagnosis: Diagnosis) -> str:
    return "\n".join(line.text for line in diagnosis.evidence)


@pytest.mark.parametrize(
    ("sni", "at", "hop", "whose"),
    [
        ("api.example.test", ROUTER, "northbound", "secure"),
        ("API.example.test", ROUTER, "northbound", "secure"),
        ("api.example.test", Endpoint("192.0.2.5", 443), "northbound", "secure"),  # behind a load balancer
        ("other.test", ROUTER, "northbound", "secure"),  # only virtual hosts have this port
        (None, ROUTER, "northbound", "secure"),
        ("backend.test", BACKEND_AT, "southbound", "target server backend"),
        (None, BACKEND_AT, "southbound", "target server backend"),
        ("backend.test", Endpoint("192.0.2.9", 8443), None, None),
        ("other.test", Endpoint("192.0.2.9", 8443), None, None),
    ],
)
def test_hop_and_resource_of_a_handshake(sni: str | None, at: Endpoint, hop: Hop | None, whose: str | None) -> None:
    context, handshake = EdgeContext(acme()), called(sni, at)
    assert context.hop(handshake) == hop
    met = context.met(handshake, hop) if hop else None
    assert (None if met is None else met.virtual_host.name if met.virtual_host else str(met.target)) == whose


def test_what_several_would_fit_is_not_picked() -> None:
    host = VirtualHost.from_json(VIRTUAL_HOST)
    two = {"secure": host, "other": VirtualHost("other", 9443, ("www.example.test",), tls=TlsInfo(enabled=True))}
    context = EdgeContext(acme(virtual_hosts=MappingProxyType(two)))
    assert context.met(called(None, ROUTER), "northbound") is None
    assert context.met(called("www.example.test", ROUTER), "northbound") is not None
    _, of_server = context.stores(called(None, ROUTER), "northbound")
    assert of_server.keystore is not None
    assert [entry.chain for entry in of_server.keystore.entries] == [(API.der, INTERMEDIATE.der)]
    assert of_server.truststore is None


def test_an_alias_and_a_target_of_one_name_leave_the_hop_open() -> None:
    looping = TargetServer("loop", "api.example.test", 9443, tls=TlsInfo(enabled=True))
    assert EdgeContext(acme(target_servers=MappingProxyType({"loop": looping}))).hop(called("api.example.test", ROUTER)) is None


def test_wildcard_aliases() -> None:
    wild = VirtualHost("wild", 443, ("*.example.test",), tls=TlsInfo(enabled=True))
    context = EdgeContext(acme(virtual_hosts=MappingProxyType({"wild": wild}), target_servers=MappingProxyType({})))
    found = {
        name: context._by_name(name, BACKEND_AT.port)[0] != [] for name in ("a.example.test", "a.b.example.test", "example.test", ".example.test")
    }
    assert found == {"a.example.test": True, "a.b.example.test": False, "example.test": False, ".example.test": False}


def test_stores_of_both_sides_name_keystore_alias_and_reference() -> None:
    context = EdgeContext(acme())
    of_client, of_server = context.stores(called("api.example.test", ROUTER), "northbound")
    assert of_client is NOTHING_AT_REST
    assert of_server.keystore is not None
    assert of_server.keystore.source == "keystore front-1 (reference front) of acme/prod"
    assert of_server.keystore.entries[0].place == "keystore front-1, alias own (reference front, virtual host secure)"
    assert of_server.truststore is not None
    assert (of_server.truststore.anchors, of_server.truststore.places) == ((ROOT.der,), ("truststore trust, alias meadow",))
    handshake = called("backend.test", BACKEND_AT)
    of_client, of_server = context.stores(handshake, "southbound")
    assert of_server is NOTHING_AT_REST
    assert of_client.keystore is not None
    assert of_client.keystore.entries[0].place == "keystore mp-1, alias client (reference mp, target server backend)"
    assert context.stores(handshake, "southbound")[0] is of_client  # one value for the whole run


def test_several_proxies_that_call_one_backend_alike_are_one_target() -> None:
    tls = TlsInfo(enabled=True, trust_store="trust")
    same = tuple(Proxy(n, "1", (TargetEndpoint(n, "1", "default", "https://orders.test", tls=tls),)) for n in ("a", "b"))
    handshake = called("orders.test", BACKEND_AT)
    assert EdgeContext(acme(proxies=same)).met(handshake, "southbound") is not None
    other = Proxy("c", "1", (TargetEndpoint("c", "1", "default", "https://orders.test"),))
    assert EdgeContext(acme(proxies=(*same, other))).met(handshake, "southbound") is None


def test_what_the_call_names_counts_before_the_gateway() -> None:
    keys, trusts = Keystore("k", (), ()), Truststore("t", (b"x",), ("t",))
    given, known = AtRest(keys), AtRest(Keystore("other", (), ()), trusts)
    assert given.over(known) == AtRest(keys, trusts)
    assert NOTHING_AT_REST.over(known) is known
    assert known.over(given) is known


def test_a_name_that_no_virtual_host_has(tmp_path: Path) -> None:
    diagnosis = said(story(client >> hello(sni="other.test"), server << alert(112), server << fin(), server=ROUTER), acme())
    assert diagnosis.cause == "sni-unknown"
    assert "virtual host secure of acme/prod (it is the only one on port 9443): keystore front-1 (reference front), alias own" in texts(diagnosis)
    assert "its host aliases are api.example.test" in texts(diagnosis)


def test_the_protocols_and_suites_of_a_virtual_host() -> None:
    old = story(client >> hello(sni="api.example.test", version=0x0301), server << alert(70), server << fin(), server=ROUTER)
    assert "virtual host secure accepts the protocols TLSv1.2" in texts(said(old, acme()))
    settings = properties.read(b"conf_load_balancing_load.balancing.driver.server.ssl.ciphers=ECDHE+AESGCM:!aNULL", "router.properties")
    weak = story(client >> hello(sni="api.example.test", suites=(0x002F,), version=0x0303), server << alert(40), server << fin(), server=ROUTER)
    diagnosis = said(weak, acme(settings=settings))
    assert diagnosis.cause == "cipher-mismatch"
    assert "accepts ECDHE+AESGCM:!aNULL, which has none of those that were offered (expanded by OpenSSL" in texts(diagnosis)
    line = next(line for line in diagnosis.evidence if "ECDHE" in line.text)
    assert (line.file, line.line) == ("router.properties", 1)


def test_the_switch_that_keeps_the_server_name_away() -> None:
    settings = properties.read(b"# x\njsse.enableSNIExtension=false", "edge-message-processor/conf/system.properties")
    diagnosis = said(called(None, BACKEND_AT), acme(settings=settings))
    assert (diagnosis.cause, diagnosis.hop) == ("sni-missing", "southbound")
    expected = "jsse.enableSNIExtension=false is off: the Message Processor sends no server name (edge-message-processor/conf/system.properties:2)"
    assert expected in texts(diagnosis)
    assert "calls it as target server backend of acme/prod (it is the only one on port 443): truststore trust" in texts(diagnosis)


def test_a_target_without_client_authentication_presents_nothing() -> None:
    tls = TlsInfo(enabled=True, key_store="ref://mp", trust_store="ref://gone", protocols=("TLSv1.2",))
    environment = acme(target_servers=MappingProxyType({"backend": TargetServer("backend", "backend.test", 443, tls=tls)}))
    flight = server_flight(bytes(700), request=certificate_request())
    refusal = [server << alert(40), server << rst()]
    handshake = story(client >> hello(sni="backend.test", version=0x0303), flight, client_flight(asked=True), refusal, server=BACKEND_AT)
    diagnosis = said(handshake, environment)
    assert diagnosis.cause_class == "client-certificate"
    assert "target server backend has no client authentication, so the Message Processor presents no certificate" in texts(diagnosis)
    assert "truststore ref://gone, which is not known in acme/prod" in texts(diagnosis)


def test_what_did_not_fail_and_what_is_not_known_stays_as_it_is() -> None:
    context = EdgeContext(acme())
    strange = judge(called("x.test", Endpoint("192.0.2.77", 1234)), Context()).diagnosis
    assert named(strange, context) is strange


# Recorded failures of real stacks


def southbound_folder(tmp_path: Path) -> Path:
    """A configuration in which the backend of the corpus is a target server, with the truststore that its Java had."""
    from whytls.edge.export import export
    from whytls.pki.store import read_store

    folder = CORPUS / "certificate-untrusted--stores-decide-southbound-java"
    anchors = read_store(folder / "stores" / "backend-anchors.jks").certificates
    tls = TlsInfo(enabled=True, trust_store="ref://backends")
    environment = Environment(
        "x", "acme", "prod", keystores=MappingProxyType({"anchors": KeyStore("anchors", (Alias("ca", anchors),))}),
        references=MappingProxyType({"backends": Reference("backends", "anchors")}),
        target_servers=MappingProxyType({"orders": TargetServer("orders", "orders.cedar.test", 8443, tls=tls)}),
    )  # fmt: skip
    export(environment, tmp_path / "acme")
    return tmp_path / "acme"


def test_a_recorded_failure_is_proven_by_the_gateways_truststore_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = CORPUS / "certificate-untrusted--stores-decide-southbound-java" / "capture.pcap"
    alone, known = next(iter(whytls.diagnose(capture))), next(iter(whytls.diagnose(capture, edge=str(southbound_folder(tmp_path)))))
    assert (alone.hop, alone.confidence) == ("direct", "likely")
    assert (known.cause, known.hop, known.confidence) == ("certificate-untrusted", "southbound", "proven")
    assert "truststore anchors (reference backends) of acme/prod" in texts(known)
    assert "target server orders of acme/prod (its address is orders.cedar.test:8443)" in texts(known)
    assert main(["diagnose", str(capture), "-v", "--edge", str(tmp_path / "acme")]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "target server orders of acme/prod" in out
    assert "targetServers.json:7" in out


def test_the_same_by_the_management_api(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHYTLS_EDGE_USER", "ana")
    monkeypatch.setenv("WHYTLS_EDGE_PASSWORD", "secret")
    with EdgeServer(resources()) as api:
        address = f"{api.url}/v1/o/acme/e/prod"
        environment = read_environment(address)
        assert set(environment.keystores) == {"front-1", "mp-1", "trust"}
        assert main(["edge", address]) == 0
    out = capsys.readouterr().out
    assert "virtual host secure: port 9443, api.example.test: keystore front-1 (reference front), alias own, asks for client certificates" in out
    assert "target server backend: backend.test:443, TLS, trusts keystore trust" in out
    assert all(asked.method == "GET" for asked in api.asked)
    with EdgeServer() as empty, pytest.raises(ApiError, match="404"):
        read_environment(f"{empty.url}/v1/o/acme/e/prod")


def test_an_export_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHYTLS_EDGE_TOKEN", "t")
    with EdgeServer(resources()) as api:
        assert main(["edge", f"{api.url}/v1/o/acme/e/prod", "--export", str(tmp_path / "out")]) == 0
    assert "no private keys" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "edge" / "env" / "prod" / "virtualHosts.json").read_text()) == [VIRTUAL_HOST]
    assert main(["edge", str(tmp_path / "out")]) == 0
    assert "acme/prod" in capsys.readouterr().out
    assert main(["edge"]) == 2
    assert main(["edge", str(tmp_path / "none")]) == 2


def test_no_gateway_costs_no_import() -> None:
    program = (
        "import sys; from whytls.api import diagnose; list(diagnose(sys.argv[1])); print([m for m in sys.modules if 'edge' in m or m == 'httpx'])"
    )
    capture = CORPUS / "certificate-expired--http-connect" / "capture.pcap"
    done = subprocess.run([sys.executable, "-c", program, str(capture)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
