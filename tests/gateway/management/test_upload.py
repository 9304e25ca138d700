"""Uploads at their edges: noise, damage, stores that cost too much, and a keystore that Java wrote."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from authority import AT, issue
from whytls.exceptions import InputError
from whytls.gateway.keystores import Material
from whytls.gateway.management import upload
from whytls.gateway.management.certinfo import described, serial

ROOT = issue("Meadow root", ca=True)
LEAF = issue("api.test", ROOT)
CHAIN = (LEAF.pem + ROOT.pem).encode()
KEY = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
DER = LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
P12 = pkcs12.serialize_key_and_certificates(b"name", LEAF.key, LEAF.certificate, [ROOT.certificate], NoEncryption())
PAIR = Material((LEAF.der, ROOT.der), DER)


CHANGES = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6)


@given(CHANGES, st.sampled_from(["cert", "key", "p12", "java", "jar"]))
@settings(max_examples=150)
def test_damage_is_an_error_of_ours_or_what_it_was(changes: list[tuple[int, int]], where: str) -> None:
    data = bytearray({"cert": CHAIN, "key": KEY}.get(where, P12))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        found = {
            "cert": lambda: upload.of_pem(bytes(data), None, None, newlines=True),
            "key": lambda: upload.of_pem(CHAIN, bytes(data), None, newlines=True),
            "p12": lambda: upload.of_pkcs12(bytes(data), None),
            "java": lambda: upload.of_java(bytes(data), None),
            "jar": lambda: upload.of_jar(bytes(data), None),
        }[where]()
    except InputError:
        return
    upload.check_fits(found.certificates, found.key)
    for der in found.certificates:
        described(der, AT).to_json()


@given(st.binary(max_size=200), st.text(max_size=5))
def test_noise_is_an_error_of_ours(noise: bytes, password: str) -> None:
    for attempt in (
        lambda: upload.of_pem(noise, None, None, newlines=True),
        lambda: upload.of_pem(CHAIN, noise, password, newlines=True),
        lambda: upload.of_pkcs12(noise, password),
        lambda: upload.of_java(b"\xfe\xed\xfe\xed" + noise, password),
        lambda: upload.of_jar(noise, password),
    ):
        with pytest.raises(InputError):
            attempt()


def test_many_beginnings_without_an_end_are_read_in_time_proportional_to_them() -> None:
    begin = time.process_time()
    with pytest.raises(InputError):
        upload.of_pem(b"-----BEGIN CERTIFICATE-----\n" * 150_000, None, None, newlines=True)
    assert time.process_time() - begin < 5


def test_a_store_that_asks_for_too_much_work_is_refused_before_it_is_done() -> None:
    how = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(100_001).key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    data = pkcs12.serialize_key_and_certificates(b"n", LEAF.key, LEAF.certificate, None, how.build(b"secret"))
    rounds = b"\x02\x03" + (100_001).to_bytes(3, "big")
    dear = data.replace(rounds, b"\x02\x03\x7f\xff\xff")  # 8,388,607 each
    assert data.count(rounds) >= 2
    assert upload.of_pkcs12(data, "secret").key == DER
    begin = time.process_time()
    with pytest.raises(InputError):
        upload.of_pkcs12(dear, "secret")
    assert time.process_time() - begin < 2  # done, they would take four times as long


def test_pkcs12_with_and_without_a_password() -> None:
    assert upload.of_pkcs12(P12, None) == PAIR
    empty = pkcs12.serialize_key_and_certificates(b"n", LEAF.key, LEAF.certificate, [ROOT.certificate], BestAvailableEncryption(b"secret"))
    assert upload.of_pkcs12(empty, "secret") == PAIR
    trust = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(ROOT.certificate, b"root")], BestAvailableEncryption(b"secret"))
    assert upload.of_pkcs12(trust, "secret") == Material((ROOT.der,))


@pytest.mark.parametrize(("number", "words"), [(0x07BCA7, "07:bc:a7"), (0x1, "01"), (0, "00"), (-0x7F, "-7f"), (None, "")])
def test_serial_numbers(number: int | None, words: str) -> None:
    assert serial(number) == words


@pytest.mark.stacks
@pytest.mark.parametrize("kind", ["JKS", "JCEKS", "PKCS12"])
def test_a_keystore_that_keytool_wrote(tmp_path: Path, kind: str) -> None:
    (tmp_path / "p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"pair", LEAF.key, LEAF.certificate, [ROOT.certificate], BestAvailableEncryption(b"first-secret"))
    )
    subprocess.run(
        ["keytool", "-importkeystore", "-noprompt", "-srckeystore", tmp_path / "p12", "-srcstoretype", "PKCS12", "-srcstorepass", "first-secret",
         "-destkeystore", tmp_path / "store", "-deststoretype", kind, "-deststorepass", "second-secret", "-destkeypass", "second-secret"],
        check=True, capture_output=True,
    )  # fmt: skip
    data = (tmp_path / "store").read_bytes()
    assert upload.of_java(data, "second-secret", "pair") == PAIR
    for wrong in ("first-secret", None):
        with pytest.raises(InputError):
            upload.of_java(data, wrong, "pair")
