"""`whytls replay` and `whytls diagnose --replay`: failures of the corpus, done again with real servers that refuse in the same way, or no more."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.live.papers import Papers, papers  # noqa: E402
from lab.live.serve import TLS12, Running, Serve, running  # noqa: E402

import whytls  # noqa: E402
from whytls.cli.main import main  # noqa: E402

SCHEMA = json.loads((ROOT / "docs/schema/replays-1.json").read_text())
CORPUS = ROOT / "tests/corpus"
NAMELESS = f"{CORPUS}/sni-missing--southbound-strict-haproxy-backend/capture.pcap#13"
OLD_SUITES = f"{CORPUS}/cipher-mismatch--handshake-failure-without-name-alone/capture.pcap#1"
NAME = "www.maple.test"
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def strict(issued: Papers) -> Iterator[Running]:
    """nginx that serves one name and refuses all else."""
    pair = issued.server(NAME)
    with running(Serve("nginx", (pair,), names={NAME: (pair,)}, unknown_name="reject", no_name="reject")) as server:
        yield server


def place(server: Running) -> str:
    return f"{server.address}:{server.port}"


# ------------------------------------------------------------------ calls


@pytest.mark.parametrize(
    "words",
    [
        [], [NAMELESS], ["no-such.pcap#4", "--to", "127.0.0.1:1"], [NAMELESS, "--allow", "everywhere"], [NAMELESS, "--to", "http://a.example"],
        [NAMELESS, "--allow", "192.0.2.0/24"], [NAMELESS.replace("#13", "#999999"), "--to", "127.0.0.1:1"],
        [NAMELESS, "--to", "127.0.0.1:1", "--connections", "none"],
    ],
)  # fmt: skip
def test_a_wrong_call_is_2_and_one_line(said: Said, words: list[str]) -> None:
    code, out, err = said("replay", *words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_it_goes_nowhere_by_itself_and_says_what_would_let_it(said: Said) -> None:
    code, _, err = said("replay", NAMELESS, "--allow", "192.0.2.0/24")
    assert code == 2
    assert "10.20.9.12:8443 is not among the servers that may be contacted (--to 10.20.9.12:8443, or --allow 10.20.9.12)" in err


def test_of_a_whole_capture_what_may_not_be_done_again_is_left(said: Said) -> None:
    code, out, _ = said("replay", NAMELESS.partition("#")[0], "--allow", "192.0.2.0/24")
    assert code == 1
    assert out.count("not done again: 10.20.9.12:8443 is not among the servers") == out.count("sni-missing   proven") > 0


def test_a_dry_run_contacts_nobody(said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        to = f"127.0.0.1:{listening.getsockname()[1]}"
        code, out, _ = said("replay", NAMELESS, "--to", to, "--dry-run", "--name", NAME)
        again, told, _ = said("diagnose", NAMELESS.partition("#")[0], "--replay", "--to", to, "--dry-run")
        listening.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listening.accept()
    assert (code, again) == (0, 0)
    assert f"#13 to {to} ({to}): at most 20 connections" in out
    assert f"adding server_name {NAME}" in out
    assert f" to {to}" in told


def test_where_nobody_answers_the_verdict_stays_and_that_is_told(said: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        nobody = f"127.0.0.1:{listening.getsockname()[1]}"
    code, out, _ = said("replay", NAMELESS, "--to", nobody)
    assert code == 1
    assert "no connection" in out
    assert "sni-missing   proven" in out


def test_options_of_a_replay_need_one(said: Said) -> None:
    code, _, err = said("diagnose", NAMELESS.partition("#")[0], "--allow", "10.0.0.0/8")
    assert code == 2
    assert "--replay" in err


# ------------------------------------------------------------------ real servers


@pytest.mark.stacks
def test_a_name_is_enough(said: Said, strict: Running) -> None:
    code, out, err = said("replay", NAMELESS, "--to", place(strict), "--name", NAME)
    assert (code, err) == (1, "")
    assert f"  ✓ adding server_name {NAME} is enough: TLS 1." in out
    assert "the captured ClientHello failed as recorded 4 of 4 times (fatal unrecognized_name)" in out
    assert "other changes is: " in out
    assert "sni-missing   proven" in out.splitlines()[0]


@pytest.mark.stacks
def test_the_same_as_json_and_in_python(said: Said, strict: Running) -> None:
    _, out, _ = said("replay", NAMELESS, "--to", place(strict), "--name", NAME, "--format", "json", "--attempts")
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    (found,) = document["replays"]
    assert (found["verdict"], found["diagnosis"]["confidence"], found["diagnosis"]["hop"]) == ("sni-missing", "proven", "southbound")
    assert [change["dimension"] for change in found["replay"]["minimal"]] == ["sni"]
    assert found["replay"]["certain"]
    assert found["connections"] <= 20
    (redone,) = whytls.replay(NAMELESS, to=place(strict), name=[NAME])
    assert redone.replayed is not None
    assert redone.replayed.minimal[0].text == f"adding server_name {NAME}"


@pytest.mark.stacks
def test_what_was_likely_becomes_proven(said: Said, issued: Papers) -> None:
    modern = Serve("openssl", (issued.server(NAME),), versions=(TLS12,), suites=("ECDHE-RSA-AES256-GCM-SHA384",))
    with running(modern) as server:
        code, out, _ = said("replay", OLD_SUITES, "--to", place(server))
        _, told, _ = said("diagnose", OLD_SUITES.partition("#")[0], "--replay", "--to", place(server), "--format", "json")
    assert code == 1
    assert "proven" in out.splitlines()[0]
    assert "by the recording alone: cipher-mismatch (likely)" in out
    (diagnosis,) = json.loads(told)["diagnoses"]
    assert (diagnosis["cause"], diagnosis["confidence"]) == ("cipher-mismatch", "proven")
    assert any("attempt" in evidence["file"] for evidence in diagnosis["evidence"])


@pytest.mark.stacks
def test_a_server_that_was_mended_changes_no_verdict(said: Said, issued: Papers) -> None:
    with running(Serve("openssl", (issued.server(NAME),))) as server:
        code, out, _ = said("replay", NAMELESS, "--to", place(server))
    assert code == 1
    assert "accepts today what it refused in the recording" in out
    assert "sni-missing   proven" in out.splitlines()[0]


@pytest.mark.stacks
def test_failures_that_are_alike_are_done_again_once(strict: Running) -> None:
    found = list(whytls.replay(NAMELESS.partition("#")[0], to=place(strict), name=[NAME]))
    assert len(found) > 1
    assert len({id(redone.replayed) for redone in found}) == 1
