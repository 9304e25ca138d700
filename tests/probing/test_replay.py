"""A captured failure, replayed with servers that are functions: what it finds, when it does not trust itself, and what the verdict makes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from acting import Acting, Answer, like
from hypothesis import given, settings
from hypothesis import strategies as st
from refusing_server import ModelServer
from test_search import CASES, HELLOS, NAMES, RSA, SERVER, SERVERS, java7, usual

from story import Thing, alert, client, encrypted, fin, server, server_flight, server_hello, story
from whytls.model import Altered, Context, Diagnosis, Handshake, Replayed, in_words
from whytls.probing.changes import applied
from whytls.probing.replay import MOST, judged_with, plan, replay, replayable
from whytls.probing.search import Heard, narrowed
from whytls.probing.upgrades import Hints, steps
from whytls.verdict import judge
from whytls.wire.value import ClientHello

NOTHING = Context()


def failed(hello: ClientHello, description: int = 40) -> Handshake:
    """The recording: the server answered this hello with an alert."""
    return story(client >> Thing("client-hello", hello, 200), server << alert(description), server << fin())


def done(handshake: Handshake, acting: Acting, context: Context = NOTHING, **options: Any) -> Replayed:
    found = asyncio.run(replay(handshake, context, acting, names=options.pop("names", NAMES), **options))
    assert found is not None
    assert acting.count <= MOST
    assert [t.attempt for t in found.tried] == sorted(t.attempt for t in found.tried)
    return found


def judged(handshake: Handshake, replayed: Replayed) -> Diagnosis:
    return judge(*judged_with(handshake, Context(whole_recording=True), replayed)).diagnosis


def steady(hello: ClientHello, model: ModelServer) -> tuple[Handshake, Replayed]:
    handshake = failed(hello)
    return handshake, done(handshake, Acting(like(model)))


def test_the_name_that_was_missing_is_proven() -> None:
    handshake, found = steady(*CASES["no name"][:2])
    assert (found.stopped, found.controls, found.reproduced, found.confirmed, found.contradictions) == ("found", 4, 4, 2, 0)
    assert [a.text for a in found.minimal] == ["adding server_name www.example.test"]
    assert found.certain
    said = judged(handshake, found)
    assert (said.cause, said.confidence, said.failing_side) == ("sni-missing", "proven", "server")
    texts = [e.text for e in said.evidence]
    assert any(t.startswith("adding server_name www.example.test is enough; none of ") and "3 of 3 times" in t for t in texts)
    assert any("failed the same way 4 of 4 times" in t for t in texts)
    helped = next(e for e in said.evidence if "is enough" in e.text)
    assert helped.file in {t.handshake.file for t in found.tried}, "it points at the attempt"
    assert said.evidence[0].file == "story.pcap", "what was recorded comes first"


EXPECTED = {
    "no name": "sni-missing", "another name": "sni-unknown", "java 7 to TLS 1.2": "protocol-mismatch", "modern to TLS 1.0": "protocol-mismatch",
    "TLS 1.3 alone to TLS 1.2": "protocol-mismatch", "one suite": "cipher-mismatch", "an old list": "cipher-mismatch", "one group": "group-mismatch",
    "ECDSA only": "signature-algorithm-mismatch", "ECDSA only, OpenSSL": "signature-algorithm-mismatch", "ALPN": "alpn-mismatch",
    "fallback": "downgrade-refused", "an extension": "hello-intolerance", "a session id": "hello-intolerance", "long hellos": "hello-intolerance",
}  # fmt: skip


@pytest.mark.parametrize("case", EXPECTED)
@pytest.mark.parametrize("refusal", [40, "closed", "silence"])
def test_the_cause_is_that_of_the_smallest_change(case: str, refusal: Answer) -> None:
    hello, model, dimensions = CASES[case]
    story_of: dict[Answer, Handshake] = {
        40: failed(hello),
        "closed": story(client >> Thing("client-hello", hello, 200), server << fin()),
        "silence": story(client >> Thing("client-hello", hello, 200), quiet=12),
    }
    handshake = story_of[refusal]
    found = done(handshake, Acting(like(model, refusal)))
    assert found.dimensions == dimensions
    said = judged(handshake, found)
    assert said.cause == EXPECTED[case]
    if found.certain and said.detail == "cut-off":
        assert said.confidence == "likely", "a filter on the way that minds the name looks the same"
    elif found.certain:
        assert said.confidence == "proven"


def test_the_alert_that_tls13_hid_in_the_recording_is_the_one_that_we_read() -> None:
    """Go and rustls refuse an application protocol after their ServerHello: for the recording that is a record of an alert's size."""
    hello, model, _ = CASES["ALPN"]
    handshake = story(client >> Thing("client-hello", hello, 200), server << server_hello(0x0304), server << encrypted(19), server << fin())
    found = done(handshake, Acting(like(model, "hidden")))
    assert (found.stopped, found.reproduced, found.controls) == ("found", 4, 4)
    said = judged(handshake, found)
    assert (said.cause, said.confidence) == ("alpn-mismatch", "proven")
    assert done(handshake, Acting(like(model, 40))).stopped == "otherwise", "an alert in the clear is another refusal"


