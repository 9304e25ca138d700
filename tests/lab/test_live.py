"""Each stack of lab/live does what its description says, seen by `openssl s_client`; what it cannot do is said and listed here."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab.live.papers import Papers, papers  # noqa: E402
from lab.live.serve import ALL, SSL3, STACKS, TLS10, TLS11, TLS12, TLS13, Running, Serve, Unsupported, running, supported  # noqa: E402
from s_client import LEGACY, Answer, ask  # noqa: E402

pytestmark = pytest.mark.stacks
WWW, API = "www.maple.test", "api.maple.test"
RSA_128, RSA_256, ECDSA_128 = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"

# What a stack has no word for. A stack that learns it, or a starter that forgets to say so, fails test_what_cannot_be.
CANNOT = {
    "ssl3": {"openssl", "nginx", "haproxy", "go", "gnutls", "node"},
    "gap": {"haproxy", "go", "gnutls", "node", "nss"},
    "suites": {"gnutls"},
    "suites_13": {"go"},
    "all": {"nss"},
    "order": {"go"},
    "groups": set[str](),
    "group_ffdhe": {"go"},
    "schemes": {"go"},
    "alpn": set[str](),
    "alpn_two": {"nss"},
    "unknown_default": {"openssl", "nss"},
    "unknown_alert": {"nginx", "haproxy", "go", "java17", "java25", "gnutls", "nss", "node"},
    "unknown_reject": {"nginx", "haproxy", "node"},
    "both_reject": {"openssl", "gnutls", "nss"},
    "dhe": {"go", "nss"},
    "extended_master_secret": {"openssl", "nginx", "haproxy", "go", "gnutls", "nss", "node"},
    "secure_renegotiation": {"openssl", "nginx", "haproxy", "go", "node"},
}


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def wishes(issued: Papers) -> dict[str, Serve]:
    """A description for each knob, for a stack to be filled in."""
    both, api = issued.both(WWW), issued.server(API)
    rsa = both[:1]
    sites = {API: (api,)}
    return {
        "plain": Serve("", both),
        "old": Serve("", both, versions=(TLS10, TLS11)),
        "ssl3": Serve("", rsa, versions=(SSL3,)),
        "new": Serve("", both, versions=(TLS13,)),
        "gap": Serve("", rsa, versions=(TLS11, TLS13)),
        "suites": Serve("", rsa, versions=(TLS12,), suites=(RSA_256, "AES128-SHA")),
        "suites_13": Serve("", rsa, versions=(TLS13,), suites=("TLS_AES_128_GCM_SHA256",)),
        "all": Serve("", rsa, versions=(TLS10, TLS11, TLS12, TLS13), suites=ALL),
        "order": Serve("", rsa, versions=(TLS12,), suites=(RSA_128, RSA_256), order="server"),
        "groups": Serve("", rsa, groups=("secp384r1",)),
        "group_ffdhe": Serve("", rsa, versions=(TLS13,), groups=("ffdhe2048",)),
        "schemes": Serve("", rsa, signature_schemes=("rsa_pss_rsae_sha384",)),
        "alpn": Serve("", rsa, alpn=("http/1.1",)),
        "alpn_two": Serve("", rsa, alpn=("h2", "http/1.1")),
        "unknown_default": Serve("", rsa, versions=(TLS12,), names=sites),
        "unknown_alert": Serve("", rsa, versions=(TLS12,), names=sites, unknown_name="alert"),
        "unknown_reject": Serve("", rsa, versions=(TLS12,), names=sites, unknown_name="reject"),
        "both_reject": Serve("", rsa, names=sites, unknown_name="reject", no_name="reject"),
        "optional": Serve("", rsa, client_auth="optional", client_ca=issued.anchor),
        "required": Serve("", rsa, client_auth="required", client_ca=issued.anchor),
        "dhe": Serve("", rsa, versions=(TLS12,), dh_bits=1024),
        "extended_master_secret": Serve("", rsa, versions=(TLS12,), extended_master_secret="required"),
        "secure_renegotiation": Serve("", rsa, versions=(TLS12,), secure_renegotiation="required"),
        "six": Serve("", rsa, address="::1"),
    }


def able(knob: str) -> pytest.MarkDecorator:
    """The stacks that can do it."""
    return pytest.mark.parametrize("stack", [stack for stack in STACKS if stack not in CANNOT.get(knob, ())])


def asked(server: Running, *options: str) -> Answer:
    return ask(server.address, server.port, *options)


@pytest.mark.parametrize("stack", STACKS)
def test_what_cannot_be(stack: str, wishes: dict[str, Serve]) -> None:
    refused = {knob for knob, serve in wishes.items() if supported(dataclasses.replace(serve, stack=stack))}
    assert refused == {knob for knob, stacks in CANNOT.items() if stack in stacks}


@able("plain")
def test_both_versions_and_both_key_types(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["plain"], stack=stack)) as server:
        new, old = asked(server), asked(server, "-tls1_2")
        assert (new.version, old.version) == ("TLSv1.3", "TLSv1.2")
        assert new.http == "200"
        assert asked(server, "-tls1_1", *LEGACY).suite == ""
        # HAProxy looks for a key type by the name that was asked for
        assert asked(server, "-tls1_2", "-cipher", ECDSA_128, "-servername", WWW).subject == f"{WWW} (ec)"
        assert asked(server, "-tls1_2", "-cipher", RSA_128, "-servername", WWW).subject == f"{WWW} (rsa)"


@able("old")
def test_old_versions(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["old"], stack=stack)) as server:
        assert asked(server, "-tls1", *LEGACY).version == "TLSv1.0"
        assert asked(server, "-tls1_1", *LEGACY).suite != ""
        assert asked(server, "-tls1_2", *LEGACY).suite == ""


@able("ssl3")
def test_ssl3(stack: str, wishes: dict[str, Serve]) -> None:
    """This machine's OpenSSL has no SSL 3.0 left; Java, which has, shows it by answering a hello of ours in that version."""
    import socket

    from whytls.wire import hello, record, registry

    offer = hello.build(hello.make(suites=(0x002F, 0x0035, 0x000A), versions=(0x0300,), groups=None, signature_algorithms=None), 0x0300)
    with running(dataclasses.replace(wishes["ssl3"], stack=stack)) as server:
        with socket.create_connection((server.address, server.port), 10) as connection:
            connection.sendall(offer)
            data = connection.recv(5)
        assert record.looks_like_tls(data + b"\x02") or data[0] == 22
        assert int.from_bytes(data[1:3], "big") == registry.SSL3
        assert asked(server, "-tls1", *LEGACY).suite == ""


