"""Revocation lists and OCSP responses read from files: what they are, and what is said of those that are none."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.exceptions import DamagedInput, InputError, WhytlsError
from whytls.pki.readers import revocation
from whytls.pki.readers.revocation import Crl, OcspResponse, Scope, read_revocation, revocation_in

FILES = Path(__file__).parents[1] / "revocations"
LISTS, RESPONSES = sorted(FILES.glob("*.crl*")), sorted(FILES.glob("*.ocsp"))
URL = "http://crl.orchard.example/issuing.crl"


def the(name: str) -> Crl | OcspResponse:
    (found,) = read_revocation(FILES / name)
    return found


def test_pem_and_der_say_the_same() -> None:
    pem, der = the("full.crl.pem"), the("full.crl")
    assert isinstance(pem, Crl)
    assert isinstance(der, Crl)
    assert (pem.issuer, pem.kind, pem.scope) == ("CN=Orchard Issuing,O=Orchard", "crl", Scope())
    assert (pem.number, pem.this_update, pem.next_update) == (der.number, der.this_update, der.next_update)
    assert pem.next_update - pem.this_update == 30 * 86_400 * 10**9  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "kind", "scope", "strange"),
    [
        ("delta", "delta-crl", Scope(), False),
        ("indirect", "indirect-crl", Scope(urls=(URL,)), False),
        ("cas", "crl", Scope(authorities_only=True), False),
        ("point", "crl", Scope(urls=(URL,)), False),
        ("strange", "crl", Scope(), True),
    ],
)
def test_kinds_of_lists_are_told_apart(name: str, kind: str, scope: Scope, strange: bool) -> None:
    found = the(f"{name}.crl.pem")
    assert isinstance(found, Crl)
    assert (found.kind, found.scope, found.strange) == (kind, scope, strange)


def test_responses() -> None:
    found, by_key, refused = the("good.ocsp"), the("by-key.ocsp"), the("unauthorized.ocsp")
    assert isinstance(found, OcspResponse)
    assert isinstance(by_key, OcspResponse)
    assert isinstance(refused, OcspResponse)
    assert (found.status, found.responder) == ("successful", "CN=Orchard Responder,O=Orchard")
    assert len(by_key.responder) == 40
    assert (refused.status, refused.produced_at) == ("unauthorized", None)


def test_several_in_one_file_with_text_between() -> None:
    response = base64.encodebytes((FILES / "good.ocsp").read_bytes())
    text = (FILES / "full.crl.pem").read_bytes() + b"a note\n" + (FILES / "good.pem").read_bytes()
    text += b"-----BEGIN OCSP RESPONSE-----\n" + response + b"-----END OCSP RESPONSE-----\n"
    assert [source.kind for source in revocation_in(text, "both")] == ["crl", "ocsp"]


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", InputError, "expected BEGIN X509 CRL"),
        (b"hello", InputError, "no revocation list"),
        ((FILES / "good.pem").read_bytes(), InputError, "expected BEGIN X509 CRL"),
        (b"-----BEGIN X509 CRL-----\nAAAA", DamagedInput, "byte 0: the X509 CRL block has no end"),
        (b"x\n-----BEGIN X509 CRL-----\n!!!!\n-----END X509 CRL-----\n", DamagedInput, "byte 2: .* not Base64"),
        (b"\x30\x82\xff\xff\x00", DamagedInput, "damaged: DER element longer"),
        (b"\x30\x03\x02\x01\x00", InputError, "neither a revocation list nor an OCSP response"),
    ],
)
def test_what_is_none_says_what_would_be_one(data: bytes, error: type[WhytlsError], text: str) -> None:
    with pytest.raises(error, match=text):
        revocation_in(data, "some.file")


def test_size_and_number_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_revocation(tmp_path / "absent")
    block = (FILES / "full.crl.pem").read_bytes()
    monkeypatch.setattr(revocation, "MOST_SOURCES", 3)
    with pytest.raises(InputError, match="more than 3 revocation lists"):
        revocation_in(block * 4, "many")
    large = tmp_path / "large.crl"
    with large.open("wb") as file:
        file.truncate(revocation.LARGEST_FILE + 1)
    with pytest.raises(InputError, match="too large"):
        read_revocation(large)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LISTS + RESPONSES), st.data())
def test_damage_raises_only_our_errors(path: Path, data: st.DataObject) -> None:
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        assert revocation_in(cut, "damaged")
    except WhytlsError as error:
        assert error.file == "damaged"  # noqa: PT017


def test_there_are_files() -> None:
    assert len(LISTS) >= 9
    assert len(RESPONSES) >= 10
