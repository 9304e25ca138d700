from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from authority import Issued, issue
from edge_acme import API, BACKEND, BUNDLE, BUNDLE_FILES, INTERMEDIATE, ROOT, TARGET, VIRTUAL_HOST, archive
from whytls.edge import ciphers, reading
from whytls.edge.readers import bundle, properties, router
from whytls.edge.reading import read_files
from whytls.edge.settings import ROUTER_CIPHERS, ROUTER_PROTOCOLS, SNI, disabled_algorithms, find, sends_server_name
from whytls.exceptions import InputError, UsageError, WhytlsError

PROPERTIES = b"""# of the customer
conf_system_jsse.enableSNIExtension=true
conf/system.properties+jsse.enableSNIExtension = false
conf_load_balancing_load.balancing.driver.server.ssl.protocols=TLSv1.1 TLSv1.2
conf_message-processor-communication_local.http.ssl=true
jdk.tls.disabledAlgorithms=SSLv3, TLSv1, \\
    TLSv1.1, RC4
key\\:with\\=signs : v\\u00e4lue\\tx
! also a comment
empty
"""


def test_properties_have_both_spellings_lines_and_continuations() -> None:
    found = properties.read(PROPERTIES, "/opt/apigee/customer/application/message-processor.properties")
    assert [(s.target, s.token, s.value, s.place.line) for s in found] == [
        ("system", SNI, "true", 2), ("system", SNI, "false", 3), ("load_balancing", ROUTER_PROTOCOLS, "TLSv1.1 TLSv1.2", 4),
        ("message-processor-communication", "local.http.ssl", "true", 5), ("", "jdk.tls.disabledAlgorithms", "SSLv3, TLSv1, TLSv1.1, RC4", 6),
        ("", "key:with=signs", "välue\tx", 8), ("", "empty", "", 10),
    ]  # fmt: skip
    assert {s.component for s in found} == {"message-processor"}
    sends, setting = sends_server_name(found) or (None, None)
    assert sends is False  # the last one counts
    assert setting is not None
    assert setting.place.line == 3
    assert disabled_algorithms(found) is not None


def test_what_the_customer_wrote_counts_before_what_was_installed() -> None:
    own = properties.read(b"conf_system_jsse.enableSNIExtension=true", "/opt/apigee/customer/application/message-processor.properties")
    installed = properties.read(b"jsse.enableSNIExtension=false", "/opt/apigee/edge-message-processor/conf/system.properties")
    for settings in (own + installed, installed + own):
        assert sends_server_name(settings) == (True, own[0])
    assert sends_server_name(installed) == (False, installed[0])
    assert sends_server_name(()) is None
    other = properties.read(b"jsse.enableSNIExtension=false", "/opt/apigee/edge-router/conf/system.properties")
    assert sends_server_name(other) is None


@given(st.dictionaries(st.text("abc.:=# !\\\t é", min_size=1, max_size=6), st.text("abc:=#! \\\t\né", max_size=8), max_size=3))
def test_properties_are_read_as_a_java_writer_escapes_them(pairs: dict[str, str]) -> None:
    def escaped(text: str, *, key: bool) -> str:
        signs = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"}
        out = "".join(signs.get(sign, sign if ord(sign) < 127 else f"\\u{ord(sign):04x}") for sign in text)
        return out.replace(" ", "\\ ") if key else ("\\" + out if out.startswith(" ") else out)

    written = "".join(f"{escaped(key, key=True)}={escaped(value, key=False)}\n" for key, value in pairs.items())
    assert {s.token: s.value for s in properties.read(written.encode(), "x.properties")} == pairs


@given(st.binary(max_size=200) | st.text("conf_/+.=: \\\n\r#!ué0jsse", max_size=80).map(str.encode))
def test_any_bytes_are_properties_or_none(data: bytes) -> None:
    properties.looks_like(data, "x")
    for setting in properties.read(data, "x.properties"):
        assert 1 <= (setting.place.line or 0) <= data.count(b"\n") + data.count(b"\r") + 1


@pytest.mark.stacks
def test_the_java_of_this_machine_is_read() -> None:
    found = next(Path("/etc").glob("java-17-openjdk/security/java.security"))
    listed = disabled_algorithms(properties.read(found.read_bytes(), str(found)))
    assert listed is not None
    assert {"SSLv3", "TLSv1", "TLSv1.1"} <= set(listed[0])
    assert found.read_text().splitlines()[(listed[1].place.line or 0) - 1].startswith("jdk.tls.disabledAlgorithms=")


