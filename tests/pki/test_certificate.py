"""Certificates as values: sound ones by the library, damaged ones as far as they go, nothing ever raised."""

from __future__ import annotations

import datetime
import subprocess
import sys
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authority import CLIENT, NOON, SERVER, issue, rsa_key, usages
from whytls.pki import der as lenient
from whytls.pki.certificate import LARGEST, Certificate, _settled, read

SECOND = 1_000_000_000
RICH = issue(
    "rich.meadow.example",
    issue("Meadow Rich", ca=True),
    san=("rich.meadow.example", "*.rich.meadow.example", "10.1.2.3", "2001:db8::1"),
    usage=(SERVER, CLIENT),
    key_usage=usages("digital_signature", "key_agreement", "encipher_only"),
    serial=4711,
).der


def test_fields_of_a_sound_certificate(pki: SimpleNamespace) -> None:
    found = read(RICH)
    assert found.problem is None
    assert (found.version, found.serial, found.subject) == (3, 4711, "CN=rich.meadow.example,O=Meadow")
    assert found.issuer == "CN=Meadow Rich,O=Meadow"
    assert found.common_name == "rich.meadow.example"
    assert found.dns_names == ("rich.meadow.example", "*.rich.meadow.example")
    assert found.ip_addresses == ("10.1.2.3", "2001:db8::1")
    assert found.has_san
    assert found.is_ca is False
    assert found.extended_key_usage == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}
    assert found.key_usage == {"digital_signature", "key_agreement", "encipher_only"}
    assert (found.key_type, found.key_bits, found.curve, found.signature_hash) == ("ec", 256, "secp256r1", "sha256")
    assert found.not_before == int((NOON - datetime.timedelta(days=30)).timestamp()) * SECOND
    assert found.aki
    assert found.ski
    assert not found.self_issued
    assert read(pki.root.der).self_issued
    assert read(pki.middle.der).is_ca


def test_same_bytes_are_parsed_once() -> None:
    assert read(bytes(RICH)) is read(bytes(bytearray(RICH)))


def test_equal_by_content() -> None:
    assert read(RICH) == Certificate(RICH, "")
    assert len({read(RICH), Certificate(RICH, "")}) == 1
    assert read(RICH) != RICH


