"""The runbook, played: every row is right, from the page that the caller saw to the 200 after the fix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import whytls
from whytls.demo.play import ROWS, Played, before_the_fixes, furnish, play
from whytls.demo.row import Applied, Scene
from whytls.demo.stage import Stage, staged
from whytls.demo.table import header, line, remarks, summary
from whytls.report.terminal import PLAIN

RUNBOOK = {"R4", "R5", "R6", "R7", "R8", "R9"}
NAMES = [row.name for row in ROWS]


def complain(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("demo"), "python", complain) as made:
        furnish(made)
        yield made


@pytest.fixture(scope="module")
def played(stage: Stage) -> dict[str, Played]:
    return {row.name: play(row, stage) for row in ROWS}


def test_every_row_of_the_runbook_is_there_on_both_hops() -> None:
    for hop in ("northbound", "southbound"):
        rows = [row for row in ROWS if row.hop == hop]
        assert {row.runbook.split()[0] for row in rows} == RUNBOOK
        assert len([row for row in rows if "R17" in row.runbook]) == 2, "two of the four pairs of truststore and certificate"
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_right(name: str, played: dict[str, Played]) -> None:
    one = played[name]
    assert not one.wrong
    assert one.traced is not None
    assert one.diagnosis is not None
    assert one.traced["cause"] == one.diagnosis.cause == one.row.cause
    assert (one.answer.status, one.after.status) == (one.row.status, 200)


def test_what_the_gateway_mends_goes_through_its_api_with_a_diff(played: dict[str, Played]) -> None:
    by_gateway = [one for one in played.values() if one.applied.owner == "gateway"]
    assert len(by_gateway) > 10
    assert all(any(change.startswith("+ ") for change in one.applied.diff) for one in by_gateway)
    assert sum("restart" in one.applied.text for one in by_gateway) == 2, "a chain replaced in place, and a property"
    assert all(not one.applied.diff for one in played.values() if one.applied.owner != "gateway")


def test_edge_does_not_compare_names_southbound_and_we_warn(played: dict[str, Played]) -> None:
    before = played["south-name"].before
    assert before is not None
    assert before.answer.status == 200
    assert "backend.example.test" in before.warning


def test_a_colleague_with_recording_and_configuration_finds_the_same_causes(stage: Stage, played: dict[str, Played]) -> None:
    known = before_the_fixes(list(played.values()))
    found = {
        Path(one.file).stem: (one.cause, one.hop)
        for one in whytls.diagnose(stage.cut("").parent, edge=known, **stage.topology())  # type: ignore[arg-type]
    }
    assert found == {row.name: (row.cause, row.hop) for row in ROWS}


def test_the_table_has_a_line_for_each_row(played: dict[str, Played]) -> None:
    every = list(played.values())
    lines = [line(one, PLAIN) for one in every]
    assert {text.index("200") for text in lines if not text.startswith("200")} == {header(PLAIN)[0].index("then")}, "columns stand below each other"
    assert all(text.endswith("200  ✓") for text in lines)
    assert [text for one in every for text in remarks(one) if "NOT RIGHT" in text] == []
    assert summary(every, 7).startswith("24 of 24 right")


def test_a_row_that_is_not_as_it_should_be_is_told(stage: Stage, played: dict[str, Played]) -> None:
    """Expecting another cause, another status and another name: all three are found wrong."""
    row = next(row for row in ROWS if row.name == "south-chain")
    found = play(row._replace(name="south-other", cause="sni-missing", status=400), stage)
    assert len(found.wrong) == 3
    assert all(part in " ".join(found.wrong) for part in ("the trace should say sni-missing", "diagnose should say sni-missing", "400"))
    assert line(found, PLAIN).endswith("✗")
    assert "0 of 1 right" in summary([found], 1)


def test_a_fix_that_does_not_help_and_one_by_the_wrong_hand_are_told(stage: Stage) -> None:
    row = next(row for row in ROWS if row.name == "north-chain")

    def useless(made: Stage, name: str) -> Scene:
        return row.stage(made, name)._replace(fix=lambda: Applied("client", "tries again"))

    found = play(row._replace(name="north-useless", stage=useless), stage)
    assert found.wrong[0] == "the client mended it, and the verdict names gateway"
    assert found.wrong[1].startswith("after the fix the caller should have got 200, and got: ssl.SSLCertVerificationError")


@pytest.mark.stacks
def test_curl_sees_the_same_failures(tmp_path: Path) -> None:
    assert shutil.which("curl"), "curl is in lab/packages.txt"
    with staged(tmp_path, "curl", complain) as made:
        furnish(made)
        assert {row.name: found for row in ROWS if (found := play(row, made).wrong)} == {}


@pytest.mark.stacks
def test_a_capture_by_tcpdump_says_the_same_as_the_gateways_own(tmp_path: Path) -> None:
    assert shutil.which("tcpdump"), "tcpdump is in lab/packages.txt"
    with staged(tmp_path, "python", complain, "tcpdump") as made:
        furnish(made)
        assert {row.name: found for row in ROWS if (found := play(row, made).wrong)} == {}
