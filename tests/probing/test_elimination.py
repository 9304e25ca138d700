"""The elimination against servers that are functions: what is found is what they have, and in how many questions."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from model_server import Model, ask, models

from whytls.probing.elimination import Elimination
from whytls.probing.offer import offer, suites_for, usual
from whytls.probing.pool import kind_of
from whytls.wire.registry import SSL3, TLS12, TLS13, suite_number


def numbers(*names: str) -> tuple[int, ...]:
    return tuple(number for name in names if (number := suite_number(name)) is not None)


JOINT = st.sets(st.sampled_from(("groups", "schemes", "alpn")))


@settings(max_examples=300)
@given(models(), st.data())
def test_what_is_found_is_what_is_there(model: Model, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(model.suites)))
    found = Elimination(offer(version, suites_for(version)), data.draw(JOINT))
    ask(model, found.suites())
    truth = model.accepts(version)
    assert found.accepted == set(truth)
    assert sorted(found.ranked) == sorted(truth)
    if len(truth) > 1:
        assert found.server_order is not None
    if found.server_order and model.order == "server":
        assert found.ranked == truth
    if model.order == "client":
        assert not found.server_order
    elif len(truth) > 1 and not found.server_order:
        assert found.ranked[::-1] == [s for s in found.base.suites if s in truth], "only an order like ours turned can be taken for the client's"
    assert found.refused is not None or found.accepted == set(found.base.suites)


@settings(max_examples=300)
@given(models(), st.data())
def test_groups_schemes_and_protocols_come_along(model: Model, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(v for v in model.suites)))
    found = Elimination(offer(version, suites_for(version)), data.draw(JOINT))
    ask(model, found.suites())
    for part in ("groups", "schemes", "alpn"):
        ask(model, found.finish(part))  # type: ignore[arg-type]
    own, _ = ask(model, found.group_order())
    if version == TLS13 and own:
        assert found.pools["groups"].seen == model.has_groups(version)
    if len(found.pools["groups"].seen) > 1 and model.group_order == "client":
        assert own is False
    if version > SSL3:
        assert set(found.pools["groups"].seen) == set(model.has_groups(version))
        if version < TLS13 and model.accepts(version):
            assert set(found.pools["alpn"].seen) == set(model.alpn)
    if version == TLS12:
        assert set(found.pools["schemes"].seen) == model.has_schemes(version)


def test_a_server_that_hangs_up_over_the_protocols_hides_no_group() -> None:
    suites: dict[int, tuple[int, ...]] = {SSL3: (), 0x0301: (), 0x0302: (0xC017, 0xC034), TLS12: (), TLS13: ()}
    model = Model(suites, groups=(23, 29), schemes=(), certificates=frozenset(), alpn=("http/1.1",), unknown_protocol="alert", alert=None)
    found = Elimination(offer(0x0302, suites_for(0x0302)), {"groups", "schemes", "alpn"})
    ask(model, found.suites())
    ask(model, found.finish("groups"))
    assert found.pools["groups"].seen == [23, 29]


def test_a_refusal_in_turned_order_does_not_say_that_protocols_are_ignored() -> None:
    model = Model({0x0302: (0xC012, 0xC013)}, groups=(23, 29), alpn=("http/1.1", "h2"))
    found = Elimination(offer(0x0302, suites_for(0x0302)), {"groups"})
    ask(model, found.suites())
    ask(model, found.finish("alpn"))
    assert set(found.pools["alpn"].seen) == {"http/1.1", "h2"}


def test_suites_of_an_ecdsa_certificate_have_their_place_though_its_curve_was_asked_for_first() -> None:
    suites = (0xC012, 0xC0AE, 0xC0AF, 0xC013, 0xC0A2, 0xD003)
    model = Model({TLS12: suites}, (23, 29, 24), (0x0401, 0x0403), frozenset(("RSA", "ECDSA")))
    found = Elimination(offer(TLS12, suites_for(TLS12)), {"groups"})
    ask(model, found.suites())
    assert (found.ranked, found.server_order) == (list(suites), True)


@settings(max_examples=300)
@given(models(), st.data())
def test_questions_are_bounded(model: Model, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(model.suites)))
    found = Elimination(offer(version, suites_for(version)), data.draw(JOINT))
    _, questions = ask(model, found.suites())
    kinds = len({kind_of(suite) for suite in found.accepted})
    others = len(found.pools["groups"].seen) + len(found.pools["schemes"].seen)
    assert questions <= len(found.accepted) + len(found.broken) + others + 3 * (kinds + 3) + 6


@settings(max_examples=100)
@given(models(), st.integers(5, 40), st.data())
def test_servers_that_do_not_read_long_lists(model: Model, most: int, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(model.suites)))
    short = replace(model, most_suites=most)
    found = Elimination(offer(version, suites_for(version)))
    ask(short, found.in_pieces(most))
    truth = model.accepts(version)
    assert found.accepted == set(truth)
    assert sorted(found.ranked) == sorted(truth)
    if found.server_order and len(truth) <= most:
        assert found.ranked == truth


UNUSUAL = [suite for suite in suites_for(TLS12) if not usual(suite)]


@settings(max_examples=300)
@given(models(), st.sets(st.sampled_from(UNUSUAL), max_size=5), st.booleans(), st.data())
def test_what_a_blind_choice_hides_is_found(model: Model, poison: set[int], certificate_first: bool, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from(sorted(model.suites)))
    listed = data.draw(st.permutations([*model.suites[version], *(suite for suite in poison if suite not in model.suites[version])]))
    certificates = frozenset(("RSA", "ECDSA")) if certificate_first else model.certificates
    blind = replace(
        model, suites={**model.suites, version: tuple(listed)}, poison=frozenset(poison), certificates=certificates,
        certificate_first=certificate_first, broken=frozenset(),
    )  # fmt: skip
    found = Elimination(offer(version, suites_for(version)), data.draw(JOINT))
    ask(blind, found.suites())
    before = set(found.accepted)
    hidden, questions = ask(blind, found.hidden())
    assert questions <= 2
    if hidden:
        ask(blind, found.by_authentication())
    truth = {suite for suite in blind.accepts(version) if usual(suite)}
    assert {suite for suite in found.accepted if usual(suite)} == truth
    assert before <= found.accepted
    assert set(found.ranked) == found.accepted


OPENSSL = numbers(
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ARIA256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ARIA128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-CAMELLIA256-SHA384", "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-CAMELLIA128-SHA256", "ECDHE-RSA-AES256-SHA", "AECDH-AES256-SHA", "ECDHE-RSA-AES128-SHA", "AECDH-AES128-SHA",
    "AES256-GCM-SHA384", "AES256-CCM8", "AES256-CCM", "ARIA256-GCM-SHA384", "AES128-GCM-SHA256", "AES128-CCM8", "AES128-CCM",
    "ARIA128-GCM-SHA256", "AES256-SHA256", "CAMELLIA256-SHA256", "AES128-SHA256", "CAMELLIA128-SHA256", "AES256-SHA", "CAMELLIA256-SHA",
    "AES128-SHA", "CAMELLIA128-SHA",
)  # fmt: skip
EIGHT = (0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0301, 0x0201)


@given(st.sampled_from(("server", "client")), st.sampled_from(("server", "client")))
def test_what_openssl_needs(order: str, groups: str) -> None:
    model = Model({TLS12: OPENSSL}, (29, 23, 30, 25, 24), EIGHT, order=order, group_order=groups, scheme_order=order)  # type: ignore[arg-type]
    found = Elimination(offer(TLS12, suites_for(TLS12)), ("schemes", "alpn"))
    _, questions = ask(model, found.suites())
    assert found.accepted == set(OPENSSL)
    assert set(found.pools["schemes"].seen) == set(EIGHT)
    assert questions <= len(OPENSSL) + 1 + 5
