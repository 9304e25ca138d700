"""The command line around a stand-in for the engine: arguments, output, exit codes, and how calls end."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from whytls.cli import main as cli
from whytls.exceptions import DamagedInput, InputError
from whytls.model import Diagnosis, Endpoint, Evidence, Handshake

BAD = Diagnosis(
    "sni-missing", "hello", "The server aborts a handshake that names none.", "failed", Endpoint("10.0.0.7", 1), Endpoint("10.0.9.12", 443),
    "direct", confidence="proven", evidence=(Evidence("ClientHello", (4,)),), file="edge.pcap", frame=1,
    handshake=Handshake(Endpoint("10.0.0.7", 1), Endpoint("10.0.9.12", 443), (), "failed"),
)  # fmt: skip
GOOD = Diagnosis(None, None, "the handshake completed", "completed", BAD.client, BAD.server, "direct", file="edge.pcap", frame=9)


@dataclass
class Tally:
    packets: int = 40
    flows: int = 2
    handshakes: int = 2
    completed: int = 1
    failed: int = 1
    unfinished: int = 0
    not_tls: int = 0
    bytes: int = 4000


@dataclass
class FakeRun:
    items: list[Any]
    tally: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=lambda: ["the last packet is cut"])

    def __iter__(self) -> Iterator[Diagnosis]:
        for item in self.items:
            if isinstance(item, Diagnosis):
                yield item
            else:
                raise item


Engine = Callable[..., dict[str, Any]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """``engine(*items)`` makes the engine yield these (or raise them); the value is how it was called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def set_up(*items: Any, run: FakeRun | None = None) -> dict[str, Any]:
        called: dict[str, Any] = {}
        module = ModuleType("whytls.api")

        def diagnose(*paths: str, **options: Any) -> FakeRun:
            called.update(options, paths=paths)
            return run or FakeRun(list(items))

        module.diagnose = diagnose  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "whytls.api", module)
        return called

    return set_up


