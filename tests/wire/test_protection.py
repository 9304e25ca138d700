"""Records are opened as they were sealed, by whoever has the keys; what was touched on the way does not open."""

from __future__ import annotations

import pytest
import rfc8448
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import Malformed
from whytls.wire import secrets
from whytls.wire.protection import Keys, Protection, protection, protection_13, size_of
from whytls.wire.registry import SUITES, suite_facts, suite_number

VERSIONS = (0x0300, 0x0301, 0x0302, 0x0303, 0x0304)
# One suite of each kind of protection, in every version that has it.
KINDS = sorted(
    {
        (suite_facts(suite).cipher, suite_facts(suite).mac, version): suite
        for suite in SUITES
        for version in VERSIONS
        if suite_facts(suite).usable(version) and size_of(suite, version)
    }.items()
)


def pair(suite: int, version: int, outside: bool = False) -> tuple[Protection, Protection]:
    sizes = size_of(suite, version)
    assert sizes is not None
    keys = Keys(bytes(range(sizes.key)), bytes(range(sizes.iv)), bytes(range(sizes.mac)))
    return protection(suite, version, keys, outside), protection(suite, version, keys, outside)


def test_the_kinds_are_those_that_tls_has() -> None:
    ciphers = {cipher for (cipher, _, _), _ in KINDS}
    assert ciphers == {
        "AES_128_GCM", "AES_256_GCM", "AES_128_CCM", "AES_256_CCM", "AES_128_CCM_8", "AES_256_CCM_8", "CHACHA20_POLY1305", "AES_128_CBC",
        "AES_256_CBC", "CAMELLIA_128_CBC", "CAMELLIA_256_CBC", "SEED_CBC", "3DES_EDE_CBC", "DES_CBC", "IDEA_CBC", "RC4_128", "NULL",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "suite"), KINDS, ids=[f"{c}-{m}-{v:04x}" for (c, m, v), _ in KINDS])
@pytest.mark.parametrize("outside", [False, True], ids=["", "encrypt-then-mac"])
def test_what_is_sealed_is_opened(kind: tuple[str, str, int], suite: int, outside: bool) -> None:
    cipher, _, version = kind
    if outside and not cipher.endswith("_CBC"):
        outside = False
    sealing, opening = pair(suite, version, outside)
    wire = min(version, 0x0303)
    outer = (lambda inner: 23) if version == 0x0304 else (lambda inner: inner)
    for content_type, data in ((22, b"finished" * 5), (23, b""), (23, bytes(16384)), (21, b"\1\0")):
        body = sealing.seal(content_type, wire, data)
        assert opening.open(outer(content_type), wire, body) == (content_type, data)
    touched = bytearray(sealing.seal(23, wire, b"some data"))
    touched[-1] ^= 1
    with pytest.raises(Malformed):
        opening.open(23, wire, bytes(touched))


@given(st.sampled_from(KINDS), st.booleans(), st.lists(st.binary(max_size=300), max_size=4))
def test_arbitrary_records_do_not_open_and_do_no_harm(kind: tuple[tuple[str, str, int], int], outside: bool, bodies: list[bytes]) -> None:
    (cipher, _, version), suite = kind
    _, opening = pair(suite, version, outside and cipher.endswith("_CBC"))
    for body in bodies:
        with pytest.raises(Malformed):
            opening.open(23, 0x0303, body)


@given(st.binary(min_size=1, max_size=200), st.integers(0, 20))
def test_tls13_leaves_padding_out(data: bytes, zeros: int) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    inner = data + b"\x16" + bytes(zeros)
    head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
    body = AESGCM(bytes(16)).encrypt(bytes(12), inner, head)
    assert protection_13(0x1301, (bytes(16), bytes(12))).open(23, 0x0303, body) == (22, data)


def test_a_tls13_record_of_nothing_but_zeros_is_malformed() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    body = AESGCM(bytes(16)).encrypt(bytes(12), bytes(8), b"\x17\x03\x03\x00\x18")
    with pytest.raises(Malformed, match="content type"):
        protection_13(0x1301, (bytes(16), bytes(12))).open(23, 0x0303, body)


def test_the_servers_flight_of_rfc_8448() -> None:
    keys = secrets.traffic_keys("sha256", rfc8448.SERVER_HANDSHAKE_TRAFFIC, 16)
    kind, flight = protection_13(0x1301, keys).open(23, 0x0303, rfc8448.SERVER_FLIGHT_RECORD[5:])
    assert (kind, len(flight), flight[:1], flight[-36:-32]) == (22, 657, b"\x08", b"\x14\x00\x00\x20")
    assert rfc8448.SERVER_FLIGHT_RECORD[5:] == protection_13(0x1301, keys).seal(22, 0x0303, flight)
    before = rfc8448.CLIENT_HELLO + rfc8448.SERVER_HELLO + flight[:-36]
    assert flight[-32:] == secrets.finished_13("sha256", rfc8448.SERVER_HANDSHAKE_TRAFFIC, before)
    whole = rfc8448.CLIENT_HELLO + rfc8448.SERVER_HELLO + flight
    assert secrets.application_traffic("sha256", rfc8448.MAIN, "client", whole) == rfc8448.CLIENT_APPLICATION_TRAFFIC
    assert secrets.application_traffic("sha256", rfc8448.MAIN, "server", whole) == rfc8448.SERVER_APPLICATION_TRAFFIC


def test_what_has_no_library_has_no_size() -> None:
    for name in ("TLS_RSA_WITH_ARIA_128_GCM_SHA256", "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256", "TLS_RSA_EXPORT_WITH_RC4_40_MD5", "TLS_SM4_GCM_SM3"):
        number = suite_number(name)
        assert number is not None
        assert size_of(number, 0x0303) is None
    assert size_of(0xFFFE, 0x0303) is None
    assert size_of(0x002F, 0x0304) is None
