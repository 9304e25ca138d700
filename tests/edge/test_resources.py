from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge_values as made
from whytls.edge.keystore import Alias
from whytls.edge.origin import json_document
from whytls.edge.resources import (
    CertInfo,
    CommonName,
    KeyStore,
    Reference,
    TargetEndpoint,
    TargetServer,
    TlsInfo,
    VirtualHost,
    address,
    protocol,
    referred,
    same_protocol,
    store_kind,
)  # fmt: skip
from whytls.edge.targetserver import TARGET_SERVER_FIELDS
from whytls.exceptions import InputError, WhytlsError

NAMES = st.sampled_from(
    ["name", "port", "sSLInfo", "properties", "Property", "aliases", "certs", "certsInfo", "certInfo", "protocols", "commonName", "keys",
     "connection", "loadBalancer", "servers", "uRL", "hostAliases", "expiryDate", "propagateTLSInformation"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


def through(value: object) -> object:
    """As it comes back from the wire."""
    return json.loads(json.dumps(value))


@given(made.TARGET_SERVERS, st.sampled_from(["edge", "x"]))
def test_a_target_server_survives_json(server: TargetServer, dialect: str) -> None:
    assert TargetServer.from_json(through(server.to_json(dialect))) == server  # type: ignore[arg-type]


@given(made.virtual_hosts(made.TLS_OF_JSON, made.OTHERS))
def test_a_virtual_host_survives_json(host: VirtualHost) -> None:
    assert VirtualHost.from_json(through(host.to_json())) == host


@given(made.virtual_hosts(made.TLS, st.just({})))
def test_a_virtual_host_survives_xml(host: VirtualHost) -> None:
    assert VirtualHost.from_xml(host.to_xml().encode()) == host


@given(made.virtual_hosts(made.TLS, st.just({})))
def test_a_virtual_host_is_the_same_in_json_and_xml(host: VirtualHost) -> None:
    assert VirtualHost.from_xml(VirtualHost.from_json(through(host.to_json())).to_xml().encode()) == host


@given(made.TARGET_ENDPOINTS)
def test_a_target_endpoint_survives_xml_and_json(endpoint: TargetEndpoint) -> None:
    back = TargetEndpoint.from_xml(endpoint.to_xml().encode(), "x", "proxy", "3")
    assert replace(back, document=None) == endpoint
    assert TargetEndpoint.from_xml(back.to_xml().encode(), "x", "proxy", "3") == back
    again = TargetEndpoint.from_json(through(endpoint.to_json()), "proxy", "3")
    assert (again.url, again.servers, again.tls) == (endpoint.url, endpoint.servers, endpoint.tls)
    assert through(TargetEndpoint.from_json(through(endpoint.to_json())).to_json()) == through(endpoint.to_json())


@given(made.KEYSTORES, made.REFERENCES)
def test_keystores_and_references_survive_json(store: KeyStore, reference: Reference) -> None:
    assert KeyStore.from_json(through(store.to_json())) == store
    assert Reference.from_json(through(reference.to_json())) == reference


@given(ANYTHING)
def test_any_json_is_a_value_or_an_error_of_ours(given_: object) -> None:
    for reader in (TargetServer, VirtualHost, TargetEndpoint, KeyStore, Reference, Alias, CertInfo, TlsInfo):
        try:
            found = reader.from_json(given_)  # type: ignore[attr-defined]
        except WhytlsError:
            continue
        assert reader.from_json(through(found.to_json())).to_json() == found.to_json()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("written", "read"), [("true", True), (True, True), ("TRUE", True), ("false", False), (False, False), (None, None)])
def test_flags_are_strings_or_booleans(written: object, read: bool | None) -> None:
    assert TlsInfo.from_json({"enabled": written}).enabled is read


def test_a_flag_that_is_a_message_template_is_kept() -> None:
    tls = TlsInfo.from_json({"enabled": "{ssl.on}", "keyStore": "{ssl.keystore}"})
    assert tls.enabled is None
    assert tls.templates == {"enabled": "{ssl.on}"}
    assert tls.to_json() == {"enabled": "{ssl.on}", "keyStore": "{ssl.keystore}"}
    assert "<Enabled>{ssl.on}</Enabled>" in TargetEndpoint("p", "1", "t", "https://b.test", tls=tls).to_xml()


def test_both_spellings_of_tls_1_0_are_read_and_jsses_is_written() -> None:
    assert TlsInfo.from_json({"protocols": ["TLSv1.0", "TLSv1.2"]}).to_json() == {"protocols": ["TLSv1", "TLSv1.2"]}
    assert protocol("TLSv1.0") == "TLSv1"
    assert same_protocol("TLSv1.0", "tlsv1")
    assert not same_protocol("TLSv1.1", "TLSv1")


def test_lists_come_as_lists_as_objects_around_one_or_as_text() -> None:
    for written in (["A", "B"], {"Cipher": ["A", "B"]}, "A:B", "A, B", "A B"):
        assert TlsInfo.from_json({"ciphers": written}).ciphers == ("A", "B")


def test_a_virtual_host_is_written_with_the_types_that_it_is_served_with() -> None:
    served = {
        "name": "secure", "port": "9443", "hostAliases": ["api.example.com"], "interfaces": [], "listenOptions": [], "retryOptions": ["http_599"],
        "oCSPStapling": "off", "baseUrl": "https://api.example.com",
        "sSLInfo": {"enabled": "true", "clientAuthEnabled": "false", "keyStore": "ref://r", "keyAlias": "a", "trustStore": "ref://t",
                    "ignoreValidationErrors": False, "newer": {"x": 1}},
        "useBuiltInFreeTrailCert": "false", "propagateTLSInformation": {"ConnectionProperties": "false", "ClientProperties": "true"},
        "properties": {"Property": [{"_name": "ssl_protocols", "__text": "TLSv1.2"}]}, "newest": [1, 2],
    }  # fmt: skip
    host = VirtualHost.from_json(served)
    assert host.to_json() == served
    assert host.named("ssl_protocols") == "TLSv1.2"


def test_properties_in_the_other_shape_are_written_in_it() -> None:
    served = {"properties": {"property": [{"name": "keepalive_timeout", "value": "60"}]}}
    host = VirtualHost.from_json({"name": "v", "port": 443, **served})
    assert host.properties == (("keepalive_timeout", "60"),)
    assert host.to_json()["properties"] == served["properties"]


def test_edges_flags_are_strings_and_those_of_apigee_x_booleans() -> None:
    server = TargetServer("ts", "backend.test", 443, tls=TlsInfo(enabled=True, ignore_validation_errors=False, enforce=True))
    assert server.to_json()["sSLInfo"] == {"enabled": "true", "enforce": "true", "ignoreValidationErrors": "false"}
    assert server.to_json("x")["sSLInfo"] == {"enabled": True, "enforce": True, "ignoreValidationErrors": False}
    assert server.speaks_tls
    assert not TargetServer("ts", "backend.test", 443, tls=TlsInfo()).speaks_tls


def test_only_what_differs_changes_in_a_target_endpoint() -> None:
    written = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<TargetEndpoint name="default">
    <!-- ask Ana before touching -->
    <PreFlow name="PreFlow">
        <Request>
            <Step>
                <Condition>a &lt; b</Condition>
            </Step>
        </Request>
    </PreFlow>
    <HTTPTargetConnection>
        <LoadBalancer>
            <Algorithm>RoundRobin</Algorithm>
            <Server name="ts1">
                <Weight>2</Weight>
            </Server>
        </LoadBalancer>
        <Path>/v1</Path>
    </HTTPTargetConnection>
</TargetEndpoint>
"""
    endpoint = TargetEndpoint.from_xml(written.encode())
    assert endpoint.to_xml() == written
    mended = replace(endpoint, tls=TlsInfo(enabled=True, protocols=("TLSv1",))).to_xml()
    block = (
        "        <SSLInfo>\n            <Enabled>true</Enabled>\n            <Protocols>\n                <Protocol>TLSv1</Protocol>\n"
        "            </Protocols>\n        </SSLInfo>\n"
    )
    assert mended == written.replace("        <LoadBalancer>", block + "        <LoadBalancer>")
    more = replace(endpoint, servers=("ts2", "ts1")).to_xml()
    assert '<Server name="ts2"/>\n            <Server name="ts1">\n                <Weight>2</Weight>' in more


def test_the_common_name_of_a_target() -> None:
    tls = '<SSLInfo><CommonName wildcardMatch="true">*.example.com</CommonName></SSLInfo>'
    written = f'<TargetEndpoint name="t"><HTTPTargetConnection>{tls}</HTTPTargetConnection></TargetEndpoint>'.encode()
    endpoint = TargetEndpoint.from_xml(written)
    assert endpoint.tls is not None
    assert endpoint.tls.common_name == CommonName("*.example.com", True)
    assert endpoint.tls.to_json() == {"commonName": {"value": "*.example.com", "wildcardMatch": True}}


@pytest.mark.parametrize(
    ("url", "tls", "speaks"),
    [
        ("https://b.test", None, True), ("http://b.test", None, False), ("https://b.test", TlsInfo(enabled=False), False),
        ("https://b.test", TlsInfo(), True), ("{target}", None, None), ("https://b.test", TlsInfo(templates={"enabled": "{x}"}), None),
        ("", TlsInfo(enabled=True), True), ("", None, None),
    ],
)  # fmt: skip
def test_whether_a_target_endpoint_speaks_tls(url: str, tls: TlsInfo | None, speaks: bool | None) -> None:
    assert TargetEndpoint("p", "1", "t", url, tls=tls).speaks_tls is speaks


def test_where_a_url_points() -> None:
    assert address("https://Backend.test/x") == ("backend.test", 443, True)
    assert address("http://[2001:db8::1]:8080") == ("2001:db8::1", 8080, False)
    assert [address(url) for url in ("https://{host}/", "ftp://x", "https://x:99999", "https://[", "x")] == [None] * 5


def test_how_a_store_is_named() -> None:
    assert [store_kind(name) for name in ("", "ks", "ref://r", "{ssl.ks}")] == ["none", "literal", "reference", "template"]
    assert referred("ref://r") == "r"


def test_what_the_management_api_says_of_a_certificate() -> None:
    served = {"basicConstraints": "CA:FALSE", "expiryDate": 1456258950000, "isValid": "No", "issuer": 'CN=x, O="Acme, Inc."',
              "publicKey": "RSA Public Key, 2048 bits", "serialNumber": "07:bc:a7", "sigAlgName": "SHA1withRSA", "subject": "CN=y",
              "validFrom": 1358287055000, "version": 3, "subjectAlternativeNames": ["DNS:y"]}  # fmt: skip
    info = CertInfo.from_json(served)
    assert (info.valid_from, info.expiry_date, info.is_valid) == (1358287055000, 1456258950000, False)
    assert info.to_json() == served


def test_a_keystore_knows_which_alias_has_a_key() -> None:
    store = KeyStore.from_json({"name": "ks", "certs": ["own-cert", "ca"], "keys": ["own-key"],
                                "aliases": [{"aliasName": "own", "cert": "own-cert", "key": "own-key"}]})  # fmt: skip
    assert [(alias.name, alias.has_key) for alias in store.aliases] == [("own", True), ("ca", False)]


def test_json_knows_its_lines() -> None:
    data = b'[\n {"name": "a",\n  "sSLInfo": {\n   "protocols":\n     ["TLSv1"]}},\n {"name": "b"}]'
    document = json_document(data, "targetServers.json")
    origin = document.origin((0,), TARGET_SERVER_FIELDS)
    assert str(origin.place("tls.protocols")) == "targetServers.json:4"
    assert str(origin.place("tls.key_store")) == "targetServers.json:3"
    assert str(origin.place("host")) == "targetServers.json:2"
    assert str(document.origin((1,), TARGET_SERVER_FIELDS).place()) == "targetServers.json:6"


def test_xml_knows_its_lines() -> None:
    host = VirtualHost.from_xml(b'<VirtualHost name="v">\n<Port>1</Port>\n<SSLInfo>\n<KeyStore>k</KeyStore>\n</SSLInfo></VirtualHost>', "v.xml")
    assert host.origin is not None
    assert [str(host.origin.place(field)) for field in ("port", "tls.key_store", "tls.trust_store", "base_url")] == [
        "v.xml:2",
        "v.xml:4",
        "v.xml:3",
        "v.xml:1",
    ]


@given(ANYTHING, st.sampled_from([None, 1, 3]))
def test_lines_of_any_json_are_found(value: object, indent: int | None) -> None:
    written = json.dumps(value, indent=indent)
    document = json_document(written.encode(), "x")
    assert max(document.lines.values()) <= written.count("\n") + 1
    if isinstance(value, dict):
        assert {path[0] for path in document.lines if path} == set(value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"[" * 70 + b"]" * 70, b"1" * 5000, b'{"a": 1}{'])
def test_what_is_no_json_is_said(data: bytes) -> None:
    with pytest.raises(InputError):
        json_document(data, "x")
