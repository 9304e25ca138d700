from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authority import issue
from edge_acme import API, BACKEND, BUNDLE, INTERMEDIATE, ROOT, VIRTUAL_HOST, resources
from edge_server import Asked, EdgeServer, Reply, reply
from whytls.edge.address import management_address
from whytls.edge.client import ManagementApi, _deployed, _page
from whytls.edge.credentials import Credentials
from whytls.edge.environment import Environment, targets
from whytls.edge.export import export
from whytls.edge.reading import read_files
from whytls.edge.resources import Reference, TargetServer, VirtualHost
from whytls.edge.snapshot import fetch
from whytls.edge.transport import Transport
from whytls.exceptions import ApiError, InputError, UsageError, WhytlsError
from whytls.pki.password import Password

ANA = Credentials("the test", user="ana", password=Password.of("secret"))


@pytest.fixture
def server() -> Iterator[EdgeServer]:
    with EdgeServer(resources()) as made:
        yield made


def opened(server: EdgeServer, *, writable: bool = False, host: str = "") -> ManagementApi:
    at = management_address(f"{server.url}/v1/o/acme/e/prod")
    return ManagementApi(Transport(at.base, ANA, writable=writable, pause=lambda _: None), at)


def sent(server: EdgeServer, value: object = None) -> list[Asked]:
    """Lets everything that writes succeed, and gives what was sent."""
    server.before = lambda asked: None if asked.method == "GET" else reply(value if value is not None else {}, 201)
    return server.asked


def test_every_resource_is_read(server: EdgeServer) -> None:
    api = opened(server)
    assert api.keystores() == ["front-1", "mp-1", "trust"]
    own = api.alias("front-1", "own")
    assert own.certificates == (API.der, INTERMEDIATE.der)
    assert own.has_key
    assert own.described[0].expiry_date == int(API.certificate.not_valid_after_utc.timestamp() * 1000)
    assert api.reference("front").refers == "front-1"
    assert api.virtual_host("secure").to_json() == VIRTUAL_HOST
    assert api.target_server("backend").to_json() == BACKEND
    assert api.revisions("orders") == ["1", "3", "10"]
    assert api.deployed() == [("orders", "3")]
    assert api.bundle("orders", "3") == BUNDLE
    assert str(api.virtual_host("secure").origin.place("port")).endswith("/v1/o/acme/e/prod/virtualhosts/secure")  # type: ignore[union-attr]


def test_the_older_calls_do_where_aliases_are_not_known() -> None:
    with EdgeServer(resources(older=True)) as server:
        store = opened(server).whole_keystore("front-1")
    (alias,) = store.aliases
    assert (alias.name, alias.has_key, alias.certificates) == ("own", True, (API.der, INTERMEDIATE.der))
    assert alias.described[1].issuer == ROOT.certificate.subject.rfc4514_string()