def test_rarer_extensions() -> None:
    urls = x509.AuthorityInformationAccess([
        x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/i.cer")),
        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example")),
    ])  # fmt: skip
    crl = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/1")], None, None, None)
    names = x509.SubjectAlternativeName([
        x509.RFC822Name("ann@example.com"), x509.UniformResourceIdentifier("spiffe://a/b"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ann")])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
    ])  # fmt: skip
    limits = x509.NameConstraints([x509.DNSName("example.com")], [x509.DNSName("bad.example.com")])
    staple = x509.TLSFeature([x509.TLSFeatureType.status_request])
    points = x509.CRLDistributionPoints([crl])
    found = read(issue("rare", ca=True, path_length=3, extra=(urls, points, names, limits, staple)).der)
    assert (found.aia_issuers, found.ocsp, found.crls) == (("http://ca.example/i.cer",), ("http://ocsp.example",), ("http://crl.example/1",))
    assert found.other_names == (
        ("email", "ann@example.com"), ("uri", "spiffe://a/b"), ("other", "1.2.3"), ("dirname", "2.5.4.3=ann"), ("other", "1.2.3.4")
    )  # fmt: skip
    assert found.name_constraints == ((("dns", "example.com"),), (("dns", "bad.example.com"),))
    assert found.must_staple
    assert found.path_length == 3


@pytest.mark.parametrize(
    ("key", "kind", "bits", "curve"),
    [
        (rsa_key(1024), "rsa", 1024, ""),
        (ec.generate_private_key(ec.SECP384R1()), "ec", 384, "secp384r1"),
        (ed448.Ed448PrivateKey.generate(), "ed448", None, ""),
    ],
)
def test_keys(pki: SimpleNamespace, key: object, kind: str, bits: int | None, curve: str) -> None:
    found = read(issue("keyed", pki.root, key=key).der)
    assert (found.key_type, found.key_bits, found.curve) == (kind, bits, curve)
    assert len(found.key_sha256) == 64


def test_validity() -> None:
    found = read(RICH)
    assert found.not_after
    assert not found.expired(found.not_after + SECOND - 1)
    assert found.expired(found.not_after + SECOND)
    assert found.not_yet_valid(found.not_before - 1)  # type: ignore[operator]
    assert not Certificate(b"", "").expired(0)


def test_dates_before_1970_and_after_2038() -> None:
    far = read(issue("far", begins=datetime.datetime(1951, 1, 1), ends=datetime.datetime(9999, 12, 31, 23, 59, 59)).der)
    assert far.not_before == -599_616_000 * SECOND
    assert far.not_after == 253_402_300_799 * SECOND


@pytest.mark.parametrize("garbage", [b"", b"\0", b"0", b"\x30\x82", b"-----BEGIN CERTIFICATE-----", b"\x30\x80" + b"\0" * 50, b"\xff" * 999])
def test_garbage(garbage: bytes) -> None:
    found = read(garbage)
    assert found.problem
    assert found.problem.startswith("not a readable certificate")
    assert found.sha256


def test_huge_certificate_is_named_and_not_kept() -> None:
    found = read(RICH + b"\0" * LARGEST)
    assert found.problem == f"larger than {LARGEST} bytes, not read"
    assert len(found.der) < 100


def test_cut_certificate_keeps_what_is_whole() -> None:
    for length in range(len(RICH)):
        found = read(RICH[:length])
        assert found.problem
        if length > 500:  # the end of the validity is long passed
            assert (found.serial, found.issuer, found.common_name) == (4711, "CN=Meadow Rich,O=Meadow", "rich.meadow.example")


def test_bytes_behind_the_certificate() -> None:
    found = read(RICH + b"\0\0")
    assert found.problem
    assert (found.serial, found.dns_names, found.key_bits) == (4711, read(RICH).dns_names, read(RICH).key_bits)


def test_negative_serial_number() -> None:
    place = RICH.index(b"\x02\x02\x12\x67")
    found = read(RICH[:place] + b"\x02\x02\x92\x67" + RICH[place + 4 :])
    assert found.serial == 0x9267 - 0x10000
    assert found.problem
    assert found.dns_names == read(RICH).dns_names


def test_one_damaged_extension_does_not_hide_the_others() -> None:
    place = RICH.index(bytes.fromhex("0603551d0f0101ff04"))  # key usage: identifier, critical, and the string that holds it
    broken = bytearray(RICH)
    assert broken[place + 10] == 0x03
    broken[place + 10] = 0x05  # no bit string any more
    found = read(bytes(broken))
    assert found.problem
    assert "extensions not readable" in found.problem
    assert found.dns_names == read(RICH).dns_names
    assert found.extended_key_usage == read(RICH).extended_key_usage
    assert found.key_usage is None


def test_lenient_reader_agrees_with_the_library(pki: SimpleNamespace) -> None:
    for der in (RICH, pki.root.der, pki.middle.der, pki.client.der, issue("rsa", key=rsa_key(1024), path_length=2, ca=True).der):
        sound = read(der)
        fields = _settled(lenient.fields(der))
        assert len(fields) >= 16
        assert {name: getattr(sound, name) for name in fields} == fields


@settings(max_examples=400, deadline=2000)
@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, len(RICH)))
@example([(20, 0x1F)], 0)
def test_mutated_certificates_never_raise(changes: list[tuple[int, int]], cut: int) -> None:
    mutated = bytearray(RICH)
    for place, value in changes:
        mutated[place] = value
    for der in (bytes(mutated), bytes(mutated[: len(RICH) - cut])):
        found = read(der)
        assert found.der == der
        lenient.fields(der)


@given(st.binary(max_size=400))
def test_any_bytes_never_raise(data: bytes) -> None:
    assert read(data).sha256
    lenient.fields(b"\x30\x82\x01\x00\x30\x81\xf0" + data)


def test_importing_the_room_does_not_import_the_library() -> None:
    rooms = "whytls.pki.chain, whytls.pki.store, whytls.pki.extract, whytls.pki.trust, whytls.pki.name"
    code = f"import sys, {rooms}; sys.exit(any(m.split('.')[0] in ('cryptography', 'ssl', 'ipaddress', 'asyncio') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
