"""Host names against certificates, as RFC 9525 wants it, and where clients differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.pki.certificate import Certificate
from whytls.pki.name import as_address, match, normalised


def certificate(*names: str, cn: str = "", ips: tuple[str, ...] = ()) -> Certificate:
    return Certificate(
        b"", "", dns_names=names, has_san=bool(names or ips), common_names=(cn,) if cn else (), ip_addresses=ips
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "presented"),
    [
        ("shop.example.com", "shop.example.com"),
        ("SHOP.Example.com.", "shop.example.COM"),
        ("shop.example.com", "shop.example.com."),
        ("shop.example.com", "*.example.com"),
        ("xn--bcher-kva.example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("bücher.example", "BÜCHER.example"),
        ("a_b.example.com", "a_b.example.com"),
    ],
)
def test_matches_for_everyone(host: str, presented: str) -> None:
    found = match(host, certificate("other.example", presented))
    assert (found.matches, found.strict, found.by, found.why, found.pattern) == (True, True, "san", "", presented)


@pytest.mark.parametrize(
    ("host", "presented", "why"),
    [
        ("a.b.example.com", "*.example.com", "wildcard-depth"),
        ("example.com", "*.example.com", "wildcard-depth"),
        ("shop.example.com", "www.example.com", "san-differs"),
        ("shop.example.com", "example.com", "san-differs"),
        ("shop.example.com", "*.b.example.com", "san-differs"),
        ("shop.example.com", "shop.example.org", "other-domain"),
        ("shop.example.co.uk", "other.co.uk", "other-domain"),
        ("shop.example.co.uk", "www.example.co.uk", "san-differs"),
        ("shop.example.com", "notexample.com", "other-domain"),
        ("a.www.example.com", "a.*.example.com", "san-differs"),
        ("shop.example.com", "*", "other-domain"),
        ("shop.example.com", "**.example.com", "san-differs"),
        ("localhost", "shop.example.com", "other-domain"),
        ("", "shop.example.com", "other-domain"),
        ("shop.example.com", "", "other-domain"),
        ("shop.example.com\0.evil.example", "shop.example.com", "other-domain"),
    ],
)
def test_does_not_match(host: str, presented: str, why: str) -> None:
    found = match(host, certificate(presented))
    assert (found.matches, found.strict, found.why, found.presented) == (False, False, why, (presented,))


def test_lax_wildcards() -> None:
    assert match("example.com", certificate("*.com"))[:3] == (True, False, "san")
    assert match("example.com", certificate("*.com")).why == "wildcard-broad"
    assert match("shop7.example.com", certificate("shop*.example.com")).why == "wildcard-partial"
    assert not match("sho.example.com", certificate("shop*.example.com")).matches
    assert not match("xn--shop.example.com", certificate("xn*.example.com")).matches


def test_strict_match_is_preferred_to_a_lax_one() -> None:
    assert match("shop.example.com", certificate("s*.example.com", "shop.example.com")).strict


def test_common_name_only() -> None:
    found = match("shop.example.com", certificate(cn="shop.example.com"))
    assert (found.matches, found.strict, found.by, found.why) == (True, False, "cn", "cn-only")
    assert match("shop.example.com", certificate(cn="*.example.com")).why == "cn-only"
    assert match("shop.example.com", certificate(cn="www.example.com")).why == "san-differs"
    assert match("shop.example.com", certificate()).why == "no-names"


def test_common_name_counts_though_only_addresses_are_listed() -> None:
    assert match("shop.example.com", certificate(cn="shop.example.com", ips=("10.0.0.1",))).why == "cn-only"


def test_common_name_is_ignored_beside_dns_names() -> None:
    found = match("shop.example.com", certificate("www.example.com", cn="shop.example.com"))
    assert (found.matches, found.why, found.pattern) == (False, "cn-ignored", "shop.example.com")


def test_addresses() -> None:
    assert match("10.0.0.1", certificate(ips=("10.0.0.1",)))[:3] == (True, True, "ip")
    assert match("[2001:DB8::1]", certificate(ips=("2001:db8::1",))).matches
    assert match("fe80::1%eth0", certificate(ips=("fe80::1",))).matches
    assert match("10.0.0.1", certificate("shop.example.com")).why == "ip-without-ip-san"
    assert match("10.0.0.1", certificate(ips=("10.0.0.2",))).why == "ip-differs"
    assert match("10.0.0.1", certificate("10.0.0.1")).why == "ip-as-dns"
    assert match("10.0.0.1", certificate(cn="10.0.0.1")).why == "ip-as-dns"
    assert match("10.0.0.1", certificate("*.0.0.1")).why == "ip-without-ip-san"
    assert match("shop.example.com", certificate(ips=("10.0.0.2",))).why == "ip-differs"


def test_what_is_an_address() -> None:
    assert as_address("1.2.3.4") == "1.2.3.4"
    assert as_address("[::1]") == "::1"
    assert as_address("1.2.3") is None
    assert as_address("host7") is None
    assert as_address("") is None


def test_long_names_are_not_converted() -> None:
    long = "ü" * 5000 + ".example"
    assert normalised(long) == long


@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=5), st.text(max_size=50))
def test_any_text_gives_an_answer(host: str, names: list[str], cn: str) -> None:
    found = match(host, certificate(*names, cn=cn))
    assert found.matches == (found.by != "")
    assert found.strict <= found.matches
    assert (found.why == "") == found.strict
