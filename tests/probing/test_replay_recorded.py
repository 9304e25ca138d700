"""Real clients fail at real servers, tcpdump records it, `diagnose` reads the recording, and the failure is replayed from there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.live.papers import Papers, papers  # noqa: E402
from lab.live.relay import pool  # noqa: E402
from lab.live.serve import TLS10, TLS12, TLS13, Serve, running  # noqa: E402

from whytls import diagnose  # noqa: E402
from whytls.model import Context, Diagnosis, Handshake, Replayed  # noqa: E402
from whytls.probing.attempt import Prober  # noqa: E402
from whytls.probing.limits import Limits  # noqa: E402
from whytls.probing.replay import judged_with, replay  # noqa: E402
from whytls.verdict import judge  # noqa: E402

pytestmark = pytest.mark.stacks
LIMITS = Limits(connect=3, answer=1, total=6, patience=0.1)
WWW, API = "www.maple.test", "api.maple.test"


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@contextlib.contextmanager
def recording(port: int, file: Path) -> Iterator[None]:
    """What goes over the loopback device to and from that port while the block runs."""
    command = ["tcpdump", "-i", "lo", "-U", "-w", str(file), "--immediate-mode", "-Z", "root", "tcp", "port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "listening on" in line:
                break
        try:
            yield
            time.sleep(0.3)  # the last packets are on their way into the file
        finally:
            process.terminate()


def recorded(port: int, file: Path, *client: str) -> Diagnosis:
    """The client's failure, as the recording shows it."""
    with recording(port, file):
        subprocess.run(client, input="Q\n", capture_output=True, text=True, timeout=20, check=False)
    failures = [d for d in diagnose(str(file)) if d.cause is not None]
    assert failures, "nothing failed"
    return failures[0]


def again(handshake: Handshake, port: int, names: tuple[str, ...] = (), trust: tuple[bytes, ...] | None = None) -> tuple[Diagnosis, Replayed]:
    context = Context(whole_recording=True, trust=trust)
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", LIMITS)
    found = asyncio.run(replay(handshake, context, prober, names=names))
    assert found is not None
    return judge(*judged_with(handshake, context, found)).diagnosis, found


CURL, S_CLIENT, GNUTLS = ("curl", "-sk", "--max-time", "5"), ("openssl", "s_client"), ("gnutls-cli", "--insecure")


def test_curl_calls_by_address_a_server_that_needs_a_name(issued: Papers, tmp_path: Path) -> None:
    serve = Serve("nginx", (issued.server(WWW),), names={API: (issued.server(API),)}, unknown_name="reject", no_name="reject")
    with running(serve) as server:
        first = recorded(server.port, tmp_path / "a.pcap", *CURL, f"https://127.0.0.1:{server.port}/")
        assert first.handshake is not None
        said, found = again(first.handshake, server.port, (API,))
    assert (said.cause, said.confidence) == ("sni-missing", "proven")
    assert [a.text for a in found.minimal] == [f"adding server_name {API}"]


@pytest.mark.parametrize("stack", ["openssl", "gnutls", "java17", "go"])
def test_a_client_up_to_tls12_at_a_server_of_tls13(stack: str, issued: Papers, tmp_path: Path) -> None:
    """GnuTLS refuses without naming the version: the recording alone says cipher-mismatch."""
    with running(Serve(stack, (issued.server(WWW),), (TLS13,))) as server:
        first = recorded(server.port, tmp_path / "a.pcap", *S_CLIENT, "-connect", f"127.0.0.1:{server.port}", "-servername", WWW, "-tls1_2")
        assert first.handshake is not None
        said, found = again(first.handshake, server.port)
    assert (said.cause, said.confidence) == ("protocol-mismatch", "proven")
    assert found.dimensions == {"version"}


def test_gnutls_with_one_group_at_nginx(issued: Papers, tmp_path: Path) -> None:
    with running(Serve("nginx", (issued.server(WWW),), (TLS13,), groups=("secp384r1",))) as server:
        client = (*GNUTLS, "--priority", "NORMAL:-GROUP-ALL:+GROUP-SECP521R1", "-p", str(server.port), "127.0.0.1")
        first = recorded(server.port, tmp_path / "a.pcap", *client)
        assert first.handshake is not None
        said, _ = again(first.handshake, server.port)
    assert (said.cause, said.confidence) == ("group-mismatch", "proven")


@pytest.mark.parametrize("client", ["openssl", "gnutls"])
def test_what_tls13_hides_of_a_certificate_is_what_the_server_shows_today(client: str, issued: Papers, tmp_path: Path) -> None:
    expired = issued.server("old.maple.test", days=(-90, -5))
    with running(Serve("nginx", (expired,), (TLS13,))) as server:
        command = {
            "openssl": (*S_CLIENT, "-connect", f"127.0.0.1:{server.port}", "-servername", "old.maple.test", "-CAfile", issued.anchor,
                        "-verify_return_error"),
            "gnutls": ("gnutls-cli", "--x509cafile", issued.anchor, "--sni-hostname", "old.maple.test", "--verify-hostname", "old.maple.test",
                       "-p", str(server.port), "127.0.0.1"),
        }[client]  # fmt: skip
        first = recorded(server.port, tmp_path / "a.pcap", *command)
        assert first.handshake is not None
        assert first.handshake.server_chain is None, "TLS 1.3 hides it"
        said, found = again(first.handshake, server.port)
    assert found.stopped == "carried-on"
    assert said.cause == "certificate-expired"
    assert any("shows today" in e.text for e in said.evidence)
    assert said.confidence == ("proven" if client == "openssl" else "likely")