@pytest.mark.parametrize(
    "data", [b"conf_" + b"_" * 200_000, b"conf/" + b"+" * 200_000, b"\n" * 2_000_000, b"\\\n" * 500_000, b"http" + b"\n" * 1_000_000]
)
def test_long_runs_of_one_sign_take_no_time(data: bytes) -> None:
    begun = time.process_time()
    properties.looks_like(data, "x")
    list(properties.read(data, "x.properties"))
    router.looks_like(data)
    reading._MAIN.search(data)
    assert time.process_time() - begun < 5


def test_a_bundle_has_its_targets_virtual_hosts_and_places() -> None:
    for data in (BUNDLE, archive({f"orders-main/{name}": content for name, content in BUNDLE_FILES.items()})):
        proxy = bundle.read_archive(data, "orders.zip")
        assert (proxy.name, proxy.revision, proxy.virtual_hosts, proxy.base_paths) == ("orders", "3", ("secure",), ("/orders",))
        assert [target.name for target in proxy.targets] == ["default", "balanced"]
        assert proxy.targets[0].origin is not None
        assert str(proxy.targets[0].origin.place("tls.trust_store")).endswith("apiproxy/targets/default.xml:5")
        assert (proxy.targets[0].proxy, proxy.targets[0].revision) == ("orders", "3")


def locked() -> bytes:
    """A bundle whose entries say that they are encrypted."""
    data = bytearray(BUNDLE)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            struct.pack_into("<H", data, at + offset, struct.unpack_from("<H", data, at + offset)[0] | 1)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (archive({"apiproxy/targets/bomb.xml": b"<a>" + b" " * (8 << 20) + b"</a>"}), "larger than"),
        (archive({f"apiproxy/targets/{n}.xml": b"<a>" + b" " * (3 << 20) + b"</a>" for n in range(12)}), "larger than"),
        (archive({f"x/{n}": b"" for n in range(20_001)}), "more than 20,000 entries"),
        (archive({"../../apiproxy/targets/x.xml": TARGET, "/etc/passwd": "x"}), "no proxy"),
        (archive({"readme": "x"}), "no proxy"), (locked(), "locked with a password"), (BUNDLE[: len(BUNDLE) // 2], "no zip archive"),
        (archive({"apiproxy/targets/x.xml": "<!DOCTYPE x><TargetEndpoint/>"}), "document type"),
        (archive({"apiproxy/targets/x.xml": "<Other/>"}), "no TargetEndpoint"), (b"PK\x03\x04", "no zip archive"),
    ],
    ids=["bomb", "bombs", "many", "traversal", "other", "locked", "cut", "doctype", "no-target", "head"],
)  # fmt: skip
def test_hostile_archives_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        bundle.read_archive(data, "hostile.zip")


@given(st.integers(0, len(BUNDLE) - 1), st.binary(min_size=1, max_size=4))
def test_damaged_archives_end_in_an_error_of_ours(at: int, change: bytes) -> None:
    try:
        bundle.read_archive(BUNDLE[:at] + change + BUNDLE[at + len(change) :], "damaged.zip")
    except WhytlsError:
        pass


def test_an_entry_that_lies_about_its_size_is_bounded() -> None:
    data = bytearray(archive({"apiproxy/targets/x.xml": b"<a>" + b" " * (8 << 20) + b"</a>"}))
    struct.pack_into("<I", data, data.find(b"PK\x01\x02") + 24, 10)
    with pytest.raises(InputError):
        bundle.read_archive(bytes(data), "lying.zip")
    assert zipfile.is_zipfile(io.BytesIO(bytes(data)))


# The Router's nginx


