"""Real failures, each again and again with other frames, addresses and times: the verdict of the kind is the verdict on each of them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from labelled import Labelled, labelled

import whytls
from twins import twin
from whytls.kinds import Kinds
from whytls.model import Context, Handshake
from whytls.verdict import judge

CORPUS = Path(__file__).parents[1] / "corpus"
TWINS = 5


def failures(capture: Path) -> list[tuple[Handshake, Context]]:
    found = [(d.handshake, d.context) for d in whytls.diagnose(capture)]
    return [(handshake, context) for handshake, context in found if handshake is not None and context is not None]


def follow(kinds: Kinds, handshake: Handshake, context: Context) -> None:
    """Judge the twins of a failure by their kind; each gets the verdict that it gets alone."""
    for number in range(TWINS):
        again, around = twin(handshake, context, number)
        assert kinds.judge(again, around) == judge(again, around)


def test_labelled_captures(tmp_path: Path) -> None:
    told: Counter[str] = Counter()
    for case in labelled():
        told += _told(case, tmp_path / "capture.pcap")
    # A kind is met, then learned; the other twins get its verdict, unless that depends on what differs.
    assert told["judged by their kind"] / told["failures"] > 0.75, told


def _told(case: Labelled, file: Path) -> Counter[str]:
    file.write_bytes(case.capture)
    told: Counter[str] = Counter()
    for handshake, context in failures(file):
        kinds = Kinds()
        follow(kinds, handshake, context)
        told["failures"] += 1
        told["judged by their kind"] += kinds.told >= TWINS - 3
    return told


@pytest.mark.parametrize("capture", sorted(CORPUS.glob("*/*.pcap*")), ids=lambda path: re.sub(r"\W+", "-", path.parent.name))
def test_our_own_recordings(capture: Path) -> None:
    kinds = Kinds()  # one for all, so that kinds that are not the same would be seen to be mixed up
    for handshake, context in failures(capture):
        follow(kinds, handshake, context)
        follow(kinds, handshake, context._replace(server_profile=None, client_profile=None))
        follow(kinds, handshake, context._replace(whole_recording=False, hop="southbound"))
