"""Which certificates of a file belong together."""

from __future__ import annotations

from types import SimpleNamespace

from authority import issue
from whytls.pki.grouping import Issuers, runs


def places(*issued) -> list[list[int]]:  # type: ignore[no-untyped-def]
    return [list(group) for group in runs([one.der for one in issued])]


def test_a_small_file_with_one_end_entity_is_one_chain_in_any_order(pki: SimpleNamespace) -> None:
    assert places(pki.server, pki.middle, pki.root) == [[0, 1, 2]]
    assert places(pki.root, pki.server, pki.middle) == [[0, 1, 2]]
    assert places(pki.server, pki.other) == [[0, 1]]  # a wrong intermediate is presented all the same
    assert places(pki.server) == [[0]]
    assert places() == []


def test_anchors_stand_alone(pki: SimpleNamespace) -> None:
    assert places(pki.root, pki.stranger, pki.middle) == [[0], [1], [2]]


def test_several_end_entities_begin_a_chain_each(pki: SimpleNamespace) -> None:
    assert places(pki.root, pki.server, pki.middle, pki.client, pki.middle, pki.root) == [[0], [1, 2], [3, 4, 5]]


def test_in_a_collection_a_chain_hangs_together_by_names(pki: SimpleNamespace) -> None:
    anchors = [issue(f"Root {n}", ca=True) for n in range(12)]
    found = places(*anchors[:6], pki.server, pki.middle, pki.root, *anchors[6:])
    assert found == [[n] for n in range(6)] + [[6, 7, 8]] + [[n] for n in range(9, 15)]


def test_issuers_are_followed_by_name_and_key_identifier(pki: SimpleNamespace) -> None:
    der = [pki.root.der, pki.stranger.der, pki.middle.der, pki.server.der]
    assert Issuers(der).chain(pki.server.der) == (pki.server.der, pki.middle.der, pki.root.der)
    assert Issuers([pki.stranger.der]).chain(pki.server.der) == (pki.server.der,)
    twins = [issue("Twin", pki.root, ca=True), issue("Twin", pki.stranger, ca=True)]
    leaf = issue("leaf", twins[1])
    assert Issuers([twin.der for twin in twins]).chain(leaf.der)[1] in [twin.der for twin in twins]


def test_a_circle_of_issuers_ends(pki: SimpleNamespace) -> None:
    one = issue("One", issue("Two", ca=True), ca=True)
    two = issue("Two", issue("One", ca=True), ca=True)
    assert len(Issuers([one.der, two.der]).chain(one.der)) == 2
