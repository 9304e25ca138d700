"""Whole handshakes with the real servers of this machine: every version, every suite of OpenSSL, client certificates, retries, resumption.

The verdict on a client certificate that is missing or refused must be the same in TLS 1.3, whose records were opened, as in TLS 1.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lab.live import process
from lab.live.papers import Papers, papers
from lab.live.s_server import plain_openssl
from lab.live.serve import Pair, Running, Serve, running

from lab import pki
from whytls.model import Context
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.facts import Identity, Resume, Until
from whytls.probing.limits import Limits
from whytls.verdict import judge
from whytls.wire.hello import make
from whytls.wire.message import ClientHello, Extension
from whytls.wire.protection import size_of
from whytls.wire.registry import suite_facts, suite_name, suite_number

pytestmark = pytest.mark.stacks

STACKS = ("openssl", "nginx", "haproxy", "go", "java17", "java25", "gnutls", "nss", "node")
SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def site(own: Papers) -> tuple[Pair, Pair]:
    return own.both("www.maple.test")


def identity(pair: Pair) -> Identity:
    chain = x509.load_pem_x509_certificates(Path(pair.certificate).read_bytes())
    key = load_pem_private_key(Path(pair.key).read_bytes(), None)
    return Identity(tuple(c.public_bytes(Encoding.DER) for c in chain), key)  # type: ignore[arg-type]


def hello(version: int, **changes: object) -> ClientHello:
    given: dict[str, object] = {"random": os.urandom(32), "more": (Extension(23, b""), Extension(35, b""))}
    if version == TLS13:
        given |= {"suites": (0x1301, 0x1302, 0x1303), "key_shares": ((0x1D, os.urandom(32)),), "session_id": os.urandom(32)}
        given |= {"more": (Extension(45, b"\x01\x01"),), "groups": (0x1D, 0x17, 0x18, 0x19)}
    elif version == SSL3:
        given |= {"suites": (0x2F, 0x35, 0x0A, 0x05), "groups": None, "signature_algorithms": None, "more": ()}
    else:
        given |= {"suites": (0xC02F, 0xC02B, 0xC013, 0xC009, 0x2F, 0x35, 0x0A)}
    return make(versions=(version,), **(given | changes))  # type: ignore[arg-type]


def attempt(
    server: Running, said: ClientHello, until: Until = "finish", *,
    who: Identity | None = None, request: bytes = REQUEST, resume: Resume | None = None,
) -> Attempt:  # fmt: skip
    prober = Prober(socket.AF_INET, (server.address, server.port), "server", Limits(answer=5, patience=0.5))
    return asyncio.run(prober.attempt(said, "test", until, identity=who, request=request, resume=resume))


def serve(stack: str, site: tuple[Pair, Pair], version: int, **more: object) -> Serve:
    """With all the suites that it has where its defaults are too new for the version."""
    suites = ("ALL",) if version < TLS12 and stack not in ("nss", "go") else ()
    return Serve(stack, site, versions=(version,), suites=suites, **more)  # type: ignore[arg-type]


def completes(found: Attempt) -> bool:
    ok = found.completed and found.end == "reached" and b" 200 OK" in found.application[:20].upper()
    return ok and found.proofs.finished is True and found.proofs.signature is not False


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("version", [TLS10, TLS11, TLS12, TLS13], ids=["tls10", "tls11", "tls12", "tls13"])
def test_a_handshake_and_a_request(stack: str, version: int, site: tuple[Pair, Pair]) -> None:
    with running(serve(stack, site, version)) as server:
        found = attempt(server, hello(version))
        assert completes(found), found
        assert found.proofs.signature is True
        assert found.handshake.server_chain
        assert found.handshake.state in ("established", "open-1.3")
        assert judge(found.handshake, Context()).diagnosis.cause is None
        bare = attempt(server, hello(version), request=b"")
        assert bare.completed
        assert judge(bare.handshake, Context()).diagnosis.cause is None
        if found.resume is not None and stack != "java25":  # JDK 25 fails with internal_error, asked by OpenSSL's client, too
            again = attempt(server, hello(version), resume=found.resume)
            assert completes(again), again
            assert again.handshake.resumed
        elif stack != "java25":
            assert (stack, version) == ("nss", TLS13)  # selfserv hands out no tickets


@pytest.mark.parametrize("stack", ["java17", "java25", "nss"])
def test_ssl3(stack: str, site: tuple[Pair, Pair], own: Papers) -> None:
    with running(serve(stack, site, SSL3, client_auth="optional", client_ca=own.anchor)) as server:
        assert completes(attempt(server, hello(SSL3)))
        found = attempt(server, hello(SSL3), who=identity(own.client()))
        assert completes(found), found
        assert found.handshake.client_chain
        elliptic = attempt(server, hello(SSL3), who=identity(own.client("ec.maple.test", "ec")))
        assert completes(elliptic), elliptic
        if stack == "nss":
            assert attempt(server, hello(SSL3), resume=found.resume).handshake.resumed


def openssl_suites(option: str) -> list[int]:
    words = ["openssl", "ciphers", "-s", option, "-stdname", "ALL:eNULL:@SECLEVEL=0"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [number for line in listed.splitlines() if (number := suite_number(line.split()[0])) is not None]


@pytest.mark.parametrize(
    ("version", "option"), [(TLS10, "-tls1"), (TLS11, "-tls1_1"), (TLS12, "-tls1_2"), (TLS13, "-tls1_3")], ids=["tls10", "tls11", "tls12", "tls13"]
)
def test_every_suite_of_openssl(version: int, option: str, site: tuple[Pair, Pair]) -> None:
    """With and without extended master secret and encrypt-then-MAC; those that it lists and we cannot open are named."""
    tried = beyond = 0
    with running(Serve("openssl", site, versions=(TLS10, TLS11, TLS12, TLS13), suites=("ALL",))) as server:
        for suite in openssl_suites(option):
            facts = suite_facts(suite)
            if facts.authentication in ("DSS", "PSK") or facts.cipher == "NULL":
                continue  # the server has no DSA key, knows no PSK, and ALL leaves NULL out
            for more in ((), (Extension(23, b""), Extension(22, b""))):
                found = attempt(server, hello(version, suites=(suite,), more=more))
                tried += 1
                if size_of(suite, version) is None:
                    assert (found.end, found.handshake.shape[-1]) == ("beyond", "n"), suite_name(suite)
                    beyond += 1
                else:
                    assert completes(found), (suite_name(suite), found)
                    assert found.handshake.server_hello is not None
                    assert found.handshake.server_hello.cipher_suite == suite
    assert beyond == (16 if version == TLS12 else 0)  # ARIA in GCM
    assert tried >= {TLS10: 30, TLS11: 30, TLS12: 100, TLS13: 6}[version]


def test_groups(site: tuple[Pair, Pair]) -> None:
    """Each group that OpenSSL has, in TLS 1.3 with a share and after a retry, in TLS 1.2 as its curve."""
    for name, number in (("x25519", 0x1D), ("x448", 0x1E), ("secp256r1", 0x17), ("secp384r1", 0x18), ("secp521r1", 0x19), ("ffdhe2048", 0x100),
                         ("ffdhe3072", 0x101), ("ffdhe4096", 0x102), ("ffdhe6144", 0x103), ("ffdhe8192", 0x104)):  # fmt: skip
        with running(Serve("openssl", site, groups=(name,))) as server:
            shared = attempt(server, hello(TLS13, groups=(number,), key_shares=((number, b"x"),)))
            retried = attempt(server, hello(TLS13, groups=(0x1A, number), key_shares=((0x1A, b"x"),)))
            assert completes(shared), (name, shared)
            assert completes(retried), (name, retried)
            assert retried.handshake.retried_hello is not None
            if number < 0x100:
                assert completes(attempt(server, hello(TLS12, groups=(number,)))), name


@contextlib.contextmanager
def s_server(pair: Pair, folder: Path, *more: str, answers: bool = True) -> Iterator[Running]:
    """``openssl s_server`` with a key that no ordinary server has, or an option that none needs."""
    port = process.free_port()
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pair.certificate, "-key", pair.key, "-cipher", "ALL:@SECLEVEL=0"]
    with process.process([*words, *(["-www"] if answers else []), *more], folder, port, folder / "log", plain_openssl(folder)) as child:
        yield Running(Serve("openssl", (pair,)), port, folder / "log", folder, child.pid)


def made(folder: Path, *kind: str) -> Pair:
    """A self-signed certificate with a key that ``openssl req`` makes."""
    pair = Pair(str(folder / "made.pem"), str(folder / "made.key"))
    words = ["openssl", "req", "-x509", "-nodes", "-keyout", pair.key, "-out", pair.certificate, "-subj", "/CN=odd.maple.test", "-newkey", *kind]
    subprocess.run(words, check=True, capture_output=True)
    return pair


SCHEMES = (0x0807, 0x0808, 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0809, 0x080A, 0x0401, 0x0402, 0x0202, 0x0203, 0x0201)
DSS = (0xC02B, 0xC02F, 0xC009, 0xC013, 0xA2, 0x40, 0x32)
EC = ("ec", "-pkeyopt")


@pytest.mark.parametrize(("kind", "scheme", "versions"), [
    (("rsa:512",), 0x0401, (TLS10, TLS12)),
    (("rsa-pss",), 0x0809, (TLS12, TLS13)),
    (("ed25519",), 0x0807, (TLS12, TLS13)),
    (("ed448",), 0x0808, (TLS12, TLS13)),
    ((*EC, "ec_paramgen_curve:P-384"), 0x0503, (TLS10, TLS12, TLS13)),
    ((*EC, "ec_paramgen_curve:secp256k1"), 0x0403, (TLS10, TLS12)),
    (("dsa",), 0x0402, (TLS10, TLS12)),
], ids=str)  # fmt: skip
def test_keys_of_servers(kind: tuple[str, ...], scheme: int, versions: tuple[int, ...], tmp_path: Path) -> None:
    """Signatures of all kinds are checked, and no key is too small."""
    if kind == ("dsa",):
        subprocess.run(["openssl", "dsaparam", "-out", str(tmp_path / "parameters"), "1024"], check=True, capture_output=True)
        kind = (f"dsa:{tmp_path / 'parameters'}",)
    with s_server(made(tmp_path, *kind), tmp_path) as server:
        for version in versions:
            suites = {} if version == TLS13 else {"suites": DSS}
            found = attempt(server, hello(version, signature_algorithms=SCHEMES, groups=(0x1D, 0x17, 0x18, 0x16), **suites))
            assert completes(found), (version, found)
            assert found.proofs.signature is True
            if version == TLS13 or scheme != 0x0503:  # in TLS 1.2 a scheme has no curve: it takes the one that we like best
                assert found.proofs.scheme == (scheme if version >= TLS12 else None)


@pytest.mark.parametrize(("kind", "schemes"), [
    (("rsa:512",), {TLS10: None, TLS12: 0x0401}),
    (("rsa:2048",), {TLS10: None, TLS12: 0x0804, TLS13: 0x0804}),
    (("rsa-pss",), {TLS12: 0x0809, TLS13: 0x0809}),
    (("ed25519",), {TLS12: 0x0807, TLS13: 0x0807}),
    (("ed448",), {TLS12: 0x0808, TLS13: 0x0808}),
    ((*EC, "ec_paramgen_curve:P-521"), {TLS10: None, TLS12: 0x0603, TLS13: 0x0603}),
], ids=str)  # fmt: skip
def test_keys_of_clients(kind: tuple[str, ...], schemes: dict[int, int | None], tmp_path: Path) -> None:
    """We sign with a scheme that the server accepts; where the version has none for the key, we show no certificate."""
    pair = made(tmp_path, *kind)
    accepted = "RSA+SHA256:RSA-PSS+SHA256:rsa_pss_pss_sha256:ECDSA+SHA256:ECDSA+SHA512:ed25519:ed448"
    (tmp_path / "server").mkdir()
    own_key = made(tmp_path / "server", "rsa:2048")
    with s_server(own_key, tmp_path, "-Verify", "3", "-CAfile", pair.certificate, "-client_sigalgs", accepted) as server:
        for version in (TLS10, TLS12, TLS13):
            found = attempt(server, hello(version, groups=(0x1D, 0x17, 0x18, 0x19)), who=identity(pair))
            if version in schemes:
                assert completes(found), (version, found)
                assert found.handshake.client_chain == identity(pair).chain
                assert found.proofs.client_scheme == schemes[version]
            else:
                assert (found.end, found.handshake.client_chain) == ("refused", ())


def test_a_cookie_is_sent_back(site: tuple[Pair, Pair], tmp_path: Path) -> None:
    with s_server(site[0], tmp_path, "-stateless", answers=False) as server:
        found = attempt(server, hello(TLS13, session_id=b""), request=b"")  # with ChangeCipherSpec in between it fails, also OpenSSL's own client
    assert found.completed
    assert found.handshake.hello_retry_request is not None
    assert found.handshake.hello_retry_request.cookie
    assert found.handshake.retried_hello is not None
    assert found.handshake.retried_hello.cookie


def test_a_hello_in_sslv2s_form_leads_to_tls(site: tuple[Pair, Pair], tmp_path: Path) -> None:
    with s_server(site[0], tmp_path) as server:
        found = attempt(server, ClientHello(0x0303, os.urandom(16), b"", (0x2F, 0x9C), (), (), sslv2=True))
    assert completes(found), found
    assert found.handshake.version == TLS12


# What a stack does with a client certificate that it does not like; the verdicts of TLS 1.2 and 1.3 are compared, and these are what they are.
WANTED = {"none": "client-certificate-missing", "expired": "client-certificate-expired", "usage": "client-certificate-usage",
          "untrusted": "client-certificate-untrusted", "good": None}  # fmt: skip
OTHERS = {("gnutls", "usage"): None,  # gnutls-serv does not look at the extended key usage
          ("gnutls", "untrusted"): "client-certificate-rejected"}  # fmt: skip  # it says access_denied, which can mean anything


@pytest.mark.parametrize("stack", STACKS)
def test_client_certificates(stack: str, site: tuple[Pair, Pair], own: Papers, tmp_path: Path) -> None:
    shown: dict[str, Identity | None] = {
        "none": None,
        "good": identity(own.client()),
        "untrusted": identity(papers(tmp_path).client()),
        "expired": identity(Pair(*pki.write(tmp_path, "expired", pki.leaf(own.issuing, "old.maple.test", usage="client", days=(-40, -3))))),
        "usage": identity(Pair(*pki.write(tmp_path, "usage", pki.leaf(own.issuing, "server.maple.test", usage="server")))),
    }
    verdicts: dict[int, dict[str, tuple[str | None, str | None, str]]] = {}
    for version in (TLS12, TLS13):
        with running(serve(stack, site, version, client_auth="required", client_ca=own.anchor)) as server:
            verdicts[version] = {}
            for name, who in shown.items():
                found = attempt(server, hello(version), who=who)
                diagnosis = judge(found.handshake, Context()).diagnosis
                verdicts[version][name] = (diagnosis.cause, diagnosis.confidence, diagnosis.detail)
                assert found.handshake.certificate_request is not None
                assert found.handshake.client_chain == (who.chain if who else ())
            assert completes(attempt(server, hello(version), who=identity(own.client("ec.maple.test", "ec"))))
    assert verdicts[TLS13] == verdicts[TLS12]
    causes = {name: verdict[0] for name, verdict in verdicts[TLS13].items()}
    assert causes == {name: OTHERS.get((stack, name), cause) if (stack, name) in OTHERS else cause for name, cause in WANTED.items()}
    assert verdicts[TLS13]["none"][1] == "proven"


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls12", "tls13"])
def test_optional_client_certificates(stack: str, version: int, site: tuple[Pair, Pair], own: Papers) -> None:
    with running(serve(stack, site, version, client_auth="optional", client_ca=own.anchor)) as server:
        assert completes(attempt(server, hello(version)))
        assert completes(attempt(server, hello(version), who=identity(own.client())))


def test_what_nginx_says_in_http_is_seen(site: tuple[Pair, Pair], own: Papers) -> None:
    """The handshake completes; the refusal is a page."""
    for version in (TLS12, TLS13):
        with running(serve("nginx", site, version, client_auth="required", client_ca=own.anchor)) as server:
            found = attempt(server, hello(version))
        assert found.completed
        assert b"400 No required SSL certificate was sent" in found.application
        diagnosis = judge(found.handshake, Context()).diagnosis
        assert (diagnosis.cause, diagnosis.confidence) == ("client-certificate-missing", "proven")
        assert any("HTTP/1.1 400" in line.text for line in diagnosis.evidence)


@pytest.mark.parametrize("until", ["answer", "flight"])
@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["tls12", "tls13"])
def test_we_can_leave_early(until: Until, version: int, site: tuple[Pair, Pair]) -> None:
    with running(serve("openssl", site, version)) as server:
        found = attempt(server, hello(version), until)
    assert (found.end, found.handshake.outcome) == ("reached", "unfinished")
    assert bool(found.handshake.server_chain) == (until == "flight")
    assert judge(found.handshake, Context()).diagnosis.cause is None
