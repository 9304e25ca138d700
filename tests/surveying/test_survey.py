"""What is said of a server, over inventories made by hand: the verdict first, and each statement with the attempts that show it."""

from __future__ import annotations

import pytest

from authority import AT, days, issue
from inventories import HOST, TARGET, accepted, answered, chain, closed, healthy, pki, refused
from story import replace
from whytls.checking.result import Ask
from whytls.pki.certificate import read
from whytls.probing.result import CertificateShown, ClientCertificate, Inventory, NameAsked, Refused, VersionFound
from whytls.surveying.result import Survey
from whytls.surveying.survey import surveyed

ASK = Ask(AT)
NAMED, UNNAMED = NameAsked("right", HOST, 1, chain()), NameAsked("none", None, 3, chain())


def survey(inventory: Inventory) -> Survey:
    return surveyed(inventory, ASK)


def causes(found: Survey) -> list[tuple[str, str, str]]:
    return [(p.cause, p.level, p.confidence) for p in found.problems]


def test_a_healthy_server_has_no_problem() -> None:
    found = survey(healthy())
    assert (found.problems, found.weaknesses, found.level, found.accepts) == ((), (), None, True)
    assert found.certificates[0].chain == chain()
    assert found.certificates[0].host == HOST


# ------------------------------------------------------------------ nobody gets through


def test_a_server_that_wants_a_name_is_told_by_what_it_did_with_one() -> None:
    found = survey(closed(refused(1, 40, sni=None), accepted(2, sni=HOST), server_name=None))
    assert causes(found) == [("sni-missing", "failure", "proven")]
    assert found.diagnosis is not None


def test_without_the_other_attempt_handshake_failure_stays_open() -> None:
    found = survey(closed(refused(1, 40, sni=None), server_name=None))
    (problem,) = found.problems
    assert problem.cause == "sni-missing"
    assert problem.confidence != "proven"
    assert problem.would_decide


@pytest.mark.parametrize(
    ("words", "detail", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "", "HTTP"), (b"SSH-2.0-OpenSSH_9.2\r\n", "", "SSH"),
        (b"220 mail.example ESMTP\r\n", "starttls-left-out", "SMTP"),
    ],
)
def test_another_protocol_is_named(words: bytes, detail: str, protocol: str) -> None:
    (problem,) = survey(closed(answered(1, words))).problems
    assert (problem.cause, problem.confidence) == ("tls-to-plaintext-port", "proven")
    assert protocol in problem.title
    assert not detail or problem.detail == detail


def test_a_name_that_is_refused_is_the_failure_though_others_are_served() -> None:
    asked = (NameAsked("right", HOST, 1, refused=Refused(1, "refused", 112)), NameAsked("none", None, 3, chain("default")))
    attempts = (refused(1, 112, sni=HOST), accepted(3, sni=None))
    found = survey(healthy(names=asked, attempts=attempts, certificates=(CertificateShown(None, "ecdsa", chain("default"), (3,)),)))
    assert found.names.habit == "unknown-name"
    assert causes(found) == [("sni-unknown", "failure", "proven")]


# ------------------------------------------------------------------ what stops everybody


def test_a_required_client_certificate_names_its_cas_and_how_it_refuses() -> None:
    wanted = ClientCertificate("required", (2,), (read(pki()["root"].der).subject_der,), how="http-400")
    (problem,) = survey(healthy(client_certificate=wanted)).problems
    assert (problem.cause, problem.detail, problem.level) == ("client-certificate-missing", "refused-in-http", "failure")
    assert "CN=Meadow Root" in problem.title
    assert "HTTP 400" in problem.title
    assert [e.file for e in problem.evidence] == [f"{TARGET} attempt 2"]
    assert problem.fix is not None


def test_one_that_is_only_asked_for_is_none() -> None:
    assert survey(healthy(client_certificate=ClientCertificate("optional", (2,)))).problems == ()


def test_a_server_of_old_versions_only() -> None:
    no = Refused(4, "refused", 70)
    found = survey(healthy(versions=(VersionFound(0x0304, refused=no), VersionFound(0x0303, refused=no), VersionFound(0x0301, (0x002F,)))))
    assert causes(found) == [("protocol-mismatch", "failure", "proven")]
    assert "TLS 1.0" in found.problems[0].title
    assert any("TLS 1.2" in said.text for said in found.problems[0].evidence)


