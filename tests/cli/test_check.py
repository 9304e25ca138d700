"""The command line of `whytls check`: exit codes, formats, passwords, files that are written; over real stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from authority import NOON, Issued, days, issue
from whytls.cli.main import main
from whytls.pki.store import read_store

ROOT = Path(__file__).parents[2]
STORES = ROOT / "tests" / "pki" / "stores"
AT = ["--at", "2027-01-01"]
SCHEMA = json.loads((ROOT / "docs/schema/checks-1.json").read_text())
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setenv("MEADOW", "meadow1")
    monkeypatch.setenv("WRONG", "nothing")

    def run(*words: str | Path) -> tuple[int, str, str]:
        code = main(["check", *map(str, words)])
        return (code, *capsys.readouterr())

    return run


def stored(name: str) -> Path:
    return STORES / name


def test_a_healthy_store_is_a_few_lines_and_0(said: Said) -> None:
    code, out, err = said(stored("api-chain.pem"), *AT)
    assert (code, err) == (0, "")
    assert out.startswith("✓ ")
    assert len(out.splitlines()) == 3


def test_a_fault_is_1_with_place_slug_sentence_chain_and_fix(said: Said) -> None:
    code, out, _ = said(stored("api-with-shop-key.pem"), *AT)
    assert code == 1
    head, sentence, *rest = out.splitlines()
    assert head.split("   ") == [f"✗ {stored('api-with-shop-key.pem')}:1", "certificate-unusable", "proven"]
    assert sentence == "  CN=api.meadow.example: the private key beside it is not its own."
    assert any(line.startswith("  fix (server operator): ") for line in rest)
    assert any("signed by #2" in line for line in rest)
    assert "1 entry checked for 2027-01-01: 1 failed." in rest


def test_what_cannot_be_read_is_2_and_what_was_is_told(said: Said) -> None:
    code, out, err = said(stored("api-chain.pem"), "no-such-file.pem", *AT)
    assert code == 2
    assert "1 sound" in out
    assert "no-such-file.pem: No such file" in err


@pytest.mark.parametrize(
    "words",
    [
        [], ["x.pem", "--warn-days", "many"], ["x.pem", "--purpose", "mail"], ["https://a.example"], ["a.example:0"], ["x.pem", "--at", "now"],
        ["x.pem", "--password-env", "NOT_SET_ANYWHERE"], ["pair"], ["pair", "--presents", "x"], ["pair", "x"],
    ],
)  # fmt: skip
def test_a_wrong_call_is_2_and_one_line(said: Said, words: list[str]) -> None:
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("whytls: ")


def test_passwords_come_by_name_and_are_never_shown(said: Said, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("meadow1\n")
    for words in (["--password-env", "MEADOW"], ["--password-file", tmp_path / "password"]):
        code, out, err = said(stored("java17.p12"), *words, *AT, "-v")
        assert code == 1  # one of its certificates is self-signed
        assert "alias api" in out
        assert "meadow1" not in out + err
    code, out, err = said(stored("java17.p12"), "--password-env", "WRONG", *AT)
    assert code == 2
    assert "nothing" not in (out + err).replace("nothing was checked", "")
    assert said(stored("java17.p12"), "--password-file", "-", *AT)[0] == 2  # nobody can be asked here
    assert said(stored("java17.p12"), "--password-file", tmp_path / "password", "--password-env", "MEADOW")[0] == 2


def test_warnings_are_0_unless_asked_for(said: Said, tmp_path: Path) -> None:
    soon = written(tmp_path, "soon.pem", issue("own", san=("a.example",), by=issue("Root", ca=True)))
    words = [soon, "--at", "2025-04-20", "--with", written(tmp_path, "root.pem", issue("Root", ca=True))]
    code, out, _ = said(*words, "--warn-days", "30")
    assert code == 0
    assert "expires on 2025-05-02, in 12 days" in out
    assert said(*words, "--fail-on-warning")[0] == 1


def written(folder: Path, name: str, *issued: Issued) -> Path:
    (folder / name).write_text("".join(one.pem for one in issued))
    return folder / name


def documents(said: Said, *words: str | Path) -> dict[str, Any]:
    _, out, _ = said(*words, "--format", "json")
    document: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    return document


@pytest.mark.parametrize(
    "words",
    [
        ["api-chain.pem"], ["api-with-shop-key.pem", "--trust", str(STORES / "other.pem"), "--expect-host", "x.example"], ["nginx/nginx.conf"],
        ["java17.p12", "--password-env", "MEADOW"], ["cacerts.jks"], ["api-reversed.pem", "--crl", str(STORES / "root.crl")],
    ],
)  # fmt: skip
def test_json_keeps_to_the_published_schema(said: Said, words: list[str]) -> None:
    document = documents(said, stored(words[0]), *words[1:], *AT)
    assert document["summary"]["checked"] == len(document["results"]) > 0
    _, lines, _ = said(stored(words[0]), *words[1:], *AT, "--format", "jsonl")
    assert [json.loads(line) for line in lines.splitlines()] == document["results"]
    assert "PRIVATE KEY" not in lines


def test_json_of_a_pair_keeps_to_it_as_well(said: Said) -> None:
    words = ["pair", "--presents", stored("java17.p12"), "--presents-password-env", "MEADOW", "--trusts", stored("other.pem"), *AT]
    document = documents(said, *words)
    assert {result["level"] for result in document["results"]} == {"failure"}
    (api,) = [result for result in document["results"] if result["alias"] == "api"]
    assert (api["kind"], api["problems"][0]["cause"]) == ("pair", "certificate-untrusted")
    openssl = next(d for d in api["decisions"] if d["stack"] == "openssl")
    assert (openssl["accepted"], openssl["alerts"]) == (False, [48])
    assert said(*words)[0] == 1


def test_a_pair_in_text_names_its_sides(said: Said) -> None:
    words = ["--presents", stored("java17.p12"), "--presents-password-env", "MEADOW", "--presents-alias", "api", *AT]
    code, out, _ = said("pair", *words, "--trusts", stored("root.pem"), "--as", "router-client")
    assert code == 0
    assert "✓ the client accepts what the Router presents as TLS server." in out
    code, out, _ = said("pair", *words, "--trusts", stored("other.pem"), "--as", "target-processor")
    assert code == 1
    assert "✗ the Message Processor refuses what the target server presents" in out
    assert "unknown_ca (48)" in out


def test_the_repaired_chain_is_written_ready_to_upload(said: Said, tmp_path: Path) -> None:
    out = tmp_path / "chain.pem"
    assert said(stored("api-reversed.pem"), "--repair", out, *AT)[0] in (0, 1)
    chain = [der for entry in read_store(out).entries for der in entry.chain]
    assert chain == list(read_store(stored("api-chain.pem")).certificates)
    folder = tmp_path / "chains"
    assert said(stored("java17.p12"), "--password-env", "MEADOW", "--repair", f"{folder}/", *AT)[0] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["api.pem", "selbst.pem", "shop.pem"]
    code, _, err = said(stored("java17.p12"), "--password-env", "MEADOW", "--repair", out, *AT)
    assert code == 2
    assert "do not belong into one file" in err
    code, _, err = said(stored("api.pem"), "--repair", tmp_path / "short.pem", *AT)
    assert "issuer CN=Meadow issuing is not at hand" in err
    assert said(out, "--repair", out)[0] == 2


def test_output_goes_to_a_file_that_is_no_source(said: Said, tmp_path: Path) -> None:
    assert said(stored("api-chain.pem"), "--output", tmp_path / "report.txt", *AT)[:2] == (0, "")
    assert "1 sound" in (tmp_path / "report.txt").read_text()
    source = written(tmp_path, "a.pem", issue("Root", ca=True))
    assert said(source, "--output", source)[0] == 2
    assert source.read_text().startswith("-----BEGIN")


def test_equal_results_are_folded_and_dates_ordered(said: Said, tmp_path: Path) -> None:
    late = issue("late", by=issue("Root", ca=True), ends=issue("Root", ca=True).certificate.not_valid_before_utc + days(40))
    for name in ("a.pem", "b.pem", "c.pem"):
        written(tmp_path, name, late)
    written(tmp_path, "root.pem", issue("Root", ca=True))
    code, out, _ = said(tmp_path, "--at", "2024-12-01")
    assert code == 1
    assert out.count("certificate-expired   proven") == 1
    assert "the same in 3 places: " in out
    assert "4 entries checked for 2024-12-01: 3 failed, 1 sound." in out
    table = out[out.index("by date of expiry:") :]
    assert table.index("2024-06-11") < table.index("4 entries checked")


def test_what_a_certificate_says_cannot_steer_the_terminal(said: Said, tmp_path: Path) -> None:
    evil = issue("a\x1b[2Jb\u202ec", san=("x.example",))
    out = said(written(tmp_path, "a.pem", evil), "--at", "2024-06-01", "--expect-host", "y.example", "-v")[1]
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\x1b[2J" in out


@pytest.mark.parametrize(("word", "command"), [(stored("api.pem"), "check"), ("a.example:443", "probe"), (stored("README.md"), "diagnose")])
def test_a_forgotten_command_is_guessed(capsys: pytest.CaptureFixture[str], word: str | Path, command: str) -> None:
    assert main([str(word)]) == 2
    assert f"did you mean: whytls {command} {word}" in capsys.readouterr().err


def test_check_is_not_imported_by_diagnose_nor_ssl_libraries_by_check(said: Said) -> None:
    import subprocess
    import sys

    program = (
        "import sys\nfrom whytls.cli.main import main\n"
        f"main(['check', {str(stored('api-chain.pem'))!r}])\nprint('OpenSSL' in sys.modules, 'rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["False", "False"]


def test_a_key_alone_is_not_called_sound(said: Said) -> None:
    code, out, _ = said(stored("api.key"), *AT)
    assert code == 0
    assert "private key, not encrypted" in out
    assert "1 without a certificate to judge" in out
    assert "sound" not in out


def test_what_ends_within_hours_does_not_end_today(said: Said, tmp_path: Path) -> None:
    short = issue("short.meadow.example", ends=NOON)
    file = tmp_path / "short.der"
    file.write_bytes(short.der)
    _, out, _ = said(file, "--at", "2024-06-01T06:00")
    assert "in less than a day" in out
