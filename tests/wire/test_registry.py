from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from whytls.wire import registry
from whytls.wire.registry import (
    ALERTS,
    GREASE,
    GROUPS,
    OPENSSL_SUITES,
    SCHEMES,
    SUITES,
    SuiteFacts,
    alert_name,
    certificate_type_name,
    extension_name,
    group_kind,
    group_name,
    handshake_name,
    is_tls13,
    reference,
    scheme_hash,
    scheme_key_type,
    scheme_name,
    suite_facts,
    suite_name,
    suite_number,
    suite_openssl_name,
    version_name,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_tables_are_what_the_data_file_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "make_registry.py", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_names() -> None:
    assert [version_name(n) for n in (2, 0x0300, 0x0301, 0x0303, 0x0304, 0x7F1C, 0xFEFD)] == [
        "SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.2", "TLS 1.3", "TLS 1.3 draft 28", "DTLS 1.2",
    ]  # fmt: skip
    assert suite_name(0xC02F) == "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert suite_name(0x010080) == "SSL_CK_RC4_128_WITH_MD5"
    assert suite_openssl_name(0xC02F) == "ECDHE-RSA-AES128-GCM-SHA256"
    assert suite_openssl_name(0x1301) == suite_openssl_name(0x1301) == "TLS_AES_128_GCM_SHA256"
    assert suite_openssl_name(0xC0FF) == "TLS_ECJPAKE_WITH_AES_128_CCM_8"  # OpenSSL has none
    assert [group_name(n) for n in (29, 23, 256, 0x11EB, 0x11EC, 0x11ED)] == [
        "x25519", "secp256r1", "ffdhe2048", "SecP256r1MLKEM768", "X25519MLKEM768", "SecP384r1MLKEM1024",
    ]  # fmt: skip
    assert scheme_name(0x0804) == "rsa_pss_rsae_sha256"
    assert [alert_name(n) for n in (40, 46, 116, 120, 121)] == [
        "handshake_failure", "certificate_unknown", "certificate_required", "no_application_protocol", "ech_required",
    ]  # fmt: skip
    assert (extension_name(0), extension_name(0xFE0D)) == ("server_name", "encrypted_client_hello")
    assert (handshake_name(12), certificate_type_name(64)) == ("server_key_exchange", "ecdsa_sign")
    assert (reference("suite", 0xC02F), reference("extension", 0), reference("alert", 121)) == ("RFC 5289", "RFC 6066", "RFC 9849")


def test_what_has_no_name_is_written_in_hexadecimal_and_grease_as_such() -> None:
    assert (suite_name(0x4321), group_name(0x4321), extension_name(0x4321), scheme_name(0x4321)) == ("0x4321",) * 4
    assert (version_name(0x0305), alert_name(200), handshake_name(77)) == ("0x0305", "0xc8", "0x4d")
    assert {suite_name(n) for n in GREASE} == {group_name(n) for n in GREASE} == {"GREASE"}
    assert len(GREASE) == 16
    assert reference("group", 0x4321) == ""


def test_the_lists_are_whole() -> None:
    assert len(SUITES) > 400
    assert len(OPENSSL_SUITES) > 200
    assert len(GROUPS) >= 60
    assert len(ALERTS) >= 36
    assert set(OPENSSL_SUITES) <= set(SUITES)
    assert GREASE.isdisjoint(SUITES)


def test_suites_by_name() -> None:
    for name in ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"):
        assert suite_number(name) == 0x002F
    assert suite_number("SSL_RSA_WITH_3DES_EDE_CBC_SHA") == suite_number("DES-CBC3-SHA") == 0x000A
    assert suite_number("TLS_NO_SUCH_SUITE") is None
    assert all(SUITES[suite_number(name)] == name for name in SUITES.values())  # type: ignore[index]


@pytest.mark.parametrize(("name", "facts"), [
    ("TLS_RSA_WITH_AES_128_CBC_SHA", ("RSA", "RSA", "AES_128_CBC", "SHA", False, 0x0300, False)),
    ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", ("RSA", "RSA", "RC4_40", "MD5", False, 0x0300, True)),
    ("TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", ("DHE", "DSS", "AES_256_CBC", "SHA256", False, 0x0303, False)),
    ("TLS_DH_anon_WITH_AES_128_GCM_SHA256", ("DHE", "anon", "AES_128_GCM", "AEAD", False, 0x0303, False)),
    ("TLS_DH_RSA_WITH_SEED_CBC_SHA", ("DH", "RSA", "SEED_CBC", "SHA", False, 0x0300, False)),
    ("TLS_ECDH_ECDSA_WITH_NULL_SHA", ("ECDH", "ECDSA", "NULL", "SHA", False, 0x0301, False)),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ("ECDHE", "ECDSA", "CHACHA20_POLY1305", "AEAD", False, 0x0303, False)),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", ("ECDHE", "ECDSA", "AES_128_CCM_8", "AEAD", False, 0x0303, False)),
    ("TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", ("ECDHE", "PSK", "AES_128_CBC", "SHA256", False, 0x0301, False)),
    ("TLS_RSA_PSK_WITH_ARIA_256_CBC_SHA384", ("RSA_PSK", "RSA", "ARIA_256_CBC", "SHA384", False, 0x0303, False)),
    ("TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA", ("SRP", "DSS", "AES_128_CBC", "SHA", False, 0x0300, False)),
    ("TLS_KRB5_EXPORT_WITH_RC4_40_SHA", ("KRB5", "KRB5", "RC4_40", "SHA", False, 0x0301, True)),
    ("TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC", ("GOST", "GOST", "KUZNYECHIK_CTR", "OMAC", False, 0x0303, False)),
    ("TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L", ("TLS13", "any", "KUZNYECHIK_MGM_L", "AEAD", True, 0x0304, False)),
    ("TLS_ECJPAKE_WITH_AES_128_CCM_8", ("ECJPAKE", "ECJPAKE", "AES_128_CCM_8", "AEAD", False, 0x0303, False)),
    ("TLS_AES_256_GCM_SHA384", ("TLS13", "any", "AES_256_GCM", "AEAD", True, 0x0304, False)),
    ("TLS_SHA256_SHA256", ("TLS13", "any", "SHA256", "SHA256", True, 0x0304, False)),
    ("TLS_EMPTY_RENEGOTIATION_INFO_SCSV", ("SCSV", "", "", "", False, 0x0300, False)),
    ("SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5", ("SSLV2", "RSA", "RC2_128_CBC_EXPORT40", "MD5", False, 2, True)),
    ("ECC_SM4_CBC_SM3", ("ECC", "SM2", "SM4_CBC", "SM3", False, 0x0300, False)),
])  # fmt: skip
def test_facts_of_suites(name: str, facts: tuple[object, ...]) -> None:
    number = suite_number(name)
    assert number is not None
    assert suite_facts(number) == SuiteFacts(*facts)  # type: ignore[arg-type]
    assert suite_facts(number) is suite_facts(number)


