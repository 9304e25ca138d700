"""Why an offer is refused, by servers that are functions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from model_server import Model, ask, models

from whytls.probing.offer import Answer, Dialogue, Offer, broad, suites_for
from whytls.probing.why import MOST, Why, modern, why
from whytls.wire.registry import SSL3, TLS10, TLS11, TLS12, TLS13

RSA_SUITES = (0xC02F, 0xC030, 0x009C, 0x002F)
TICKS = (0x0804, 0x0401)


def asked(model: Model, offer: Offer, *, named: bool = False) -> tuple[Why, int]:
    first = model.answer(offer)
    found, questions = ask(model, why(offer, first, named=named))
    return found, questions + 1


@pytest.mark.parametrize(
    ("model", "reason", "needed"),
    [
        (Model({TLS12: RSA_SUITES}), "accepted", ()),
        (Model({TLS11: (0x002F,)}), "version", ("versions",)),
        (Model({TLS10: (0x002F, 0x000A)}), "version", ("versions",)),
        (Model({TLS12: (0x0041, 0x0005)}), "suites", ("suites",)),
        (Model({TLS12: (0xC02F,)}, groups=(26, 9)), "groups", ("groups",)),
        (Model({TLS13: (0x1301,)}, groups=(30,)), "groups", ("groups",)),
        (Model({TLS12: (0xC02F,)}, schemes=(0x0201,)), "signature-schemes", ("schemes",)),
        (Model({TLS10: (0x0005,)}), "version", ("versions", "suites")),
        (Model({TLS12: RSA_SUITES}, alpn=("imap",), unknown_protocol="alert"), "alpn", ("alpn",)),
        (Model({TLS12: (0xC02B,)}, certificates=frozenset(("ECDSA",)), curve=25, schemes=(0x0603,)), "groups", ("groups", "schemes")),
    ],
)  # fmt: skip
def test_what_a_modern_offer_lacks(model: Model, reason: str, needed: tuple[str, ...]) -> None:
    found, questions = asked(model, modern())
    assert (found.reason, found.needed) == (reason, needed)
    assert questions <= MOST


def test_a_server_of_ssl3_alone() -> None:
    found, questions = asked(Model({SSL3: (0x0005, 0x000A)}), modern())
    assert found.reason == "version"
    assert found.offer is not None
    assert found.offer.versions[0] <= TLS10  # which offers SSL 3.0, too
    assert questions <= MOST


def test_long_lists_are_not_wanted() -> None:
    found, _ = asked(Model({TLS12: RSA_SUITES}, most_suites=128), broad())
    assert (found.reason, found.needed) == ("suites", ("suites",))


def carried(dialogue: Dialogue[Why], answer: Callable[[Offer], Answer]) -> tuple[Why, int]:
    """A dialogue with a server that has no memory."""
    count = 0
    try:
        offer = next(dialogue)
        while True:
            count += 1
            offer = dialogue.send(answer(offer))
    except StopIteration as end:
        return end.value, count


def test_a_name_is_not_wanted() -> None:
    model = Model({TLS12: RSA_SUITES})
    refusal = Answer(99, "refused", 112)
    found, count = carried(why(broad(), refusal, named=True), lambda offer: model.answer(offer) if offer.name is None else refusal)
    assert (found.reason, found.needed) == ("sni", ("name",))
    assert count <= 4


@pytest.mark.parametrize(("end", "reason"), [("silence", "silence"), ("foreign", "not-tls"), ("refused-connection", "unreachable")])
def test_who_never_takes_anything(end: str, reason: str) -> None:
    found, count = carried(why(modern(), Answer(1, end), named=True), lambda _: Answer(2, end))
    assert found.reason == reason
    assert count <= 3


@settings(max_examples=300)
@given(models())
def test_every_change_is_needed_and_all_are_enough(model: Model) -> None:
    """Whatever the server is: what was found is taken, and with any one change put back it is not."""
    control = modern()
    found, questions = asked(model, control)
    assert questions <= MOST
    if found.offer is None:
        assert model.broken or not any(model.accepts(version) for version in (TLS13, TLS12, TLS11, TLS10) if _plain(model, version))
        return
    assert model.answer(found.offer).accepted
    for part in found.needed:
        assert not model.answer(found.offer._replace(**{part: getattr(control, part)})).accepted or len(found.needed) == 1


def _plain(model: Model, version: int) -> bool:
    """Whether a version can be had at all: the highest that the server has is chosen first, and can have nothing in common."""
    return version == max(model.suites) and suites_for(version) != () and not model.alpn
