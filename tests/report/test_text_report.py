
import pytest
from samples import CLIENT, GOOD, LIKELY, SNI_MISSING, Tally

from story import replace
from whytls.model import Diagnosis, Endpoint, Evidence
from whytls.report import text
from whytls.report.reading import Reading
from whytls.report.terminal import Style
from whytls.report.text import TextReport, block, headline


def report(*diagnoses: Diagnosis, tally: Tally | None = None, warnings: list[str] | None = None, **how: object) -> str:
    written: list[str] = []
    told = TextReport(written.append, **how)  # type: ignore[arg-type]
    for diagnosis in diagnoses:
        told.add(diagnosis)
    told.close(Reading(tally or Tally(40, 3, len(diagnoses), 0, len(diagnoses)), warnings or []))  # type: ignore[arg-type]
    return "".join(written)


def test_the_short_form_is_that_of_the_design() -> None:
    assert "\n".join(block(SNI_MISSING)) == (
        "✗ 10.0.0.7:41822 → 10.0.9.12:443   southbound   sni-missing   proven\n"
        "  The backend serves several sites and aborts a handshake that names none; the Message Processor sent no server_name.\n"
        "  #4  ClientHello TLS 1.2, 2 cipher suites, no server_name\n"
        "  #6  backend → Message Processor: fatal handshake_failure\n"
        "  #41 the same backend accepted the same version and suites from 10.0.0.9, which named api.example.com\n"
        "  fix (gateway operator): conf_system_jsse.enableSNIExtension=true in message-processor.properties, on every Message Processor"
    )


def test_what_is_not_proven_names_the_alternative_and_what_decides() -> None:
    lines = block(LIKELY)
    assert "  or cipher-mismatch (possible); to decide: whytls replay edge.pcap#1" in lines
    assert len(lines) == 6


def test_the_short_form_stays_short_and_keeps_what_stands_in_the_recording() -> None:
    evidence = (Evidence("known from elsewhere"), *(Evidence(f"statement {n}", (n,)) for n in range(1, 30)))
    lines = block(replace(LIKELY, evidence=evidence, warnings=("the start was not captured", "and more")))
    # #6 is the alert; #3 is the first frame that is no event of this handshake: another one, which proves
    assert [line for line in lines if "statement" in line] == ["  #3 statement 3", "  #6 statement 6"]
    assert "  note: the start was not captured" in lines
    assert len(lines) == 7


def test_a_note_stands_in_the_first_block_only() -> None:
    noted = replace(SNI_MISSING, warnings=("the hop is inferred",))
    other = replace(noted, sni="b.example", warnings=("the hop is inferred", "packets were cut"))
    shown = report(noted, other)
    assert shown.count("note: the hop is inferred") == 1
    assert "note: packets were cut" in shown
    assert report(noted, other, verbose=True).count("note: the hop is inferred") == 2


def test_the_long_form_has_everything() -> None:
    whole = "\n".join(block(replace(LIKELY, more_fixes=(SNI_MISSING.fix,), related=("northbound, edge.pcap #2",)), verbose=True))  # type: ignore[arg-type]
    assert whole.count("      conf_system_jsse.enableSNIExtension=true") == 2
    assert "properties for message-processor.properties:" in whole
    assert "with it: northbound, edge.pcap #2" in whole
    assert "began 2026-03-01T09:30:00.123456Z; failing side: backend" in whole
    assert "can be fixed by: gateway operator, backend operator; can be confirmed by: anyone" in whole


def test_identical_failures_are_folded() -> None:
    storm = [replace(SNI_MISSING, frame=n, client=Endpoint(CLIENT.address, 1000 + n)) for n in range(3, 415)]
    shown = report(*storm)
    assert shown.count("✗") == 1
    assert "  412 handshakes, same cause, first #3, last #414\n" in shown
    assert "  412  sni-missing\n" in shown


@pytest.mark.parametrize(
    "change",
    [
        {"cause": "sni-unknown"},
        {"detail": "strict"},
        {"hop": "direct"},
        {"server": Endpoint("10.0.9.13", 443)},
        {"client": Endpoint("10.0.0.8", 41822)},
        {"sni": "a.example"},
        {"failing_side": "client"},
        {"confidence": "likely"},
    ],
)
def test_what_differs_is_not_folded(change: dict[str, object]) -> None:
    assert report(SNI_MISSING, replace(SNI_MISSING, **change)).count("✗") == 2  # type: ignore[arg-type]


def test_groups_are_bounded_and_what_is_beyond_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_GROUPS", 5)
    shown = report(*(replace(SNI_MISSING, sni=f"{n}.example") for n in range(8)))
    assert shown.count("✗") == 5
    assert "3 handshakes more, unlike the 5 shown; --format jsonl lists every one." in shown
    assert "  8  sni-missing\n" in shown