@able("new")
def test_only_tls13(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["new"], stack=stack)) as server:
        assert asked(server).version == "TLSv1.3"
        assert asked(server, "-tls1_2").suite == ""


@able("gap")
def test_versions_with_one_left_out(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["gap"], stack=stack)) as server:
        assert asked(server).version == "TLSv1.3"
        assert asked(server, "-tls1_1", *LEGACY).suite != ""
        assert asked(server, "-tls1_2", *LEGACY).suite in ("", "ECDHE-RSA-AES256-SHA")  # a 1.2 client may fall to 1.1, never get 1.2
        assert asked(server, "-tls1_2", "-cipher", RSA_256).suite == ""


@able("suites")
def test_suites(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["suites"], stack=stack)) as server:
        for suite in (RSA_256, "AES128-SHA"):
            assert asked(server, "-tls1_2", "-cipher", suite).suite == suite
        assert asked(server, "-tls1_2", "-cipher", "ALL:COMPLEMENTOFALL:!AES128-SHA:!ECDHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0").suite == ""


def test_suites_that_gnutls_can_make(issued: Papers) -> None:
    serve = Serve("gnutls", (issued.server(WWW),), versions=(TLS12,), suites=(RSA_256, "ECDHE-RSA-AES128-GCM-SHA256"))
    with running(serve) as server:
        assert asked(server, "-cipher", RSA_128).suite == RSA_128
        assert asked(server, "-cipher", f"ALL:COMPLEMENTOFALL:!{RSA_128}:!{RSA_256}:@SECLEVEL=0").suite == ""


