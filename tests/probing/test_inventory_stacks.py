"""Inventories of real servers beside sslscan's, the budget of connections, names, client certificates, and the servers that scanners confuse."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.live.confusing import CONFUSING
from lab.live.oracles import ask_sslscan
from lab.live.papers import Papers, papers
from lab.live.serve import ALL, STACKS, TLS10, TLS11, TLS12, TLS13, Running, Serve, running, supported

from whytls.probing.attempt import Prober
from whytls.probing.compare import differences
from whytls.probing.inventory import inventory
from whytls.probing.limits import Limits
from whytls.probing.result import Inventory
from whytls.probing.sni import habits
from whytls.wire.registry import group_name, scheme_name, suite_facts, suite_number, suite_openssl_name

pytestmark = pytest.mark.stacks
WWW, API = "www.maple.test", "api.maple.test"
# sslscan asks NSS's server for what it never answers, and waits two minutes for it.
SCANNED = [stack for stack in STACKS if stack != "nss"]


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


def asked(port: int, name: str | None = WWW, most: int = 200) -> Inventory:
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", Limits(answer=3, connections=most))
    return asyncio.run(inventory(prober, name))


def suites_of(found: Inventory) -> dict[int, frozenset[int]]:
    return {version.version: frozenset(version.suites) for version in found.versions if version.suites}


def openssl_accepts(server: Running, version: int, suite: int) -> bool | None:
    """Whether OpenSSL's client gets through with this suite alone; None: it does not have it."""
    name = suite_openssl_name(suite)
    option = {TLS10: "-tls1", TLS11: "-tls1_1", TLS12: "-tls1_2"}[version]
    line = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", WWW, option, "-cipher", f"{name}:@SECLEVEL=0"]
    run = subprocess.run(line, input="", capture_output=True, text=True, timeout=20, check=False)
    if "no cipher match" in run.stderr or "no ciphers available" in run.stderr or "Call to SSL_CONF_cmd" in run.stderr:
        return None
    return f"Cipher is {name}" in run.stdout


def compared(server: Running, found: Inventory) -> None:
    """Everything that sslscan finds is found; what is found besides, OpenSSL's client gets through with, or does not have."""
    seen, ours = ask_sslscan("127.0.0.1", server.port, f"--sni-name={WWW}"), suites_of(found)
    assert seen.sets
    for version, suites in seen.sets.items():
        assert suites <= ours.get(version, frozenset()), version
    assert set(ours) == set(seen.sets)
    for version, suites in ours.items():
        for suite in suites - seen.sets[version]:
            assert openssl_accepts(server, version, suite) is not False, suite_openssl_name(suite)
    assert set(found.groups) == seen.groups
    new = next((one for one in found.versions if one.version == TLS13 and one.server_order), None)
    if new is not None and server.serve.stack != "go":  # Go has two orders: AES first, or not, as the client has it (cipherSuitesPreferenceOrder)
        assert new.suites[0] == seen.suites[TLS13][0]  # "Preferred"


@pytest.mark.parametrize("stack", SCANNED)
def test_as_each_stack_is_by_itself(stack: str, issued: Papers) -> None:
    with running(Serve(stack, issued.both(WWW))) as server:
        found = asked(server.port)
        compared(server, found)
    assert not [warning for warning in found.warnings if "not everything" in warning]
    assert {shown.key_type for shown in found.certificates} == {"rsa", "ecdsa"}
    assert {scheme_name(scheme) for scheme in found.signature_schemes} >= {"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"}


@pytest.mark.parametrize("stack", SCANNED)
def test_with_everything_on(stack: str, issued: Papers) -> None:
    wishes = [Serve(stack, issued.both(WWW)[:1], versions=versions, suites=ALL) for versions in ((TLS10, TLS11, TLS12, TLS13), (TLS12, TLS13))]
    wishes = [wish for wish in wishes if supported(wish) is None] or [Serve(stack, issued.both(WWW)[:1], versions=(TLS10, TLS11, TLS12), suites=ALL)]
    with running(wishes[0]) as server:
        found = asked(server.port, most=300)
        compared(server, found)


