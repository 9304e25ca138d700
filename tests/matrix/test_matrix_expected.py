"""The verdict on every labelled capture, written down: whoever changes one sees it in the diff of expected.json.

``pytest tests/matrix --rewrite-expected`` writes the file anew. It says what is said, not what is true: that is in the labels.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from labelled import Labelled, labelled
from tests.matrix import adapter, grade

import whytls
from whytls.model import Diagnosis

EXPECTED = Path(__file__).with_name("expected.json")
Verdicts = dict[str, list[str]]


def line(said: Diagnosis) -> str:
    """One verdict in one line: the connection's first frame, the cause and its form, side, confidence, first owner."""
    form = f" ({said.detail})" if said.detail else ""
    return f"#{said.frame} {said.cause}{form}, {said.failing_side}, {said.confidence}, {said.owners[0]}"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Diagnosis]]:
    folder, found = tmp_path_factory.mktemp("labelled"), {}
    for case in labelled():
        file = folder / "capture.pcap"
        file.write_bytes(case.capture)
        found[case.id] = list(whytls.diagnose(file))
    assert len(found) >= 544
    return found


@pytest.fixture(scope="module")
def verdicts(judged: dict[str, list[Diagnosis]]) -> Verdicts:
    return {name: [line(d) for d in said] for name, said in judged.items()}


def test_verdicts_are_the_ones_written_down(verdicts: Verdicts, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite-expected"):
        rows = (f"{json.dumps(name)}: {json.dumps(said, ensure_ascii=False)}" for name, said in sorted(verdicts.items()))
        EXPECTED.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    expected = json.loads(EXPECTED.read_text())
    changed = {name: (expected.get(name), now) for name, now in verdicts.items() if expected.get(name) != now}
    told = "\n".join(f"{name}:\n  was {was}\n  is  {now}" for name, (was, now) in list(changed.items())[:40])
    assert not changed, f"{len(changed)} verdicts changed (pytest tests/matrix --rewrite-expected accepts them):\n{told}"
    assert set(expected) == set(verdicts)


def test_every_cause_of_the_labels_has_been_met(verdicts: Verdicts) -> None:
    met = Counter(said.split(" ")[1].rstrip(",") for each in verdicts.values() for said in each)
    assert len(met) >= 36


def of_label(case: Labelled, said: list[Diagnosis]) -> list[Diagnosis]:
    label = case.label
    ends = (label["client_ip"], label["server_ip"], label["server_port"])
    return [d for d in said if (d.client.address, d.server.address, d.server.port) == ends]


def test_nothing_is_said_of_the_other_connections_of_a_capture(judged: dict[str, list[Diagnosis]]) -> None:
    """Some captures hold a second handshake that went well."""
    for case in labelled():
        beside = [d for d in judged[case.id] if d not in of_label(case, judged[case.id])]
        assert beside == [], case.id


def test_the_first_owner_is_the_one_who_can_mend_it(judged: dict[str, list[Diagnosis]]) -> None:
    good, count = 0, 0
    for case in labelled():
        fixer = case.label["who_must_fix"]
        if grade.dark(case.label, False):
            continue
        for said in of_label(case, judged[case.id])[:1]:
            count += 1
            good += fixer in ("either", adapter.END_OF[said.hop].get(said.owners[0]))
    assert count > 300
    assert good / count >= 0.95


def test_the_fatal_alert_is_cited(judged: dict[str, list[Diagnosis]]) -> None:
    good, count = 0, 0
    for case in labelled():
        alerts = [a["frame"] for a in case.label["expected_evidence"]["alerts"] if a["level"] == "fatal" and not a["encrypted"]]
        if case.failed and alerts and not case.label["capture"]["starts_mid_handshake"]:
            count += 1
            cited = {frame for d in of_label(case, judged[case.id]) for e in d.evidence for frame in e.frames}
            good += alerts[0] in cited
    assert count > 200
    assert good / count >= 0.99


def test_every_verdict_can_be_shown(judged: dict[str, list[Diagnosis]]) -> None:
    for name, said in judged.items():
        for d in said:
            assert d.evidence, name
            assert d.fix is not None, name
            assert d.title, name
            assert "{" not in d.title, name
            assert "illegal " not in d.title, name
            assert all(e.text for e in d.evidence), name
            assert d.confidence == "proven" or all(a.would_decide for a in d.alternatives), name
            assert not [w for w in d.warnings if "bug in whytls" in w], name