@able("suites_13")
def test_suites_of_tls13(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["suites_13"], stack=stack)) as server:
        assert asked(server).suite == "TLS_AES_128_GCM_SHA256"
        assert asked(server, "-ciphersuites", "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256").suite == ""


@able("all")
def test_all_suites(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["all"], stack=stack)) as server:
        assert asked(server, "-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0").suite == "AES128-SHA"
        assert asked(server, "-tls1_2", "-cipher", "AES256-SHA256:@SECLEVEL=0").suite == ("" if stack == "go" else "AES256-SHA256")
        if stack != "go":
            assert asked(server, "-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0").suite == "NULL-SHA256"


@able("order")
def test_order_of_the_server(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["order"], stack=stack)) as server:
        assert asked(server, "-cipher", f"{RSA_256}:{RSA_128}").suite == RSA_128
        assert asked(server, "-cipher", f"{RSA_128}:{RSA_256}").suite == RSA_128


@pytest.mark.parametrize("stack", [stack for stack in STACKS if stack not in ("go", "gnutls", "nss")])
def test_order_of_the_client(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["order"], stack=stack, order="client")) as server:
        assert asked(server, "-cipher", f"{RSA_256}:{RSA_128}").suite == RSA_256
        assert asked(server, "-cipher", f"{RSA_128}:{RSA_256}").suite == RSA_128


@able("groups")
def test_groups(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["groups"], stack=stack)) as server:
        for version in ("-tls1_2", "-tls1_3"):
            assert asked(server, version).group == "ECDH, secp384r1"
        assert asked(server, "-tls1_3", "-groups", "X25519:P-256").suite == ""


@able("group_ffdhe")
def test_a_finite_field_group_in_tls13(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["group_ffdhe"], stack=stack)) as server:
        assert asked(server, "-groups", "X25519:ffdhe2048").group.startswith("DH")
        assert asked(server, "-groups", "X25519").suite == ""


@able("schemes")
def test_signature_schemes(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["schemes"], stack=stack)) as server:
        for version in ("-tls1_2", "-tls1_3"):
            # GnuTLS would take a suite that signs nothing
            answer = asked(server, version, "-cipher", RSA_256, "-sigalgs", "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384")
            assert "Peer signing digest: SHA384" in answer.text
            assert asked(server, version, "-cipher", RSA_256, "-sigalgs", "rsa_pss_rsae_sha256").suite == ""


@able("alpn")
def test_alpn(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["alpn"], stack=stack)) as server:
        assert asked(server, "-alpn", "spdy/3,http/1.1").alpn == "http/1.1"
        other = asked(server, "-alpn", "spdy/3")
        assert (other.alert, other.alpn) == (None if stack == "haproxy" or _old_node(stack) else 120, "")


@able("alpn_two")
def test_alpn_prefers(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["alpn_two"], stack=stack)) as server:
        assert asked(server, "-alpn", "http/1.1,h2").alpn == ("http/1.1" if stack == "gnutls" else "h2")
        assert asked(server, "-alpn", "http/1.1").alpn == "http/1.1"


@pytest.mark.parametrize("knob", ["unknown_default", "unknown_alert", "unknown_reject", "both_reject"])
def test_names(knob: str, wishes: dict[str, Serve]) -> None:
    for stack in [stack for stack in STACKS if stack not in CANNOT[knob]]:
        with running(dataclasses.replace(wishes[knob], stack=stack)) as server:
            assert asked(server, "-servername", API).subject == f"{API} (rsa)", stack
            unknown, none = asked(server, "-servername", "shop.maple.test"), asked(server)
            shown = {"unknown_default": (True, True), "unknown_alert": (True, True), "unknown_reject": (False, True), "both_reject": (False, False)}
            assert (unknown.subject == f"{WWW} (rsa)", none.subject == f"{WWW} (rsa)") == shown[knob], stack
            if knob.endswith("reject"):
                # Node refuses by having no certificate, Java refuses no name so
                assert unknown.alert == (40 if stack == "node" else 112), stack
                assert none.alert in (None, 112, 40), stack
            if knob == "unknown_alert":
                told = asked(server, "-servername", "shop.maple.test", "-msg")
                assert re.search(r"<<< .*Alert .*warning unrecognized_name", told.text, re.IGNORECASE), told.text