def test_a_pipe_is_followed_each_kind_at_once_and_the_numbers_at_the_end() -> None:
    written: list[str] = []
    told = TextReport(written.append, follow=True)
    told.add(SNI_MISSING)
    at_once = "".join(written)
    assert at_once == "\n".join(block(SNI_MISSING)) + "\n\n"
    told.add(replace(SNI_MISSING, frame=9))
    assert "".join(written) == at_once
    told.close(Reading(Tally(40, 2, 2, 0, 2)))  # type: ignore[arg-type]
    assert "  2 handshakes, same cause, first #1, last #9" in "".join(written)[len(at_once) :]


def test_several_files_are_named() -> None:
    shown = report(SNI_MISSING, replace(SNI_MISSING, file="b.pcap", frame=7), files=2)
    assert "first edge.pcap #1, last b.pcap #7" in shown
    assert "  edge.pcap #6  backend" in shown


def test_a_name_from_the_wire_cannot_steer_the_terminal() -> None:
    evil = replace(
        SNI_MISSING, title="for \x1b]0;owned\x07", sni="\u202eevil", warnings=("x\x1b[2J",), related=("y\x9b",),
        evidence=(Evidence("banner 220 \x1b[31m\r\n", (4,)),), file="a\x1b.pcap",
    )  # fmt: skip
    shown = report(evil, verbose=True, files=2, warnings=["\x1bz"])
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert "banner 220 \\x1b[31m\\x0d\\x0a" in shown


def test_good_ones_are_a_line_each() -> None:
    shown = report(GOOD, tally=Tally(20, 1, 1, 1))
    assert shown == (
        "✓ 10.0.0.7:41822 → 10.0.9.12:443   direct   completed   api.example.com\n\n"
        "Nothing failed. 1 handshake in 20 packets: it completed.\n"
    )


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(), "No packet was read: the recording is empty."),
        (Tally(9), "No TLS handshake was found in 9 packets: no TCP among them. Was the right interface recorded, and the right port?"),
        (Tally(1200, 12, 90, 90), "Nothing failed. 90 handshakes in 1,200 packets: all completed."),
        (Tally(1200, 12, 9, 7, 2), "9 handshakes in 1,200 packets: 7 completed, 2 failed."),
        (Tally(10, 1, 1, 0, 1), "1 handshake in 10 packets: 1 failed."),
        (Tally(10, 1, 1, 0, 0, 1), "Nothing failed. 1 handshake in 10 packets: 1 unfinished (the recording ends first; --all shows them)."),
    ],
)
def test_the_headline_says_plainly_what_was_read(tally: Tally, said: str) -> None:
    assert headline(tally) == said  # type: ignore[arg-type]


def test_no_tls_says_what_was_found_instead() -> None:
    said = headline(Tally(1204, 12, not_tls=12))  # type: ignore[arg-type]
    assert said.startswith("No TLS handshake was found in 1,204 packets: 12 TCP connections, none with TLS.")
    assert "3 TCP connections, 2 without TLS." in headline(Tally(9, 3, not_tls=2))  # type: ignore[arg-type]


def test_what_had_no_verdict_when_it_was_stopped_is_counted() -> None:
    written: list[str] = []
    told = TextReport(written.append)
    told.add(SNI_MISSING)
    told.close(Reading(Tally(40, 3, 3, 0, 3), stopped=True))  # type: ignore[arg-type]
    assert "  2 failures had no verdict yet: the rest of the recording was still to tell.\n" in "".join(written)


def test_notes_are_bounded_in_the_short_form() -> None:
    notes = [f"odd thing {n}" for n in range(14)]
    shown = report(warnings=notes, tally=Tally(1))
    assert shown.count("note: odd") == 10
    assert "note: 4 more notes; --verbose shows them" in shown
    assert report(warnings=notes, tally=Tally(1), verbose=True).count("note: odd") == 14


def test_every_line_keeps_to_the_width() -> None:
    shown = report(SNI_MISSING, LIKELY, style=Style(width=60), verbose=True)
    assert max(len(line) for line in shown.splitlines()) <= 60


def test_colour_adds_nothing_but_colour() -> None:
    import re

    coloured = report(SNI_MISSING, LIKELY, GOOD, style=Style(colour=True, width=70), warnings=["odd"])
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == report(SNI_MISSING, LIKELY, GOOD, style=Style(width=70), warnings=["odd"])
    assert coloured != report(SNI_MISSING, LIKELY, GOOD, style=Style(width=70), warnings=["odd"])
