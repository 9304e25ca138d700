"""The verdict ranks what causes find by what they explain, how sure they are and what they assume, and by nothing else."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from story import alert, client, fin, hello, replace, server, story
from whytls import verdict
from whytls.causes.cause import Cause, LoadedCause, resolve_owners
from whytls.model import Answer, Artefact, CannotTell, Context, Coverage, Diagnosis, Evidence, Finding, Fix, Handshake, NotApplicable, Silent
from whytls.verdict import judge

REFUSED = story(client >> hello(), server << alert(40), server << fin())
ALERT, CLOSE = REFUSED.events[-2:]
GOOD = replace(REFUSED, outcome="completed")

Look = Callable[[Handshake, Context], Answer]


def finding(*explains: Any, confidence: str = "likely", assumptions: int = 0, **fields: Any) -> Finding:
    given: dict[str, Any] = {
        "failing_side": "server", "explains": explains, "evidence": (Evidence("said", (5,), "story.pcap"),), "confidence": confidence,
        "assumptions": tuple(f"a{number}" for number in range(assumptions)), "would_decide": "the log",
    }  # fmt: skip
    return Finding(**{**given, **fields})


def cause(slug: str, answer: Answer | Look, fix: Callable[[Finding, Context], Fix] | None = None, **declared: Any) -> LoadedCause:
    given: dict[str, Any] = {
        "title": f"{slug} by the {{server}}",
        "cause_class": "hello",
        "owners": ("server", "client"),
        "phases": ("client-hello",),
    }
    look = answer if callable(answer) else lambda handshake, context: answer
    mend = fix or (lambda found, context: Fix("server", f"mend {slug}"))
    return LoadedCause(slug, Cause(**{**given, **declared}), look, mend, sys.modules[__name__])


@pytest.fixture
def among(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Diagnosis]:
    """The verdict where these causes are all there are."""

    def ask(*causes: LoadedCause, told: Handshake = REFUSED, **known: Any) -> Diagnosis:
        monkeypatch.setattr("whytls.causes.load_all", lambda: causes)
        verdict._asked.cache_clear()
        return judge(told, Context(**known)).diagnosis

    yield ask  # type: ignore[misc]
    monkeypatch.undo()
    verdict._asked.cache_clear()


Among = Callable[..., Diagnosis]


@pytest.mark.parametrize("order", [1, -1])
def test_more_of_the_ending_explained_comes_first(among: Among, order: int) -> None:
    causes = [cause("a", finding(ALERT, confidence="proven")), cause("b", finding(ALERT, CLOSE, confidence="possible", assumptions=3))]
    said = among(*causes[::order])
    assert (said.cause, said.confidence) == ("b", "possible")
    assert [(a.cause, a.confidence) for a in said.alternatives] == [("a", "likely")]


@pytest.mark.parametrize("order", [1, -1])
def test_then_proven_before_likely_before_possible(among: Among, order: int) -> None:
    causes = [
        cause("a", finding(ALERT, confidence="possible")),
        cause("b", finding(ALERT)),
        cause("c", finding(ALERT, confidence="proven", assumptions=2)),
    ]
    assert among(*causes[::order]).cause == "c"
    assert among(*causes[:2][::order]).cause == "b"


@pytest.mark.parametrize("order", [1, -1])
def test_then_fewer_assumptions(among: Among, order: int) -> None:
    causes = [cause("a", finding(ALERT, assumptions=2)), cause("b", finding(ALERT, assumptions=1))]
    said = among(*causes[::order])
    assert said.cause == "b"
    assert [a.cause for a in said.alternatives] == ["a"]


def test_equals_stand_in_the_order_of_their_names_whatever_order_they_were_asked_in(among: Among) -> None:
    causes = [cause(name, finding(ALERT)) for name in "edcba"]
    for seed in range(5):
        random.Random(seed).shuffle(causes)
        said = among(*causes)
        assert [said.cause, *(a.cause for a in said.alternatives)] == list("abcde")


def test_two_that_are_proven_alike_are_not_proven(among: Among) -> None:
    said = among(cause("a", finding(ALERT, confidence="proven")), cause("b", finding(ALERT, confidence="proven")))
    assert (said.cause, said.confidence) == ("a", "likely")
    assert [(a.cause, a.confidence) for a in said.alternatives] == [("b", "likely")]
    assert said.alternatives[0].would_decide


def test_two_defects_of_one_chain_are_proven_together_and_both_are_said(among: Among) -> None:
    of_chain = [cause(name, finding(ALERT, confidence="proven", facts={"defect": name})) for name in "ab"]
    said = among(*of_chain)
    assert (said.cause, said.confidence, said.alternatives) == ("a", "proven", ())
    assert "also wrong here: b" in said.warnings


def test_proven_has_no_alternatives(among: Among) -> None:
    said = among(cause("a", finding(ALERT, confidence="proven")), cause("b", finding(ALERT)), cause("c", finding(ALERT, confidence="possible")))
    assert (said.confidence, said.alternatives) == ("proven", ())


def test_alternatives_say_what_would_decide_and_their_class(among: Among) -> None:
    said = among(
        cause("a", finding(ALERT)),
        cause("b", finding(ALERT, assumptions=1, would_decide="a replay"), cause_class="transport"),
        cause("c", finding(ALERT, assumptions=2, would_decide="")),
    )
    assert [(a.cause, a.would_decide, a.cause_class) for a in said.alternatives] == [("b", "a replay", "transport"), ("c", "the log", "hello")]


def test_alternatives_are_bounded(among: Among) -> None:
    assert len(among(*(cause(f"c{number:02}", finding(ALERT)) for number in range(30))).alternatives) <= 6


def breaks(*_: Any) -> Any:
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize("others", [(), (cause("b", finding(ALERT, confidence="proven")),)], ids=["alone", "beside another"])
def test_a_cause_that_raises_is_a_warning_and_costs_nobodys_verdict(among: Among, others: tuple[LoadedCause, ...]) -> None:
    said = among(cause("a", breaks), *others)
    assert said.cause == ("b" if others else None)
    assert [w for w in said.warnings if w.startswith("bug in whytls: cause a broke on story.pcap frame 1: ZeroDivisionError")]


def test_a_fix_that_raises_is_a_warning(among: Among) -> None:
    said = among(cause("a", finding(ALERT), fix=breaks))
    assert (said.cause, said.fix) == ("a", None)
    assert [w for w in said.warnings if w.startswith("bug in whytls: the fix of a broke")]


def test_a_title_that_cannot_be_told_is_a_warning(among: Among) -> None:
    said = among(cause("a", finding(ALERT), title="the {nobody_knows} broke"))
    assert said.cause == "a"
    assert said.title
    assert "{" not in said.title
    assert [w for w in said.warnings if w.startswith("bug in whytls: the title of a broke")]


def test_what_is_not_captured_is_not_asked(among: Among) -> None:
    asked: list[str] = []

    def look(handshake: Handshake, context: Context) -> Answer:
        asked.append("a")
        return finding(ALERT)

    for need in ("server-hello", "server-chain", "client-chain", "certificate-request"):
        assert among(cause("a", look, needs=(need,))).cause is None
    assert asked == []
    assert among(cause("a", look, needs=("client-hello",))).cause == "a"
    assert among(cause("a", look, needs=("client-hello",)), told=replace(REFUSED, client_hello=None)).cause is None


def test_only_causes_of_the_phase_are_asked(among: Among) -> None:
    assert among(cause("a", finding(ALERT), phases=("finished", "tcp"))).cause is None


def test_the_last_resort_is_asked_last_and_only_where_nothing_was_found(among: Among) -> None:
    last = cause("a", finding(ALERT, CLOSE, confidence="proven"), last_resort=True)
    assert among(last, cause("b", finding(ALERT, confidence="possible"))).cause == "b"
    assert among(last, cause("b", Silent())).cause == "a"


@pytest.mark.parametrize("answer", [NotApplicable(), Silent(), CannotTell("a key log")])
def test_nothing_found_is_no_failure_claimed(among: Among, answer: Answer) -> None:
    said = among(cause("a", answer))
    assert (said.cause, said.outcome, said.failing_side, said.confidence) == (None, "unfinished", None, None)


def test_what_did_not_fail_is_asked_only_where_the_cause_says_so(among: Among) -> None:
    assert among(cause("a", finding(ALERT)), told=GOOD).cause is None
    assert among(cause("a", finding(ALERT)), told=GOOD).outcome == "completed"
    said = among(cause("a", finding(ALERT), completed=True), told=GOOD)
    assert (said.cause, said.outcome) == ("a", "failed")


def test_what_is_unfinished_is_not_asked(among: Among) -> None:
    assert among(cause("a", finding(ALERT), completed=True), told=replace(REFUSED, outcome="unfinished")).cause is None


def test_the_finding_names_owners_or_the_cause_does_and_the_hop_who_they_are(among: Among) -> None:
    assert among(cause("a", finding(ALERT))).owners == ("server", "client")
    assert among(cause("a", finding(ALERT, owners=("client",)))).owners == ("client",)
    assert among(cause("a", finding(ALERT)), hop="northbound").owners == ("gateway", "client")
    assert among(cause("a", finding(ALERT)), hop="southbound").owners == ("backend", "gateway")
    said = among(cause("a", finding(ALERT)), hop="southbound")
    assert said.fix is not None
    assert said.fix.owner == "backend"
    assert said.title == "A by the backend"


def test_owners_are_named_once() -> None:
    assert resolve_owners(("server", "gateway", "network"), "northbound") == ("gateway", "network")


def test_who_can_confirm_depends_on_the_hop(among: Among) -> None:
    private = cause("a", finding(ALERT), who_can_confirm="private-cloud operator")
    assert among(private, hop="southbound").who_can_confirm == "private-cloud operator"
    assert among(private).who_can_confirm == "anyone"


def test_a_detail_has_its_own_sentence_where_there_is_one(among: Among) -> None:
    titles = {"odd": "the odd form, {what}"}
    assert among(cause("a", finding(ALERT, detail="odd", facts={"what": "seen"}), titles=titles)).title == "The odd form, seen"
    assert among(cause("a", finding(ALERT, detail="other"), titles=titles)).title == "A by the server"


def test_evidence_stands_in_the_order_of_its_frames(among: Among) -> None:
    lines = (Evidence("c", (9,)), Evidence("none"), Evidence("a", (2, 7)), Evidence("b", (5,)))
    assert [e.text for e in among(cause("a", finding(ALERT, evidence=lines))).evidence] == ["a", "b", "c", "none"]


def test_an_alert_that_nobody_cited_is_shown_all_the_same(among: Among) -> None:
    told = story(client >> hello(), server << fin(), client >> alert(50))
    said = among(cause("a", finding(told.events[-2], evidence=(Evidence("closed", (5,), "story.pcap"),))), told=told)
    assert [(e.text, e.frames) for e in said.evidence] == [("closed", (5,)), ("client → server: fatal decode_error (after the break)", (6,))]


def test_artefacts_and_grade_of_the_fix_are_kept(among: Among) -> None:
    fix = Fix("client", "change it", "restart", (Artefact("nginx", "x on;"),))
    assert among(cause("a", finding(ALERT), fix=lambda *_: fix)).fix == fix


def test_an_inferred_hop_is_said_to_be(among: Among) -> None:
    said = among(cause("a", finding(ALERT)), hop="southbound", hop_inferred=True)
    assert [w for w in said.warnings if "inferred" in w and "192.0.2.10" in w]
    assert not among(cause("a", finding(ALERT)), hop="southbound").warnings


COVERAGES = {
    "start": (Coverage(start=False), "the start of this connection was not captured"),
    "client": (Coverage(client=False), "the client's packets were not captured"),
    "server": (Coverage(server=False), "the server's packets were not captured"),
    "client gap": (Coverage(client_gap=True), "some of the client's bytes are missing"),
    "both gaps": (Coverage(client_gap=True, server_gap=True), "client's and server's bytes"),
    "snapped": (Coverage(snapped=True), "snap length"),
    "contradiction": (Coverage(contradiction=True), "recorded twice with different content"),
    "evicted": (Coverage(evicted=True), "too many connections"),
}


@pytest.mark.parametrize("name", COVERAGES)
@pytest.mark.parametrize("outcome", ["failed", "completed"])
def test_what_was_not_captured_is_said(among: Among, name: str, outcome: str) -> None:
    coverage, words = COVERAGES[name]
    said = among(cause("a", finding(ALERT)), told=replace(REFUSED, coverage=coverage, outcome=outcome))
    assert [w for w in said.warnings if words in w]


def test_open_means_that_another_handshake_could_change_it(among: Among) -> None:
    later = cause("a", finding(ALERT, settled_by_later=True))
    among(later)
    assert judge(REFUSED, Context()).open
    assert not judge(REFUSED, Context(whole_recording=True)).open
    among(cause("a", finding(ALERT)))
    assert not judge(REFUSED, Context()).open
    among(cause("a", finding(ALERT, confidence="proven")), later)
    assert not judge(REFUSED, Context()).open
    among(cause("a", finding(ALERT)), cause("b", finding(ALERT, confidence="possible", settled_by_later=True)))
    assert judge(REFUSED, Context()).open


def test_a_protocol_that_is_only_named_is_named(among: Among) -> None:
    assert "QUIC" in among(told=replace(GOOD, protocol="quic")).title


def test_no_cause_breaks_on_any_part_of_a_story() -> None:
    """Every prefix of some stories, as if the recording or the capture of one side ended there."""
    stories = [
        story(client >> hello(), server << alert(40), server << fin()),
        story(client >> hello(version=0x0301), server << fin(), client >> alert(50)),
    ]
    for told in stories:
        for stop in range(len(told.events) + 1):
            for outcome in ("failed", "completed"):
                part = replace(told, events=told.events[:stop], outcome=outcome, client_hello=None if stop < 3 else told.client_hello)
                said = judge(part, Context(hop="southbound")).diagnosis
                assert not [w for w in said.warnings if "bug" in w]
