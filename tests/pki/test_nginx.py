"""What an nginx configuration names; the configurations in stores/nginx are accepted by nginx -t."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from whytls.exceptions import InputError
from whytls.pki.store import Store, anchors, read_store

Opened = Callable[..., Store]


def test_servers_with_their_certificates_keys_and_anchors(opened: Opened, named: SimpleNamespace, stores: Path) -> None:
    store = opened("nginx/nginx.conf", None)
    assert (store.format, store.damage, store.warnings) == ("nginx", "", ())
    told = [(e.kind, e.role, e.alias, str(e.place).rpartition("/")[2], len(e.chain), e.key_fits) for e in store.entries]
    assert told == [
        ("certificate", "ssl_certificate", "listen 127.0.0.1:18445", "by_name.conf:3", 0, None),
        ("key", "ssl_certificate", "shop.meadow.example", "shop.conf:4", 2, True),
        ("key", "ssl_certificate", "shop.meadow.example", "shop.conf:5", 1, True),
        *[("trusted", "ssl_client_certificate", "shop.meadow.example", "shop.conf:7", 1, None)] * 3,
        ("key", "ssl_certificate", "api.meadow.example www.meadow.example", "nginx.conf:8", 2, True),
        ("key", "proxy_ssl_certificate", "api.meadow.example www.meadow.example", "nginx.conf:17", 1, True),
        ("trusted", "proxy_ssl_trusted_certificate", "api.meadow.example www.meadow.example", "nginx.conf:20", 1, None),
    ]  # fmt: skip
    assert store.entries[1].chain == (named.shop, named.issuing)
    assert store.entries[6].file.endswith("api-chain.pem")
    assert store.entries[0].warnings[0] == "../$ssl_server_name.pem is not read: its name is worked out for each connection"
    assert store.entries[7].key == "encrypted"  # with a line of proxy_ssl_password_file
    assert [text.rpartition("/")[2] for text in store.passed_over] == ["shop.conf:8)"]
    assert anchors(store) == (named.root, named.issuing, named.api)


def write(folder: Path, text: str, stores: Path) -> Store:
    for name in ("api.pem", "api.key", "shop.key", "root.pem", "api.der", "modern.p12"):
        (folder / name).write_bytes((stores / name).read_bytes())
    (folder / "nginx.conf").write_text(text)
    return read_store(folder / "nginx.conf")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssl_certificate none.pem; ssl_certificate_key api.key;", "No such file"),
        ("ssl_certificate api.pem;", "there is no ssl_certificate_key for it"),
        ("ssl_certificate api.pem; ssl_certificate_key root.pem;", "no private key in"),
        ("ssl_certificate api.der; ssl_certificate_key api.key;", "nginx reads PEM, and this is DER"),
        ("ssl_certificate modern.p12; ssl_certificate_key api.key;", "contents are encrypted with a password"),
        ("ssl_certificate data:$x; ssl_certificate_key engine:a:b;", "it is kept by an engine"),
        ("ssl_certificate; ssl_certificate_key api.key;", "has no argument"),
        ("ssl_client_certificate api.key;", "no certificate in"),
        ("ssl_trusted_certificate none.pem;", "No such file"),
        ("ssl_trusted_certificate /dev/zero;", "no regular file"),
    ],
)
def test_what_cannot_be_read_is_an_entry_that_says_so(text: str, words: str, tmp_path: Path, stores: Path) -> None:
    (entry,) = write(tmp_path, f"server {{ listen 443 ssl; {text} }}", stores).entries
    assert words in " ".join(entry.warnings)
    assert (entry.place.line, entry.alias) == (1, "listen 443")


def test_a_key_that_does_not_fit(tmp_path: Path, stores: Path) -> None:
    (entry,) = write(tmp_path, "server { server_name a b; ssl_certificate api.pem; ssl_certificate_key shop.key; }", stores).entries
    assert (entry.alias, entry.key_fits) == ("a b", False)


def test_a_server_inherits_only_what_it_does_not_say_itself(tmp_path: Path, stores: Path) -> None:
    text = """http { ssl_certificate api.pem; ssl_certificate_key api.key; ssl_client_certificate root.pem;
    server { server_name one; }
    server { server_name two; ssl_certificate root.pem; ssl_certificate_key shop.key; }
    upstream u { server 127.0.0.1; } }"""
    entries = write(tmp_path, text, stores).entries
    assert [(e.alias, e.role, e.place.line) for e in entries] == [
        ("one", "ssl_certificate", 1), ("one", "ssl_client_certificate", 1), ("two", "ssl_certificate", 3), ("two", "ssl_client_certificate", 1),
    ]  # fmt: skip


def test_a_fragment_without_a_server(tmp_path: Path, stores: Path) -> None:
    (entry,) = write(tmp_path, "ssl_certificate api.pem;\nssl_certificate_key api.key;", stores).entries
    assert (entry.alias, entry.key_fits) == ("", True)


def test_damage_keeps_what_was_read(tmp_path: Path, stores: Path) -> None:
    store = write(tmp_path, "server { ssl_certificate api.pem; ssl_certificate_key api.key; } server { ssl_cert", stores)
    assert (len(store.entries), "the file ends before" in store.damage) == (1, True)


def test_a_configuration_that_names_none(tmp_path: Path, stores: Path) -> None:
    with pytest.raises(InputError, match="names no certificate"):
        write(tmp_path, "server { listen 80; }", stores)
