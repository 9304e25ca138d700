"""Chains drawn: the break marked, holes named, everything apart that is on no path, and no name that steers a terminal."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority import AT, NOON, SERVER, Issued, corrupted, crl, days, ec_key, issue, rsa_key
from whytls.pki.certificate import read
from whytls.pki.chain import examine
from whytls.pki.defect import Defect
from whytls.pki.readers.revocation import revocation_in
from whytls.pki.revocation import Why, statuses
from whytls.pki.trust import HABITS
from whytls.report.chain import UNCOUNTED, draw, drawing, note
from whytls.report.terminal import Style

ROOT = issue("Meadow Root", ca=True)
MIDDLE = issue("Meadow Issuing 1", ROOT, ca=True)
LEAF = issue("shop.meadow.example", MIDDLE, san=("shop.meadow.example",), usage=(SERVER,))
STRANGER = issue("Heath Root", ca=True)
OTHER = issue("Heath Issuing", STRANGER, ca=True)
IMPOSTOR = issue("Meadow Issuing 1", STRANGER, ca=True, key=ec_key("impostor"))


def drawn(*sent: Issued | bytes, style: Style = Style(), **wanted: object) -> list[str]:  # noqa: B008
    ders = [s.der if isinstance(s, Issued) else s for s in sent]
    return draw(examine(ders, **{"at": AT, **wanted}), style)  # type: ignore[arg-type]


def test_a_whole_chain() -> None:
    assert drawn(LEAF, MIDDLE, ROOT) == [
        "✓ #1  own           CN=shop.meadow.example,O=Meadow  ← CN=Meadow Issuing 1,O=Meadow  2024-05-02 to 2025-05-02  EC P-256",
        "  │ ✓ signed by #2",
        "✓ #2  intermediate  CN=Meadow Issuing 1,O=Meadow  ← CN=Meadow Root,O=Meadow  2024-05-02 to 2025-05-02  EC P-256",
        "  │ ✓ signed by #3",
        "✓ #3  root          CN=Meadow Root,O=Meadow  self-signed  2024-05-02 to 2025-05-02  EC P-256",
    ]


def test_the_break_is_marked_and_the_hole_named() -> None:
    lines = drawn(LEAF, OTHER, STRANGER)
    key_id = read(MIDDLE.der).ski
    assert key_id is not None
    assert lines[1] == "  │ ✗ #1 says issuer CN=Meadow Issuing 1,O=Meadow, but #2's subject is CN=Heath Issuing,O=Meadow"
    assert lines[2] == f"○ –   missing       CN=Meadow Issuing 1,O=Meadow  key identifier {key_id.hex()}"
    assert lines[3] == "not on the path:"
    assert lines[4].startswith("· #2  CA            CN=Heath Issuing,O=Meadow")
    assert lines[4].endswith("stands where the issuer should be")


@pytest.mark.parametrize(
    ("sent", "wanted", "line"),
    [
        ((LEAF,), {}, "  │ ✗ #1 says issuer CN=Meadow Issuing 1,O=Meadow, and no certificate of that name was sent"),
        ((LEAF,), {"known": [MIDDLE.der]}, "○ –   intermediate, not sent  CN=Meadow Issuing 1"),
        ((LEAF, MIDDLE), {}, "  │ ✓ its issuer was not sent: right, if that is the root"),
        ((LEAF, MIDDLE), {"anchors": [ROOT.der]}, "✓ –   anchor        CN=Meadow Root"),
        ((LEAF, MIDDLE), {"anchors": [STRANGER.der]}, "  │ ✗ its issuer is not among the anchors of the other side"),
        ((LEAF, MIDDLE, ROOT), {"anchors": [STRANGER.der]}, "  │ ✗ not among the anchors of the other side"),
        ((LEAF, corrupted(MIDDLE), ROOT), {}, "  │ ✗ the key of #3 did not make the signature of #2"),
        ((LEAF, IMPOSTOR), {}, "  │ ✗ the key of #2 did not make the signature of #1; it names the key"),
        ((LEAF, ROOT, MIDDLE), {}, "note: sent out of order; right is #1, #3, #2"),
        ((LEAF, MIDDLE, MIDDLE), {}, "2024-05-02 to 2025-05-02  EC P-256  a second copy of #2"),
        ((LEAF, MIDDLE, ROOT, OTHER), {}, "2024-05-02 to 2025-05-02  EC P-256  superfluous"),
        ((LEAF, MIDDLE), {"host": "bar.example"}, "  │ ✗ is for shop.meadow.example, not for bar.example"),
        ((b"\x30\x00", MIDDLE), {}, "✗ #1  own           not readable: not a readable certificate"),
        ((ROOT,), {}, "    ✗ self-signed: trusted only where it is itself in the truststore"),
    ],
)
def test_what_is_wrong_stands_at_its_place(sent: tuple[Issued | bytes, ...], wanted: dict[str, object], line: str) -> None:
    assert any(line in drawn_line for drawn_line in drawn(*sent, **wanted)), drawn(*sent, **wanted)


def test_faults_of_a_certificate_stand_below_it() -> None:
    late = issue("late", MIDDLE, begins=NOON - days(90), ends=NOON - days(1), key=rsa_key(1024))
    lines = drawn(late, MIDDLE)
    assert lines[0].startswith("✗ #1  own")
    assert lines[0].endswith("2024-03-03 to 2024-05-31  RSA 1024")
    assert lines[1:3] == ["  │ ✗ expired on 2024-05-31, judged for 2024-06-01", "  │ ✗ weak key: rsa 1024"]


def test_revocation_is_told() -> None:
    path = [read(i.der) for i in (LEAF, MIDDLE, ROOT)]
    stale = revocation_in(crl(MIDDLE), "issuing.crl")
    report = examine([LEAF.der, MIDDLE.der, ROOT.der], at=AT)
    good = draw(report, statuses=statuses(path, stale, at=AT))
    assert good[1] == "  │ – not revoked"
    late = draw(report, statuses=statuses(path, stale, at=AT + 10**18))
    assert late[1] == "  │ – issuing.crl does not count: it is out of date (nextUpdate has passed)"
    gone = draw(report, statuses=statuses(path, revocation_in(crl(MIDDLE, LEAF.certificate.serial_number), "issuing.crl"), at=AT))
    assert gone[0].startswith("✗ #1")
    assert gone[1] == "  │ ✗ revoked since 2024-05-30: unspecified"


def test_names_cannot_steer_the_terminal() -> None:
    lines = drawn(issue("e\x1b[2J\u202evil\r\n✓ #9", MIDDLE), MIDDLE)
    assert "\\x1b[2J\\u202evil\\x0d\\x0a" in lines[0]
    assert all(line.isprintable() for line in lines)


def test_colours_surround_signs_and_count_for_no_width() -> None:
    plain, coloured = drawn(LEAF, OTHER), drawn(LEAF, OTHER, style=Style(colour=True))
    assert coloured[0].startswith("\x1b[32;1m✓\x1b[0m #1")
    assert "\x1b[31m✗ #1 says issuer" in coloured[1]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_keep_to_the_width(width: int) -> None:
    lines = drawn(LEAF, OTHER, STRANGER, style=Style(width=width))
    assert max(map(len, lines)) <= width
    assert "  │   ← CN=Meadow Issuing 1,O=Meadow" in lines[1] or "← CN=Meadow Issuing 1" in lines[0]


def test_signs_that_the_encoding_has() -> None:
    assert all(line.isascii() for line in drawn(LEAF, OTHER, style=Style(unicode=False)))


def test_nothing_sent() -> None:
    assert drawn() == ["no certificate"]
    assert drawing(examine([], at=AT)).rows == ()


def test_every_defect_has_its_words() -> None:
    for line in HABITS:
        told = note(Defect(line.slug, detail=line.detail), MIDDLE)
        assert told
        assert "{" not in told
    assert set(UNCOUNTED) == set(get_args(Why)) - {""}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_chain_is_drawn_and_every_certificate_stands_in_it_once(data: st.DataObject) -> None:
    pool = [i.der for i in (ROOT, MIDDLE, LEAF, STRANGER, OTHER)] + [corrupted(MIDDLE), b"", b"\x30\x80", LEAF.der[:150]]
    sent = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=8))
    anchors = data.draw(st.none() | st.lists(st.sampled_from(pool), max_size=3))
    width = data.draw(st.sampled_from([None, 40, 80]))
    report = examine(sent, at=AT, anchors=anchors, known=data.draw(st.lists(st.sampled_from(pool), max_size=3)))
    shown = drawing(report)
    assert sorted(int(row.place[1:]) for row in (*shown.rows, *shown.apart) if row.place != "–") == list(range(1, len(sent) + 1))
    assert all(line.isprintable() for line in draw(report, Style(width=width)))
