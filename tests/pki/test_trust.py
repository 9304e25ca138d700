"""Habits of validators: one line for every defect that exists, and what follows from it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import whytls.pki.chain
from authority import AT, issue
from whytls.pki.chain import examine
from whytls.pki.defect import Defect
from whytls.pki.trust import ALL, HABITS, absolute, absolute_defects, habit, refuses


def slugs_in_use() -> set[str]:
    """Every slug that the code can put into a Defect."""
    room = Path(whytls.pki.chain.__file__).parent
    text = (room / "chain.py").read_text() + (room / "faults.py").read_text() + (room / "revocation.py").read_text()
    return set(re.findall(r'[Dd]efect\("([a-z-]+)"', text)) | set(re.findall(r'slug, detail, certain = "([a-z-]+)"', text))


def test_every_defect_has_its_habit_and_every_habit_its_defect() -> None:
    dynamic = {"expired", "not-yet-valid", "cn-only", "lax-wildcard", "malformed", "odd-encoding"}
    assert {line.slug for line in HABITS} == slugs_in_use() | dynamic
    assert len(slugs_in_use()) > 15


def test_no_line_stands_twice_or_contradicts_itself() -> None:
    forms = [(line.slug, line.detail) for line in HABITS]
    assert len(forms) == len(set(forms))
    for line in HABITS:
        assert not line.refused_by & line.accepted_by
        assert line.source


def test_detail_before_slug() -> None:
    assert habit(Defect("wrong-usage", detail="other-side")).refused_by == ALL
    assert "java" in habit(Defect("wrong-usage", detail="issuer-usage")).accepted_by
    assert habit(Defect("never-heard-of")).refused_by == frozenset()


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (Defect("expired", detail="leaf"), True),
        (Defect("expired", detail="root"), False),
        (Defect("bad-signature"), True),
        (Defect("bad-signature", certain=False), False),
        (Defect("name-mismatch", detail="other-domain"), False),
        (Defect("cn-only"), False),
        (Defect("superfluous"), False),
    ],
)
def test_absolute(defect: Defect, expected: bool) -> None:
    assert absolute(defect) is expected


def test_refuses() -> None:
    assert refuses("go", Defect("cn-only")) is True
    assert refuses("java", Defect("cn-only")) is False
    assert refuses("browser", Defect("expired", detail="root")) is None


def test_absolute_defects_of_a_chain(pki: SimpleNamespace) -> None:
    sound = examine([pki.server.der, pki.middle.der, pki.middle.der], at=AT)
    assert sound.defects
    assert absolute_defects(sound.defects) == []
    broken = examine([issue("x", pki.server).der, pki.server.der, pki.middle.der], at=AT)
    assert [d.slug for d in absolute_defects(broken.defects)] == ["issuer-not-ca"]
