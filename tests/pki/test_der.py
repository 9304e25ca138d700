"""The lenient reader's own cases."""

from __future__ import annotations

import pytest
from cryptography import x509

from whytls.exceptions import Malformed
from whytls.pki import der


@pytest.mark.parametrize(
    ("tag", "text", "moment"),
    [
        (0x17, b"240601120000Z", 1717243200),
        (0x17, b"490101000000Z", 2493072000),
        (0x17, b"500101000000Z", -631152000),
        (0x17, b"2406011200Z", 1717243200),
        (0x17, b"240601140000+0200", 1717243200),
        (0x18, b"20240601120000Z", 1717243200),
        (0x18, b"20240601120000.123Z", 1717243200),
        (0x18, b"99991231235959Z", 253402300799),
    ],
)
def test_times(tag: int, text: bytes, moment: int) -> None:
    assert der.time(tag, text) == moment * 1_000_000_000


@pytest.mark.parametrize(("tag", "text"), [(0x17, b"20240601120000Z"), (0x18, b"2406011200Z"), (0x17, b"241301120000Z"), (0x17, b""), (0x17, b"x")])
def test_no_times(tag: int, text: bytes) -> None:
    with pytest.raises(Malformed):
        der.time(tag, text)


def test_identifiers() -> None:
    for dotted in ("2.5.4.3", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25", "2.999.1"):
        encoded = x509.RegisteredID(x509.ObjectIdentifier(dotted))
        san = x509.SubjectAlternativeName([encoded]).public_bytes()
        entry = next(der.children(san, der.element(san, 0, len(san))))
        assert der.dotted(san[entry.body : entry.end]) == dotted
    with pytest.raises(Malformed):
        der.dotted(b"")


def test_strings() -> None:
    assert der.text(0x0C, "grün".encode()) == "grün"
    assert der.text(0x1E, "grün".encode("utf-16-be")) == "grün"
    assert der.text(0x1C, "grün".encode("utf-32-be")) == "grün"
    assert der.text(0x13, b"gr\xfcn") == "grün"
    assert der.text(0x0C, b"\xff") == "�"


def test_names_are_written_as_the_library_writes_them() -> None:
    name = x509.Name([
        x509.NameAttribute(x509.NameOID.DOMAIN_COMPONENT, "example"),
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, ' a,b+c"<>;\\ '),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "#1"),
    ])  # fmt: skip
    encoded = name.public_bytes()
    assert der.rfc4514(der.name(encoded, der.element(encoded, 0, len(encoded)))) == name.rfc4514_string()


def test_canonical_form_ignores_case_space_and_order_within_one_relative_name() -> None:
    left = [[("2.5.4.10", "Meadow  Ltd"), ("2.5.4.3", "A")]]
    right = [[("2.5.4.3", "a"), ("2.5.4.10", " meadow ltd")]]
    assert der.canonical(left) == der.canonical(right)
    assert der.canonical([[("2.5.4.3", "a")], [("2.5.4.3", "b")]]) != der.canonical([[("2.5.4.3", "b")], [("2.5.4.3", "a")]])


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x05\0", b"\x30\x80\0\0", b"\x1f\x01\0", b"\x30\x85\0\0\0\0\0", b"\x30\x82\x01"])
def test_damaged_elements(data: bytes) -> None:
    with pytest.raises(Malformed):
        der.element(data, 0, len(data))
