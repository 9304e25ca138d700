"""The public door to the profiles: who may be asked what, and that nothing in a certificate makes them raise or take long."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from generated import BRANCHES, FAULTS, Case, constraints, decided, encode, made, simple
from hypothesis import given, settings
from hypothesis import strategies as st

from authority import AT, CLIENT, issue
from whytls.exceptions import UsageError
from whytls.pki.profiles import PROFILES, Options, applicable, decide

HOST = "shop.meadow.example"
SOUND = made(simple(2), "", ())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_sound_chain_is_accepted_by_all(profile: str, pki: SimpleNamespace) -> None:
    found = decide(profile, [pki.server.der, pki.middle.der], [pki.root.der], at=AT, host=HOST)  # type: ignore[arg-type]
    assert found.accepted
    assert found.alert is None
    assert len(found.path) == 3
    assert found.measured == (profile != "browser")


@pytest.mark.parametrize("profile", PROFILES)
def test_an_unknown_root_is_refused_by_all_each_in_its_words(profile: str, pki: SimpleNamespace) -> None:
    found = decide(profile, [pki.server.der, pki.middle.der], [pki.stranger.der], at=AT, host=HOST)  # type: ignore[arg-type]
    words = {
        "openssl": ("unable to get local issuer certificate", 48), "go": ("x509: certificate signed by unknown authority", 42),
        "java": ("unable to find valid certification path to requested target", 46), "browser": ("NET::ERR_CERT_AUTHORITY_INVALID", 46),
    }[profile]  # fmt: skip
    assert not found.accepted
    assert found.words.endswith(words[0])
    assert found.alert == words[1]


def test_what_cannot_be_asked(pki: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="no such profile"):
        decide("netscape", [pki.server.der], [], at=AT)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no certificate"):
        decide("go", [], [pki.root.der], at=AT)
    with pytest.raises(UsageError, match="servers only"):
        decide("browser", [pki.client.der], [pki.root.der], at=AT, purpose="client")


def test_who_judges_clients(pki: SimpleNamespace) -> None:
    assert applicable("server") == PROFILES
    assert applicable("client") == ("openssl", "java", "go")
    for profile in applicable("client"):
        assert decide(profile, [pki.client.der, pki.middle.der], [pki.root.der], at=AT, purpose="client").accepted
        refused = decide(profile, [pki.server.der, pki.middle.der], [pki.root.der], at=AT, purpose="client")
        assert not refused.accepted
        assert refused.index == 0


def test_the_certificate_that_a_stack_minds_is_named() -> None:
    plan = simple(2)
    FAULTS["validity/ca-expired"](plan)
    for profile in PROFILES:
        found = decided(profile, plan)
        assert (found.accepted, found.index, found.depth) == (False, 1, 1 if profile != "go" else None)


def test_the_store_of_a_client_is_no_certificate_that_was_sent() -> None:
    plan = simple(1)
    FAULTS["validity/root-expired"](plan)
    found = decided("openssl", plan)
    assert (found.number, found.depth, found.index) == (10, 2, None)
    assert decided("java", plan).accepted


CERTIFICATES = [*SOUND.chain, *SOUND.anchors]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 900), st.binary(min_size=1, max_size=3)), min_size=1, max_size=4))
def test_damaged_certificates_give_a_decision(damage: list[tuple[int, int, bytes]]) -> None:
    ders = [bytearray(der) for der in CERTIFICATES]
    for which, place, put in damage:
        place %= len(ders[which])
        ders[which][place : place + len(put)] = put
    *chain, root = map(bytes, ders)
    for profile in PROFILES:
        found = decide(profile, chain, [root, CERTIFICATES[-1]], at=SOUND.at * 10**9, host="api.harbour.example")
        assert found.accepted == (found.words == "")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=4), st.text(max_size=80))
def test_anything_gives_a_decision(chain: list[bytes], host: str) -> None:
    for profile in PROFILES:
        assert not decide(profile, chain, CERTIFICATES[-1:], at=AT, host=host).accepted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(constraints.CONSTRAINTS)), st.binary(max_size=40), st.binary(max_size=40))
def test_any_constraint_against_any_name_gives_a_decision(form: str, base: bytes, name: bytes) -> None:
    for kind in ("raw-dns", "raw-ip", "raw-email", "raw-uri"):
        plan = simple(1)
        permitted, excluded, _ = constraints.CONSTRAINTS[form]
        plan.links["root"].put(encode.NAMES, encode.name_constraints(permitted, excluded), critical=True)
        plan.links["ca1"].put(encode.NAMES, encode.name_constraints([(kind, base)]), critical=True)
        plan.leaf.put(encode.SAN, encode.alternative_names([("dns", "api.harbour.example"), (kind, name)]))
        for profile in PROFILES:
            decided(profile, plan)


def bomb(size: int) -> Case:
    """CAs that all issued each other: more ways than atoms, none of them to the anchor."""
    plan = BRANCHES["mesh/2"]()
    names = [f"m{number}" for number in range(size)]
    from lab.chains.plan import authority

    for name in names[2:]:
        plan.add(authority(name, "root", f"Mesh {name}"))
    for lower in names:
        for upper in names:
            if lower != upper:
                link = plan.add(authority(f"{lower}-by-{upper}", upper, "x", at_key=plan.links[lower].key))
                link.subject = plan.links[lower].subject
                plan.sent.append(link.label)
    return made(plan, "", ())


@pytest.mark.parametrize("profile", PROFILES)
def test_a_graph_bomb_ends_soon(profile: str) -> None:
    case = bomb(6)
    assert len(case.chain) == 34
    began = time.process_time()
    found = decide(profile, case.chain, case.anchors, at=case.at * 10**9)  # type: ignore[arg-type]
    assert not found.accepted
    assert time.process_time() - began < 2


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("count", [300, 1_000, 2_000])
def test_constraints_by_the_thousand_end_soon(profile: str, count: int) -> None:
    plan = simple(3)
    many = [("dns", f"x{number}.orchard.example") for number in range(count)]
    for name in ("ca1", "ca2", "ca3", "root"):
        plan.links[name].put(encode.NAMES, encode.name_constraints((), many), critical=True)
    plan.leaf.put(encode.SAN, encode.alternative_names([("dns", f"y{number}.harbour.example") for number in range(count)]))
    began = time.process_time()
    decided(profile, plan)  # type: ignore[arg-type]
    assert time.process_time() - began < 5


def test_more_than_is_looked_at_is_left_out(pki: SimpleNamespace) -> None:
    many = [issue(f"x{number}", pki.root, usage=(CLIENT,)).der for number in range(40)]
    for profile in PROFILES:
        assert not decide(profile, [pki.server.der, *many, pki.middle.der], [pki.root.der], at=AT).accepted


def test_options_change_what_openssl_decides() -> None:
    plan = simple(1, kind="rsa2048")
    plan.leaf.key = "rsa1024:leaf"
    assert decided("openssl", plan).number == 66
    assert decided("openssl", plan, security_level=1).accepted
    plan.anchors = ["ca1"]
    plan.leaf.key = "rsa2048:leaf"
    assert decided("openssl", plan).number == 2
    assert decided("openssl", plan, partial_chain=True).accepted
    assert decided("openssl", simple(1), strict=True).accepted
    assert Options() == Options(2, False, False)
