"""What a server makes of names, from what was asked of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.probing.result import CertificateShown, NameAsked, Named, Refused
from whytls.probing.sni import Habit, habits, questions

OURS, OTHERS = (b"ours",), (b"others",)
NO = Refused(9, "refused", 112)


def named(which: Named, chain: tuple[bytes, ...] | None = OURS, refused: Refused | None = None) -> NameAsked:
    return NameAsked(which, None if which == "none" else f"{which}.example", 1, None if refused else chain, refused)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([named("right"), named("none"), named("unknown")], ()),
        ([named("right"), named("none", refused=NO), named("unknown")], ("sni-required",)),
        ([named("right"), named("none", refused=NO), named("unknown", refused=NO)], ("sni-required", "sni-unknown-rejected")),
        ([named("right"), named("none", OTHERS), named("unknown", OTHERS)], ("sni-default",)),
        ([named("right"), named("none"), named("unknown", refused=NO), named("unknown", refused=NO)], ("sni-unknown-rejected",)),
        ([named("right"), named("none"), named("unknown", refused=NO), named("unknown")], ()),
        ([named("right", refused=NO), named("none", refused=NO)], None),
        ([named("none"), named("unknown", refused=NO)], None),
        ([], None),
    ],
)
def test_habits(names: list[NameAsked], found: tuple[Habit, ...] | None) -> None:
    assert habits(names) == found


def test_a_certificate_with_another_kind_of_key_is_no_other_site() -> None:
    shown = [CertificateShown("right.example", "ecdsa", OURS, (1,)), CertificateShown("right.example", "rsa", OTHERS, (2,))]
    assert habits([named("right"), named("none", OTHERS)], shown) == ()
    assert habits([named("right"), named("none", (b"third",))], shown) == ("sni-default",)


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)


@given(st.lists(LABEL, min_size=2, max_size=4))
def test_the_names_that_are_asked(labels: list[str]) -> None:
    name = ".".join(labels)
    asked = questions(name, "whytls-1")
    assert [question.named for question in asked] == ["none", "unknown", "unknown", "wrong"]
    sent = [question.server_name for question in asked]
    assert len({*sent, name}) == 5
    for other in sent[1:]:
        assert other is not None
        assert other.count(".") >= 1  # never a whole top-level domain of others


def test_without_a_name_only_a_foreign_one_is_asked() -> None:
    assert [question.named for question in questions(None, "whytls-1")] == ["unknown"]
