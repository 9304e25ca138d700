"""The search for the smallest change, against model servers: what it finds passes, is minimal, and is of the dimension that was wrong."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from refusing_server import ModelServer, Sites

from whytls.probing.changes import MODERN_GROUPS, MODERN_SCHEMES, MODERN_SUITES, MODERN_TLS13, Change, applied, with_shares
from whytls.probing.search import Found, search
from whytls.probing.upgrades import Hints, steps
from whytls.wire.hello import build, change, extended, make, message_body
from whytls.wire.registry import TLS10, TLS11, TLS12, TLS13
from whytls.wire.value import ClientHello

NAMES = ("www.example.test", "api.example.test")
NAMED = Hints(names=NAMES)
OLD_SUITES = (0xC013, 0xC014, 0xC009, 0xC00A, 0x0033, 0x0039, 0x002F, 0x0035, 0x000A)


def usual(name: str | None = NAMES[0]) -> ClientHello:
    """What a client of today sends."""
    hello = make(
        suites=(*MODERN_TLS13, *MODERN_SUITES, 0xC013, 0xC014, 0x009C, 0x002F), versions=(TLS13, TLS12), server_name=name,
        groups=MODERN_GROUPS, signature_algorithms=(*MODERN_SCHEMES, 0x0201), random=bytes(32), session_id=bytes(32),
    )  # fmt: skip
    for number, body in ((11, b"\x01\0"), (23, b""), (35, b""), (22, b""), (45, b"\x01\x01"), (0xFF01, b"\0")):
        hello = extended(hello, number, body)
    return with_shares(hello, (0x001D,))


def java7() -> ClientHello:
    return make(suites=(0x002F, 0x0033, 0xC013, 0xC009, 0x000A, 0x0005), versions=(TLS10,), server_name=NAMES[0], signature_algorithms=None)


def found_by(hello: ClientHello, server: ModelServer | Sites, hints: Hints = NAMED, most: int = 16, together: int = 1) -> tuple[Found, int]:
    """Drives the search with the model; the result and the number of questions."""
    assert not server.answer(hello).passes
    asking, count = search(hello, steps(hello, hints), most, together), 0
    try:
        questions = next(asking)
        while True:
            assert 0 < len(questions) <= max(together, 1)
            count += len(questions)
            questions = asking.send(tuple(server.answer(applied(hello, question)) for question in questions))
    except StopIteration as end:
        return end.value, count


SERVER = ModelServer((TLS12, TLS13), (*MODERN_TLS13, *MODERN_SUITES, *OLD_SUITES), (0x001D, 0x0017), frozenset({"rsa", "ecdsa"}))
RSA = SERVER._replace(keys=frozenset({"rsa"}))


def only(hello: ClientHello, **what: object) -> ClientHello:
    """The hello restricted by hand, as a user would."""
    return change(hello, **what)  # type: ignore[arg-type]


CASES = {
    "no name": (usual(None), SERVER._replace(names=NAMES[:1]), {"sni"}),
    "second name": (usual(None), SERVER._replace(names=NAMES[1:]), {"sni"}),
    "another name": (usual("no.example.test"), SERVER._replace(names=NAMES), {"sni"}),
    "java 7 to TLS 1.2": (java7(), RSA._replace(versions=(TLS12,), suites=MODERN_SUITES), {"version"}),
    "java 7 to TLS 1.3": (java7(), RSA._replace(versions=(TLS13,)), {"version"}),
    "modern to TLS 1.0": (usual(), RSA._replace(versions=(TLS10,), suites=OLD_SUITES), {"version"}),
    "TLS 1.3 alone to TLS 1.2": (only(usual(), versions=(TLS13,), suites=MODERN_TLS13), RSA._replace(versions=(TLS12,)), {"version"}),
    "one suite": (only(usual(), versions=(TLS12,), suites=(0x009C,)), SERVER._replace(suites=MODERN_SUITES), {"suite"}),
    "an old list": (only(usual(), versions=(TLS12,), suites=MODERN_SUITES), RSA._replace(suites=(0x002F,), versions=(TLS12,)), {"suite"}),
    "one suite of TLS 1.3": (only(usual(), suites=(0x1304,), versions=(TLS13,)), SERVER._replace(suites=MODERN_TLS13), {"suite"}),
    "one group": (only(usual(), groups=(0x0019,)), SERVER, {"group"}),
    "one group, TLS 1.2": (only(usual(), groups=(0x0019,), versions=(TLS12,), suites=MODERN_SUITES), SERVER, {"group"}),
    "ECDSA only": (only(usual(), signature_algorithms=(0x0403,)), RSA._replace(suites=MODERN_TLS13, versions=(TLS13,)), {"signature"}),
    "ECDSA only, OpenSSL": (
        only(usual(), signature_algorithms=(0x0403,), suites=(0xC02B, 0xC02C), versions=(TLS12,)), RSA._replace(suites=MODERN_SUITES), {"signature"},
    ),
    "ALPN": (only(usual(), alpn=("acme/7",)), SERVER._replace(alpn=("h2", "http/1.1")), {"alpn"}),
    "ALPN of its own": (only(usual(), alpn=("acme/7",)), SERVER._replace(alpn=("acme/8",)), {"alpn"}),
    "fallback": (only(usual(), versions=(TLS12,), suites=(*MODERN_SUITES, 0x5600)), SERVER, {"fallback"}),
    "an extension": (usual(), SERVER._replace(chokes=lambda h: h.has(22)), {"extension"}),
    "two extensions": (usual(), SERVER._replace(chokes=lambda h: h.has(22) or h.has(35)), {"extension"}),
    "GREASE": (usual()._replace(greased=True), SERVER._replace(chokes=lambda h: h.greased), {"grease"}),
    "a session id": (usual(), SERVER._replace(chokes=lambda h: bool(h.session_id)), {"session-id"}),
    "long hellos": (extended(usual(), 21, bytes(900)), SERVER._replace(chokes=lambda h: len(build(h)) > 600), {"size"}),
    "middling hellos": (extended(usual(), 21, bytes(100)), SERVER._replace(chokes=lambda h: 255 < len(message_body(h)) + 4 < 512), {"size"}),
    "name and suite": (
        only(usual(None), versions=(TLS12,), suites=(0x009C,)), SERVER._replace(names=NAMES[:1], suites=MODERN_SUITES), {"sni", "suite"},
    ),
    "name and version": (only(java7(), without=(0,)), RSA._replace(names=NAMES[:1], versions=(TLS12,), suites=MODERN_SUITES), {"sni", "version"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("together", [1, 4])
def test_the_dimension_that_was_wrong_is_found(case: str, together: int) -> None:
    hello, server, dimensions = CASES[case]
    found, count = found_by(hello, server, together=together)
    said = {change.dimension for change in found.minimal}
    assert said == dimensions or (said > dimensions and not found.shown_minimal), found
    assert server.answer(applied(hello, found.minimal)).passes
    assert count <= 16
    for step in found.alone:
        assert not server.answer(applied(hello, step.changes)).passes


def test_what_is_said_of_the_smallest_change_is_the_one_value_that_was_needed() -> None:
    hello, server, _ = CASES["one suite"]
    found, _ = found_by(hello, server)
    assert found.minimal == (Change("suite", "add", (MODERN_SUITES[0],)),)
    hello, server, _ = CASES["java 7 to TLS 1.2"]
    found, _ = found_by(hello, server)
    assert found.minimal[0] == Change("version", "add", (TLS12,))
    assert all(change.belongs == "version" for change in found.minimal[1:])
    assert found.shown_minimal
    assert len(found.alone) >= 5


def test_a_client_that_offers_compression_gets_tls13_without_it() -> None:
    """RFC 8446 section 4.1.2: OpenSSL 3 refuses TLS 1.3 with any other; found with the hello of OpenSSL 1.0.2."""
    hello = only(usual(), versions=(TLS12,), suites=MODERN_SUITES, without=(51, 45))._replace(compression_methods=(1, 0))
    found, _ = found_by(hello, RSA._replace(versions=(TLS13,)))
    assert found.minimal[0] == Change("version", "add", (TLS13,))
    assert {change.dimension for change in found.minimal} == {"version"}
    assert found.shown_minimal


def test_a_site_with_rules_of_its_own_is_not_a_name_that_nobody_knows() -> None:
    """Two repairs are needed for the site, none alone is enough, and the default site takes the hello without its name."""
    strict = SERVER._replace(versions=(TLS12,), groups=(0x0019,), keys=frozenset({"ecdsa"}))
    hello = only(usual(NAMES[1]), versions=(TLS12,), suites=(0xC02F,), groups=(0x001D,), without=(51, 45))
    found, count = found_by(hello, RSA.beside(NAMES[1], strict))
    assert "sni" not in {change.dimension for change in found.minimal}
    assert {"suite", "group"} <= {change.dimension for change in found.minimal}
    assert any(step.lead == Change("sni", "remove") for step in found.also)
    assert count <= 16
    nobody = RSA.beside(NAMES[1], strict._replace(versions=()))
    found, _ = found_by(hello, nobody)
    assert {change.dimension for change in found.minimal} == {"sni"}, "whatever is repaired, this name is refused"


def test_two_repairs_that_are_enough_each_are_both_named() -> None:
    hello = only(usual(None), versions=(TLS12,), suites=(0x002F,))
    strict = SERVER._replace(suites=MODERN_SUITES)

    class Either(ModelServer):
        def answer(self, hello):  # type: ignore[no-untyped-def]
            return (SERVER if hello.server_name else strict).answer(hello)

    found, _ = found_by(hello, Either(*strict))
    assert "suite" in {step.lead.dimension for step in found.also}
    assert {c.dimension for c in found.minimal} == {"sni"}


def test_nothing_helps_where_the_server_refuses_everything() -> None:
    found, count = found_by(usual(), SERVER._replace(chokes=lambda h: True), most=30)
    assert (found.minimal, found.untried) == ((), ())
    assert len(found.alone) >= 8
    assert count <= 30


SUITES = st.lists(st.sampled_from((*MODERN_TLS13, *MODERN_SUITES, *OLD_SUITES)), min_size=1, unique=True).map(tuple)
GROUPS = st.lists(st.sampled_from((*MODERN_GROUPS, 0x0019, 0x001E, 0x0100)), min_size=1, unique=True).map(tuple)
VERSIONS = st.sampled_from(((TLS10,), (TLS10, TLS11, TLS12), (TLS12,), (TLS12, TLS13), (TLS13,)))
KEYS = st.sampled_from((frozenset({"rsa"}), frozenset({"ecdsa"}), frozenset({"rsa", "ecdsa"})))
SERVERS = st.builds(
    lambda versions, suites, groups, keys, names, alpn: ModelServer(versions, suites, groups, keys, names, alpn),
    VERSIONS, SUITES, GROUPS, KEYS, st.sampled_from(((), NAMES[:1], NAMES)), st.sampled_from(((), ("h2",))),
)  # fmt: skip
HELLOS = st.builds(
    lambda versions, suites, groups, schemes, name, alpn: change(
        usual(name), versions=sorted(versions, reverse=True), suites=suites, groups=groups, signature_algorithms=schemes, alpn=alpn
    ),
    VERSIONS, SUITES, GROUPS, st.lists(st.sampled_from(MODERN_SCHEMES), min_size=1, unique=True), st.sampled_from((None, *NAMES, "no.example.test")),
    st.sampled_from((None, ("acme/7",), ("h2", "http/1.1"))),
)  # fmt: skip


@settings(deadline=None)
@given(HELLOS, SERVERS, st.integers(1, 24), st.sampled_from((1, 3)))
def test_what_is_found_passes_and_is_minimal_where_it_says_so(hello: ClientHello, server: ModelServer, most: int, together: int) -> None:
    assume(not server.answer(hello).passes)
    found, count = found_by(hello, server, most=most, together=together)
    assert count <= most
    if found.minimal:
        assert server.answer(applied(hello, found.minimal)).passes
        if found.shown_minimal:
            for one in found.minimal:
                assert not server.answer(applied(hello, [c for c in found.minimal if c != one])).passes
    for step in found.also:
        assert server.answer(applied(hello, step.changes)).passes


@settings(deadline=None)
@given(HELLOS, SERVERS)
def test_a_single_dimension_is_named_only_where_it_is_enough(hello: ClientHello, server: ModelServer) -> None:
    """With room for all steps: one dimension in the result means that repairing it alone is enough, none that no step is."""
    assume(not server.answer(hello).passes)
    found, _ = found_by(hello, server, most=60)
    tried = steps(hello, Hints(names=NAMES))
    single = [s for s in tried if server.answer(applied(hello, s.changes)).passes]
    if single:
        assert found.minimal
        if any(s.repairs for s in single):
            assert {c.dimension for c in found.minimal} <= {c.dimension for s in single if s.repairs for c in s.changes} | {
                c.aspect for s in single for c in s.changes
            }


@given(HELLOS, st.data())
def test_any_changes_of_a_hello_make_a_hello(hello: ClientHello, data: st.DataObject) -> None:
    all_changes = list(dict.fromkeys(c for s in steps(hello, Hints(names=NAMES)) for c in s.changes))
    some = data.draw(st.lists(st.sampled_from(all_changes), unique=True))
    changed = applied(hello, some)
    assert changed.problem is None
    assert applied(hello, reversed(some)) == changed, "the order does not matter"
    assert build(changed)
    assert all(change.done for change in some)
