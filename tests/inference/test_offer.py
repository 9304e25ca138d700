"""In which dimensions a hello is narrower than everybody's, and which restriction follows from which."""

from __future__ import annotations

from typing import Any

import pytest

from story import SCHEMES, TLS12_SUITES, TLS13_SUITES, hello
from whytls.inference.offer import Narrowness, restrictions
from whytls.wire.message import ClientHello

TLS10, TLS12 = 0x0301, 0x0303
RSA, ECDSA = (0x0804, 0x0401), (0x0403, 0x0503)
ECDSA_SUITES, RSA_SUITES = (0xC02B, 0xC02C, 0xC009), (0xC02F, 0xC030, 0xC013)


def narrow(**fields: Any) -> dict[str, Narrowness]:
    value = hello(**fields).value
    assert isinstance(value, ClientHello)
    found = restrictions(value)
    assert len({n.dimension for n in found}) == len(found)
    return {n.dimension: n for n in found}


def named(value: object) -> str:
    """A parameter's name in the report; a set has no order of its own, and every worker must find the same names."""
    return str(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"version": TLS12},
        {"suites": (0x1302, 0xC030, 0xC02C, 0x009F)},
        {"suites": (0x1301, 0x1302, 0x1303)},
        {"suites": (*TLS12_SUITES, 0x00FF), "version": TLS12},
        {"groups": (0x001D, 0x0018)},
        {"groups": (0x0017, 0x0100)},
        {"groups": None},
        {"schemes": None, "version": TLS12},
        {"alpn": ("h2",)},
    ],
    ids=named,
)
def test_what_everybody_offers_is_no_restriction(fields: dict[str, Any]) -> None:
    assert narrow(**fields) == {}


@pytest.mark.parametrize(
    ("fields", "dimensions"),
    [
        ({"version": TLS10, "schemes": None}, {"version"}),
        ({"version": TLS12, "suites": (0x002F, 0x0035)}, {"suite"}),
        ({"version": TLS12, "suites": (0xC02B,)}, {"suite"}),
        ({"version": TLS12, "suites": ECDSA_SUITES}, {"suite"}),
        ({"version": TLS12, "suites": RSA_SUITES}, {"suite"}),
        ({"suites": (0x1303,)}, {"suite"}),
        ({"suites": (0x1303, *TLS12_SUITES)}, {"suite"}),
        ({"groups": (0x0018,)}, {"group"}),
        ({"groups": (0x001E, 0x0018)}, {"group"}),
        ({"groups": ()}, {"group"}),
        ({"schemes": RSA}, {"signature"}),
        ({"schemes": ECDSA}, {"signature"}),
        ({"schemes": ()}, {"signature"}),
        ({"groups": (0x0018,), "schemes": RSA}, {"group", "signature"}),
    ],
    ids=named,
)
def test_what_only_a_restricted_client_offers(fields: dict[str, Any], dimensions: set[str]) -> None:
    found = narrow(**fields)
    assert set(found) == dimensions
    assert all(n.text for n in found.values())


def test_an_old_version_brings_old_suites() -> None:
    found = narrow(version=TLS10, suites=(0x002F,), schemes=None)
    assert found["version"].leads(found["suite"])
    assert not found["suite"].leads(found["version"])


def test_openssl_takes_out_suites_that_the_signature_schemes_exclude() -> None:
    found = narrow(version=TLS12, suites=ECDSA_SUITES, schemes=ECDSA)
    assert found["signature"].leads(found["suite"])
    unrelated = narrow(version=TLS12, suites=RSA_SUITES, schemes=ECDSA)
    assert not unrelated["signature"].leads(unrelated["suite"])


def test_a_suite_that_everybody_has_is_the_weaker_sign() -> None:
    found = narrow(version=TLS12, suites=(0xC02F,), groups=(0x0018,))
    assert found["group"].leads(found["suite"])
    odd = narrow(version=TLS12, suites=(0xC0AC,), groups=(0x0018,))
    assert not odd["group"].leads(odd["suite"])


def test_unknown_numbers_are_no_trouble() -> None:
    assert set(narrow(suites=(0xEAEA, 0xFFFE), groups=(0xEAEA,), schemes=(0xFFFF,))) == {"suite", "group", "signature"}


def test_the_story_offers_what_everybody_does() -> None:
    assert set(SCHEMES) >= {*RSA, *ECDSA}
    assert len(TLS13_SUITES) == 3
