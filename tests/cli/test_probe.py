"""`whytls probe` from the command line, against real servers: verdicts, formats, exit codes, and the servers that scanners confuse."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.live.confusing import CONFUSING, NAME  # noqa: E402
from lab.live.papers import Papers, papers  # noqa: E402
from lab.live.serve import TLS12, TLS13, Running, Serve, running  # noqa: E402

import whytls  # noqa: E402
from whytls.cli.main import main  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/schema/probes-1.json").read_text())
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["probe", *words])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


# ------------------------------------------------------------------ calls


@pytest.mark.parametrize(
    "words",
    [
        [], ["a.example:0"], ["http://a.example"], ["a.example", "--client", "no-such-client"], ["a.example", "--timeout", "soon"],
        ["a.example", "-4", "-6"], ["a.example", "--without", "everything"], ["a.example", "--key", "k.pem"], ["a.example", "--connections", "0"],
        ["a.example", "--proxy-source", "192.0.2.1:1"], ["a.example", "--proxy", "proxy.example:3128"], ["a.example", "--name", "192.0.2.1"],
        ["a.example", "--cert", "no-such-file.pem"], ["a.example", "--trust", "no-such-file.pem"], ["a.example", "--client", "no-such.pcap#4"],
    ],
)  # fmt: skip
def test_a_wrong_call_is_2_and_one_line(said: Said, words: list[str]) -> None:
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("whytls: ")


def test_nobody_there_is_a_verdict(said: Said, nobody: str) -> None:
    code, out, err = said(nobody)
    assert (code, err) == (1, "")
    assert out.splitlines()[0] == f"✗ {nobody}   connection-refused   proven"


def test_a_name_that_leads_nowhere_ends_only_its_own_survey(said: Said, nobody: str) -> None:
    code, out, err = said("nowhere.invalid", nobody)
    assert code == 2
    assert "connection-refused" in out
    assert "nowhere.invalid:443: the name cannot be resolved" in err


def test_a_dry_run_contacts_nobody(said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        code, out, _ = said(place, "--name", "api.example.test", "--dry-run", "--client", "java-17", "--without", "alpn")
        listening.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listening.accept()
    assert code == 0
    assert f"{place}: {place}, server_name api.example.test, at most 200 connections" in out
    assert "ALPN" not in out
    assert "java-17" in out


def test_the_clients_that_are_known(said: Said) -> None:
    code, out, _ = said("--clients")
    assert code == 0
    assert re.search(r"^java-17 .*TLS 1\.2 to TLS 1\.3; recorded$", out, re.MULTILINE)


@pytest.mark.parametrize("options", [[], ["--without", "clients"]], ids=["all", "without clients"])
def test_what_is_not_needed_is_not_imported(nobody: str, options: list[str]) -> None:
    program = (
        f"import sys\nfrom whytls.cli.main import main\nmain(['probe', {nobody!r}, *{options!r}])\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"rich", "OpenSSL", "shtab", "zstandard", "argparse"} & set(done.stderr.split())


# ------------------------------------------------------------------ real servers


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def nginx(issued: Papers) -> Iterator[Running]:
    with running(Serve("nginx", issued.both(NAME), alpn=("h2", "http/1.1"), order="server")) as server:
        yield server


def place(server: Any) -> str:
    return f"{server.address}:{server.port}"


@pytest.mark.stacks
def test_a_healthy_server(said: Said, nginx: Running, issued: Papers) -> None:
    code, out, err = said(place(nginx), "--name", NAME, "--trust", issued.anchor)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == f"✓ {place(nginx)}   healthy   TLS 1.3, TLS 1.2"
    told = {line[2:14].strip(): line[15:] for line in lines if line.startswith("  ")}
    assert "the server's order" in told["TLS 1.2"]
    assert "protocol_version" in told["refused"]
    assert told["ALPN"].startswith("h2, http/1.1")
    assert sum(line.startswith("  certificate  ✓") for line in lines) == 2
    assert re.fullmatch(r"  asked in \d+ connections, \d+\.\d\d s", lines[-1])
    assert len(lines) < 32


@pytest.mark.stacks
def test_the_same_as_json_and_in_python(said: Said, nginx: Running) -> None:
    code, out, _ = said(place(nginx), "--name", NAME, "--format", "json", "--attempts")
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    (server,) = document["servers"]
    assert code == 0
    assert (server["verdict"], server["server_name"]) == ("healthy", NAME)
    assert {v["name"]: v["accepted"] for v in server["versions"]}["TLS 1.3"] is True
    assert {shown["key_type"] for shown in server["certificates"]} == {"rsa", "ecdsa"}
    assert all(attempt["transcript"] for attempt in server["attempts"])
    (survey,) = whytls.probe(place(nginx), name=NAME)
    assert [(v.version, v.suites) for v in survey.inventory.versions if v.suites] == [
        (v["number"], tuple(s["number"] for s in v["suites"])) for v in server["versions"] if v["accepted"]
    ]


EXPECTED = {
    "sni-rejected": (("sni-missing", "✗"), ("healthy", "✓")),
    "plain-http": (("tls-to-plaintext-port", "✗"), ("tls-to-plaintext-port", "✗")),
    "client-certificate-required-tls12": (("client-certificate-missing", "✗"), ("client-certificate-missing", "✗")),
    "client-certificate-required-tls13": (("client-certificate-missing", "✗"), ("client-certificate-missing", "✗")),
    "bad-request-after-handshake": (("client-certificate-missing", "✗"), ("client-certificate-missing", "✗")),
    "only-tls10": (("protocol-mismatch", "✗"), ("protocol-mismatch", "✗")),
}


@pytest.mark.stacks
@pytest.mark.parametrize("name", list(CONFUSING))
def test_the_servers_that_scanners_confuse_have_each_its_own_verdict(said: Said, issued: Papers, name: str) -> None:
    with CONFUSING[name](issued) as server:
        found = [said(place(server), *words) for words in ([], ["--name", NAME])]
    for (verdict, sign), (code, out, err) in zip(EXPECTED[name], found, strict=True):
        head = out.splitlines()[0].split("   ")
        assert (head[0], head[1], err) == (f"{sign} {place(server)}", verdict, "")
        assert verdict == "healthy" or head[2] == "proven"
        assert code == (0 if verdict == "healthy" else 1)
    text = " ".join(found[0][1].split())
    if verdict == "client-certificate-missing":
        assert "CN=Harbour Root R2" in text
    if name == "bad-request-after-handshake":
        assert "HTTP 400" in text
    if name == "sni-rejected":
        assert "SNI is required" in found[1][1]


@pytest.mark.stacks
@pytest.mark.parametrize("stack", ["openssl", "nginx"])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_client_certificate_opens_the_door(said: Said, issued: Papers, stack: str, version: int) -> None:
    own, stranger = issued.client(), papers(issued.folder).client("stranger.maple.test")
    serve = Serve(stack, (issued.server(NAME),), versions=(version,), client_auth="required", client_ca=issued.anchor)
    with running(serve) as server:
        code, out, _ = said(place(server), "--name", NAME, "--cert", own.certificate, "--key", own.key)
        assert (code, out.splitlines()[0].split("   ")[1]) == (0, "healthy")
        assert "asked for, and CN=partner.maple.test" in out
        code, out, _ = said(place(server), "--name", NAME, "--cert", stranger.certificate, "--key", stranger.key)
    assert code == 1
    assert out.splitlines()[0].split("   ")[1].startswith("client-certificate-")
    assert "client-certificate-missing" not in out.splitlines()[0]


@pytest.mark.stacks
def test_a_name_that_the_server_does_not_have_is_the_failure(said: Said, issued: Papers) -> None:
    pair = issued.server(NAME)
    serve = Serve("openssl", (issued.server("default.maple.test"),), names={NAME: (pair,)}, unknown_name="reject")
    with running(serve) as server:
        code, out, _ = said(place(server), "--name", "api.maple.test")
    assert code == 1
    assert out.splitlines()[0] == f"✗ {place(server)}   sni-unknown   proven"
    assert "with server_name api.maple.test it answers unrecognized_name (112)" in out


@pytest.mark.stacks
def test_named_clients_are_asked_for_in_earnest(said: Said, issued: Papers) -> None:
    with running(Serve("openssl", (issued.server(NAME),), versions=(TLS13,))) as server:
        code, out, _ = said(place(server), "--name", NAME, "--client", "java-17", "--client", "openssl-1.0.2", "--format", "json")
        assert said(place(server), "--name", NAME, "--client", "java-17")[0] == 0
    clients = {client["client"]: client for client in json.loads(out)["servers"][0]["clients"]}
    assert code == 1  # who names a client wants to know whether it gets through
    assert clients["java-17"]["passes"] is True
    assert clients["java-17"]["version"]["name"] == "TLS 1.3"
    assert (clients["openssl-1.0.2"]["passes"], clients["openssl-1.0.2"]["cause"]) == (False, "protocol-mismatch")
    assert all(client["attempt"] for client in clients.values())


@pytest.mark.stacks
def test_two_servers_are_compared(said: Said, issued: Papers, nginx: Running) -> None:
    with running(Serve("openssl", (issued.server(NAME),), versions=(TLS12,))) as other:
        _, out, _ = said(place(nginx), "--name", NAME, "--compare", place(other))
        _, same, _ = said(place(nginx), "--name", NAME, "--compare", place(nginx))
    assert "≠ versions only here: TLS 1.3" in out
    assert "≠ ECDSA certificate: CN=" in out
    assert f"compared     with {place(nginx)}: 0 differences" in same


@pytest.mark.stacks
def test_a_hello_of_a_capture_is_a_client(said: Said, nginx: Running) -> None:
    capture = ROOT / "tests/corpus/sni-missing--handshake-failure-alone/capture.pcap"
    code, out, _ = said(place(nginx), "--name", NAME, "--client", f"{capture}#4")
    assert code == 0
    assert f"{capture}#4" in out
