"""The store: whole transactions, one owner, who is told what and when, and what stands on the disk."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import issue
from whytls.edge.resources import Reference, TargetServer, TlsInfo, VirtualHost
from whytls.exceptions import InputError
from whytls.gateway import keystores, proxies, resources, schema
from whytls.gateway.keystores import Material
from whytls.gateway.sealing import Secret
from whytls.gateway.store import Change, Refused, Scope, Store, create_environment, create_organization, ensure, environments, organizations

HERE = Scope("local", "test")
ROOT = issue("Meadow root", ca=True)
LEAF = issue("api.test", ROOT)
KEY = LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
PAIR = Material((LEAF.der, ROOT.der), KEY)


def secret() -> Secret:
    return Secret("a test", False, b"x" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store.sqlite", secret())
    ensure(made, "local", ("test",))
    yield made
    made.close()


def test_a_new_store_is_its_owners_alone(store: Store) -> None:
    os.umask(os.umask(0o022))  # a usual one
    keystores.create(store, HERE, "ks")
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_second_gateway_on_the_same_store_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="another gateway has this store"):
        Store(store.path, secret())


def test_another_secret_is_told_at_once_and_not_at_the_first_key(tmp_path: Path) -> None:
    Store(tmp_path / "store", secret()).close()
    with pytest.raises(InputError, match="secret with which this store was made"):
        Store(tmp_path / "store", Secret("a test", False, b"y" * 64))
    Store(tmp_path / "store", secret()).close()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at as one" * 20, b"SQLite format 3\0" + b"\xff" * 500])
def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store").write_bytes(content)
    with pytest.raises(InputError):
        Store(tmp_path / "store", secret())
    assert (tmp_path / "store").read_bytes() == content


def test_a_store_of_a_newer_whytls_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "store", secret()).close()
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute(f"PRAGMA user_version = {len(schema.VERSIONS) + 1}")
    connection.close()
    with pytest.raises(InputError, match="upgrade whytls"):
        Store(tmp_path / "store", secret())


def test_a_later_schema_is_added_to_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Store(tmp_path / "store", secret())
    ensure(first, "local", ("test",))
    first.close()
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, "CREATE TABLE later (name TEXT);"))
    again = Store(tmp_path / "store", secret())
    with again.view() as run:
        assert run("PRAGMA user_version").fetchone() == (len(schema.VERSIONS),)
        assert run("SELECT count(*) FROM later").fetchone() == (0,)
    assert environments(again, "local") == ["test"]
    again.close()


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path / "store", secret())
    ensure(first, "local", ("test",))
    keystores.create(first, HERE, "ks")
    keystores.add_alias(first, HERE, "ks", "pair", "keycertfile", PAIR)
    resources.create(first, HERE, Reference("ref", "ks"))
    resources.create(first, HERE, TargetServer("ts", "backend.test", 443, tls=TlsInfo(enabled=True, trust_store="ref://ref")))
    generation = first.generation
    first.close()
    again = Store(tmp_path / "store", secret())
    assert again.generation == generation
    alias = keystores.alias(again, HERE, "ks", "pair")
    assert (alias.certificates, alias.has_key) == (PAIR.certificates, True)
    assert keystores.private_key(again, HERE, "ks", "pair") == KEY
    assert resources.find(again, HERE, TargetServer, "ts").tls == TlsInfo(enabled=True, trust_store="ref://ref")
    again.close()


def test_no_private_key_stands_on_the_disk_in_clear(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    keystores.add_alias(store, HERE, "ks", "pair", "keycertfile", PAIR)
    secret_part = KEY[40:72]
    written = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert LEAF.der in written
    assert secret_part not in written


def test_a_sealed_key_that_is_moved_to_another_alias_does_not_open(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    keystores.add_alias(store, HERE, "ks", "one", "keycertfile", PAIR)
    keystores.add_alias(store, HERE, "ks", "two", "keycertfile", Material((ROOT.der,), b"another key"))
    with store.change() as transaction:
        transaction.execute("UPDATE alias SET sealed_key = (SELECT sealed_key FROM alias WHERE name = 'one') WHERE name = 'two'")
    with pytest.raises(InputError, match="does not open"):
        keystores.private_key(store, HERE, "ks", "two")


def test_a_change_that_fails_leaves_nothing(store: Store) -> None:
    told: list[Change] = []
    store.subscribe(told.append)
    before = store.generation

    def half() -> None:
        with store.change() as transaction:
            transaction.execute("INSERT INTO keystore VALUES ('local', 'test', 'half', 1)")
            transaction.note("local", "test", "keystore", "half", "created")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert keystores.names(store, HERE) == []
    assert (told, store.generation) == ([], before)


def test_subscribers_are_told_after_the_fact_and_in_order(store: Store) -> None:
    told: list[tuple[str, str, str, int]] = []
    seen: list[list[str]] = []

    def tell(change: Change) -> None:
        told.append((change.kind, change.name, change.action, change.generation))
        seen.append(keystores.names(store, HERE))  # reading from within is allowed, and sees the change

    end = store.subscribe(tell)
    first = store.generation
    keystores.create(store, HERE, "ks1")
    resources.create(store, HERE, Reference("ref", "ks1"))
    keystores.create(store, HERE, "ks2")
    keystores.add_alias(store, HERE, "ks2", "pair", "keycertfile", PAIR)
    resources.update(store, HERE, Reference("ref", "ks2"))
    end()
    end()
    keystores.create(store, HERE, "ks3")
    assert told == [
        ("keystore", "ks1", "created", first + 1),
        ("reference", "ref", "created", first + 2),
        ("keystore", "ks2", "created", first + 3),
        ("keystore", "ks2", "changed", first + 4),
        ("reference", "ref", "changed", first + 5),
    ]
    assert seen[0] == ["ks1"]
    assert seen[-1] == ["ks1", "ks2"]


def test_organizations_and_environments(store: Store) -> None:
    create_organization(store, "other")
    create_environment(store, Scope("other", "prod"))
    assert organizations(store) == ["local", "other"]
    assert environments(store, "other") == ["prod"]
    for act in (
        lambda: create_organization(store, "other"),
        lambda: create_environment(store, Scope("other", "prod")),
        lambda: create_environment(store, Scope("nobody", "prod")),
        lambda: environments(store, "nobody"),
    ):
        with pytest.raises(Refused):
            act()
    ensure(store, "other", ("prod", "test"))
    assert environments(store, "other") == ["prod", "test"]


# --- what contradicts itself ------------------------------------------------------------------------------------------------------------


def test_a_reference_leads_to_a_keystore_that_is_there(store: Store) -> None:
    with pytest.raises(Refused, match="KeyStore nowhere does not exist"):
        resources.create(store, HERE, Reference("ref", "nowhere"))
    with pytest.raises(Refused, match="resourceType"):
        resources.create(store, HERE, Reference("ref", "nowhere", "Cache"))


def test_what_is_used_is_not_deleted(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    resources.create(store, HERE, Reference("ref", "ks"))
    resources.create(store, HERE, VirtualHost("vh", 443, ("api.test",), tls=TlsInfo(enabled=True, key_store="ref://ref", key_alias="a")))
    with pytest.raises(Refused, match="reference ref refers to"):
        keystores.delete(store, HERE, "ks")
    with pytest.raises(Refused, match="used by VirtualHost vh"):
        resources.delete(store, HERE, Reference, "ref")
    resources.delete(store, HERE, VirtualHost, "vh")
    resources.delete(store, HERE, Reference, "ref")
    keystores.delete(store, HERE, "ks")
    assert keystores.names(store, HERE) == []


@pytest.mark.parametrize(
    ("tls", "problem"),
    [
        (TlsInfo(enabled=True), "Keystore or KeyStoreReference must be specified"),
        (TlsInfo(enabled=True, key_store="ks"), "KeyAlias"),
        (TlsInfo(enabled=True, key_store="ks", key_alias="a", client_auth_enabled=True), "TrustStore"),
        (TlsInfo(enabled=True, key_store="nowhere", key_alias="a"), "KeyStore nowhere does not exist"),
        (TlsInfo(enabled=True, key_store="ref://nowhere", key_alias="a"), "Reference nowhere does not exist"),
    ],
)
def test_a_virtual_host_names_what_it_needs(store: Store, tls: TlsInfo, problem: str) -> None:
    keystores.create(store, HERE, "ks")
    with pytest.raises(Refused, match=problem):
        resources.create(store, HERE, VirtualHost("vh", 443, ("api.test",), tls=tls))


def test_a_host_alias_on_a_port_is_unique_over_the_installation(store: Store) -> None:
    create_environment(store, Scope("local", "prod"))
    resources.create(store, HERE, VirtualHost("vh", 443, ("api.test",)))
    resources.create(store, HERE, VirtualHost("other-port", 8443, ("api.test",)))
    resources.create(store, HERE, VirtualHost("other-name", 443, ("www.test",)))
    with pytest.raises(Refused, match=r"local/test"):
        resources.create(store, Scope("local", "prod"), VirtualHost("vh", 443, ("API.test",)))
    resources.update(store, HERE, VirtualHost("vh", 443, ("api.test", "api2.test")))
    assert resources.names(store, HERE, VirtualHost) == ["other-name", "other-port", "vh"]


def test_an_alias_is_updated_only_where_edge_does(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    for form in ("keycertfile", "pkcs12", "selfsignedcert"):
        keystores.add_alias(store, HERE, "ks", form, form, PAIR)
    keystores.update_alias(store, HERE, "ks", "keycertfile", (LEAF.der,))
    assert keystores.alias(store, HERE, "ks", "keycertfile").certificates == (LEAF.der,)
    assert keystores.private_key(store, HERE, "ks", "keycertfile") == KEY
    for form in ("pkcs12", "selfsignedcert"):
        with pytest.raises(Refused, match="same alias"):
            keystores.update_alias(store, HERE, "ks", form, (LEAF.der,))


def test_a_keystore_takes_its_aliases_with_it(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    keystores.add_alias(store, HERE, "ks", "pair", "keycertfile", PAIR)
    keystores.delete(store, HERE, "ks")
    with store.view() as run:
        assert run("SELECT (SELECT count(*) FROM alias), (SELECT count(*) FROM certificate)").fetchone() == (0, 0)


def test_there_is_one_alias_of_a_name(store: Store) -> None:
    keystores.create(store, HERE, "ks")
    keystores.add_alias(store, HERE, "ks", "pair", "keycertfile", PAIR)
    with pytest.raises(Refused, match="exists already"):
        keystores.add_alias(store, HERE, "ks", "pair", "keycertfile", Material((ROOT.der,)))
    assert keystores.alias(store, HERE, "ks", "pair").certificates == PAIR.certificates


def test_the_key_is_in_no_repr() -> None:
    assert KEY.hex()[80:100] not in repr(PAIR)
    assert repr(KEY[40:50])[2:-1] not in repr(PAIR)


# --- proxies ---------------------------------------------------------------------------------------------------------------------------------

ENDPOINT = b"""<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/weather</BasePath><VirtualHost>secure</VirtualHost>
</HTTPProxyConnection><RouteRule name="r"><Condition>x = 1</Condition><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>"""
TARGET = b'<TargetEndpoint name="default"><HTTPTargetConnection>%s<URL>https://backend.test</URL></HTTPTargetConnection></TargetEndpoint>'


def bundle(tls: bytes = b"") -> dict[str, bytes]:
    return {"apiproxy/proxies/default.xml": ENDPOINT, "apiproxy/targets/default.xml": TARGET % tls}


def test_revisions_are_counted_and_never_reused_while_later_ones_live(store: Store) -> None:
    numbers = [proxies.add_revision(store, "local", "weather", bundle()).number for _ in range(3)]
    proxies.delete_revision(store, "local", "weather", 2)
    numbers.append(proxies.add_revision(store, "local", "weather", bundle()).number)
    assert numbers == [1, 2, 3, 4]
    assert [found.number for found in proxies.revisions(store, "local", "weather")] == [1, 3, 4]


def test_what_is_deployed_is_what_serves(store: Store) -> None:
    proxies.add_revision(store, "local", "weather", bundle())
    proxies.deploy(store, HERE, "weather", 1, "/v1")
    ((proxy, endpoints),) = proxies.deployed(store, HERE)
    assert (proxy.name, proxy.revision, proxy.deployed, proxy.base_paths, proxy.virtual_hosts) == (
        "weather",
        "1",
        True,
        ("/v1/weather",),
        ("secure",),
    )
    assert [(route.target, route.condition) for route in endpoints[0].routes] == [("default", "x = 1")]
    assert proxy.targets[0].url == "https://backend.test"
    proxies.undeploy(store, HERE, "weather", 1)
    assert proxies.deployed(store, HERE) == ()


def test_a_second_revision_needs_override(store: Store) -> None:
    for _ in range(2):
        proxies.add_revision(store, "local", "weather", bundle())
    proxies.deploy(store, HERE, "weather", 1)
    with pytest.raises(Refused, match="override=true"):
        proxies.deploy(store, HERE, "weather", 2)
    assert [found.number for found in proxies.deploy(store, HERE, "weather", 2, override=True)] == [1]
    assert [found.number for found in proxies.deployments(store, "local", proxy="weather")] == [2]


def test_what_is_deployed_is_not_deleted(store: Store) -> None:
    proxies.add_revision(store, "local", "weather", bundle())
    proxies.deploy(store, HERE, "weather", 1)
    for act in (lambda: proxies.delete(store, "local", "weather"), lambda: proxies.delete_revision(store, "local", "weather", 1)):
        with pytest.raises(Refused, match="undeploy it first"):
            act()
    proxies.undeploy(store, HERE, "weather", 1)
    proxies.delete(store, "local", "weather")
    assert proxies.names(store, "local") == []


def test_two_proxies_do_not_share_a_base_path_on_a_virtual_host(store: Store) -> None:
    for name in ("one", "two"):
        proxies.add_revision(store, "local", name, bundle())
    proxies.deploy(store, HERE, "one", 1)
    with pytest.raises(Refused, match="/weather on virtual host secure"):
        proxies.deploy(store, HERE, "two", 1)
    proxies.deploy(store, HERE, "two", 1, "/v2")


@pytest.mark.parametrize(
    ("tls", "code"),
    [
        (b"<SSLInfo><Enabled>true</Enabled><ClientAuthEnabled>true</ClientAuthEnabled></SSLInfo>", "messaging.config.beans.KeyStoreNotSpecified"),
        (b"<SSLInfo><ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>k</KeyStore></SSLInfo>", "messaging.config.beans.KeyAliasNotSpecified"),
    ],
)
def test_client_authentication_without_a_keystore_is_not_deployed(store: Store, tls: bytes, code: str) -> None:
    proxies.add_revision(store, "local", "weather", bundle(tls))
    with pytest.raises(Refused) as caught:
        proxies.deploy(store, HERE, "weather", 1)
    assert caught.value.code == code
