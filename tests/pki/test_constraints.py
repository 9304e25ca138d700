"""Name constraints, kind by kind."""

from __future__ import annotations

import time

import pytest

from whytls.pki.certificate import Certificate, NameConstraints
from whytls.pki.constraints import readable, violation


def ca(*, permitted: tuple[tuple[str, str], ...] = (), excluded: tuple[tuple[str, str], ...] = ()) -> Certificate:
    return Certificate(b"", "", name_constraints=NameConstraints(permitted, excluded))


def leaf(kind: str, name: str) -> Certificate:
    if kind == "dns":
        return Certificate(b"", "", dns_names=(name,))
    if kind == "ip":
        return Certificate(b"", "", ip_addresses=(name,))
    if kind == "dirname":
        return Certificate(b"", "", subject_canonical=name)
    return Certificate(b"", "", other_names=((kind, name),))


@pytest.mark.parametrize(
    ("kind", "subtree", "inside", "outside"),
    [
        ("dns", "example.com", "a.EXAMPLE.com", "example.com.evil.net"),
        ("dns", "example.com", "example.com", "notexample.com"),
        ("dns", ".example.com", "a.example.com", "example.org"),
        ("dns", "example.com", "*.example.com", "*.com"),
        ("ip", "10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("ip", "2001:db8::/32", "2001:db8::7", "10.2.0.1"),
        ("email", "example.com", "ann@example.com", "ann@mail.example.com"),
        ("email", ".example.com", "ann@mail.example.com", "ann@example.com"),
        ("email", "ann@example.com", "ann@example.com", "bob@example.com"),
        ("uri", "example.com", "https://example.com/x", "https://a.example.com/x"),
        ("uri", ".example.com", "spiffe://a.example.com:1/x", "spiffe://u@example.com"),
        ("dirname", "2.5.4.10=meadow", "2.5.4.10=meadow\x1e2.5.4.3=till", "2.5.4.10=meadows"),
    ],
)
def test_inside_and_outside(kind: str, subtree: str, inside: str, outside: str) -> None:
    assert violation(leaf(kind, inside), ca(permitted=((kind, subtree),))) is None
    assert violation(leaf(kind, outside), ca(permitted=((kind, subtree),))) == (kind, outside, "")
    assert violation(leaf(kind, inside), ca(excluded=((kind, subtree),))) == (kind, inside, subtree)
    assert violation(leaf(kind, outside), ca(excluded=((kind, subtree),))) is None


def test_only_names_of_the_constrained_kind_are_bound() -> None:
    assert violation(leaf("ip", "10.0.0.1"), ca(permitted=(("dns", "example.com"),))) is None


def test_common_name_that_looks_like_a_host_is_bound_where_there_is_no_dns_name() -> None:
    named = Certificate(b"", "", common_names=("shop.example.org",))
    assert violation(named, ca(permitted=(("dns", "example.com"),))) == ("dns", "shop.example.org", "")
    assert violation(Certificate(b"", "", common_names=("Shop 7",)), ca(permitted=(("dns", "example.com"),))) is None


def test_no_constraints() -> None:
    assert violation(leaf("dns", "a.example"), Certificate(b"", "")) is None


def test_thousands_of_names_and_subtrees_take_bounded_time() -> None:
    names = Certificate(b"", "", dns_names=tuple(f"h{i}.example.com" for i in range(5000)))
    many = ca(excluded=tuple(("dns", f"x{i}.example.org") for i in range(5000)))
    begin = time.process_time()
    assert violation(names, many) is None
    assert time.process_time() - begin < 2


def test_readable() -> None:
    assert readable("a=1\x1eb=2\x1fc=3") == "a=1, b=2+c=3"
