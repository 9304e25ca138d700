"""What an audit minds: each fault alone in an environment that is otherwise in order, and nothing in one that is."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import pytest

from authority import AT, CLIENT, NOON, SERVER, Issued, days, issue
from edge_live import NOW, backend
from whytls.checking.result import Ask
from whytls.cli.main import main
from whytls.edge.audit.result import Concern
from whytls.edge.audit.run import Audit, audit
from whytls.edge.environment import Environment
from whytls.edge.export import export
from whytls.edge.keystore import Alias, KeyStore, Reference
from whytls.edge.proxy import Proxy
from whytls.edge.settings import Setting
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import TargetServer
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.virtualhost import VirtualHost
from whytls.live import audit as asked
from whytls.model import NOTHING_AT_REST, AtRest, KeyEntry, Keystore, Truststore
from whytls.pki.store import Place

ROOT = issue("Meadow Root", ca=True)
CA = issue("Meadow CA", ROOT, ca=True)
OTHER = issue("Hill Root", ca=True)
OTHER_CA = issue("Hill CA", OTHER, ca=True)
API = issue("api.example.test", CA, san=("api.example.test",), usage=(SERVER,))
PROCESSOR = issue("processor", CA, usage=(CLIENT,))
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/audits-1.json").read_text())


def stored(name: str, alias: str, *chain: Issued, key: bool = True) -> KeyStore:
    return KeyStore(name, (Alias(alias, tuple(one.der for one in chain), key),))


def named(values: Iterable[Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType({value.name: value for value in values})


FRONT = TlsInfo(enabled=True, client_auth_enabled=True, key_store="ref://front", key_alias="own", trust_store="ref://clients")
BACK = TlsInfo(enabled=True, client_auth_enabled=True, key_store="ref://mp", key_alias="client", trust_store="ref://trust", protocols=("TLSv1.2",))
SOUND = Environment(
    "acme", "acme", "prod",
    keystores=named([
        stored("front-1", "own", API, CA), stored("mp-1", "client", PROCESSOR, CA), stored("clients-1", "root", ROOT, key=False),
        stored("trust-1", "root", ROOT, key=False),
    ]),
    references=named(Reference(name, f"{name}-1") for name in ("front", "mp", "clients", "trust")),
    virtual_hosts=named([VirtualHost("secure", 9443, ("api.example.test",), tls=FRONT)]),
    target_servers=named([TargetServer("backend", "backend.test", 443, tls=BACK)]),
)  # fmt: skip


def looked_at(environment: Environment, **more: Any) -> Audit:
    return audit(environment, Ask(AT), **more)


def found(environment: Environment, **more: Any) -> list[tuple[str, str, str]]:
    return [(concern.level, concern.rule, str(concern.subject)) for concern in looked_at(environment, **more).concerns]


def host(tls: TlsInfo = FRONT, **more: Any) -> Environment:
    return replace(SOUND, virtual_hosts=named([VirtualHost("secure", 9443, ("api.example.test",), tls=tls, **more)]))


def target(tls: TlsInfo | None = BACK, port: int = 443, **more: Any) -> Environment:
    return replace(SOUND, target_servers=named([TargetServer("backend", "backend.test", port, tls=tls)]), **more)


def holding(*stores: KeyStore) -> Environment:
    return replace(SOUND, keystores=MappingProxyType({**SOUND.keystores, **{store.name: store for store in stores}}))


def setting(token: str, value: str, component: Any = "message-processor") -> tuple[Setting, ...]:
    return (Setting(token, value, Place("message-processor.properties", 3), component),)


HOST, TARGET = "virtual host secure", "target server backend"
ENDED = issue("api.example.test", CA, san=("api.example.test",), usage=(SERVER,), begins=NOON - days(90), ends=NOON - days(1))
SOON = issue("api.example.test", CA, san=("api.example.test",), usage=(SERVER,), ends=NOON + days(7))
OTHER_NAME = issue("shop.example.test", CA, san=("shop.example.test",), usage=(SERVER,))
RSA_ONLY = (("ssl_protocols", "TLSv1.2"), ("ssl_ciphers", "ECDHE-RSA-AES128-GCM-SHA256"))

FAULTS: dict[str, tuple[Environment, list[tuple[str, str, str]]]] = {
    "nothing": (SOUND, []),
    "expired": (holding(stored("front-1", "own", ENDED, CA)), [("failure", "certificate-expired", HOST)]),
    "soon": (holding(stored("front-1", "own", SOON, CA)), [("warning", "certificate-expired", HOST)]),
    "chain": (holding(stored("front-1", "own", API)), [("failure", "chain-incomplete", HOST)]),
    "order": (holding(stored("front-1", "own", API, ROOT, CA)), [("warning", "chain-order", HOST)]),
    "name": (holding(stored("front-1", "own", OTHER_NAME, CA)), [("failure", "certificate-name-mismatch", HOST)]),
    "no alias": (host(replace(FRONT, key_alias="other")), [("failure", "certificate-unusable", HOST)]),
    "no key": (holding(stored("front-1", "own", API, CA, key=False)), [("failure", "certificate-unusable", HOST)]),
    "no keystore": (
        host(replace(FRONT, key_store="gone")),
        [("failure", "certificate-unusable", HOST), ("warning", "literal-store-name", HOST), ("warning", "unused-reference", "reference front")],
    ),
    "no truststore": (
        host(replace(FRONT, trust_store="")),
        [("failure", "client-certificate-untrusted", HOST), ("warning", "unused-reference", "reference clients")],
    ),
    "empty truststore": (holding(KeyStore("clients-1")), [("failure", "client-certificate-untrusted", HOST)]),
    "old protocol": (host(properties=(("ssl_protocols", "TLSv1 TLSv1.2"),)), [("warning", "old-protocol", HOST)]),
    "only old": (host(properties=(("ssl_protocols", "TLSv1 TLSv1.1"),)), [("failure", "protocol-mismatch", HOST)]),
    "no suite": (host(properties=(("ssl_ciphers", "NOTHING"),)), [("failure", "cipher-mismatch", HOST)]),
    "weak suite": (host(properties=(("ssl_ciphers", "HIGH:NULL-SHA256"),)), [("warning", "weak-cipher", HOST)]),
    "suite of another key": (host(properties=RSA_ONLY), [("failure", "cipher-mismatch", HOST)]),
    "ignored, northbound": (host(replace(FRONT, ignore_validation_errors=True)), [("warning", "validation-off", HOST)]),
    "ignored, southbound": (target(replace(BACK, ignore_validation_errors=True)), [("warning", "validation-off", TARGET)]),
    "nothing validated": (
        target(replace(BACK, trust_store="")), [("warning", "nothing-validated", TARGET), ("warning", "unused-reference", "reference trust")],
    ),
    "truststore gone": (
        target(replace(BACK, trust_store="ref://gone")),
        [("failure", "certificate-untrusted", TARGET), ("warning", "unused-reference", "reference trust")],
    ),
    "no client certificate": (
        target(replace(BACK, key_alias="gone")), [("failure", "client-certificate-missing", TARGET)],
    ),
    "client chain": (holding(stored("mp-1", "client", PROCESSOR)), [("failure", "client-chain-incomplete", TARGET)]),
    "server certificate as a client's": (holding(stored("mp-1", "client", API, CA)), [("failure", "client-certificate-usage", TARGET)]),
    "literal": (
        target(replace(BACK, trust_store="trust-1")), [("warning", "literal-store-name", TARGET), ("warning", "unused-reference", "reference trust")],
    ),
    "pinned to the past": (target(replace(BACK, protocols=("TLSv1",))), [("warning", "old-protocol", TARGET)]),
    "pinned to what Java has not": (
        target(replace(BACK, protocols=("TLSv1",)), settings=setting("jdk.tls.disabledAlgorithms", "SSLv3, TLSv1, TLSv1.1")),
        [("failure", "protocol-mismatch", TARGET)],
    ),
    "pinned on Apigee X": (
        replace(target(replace(BACK, protocols=("TLSv1.1",))), dialect="x"), [("failure", "protocol-mismatch", TARGET)],
    ),
    "unknown suite": (target(replace(BACK, ciphers=("TLS_RSA_WITH_AES_128_CBC_SHA", "NONSENSE"))), [("warning", "unknown-cipher", TARGET)]),
    "no suite, southbound": (target(replace(BACK, ciphers=("NONSENSE",))), [("failure", "cipher-mismatch", TARGET)]),
    "plain HTTP to 443": (
        target(None),
        [("warning", "plaintext-to-tls-port", TARGET), ("warning", "unused-reference", "reference mp"),
         ("warning", "unused-reference", "reference trust")],
    ),
    "plain HTTP to 80": (
        target(None, 80), [("warning", "unused-reference", "reference mp"), ("warning", "unused-reference", "reference trust")],
    ),
    "unused": (holding(stored("spare", "x", API, CA)), [("warning", "unused-store", "keystore spare")]),
    "dangling": (
        replace(SOUND, references=MappingProxyType({**SOUND.references, "front": Reference("front", "gone")})),
        [("failure", "certificate-unusable", HOST), ("failure", "dangling-reference", "reference front"),
         ("warning", "unused-store", "keystore front-1")],
    ),
    "no server name": (
        replace(SOUND, settings=setting("jsse.enableSNIExtension", "false")),
        [("warning", "server-name-off", "setting jsse.enableSNIExtension")],
    ),
    "old protocols for all": (
        replace(SOUND, settings=setting("load.balancing.driver.server.ssl.protocols", "TLSv1 TLSv1.2", "router")),
        [("warning", "old-protocol", HOST), ("warning", "old-protocol", "setting load.balancing.driver.server.ssl.protocols")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_at_a_time(fault: str) -> None:
    environment, expected = FAULTS[fault]
    assert sorted(found(environment)) == sorted(expected)


def test_failures_come_first() -> None:
    environment = replace(host(replace(FRONT, key_alias="other")), target_servers=target(replace(BACK, protocols=("TLSv1",))).target_servers)
    levels = [concern.level for concern in looked_at(environment).concerns]
    assert levels == sorted(levels)
    assert levels[0] == "failure"


def test_two_virtual_hosts_with_one_alias_on_one_port() -> None:
    other = VirtualHost("second", 9443, ("API.example.test",), tls=FRONT)
    environment = replace(SOUND, virtual_hosts=named([*SOUND.virtual_hosts.values(), other]))
    assert found(environment) == [("failure", "alias-twice", "virtual host second")]


def test_nothing_is_said_of_stores_that_nobody_read() -> None:
    environment = replace(SOUND, keystores=named([]), references=named([]))
    assert found(environment) == []


def test_a_message_template_can_mean_any_store() -> None:
    environment = replace(holding(stored("spare", "x", API, CA)), target_servers=target(replace(BACK, key_store="{ssl.keystore}")).target_servers)
    assert found(environment) == []


def test_a_target_endpoint_is_named_by_its_proxy() -> None:
    endpoint = TargetEndpoint("orders", "3", "default", "https://orders.test/v1", tls=replace(BACK, trust_store=""))
    environment = replace(SOUND, proxies=(Proxy("orders", "3", (endpoint,)),))
    assert found(environment) == [("warning", "nothing-validated", "target endpoint default of proxy orders")]


def keys(*chain: Issued) -> AtRest:
    ders = tuple(one.der for one in chain)
    return AtRest(Keystore("far.p12", (KeyEntry(ders, "far.p12, alias a"),), ders), None)


def trusts(*anchors: Issued) -> AtRest:
    return AtRest(None, Truststore("far.jks", tuple(one.der for one in anchors), ("far.jks",) * len(anchors)))


CLIENTS_OWN, STRANGER = issue("client", CA, usage=(CLIENT,)), issue("stranger", OTHER_CA, usage=(CLIENT,))
BACKENDS_OWN, STRANGE_BACKEND = issue("backend.test", CA, usage=(SERVER,)), issue("backend.test", OTHER_CA, usage=(SERVER,))
PAIRS = {
    "client truststore, Router keystore": ({"clients": trusts(ROOT)}, {"clients": trusts(OTHER)}, "certificate-untrusted", HOST),
    "Router truststore, client keystore": (
        {"clients": keys(CLIENTS_OWN, CA)}, {"clients": keys(STRANGER, OTHER_CA)}, "client-certificate-untrusted", HOST,
    ),
    "Message Processor truststore, target keystore": (
        {"backend_stores": keys(BACKENDS_OWN, CA)}, {"backend_stores": keys(STRANGE_BACKEND, OTHER_CA)}, "certificate-untrusted", TARGET,
    ),
    "target truststore, Message Processor keystore": (
        {"backend_stores": trusts(ROOT)}, {"backend_stores": trusts(OTHER)}, "client-certificate-untrusted", TARGET,
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_all_four_pairs(pair: str) -> None:
    good, bad, rule, subject = PAIRS[pair]
    assert found(SOUND, **good) == []
    assert found(SOUND, **bad) == [("failure", rule, subject)]


# --- what a live backend says


LIVE_ROOT = issue("Meadow Live Root", ca=True, begins=NOW - days(900), ends=NOW + days(900))
LIVE_CA = issue("Meadow Live CA", LIVE_ROOT, ca=True, begins=NOW - days(900), ends=NOW + days(900))
LIVE = issue("localhost", LIVE_CA, san=("localhost",), usage=(SERVER,), begins=NOW - days(5), ends=NOW + days(300))


def live(port: int, tls: TlsInfo | None, *, trust: Issued | None = LIVE_ROOT, settings: tuple[Setting, ...] = ()) -> list[Concern]:
    stores = [stored("trust-1", "root", trust, key=False)] if trust is not None else []
    environment = Environment(
        "live", keystores=named(stores), references=named([Reference("trust", "trust-1")] if stores else []),
        target_servers=named([TargetServer("backend", "localhost", port, tls=tls)]), settings=settings,
    )  # fmt: skip
    return list(asked(environment, probe=True).concerns)


def test_a_live_backend_that_fits(tmp_path: Path) -> None:
    with backend(tmp_path, lambda context: None, LIVE, LIVE_CA) as port:
        assert live(port, TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.2",))) == []


def test_a_live_backend_that_does_not_fit(tmp_path: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3

    with backend(tmp_path, tune, LIVE, LIVE_CA) as port:
        (mismatch,) = live(port, TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.2",)))
        assert (mismatch.rule, mismatch.detail, mismatch.confidence) == ("protocol-mismatch", "client-too-old", "proven")
        (usual,) = live(port, TlsInfo(enabled=True, trust_store="ref://trust"))
        assert (usual.rule, usual.confidence) == ("protocol-mismatch", "likely")
        java = setting("jdk.tls.client.protocols", "TLSv1.2,TLSv1.3")
        assert live(port, TlsInfo(enabled=True, trust_store="ref://trust"), settings=java) == []
        (untrusted,) = live(port, TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.3",)), trust=OTHER)
        assert (untrusted.rule, untrusted.chain) == ("certificate-untrusted", (LIVE.der, LIVE_CA.der))
        (plain,) = [concern for concern in live(port, None) if concern.level == "failure"]
        assert (plain.rule, plain.confidence) == ("plaintext-to-tls-port", "proven")


def test_a_backend_that_needs_a_server_name(tmp_path: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        def served(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
            return None if name == "localhost" else ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE

        context.sni_callback = served  # type: ignore[assignment]

    with backend(tmp_path, tune, LIVE, LIVE_CA) as port:
        tls = TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.2",))
        off, on = (setting("jsse.enableSNIExtension", word) for word in ("false", "true"))
        assert [(concern.level, concern.rule) for concern in live(port, tls, settings=off) if concern.cause] == [("failure", "sni-missing")]
        assert [(concern.level, concern.rule) for concern in live(port, tls)] == [("warning", "sni-missing")]
        assert live(port, tls, settings=on) == []


def test_nobody_there(tmp_path: Path) -> None:
    with backend(tmp_path, lambda context: None, LIVE, LIVE_CA) as port:
        pass
    (gone,) = live(port, TlsInfo(enabled=True, trust_store="ref://trust"))
    assert (gone.level, gone.rule) == ("warning", "backend-not-reached")


# --- the command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "acme"
    export(replace(SOUND, source=""), folder)
    at = ["--at", NOON.isoformat()]
    assert main(["audit", str(folder), *at]) == 0
    assert "nothing wrong" in capsys.readouterr().out
    broken = tmp_path / "broken"
    export(holding(stored("front-1", "own", ENDED, CA), stored("spare", "x", API, CA)), broken)
    assert main(["audit", str(broken), *at]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[1:7] == ["virtual", "host", "secure", "api.example.test:9443", "northbound", "certificate-expired"]
    assert "acme/prod for 2024-06-01: 1 virtual host, 1 target, 5 keystores: 1 failure, 1 warning." in lines
    assert main(["audit", str(broken), *at, "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert [concern["rule"] for concern in document["concerns"]] == ["certificate-expired", "unused-store"]
    assert main(["audit", str(broken), *at, "--format", "jsonl"]) == 1
    assert [json.loads(line)["rule"] for line in capsys.readouterr().out.splitlines()] == ["certificate-expired", "unused-store"]
    assert main(["audit", str(tmp_path / "none")]) == 2
    assert main(["audit"]) == 2


def test_warnings_fail_where_that_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "acme"
    export(holding(stored("spare", "x", API, CA)), folder)
    at = ["--at", NOON.isoformat()]
    assert main(["audit", str(folder), *at]) == 0
    assert main(["audit", str(folder), *at, "--fail-on-warning"]) == 1
    assert "unused-store" in capsys.readouterr().out


def test_every_concern_has_a_fix_and_a_place() -> None:
    for environment, _ in FAULTS.values():
        for concern in looked_at(environment, clients=NOTHING_AT_REST).concerns:
            assert concern.fix is not None
            assert concern.fix.text
            assert "{" not in concern.fix.text
            assert concern.evidence