def test_nss(issued: Papers) -> None:
    """Every suite that OpenSSL and NSS have in common, by OpenSSL's client one by one."""
    listed = subprocess.run(["openssl", "ciphers", "-tls1_2", "-s", "ALL:@SECLEVEL=0"], capture_output=True, text=True, check=True).stdout
    with running(Serve("nss", issued.both(WWW), versions=(TLS12,))) as server:
        found = asked(server.port)
        ours = suites_of(found)[TLS12]
        known = {number for name in listed.strip().split(":") if (number := suite_number(name)) is not None and not suite_facts(number).tls13}
        assert ours
        for suite in known:
            assert (openssl_accepts(server, TLS12, suite) or False) == (suite in ours), suite_openssl_name(suite)


@pytest.mark.parametrize("stack", STACKS)
def test_tls13_alone(stack: str, issued: Papers) -> None:
    """Schemes, protocols and kinds of certificates are under TLS 1.3's keys there."""
    wish = Serve(stack, issued.both(WWW), versions=(TLS13,), alpn=("h2", "http/1.1"))
    with running(wish if supported(wish) is None else Serve(stack, issued.both(WWW), versions=(TLS13,))) as server:
        found = asked(server.port)
    assert set(suites_of(found)) == {TLS13}
    assert {shown.key_type for shown in found.certificates} == {"rsa", "ecdsa"}
    assert {scheme_name(scheme) for scheme in found.signature_schemes} >= {"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"}
    assert set(found.alpn) >= ({"h2", "http/1.1"} if supported(wish) is None else set())
    assert found.resumption.psk is not None


@pytest.mark.parametrize("order", ["client", "server"])
def test_the_budget(order: str, issued: Papers) -> None:
    """nginx with TLS 1.0 to 1.3, all suites of OpenSSL 3.0 for an RSA certificate: everything that an inventory has, in 80 connections."""
    wish = Serve("nginx", issued.both(WWW)[:1], versions=(TLS10, TLS11, TLS12, TLS13), suites=ALL, order=order)  # type: ignore[arg-type]
    with running(wish) as server:
        found = asked(server.port)
    suites = sum(len(version.suites) for version in found.versions)
    assert suites >= 48
    assert len(found.groups) == 10
    assert len(found.attempts) <= suites + 32  # 80 for 48
    assert [version.server_order for version in found.versions if version.suites] == [order == "server"] * 4
    assert found.resumption.ticket is True
    assert found.resumption.psk is True
    assert found.fallback_scsv is True
    assert len(found.names) == 5


@pytest.mark.parametrize("stack", ["nginx", "haproxy", "openssl"])
def test_groups_in_the_servers_order(stack: str, issued: Papers) -> None:
    groups = ("secp384r1", "x25519", "secp521r1", "secp256r1")
    with running(Serve(stack, issued.both(WWW)[:1], versions=(TLS12, TLS13), groups=groups, order="server")) as server:
        found = asked(server.port)
    assert tuple(map(group_name, found.groups)) == groups
    assert found.groups_server_order is True


def test_names(issued: Papers) -> None:
    www, api = issued.server(WWW), issued.server(API)
    with running(Serve("nginx", (www,), names={API: (api,)})) as server:
        found = asked(server.port, API)
    assert habits(found.names, found.certificates) == ("sni-default",)
    with running(Serve("nginx", (api,), names={API: (api,)}, unknown_name="reject", no_name="reject")) as server:
        strict = asked(server.port, API)
    assert habits(strict.names, strict.certificates) == ("sni-required", "sni-unknown-rejected")
    assert [name.refused.alert for name in strict.names if name.refused] == [112] * 4
    assert ("sni-required", "sni-unknown-rejected") in [one.right for one in differences(found, strict) if one.subject == "names"]


def test_the_servers_that_scanners_confuse(issued: Papers) -> None:
    found: dict[str, Inventory] = {}
    for name, start in CONFUSING.items():
        with start(issued) as server:
            found[name] = asked(server.port, "other.maple.test" if name == "sni-rejected" else WWW)
    assert {attempt.end for attempt in found["plain-http"].attempts} == {"foreign"}
    assert {version.refused.alert for version in found["sni-rejected"].versions if version.refused and version.version >= TLS12} == {112}
    wanted = {name: (one.client_certificate.wanted, one.client_certificate.how) for name, one in found.items() if suites_of(one)}
    assert wanted == {
        "client-certificate-required-tls12": ("required", "alert"),
        "client-certificate-required-tls13": ("required", "alert"),
        "bad-request-after-handshake": ("required", "http-400"),
        "only-tls10": ("no", ""),
    }
    assert all(len(found[name].client_certificate.authorities) == 1 for name, one in wanted.items() if one[0] == "required")
    assert set(suites_of(found["only-tls10"])) == {TLS10}
