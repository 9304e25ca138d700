"""The Management API from the outside: who may come in, what is taken, and what each call does."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from typing import Any

import pytest
from caller import Caller
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12

from authority import NOON, days, issue
from whytls.gateway import keystores
from whytls.gateway.management import app
from whytls.gateway.management.app import ROUTES
from whytls.gateway.store import Scope, Store

E = "/v1/o/local/e/test"
HERE = Scope("local", "test")
ROOT = issue("Meadow root", ca=True)
LEAF = issue("api.test", ROOT, san=("api.test", "192.0.2.1"))
OTHER = issue("other.test", ROOT)
PAST = issue("past.test", ROOT, begins=NOON - days(60), ends=NOON - days(1))
CHAIN = LEAF.pem + ROOT.pem


def key_of(issued: Any, password: bytes | None = None) -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


def made(client: Caller, name: str = "ks") -> Caller:
    assert client.post(f"{E}/keystores", json={"name": name}).status_code == 201
    return client


def upload(client: Caller, query: str, **parts: str | bytes) -> Any:
    return client.post(f"{E}/keystores/ks/aliases?{query}", files={name: (name, content) for name, content in parts.items()})


# --- the door -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic dXNlcjp3cm9uZw=="},
        {"authorization": "Digest x"},
        {"authorization": "Basic \xff"},
    ],
)
def test_strangers_are_sent_away(stranger: Caller, headers: dict[str, str]) -> None:
    for route in ROUTES:
        if route.path.startswith("/v1"):
            answer = stranger.request(route.method, re.sub(r"\{\w+\}", "1", route.path), headers={k: v.encode("latin-1") for k, v in headers.items()})
            assert answer.status_code == 401, route.path
            assert answer.json()["contexts"] == []
            assert "www-authenticate" in answer.headers


def test_password_and_token_open_it(stranger: Caller, store: Store) -> None:
    token = store.secret.token
    assert stranger.get("/v1/o", auth=("admin@gateway.test", token)).json() == ["local"]
    assert stranger.get("/v1/o", headers={"authorization": f"bearer {token}"}).json() == ["local"]
    assert stranger.get("/v1/o", auth=("somebody@gateway.test", token)).status_code == 401
    assert stranger.get("/v1/o", auth=("admin@gateway.test", token[:-1])).status_code == 401


def test_signing_in_as_in_the_public_cloud(stranger: Caller, store: Store) -> None:
    form = {"grant_type": "password", "username": "admin@gateway.test", "password": store.secret.token}
    token = stranger.post("/oauth/token", data=form).json()["access_token"]
    assert stranger.get("/v1/o", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert stranger.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": token}).status_code == 200
    for wrong in ({**form, "password": "x"}, {**form, "username": "x"}, {"grant_type": "refresh_token", "refresh_token": "x"}):
        assert stranger.post("/oauth/token", data=wrong).status_code == 401
    assert stranger.post("/oauth/token", data={"grant_type": "x"}).status_code == 400


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "169.254.169.254", "[::2]:80"])
def test_names_of_others_that_lead_here_are_refused(client: Caller, host: str) -> None:
    assert client.get("/v1/o", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST"])
def test_names_of_this_machine_are_served(client: Caller, host: str) -> None:
    assert client.get("/v1/o", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("http://127.0.0.1", 200), ("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:9", 403), ("", 403)]
)
def test_pages_from_elsewhere_may_not_call(client: Caller, origin: str, status: int) -> None:
    assert client.get("/v1/o", headers={"origin": origin}).status_code == status


def test_a_body_that_never_comes_is_not_waited_for(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SLOWEST", 0.05)

    async def never() -> Any:
        yield b"{"
        await asyncio.sleep(60)

    assert client.post(f"{E}/keystores", content=never(), headers={"content-type": "application/json"}).status_code == 408


def test_short_and_long_paths_are_the_same(client: Caller) -> None:
    made(client)
    for path in (
        "/v1/o/local/e/test",
        "/v1/organizations/local/environments/test",
        "/v1/o/local/environments/test",
        "/v1/organizations/local/e/test",
    ):
        assert client.get(f"{path}/keystores").json() == client.get(f"{path}/keystores/").json() == ["ks"]


def test_what_is_not_there_is_said_in_edges_json(client: Caller) -> None:
    for path, code in (
        ("/v1/o/nobody", "messaging.config.beans.OrganizationDoesNotExist"),
        ("/v1/o/local/e/nowhere/keystores", "messaging.config.beans.EnvironmentDoesNotExist"),
        (f"{E}/references/none", "messaging.config.beans.ResourceReferenceDoesNotExist"),
        ("/v1/o/local/apis/none", "messaging.config.beans.ApplicationDoesNotExist"),
        (f"{E}/keystores/none", "messaging.config.beans.KeyStoreDoesNotExist"),
        ("/v1/nothing", "gateway.management.NoSuchPath"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
        assert set(answer.json()) == {"code", "message", "contexts"}


def test_another_method_is_refused_with_those_that_are_served(client: Caller) -> None:
    answer = client.request("PATCH", f"{E}/keystores")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 300, "a b", "é", "\x00", "-a", ".a"])
def test_a_name_that_cannot_be_is_refused(client: Caller, name: str) -> None:
    assert client.post(f"{E}/keystores", json={"name": name}).status_code == 400


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"name": 1}', b"\xff", b'{"name": {"a": 1}}', b"[" * 5000, b'{"name": NaN}', b'{"a": "\\ud800"}']
)
def test_a_body_that_is_none_is_refused(client: Caller, body: bytes) -> None:
    for path in ("keystores", "references", "targetservers", "virtualhosts"):
        assert client.post(f"{E}/{path}", content=body, headers={"content-type": "application/json"}).status_code == 400


def test_numbers_and_signs_that_json_does_not_have_are_not_stored(client: Caller) -> None:
    for extra in (b"NaN", b"Infinity", b"1e999", b'"\\ud800"'):
        body = b'{"name": "ts", "host": "h", "port": 1, "other": ' + extra + b"}"
        assert client.post(f"{E}/targetservers", content=body, headers={"content-type": "application/json"}).status_code == 400
    assert client.get(f"{E}/targetservers").json() == []


def test_a_body_that_is_too_large_is_refused(client: Caller) -> None:
    def endless() -> Any:
        for _ in range(40):
            yield b"x" * (8 << 10)

    assert client.post(f"{E}/keystores", content=b"x" * (300 << 10), headers={"content-type": "application/json"}).status_code == 413
    assert client.post(f"{E}/keystores", content=endless(), headers={"content-type": "application/json"}).status_code == 413
    assert made(client).get(f"{E}/keystores").json() == ["ks"]


def test_another_media_type_is_refused(client: Caller) -> None:
    assert client.post(f"{E}/keystores", content=b"name=ks", headers={"content-type": "application/x-www-form-urlencoded"}).status_code == 415


def test_an_entity_in_xml_is_refused(client: Caller) -> None:
    body = b'<!DOCTYPE k [<!ENTITY e SYSTEM "file:///etc/passwd">]><KeyStore name="&e;"/>'
    for path in ("keystores", "references", "targetservers", "virtualhosts"):
        answer = client.post(f"{E}/{path}", content=body, headers={"content-type": "text/xml"})
        assert answer.status_code == 400
        assert "document type" in answer.json()["message"]


# --- keystores and aliases -------------------------------------------------------------------------------------------------------------


def test_a_keystore_in_xml_as_the_playbook_makes_it(client: Caller) -> None:
    answer = client.post(f"{E}/keystores", content=b'<KeyStore name="ks"/>', headers={"content-type": "text/xml"})
    assert (answer.status_code, answer.json()) == (201, {"name": "ks", "certs": [], "keys": [], "aliases": []})
    assert client.post(f"{E}/keystores", json={"name": "ks"}).status_code == 409
    assert client.delete(f"{E}/keystores/ks").status_code == 200
    assert client.delete(f"{E}/keystores/ks").status_code == 404


def test_certificate_and_key_in_pem(client: Caller, store: Store) -> None:
    answer = upload(made(client), "alias=a&format=keycertfile", certFile=CHAIN, keyFile=key_of(LEAF))
    assert answer.status_code == 201
    own, root = answer.json()["certsInfo"]["certInfo"]
    assert own == {
        "subject": "CN=api.test, O=Meadow", "issuer": "CN=Meadow root, O=Meadow", "serialNumber": own["serialNumber"], "basicConstraints": "CA:FALSE",
        "publicKey": "EC Public Key, 256 bits", "sigAlgName": "SHA256withECDSA", "validFrom": own["validFrom"], "expiryDate": own["expiryDate"],
        "version": 3, "isValid": "Yes", "subjectAlternativeNames": ["api.test", "192.0.2.1"],
    }  # fmt: skip
    assert int(own["serialNumber"].replace(":", ""), 16) == LEAF.certificate.serial_number
    assert own["expiryDate"] == LEAF.certificate.not_valid_after_utc.timestamp() * 1000
    assert root["basicConstraints"] == "CA:TRUE"
    assert client.get(f"{E}/keystores/ks/certs").json() == ["a"]
    assert client.get(f"{E}/keystores/ks/certs/a").json() == {"certInfo": [own, root], "certName": "a"}
    assert client.get(f"{E}/keystores/ks/certs/a-cert").json()["certInfo"] == [own, root]
    assert client.get(f"{E}/keystores/ks/aliases/a/certificate").text == CHAIN
    assert client.get(f"{E}/keystores/ks/certs/a/export").text == CHAIN
    assert keystores.private_key(store, HERE, "ks", "a") == LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_no_answer_has_a_private_key_in_it(client: Caller) -> None:
    upload(made(client), "alias=a&format=keycertfile", certFile=CHAIN, keyFile=key_of(LEAF))
    for path in ("", "/aliases", "/aliases/a", "/aliases/a/certificate", "/aliases/a/csr", "/certs", "/certs/a", "/certs/a/export"):
        text = client.get(f"{E}/keystores/ks{path}").text
        assert "PRIVATE KEY" not in text
        assert key_of(LEAF).splitlines()[1] not in text


def test_the_order_of_a_chain_is_not_mended(client: Caller) -> None:
    upload(made(client), "alias=a&format=keycertfile", certFile=ROOT.pem + LEAF.pem)
    assert client.get(f"{E}/keystores/ks/aliases/a/certificate").text == ROOT.pem + LEAF.pem


def test_an_encrypted_key_needs_its_password(client: Caller) -> None:
    locked = key_of(LEAF, b"secret")
    query = "alias=a&format=keycertfile"
    for password in ({}, {"password": "wrong"}):
        answer = upload(made(client) if not password else client, query, certFile=CHAIN, keyFile=locked, **password)
        assert answer.status_code == 400
        assert "secret" not in answer.text
    assert upload(client, query, certFile=CHAIN, keyFile=locked, password="secret").status_code == 201


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({}, "certFile is missing"),
        ({"certFile": "x"}, "no certificate in PEM"),
        ({"certFile": key_of(LEAF)}, "no certificate in PEM"),
        ({"certFile": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "cannot be read"),
        ({"certFile": CHAIN, "keyFile": key_of(OTHER)}, "not that of the first certificate"),
        ({"certFile": ROOT.pem + LEAF.pem, "keyFile": key_of(LEAF)}, "not that of the first certificate"),
        ({"certFile": CHAIN, "keyFile": CHAIN}, "no private key"),
        ({"certFile": LEAF.pem * 200}, "1 to 100"),
        ({"certFile": CHAIN.replace("-----\n-----", "----------")}, "on one line"),
        ({"certFile": PAST.pem}, "has expired"),
    ],
)
def test_what_cannot_be_an_alias_is_refused_and_leaves_nothing(client: Caller, parts: dict[str, str], problem: str) -> None:
    answer = upload(made(client), "alias=a&format=keycertfile", **(parts or {"other": "x"}))
    assert answer.status_code == 400
    assert problem in answer.json()["message"]
    assert client.get(f"{E}/keystores/ks/aliases").json() == []


def test_what_edge_takes_when_it_is_told_to(client: Caller) -> None:
    query = "alias={}&format=keycertfile&ignoreExpiryValidation=true&ignoreNewlineValidation=true"
    made(client)
    assert upload(client, query.format("past"), certFile=PAST.pem).status_code == 201
    assert client.get(f"{E}/keystores/ks/aliases/past").json()["certsInfo"]["certInfo"][0]["isValid"] == "No"
    assert upload(client, query.format("line"), certFile=CHAIN.replace("-----\n-----", "----------")).status_code == 201


def test_pkcs12(client: Caller, store: Store) -> None:
    data = pkcs12.serialize_key_and_certificates(b"name", LEAF.key, LEAF.certificate, [ROOT.certificate], BestAvailableEncryption(b"secret"))
    made(client)
    assert upload(client, "alias=a&format=pkcs12", file=data, password="wrong").status_code == 400
    assert upload(client, "alias=a&format=pkcs12", file=CHAIN, password="secret").status_code == 400
    assert upload(client, "alias=a&format=pkcs12", file=data, password="secret").status_code == 201
    assert keystores.alias(store, HERE, "ks", "a").certificates == (LEAF.der, ROOT.der)
    assert keystores.private_key(store, HERE, "ks", "a") is not None
    assert client.put(f"{E}/keystores/ks/aliases/a", files={"certFile": CHAIN.encode()}).status_code == 400  # Edge updates no alias of this form


def test_jar(client: Caller, store: Store) -> None:
    def jar(**files: str) -> bytes:
        made_jar = io.BytesIO()
        with zipfile.ZipFile(made_jar, "w") as archive:
            for name, text in files.items():
                archive.writestr(name.replace("__", "/").replace("_", "."), text)
        return made_jar.getvalue()

    made(client)
    descriptor = "certFile=cert.pem\nkeyFile=key.pem\n"
    good = jar(**{"META-INF__descriptor_properties": descriptor, "cert_pem": CHAIN, "key_pem": key_of(LEAF)})
    assert upload(client, "alias=a&format=keycertjar", file=good).status_code == 201
    answer = client.post(f"{E}/keystores/ks/keys?alias=b", files={"file": good})
    assert answer.status_code == 201
    assert keystores.alias(store, HERE, "ks", "b").has_key
    for bad in (jar(cert_pem=CHAIN), jar(**{"META-INF__descriptor_properties": descriptor, "cert_pem": CHAIN}), b"x"):
        assert upload(client, "alias=c&format=keycertjar", file=bad).status_code == 400


@pytest.mark.parametrize(
    "given", [{"keySize": "2048", "sigAlg": "SHA384withRSA", "certValidityInDays": "90"}, {"key_size": 2048, "cert_validity_in_days": 90}]
)
def test_a_self_signed_certificate(client: Caller, given: dict[str, Any]) -> None:
    subject = {"commonName": "own.test", "countryCode": "US", "organization": "Acme, Inc."}
    names = {"subjectAlternativeDNSNames": {"subjectAlternativeName": ["own.test", "www.own.test"]}}
    answer = made(client).post(f"{E}/keystores/ks/aliases?format=selfsignedcert", json={"alias": "own", "subject": subject, **given, **names})
    assert answer.status_code == 201
    (info,) = answer.json()["certsInfo"]["certInfo"]
    assert info["subject"] == info["issuer"] == 'CN=own.test, O="Acme, Inc.", C=US'
    assert (info["publicKey"], info["isValid"]) == ("RSA Public Key, 2048 bits", "Yes")
    assert info["expiryDate"] - info["validFrom"] == 90 * 86_400_000
    request = x509.load_pem_x509_csr(client.get(f"{E}/keystores/ks/aliases/own/csr").content)
    assert request.is_signature_valid
    assert request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == [
        "own.test",
        "www.own.test",
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"alias": "a"},
        {"alias": "a", "subject": {}},
        {"subject": {"commonName": "x"}},
        {"alias": "a", "subject": {"commonName": "x" * 65}},
        {"alias": "a", "subject": {"commonName": "x", "countryCode": "USA"}},
        {"alias": "a", "subject": {"commonName": "x"}, "keySize": 16384},
        {"alias": "a", "subject": {"commonName": "x"}, "sigAlg": "MD5withRSA"},
        {"alias": "a", "subject": {"commonName": "x"}, "certValidityInDays": 0},
        {"alias": "a", "subject": {"commonName": "x"}, "subjectAlternativeDNSNames": ["é"]},
        {"alias": "a", "subject": "x"},
    ],
)
def test_a_certificate_that_cannot_be_made(client: Caller, given: dict[str, Any]) -> None:
    assert made(client).post(f"{E}/keystores/ks/aliases?format=selfsignedcert", json=given).status_code == 400


def test_a_renewed_certificate_for_the_same_key(client: Caller) -> None:
    upload(made(client), "alias=a&format=keycertfile", certFile=CHAIN, keyFile=key_of(LEAF))
    renewed = issue("api.test", ROOT, key=LEAF.key, san=("api.test", "new.test"))
    answer = client.put(f"{E}/keystores/ks/aliases/a", files={"certFile": (renewed.pem + ROOT.pem).encode()})
    assert answer.status_code == 200
    assert "new.test" in answer.json()["certsInfo"]["certInfo"][0]["subjectAlternativeNames"]
    assert client.put(f"{E}/keystores/ks/aliases/a", files={"certFile": OTHER.pem.encode()}).status_code == 400  # another key's
    assert client.put(f"{E}/keystores/ks/aliases/none", files={"certFile": CHAIN.encode()}).status_code == 404
    assert client.get(f"{E}/keystores/ks/aliases/a/certificate").text == renewed.pem + ROOT.pem


def test_the_older_call_for_truststores(client: Caller) -> None:
    made(client)
    assert client.post(f"{E}/keystores/ks/certs?alias=r", content=ROOT.pem, headers={"content-type": "application/octet-stream"}).status_code == 201
    assert client.post(f"{E}/keystores/ks/certs?alias=s", files={"certFile": ROOT.pem.encode()}).status_code == 201
    assert client.post(f"{E}/keystores/ks/certs", content=ROOT.pem, headers={"content-type": "application/octet-stream"}).status_code == 400
    assert client.delete(f"{E}/keystores/ks/certs/r").json()["certName"] == "r"
    assert client.get(f"{E}/keystores/ks/certs").json() == ["s"]
    assert client.get(f"{E}/keystores/ks/aliases/s/csr").status_code == 400  # it has no key


# --- references, virtual hosts, target servers -------------------------------------------------------------------------------------------


def test_renewal_as_edge_wants_it(client: Caller) -> None:
    """R25: a new keystore with the same alias, then the reference is switched."""
    upload(made(client), "alias=a&format=keycertfile", certFile=CHAIN, keyFile=key_of(LEAF))
    assert client.post(f"{E}/references", json={"name": "r", "refers": "ks", "resourceType": "KeyStore"}).status_code == 201
    xml = b"<ResourceReference name='r'><Refers>ks2</Refers><ResourceType>KeyStore</ResourceType></ResourceReference>"
    assert client.put(f"{E}/references/r", content=xml, headers={"content-type": "application/xml"}).status_code == 404
    made(client, "ks2")
    answer = client.put(f"{E}/references/r", content=xml, headers={"content-type": "application/xml"})
    assert (answer.status_code, answer.json()["refers"]) == (200, "ks2")
    assert client.delete(f"{E}/keystores/ks2").status_code == 409
    assert client.delete(f"{E}/keystores/ks").status_code == 200
    assert client.delete(f"{E}/references/r").json()["refers"] == "ks2"
    assert client.get(f"{E}/references").json() == []


def test_a_put_replaces_the_whole_target_server_and_keeps_what_nobody_knows(client: Caller) -> None:
    first = {
        "name": "ts",
        "host": "a.test",
        "port": "443",
        "isEnabled": True,
        "sSLInfo": {"enabled": True, "protocols": "TLSv1.0"},
        "other": [1, None],
    }
    answer = client.post(f"{E}/targetservers", json=first)
    assert answer.status_code == 201
    assert client.get(f"{E}/targetservers/ts").json() == {
        "other": [1, None], "name": "ts", "host": "a.test", "port": 443, "isEnabled": True, "sSLInfo": {"enabled": "true", "protocols": ["TLSv1"]},
    }  # fmt: skip
    assert client.post(f"{E}/targetservers", json=first).status_code == 409
    assert client.put(f"{E}/targetservers/ts", json={"host": "b.test", "port": 80}).json() == {
        "name": "ts", "host": "b.test", "port": 80, "isEnabled": True,
    }  # fmt: skip
    assert client.put(f"{E}/targetservers/ts", json={"name": "other", "host": "b.test", "port": 80}).status_code == 400
    assert client.put(f"{E}/targetservers/none", json={"host": "b.test", "port": 80}).status_code == 404
    for wrong in ({"port": 0}, {"port": 70000}, {"port": True}, {"host": ""}, {"sSLInfo": []}):
        assert client.put(f"{E}/targetservers/ts", json={"host": "b.test", "port": 80, **wrong}).status_code == 400
    assert client.delete(f"{E}/targetservers/ts").status_code == 200


def test_a_target_server_in_xml(client: Caller) -> None:
    tls = b"<SSLInfo><Enabled>true</Enabled></SSLInfo>"
    xml = b"<TargetServer name='ts'><Host>a.test</Host><Port>443</Port><IsEnabled>false</IsEnabled>" + tls + b"</TargetServer>"
    answer = client.post(f"{E}/targetservers", content=xml, headers={"content-type": "text/xml"})
    assert answer.json() == {"name": "ts", "host": "a.test", "port": 443, "isEnabled": False, "sSLInfo": {"enabled": "true"}}


def test_a_virtual_host_in_both_forms(client: Caller) -> None:
    made(client)
    given = {"name": "secure", "port": "9443", "hostAliases": ["api.test"], "sSLInfo": {"enabled": "true", "keyStore": "ks", "keyAlias": "a"}}
    assert client.post(f"{E}/virtualhosts", json=given).status_code == 201
    xml = client.get(f"{E}/virtualhosts/secure", headers={"accept": "application/xml"})
    assert xml.headers["content-type"] == "application/xml"
    again = client.put(f"{E}/virtualhosts/secure", content=xml.content, headers={"content-type": "text/xml"})
    assert again.json() == client.get(f"{E}/virtualhosts/secure").json()
    assert client.post(f"{E}/virtualhosts", json={**given, "name": "other"}).status_code == 409


def test_what_could_not_be_read_again_is_not_stored(client: Caller) -> None:
    long = "x" * 5_000
    host = f"<VirtualHost name='vh'><Port>443</Port><BaseUrl>{long}</BaseUrl></VirtualHost>"
    server = f"<TargetServer name='ts'><Host>{long}</Host><Port>443</Port></TargetServer>"
    reference = f"<ResourceReference name='r'><Refers>ks</Refers><ResourceType>{long}</ResourceType></ResourceReference>"
    made(client)
    for path, body in (("virtualhosts", host), ("targetservers", server), ("references", reference)):
        assert client.post(f"{E}/{path}", content=body, headers={"content-type": "text/xml"}).status_code == 400
        assert client.get(f"{E}/{path}").json() == []


# --- proxies --------------------------------------------------------------------------------------------------------------------------------

ENDPOINT = """<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/weather</BasePath><VirtualHost>secure</VirtualHost>
</HTTPProxyConnection><RouteRule name="r"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>"""
TARGET = "<TargetEndpoint name='default'><PreFlow name='kept'/><HTTPTargetConnection><URL>https://backend.test</URL></HTTPTargetConnection></TargetEndpoint>"
APIS = "/v1/o/local/apis"
BYTES = {"content-type": "application/octet-stream"}


def bundle(**files: str) -> bytes:
    made_zip = io.BytesIO()
    with zipfile.ZipFile(made_zip, "w") as archive:
        for name, text in ({"weather": "<APIProxy name='weather'/>", "proxies/default": ENDPOINT, "targets/default": TARGET} | files).items():
            archive.writestr(f"apiproxy/{name}.xml", text)
    return made_zip.getvalue()


def test_a_bundle_goes_in_and_comes_out(client: Caller) -> None:
    answer = client.post(f"{APIS}?action=import&name=weather", content=bundle(), headers=BYTES)
    assert answer.status_code == 201
    assert {key: answer.json()[key] for key in ("name", "revision", "basepaths", "targets", "proxies")} == {
        "name": "weather", "revision": "1", "basepaths": ["/weather"], "targets": ["default"], "proxies": ["default"],
    }  # fmt: skip
    assert client.post(f"{APIS}?action=import&name=weather", files={"file": bundle()}).json()["revision"] == "2"
    assert client.get(f"{APIS}/weather").json()["revision"] == client.get(f"{APIS}/weather/revisions").json() == ["1", "2"]
    back = client.get(f"{APIS}/weather/revisions/1?format=bundle")
    with zipfile.ZipFile(io.BytesIO(back.content)) as archive:
        assert archive.read("apiproxy/targets/default.xml").decode() == TARGET
    assert client.delete(f"{APIS}/weather/revisions/1").status_code == 200
    assert client.delete(f"{APIS}/weather").status_code == 200
    assert client.get(APIS).json() == []


def test_a_hostile_bundle_is_refused(client: Caller) -> None:
    for data in (b"", b"PK", bundle()[:-30], bundle(**{"targets/default": "<x>"}), bundle(**{"../../x": "<x/>"})):
        assert client.post(f"{APIS}?action=import&name=weather", content=data, headers=BYTES).status_code == 400
    assert client.get(APIS).json() == []


def test_the_documents_of_a_revision_one_by_one(client: Caller) -> None:
    client.post(APIS, json={"name": "weather"})
    revision = f"{APIS}/weather/revisions/1"
    xml = {"content-type": "application/xml"}
    assert client.post(f"{revision}/proxies?name=default", content=ENDPOINT, headers=xml).status_code == 201
    assert client.post(f"{revision}/targets", content=TARGET, headers=xml).status_code == 201
    assert client.post(f"{revision}/policies", content="<Quota name='Q' enabled='false'/>", headers=xml).json()["policyType"] == "Quota"
    assert client.post(f"{revision}/targets", content=TARGET, headers=xml).status_code == 409
    assert client.post(f"{revision}/targets?name=x", content=ENDPOINT, headers=xml).status_code == 400
    assert client.post(f"{revision}/resources?type=jsc&name=a.js", content=b"\0js", headers=BYTES).status_code == 201
    assert client.get(f"{revision}/resources/jsc/a.js").content == b"\0js"
    assert client.put(f"{revision}/resourcefiles/jsc/a.js", content=b"2", headers=BYTES).status_code == 200
    assert client.get(f"{revision}/resourcefiles").json() == {"resourceFile": [{"name": "a.js", "type": "jsc"}]}
    assert client.delete(f"{revision}/resourcefiles/jsc/a.js").status_code == 200
    assert client.delete(f"{revision}/resourcefiles/jsc/a.js").status_code == 404
    proxy = client.get(f"{revision}/proxies/default").json()
    assert (proxy["connection"]["basePath"], proxy["connection"]["virtualHost"]) == ("/weather", ["secure"])
    assert client.get(f"{revision}/policies/Q", headers={"accept": "application/xml"}).text == "<Quota name='Q' enabled='false'/>"
    assert client.delete(f"{revision}/policies/Q").status_code == 200
    assert client.get(f"{revision}/policies").json() == []


def test_a_target_endpoint_patched_as_the_fix_for_a_protocol(client: Caller) -> None:
    """R21: the protocols of a TargetEndpoint; its flows stay."""
    client.post(f"{APIS}?action=import&name=weather", content=bundle(), headers=BYTES)
    target = f"{APIS}/weather/revisions/1/targets/default"
    before = client.get(target).json()
    assert before["connection"]["uRL"] == "https://backend.test"
    before["connection"]["sSLInfo"] = {"enabled": "true", "protocols": ["TLSv1.2"]}
    assert client.put(target, json=before).json()["connection"]["sSLInfo"]["protocols"] == ["TLSv1.2"]
    xml = client.get(target, headers={"accept": "application/xml"}).text
    assert 'name="kept"' in xml
    assert "<Protocol>TLSv1.2</Protocol>" in xml
    assert client.put(f"{target}2", json=before).status_code == 404


def test_deployments_everywhere(client: Caller) -> None:
    for _ in range(2):
        client.post(f"{APIS}?action=import&name=weather", content=bundle(), headers=BYTES)
    there = f"{E}/apis/weather/revisions"
    assert client.get(f"{E}/apis/weather/deployments").json()["code"] == "distribution.ApplicationNotDeployed"
    assert client.post(f"{there}/1/deployments").json()["state"] == "deployed"
    assert client.post(f"{there}/2/deployments", data={"action": "deploy"}).status_code == 400
    both = client.post(f"{there}/2/deployments", data={"override": "true", "basepath": "/v1"}).json()
    assert [(one["revision"], one["state"]) for one in both["environment"]] == [("2", "deployed"), ("1", "undeployed")]
    assert client.get(f"{there}/1/deployments").status_code == 400
    assert client.get(f"{there}/2/deployments").json()["configuration"]["basePath"] == "/v1"
    assert client.get("/v1/o/local/deployments").json()["environment"][0]["aPIProxy"][0]["name"] == "weather"
    assert client.get(f"{E}/deployments").json()["aPIProxy"][0]["revision"][0]["name"] == "2"
    assert client.get(f"{APIS}/weather/deployments").json()["environment"][0]["revision"][0]["state"] == "deployed"
    assert client.get(f"{APIS}/weather/revisions/2/deployments").json()["environment"][0]["name"] == "test"
    assert client.delete(f"{APIS}/weather").status_code == 409
    assert client.delete(f"{there}/1/deployments").json()["code"] == "distribution.RevisionNotDeployed"
    assert client.post(f"{APIS}/weather/deployments?action=undeploy&env=test&revision=2").json()["state"] == "undeployed"
    assert client.post(f"{APIS}/weather/revisions/2/deployments?action=deploy&env=test").json()["state"] == "deployed"
    assert client.post(f"{APIS}/weather/revisions/2/deployments?action=undeploy&env=test&force=true").json()["state"] == "undeployed"
    for wrong in ("env=test", "action=x&env=test", "action=deploy", "action=deploy&env=nowhere", "action=deploy&env=test&basepath=%20"):
        assert client.post(f"{APIS}/weather/revisions/2/deployments?{wrong}").status_code in (400, 404)


def test_roles_and_users(client: Caller) -> None:
    roles = "/v1/o/local/userroles"
    assert client.post(roles, json={"role": [{"name": "ops"}, {"name": "dev"}]}).status_code == 201
    assert client.post(roles, json={"role": [{"name": "new"}, {"name": "dev"}]}).status_code == 409
    assert client.get(roles).json() == ["dev", "ops"]
    assert client.post(f"{roles}/ops/users", data={"id": "a@x.test"}).json() == {"emailId": "a@x.test"}
    assert client.post(f"{roles}/ops/users?id=b@x.test").status_code == 201
    assert client.get(f"{roles}/ops/users").json() == ["a@x.test", "b@x.test"]
    assert client.delete(f"{roles}/ops/users/a@x.test").status_code == 200
    assert client.get(f"{roles}/ops/users/a@x.test").status_code == 404
    given = {"resourcePermission": [{"path": "/", "permissions": ["get"]}, {"path": "/apis", "permissions": ["get", "put"]}]}
    assert client.post(f"{roles}/ops/resourcepermissions", json=given).status_code == 201
    for wrong in ({"path": "/", "permissions": ["fly"]}, {"path": "x", "permissions": []}, {"path": "/", "permissions": [None]}):
        assert client.post(f"{roles}/ops/resourcepermissions", json={"resourcePermission": [wrong]}).status_code == 400
    answer = client.get(f"{roles}/ops/permissions?path=/apis").json()["resourcePermission"]
    assert answer == [{"organization": "local", "path": "/apis", "permissions": ["get", "put"]}]
    assert client.delete(f"{roles}/ops").status_code == 200
    assert client.get(f"{roles}/ops").status_code == 404