def test_failures_found_is_1_and_the_report_is_text(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine(BAD, GOOD)
    assert cli.main(["diagnose", "edge.pcap"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("✗ 10.0.0.7:1 → 10.0.9.12:443   direct   sni-missing   proven\n")
    assert "completed   " not in out  # good ones only with --all
    assert "note: the last packet is cut" in out
    assert err == ""


def test_nothing_failed_is_0(engine: Engine) -> None:
    engine(GOOD)
    assert cli.main(["diagnose", "edge.pcap", "--all"]) == 0


def test_options_reach_the_function_under_their_names(engine: Engine) -> None:
    called = engine()
    line = (
        "diagnose a.pcap --router 10.0.1.5 --router :443 --message-processor 10.0.1.7 b.pcap --backend 10.0.9.0/24 --trust ca.pem "
        "--at 2026-03-01 --sni *.example.com --port 443 --hop southbound --cause sni-missing --all"
    )
    cli.main(line.split())
    assert called["paths"] == ("a.pcap", "b.pcap")
    assert (called["router"], called["message_processor"], called["backend"]) == (["10.0.1.5", ":443"], ["10.0.1.7"], ["10.0.9.0/24"])
    assert (called["trust"], called["at"], called["all"], called["topology"]) == ("ca.pem", "2026-03-01", True, None)
    assert (called["filters"].sni, called["filters"].ports, called["filters"].causes) == (("*.example.com",), (443,), ("sni-missing",))


def test_stores_reach_the_function_by_side(engine: Engine) -> None:
    called = engine()
    line = (
        "diagnose a.pcap --keystore router=a.p12 --keystore backend=b.pem --truststore message-processor=c.jks "
        "--password-env router=ROUTER_PASSWORD --password-file message-processor=secret"
    )
    cli.main(line.split())
    assert (called["keystore"], called["truststore"]) == (["router=a.p12", "backend=b.pem"], ["message-processor=c.jks"])
    assert (called["password_env"], called["password_file"]) == (["router=ROUTER_PASSWORD"], ["message-processor=secret"])


def test_a_call_without_options_has_the_same_defaults(engine: Engine) -> None:
    plain = engine()
    cli.main(["diagnose", "a.pcap"])
    explicit = engine()
    cli.main(["diagnose", "a.pcap", "--format", "text"])
    assert plain == explicit
    assert plain["filters"] is None


def test_a_topology_file_that_lies_here_is_used(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "whytls.toml").write_text("")
    called = engine()
    cli.main(["diagnose", "a.pcap"])
    assert called["topology"] == "whytls.toml"
    cli.main(["diagnose", "a.pcap", "--topology", "other.toml"])
    assert called["topology"] == "other.toml"


def test_json_is_whole_also_when_reading_ends_in_an_error(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine(BAD, DamagedInput("cut short", file="edge.pcap", offset=99))
    assert cli.main(["diagnose", "edge.pcap", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert len(document["diagnoses"]) == 1
    assert document["summary"]["error"] == "edge.pcap, byte 99: cut short"
    assert err == "whytls: edge.pcap, byte 99: cut short\n"


def test_lines_and_tables_put_notes_on_stderr(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine(BAD, GOOD)
    assert cli.main(["diagnose", "edge.pcap", "--format", "jsonl", "--all"]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["cause"] for line in out.splitlines()] == ["sni-missing", None]
    assert err == "whytls: note: the last packet is cut\n"
    assert cli.main(["diagnose", "edge.pcap", "--format", "csv"]) == 1
    assert capsys.readouterr().out.count("\n") == 2


def test_output_goes_into_a_file_but_never_over_the_capture(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine(BAD)
    assert cli.main(["diagnose", "edge.pcap", "--output", "report.txt"]) == 1
    assert "sni-missing" in (tmp_path / "report.txt").read_text()
    (tmp_path / "edge.pcap").write_bytes(b"packets")
    assert cli.main(["diagnose", "edge.pcap", "--output", "./edge.pcap"]) == 2
    assert (tmp_path / "edge.pcap").read_bytes() == b"packets"
    assert "is the capture itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], None),
        (["diagnose"], "which capture? (whytls diagnose edge.pcap, or - for a pipe)"),
        (["diagnose", "a", "--formatt", "x"], "unrecognized arguments: --formatt x (whytls diagnose --help shows what it takes)"),
        (["diagnose", "a", "--format", "xml"], "--help shows what it takes"),
        (["diagnose", "a", "--cause", "sni-mising"], "there is no cause 'sni-mising' (did you mean sni-missing"),
        (["diagnose", "a", "--port", "https"], "'https' is no port (a number from 1 to 65535)"),
        (["diagnose", "a", "--show", "4", "--format", "json"], "--show draws for people"),
        (["diagnos", "a"], "'diagnos' is no command (did you mean diagnose?)"),
        (["completion", "ksh"], "'ksh' is no shell we know"),
        (["version", "a", "b"], "whytls version takes nothing (usage: whytls version)"),
    ],
)
def test_a_wrong_call_is_one_line_with_a_hint_and_2(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: list[str], said: str | None
) -> None:
    engine()
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    if said is None:
        assert "usage: whytls COMMAND" in out
    else:
        assert err.startswith("whytls: ")
        assert err.count("\n") == 1
        assert said in err


def test_a_file_in_place_of_a_command_is_understood(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine()
    (tmp_path / "edge.pcap").touch()
    assert cli.main(["edge.pcap"]) == 2
    assert "did you mean: whytls diagnose edge.pcap" in capsys.readouterr().err


def test_an_input_that_is_none_is_2(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine(InputError("not a capture", file="a\x1b[2J.pcap", hint="pcap or pcapng"))
    assert cli.main(["diagnose", "a.pcap", "--format", "jsonl"]) == 2
    assert capsys.readouterr().err.endswith("whytls: a\\x1b[2J.pcap: not a capture (pcap or pcapng)\n")


def test_our_own_mistake_is_said_shortly_and_in_full_on_request(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WHYTLS_DEBUG", raising=False)
    engine(KeyError("x"))
    assert cli.main(["diagnose", "a.pcap"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("whytls: this is a bug in whytls: KeyError in test_main.py, line ")
    assert err.count("\n") == 1
    monkeypatch.setenv("WHYTLS_DEBUG", "1")
    assert cli.main(["diagnose", "a.pcap"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_reports_what_was_read(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine(BAD, KeyboardInterrupt())
    assert cli.main(["diagnose", "a.pcap"]) == 130
    out = capsys.readouterr().out
    assert "sni-missing" in out
    assert "40 packets until you stopped it" in out


def test_show_draws_one_and_names_its_verdict(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    called = engine(GOOD, run=None)
    assert cli.main(["diagnose", "a.pcap", "--show", "9"]) == 0
    assert called["all"] is True
    assert "completed" in capsys.readouterr().out
    engine(GOOD)
    assert cli.main(["diagnose", "a.pcap", "--show", "77"]) == 2
    assert "no handshake has frame 77 (handshakes near it begin at #9)" in capsys.readouterr().err


def test_certificates_of_good_and_bad_are_extracted(engine: Engine, tmp_path: Path) -> None:
    called = engine(BAD)
    cli.main(["diagnose", "a.pcap", "--extract-certs", "certs"])
    assert called["all"] is True
    assert (tmp_path / "certs" / "index.csv").exists()


@pytest.mark.parametrize("words", [["--help"], ["help"], ["-h"], ["diagnose", "--help"], ["help", "explain"], ["version"], ["--version"]])
def test_help_and_version_are_0(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    assert "whytls" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion_knows_commands_options_and_causes(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("diagnose", "explain", "message-processor", "sni-missing", "southbound"):
        assert word in script


def test_the_bash_script_is_bash() -> None:
    from whytls.cli.completion import script

    ended = subprocess.run(["bash", "-n"], input=script("bash"), text=True, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nobody_reads_the_output(tmp_path: Path) -> None:
    ended = subprocess.run(
        f"{sys.executable} -m whytls completion bash | true; echo ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() in ("141", "0")  # 0: all of it went into the pipe before the reader was gone
    assert ended.stderr == ""


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run([sys.executable, "-m", "whytls", "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "whytls: No space left on device\n"


def test_signs_are_plain_where_the_terminal_has_no_others(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([sys.executable, "-m", "whytls", "--help"], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert "why did TLS fail?" in ended.stdout