@pytest.mark.parametrize("stack", ["openssl", "go", "gnutls"])
def test_a_client_certificate_that_is_required_in_tls13(stack: str, issued: Papers, tmp_path: Path) -> None:
    with running(Serve(stack, (issued.server(WWW),), (TLS13,), client_auth="required", client_ca=issued.anchor)) as server:
        first = recorded(server.port, tmp_path / "a.pcap", *CURL, "--resolve", f"{WWW}:{server.port}:127.0.0.1", f"https://{WWW}:{server.port}/")
        assert first.handshake is not None
        said, found = again(first.handshake, server.port)
    assert found.stopped == "carried-on"
    assert (said.cause, said.confidence) == ("client-certificate-missing", "proven")
    assert any("Harbour" in e.text and "acceptable CA" in e.text for e in said.evidence)


def test_a_pool_of_which_one_server_differs(issued: Papers, tmp_path: Path) -> None:
    """The same hello is refused by one of two; nothing is searched, and it is said."""
    certificates = (issued.server(WWW),)
    with running(Serve("nginx", certificates, (TLS13,))) as new, running(Serve("nginx", certificates, (TLS12,))) as old:
        first = recorded(new.port, tmp_path / "a.pcap", *S_CLIENT, "-connect", f"127.0.0.1:{new.port}", "-tls1_2")
        assert first.handshake is not None
        with pool(new.port, old.port) as place:
            said, found = again(first.handshake, place.port)
    assert found.stopped == "inconsistent"
    assert any("more than one server" in w for w in said.warnings)


def test_a_server_that_was_mended_since(issued: Papers, tmp_path: Path) -> None:
    certificates = (issued.server(WWW),)
    with running(Serve("nginx", certificates, (TLS13,))) as strict, running(Serve("nginx", certificates)) as mended:
        first = recorded(strict.port, tmp_path / "a.pcap", *S_CLIENT, "-connect", f"127.0.0.1:{strict.port}", "-tls1_2")
        assert first.handshake is not None
        said, found = again(first.handshake, mended.port)
    assert (found.stopped, found.reproduced) == ("not-reproduced", 0)
    assert said.cause == first.cause
    assert any("accepts today what it refused" in w for w in said.warnings)


def test_an_application_protocol_that_go_refuses_under_encryption(issued: Papers, tmp_path: Path) -> None:
    """Go says no_application_protocol after its ServerHello: a recording shows a record of an alert's size, the replay reads it."""
    with running(Serve("go", (issued.server(WWW),), alpn=("h2", "http/1.1"))) as server:
        client = (*S_CLIENT, "-connect", f"127.0.0.1:{server.port}", "-servername", WWW, "-alpn", "acme/9")
        first = recorded(server.port, tmp_path / "a.pcap", *client)
        assert first.handshake is not None
        assert first.cause != "alpn-mismatch"
        said, found = again(first.handshake, server.port)
    assert (said.cause, said.confidence) == ("alpn-mismatch", "proven")
    assert found.dimensions == {"alpn"}


def test_a_certificate_on_a_curve_that_the_client_does_not_list(issued: Papers, tmp_path: Path) -> None:
    """Below TLS 1.3 the groups speak for certificates too; the server has x25519, and says so to whoever lists P-256 beside it."""
    with running(Serve("openssl", (issued.server(WWW, "ec"),), (TLS12,))) as server:
        client = (*S_CLIENT, "-connect", f"127.0.0.1:{server.port}", "-servername", WWW, "-tls1_2", "-groups", "X25519")
        first = recorded(server.port, tmp_path / "a.pcap", *client)
        assert first.handshake is not None
        said, found = again(first.handshake, server.port)
    assert (said.cause, said.detail, said.confidence) == ("group-mismatch", "certificate-curve", "proven")
    assert "lies on secp256r1" in said.title
    assert found.dimensions == {"group"}


def test_openssl_3_meets_a_server_of_tls10(issued: Papers, tmp_path: Path) -> None:
    """It offers TLS 1.0 and then minds its signature, for which it has no alert but internal_error."""
    with running(Serve("openssl", (issued.server(WWW),), (TLS10,))) as server:
        first = recorded(server.port, tmp_path / "a.pcap", *CURL, f"https://127.0.0.1:{server.port}/")
    assert (first.cause, first.detail, first.confidence) == ("protocol-mismatch", "signature-refused", "likely")
    assert first.owners[0] == "server"
