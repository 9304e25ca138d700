"""The whole command on recordings of real failures: every format, every handshake drawn, the same as Python, and pipes."""

import csv
import importlib.resources
import io
import json
import os
import signal
import subprocess
import sys
import time
from fcntl import ioctl
from pathlib import Path
from struct import unpack
from termios import FIONREAD

import jsonschema
import pytest

import whytls
from whytls.cli.main import main

CORPUS = Path(__file__).parents[1] / "corpus"
CAPTURES = sorted(CORPUS.glob("*/capture.pcap*"))
FAILING = next(path for path in CAPTURES if path.parent.name.startswith("connection-refused--"))
EXPIRED = next(path for path in CAPTURES if path.parent.name.startswith("certificate-expired--http-connect"))
VALIDATOR = jsonschema.Draft202012Validator(json.loads(importlib.resources.files("whytls.report").joinpath("schema.json").read_text()))
COMMAND = [sys.executable, "-m", "whytls", "diagnose"]


def test_there_are_recordings() -> None:
    assert len(CAPTURES) > 20


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--keystore", "gateway=a.p12"], "message-processor"),
        (["--truststore", "client"], "--truststore SIDE="),
        (["--truststore", "client=missing.jks"], "missing.jks"),
        (["--keystore", f"client={EXPIRED}"], "known: PEM"),
        (["--keystore", "client=a.p12", "--password-env", "client=NOWHERE_AT_ALL"], "NOWHERE_AT_ALL"),
    ],
)
def test_a_store_that_is_none_ends_the_call(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(EXPIRED), *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err


def test_what_decides_in_a_store_is_in_the_short_form(capsys: pytest.CaptureFixture[str]) -> None:
    folder = CORPUS / "certificate-untrusted--stores-decide-southbound-java"
    store = folder / "stores" / "backend-anchors.jks"
    words = ["--message-processor", "10.20.0.6", "--truststore", f"message-processor={store}"]
    assert main(["diagnose", str(folder / "capture.pcap"), *words]) == 1
    out, _ = capsys.readouterr()
    assert "proven" in out
    assert "does not have CN=Northgate Root 2021" in " ".join(out.split())


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_all_formats_tell_the_same(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes, texts = [], []
    for form in ("json", "jsonl", "csv", "text"):
        codes.append(main(["diagnose", str(capture), "--format", form]))
        texts.append(capsys.readouterr().out)
    document = json.loads(texts[0])
    VALIDATOR.validate(document)
    diagnoses = document["diagnoses"]
    assert [json.loads(line) for line in texts[1].splitlines()] == diagnoses
    assert [(row["cause"], int(row["frame"])) for row in csv.DictReader(io.StringIO(texts[2]))] == [
        (d["cause"], d["frame"]) for d in diagnoses
    ]
    assert {d["cause"] for d in diagnoses} == {line.split("   ")[2].split(" ")[0] for line in texts[3].splitlines() if line[:1] == "✗"}
    assert set(codes) == {1 if diagnoses else 0}
    assert document["summary"]["failed"] == len(diagnoses)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.parent.name)
def test_every_handshake_can_be_drawn(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for diagnosis in whytls.diagnose(capture, all=True):
        code = main(["diagnose", str(capture), "--show", str(diagnosis.frame), "--verbose"])
        shown = capsys.readouterr().out
        assert code == (1 if diagnosis.cause else 0)
        assert f"#{diagnosis.frame} · " in shown.splitlines()[0]
        assert (diagnosis.cause or diagnosis.outcome) in shown
        assert "bug in whytls" not in shown


def test_filters_reach_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(FAILING), "--cause", "connection-refused"]) == 1
    assert main(["diagnose", str(FAILING), "--cause", "sni-missing"]) == 0
    capsys.readouterr()
    assert main(["diagnose", str(FAILING), "--port", "1"]) == 0
    assert "0 of them are shown; the filters leave out the others." in capsys.readouterr().out


def test_a_file_that_is_no_capture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("no capture at all\n")
    assert main(["diagnose", str(tmp_path / "notes.txt")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("whytls: ")
    assert err.count("\n") == 1
    assert main(["diagnose", str(tmp_path / "missing.pcap")]) == 2
    assert "missing.pcap" in capsys.readouterr().err


def test_what_precedes_the_damage_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = EXPIRED.read_bytes()  # its last packet is a farewell: what decides stands before it
    (tmp_path / "cut.pcap").write_bytes(whole[:-7])
    assert main(["diagnose", str(tmp_path / "cut.pcap")]) == 1
    out = capsys.readouterr().out
    assert "certificate-expired" in out
    assert "note: " in out
    assert "cut.pcap" in out


def test_a_pipe_that_is_cut_by_ctrl_c_is_still_judged() -> None:
    with subprocess.Popen([*COMMAND, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin is not None
        running.stdin.write(FAILING.read_bytes())
        running.stdin.flush()
        until = time.monotonic() + 20
        while unpack("i", ioctl(running.stdin, FIONREAD, b"    "))[0] and time.monotonic() < until:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)  # tcpdump in front of it gets the same, and ends
        time.sleep(0.2)
        out, err = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "connection-refused" in out.decode()
    assert err.decode() == "whytls: judging what was read; Ctrl-C again stops at once\n"


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, str(FAILING)], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_where_nothing_could_be_read_that_is_all_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("no capture\n")
    assert main(["diagnose", str(tmp_path / "notes.txt")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "this is text, no capture" in said.err
    (tmp_path / "broken.pcap").write_bytes(EXPIRED.read_bytes()[:24] + b"\xff" * 400)
    assert main(["diagnose", str(tmp_path / "broken.pcap")]) == 2
    assert "byte 24" in capsys.readouterr().out
