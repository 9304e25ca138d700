"""What real stacks answered to 138 chains, one for each kind of answer, against the profiles: read from files, no stack needed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from generated import Case, agreement

from whytls.pki.profiles import Options

RECORDED = Path(__file__).parent / "recorded"


def questions() -> list[Case]:
    certificates: list[bytes] = []
    found = []
    for line in (RECORDED / "chains.txt").read_text().splitlines():
        kind, *words = line.split(" ")
        if kind == "C":
            certificates.append(base64.b64decode(words[0]))
            continue
        number, purpose, host, at, *lists = words
        chain, anchors = (tuple(certificates[int(n)] for n in one.split(",")) if one != "-" else () for one in lists)
        found.append(Case(number, chain, anchors, int(at), None if host == "-" else host, purpose, ()))  # type: ignore[arg-type]
    return found


ANSWERS = [line.split("\t") for line in (RECORDED / "answers.tsv").read_text(encoding="utf-8").splitlines()]
ASKED = list(zip(questions(), ANSWERS, strict=True))


def test_there_are_answers_of_every_kind() -> None:
    assert len(ASKED) > 100
    assert {len(row) for row in ANSWERS} == {7}
    assert len({row[1] for row in ANSWERS}) > 20


@pytest.mark.parametrize(("case", "row"), ASKED, ids=[row[0] for row in ANSWERS])
def test_the_profiles_say_what_the_stacks_said(case: Case, row: list[str]) -> None:
    _, number, depth, text, go, jsse, builder = row
    openssl = agreement.decided("openssl", case)
    assert (str(openssl.number), str(openssl.depth), openssl.words or "ok") == (number, depth, text)
    assert (agreement.decided("go", case).words or "ok") == go
    java = agreement.decided("java", case)
    assert (java.accepted, java.code, " ".join(java.words.split())) == ((True, "", "") if jsse == "ok" else (False, *agreement.said(jsse)))
    assert agreement.decided("java", case, Options(builder_only=True)).accepted == (builder == "ok")