def test_what_is_written_has_the_form_that_the_api_takes(server: EdgeServer) -> None:
    asked = sent(server, {"name": "orders", "revision": "4"})
    api = opened(server, writable=True)
    api.create_keystore("front-2")
    api.add_pem("front-2", "own", b"PEM", b"KEY", "pässword")
    api.add_pem("trust", "ca", b"PEM", expired=True)
    api.add_pkcs12("front-2", "own", b"P12", "password")
    api.replace_certificate("front-2", "own", b"PEM")
    api.create_reference(Reference("r", "front-2"))
    api.put_reference(Reference("front", "front-2"))
    api.put_target_server(TargetServer.from_json(BACKEND))
    api.create_target_server(TargetServer.from_json(BACKEND))
    api.put_virtual_host(VirtualHost.from_json(VIRTUAL_HOST))
    api.create_virtual_host(VirtualHost.from_json(VIRTUAL_HOST))
    assert api.import_proxy("orders", BUNDLE) == "4"
    api.deploy("orders", "4")
    for delete, names in (
        (api.delete_alias, ("front-2", "own")), (api.delete_keystore, ("front-2",)), (api.delete_reference, ("r",)),
        (api.delete_target_server, ("backend",)), (api.delete_virtual_host, ("secure",)),
    ):  # fmt: skip
        delete(*names)  # type: ignore[operator]
    base = "/v1/o/acme/e/prod"
    assert [(one.method, one.path.removeprefix(base)) for one in asked] == [
        ("POST", "/keystores"), ("POST", "/keystores/front-2/aliases"), ("POST", "/keystores/trust/aliases"),
        ("POST", "/keystores/front-2/aliases"), ("PUT", "/keystores/front-2/aliases/own"), ("POST", "/references"), ("PUT", "/references/front"),
        ("PUT", "/targetservers/backend"), ("POST", "/targetservers"), ("PUT", "/virtualhosts/secure"), ("POST", "/virtualhosts"),
        ("POST", "/v1/o/acme/apis"), ("POST", "/apis/orders/revisions/4/deployments"), ("DELETE", "/keystores/front-2/aliases/own"),
        ("DELETE", "/keystores/front-2"), ("DELETE", "/references/r"), ("DELETE", "/targetservers/backend"), ("DELETE", "/virtualhosts/secure"),
    ]  # fmt: skip
    assert asked[0].body == b'{"name": "front-2"}'
    assert asked[1].query == {"alias": ["own"], "format": ["keycertfile"], "ignoreExpiryValidation": ["false"], "ignoreNewlineValidation": ["true"]}
    assert asked[1].headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (b'name="certFile"; filename="cert.pem"', b'name="keyFile"; filename="key.pem"', b'name="password"\r\n\r\np\xc3\xa4ssword'):
        assert part in asked[1].body
    assert b"keyFile" not in asked[2].body
    assert asked[2].query["ignoreExpiryValidation"] == ["true"]
    assert asked[3].query["format"] == ["pkcs12"]
    assert b'name="file"; filename="store.p12"' in asked[3].body
    assert asked[12].query == {"override": ["true"], "delay": ["15"]}


def test_apigee_x_has_other_paths_and_flags(server: EdgeServer) -> None:
    asked = sent(server)
    api = opened(server, writable=True)
    x = ManagementApi(api.transport, api.at._replace(dialect="x"))
    x.put_target_server(TargetServer.from_json(BACKEND))
    assert asked[0].path == "/v1/organizations/acme/environments/prod/targetservers/backend"
    assert b'"enabled": true' in asked[0].body
    assert x.virtual_hosts() == []


def test_a_reader_writes_nothing(server: EdgeServer) -> None:
    with pytest.raises(UsageError, match="reading only"):
        opened(server).create_keystore("x")
    assert not server.asked


def test_pages_are_followed_in_both_ways(server: EdgeServer) -> None:
    every = [f"p{number:05}" for number in range(2500)]

    def by_key(asked: Asked) -> Reply:
        start = asked.query.get("startKey", [""])[0]
        return reply([name for name in every if name >= start][:1000])

    server.before = by_key
    assert opened(server).proxies() == every

    def by_token(asked: Asked) -> Reply:
        start = int(asked.query.get("pageToken", ["0"])[0])
        more = {"nextPageToken": str(start + 700)} if start + 700 < len(every) else {}
        return reply({"proxies": [{"name": name} for name in every[start : start + 700]], **more})

    server.before = by_token
    assert opened(server).proxies() == every
    server.before = lambda asked: reply(every[:1000])  # it knows no pages
    assert opened(server).proxies() == every[:1000]


def test_a_list_without_end_is_given_up(server: EdgeServer) -> None:
    server.before = lambda asked: reply({"proxies": [{"name": f"p{len(server.asked)}"}], "nextPageToken": "again"})
    with pytest.raises(ApiError, match="does not end"):
        opened(server).proxies()
    assert len(server.asked) == 100


@pytest.mark.parametrize("served", [b"-----BEGIN CERTIFICATE-----\nAAAA", b"", b"hello", b"\xfe\xed\xfe\xed"])
def test_a_certificate_that_is_none_is_the_apis_error(server: EdgeServer, served: bytes) -> None:
    server.resources["/v1/o/acme/e/prod/keystores/front-1/aliases/own/certificate"] = served
    with pytest.raises(WhytlsError):
        opened(server).alias("front-1", "own")


NAMES = st.sampled_from(["name", "deployments", "environment", "aPIProxy", "revision", "state", "nextPageToken"])
LEAVES = st.none() | st.integers() | st.text(max_size=3)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12))
def test_lists_of_any_shape_are_read_or_refused(value: object) -> None:
    for reader in (_page, lambda given: list(_deployed(given, "prod"))):
        try:
            reader(value)
        except InputError:
            pass


