"""Replays as text and as JSON, over replays made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from samples import SNI_MISSING

from story import alert, client, fin, hello, replace, server, server_hello, story
from whytls.model import Altered, Replayed, Tried
from whytls.report.replay import ReplayReport
from whytls.report.replay_json import ReplayJson
from whytls.report.terminal import Style
from whytls.surveying.replaying import Redone

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/replays-1.json").read_text())
NAME = Altered("sni", "adding server_name api.example.com")
OTHERS = (Altered("version", "adding TLS 1.3"), Altered("suite", "adding 6 cipher suites (TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, …)"))


def tried(number: int, *changes: Altered, passed: bool = False) -> Tried:
    file = f"10.0.9.12:443 attempt {number}"
    answer = server_hello(0x0303, 0xC02F) if passed else alert(40)
    handshake = story(client >> hello(sni=None), server << answer, *([] if passed else [server << fin()]), file=file)
    return Tried(changes, number, passed, "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" if passed else "fatal handshake_failure", handshake)


FOUND = Replayed(
    "10.0.9.12:443", "found", controls=4, reproduced=4, minimal=(NAME,), shown_minimal=True, confirmed=2,
    alone=(tried(4, OTHERS[0]), tried(5, OTHERS[1])),
    tried=(tried(1), tried(2), tried(3, NAME, passed=True), tried(4, OTHERS[0]), tried(5, OTHERS[1])),
)  # fmt: skip
POSSIBLE = replace(SNI_MISSING, confidence="likely")
REDONE = Redone("edge.pcap#4", "10.0.9.12:443", SNI_MISSING, POSSIBLE, FOUND, 0.12)
SKIPPED = Redone("edge.pcap#9", "", POSSIBLE, POSSIBLE, note="not done again: 10.0.9.12:443 is not among the servers that may be contacted")


def text(*redone: Redone, verbose: bool = False, attempts: bool = False, width: int | None = None) -> str:
    lines: list[str] = []
    report = ReplayReport(lines.append, Style(width=width), verbose=verbose, attempts=attempts)
    for one in redone:
        report.add(one)
    report.close()
    return "".join(lines)


def test_the_answer_is_the_smallest_change_and_what_is_not() -> None:
    told = text(REDONE).splitlines()
    assert told[0].startswith("✗ ")
    assert "sni-missing" in told[0]
    assert told[0].endswith("proven")
    assert "  replayed at 10.0.9.12:443" in told
    assert "  · the captured ClientHello failed as recorded 4 of 4 times (fatal handshake_failure)" in told
    enough = "  ✓ adding server_name api.example.com is enough: TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 3 of 3 times"
    assert enough in told
    assert any(line.startswith("  ✗ none of 2 other changes is: adding TLS 1.3; adding 6 cipher suites") for line in told)
    assert "  by the recording alone: sni-missing (likely)" in told
    assert told[-1] == "  sent in 5 connections, 0.12 s"


def test_two_changes_that_are_needed_together_are_told_so() -> None:
    both = (OTHERS[0], OTHERS[1])
    found = replace(FOUND, minimal=both, tried=(*FOUND.tried, tried(6, *both, passed=True)), shown_minimal=False)
    assert "together are enough" in text(REDONE._replace(replayed=found))
    assert "whether each of them is needed was not asked" in text(REDONE._replace(replayed=found))


def test_what_was_not_done_again_says_why() -> None:
    assert "  not done again: 10.0.9.12:443 is not among the servers that may be contacted" in text(SKIPPED)


def test_lines_fit_the_terminal() -> None:
    assert all(len(line) <= 80 for line in text(REDONE, SKIPPED, width=80, verbose=True).splitlines() if " " in line.strip())


def test_attempts_are_drawn() -> None:
    told = text(REDONE, attempts=True)
    assert told.count("\nattempt ") == 5
    assert "attempt 3: adding server_name api.example.com: TLS 1.2" in told


@pytest.mark.parametrize("attempts", [False, True])
def test_json_is_as_the_schema_says(attempts: bool) -> None:
    lines: list[str] = []
    report = ReplayJson(lines.append, attempts=attempts)
    report.add(REDONE)
    report.add(SKIPPED)
    report.close(["a note"])
    document: dict[str, Any] = json.loads("".join(lines))
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    first, second = document["replays"]
    assert (first["verdict"], first["before"]["confidence"], first["diagnosis"]["confidence"]) == ("sni-missing", "likely", "proven")
    assert first["replay"]["minimal"] == [{"dimension": "sni", "text": NAME.text, "lacked": True}]
    assert first["replay"]["certain"] is True
    assert {a["number"] for a in first["replay"]["attempts"]} >= set(first["replay"]["alone"])
    assert ("transcript" in first["replay"]["attempts"][0]) is attempts
    assert second["replay"] is None
    assert document["summary"] == {"replayed": 2, "failed": 2, "proven": 1, "connections": 5, "warnings": ["a note"], "error": None}


def test_json_lines() -> None:
    lines: list[str] = []
    report = ReplayJson(lines.append, lines=True)
    report.add(REDONE)
    report.close()
    assert [json.loads(line)["handshake"] for line in lines] == ["edge.pcap#4"]


def test_nothing_that_others_wrote_steers_the_terminal() -> None:
    evil = Altered("sni", "adding server_name \x1b[31m\u202eevil")
    found = replace(FOUND, target="\x1b]0;x\x07", minimal=(evil,), tried=(*FOUND.tried, tried(6, evil, passed=True)), alone=(tried(7, evil),))
    told = text(REDONE._replace(replayed=found, target="\x1b]0;x\x07"), attempts=True, verbose=True)
    assert "evil" in told
    assert not [line for line in told.split("\n") if not line.isprintable()]
