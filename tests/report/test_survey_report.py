"""Surveys as text and as JSON: by structure, against the published schema, and with names that would steer a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from authority import AT, issue
from inventories import HOST, TARGET, accepted, answered, chain, closed, healthy, pki, refused
from whytls.checking.result import Ask
from whytls.pki.certificate import read
from whytls.probing.result import CertificateShown, ClientCertificate, Inventory, NameAsked
from whytls.report.suites import folded
from whytls.report.survey import SurveyReport
from whytls.report.survey_json import SurveyJson
from whytls.report.terminal import Style
from whytls.surveying.result import Statement, Survey, Through
from whytls.surveying.survey import surveyed

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/probes-1.json").read_text())
CLIENTS = (
    Through("java-17", "Java 17", True, version=0x0304, cipher_suite=0x1302, group=0x001D),
    Through("java-7", "Java 7", False, "described", cause="protocol-mismatch", why="offers TLS 1.0 at most; the server takes TLS 1.2 and up"),
)
EVIL = "x\x1b[31m\r\n\u202eevil"


def survey(inventory: Inventory, clients: Sequence[Through] = CLIENTS) -> Survey:
    return surveyed(inventory, Ask(AT), clients)


def text(*surveys: Survey, width: int | None = None, verbose: bool = False, attempts: bool = False) -> str:
    lines: list[str] = []
    report = SurveyReport(lines.append, Style(width=width), verbose=verbose, attempts=attempts)
    for one in surveys:
        report.add(one)
    report.close()
    return "".join(lines)


def document(*surveys: Survey, attempts: bool = False) -> dict[str, Any]:
    lines: list[str] = []
    report = SurveyJson(lines.append, attempts=attempts)
    for one in surveys:
        report.add(one)
    report.close()
    value: dict[str, Any] = json.loads("".join(lines))
    jsonschema.validate(value, SCHEMA, format_checker=jsonschema.FormatChecker())
    return value


WANTS_ONE = ClientCertificate("required", (2,), (read(pki()["root"].der).subject_der,), how="alert")
EVERY = [
    healthy(), closed(refused(1, 40, sni=None)), closed(answered(1, b"HTTP/1.1 400 Bad Request\r\n\r\n")), healthy(client_certificate=WANTS_ONE),
    healthy(certificates=(CertificateShown(HOST, "ecdsa", chain()[:1], (1,)),)), closed(),
]  # fmt: skip


def test_the_first_line_is_the_verdict() -> None:
    assert text(survey(healthy())).splitlines()[0] == f"✓ {TARGET}   healthy   TLS 1.3, TLS 1.2"
    assert text(survey(healthy(client_certificate=WANTS_ONE))).splitlines()[0] == f"✗ {TARGET}   client-certificate-missing   proven"


def test_a_healthy_server_is_one_screen_with_everything_that_it_accepts() -> None:
    lines = text(survey(healthy()), width=100).splitlines()
    labels = [line[2:14].strip() for line in lines if line[:2] == "  " and line[2:3].strip()]
    assert len(lines) < 24
    assert all(len(line) <= 100 for line in lines)
    for label in ("TLS 1.3", "TLS 1.2", "refused", "groups", "signatures", "ALPN", "resumption", "certificate", "names", "clients"):
        assert label in labels
    assert lines[-1] == "  asked in 6 connections, 0.04 s"


def test_clients_that_do_not_get_through_are_told_with_the_cause() -> None:
    told = text(survey(healthy()))
    assert "1 of 2 clients does not get through: protocol-mismatch (1)" in told
    assert "✗ java-7   protocol-mismatch: offers TLS 1.0 at most; the server takes TLS 1.2 and up" in told
    assert "java-17  TLS 1.3, TLS_AES_256_GCM_SHA384, x25519" in text(survey(healthy()), verbose=True)


def test_suites_are_folded_and_named_in_full_on_request() -> None:
    assert "9 suites (the client's order): ECDHE-ECDSA: AES-256/128-GCM, ChaCha20 · ECDHE-RSA: " in text(survey(healthy()))
    assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" in text(survey(healthy()), verbose=True)
    assert [(f.name, f.ciphers, f.size) for f in folded((0xC02F, 0xC027, 0x0018, 0x1301))] == [
        ("ECDHE-RSA", ("AES-128-GCM", "AES-128-CBC"), 2), ("anonymous DHE", ("RC4",), 1), ("", ("AES-128-GCM",), 1),
    ]  # fmt: skip


def test_attempts_are_drawn_message_by_message() -> None:
    told = text(survey(healthy()), attempts=True)
    assert told.count("\nattempt ") == 6
    assert "ClientHello ───" in told
    assert "alert: fatal protocol_version" in told


def test_many_servers_have_a_summary() -> None:
    assert "2 servers asked: 1 with a failure, 1 healthy." in text(survey(healthy()), survey(closed(refused(1, 40, sni=None))))


@pytest.mark.parametrize("inventory", EVERY)
def test_every_survey_is_written_as_the_schema_says(inventory: Inventory) -> None:
    found = survey(inventory)
    value = document(found, attempts=True)
    (server,) = value["servers"]
    assert server["connections"] == len(server["attempts"]) == len(inventory.attempts)
    assert server["verdict"] == (found.problems[0].cause if found.problems else "healthy" if found.accepts else "unknown")
    assert (server["level"] == "failure") == (server["verdict"] != "healthy")
    numbers = {attempt["number"] for attempt in server["attempts"]}
    told = [*server["weaknesses"], *server["names"]["statements"], *server["certificates"]]
    assert numbers.issuperset(number for statement in told for number in statement["attempts"])
    assert text(found)
    assert text(found, verbose=True, attempts=True)


def test_json_lines_are_one_server_each() -> None:
    lines: list[str] = []
    report = SurveyJson(lines.append, lines=True)
    report.add(survey(healthy()))
    report.add(survey(closed(refused(1, 40, sni=None))))
    report.close()
    assert [json.loads(line)["verdict"] for line in lines] == ["healthy", "sni-missing"]
    assert "transcript" not in json.loads(lines[0])["attempts"][0]


def test_transcripts_are_there_on_request() -> None:
    (first, *_) = document(survey(healthy()), attempts=True)["servers"][0]["attempts"]
    assert [step["name"] for step in first["transcript"]] == ["SYN", "SYN, ACK", "ClientHello", "ServerHello"]


def evil() -> Survey:
    """Everything that others write, hostile: names, certificates, protocols, words, clients, notes."""
    own = issue(EVIL, pki()["middle"], san=(HOST,))
    inventory = healthy(
        target=EVIL, server_name=EVIL, alpn=(EVIL,), warnings=(EVIL,),
        certificates=(CertificateShown(EVIL, "ecdsa", (own.der, pki()["middle"].der), (1,)),),
        names=(NameAsked("right", EVIL, 1, (own.der,)), NameAsked("none", None, 3, chain())),
        client_certificate=ClientCertificate("required", (2,), (read(own.der).subject_der,)),
        attempts=(accepted(1, purpose=EVIL, sni=EVIL), answered(2, EVIL.encode())._replace(application=EVIL.encode())),
    )  # fmt: skip
    clients = (Through(EVIL, EVIL, False, cause="cipher-mismatch", why=EVIL, notes=(EVIL,)), Through(EVIL, EVIL, True))
    return surveyed(inventory, Ask(AT), clients, (Statement("x", EVIL),), EVIL)


@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_that_others_wrote_steers_the_terminal(verbose: bool) -> None:
    told = text(evil(), verbose=verbose, attempts=True)
    assert "evil" in told
    assert not [line for line in told.split("\n") if not line.isprintable()]


def test_nothing_that_others_wrote_leaves_ascii_in_json() -> None:
    lines: list[str] = []
    report = SurveyJson(lines.append, attempts=True)
    report.add(evil())
    report.close()
    assert "".join(lines).isascii()
    jsonschema.validate(json.loads("".join(lines)), SCHEMA)
