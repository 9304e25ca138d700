"""Which store belongs to which side: from the call, from whytls.toml, with passwords, and by hop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from authority import Issued, issue
from whytls.exceptions import InputError, UsageError, WhytlsError
from whytls.model import NOTHING_AT_REST
from whytls.stores import SIDES, _given, stores

REAL = Path(__file__).parent / "pki" / "stores"


@pytest.fixture(scope="module")
def chain() -> tuple[Issued, Issued, Issued]:
    root = issue("Meadow Root", ca=True)
    middle = issue("Meadow Issuing 1", root, ca=True)
    return issue("shop", middle, san=("shop.example.test",)), middle, root


def p12(path: Path, chain: tuple[Issued, ...], password: str, alias: str = "shop") -> str:
    """A keystore as openssl and keytool write it."""
    own, *above = chain
    encryption = BestAvailableEncryption(password.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(alias.encode(), own.key, own.certificate, [c.certificate for c in above], encryption))
    return str(path)


def test_a_keystore_presents_its_key_entry(tmp_path: Path, chain: tuple[Issued, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    source = p12(tmp_path / "router.p12", chain, "secret one")
    monkeypatch.setenv("ROUTER_PASSWORD", "secret one")
    found = stores(keystore=[f"router={source}"], password_env=["router=ROUTER_PASSWORD"])
    assert found is not None
    _, router = found.at("northbound")
    assert router.keystore is not None
    (entry,) = router.keystore.entries
    assert entry.chain == tuple(c.der for c in chain)
    assert entry.place == f"{source}, alias shop"
    assert router.truststore is None
    assert found.at("direct") == (NOTHING_AT_REST, NOTHING_AT_REST)
    assert "secret" not in repr(found)


def test_a_password_from_a_file(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    source = p12(tmp_path / "own.p12", chain, "secret two")
    (tmp_path / "password").write_text("secret two\n")
    found = stores(keystore={"client": source}, password_file={"client": str(tmp_path / "password")})
    assert found is not None
    assert found.by_side["client"].keystore is not None


def test_a_wrong_password_is_said(tmp_path: Path, chain: tuple[Issued, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    source = p12(tmp_path / "own.p12", chain, "secret three")
    monkeypatch.setenv("WRONG", "not it")
    with pytest.raises(InputError) as told:
        stores(keystore={"client": source}, password_env={"client": "WRONG"})
    assert "not it" not in str(told.value)
    with pytest.raises(UsageError, match="no environment variable NOWHERE"):
        stores(keystore={"client": source}, password_env={"client": "NOWHERE"})


def test_stores_of_real_tools() -> None:
    found = stores(keystore={"backend": str(REAL / "java17.jks")}, truststore={"message-processor": str(REAL / "cacerts.jks")})
    assert found is not None
    processor, backend = found.at("southbound")
    assert processor.truststore is not None
    assert all("cacerts.jks, alias " in place for place in processor.truststore.places)
    assert len(processor.truststore.places) == len(processor.truststore.anchors) > 0
    assert backend.keystore is not None
    assert all("java17.jks, alias " in entry.place for entry in backend.keystore.entries)


def test_a_side_can_have_several_keystores(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    (tmp_path / "a.pem").write_text(chain[0].pem + chain[1].pem)
    (tmp_path / "b.pem").write_text(issue("blog", chain[1], san=("blog.example.test",)).pem)
    found = stores(keystore=[f"router={tmp_path / 'a.pem'}", f"router={tmp_path / 'b.pem'}"])
    assert found is not None
    keystore = found.by_side["router"].keystore
    assert keystore is not None
    assert len(keystore.entries) == 2
    assert [len(entry.chain) for entry in keystore.entries] == [2, 1]
    assert len(keystore.certificates) == 3


def test_two_truststores_of_a_side_are_refused(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    (tmp_path / "a.pem").write_text(chain[2].pem)
    with pytest.raises(UsageError, match="two truststores"):
        stores(truststore=[f"client={tmp_path / 'a.pem'}"] * 2)


def test_an_exported_truststore_presents_nothing(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    (tmp_path / "anchors.pem").write_text(chain[2].pem + chain[1].pem)
    found = stores(keystore={"client": str(tmp_path / "anchors.pem")})
    assert found is not None
    assert found.by_side["client"].keystore is not None
    assert found.by_side["client"].keystore.entries == ()


def test_a_configuration_is_read_for_its_side(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    own, middle, root = chain
    (tmp_path / "site.pem").write_text(own.pem + middle.pem)
    (tmp_path / "partners.pem").write_text(root.pem)
    (tmp_path / "inner.pem").write_text(middle.pem)
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        "http { server { listen 443 ssl; server_name shop.example.test; ssl_certificate site.pem; ssl_client_certificate partners.pem;\n"
        "  location / { proxy_pass https://inside; proxy_ssl_trusted_certificate inner.pem; } } }\n"
    )
    found = stores(keystore={"router": str(conf)}, truststore={"router": str(conf), "message_processor": str(conf)})
    assert found is not None
    router, processor = found.by_side["router"], found.by_side["message-processor"]
    assert router.keystore is not None
    assert [entry.chain for entry in router.keystore.entries] == [(own.der, middle.der)]
    assert "site.pem" in router.keystore.entries[0].place
    assert "nginx.conf:1" in router.keystore.entries[0].place
    assert router.truststore is not None
    assert router.truststore.anchors == (root.der,)
    assert processor.truststore is not None
    assert processor.truststore.anchors == (middle.der,)
    conf.write_text(conf.read_text().replace("ssl_client_certificate partners.pem;", ""))
    with pytest.raises(InputError, match="ssl_client_certificate"):
        stores(truststore={"router": str(conf)})


def test_a_file_names_stores_relative_to_itself(tmp_path: Path, chain: tuple[Issued, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "edge"
    folder.mkdir()
    p12(folder / "router.p12", chain, "secret four")
    (folder / "anchors.pem").write_text(chain[2].pem)
    monkeypatch.setenv("ROUTER_PASSWORD", "secret four")
    (folder / "whytls.toml").write_text(
        '[topology]\nrouter = "10.0.0.7"\n[keystores]\nrouter = ["router.p12"]\n[truststores]\nmessage_processor = "anchors.pem"\n'
        '[password_env]\nrouter = "ROUTER_PASSWORD"\n'
    )
    found = stores(file=str(folder / "whytls.toml"))
    assert found is not None
    assert set(found.by_side) == {"router", "message-processor"}
    other = tmp_path / "other.pem"
    other.write_text(chain[1].pem)
    called = stores(truststore={"message-processor": str(other)}, file=str(folder / "whytls.toml"))
    assert called is not None
    trusted = called.by_side["message-processor"].truststore
    assert trusted is not None
    assert trusted.anchors == (chain[1].der,)  # what the call names goes before


@pytest.mark.parametrize(
    "text",
    ['[keystores]\nnowhere = "a.p12"\n', "[keystores]\nrouter = 7\n", '[truststores]\nclient = [["a"]]\n', "keystores = 3\n", "[keystores\n",
     '[truststores]\nmessage-processor = "a"\nmessage_processor = "b"\n'],
)  # fmt: skip
def test_a_file_that_names_no_stores_properly_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "whytls.toml"
    file.write_text(text)
    with pytest.raises(InputError) as told:
        stores(file=str(file))
    assert str(file) in str(told.value)


def test_nothing_given_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "whytls.toml").write_text('[topology]\nrouter = "10.0.0.7"\n')
    assert stores(file=str(tmp_path / "whytls.toml")) is None
    assert stores() is None


@pytest.mark.parametrize("word", ["gateway=a.p12", "router", "router=", "=a.p12", ""])
def test_a_word_that_names_no_side_is_said(word: str) -> None:
    with pytest.raises(UsageError) as told:
        stores(keystore=[word])
    assert "message-processor" in str(told.value)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_words_are_sides_or_refused(words: list[str]) -> None:
    try:
        found = _given(words, "keystore")
    except UsageError:
        return
    assert set(found) <= set(SIDES)
    assert sum(map(len, found.values())) == len(words)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_file_are_read_or_refused(data: bytes) -> None:
    for path in temporary(data):
        try:
            found = stores(keystore={"router": str(path)})
        except WhytlsError:
            continue
        assert found is not None


def temporary(data: bytes) -> Iterator[Path]:
    """A file with that content, for the time of a step."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        path.write_bytes(data)
        yield path


def test_sides_on_no_hop_are_named() -> None:
    found = stores(keystore={"backend": str(REAL / "api.pem")}, truststore={"server": str(REAL / "root.pem")})
    assert found is not None
    (word,) = found.unused({"southbound"})
    assert "backend=STORE" in word
    assert found.unused({"southbound", "direct"}) == []
    assert [word for word in found.unused({"direct"}) if "backend's" in word and "--backend ADDRESS" in word]
    assert len(found.unused({"direct"})) == 1
    assert found.unused(set()) == []


def test_a_key_of_another_certificate_is_warned_of(tmp_path: Path, chain: tuple[Issued, ...]) -> None:
    found = stores(keystore={"server": str(REAL / "api-with-shop-key.pem")})
    assert found is not None
    assert any("not that of the certificate" in warning for warning in found.warnings)