def test_what_the_alert_names_stands_whatever_else_gets_the_hello_through() -> None:
    """A site that wants a newer version says so; that the default site takes the hello without the name does not speak against it."""
    strict = SERVER._replace(versions=(0x0304,), groups=(0x0019,), schemes=(0x0809,))
    hello = CASES["one group, TLS 1.2"][0]
    handshake = failed(hello, 70)
    found = done(handshake, Acting(like(SERVER._replace(groups=(0x0019,)).beside(NAMES[0], strict), 70)))
    assert found.dimensions == {"sni"}
    said = judged(handshake, found)
    assert (said.cause, said.confidence) == ("protocol-mismatch", "proven")


def test_a_server_that_was_mended_changes_no_verdict() -> None:
    handshake = failed(usual(None))
    found = done(handshake, Acting(lambda hello, number: Heard(True, 0x0303, 0xC02F)))
    assert (found.stopped, found.controls, found.reproduced, len(found.tried)) == ("not-reproduced", 2, 0, 2)
    before, after = judge(handshake, Context(whole_recording=True)).diagnosis, judged(handshake, found)
    assert after._replace(warnings=(), handshake=None, context=None) == before._replace(warnings=(), handshake=None, context=None)
    assert any("accepts today what it refused" in w for w in after.warnings)


def test_another_refusal_is_not_the_recorded_one() -> None:
    found = done(failed(usual(None)), Acting(like(SERVER._replace(names=NAMES), 70)))
    assert (found.stopped, found.minimal) == ("otherwise", ())
    assert any("protocol_version; in the recording: fatal handshake_failure" in w for w in found.warnings)


def test_a_pool_of_two_servers_is_seen_and_nothing_is_searched() -> None:
    strict = like(SERVER._replace(names=NAMES))
    found = done(failed(usual(None)), Acting(lambda hello, number: strict(hello, number) if number % 2 else Heard(True, 0x0303, 0xC02F)))
    assert (found.stopped, found.controls, found.reproduced) == ("inconsistent", 4, 2)
    assert any("failed 2 of 4 times" in w for w in found.warnings)
    assert not found.certain


def test_a_change_that_helped_only_once_is_not_proven() -> None:
    strict = like(SERVER._replace(names=NAMES))

    def tired(hello: ClientHello, number: int) -> Answer:
        return strict(hello, number) if number < 12 else 40

    handshake = failed(usual(None))
    found = done(handshake, Acting(tired))
    assert found.stopped == "found"
    assert found.contradictions
    assert not found.certain
    assert judged(handshake, found).confidence == "likely"
    assert any("contradictions" in w for w in found.warnings)


def test_nobody_there() -> None:
    found = done(failed(usual(None)), Acting(lambda hello, number: "refused-connection"))
    assert (found.stopped, len(found.tried)) == ("unreachable", 2)
    assert found.warnings


def test_whatever_is_changed_it_is_refused() -> None:
    handshake = failed(usual())
    found = done(handshake, Acting(lambda hello, number: 40))
    assert found.stopped == "bound" or found.stopped == "nothing-helps"
    assert found.reproduced == found.controls
    assert not found.certain
    assert judged(handshake, found).cause == judge(handshake, Context(whole_recording=True)).diagnosis.cause


def test_two_things_wrong_are_two_causes_and_neither_is_proven_alone() -> None:
    hello, model, _ = CASES["name and version"]
    handshake, found = steady(hello, model)
    assert found.dimensions == {"sni", "version"}
    said = judged(handshake, found)
    assert said.confidence == "likely"
    assert {said.cause, *(a.cause for a in said.alternatives)} >= {"sni-missing", "protocol-mismatch"}


def test_where_the_client_broke_off_the_handshake_is_carried_on() -> None:
    chain = (b"\x30\x03\x02\x01\x01",)
    handshake = story(client >> Thing("client-hello", usual(), 200), *server_flight(b"x"), client >> alert(48))
    acting = Acting(lambda hello, number: Heard(True, 0x0303, 0xC02F), chain)
    found = done(handshake, acting)
    assert (found.stopped, acting.count) == ("carried-on", 1)
    assert found.carried_on is not None
    assert found.carried_on.handshake.server_chain == chain