def write_pem(path: Path, *issued: Issued, key: bool = False) -> None:
    text = "".join(one.pem for one in issued)
    if key:
        text = issued[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path.write_text(text)


def conf(folder: Path) -> Path:
    """A Router's configuration: the defaults, and one virtual host."""
    (folder / "conf.d").mkdir()
    write_pem(folder / "own.pem", API, INTERMEDIATE)
    write_pem(folder / "own.key", API, key=True)
    write_pem(folder / "conf.d" / "acme-prod-secure-client.pem", ROOT)
    (folder / "nginx.conf").write_text(
        "error_log stderr;\npid nginx.pid;\nevents {}\nhttp {\n  access_log off;\n  include conf.d/*.conf;\n}\n"
    )  # fmt: skip
    (folder / "conf.d" / "0-default.conf").write_text("ssl_protocols TLSv1.2 TLSv1.3;\nssl_ciphers HIGH:!aNULL:!MD5;\n")
    (folder / "conf.d" / "acme_prod_secure.conf").write_text(
        "server {\n  listen 127.0.0.1:9443 ssl;\n  server_name api.example.test www.example.test;\n"
        "  ssl_certificate own.pem;\n  ssl_certificate_key own.key;\n"
        "  ssl_client_certificate conf.d/acme-prod-secure-client.pem;\n  ssl_verify_client optional;\n  ssl_protocols TLSv1.2;\n}\n"
        "server {\n  listen 8080;\n  server_name plain.example.test;\n}\n"
    )
    return folder / "nginx.conf"


def checked(found: router.Router, folder: Path) -> None:
    (host,) = found.virtual_hosts
    assert (host.name, host.port, host.host_aliases) == ("secure", 9443, ("api.example.test", "www.example.test"))
    assert host.tls is not None
    assert (host.tls.client_auth_enabled, host.named("ssl_protocols"), host.named("ssl_ciphers")) == (True, "TLSv1.2", None)
    assert host.origin is not None
    assert str(host.origin.place("properties.ssl_protocols")) == f"{folder}/conf.d/acme_prod_secure.conf:8"
    stores = {Path(store.name).name: store for store in found.keystores}
    assert [(a.certificates, a.has_key) for a in stores["own.pem"].aliases] == [((API.der, INTERMEDIATE.der), True)]
    assert [a.certificates for a in stores["acme-prod-secure-client.pem"].aliases] == [(ROOT.der,)]
    listed = find(found.settings, ROUTER_CIPHERS, "router")
    assert listed is not None
    assert (listed.value, str(listed.place)) == ("HIGH:!aNULL:!MD5", f"{folder}/conf.d/0-default.conf:2")


def test_the_routers_nginx_becomes_a_virtual_host_with_its_stores(tmp_path: Path) -> None:
    main = conf(tmp_path)
    checked(router.read(main.read_bytes(), str(main)), tmp_path)
    alone = tmp_path / "conf.d" / "0-default.conf"
    found = router.read(alone.read_bytes(), str(alone))
    assert [s.token for s in found.settings] == [ROUTER_PROTOCOLS, ROUTER_CIPHERS]


@pytest.mark.stacks
def test_what_nginx_itself_prints_is_read(tmp_path: Path) -> None:
    main = conf(tmp_path)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    done = subprocess.run([nginx, "-T", "-p", str(tmp_path), "-c", str(main)], capture_output=True, check=True)
    checked(router.read(done.stdout, "printed.txt"), tmp_path)


@given(st.text("server{};listen 443ssl_protocols TLSv1.2 \n\"'", max_size=120))
def test_any_text_is_a_configuration_or_an_error_of_ours(text: str) -> None:
    try:
        router.read(text.encode(), "x.conf")
    except WhytlsError:
        pass


@pytest.mark.stacks
@pytest.mark.parametrize(
    "text", ["HIGH:!aNULL:!MD5", "HIGH:!aNULL:!MD5:!DH+3DES:!RSA+3DES", "ECDHE+AESGCM:AES128-SHA", "DEFAULT", "ALL:!COMPLEMENTOFDEFAULT"]
)
def test_cipher_strings_are_expanded_as_openssl_does(text: str) -> None:
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    done = subprocess.run(["openssl", "ciphers", "-V", "-s", "-tls1_2", f"{text}:@SECLEVEL=0"], capture_output=True, text=True, check=True)
    wanted = [int(line.split()[0].replace(",0x", ""), 16) for line in done.stdout.splitlines()]
    found = ciphers.expand(text)
    if version not in found.by:  # another OpenSSL than Python's: what both know has the same order
        both = set(wanted) & set(found.suites)
        assert len(both) > 0.8 * len(wanted)
        assert [suite for suite in found.suites if suite in both] == [suite for suite in wanted if suite in both]
    else:
        assert [suite for suite in wanted if suite >> 8 != 0x13] == list(found.suites)


@pytest.mark.parametrize("text", ["", "NOTHING", "HIGH:!ALL", "é", "\0", "x" * 5000])
def test_a_cipher_string_that_selects_nothing(text: str) -> None:
    with pytest.raises(InputError, match="selects no cipher suite"):
        ciphers.expand(text)


def test_suites_by_name() -> None:
    assert ciphers.of_names(("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA256", "SSL_RSA_WITH_3DES_EDE_CBC_SHA", "no")) == ((0x2F, 0x3C, 0x0A), ("no",))


# Folders and files


def test_edge_json_of_the_maven_plugin(tmp_path: Path) -> None:
    config = {"targetServers": [dict(BACKEND)], "virtualHosts": [VIRTUAL_HOST], "references": [{"name": "front", "refers": "front-1"}],
              "keystores": [{"name": "front-1"}], "aliases": [{"alias": "own", "keystorename": "front-1", "format": "keycertfile",
              "certFilePath": "certs/own.pem", "keyFilePath": "certs/own.key"}], "kvms": [{"name": "kvm"}]}  # fmt: skip
    (tmp_path / "certs").mkdir()
    write_pem(tmp_path / "certs" / "own.pem", API, INTERMEDIATE)
    file = tmp_path / "edge.json"
    file.write_text(json.dumps({"version": "1.0", "envConfig": {"prod": config, "test": {"targetServers": []}}, "orgConfig": {}}, indent=1))
    found = read_files(str(file))
    assert found.warnings == ()
    assert found.name == "prod"
    held = found.presented(found.virtual_hosts["secure"].tls)
    assert held is not None
    assert held[1].certificates == (API.der, INTERMEDIATE.der)
    server = found.target_servers["backend"]
    assert server.origin is not None
    line = server.origin.place("tls.protocols").line or 0
    assert '"protocols"' in file.read_text().splitlines()[line - 1]
    config["targetServers"][0]["port"] = "many"  # type: ignore[index]
    file.write_text(json.dumps({"envConfig": {"prod": config}}, indent=1))
    with pytest.raises(InputError, match=r"edge\.json:\d+: targetservers: port is 'many'"):
        read_files(str(file))


def test_one_of_several_environments_is_chosen(tmp_path: Path) -> None:
    for name, host in (("test", "a.test"), ("prod", "b.test")):
        folder = tmp_path / "resources" / "edge" / "env" / name
        folder.mkdir(parents=True)
        (folder / "targetServers.json").write_text(json.dumps([{**BACKEND, "host": host}]))
    with pytest.raises(UsageError, match="several environments: prod, test"):
        read_files(str(tmp_path))
    assert read_files(f"{tmp_path}#test").target_servers["backend"].host == "a.test"
    with pytest.raises(UsageError, match="no environment 'stage'"):
        read_files(f"{tmp_path}#stage")


def test_a_folder_with_everything_in_it(tmp_path: Path) -> None:
    conf(tmp_path)
    (tmp_path / "orders.zip").write_bytes(BUNDLE)
    unpacked = tmp_path / "unpacked" / "apiproxy" / "targets"
    unpacked.mkdir(parents=True)
    (unpacked / "other.xml").write_text(TARGET.replace("default", "other"))
    (unpacked.parent / "unpacked.xml").write_text('<APIProxy name="unpacked"/>')
    (tmp_path / "message-processor.properties").write_bytes(b"conf_system_jsse.enableSNIExtension=true\n")
    (tmp_path / "targetServers.json").write_text(json.dumps([BACKEND]))
    (tmp_path / "host.xml").write_text('<VirtualHost name="x"><Port>1</Port></VirtualHost>')
    (tmp_path / "package.json").write_text('{"name": "no resource"}')
    (tmp_path / "broken.json").write_text('{"virtualHosts": [{"name": "x", "hostAliases": ["y"], "port": "z"}]}')
    (tmp_path / "picture").write_bytes(bytes(range(256)))
    found = read_files(str(tmp_path))
    assert set(found.virtual_hosts) == {"secure", "x"}
    assert {target.name for target in found.target_endpoints} == {"default", "balanced", "other"}
    assert set(found.target_servers) == {"backend"}
    assert sends_server_name(found.settings) is not None
    assert len(found.warnings) == 1
    assert "broken.json" in found.warnings[0]


def test_a_configuration_names_no_file_outside_its_folder(tmp_path: Path) -> None:
    write_pem(tmp_path / "secret.pem", ROOT)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "link.pem").symlink_to(tmp_path / "secret.pem")
    aliases = [{"alias": f"a{n}", "keystorename": "k", "format": "keycertfile", "certFilePath": name}
               for n, name in enumerate(("../secret.pem", str(tmp_path / "secret.pem"), "link.pem", "\0", "none.pem"))]  # fmt: skip
    (folder / "aliases.json").write_text(json.dumps(aliases))
    found = read_files(str(folder))
    assert all(not alias.certificates for alias in found.keystores["k"].aliases)
    assert len(found.warnings) == 5


def test_what_configures_no_gateway(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    write_pem(tmp_path / "x.pem", issue("x"))
    for source in (tmp_path, tmp_path / "x.json", tmp_path / "x.pem"):
        with pytest.raises(InputError, match="nothing in it configures a gateway"):
            read_files(str(source))
    with pytest.raises(InputError, match="No such file"):
        read_files(str(tmp_path / "none"))
