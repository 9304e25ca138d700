"""Every generated chain, before the real stack and before its profile: the same answer, for the same reason, in the same words."""

from __future__ import annotations

import pytest
from generated import Case, agreement, cases, made, simple, stacks

from whytls.pki.profiles import PROFILES, Options

pytestmark = pytest.mark.stacks


@pytest.fixture(scope="module")
def all_cases() -> list[Case]:
    found = cases()
    assert len(found) >= 2_000
    assert len({(case.chain, case.anchors, case.host, case.at, case.purpose) for case in found}) >= 2_000
    return found


def differences(compared: list[agreement.Compared]) -> list[str]:
    assert sum(item.decision.accepted for item in compared) > 500  # neither side refuses everything
    assert sum(not item.decision.accepted for item in compared) > 500
    return [f"{c.verdict}: {c.case.label} {c.case.faults}: {c.real} / {c.decision.words}" for c in compared if c.verdict != "agree"]


def test_openssl_verify(all_cases: list[Case]) -> None:
    assert differences(agreement.openssl(all_cases)) == []


def test_go(all_cases: list[Case]) -> None:
    assert differences(agreement.go(all_cases)) == []


def test_java(all_cases: list[Case]) -> None:
    jsse, builder = agreement.java(all_cases)
    assert differences(jsse) == []
    assert differences(builder) == []


@pytest.mark.parametrize(
    ("more", "options"),
    [
        (["-x509_strict"], {"strict": True}),
        (["-partial_chain"], {"partial_chain": True}),
        (["-auth_level", "0"], {"security_level": 0}),
        (["-auth_level", "1"], {"security_level": 1}),
        (["-auth_level", "3"], {"security_level": 3}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_openssl_set_up_otherwise(all_cases: list[Case], more: list[str], options: dict[str, int]) -> None:
    some = [case for case in all_cases if not case.label.startswith(("host/", "double/"))][::4]
    assert len(some) > 300
    wanted = [(answer.code, answer.depth) for answer in stacks.openssl(some, more=more)]
    found = [agreement.decided("openssl", case, Options(**options)) for case in some]  # type: ignore[arg-type]
    assert [(decision.number, decision.depth) for decision in found] == wanted


def test_a_difference_would_be_seen() -> None:
    sound = made(simple(1), "sound", ())
    refused = Case("refused", sound.chain, (), sound.at, sound.host, sound.purpose, ())
    answers = stacks.go([sound, refused])
    assert answers[0] == "ok"
    assert answers[1].startswith("x509: certificate signed by unknown authority")
    assert stacks.openssl([refused])[0].code == 20
    assert stacks.java([refused])[0].jsse.startswith("InvalidAlgorithmParameterException")
    assert stacks.pyca(sound) == "ok"
    assert stacks.pyca(refused) != "ok"


def test_the_fourth_opinion(all_cases: list[Case]) -> None:
    """Of single faults pyca's verifier takes none that all four profiles refuse, but a leaf's P-192 key, which it does not look at."""
    odd = [
        case for case in all_cases
        if case.purpose == "server" and case.host and not case.label.startswith("double/") and "key/leaf-p192" not in case.faults
        and stacks.pyca(case) == "ok" and not any(agreement.decided(profile, case).accepted for profile in PROFILES)
    ]  # fmt: skip
    assert [case.label for case in odd] == []