def test_what_belonged_to_the_one_connection_is_not_sent_again() -> None:
    hello, model, _ = CASES["no name"]
    acting = Acting(like(model))
    done(failed(hello), acting)
    assert len({sent.random for sent in acting.sent}) == acting.count
    assert all(sent.random != hello.random for sent in acting.sent)
    assert not any(sent.psk or sent.cookie or sent.early_data for sent in acting.sent)
    assert replayable(hello).extensions


def test_a_plan_sends_nothing_and_says_what_would_be_sent() -> None:
    found = plan(failed(usual(None)), Context(), NAMES)
    assert found.most == MOST
    assert any("adding server_name www.example.test" in line for line in found.lines)
    assert plan(story(client >> Thing("client-hello", usual(), 200), *server_flight(b"x"), client >> alert(48)), Context()).most == 1
    assert plan(story(server << alert(40)), Context()).most == 0


def test_a_handshake_without_hello_is_not_replayed() -> None:
    acting = Acting(lambda hello, number: 40)
    assert asyncio.run(replay(story(server << alert(40)), Context(), acting)) is None
    assert acting.count == 0


ANSWERS = st.sampled_from(
    (40, 70, 0, "closed", "reset", "silence", "refused-connection", Heard(True, 0x0303, 0xC02F), Heard(True, 0x0304, 0x1301, 29))
)


@settings(deadline=None, max_examples=60)
@given(HELLOS, st.lists(ANSWERS, min_size=1, max_size=MOST), st.sampled_from((40, 70, 112)))
def test_a_server_without_any_order_is_never_proven_wrong(hello: ClientHello, answers: list[Answer], description: int) -> None:
    """Whatever is answered: within the bound, a verdict, and nothing certain unless every control failed alike and every confirmation held."""
    handshake = failed(hello, description)
    found = done(handshake, Acting(lambda hello, number: answers[(number - 1) % len(answers)]))
    said = judged(handshake, found)
    assert not any("bug" in w for w in said.warnings), said.warnings
    if found.certain:
        controls = [t for t in found.tried if not t.changes]
        assert all(not t.passed for t in controls)
        wanted = [a.text for a in found.minimal]
        assert all(t.passed for t in found.tried if [a.text for a in t.changes] == wanted)


@settings(deadline=None, max_examples=60)
@given(HELLOS, SERVERS)
def test_what_is_certain_is_true_of_the_server(hello: ClientHello, model: ModelServer) -> None:
    if model.answer(replayable(hello)).passes:
        return
    handshake = failed(hello)
    found = done(handshake, Acting(like(model)))
    if not found.certain:
        return
    assert judged(handshake, found).confidence == "proven"
    (dimension,) = found.dimensions
    for step in steps(replayable(hello), Hints(names=NAMES)):
        # Any other repair that is enough alone is a newer version, or was added without being made use of.
        heard = model.answer(applied(replayable(hello), step.changes))
        if heard.passes and step.repairs and step.lead.dimension not in (dimension, "version"):
            assert {c.dimension for c in narrowed(step.changes, hello, heard)} <= {dimension}


def test_java_7_needs_what_a_real_upgrade_brings_along() -> None:
    handshake, found = steady(java7(), RSA._replace(versions=(0x0303,), suites=(0xC02F, 0xC030)))
    assert found.minimal[0].text == "adding TLS 1.2"
    assert found.dimensions == {"version"}
    assert judged(handshake, found).cause == "protocol-mismatch"


def test_with_less_room_nothing_is_claimed_that_was_not_tried() -> None:
    hello, model, _ = CASES["one suite"]
    handshake = failed(hello)
    for most in range(7, MOST):
        found = done(handshake, Acting(like(model)), most=most)
        assert len(found.tried) <= max(most, 7)
        if found.certain:
            assert not found.rivals_untried
            assert most > 12, "four controls, two confirmations, and the other dimensions"


def test_what_is_done_alike_is_said_once() -> None:
    done_to = [Altered("extension", "taking out the extension session_ticket"), Altered("extension", "taking out the extension heartbeat")]
    assert in_words(done_to) == "taking out the extensions session_ticket and heartbeat"
    assert in_words([Altered("version", "adding TLS 1.2"), *done_to[:1]]) == "adding TLS 1.2 and taking out the extension session_ticket"
    assert in_words([]) == ""
