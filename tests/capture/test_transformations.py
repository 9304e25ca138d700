"""Real failures, their packets repeated, disordered, overlapped, renumbered: the same verdict. Some of them lost: none that is worse.

Where every byte survives, cause and side are the same. Where bytes are lost, the verdict gets weaker, stays, or is not given; never
does it become another one that is called proven.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.matrix.labelled import Labelled, labelled
from transformations import KEEPING, LOSING, Piece, Transformation, pieces, write

import whytls

CORPUS = Path(__file__).resolve().parent.parent / "corpus"


class Said(NamedTuple):
    """What is said of one connection."""

    client: str
    server: str
    cause: str | None
    side: str | None
    confidence: str | None

    @property
    def what(self) -> tuple[str | None, ...]:
        """All but how sure."""
        return self[:4]


class Recorded(NamedTuple):
    """A capture whose verdict is known."""

    id: str
    capture: bytes


def of_the_archive() -> list[Recorded]:
    """One capture of every kind of failure, chosen by chance once and for all, and some that went well; none whose packets were cut."""
    whole = [case for case in labelled() if case.label["capture"]["snaplen"] >= 1000]
    kinds: dict[tuple[str, str], Labelled] = {}
    for case in sorted(whole, key=lambda case: sha256(case.id.encode()).digest()):
        kinds.setdefault((case.label["cause"], case.label["sub_cause"] if case.failed else case.id[-12:]), case)
    return [Recorded(case.id, case.capture) for case in kinds.values()]


@cache
def sample() -> tuple[Recorded, ...]:
    """Those, and our own recordings, with all that stands before TLS and with several connections."""
    ours = [Recorded(path.parent.name, path.read_bytes()) for path in CORPUS.glob("*--*/capture.pcap")]
    chosen = sorted([*of_the_archive(), *ours])
    assert len(chosen) >= 150
    return tuple(chosen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transformed")


def said(file: Path) -> list[Said]:
    return [Said(str(d.client), str(d.server), d.cause, d.failing_side, d.confidence) for d in whytls.diagnose(file)]


@cache
def original(case_number: int, folder: Path) -> tuple[list[Piece], list[Said]]:
    """The packets of a capture and what is said of them, before anything was done to them."""
    file = folder / "original.pcap"
    file.write_bytes(sample()[case_number].capture)
    return pieces(file), said(file)


def transformed(case_number: int, how: Transformation, seed: int, folder: Path) -> tuple[list[Said], list[Said]]:
    """What is said before and after."""
    packets, before = original(case_number, folder)
    return before, said(write(folder / "transformed.pcap", how(list(packets), Random(seed))))


CASES = st.integers(0, 10_000).map(lambda number: number % len(sample()))
SEEDS = st.integers(0, 2**32 - 1)
RULES = settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", KEEPING)
@RULES
@given(case=CASES, seed=SEEDS)
def test_where_every_byte_survives_the_verdict_is_the_same(name: str, folder: Path, case: int, seed: int) -> None:
    before, after = transformed(case, KEEPING[name], seed, folder)
    assert [each.what for each in after] == [each.what for each in before], sample()[case].id


@pytest.mark.parametrize("name", LOSING)
@RULES
@given(case=CASES, seed=SEEDS)
def test_where_bytes_are_lost_no_other_verdict_is_called_proven(name: str, folder: Path, case: int, seed: int) -> None:
    before, after = transformed(case, LOSING[name], seed, folder)
    known = {each.what for each in before}
    assert [each for each in after if each.confidence == "proven" and each.what not in known] == [], sample()[case].id


@pytest.mark.parametrize("number", range(0, 60, 3))
def test_written_anew_it_is_the_same_capture(number: int, folder: Path) -> None:
    packets, before = original(number, folder)
    assert said(write(folder / "anew.pcap", packets)) == before


@pytest.mark.parametrize("name", [*KEEPING, *LOSING])
def test_each_transformation_does_something(name: str, folder: Path) -> None:
    how = {**KEEPING, **LOSING}[name]
    changed = sum(how(list(packets), Random(number)) != packets for number in range(20) if (packets := original(number, folder)[0]))
    assert changed >= 10


def test_two_at_once(folder: Path) -> None:
    """All that keeps every byte, one after the other."""
    for number in range(len(sample())):
        packets, before = original(number, folder)
        chance = Random(number)
        for how in KEEPING.values():
            packets = how(list(packets), chance)
        after = said(write(folder / "transformed.pcap", packets))
        assert [each.what for each in after] == [each.what for each in before], sample()[number].id
