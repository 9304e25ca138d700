"""Entries judged: which problem, how grave, under which cause, where it stands, and what each client makes of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import whytls
from authority import AT, CLIENT, NOON, SERVER, Issued, corrupted, crl, days, issue, rsa_key
from whytls import CheckResult
from whytls.causes import load_all
from whytls.checking.naming import cause_of
from whytls.exceptions import UsageError
from whytls.pki.stacks import REASONS
from whytls.pki.trust import HABITS

HOST = "shop.meadow.example"
WHEN = NOON
STORES = Path(__file__).parents[1] / "pki" / "stores"
Put = Callable[..., str]


def check(*sources: str, **wanted: object) -> list[CheckResult]:
    return list(whytls.check(*sources, **{"at": WHEN, **wanted}))  # type: ignore[arg-type]


def told(result: CheckResult) -> list[tuple[str, str, str]]:
    return [(p.level, p.cause, p.confidence) for p in result.problems]


def test_a_sound_chain_has_no_problem(put: Put, pki: SimpleNamespace) -> None:
    (result,) = check(put("a.pem", pki.server, pki.middle, key=pki.server), trust=put("root.pem", pki.root), expect_host=HOST)
    assert (result.kind, result.level, result.problems, result.key_fits) == ("key", None, (), True)
    assert [(d.profile, d.accepted) for d in result.decisions] == [("openssl", True), ("java", True), ("go", True), ("browser", True)]
    assert all(match.accepted for match in result.names)
    assert result.expires == int((NOON + days(335)).timestamp()) * 10**9


def test_a_chain_that_leads_to_no_public_root_is_no_fault_without_anchors(put: Put, pki: SimpleNamespace) -> None:
    (result,) = check(put("a.pem", pki.server, pki.middle))
    assert result.problems == ()
    assert result.decisions == ()


@pytest.mark.parametrize(
    ("make", "cause", "level", "confidence"),
    [
        (lambda p: [issue("own", p.middle, ends=NOON - days(1), begins=NOON - days(9)), p.middle], "certificate-expired", "failure", "proven"),
        (lambda p: [issue("own", p.middle, san=(HOST,), begins=NOON + days(1)), p.middle], "certificate-not-yet-valid", "failure", "proven"),
        (lambda p: [p.server, p.other], "chain-wrong-intermediate", "failure", "proven"),
        (lambda p: [issue("own", san=(HOST,))], "certificate-self-signed", "failure", "proven"),
        (lambda p: [corrupted(p.server), p.middle], "certificate-bad-signature", "failure", "proven"),
        (lambda p: [p.middle, p.root, p.server], "chain-order", "failure", "proven"),
        (lambda p: [issue("own", p.middle, san=(HOST,), key=rsa_key(1024)), p.middle], "certificate-weak-key", "failure", "proven"),
        (lambda p: [p.server.der[:200], p.middle], "certificate-unusable", "failure", "proven"),
        (lambda p: [p.server], "chain-incomplete", "warning", "likely"),
        (lambda p: [issue("own", p.middle, san=(HOST,), ends=NOON + days(9)), p.middle], "certificate-expired", "warning", "proven"),
        (lambda p: [p.client, p.middle], "", "", ""),  # a client's certificate says so, and is judged as one
    ],
)  # fmt: skip
def test_each_fault_has_its_causes_name(
    put: Put, pki: SimpleNamespace, make: Callable[[SimpleNamespace], list[Issued | bytes]], cause: str, level: str, confidence: str
) -> None:
    (result,) = check(put("a.pem", *make(pki)))
    assert ([(p.level, p.cause, p.confidence) for p in result.problems][:1] == [(level, cause, confidence)]) is bool(cause)
    assert all(p.fix is not None and p.owners and p.evidence and not p.warnings for p in result.problems)


def test_a_key_entry_without_its_intermediate_fails(put: Put, pki: SimpleNamespace) -> None:
    (result,) = check(put("a.pem", pki.server, key=pki.server))
    assert told(result) == [("failure", "chain-incomplete", "likely")]
    assert "--with" in result.problems[0].would_decide


def test_an_issuer_at_hand_proves_it_and_repairs_the_chain(put: Put, pki: SimpleNamespace) -> None:
    (result,) = check(put("a.pem", pki.server), with_=[put("ca.pem", pki.middle, pki.root)])
    assert told(result) == [("failure", "chain-incomplete", "proven")]
    assert result.repair is not None
    assert result.repair.chain == (pki.server.der, pki.middle.der)


def test_an_issuer_that_is_no_ca_is_told_where_the_key_says_what_is_presented(put: Put, pki: SimpleNamespace) -> None:
    own = issue("own", pki.server, san=(HOST,))
    (result,) = check(put("a.pem", own, pki.server, pki.middle, key=own))
    assert told(result) == [("failure", "certificate-issuer-not-ca", "proven")]


def test_faults_that_stand_together_are_all_told(put: Put, pki: SimpleNamespace) -> None:
    own = issue("own", pki.middle, san=("other.example",), begins=NOON - days(9), ends=NOON - days(1))
    (result,) = check(put("a.pem", own, pki.other), expect_host=HOST)
    assert {p.cause for p in result.problems} == {"certificate-expired", "certificate-name-mismatch", "chain-wrong-intermediate"}


def test_a_key_that_is_anothers_is_told_also_of_another_algorithm(put: Put, pki: SimpleNamespace) -> None:
    for key in (pki.client, issue("other", key=rsa_key(2048))):
        (result,) = check(put("a.pem", pki.server, pki.middle, key=key))
        assert told(result) == [("failure", "certificate-unusable", "proven")]
    (result,) = check(put("b.pem", pki.middle, pki.server, key=pki.server))
    assert "has to stand first" in result.problems[0].title + " ".join(p.title for p in result.problems)


def test_a_name_is_told_as_each_client_sees_it(put: Put, pki: SimpleNamespace) -> None:
    named = issue(HOST, pki.middle, usage=(SERVER,))  # by its common name only
    (result,) = check(put("a.pem", named, pki.middle), expect_host=HOST)
    assert [(p.cause, p.detail) for p in result.problems] == [("certificate-name-mismatch", "cn-only")]
    assert {m.family for m in result.names if not m.accepted} == {"go", "browser"}
    assert set(result.problems[0].refused_by) == {"go", "browser"}


def test_what_is_trusted_is_judged_alone(put: Put, pki: SimpleNamespace) -> None:
    old = issue("Old Root", ca=True, begins=NOON - days(900), ends=NOON - days(2))
    results = check(put("a.pem", pki.root, old, pki.middle))
    assert [told(result) for result in results] == [[], [("failure", "certificate-expired", "proven")], []]
    assert results[1].problems[0].fix is not None
    assert "truststore" in results[1].problems[0].fix.text


def test_a_truststore_that_lacks_the_root_refuses(put: Put, pki: SimpleNamespace) -> None:
    (result,) = check(put("a.pem", pki.server, pki.middle), trust=put("trust.pem", pki.stranger))
    assert told(result) == [("failure", "certificate-untrusted", "proven")]
    assert not any(decision.accepted for decision in result.decisions)
    assert "Meadow Root" in (result.problems[0].fix.text if result.problems[0].fix else "")


def test_what_is_revoked_is_told(tmp_path: Path, put: Put, pki: SimpleNamespace) -> None:
    (tmp_path / "list.crl").write_bytes(crl(pki.middle, pki.server.certificate.serial_number))
    (result,) = check(put("a.pem", pki.server, pki.middle), crl=[str(tmp_path / "list.crl")])
    assert told(result) == [("failure", "certificate-revoked", "proven")]
    (other,) = check(put("b.pem", pki.client, pki.middle), crl=[str(tmp_path / "list.crl")])
    assert other.problems == ()
    assert [status.state for status in other.statuses] == ["good", "undecided"]


def test_purpose_decides_whose_cause_it_is(put: Put, pki: SimpleNamespace) -> None:
    late = issue("till", pki.middle, usage=(CLIENT,), begins=NOON - days(9), ends=NOON - days(1))
    path = put("a.pem", late, pki.middle)
    assert {p.cause for p in check(path)[0].problems} == {"client-certificate-expired"}
    assert {p.cause for p in check(path, purpose="server")[0].problems} == {"certificate-expired", "certificate-usage"}


def test_warn_days_are_counted_from_the_time_of_judgement(put: Put, pki: SimpleNamespace) -> None:
    path = put("a.pem", issue("own", pki.middle, san=(HOST,), ends=NOON + days(40)), pki.middle)
    assert check(path)[0].level is None
    assert check(path, warn_days=41)[0].level == "warning"
    assert check(path, at=NOON + days(15))[0].problems[0].title.endswith("in 25 days")
    assert check(path, at=NOON + days(41))[0].level == "failure"


def test_results_come_one_by_one(put: Put, pki: SimpleNamespace) -> None:
    started = iter(whytls.check(put("a.pem", pki.server, pki.middle), "/nowhere/b.pem", at=WHEN))
    assert next(started).subject == f"CN={HOST},O=Meadow"
    with pytest.raises(whytls.InputError):
        next(started)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"purpose": "email"}, "no purpose"), ({"expect_host": "*.a.example"}, "no host name"), ({"expect_host": "a:443"}, "no host name"),
        ({"warn_days": -1}, "number of days"), ({"at": "yesterday"}, "no time"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_is_refused(put: Put, pki: SimpleNamespace, wanted: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(put("a.pem", pki.server), **wanted)
    with pytest.raises(UsageError, match="is a URL"):
        whytls.check("https://shop.example/")
    with pytest.raises(UsageError, match="nothing to check"):
        whytls.check()


def test_every_defect_that_somebody_minds_has_a_cause() -> None:
    minded = {habit.slug for habit in HABITS if habit.refused_by} | (set(REASONS) - {"verify-depth"})
    for purpose in ("server", "client"):
        for slug in minded - {"long-chain"} | {"no-key", "key-differs", "no-certificate", "refused"}:
            assert cause_of(slug, purpose).declaration.titles is not None  # type: ignore[arg-type]


def test_no_two_causes_of_a_class_claim_a_defect() -> None:
    claimed = [(c.declaration.cause_class, slug) for c in load_all() for slug in c.declaration.at_rest | c.declaration.defects]
    doubled = {claim for claim in claimed if claimed.count(claim) > 1}
    assert doubled == set()


def test_nginx_servers_are_judged_by_their_names_and_keys() -> None:
    found = check(str(STORES / "nginx" / "nginx.conf"), at=datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC))
    lines = {(Path(r.place.file).name, r.place.line): {p.cause for p in r.problems} for r in found if r.problems}
    assert lines == {
        ("shop.conf", 5): {"chain-incomplete", "certificate-name-mismatch"},
        ("shop.conf", 7): {"certificate-issuer-not-ca"},
        ("nginx.conf", 8): {"certificate-name-mismatch"},
        ("nginx.conf", 17): {"client-chain-incomplete"},
    }
    assert all(p.evidence[0].line == r.place.line for r in found for p in r.problems)


def test_a_configuration_whose_files_are_not_there_is_told(tmp_path: Path, put: Put, pki: SimpleNamespace) -> None:
    put("shop.pem", pki.server, pki.middle)
    put("key.pem", key=pki.client)
    (tmp_path / "nginx.conf").write_text(
        f"http {{ server {{ server_name .meadow.example {HOST} *.meadow.example _ ~^x; ssl_certificate shop.pem; ssl_certificate_key key.pem; }}\n"
        "server { server_name b.example; ssl_certificate no.pem; ssl_certificate_key no.key; } }\n"
    )
    first, second = check(str(tmp_path / "nginx.conf"))
    assert [p.cause for p in first.problems] == ["certificate-unusable", "certificate-name-mismatch", "certificate-name-mismatch"]
    assert [(p.cause, p.evidence[0].line) for p in second.problems] == [("certificate-unusable", 2)]
    assert "no.pem" in second.problems[0].title


def test_a_private_key_in_its_own_file_is_found_by_its_public_key(tmp_path: Path, put: Put, pki: SimpleNamespace) -> None:
    key = put("key.pem", key=pki.server)
    (lone,) = check(key)
    assert (lone.level, lone.chain) == (None, ())
    assert "--with" in lone.notes[-1]
    (known,) = check(key, with_=[put("a.pem", pki.server, pki.middle)])
    assert known.notes[-1] == f"the private key of CN={HOST},O=Meadow"
    (foreign,) = check(key, with_=[put("b.pem", pki.client, pki.middle)])
    assert told(foreign) == [("failure", "certificate-unusable", "proven")]
    assert {result.level for result in check(str(tmp_path)) if not result.chain} == {None}


def test_a_moment_is_one_for_all(put: Put, pki: SimpleNamespace) -> None:
    results = check(put("a.pem", pki.server, pki.middle), put("b.pem", pki.client, pki.middle))
    assert {result.at for result in results} == {AT}


def test_one_certificate_of_a_folder_is_presented_by_nobody(tmp_path: Path, put: Put, pki: SimpleNamespace) -> None:
    put("server.pem", pki.server)
    assert {result.subject: told(result) for result in check(str(tmp_path))} == {f"CN={HOST},O=Meadow": []}
    assert told(check(str(tmp_path / "server.pem"))[0]) == [("warning", "chain-incomplete", "likely")]
    put("ca.pem", pki.middle)
    assert all(told(result) == [] for result in check(str(tmp_path)))
    put("key.pem", pki.server, key=pki.server)  # this one is
    assert [told(result) for result in check(str(tmp_path)) if result.kind == "key"] == [[("failure", "chain-incomplete", "proven")]]


def test_a_folder_against_anchors_completes_each_chain_from_the_folder(tmp_path: Path, put: Put, pki: SimpleNamespace) -> None:
    trust = put("trust.pem", pki.root)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "server.pem").write_text(pki.server.pem)
    (result,) = check(str(folder), trust=trust)
    assert told(result)[0][:2] == ("failure", "chain-incomplete")
    (folder / "ca.pem").write_text(pki.middle.pem)
    assert all(told(result) == [] for result in check(str(folder), trust=trust))