@able("optional")
def test_client_certificate_wished_for(stack: str, wishes: dict[str, Serve], issued: Papers) -> None:
    pair = issued.client()
    with running(dataclasses.replace(wishes["optional"], stack=stack)) as server:
        for version in ("-tls1_2", "-tls1_3"):
            without = asked(server, version)
            assert without.http == "200"
            assert without.authorities == 1
            assert asked(server, version, "-cert", pair.certificate, "-cert_chain", pair.certificate, "-key", pair.key).http == "200"


@able("required")
def test_client_certificate_required(stack: str, wishes: dict[str, Serve], issued: Papers) -> None:
    pair = issued.client()
    with running(dataclasses.replace(wishes["required"], stack=stack)) as server:
        for version in ("-tls1_2", "-tls1_3"):
            without = asked(server, version)
            assert without.authorities == 1
            assert without.http == ("400" if stack == "nginx" else "")
            assert asked(server, version, "-cert", pair.certificate, "-cert_chain", pair.certificate, "-key", pair.key).http == "200"


@able("dhe")
def test_size_of_the_dhe_group(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["dhe"], stack=stack)) as server:
        answer = asked(server, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
        assert "Server Temp Key: DH, 1024 bits" in answer.text


@able("extended_master_secret")
def test_extended_master_secret_demanded(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["extended_master_secret"], stack=stack)) as server:
        assert asked(server).extended_master_secret
        assert _without(server, "%NO_SESSION_HASH") == "refused"


@able("secure_renegotiation")
def test_secure_renegotiation_demanded(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["secure_renegotiation"], stack=stack)) as server:
        assert asked(server).suite
        assert _without(server, "%DISABLE_SAFE_RENEGOTIATION") == "refused"


def test_what_gnutls_cli_leaves_out_is_accepted_otherwise(wishes: dict[str, Serve]) -> None:
    """The two tests above fail for the reason that they name."""
    with running(dataclasses.replace(wishes["plain"], stack="gnutls", versions=(TLS12,))) as server:
        assert _without(server, "%NO_SESSION_HASH") == "completed"
        assert _without(server, "%DISABLE_SAFE_RENEGOTIATION") == "completed"


@able("six")
def test_ipv6(stack: str, wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["six"], stack=stack)) as server:
        assert asked(server).version == "TLSv1.3"


def test_a_server_ends_with_its_block(wishes: dict[str, Serve]) -> None:
    with running(dataclasses.replace(wishes["plain"], stack="nginx")) as server:
        folder = server.folder
        assert folder.exists()
    assert not folder.exists()
    assert not Path(f"/proc/{server.pid}").exists()


def test_a_description_that_means_nothing_is_refused(issued: Papers) -> None:
    pair = issued.server(WWW)
    with pytest.raises(ValueError, match="CAs"):
        Serve("nginx", (pair,), client_auth="required")
    with pytest.raises(ValueError, match="no stack is called"), running(Serve("schannel", (pair,))):
        pass
    with pytest.raises(ValueError, match="no cipher suite is called"), running(Serve("nginx", (pair,), suites=("AES512",))):
        pass
    with pytest.raises(Unsupported, match="go cannot: dh_bits"), running(Serve("go", (pair,), dh_bits=1024)):
        pass


def _without(server: Running, priority: str) -> str:
    """`gnutls-cli`, which can leave out what OpenSSL always sends."""
    line = ["gnutls-cli", "--insecure", "-p", str(server.port), "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS1.2:{priority}", server.address]
    done = subprocess.run(line, input=b"", capture_output=True, timeout=10, check=False)
    return "completed" if b"Handshake was completed" in done.stdout else "refused"


def _old_node(stack: str) -> bool:
    """Node refuses since 20."""
    if stack != "node":
        return False
    return int(subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0]) < 20