def test_every_suite_has_facts_and_none_is_made_up_for_the_unknown() -> None:
    for number in SUITES:
        facts = suite_facts(number)
        assert facts.key_exchange
        assert facts.key_exchange == "SCSV" or (facts.authentication and facts.cipher and facts.mac)
    before = len(registry._facts)
    assert suite_facts(0x4321).key_exchange == "unknown"
    assert len(registry._facts) == before


@pytest.mark.parametrize(("suite", "version", "usable"), [
    (0x1301, 0x0304, True), (0x1301, 0x7F1C, True), (0x1301, 0x0303, False), (0xC02F, 0x0304, False), (0xC02F, 0x0303, True),
    (0xC02F, 0x0302, False), (0xC013, 0x0301, True), (0xC013, 0x0300, False), (0x002F, 0x0300, True), (0x00FF, 0x0303, False),
    (0x010080, 0x0303, False),
])  # fmt: skip
def test_which_version_can_use_a_suite(suite: int, version: int, usable: bool) -> None:
    assert suite_facts(suite).usable(version) is usable


def test_signature_schemes() -> None:
    kinds = {n: scheme_key_type(n) for n in (0x0201, 0x0804, 0x0809, 0x0403, 0x0202, 0x0807, 0x0808, 0x0905, 0x0912, 0x0708, 0x0840)}
    assert list(kinds.values()) == [
        "rsa", "rsa", "rsa-pss", "ecdsa", "dsa", "ed25519", "ed448", "ml-dsa", "slh-dsa", "sm2", "gost",
    ]  # fmt: skip
    assert scheme_key_type(0x0503) == "ecdsa"
    assert (scheme_key_type(0x0103), scheme_key_type(0x0601), scheme_key_type(0x4321)) == ("ecdsa", "rsa", "")
    hashes = [scheme_hash(n) for n in (0x0101, 0x0201, 0x0203, 0x0403, 0x0806, 0x0420, 0x0807, 0x4321)]
    assert hashes == ["md5", "sha1", "sha1", "sha256", "sha512", "sha256", "", ""]
    assert all(scheme_key_type(n) or SCHEMES[n].startswith(("eccsi", "iso_")) for n in SCHEMES)


def test_kinds_of_groups() -> None:
    assert [group_kind(n) for n in (29, 23, 256, 0x11EC, 0x0201, 0x6399, 0x4321)] == [
        "elliptic", "elliptic", "finite", "hybrid", "post-quantum", "hybrid", "",
    ]  # fmt: skip


def test_versions_of_tls13() -> None:
    assert [is_tls13(v) for v in (None, 2, 0x0303, 0x0304, 0x7F12, 0xFB1A, 0x0305)] == [False, False, False, True, True, True, False]


@pytest.mark.parametrize("line", [
    "suite,0x0001,TLS_A,,\nsuite,0x0001,TLS_B,,", "nonsense,0x0001,x,,", "suite,0x0001,,,", 'suite,0x0001,"a""b",,',
])  # fmt: skip
def test_the_generator_refuses_a_data_file_that_contradicts_itself(line: str, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_registry
    finally:
        sys.path.pop(0)
    source = tmp_path / "registry.csv"
    source.write_text("kind,number,name,openssl,reference\n" + line + "\n")
    with pytest.raises(SystemExit, match="line"):
        make_registry.rows(source)
