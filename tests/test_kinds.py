"""Failures of one kind get one verdict, each with its own frames; what depends on more than the kind is judged by itself."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from authority import SERVER as FOR_SERVERS
from authority import issue
from story import START, alert, certificate, client, done, fin, hello, replace, server, server_hello, story, wait
from twins import MINUTE, SECOND, twin
from whytls import kinds, verdict
from whytls.inference.ending import ending_of
from whytls.kinds import Kinds, kind_of
from whytls.model import Context, Diagnosis, Endpoint, Evidence, Handshake, Seen, ServerProfile
from whytls.verdict import Verdict, judge

REFUSED = story(client >> hello(), server << alert(40), server << fin())


def around(handshake: Handshake, **known: Any) -> Context:
    return Context(ending=ending_of(handshake), **known)


def twins_of(handshake: Handshake, count: int, **known: Any) -> list[tuple[Handshake, Context]]:
    return [twin(handshake, around(handshake, **known), number) for number in range(count)]


def sighting(**fields: Any) -> Seen:
    given: dict[str, Any] = {
        "frame": 90, "file": "story.pcap", "client": Endpoint("192.0.2.99", 4000), "server": REFUSED.server, "outcome": "completed",
        "sni": REFUSED.sni, "version": 0x0303, "cipher_suite": 0xC030, "group": 0x0017, "alpn": None, "chain": None, "client_certificate": False,
        "offered_versions": (0x0303,), "offered_suites": (0xC030,), "offered_groups": (0x0017,), "offered_signature_algorithms": (0x0401,),
    }  # fmt: skip
    return Seen(**{**given, **fields})


def test_the_third_of_a_kind_gets_the_verdict_of_the_kind() -> None:
    judged = Kinds()
    for number, (handshake, context) in enumerate(twins_of(REFUSED, 5)):
        said = judged.judge(handshake, context)
        assert said == judge(handshake, context)
        assert said.diagnosis.handshake is handshake
        assert said.diagnosis.context is context
        assert (judged.met, judged.told) == (number + 1, max(number - 1, 0))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0x0303}, {"state": "other"}, {"resumed": True}, {"file": "other.pcap"}, {"started_at": START + 3 * MINUTE},
        {"transport": REFUSED.transport._replace(foreign_reset=True)}, {"coverage": REFUSED.coverage._replace(client_gap=True)},
        {"client_hello": REFUSED.client_hello._replace(groups=(0x0017,)) if REFUSED.client_hello else None},
        {"client_hello": REFUSED.client_hello._replace(server_name="other.example.test") if REFUSED.client_hello else None},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_is_of_the_kind_makes_another_one(change: dict[str, Any]) -> None:
    other = replace(REFUSED, **change)
    if "file" in change:
        other = replace(other, events=tuple(e._replace(file="other.pcap") for e in other.events))
    if "client_hello" in change:
        other = replace(other, events=tuple(e._replace(value=other.client_hello) if e.kind == "client-hello" else e for e in other.events))
    assert kind_of(other, around(other)) not in (None, kind_of(REFUSED, around(REFUSED)))


@pytest.mark.parametrize(
    "known",
    [{"hop": "northbound"}, {"whole_recording": True}, {"at": START}, {"server_profile": ServerProfile()}],
    ids=lambda known: next(iter(known)),
)
def test_so_does_what_is_known_around_it(known: dict[str, Any]) -> None:
    assert kind_of(REFUSED, around(REFUSED, **known)) not in (None, kind_of(REFUSED, around(REFUSED)))


@pytest.mark.parametrize(
    "handshake",
    [
        replace(REFUSED, outcome="completed"),
        story(client >> hello(), wait(30), client >> fin()),  # a silence is told by how long it was
        replace(REFUSED, events=(*REFUSED.events[:-1], REFUSED.events[-1]._replace(frame=1))),  # recorded out of order
        replace(REFUSED, events=(*REFUSED.events[:-1], REFUSED.events[-1]._replace(file="next.pcap"))),
    ],
)
def test_some_are_judged_by_themselves(handshake: Handshake) -> None:
    context = around(handshake)
    assert kind_of(handshake, context) is None
    assert Kinds().judge(handshake, context) == judge(handshake, context)


def test_other_handshakes_count_by_what_they_answer() -> None:
    """One profile differs in the group, the other in the suite: the same kind, and two verdicts; each line names its own sighting."""
    narrow = story(client >> hello(suites=(0xC02F,), groups=(0x001D,)), server << alert(40), server << fin())
    by_group = ServerProfile((sighting(cipher_suite=0xC02F, offered_suites=(0xC02F,)),))
    by_suite = ServerProfile((sighting(group=0x001D, offered_groups=(0x001D,)),))
    judged = Kinds()
    causes = []
    for number in range(12):
        handshake, context = twin(narrow, around(narrow, server_profile=(by_group, by_suite)[number % 2]), number)
        said = judged.judge(handshake, context)
        assert said == judge(handshake, context)
        causes.append(said.diagnosis.cause)
    assert set(causes[::2]) == {"group-mismatch"}
    assert set(causes[1::2]) == {"cipher-mismatch"}
    assert judged.told >= 8


def test_a_certificate_that_expires_within_the_minute_is_judged_each_time() -> None:
    """Before that second the chain is sound, after it expired: one kind, and its verdict depends on what the kind does not say."""
    end = datetime.datetime.fromtimestamp((START - START % MINUTE) // SECOND + 30, datetime.UTC)
    root = issue("Meadow Root", ca=True, begins=end - datetime.timedelta(days=900), ends=end + datetime.timedelta(days=900))
    leaf = issue("shop", root, san=("www.example.test",), usage=(FOR_SERVERS,), begins=end - datetime.timedelta(days=90), ends=end)
    failed = story(client >> hello(sni="www.example.test"), server << server_hello(), server << certificate(leaf.der, root.der), server << done(),
                   client >> alert(46), client >> fin())  # fmt: skip
    judged = Kinds()
    said = []
    for number, second in enumerate((5, 6, 7, 50, 51, 52, 8, 53)):
        handshake, _ = twin(failed, around(failed), number)
        handshake = replace(handshake, started_at=START - START % MINUTE + second * SECOND)
        context = around(handshake)
        found = judged.judge(handshake, context)
        assert found == judge(handshake, context)
        said.append(found.diagnosis.cause)
    assert said[0] == said[6] != "certificate-expired"
    assert {said[3], said[7]} == {"certificate-expired"}


READERS: dict[str, Callable[[Handshake, Context], str]] = {
    "an address": lambda h, c: h.client.address,
    "a port": lambda h, c: f"{h.server.port}",
    "a frame": lambda h, c: f"#{h.events[0].frame}",
    "a time": lambda h, c: f"{h.events[-1].time - h.events[0].time}",
    "random bytes": lambda h, c: h.client_hello.random.hex() if h.client_hello else "",
    "the profile": lambda h, c: str(c.client_profile.completed) if c.client_profile else str(h.quiet),
}


def added(monkeypatch: pytest.MonkeyPatch, change: Callable[[Diagnosis, Handshake, Context], Diagnosis]) -> None:
    """Every verdict is changed so, as by a cause that somebody writes tomorrow."""
    usual = verdict.argue

    def argue(handshake: Handshake, context: Context) -> Verdict:
        said = usual(handshake, context)
        return said._replace(diagnosis=change(said.diagnosis, handshake, context))

    monkeypatch.setattr(verdict, "argue", argue)
    monkeypatch.setattr(kinds, "argue", argue)


def judged_each_time(handshake: Handshake) -> None:
    judged = Kinds()
    for again, context in twins_of(handshake, 5):
        assert judged.judge(again, context) == judge(again, context)
    assert (judged.met, judged.told) == (5, 0)


@pytest.mark.parametrize("what", READERS)
def test_a_verdict_that_reads_what_differs_is_reached_each_time(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    added(monkeypatch, lambda said, handshake, context: said._replace(title=f"{said.title}: {READERS[what](handshake, context)}"))
    judged_each_time(REFUSED)


@pytest.mark.parametrize("field", ["warnings", "related", "title"])
def test_what_differs_handed_on_into_the_verdict_is_noticed_too(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    added(monkeypatch, lambda said, handshake, context: said._replace(**{field: (handshake.client.address,)}))
    judged_each_time(REFUSED)


def test_evidence_of_what_is_no_event_is_not_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Evidence("of another", (7,), "story.pcap")
    added(monkeypatch, lambda said, handshake, context: said._replace(evidence=(*said.evidence, other)))
    judged_each_time(REFUSED)


def test_verdicts_by_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server of a recording can answer in another way; what comes too late is judged by itself."""
    monkeypatch.setattr(kinds, "MOST_TEMPLATES", 3)
    narrow = story(client >> hello(suites=(0xC02F,), groups=(0x001D,), schemes=(0x0401,), alpn=("h2",)), server << alert(40), server << fin())
    differing = [{"group": 0x0018}, {"cipher_suite": 0xC030}, {"version": 0x0302}, {"alpn": "http/1.1"}, {"sni": "other.example.test"}]
    alike: dict[str, Any] = {"group": 0x001D, "cipher_suite": 0xC02F, "version": 0x0303, "alpn": "h2"}
    judged = Kinds()
    for number in range(60):
        profile = ServerProfile((sighting(**{**alike, **differing[number % 5]}),))
        handshake, context = twin(narrow, around(narrow, server_profile=profile), number)
        assert judged.judge(handshake, context) == judge(handshake, context)
        assert sum(len(known.templates) for known in judged._known.values()) <= 3
    assert judged.told > 20


def test_a_handshake_without_events_has_no_kind() -> None:
    empty = replace(REFUSED, events=(), shape="")
    assert kind_of(empty, Context()) is None


def test_events_in_one_frame_make_another_kind_than_those_in_two() -> None:
    """Also where the name of the file is not the same object in each event."""
    names = ["".join(("story", ".pcap")) for _ in REFUSED.events]
    apart = replace(REFUSED, events=tuple(e._replace(file=name) for e, name in zip(REFUSED.events, names, strict=True)))
    close, before = apart.events[-1], apart.events[-2]
    joined = replace(apart, events=(*apart.events[:-1], close._replace(frame=before.frame)))
    assert kind_of(joined, around(joined)) not in (None, kind_of(apart, around(apart)))
    assert kind_of(apart, around(apart)) == kind_of(REFUSED, around(REFUSED))


def test_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "MOST_KINDS", 4)
    judged = Kinds()
    for number in range(40):
        handshake, context = twin(story(client >> hello(sni=f"n{number % 8}.example.test"), server << alert(40)), Context(), number)
        assert judged.judge(handshake, context) == judge(handshake, context)
        assert len(judged._known) <= 4