def test_a_broken_chain_is_the_causes_own_problem() -> None:
    late = issue(HOST, pki()["middle"], san=(HOST,), ends=pki()["middle"].certificate.not_valid_before_utc + days(1))
    shown = CertificateShown(HOST, "ecdsa", (late.der, pki()["middle"].der), (1,))
    found = survey(healthy(certificates=(shown,)))
    assert causes(found) == [("certificate-expired", "failure", "proven")]
    assert found.problems[0].evidence[0].file == f"{TARGET} attempt 1"


def test_what_only_those_without_a_name_are_shown_is_a_warning() -> None:
    shown = (CertificateShown(HOST, "ecdsa", chain(), (1,)), CertificateShown(None, "ecdsa", chain("default")[:1], (3,)))
    found = survey(healthy(certificates=shown))
    assert [(p.cause, p.level) for p in found.problems] == [("chain-incomplete", "warning")]
    assert found.level == "warning"


def test_failures_come_first() -> None:
    shown = (CertificateShown(None, "ecdsa", chain("default")[:1], (3,)), CertificateShown(HOST, "ecdsa", chain("default"), (1,)))
    assert [level for _, level, _ in causes(survey(healthy(certificates=shown)))] == ["failure", "warning"]


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("asked", "habit", "unknown", "slug"),
    [
        ((NAMED, UNNAMED), "served", "not-asked", "sni-not-required"),
        ((NAMED, UNNAMED, NameAsked("unknown", "x.example", 6, chain())), "ignored", "same", "sni-not-required"),
        ((NAMED, replace(UNNAMED, chain=None, refused=Refused(3, "refused", 112))), "required", "not-asked", "sni-required"),
        ((NAMED, replace(UNNAMED, chain=None, refused=Refused(3, "closed"))), "required", "not-asked", "sni-required"),
        ((NAMED, replace(UNNAMED, chain=chain("default"))), "default", "not-asked", "sni-default"),
        ((NAMED, UNNAMED, NameAsked("unknown", "x.example", 6, refused=Refused(6, "refused", 112))), "served", "refused", "sni-not-required"),
        ((NAMED, UNNAMED, NameAsked("unknown", "x.example", 6, chain("default"))), "served", "default", "sni-not-required"),
        ((UNNAMED,), "not-asked", "not-asked", None),
        ((), "not-asked", "not-asked", None),
    ],
)
def test_what_a_server_makes_of_names(asked: tuple[NameAsked, ...], habit: str, unknown: str, slug: str | None) -> None:
    said = survey(healthy(names=asked)).names
    assert (said.habit, said.unknown) == (habit, unknown)
    assert next(iter(s.slug for s in said.statements), None) == slug
    assert all(statement.attempts for statement in said.statements)


def test_an_unknown_name_that_is_refused_is_told_with_the_alert() -> None:
    asked = (NAMED, NameAsked("unknown", "x.example", 6, refused=Refused(6, "refused", 112)))
    (statement,) = survey(healthy(names=asked)).names.statements
    assert statement.slug == "sni-unknown-rejected"
    assert "unrecognized_name (112)" in statement.text


# ------------------------------------------------------------------ weaknesses


def test_what_is_retired_is_told_each_once_and_by_its_attempts() -> None:
    suites = (0x0003, 0x0004, 0x0005, 0x000A, 0x0018, 0x0002, 0x0033)
    versions = (VersionFound(0x0303, (0xC02F,)), VersionFound(0x0301, suites, dh_bits=(1024,)), VersionFound(0x0300, (0x0005,)))
    attempts = (accepted(1), accepted(7, 0x0301, 0x0005), accepted(8, 0x0300, 0x0005))
    found = survey(healthy(versions=versions, attempts=attempts, compression=True, secure_renegotiation=False, groups=(0x0013,)))
    told = {s.slug: s for s in found.weaknesses}
    assert list(told) == [
        "accepts-tls-1-0", "accepts-ssl-3-0", "suites-null", "suites-anonymous", "suites-export", "suites-rc4", "suites-64-bit-blocks",
        "dh-broken", "groups-small", "compression", "no-secure-renegotiation",
    ]  # fmt: skip
    assert told["accepts-tls-1-0"].attempts == (7,)
    assert told["suites-rc4"].attempts == (7, 8)
    assert found.problems == ()
    assert found.level == "warning"


def test_rsa_key_exchange_alone_has_no_forward_secrecy() -> None:
    found = survey(healthy(versions=(VersionFound(0x0303, (0x009C, 0x002F)),)))
    assert [s.slug for s in found.weaknesses] == ["no-forward-secrecy"]
