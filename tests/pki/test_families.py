"""Host names as each client family compares them: a table of what tells them apart, each cell seen with the real client."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.chains import clients
from lab.chains.hosts import HOSTS, PRESENTED, presenting
from lab.chains.plan import made

from whytls.pki.certificate import Certificate, read
from whytls.pki.families import FAMILIES, families, one
from whytls.pki.name import match

HOST = "api.harbour.example"


def leaf(form: str) -> Certificate:
    return read(made(presenting(form, HOST), form, ()).chain[0])


# o: OpenSSL, c: curl, p: Python, j: Java, g: Go, b: browser
@pytest.mark.parametrize(
    ("form", "host", "accepted", "why"),
    [
        ("exact", HOST, "ocpjgb", ""),
        ("exact", "API.Harbour.example", "ocpjgb", ""),
        ("exact", "www.harbour.example", "", "san-differs"),
        ("wildcard", HOST, "ocpjgb", ""),
        ("wildcard", "harbour.example", "", "wildcard-depth"),
        ("cn", HOST, "ocpj", "cn-only"),
        ("dns-with-other-cn", HOST, "", "cn-ignored"),
        ("ip-with-cn", HOST, "opj", "cn-only"),
        ("email-with-cn", HOST, "ocpj", "cn-only"),
        ("wildcard-front", HOST, "oj", "wildcard-partial"),
        ("wildcard-back", HOST, "oj", "wildcard-partial"),
        ("wildcard-middle", HOST, "j", "wildcard-partial"),
        ("wildcard-second", HOST, "j", "other-domain"),
        ("wildcard-broad", "harbour.example", "jg", "wildcard-broad"),
        ("wildcard-suffix", "shop.co.uk", "ocpjg", ""),
        ("wildcard-ace", "xn--bliss-1b3c148a.harbour.example", "", "san-differs"),
        ("ace", "xn--bcher-kva.example", "ocpjgb", ""),
        ("ace", "bücher.example", "cpjgb", ""),
        ("exact", HOST + ".", "cjgb", ""),
        ("trailing-dot", HOST, "cb", ""),
        ("trailing-dot", HOST + ".", "ocpgb", ""),
        ("underscore", "a_b.harbour.example", "ocpgb", ""),
        ("ip4", "10.1.2.3", "ocpjgb", ""),
        ("ip4-as-dns", "10.1.2.3", "", "ip-as-dns"),
        ("cn-address", "10.1.2.3", "c", "ip-as-dns"),
        ("ip6", "2001:db8::1", "ocpjgb", ""),
        ("ip6", "[2001:DB8::1]", "ocpjgb", ""),
        ("ip4", "::ffff:10.1.2.3", "jg", "ip-differs"),
        ("nul", HOST, "", "other-domain"),
    ],
)
def test_what_each_family_makes_of_it(form: str, host: str, accepted: str, why: str) -> None:
    found = families(host, leaf(form))
    assert [f.family for f in found] == list(FAMILIES)
    assert "".join(f.family[0] for f in found if f.accepted) == accepted
    assert {f.why for f in found if f.accepted or not accepted} <= {why, ""}
    for f in found:
        assert f.accepted == bool(f.by) == (not f.words)
        assert f.measured == (f.family != "browser")


def test_why_a_family_refuses_what_the_standard_takes() -> None:
    assert one("python", HOST + ".", leaf("exact")).why == "trailing-dot"
    assert one("java", "a_b.harbour.example", leaf("underscore")).why == "not-a-host-name"
    assert one("go", HOST, leaf("cn")).why == "cn-only"


def test_words() -> None:
    said = {f.family: f.words for f in families("www.orchard.example", leaf("exact"))}
    assert said == {
        "openssl": "hostname mismatch",
        "curl": "SSL: no alternative certificate subject name matches target host name 'www.orchard.example'",
        "python": "certificate verify failed: Hostname mismatch, certificate is not valid for 'www.orchard.example'.",
        "java": "No subject alternative DNS name matching www.orchard.example found.",
        "go": "x509: certificate is valid for api.harbour.example, not www.orchard.example",
        "browser": "NET::ERR_CERT_COMMON_NAME_INVALID",
    }


def test_what_the_standard_takes_without_reserve_is_taken_by_all_but_for_dots_and_underscores() -> None:
    for form in PRESENTED:
        certificate = leaf(form)
        for host in HOSTS:
            if match(host, certificate).strict and "_" not in host and not host.endswith(".") and "dot" not in form:
                refusing = [f.family for f in families(host, certificate) if not f.accepted]
                assert refusing in ([], ["browser"]) or form in ("utf8", "wildcard-suffix"), (form, host, refusing)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.sampled_from(sorted(PRESENTED)))
def test_any_host_gives_an_answer(host: str, form: str) -> None:
    assert len(families(host, leaf(form))) == 6


@pytest.mark.stacks
def test_python_and_curl_say_the_same() -> None:
    compared = 0
    for form in PRESENTED:
        case = clients.today(form, HOST)
        shown, certificate = clients.Shown(case), read(case.chain[0])
        try:
            for host, by_curl in zip(HOSTS, clients.curl(shown, HOSTS), strict=True):
                assert (one("curl", host, certificate).words or "ok") == by_curl, (form, host)
                by_python, said = clients.python(shown, host), one("python", host, certificate)
                assert said.words.endswith(by_python) if said.words else by_python == "ok", (form, host, by_python)
                compared += 2
        finally:
            shown.close()
    assert compared > 1_500