def test_deployments_of_all_kinds() -> None:
    of_all = {"environment": [{"name": "test", "aPIProxy": [{"name": "a", "revision": [{"name": "1"}]}]},
                              {"name": "prod", "aPIProxy": [{"name": "b", "revision": [{"name": "2", "state": "deployed"}]}]}]}  # fmt: skip
    assert list(_deployed(of_all, "prod")) == [("b", "2")]
    flat = {"deployments": [{"environment": "prod", "apiProxy": "c", "revision": "5"}, {"environment": "test", "apiProxy": "d", "revision": "1"}]}
    assert list(_deployed(flat, "prod")) == [("c", "5")]


def test_a_snapshot_has_everything(server: EdgeServer) -> None:
    told: list[str] = []
    found = fetch(opened(server), progress=told.append)
    assert found.warnings == ()
    assert str(found) == "acme/prod"
    held = found.presented(found.virtual_hosts["secure"].tls)
    assert held is not None
    assert (str(held[0]), held[1].certificates) == ("keystore front-1 (reference front)", (API.der, INTERMEDIATE.der))
    assert {(str(target), target.host, target.port, target.speaks_tls) for target in targets(found)} == {
        ("TargetEndpoint default of proxy orders, revision 3", "orders.test", 8443, True),
        ("target server backend", "backend.test", 443, True), ("target server plain", "plain.test", 8080, False),
    }  # fmt: skip
    assert found.proxies[0].virtual_hosts == ("secure",)
    assert "proxy orders, revision 3" in told


def test_what_cannot_be_read_is_a_warning(server: EdgeServer) -> None:
    server.resources["/v1/o/acme/e/prod/targetservers/backend"] = {"name": "backend", "host": "b", "port": "x"}
    server.resources["/v1/o/acme/apis/orders/revisions/3"] = b"no zip"
    del server.resources["/v1/o/acme/e/prod/references"]
    found = fetch(opened(server))
    assert set(found.target_servers) == {"plain"}
    assert len(found.warnings) == 3


def test_nobody_reads_nothing(server: EdgeServer) -> None:
    server.before = lambda asked: reply({}, 401)
    with pytest.raises(ApiError, match="401"):
        fetch(opened(server))
    assert len(server.asked) == 1


def test_an_export_is_read_as_what_it_was(server: EdgeServer, tmp_path: Path) -> None:
    found = fetch(opened(server))
    export(found, tmp_path / "out")
    back = read_files(str(tmp_path / "out"))
    assert back.warnings == ()
    for what in ("organization", "name", "references", "virtual_hosts", "target_servers"):
        assert getattr(back, what) == getattr(found, what)
    assert {name: [(a.name, a.certificates, a.has_key, a.described) for a in store.aliases] for name, store in back.keystores.items()} == {
        name: [(a.name, a.certificates, a.has_key, a.described) for a in store.aliases] for name, store in found.keystores.items()
    }
    read, served = ([(t.name, t.url, t.servers, t.tls) for t in one.target_endpoints] for one in (back, found))
    assert read == sorted(served)
    assert back.proxies[0].virtual_hosts == ("secure",)
    with pytest.raises(InputError, match="not an empty folder"):
        export(found, tmp_path / "out")


def test_hostile_names_stay_inside_an_export(tmp_path: Path) -> None:
    from whytls.edge.resources import Alias, KeyStore, Proxy, TargetEndpoint

    names = ["../../x", "..", ".", "", "a/b", "a%2Fb", "c\0d", "é", "x" * 500, "x" * 499 + "y"]
    leaf = issue("leaf").der
    stores = {name: KeyStore(name, (Alias(name, (leaf,)),)) for name in names}
    proxies = tuple(Proxy(name, name, (TargetEndpoint(name, name, "t"),), (name.replace("\0", ""),)) for name in names if "\0" not in name)
    written = export(Environment("x", "o", "../e", keystores=stores, proxies=proxies), tmp_path / "out")
    assert len({path.resolve() for path in written}) == len(written)
    assert all(path.resolve().is_relative_to((tmp_path / "out").resolve()) for path in written)
