"""Chains put right: order, completion, what is left out, and what is not invented."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority import AT, NOON, SERVER, Issued, corrupted, days, ec_key, issue
from whytls.pki.certificate import read
from whytls.pki.chain import examine
from whytls.pki.links import verifies
from whytls.pki.readers.pem import certificates
from whytls.pki.repair import Repair, nearest, repaired, to_pem

AIA = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            x509.oid.AuthorityInformationAccessOID.CA_ISSUERS,
            x509.UniformResourceIdentifier("http://ca.meadow.example/1.cer"),
        )
    ]
)


def mend(*sent: Issued | bytes, **wanted: object) -> Repair:
    ders = [s.der if isinstance(s, Issued) else s for s in sent]
    return repaired(ders, **{"at": AT, **wanted})  # type: ignore[arg-type]


def test_a_sound_chain_stays(pki: SimpleNamespace) -> None:
    done = mend(pki.server, pki.middle, given=[pki.root.der])
    assert done.chain == (pki.server.der, pki.middle.der)
    assert (done.changed, done.complete, done.missing, done.root) == (False, True, None, pki.root.der)
    assert done.remaining == ()


def test_every_order_of_the_same_certificates_gives_the_same_chain(pki: SimpleNamespace) -> None:
    for sent in itertools.permutations([pki.server, pki.middle, pki.root]):
        done = mend(*sent)
        assert done.chain == (pki.server.der, pki.middle.der), [read(s.der).common_name for s in sent]
        assert done.complete
        assert [(c.reason, c.sha256) for c in done.dropped] == [("root", read(pki.root.der).sha256)]
        assert examine(done.chain, at=AT, anchors=[pki.root.der]).anchored


def test_with_its_root_on_request(pki: SimpleNamespace) -> None:
    done = mend(pki.root, pki.server, pki.middle, with_root=True)
    assert done.chain == (pki.server.der, pki.middle.der, pki.root.der)
    assert [(c.sent, c.place) for c in done.moved] == [(1, 0), (2, 1), (0, 2)]
    assert done.dropped == ()
    added = mend(pki.server, pki.middle, given=[pki.root.der], with_root=True)
    assert [(c.subject, c.place) for c in added.added] == [("CN=Meadow Root,O=Meadow", 2)]


def test_a_missing_intermediate_is_added_and_a_wrong_one_dropped(pki: SimpleNamespace) -> None:
    done = mend(pki.server, pki.other, given=[pki.stranger.der, pki.root.der, pki.middle.der])
    assert done.chain == (pki.server.der, pki.middle.der)
    assert [(c.subject, c.place) for c in done.added] == [("CN=Meadow Issuing 1,O=Meadow", 1)]
    assert [(c.sent, c.reason) for c in done.dropped] == [(1, "not-on-path")]
    assert done.complete


def test_what_is_not_at_hand_is_named_and_not_invented(pki: SimpleNamespace) -> None:
    leaf = issue("kiosk", pki.middle, san=("kiosk.meadow.example",), extra=(AIA,))
    done = mend(leaf, given=[pki.stranger.der])
    assert done.chain == (leaf.der,)
    assert not done.complete
    assert done.missing is not None
    assert done.missing.subject == "CN=Meadow Issuing 1,O=Meadow"
    assert done.missing.key_id == read(pki.middle.der).ski.hex()  # type: ignore[union-attr]
    assert done.missing.urls == ("http://ca.meadow.example/1.cer",)
    assert not done.missing.maybe_root
    upper = mend(leaf, given=[pki.middle.der]).missing
    assert upper is not None
    assert (upper.subject, upper.maybe_root) == ("CN=Meadow Root,O=Meadow", True)


def test_an_impostor_of_the_same_name_is_not_put_above(pki: SimpleNamespace) -> None:
    impostor = issue("Meadow Issuing 1", pki.stranger, ca=True, key=ec_key("impostor"))
    done = mend(pki.server, impostor)
    assert done.chain == (pki.server.der,)
    assert [(c.sent, c.reason) for c in done.dropped] == [(1, "signature-differs")]
    assert done.missing is not None
    both = mend(pki.server, impostor, given=[pki.root.der, pki.middle.der])
    assert both.chain == (pki.server.der, pki.middle.der)
    assert both.complete


def test_a_damaged_certificate_is_no_link_of_a_chain(pki: SimpleNamespace) -> None:
    done = mend(pki.server, corrupted(pki.middle), given=[pki.root.der])
    assert not done.complete
    assert done.missing is not None
    assert done.missing.subject == "CN=Meadow Root,O=Meadow"
    mended = mend(pki.server, corrupted(pki.middle), given=[pki.root.der, pki.middle.der])
    assert mended.chain == (pki.server.der, pki.middle.der)
    damaged = mend(corrupted(pki.server), pki.middle, pki.root)
    assert damaged.chain == (corrupted(pki.server),)
    assert [d.slug for d in damaged.remaining if d.certain] == []
    assert not damaged.complete


def test_doubles_strangers_and_rubbish_are_dropped(pki: SimpleNamespace) -> None:
    second = issue("bar.meadow.example", pki.middle, san=("bar.meadow.example",))
    done = mend(pki.server, pki.server, pki.middle, second, b"\x30\x03\x02\x01\x00", pki.other, given=[pki.root.der])
    assert done.chain == (pki.server.der, pki.middle.der)
    assert [(c.sent, c.reason) for c in done.dropped] == [
        (1, "duplicate"), (3, "other-owner"), (4, "unreadable"), (5, "not-on-path"),
    ]  # fmt: skip


def test_the_owner_can_be_told(pki: SimpleNamespace) -> None:
    second = issue("bar.meadow.example", pki.middle, san=("bar.meadow.example",))
    done = mend(pki.server, second, pki.middle, own=second.der)
    assert done.chain == (second.der, pki.middle.der)
    assert [(c.sent, c.reason) for c in done.dropped] == [(0, "other-owner")]
    assert mend(pki.middle, own=second.der).chain == (second.der, pki.middle.der)


def test_the_path_that_the_other_side_trusts_is_taken(pki: SimpleNamespace) -> None:
    crossed = issue("Heath Root", pki.root, ca=True, key=pki.stranger.key)
    leaf = issue("crossed", pki.other, san=("crossed.example",))
    ours = mend(leaf, pki.other, given=[crossed.der, pki.stranger.der], anchors=[pki.root.der])
    assert ours.chain == (leaf.der, pki.other.der, crossed.der)
    theirs = mend(leaf, pki.other, crossed, given=[pki.stranger.der], anchors=[pki.stranger.der])
    assert theirs.chain == (leaf.der, pki.other.der)
    assert theirs.complete
    assert ours.complete


def test_a_renewed_intermediate_takes_the_place_of_the_expired(pki: SimpleNamespace) -> None:
    old = issue("Meadow Issuing 1", pki.root, ca=True, key=pki.middle.key, begins=NOON - days(300), ends=NOON - days(1))
    done = mend(pki.server, old, given=[pki.root.der, pki.middle.der])
    assert done.chain == (pki.server.der, pki.middle.der)
    assert [c.reason for c in done.dropped] == ["not-on-path"]


def test_an_intermediate_that_is_an_anchor_stays_in_the_chain(pki: SimpleNamespace) -> None:
    done = mend(pki.server, anchors=[pki.middle.der])
    assert done.chain == (pki.server.der, pki.middle.der)
    assert done.complete


def test_what_no_order_mends_remains(pki: SimpleNamespace) -> None:
    late = issue("late", pki.middle, begins=NOON - days(90), ends=NOON - days(1))
    done = mend(pki.middle, late, given=[pki.root.der])
    assert done.complete
    assert [(d.slug, d.index) for d in done.remaining] == [("expired", 0)]


def test_a_self_signed_certificate_is_its_own_chain() -> None:
    alone = issue("till", san=("till.example",))
    done = mend(alone)
    assert (done.chain, done.complete, done.root) == ((alone.der,), True, alone.der)


def test_nothing_gives_nothing() -> None:
    assert mend().chain == ()
    assert mend(b"", b"\x30").chain == ()
    assert [c.reason for c in mend(b"", b"\x30").dropped] == ["unreadable", "unreadable"]


def test_only_issuers_are_taken_from_a_large_store(pki: SimpleNamespace) -> None:
    crowd = [issue(f"Crowd {n}", ca=True).der for n in range(60)]
    found = nearest([read(pki.server.der)], [*crowd, pki.root.der, pki.middle.der])
    assert [c.common_name for c in found] == ["Meadow Issuing 1", "Meadow Root"]


def test_pem_is_read_again_and_a_hostile_name_breaks_no_block(pki: SimpleNamespace) -> None:
    evil = issue("x\n-----BEGIN CERTIFICATE-----\nAAAA\x1b[2J", pki.middle)
    text = to_pem([evil.der, pki.middle.der])
    assert certificates(text.encode()) == [evil.der, pki.middle.der]
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert len(comments) == 2
    assert comments[1] == (
        "# subject CN=Meadow Issuing 1,O=Meadow; issuer CN=Meadow Root,O=Meadow; valid 2024-05-02T12:00:00Z to 2025-05-02T12:00:00Z"
    )
    assert "\x1b" not in text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_list_gives_a_chain_in_which_every_signature_fits(pki: SimpleNamespace, data: st.DataObject) -> None:
    pool = [getattr(pki, name).der for name in ("root", "middle", "server", "client", "stranger", "other", "sibling")]
    pool += [corrupted(pki.middle), b"", b"\x30\x80", pki.server.der[:200]]
    sent = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    at_hand = data.draw(st.lists(st.sampled_from(pool), max_size=8))
    trusts = data.draw(st.none() | st.lists(st.sampled_from(pool[:7]), max_size=3))
    done = repaired(sent, at=AT, given=at_hand, anchors=trusts, with_root=data.draw(st.booleans()))
    chain = [read(der) for der in done.chain]
    assert all(verifies(below, above) for below, above in itertools.pairwise(chain)), [c.problems for c in chain]
    assert set(done.chain) <= {*sent, *at_hand, *(trusts or ())}
    assert {c.sent for c in done.dropped} | {sent.index(d) for d in done.chain if d in sent} == set(range(len(sent)))
    assert done.complete or done.missing or not chain or not chain[-1].issuer_der
    again = repaired(done.chain, at=AT, given=at_hand, anchors=trusts, with_root=True)
    assert again.chain[: len(done.chain)] == done.chain


@pytest.mark.parametrize("usage", [(), (SERVER,)])
def test_thousands_of_certificates_of_one_name_end(usage: tuple[x509.ObjectIdentifier, ...]) -> None:
    same = [issue("Ring", ca=True, serial=n + 1, usage=usage).der for n in range(300)]
    leaf = issue("leaf", issue("Ring", ca=True))
    assert mend(leaf, *same[:40], given=same).chain[0] == leaf.der
