"""The six servers that scanners confuse are what their names say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab.live.confusing import CONFUSING, NAME
from lab.live.papers import papers
from s_client import LEGACY, Answer, ask

pytestmark = pytest.mark.stacks


def asked(name: str, folder: Path, *options: tuple[str, ...]) -> list[Answer]:
    with CONFUSING[name](papers(folder)) as server:
        return [ask(server.address, server.port, *each) for each in options]


def test_sni_rejected(tmp_path: Path) -> None:
    none, wrong, right = asked("sni-rejected", tmp_path, (), ("-servername", "shop.maple.test"), ("-servername", NAME))
    assert (none.alert, wrong.alert) == (112, 112)
    assert right.http == "200"


def test_plain_http(tmp_path: Path) -> None:
    [answer] = asked("plain-http", tmp_path, ())
    assert "wrong version number" in answer.text


def test_client_certificate_required_tls12(tmp_path: Path) -> None:
    [answer] = asked("client-certificate-required-tls12", tmp_path, ())
    assert (answer.alert, answer.http, answer.authorities) == (40, "", 1)


def test_client_certificate_required_tls13(tmp_path: Path) -> None:
    [answer] = asked("client-certificate-required-tls13", tmp_path, ())
    assert (answer.alert, answer.http, answer.authorities) == (116, "", 1)
    assert answer.version == "TLSv1.3"  # s_client thought that the handshake had succeeded


def test_bad_request_after_handshake(tmp_path: Path) -> None:
    for answer in asked("bad-request-after-handshake", tmp_path, ("-tls1_2",), ("-tls1_3",)):
        assert (answer.alert, answer.http, answer.suite != "") == (None, "400", True)
        assert "No required SSL certificate was sent" in answer.text


def test_only_tls10(tmp_path: Path) -> None:
    at_level_1, at_level_0, newer = asked("only-tls10", tmp_path, ("-cipher", "ALL:@SECLEVEL=1"), LEGACY, ("-tls1_2",))
    assert "legacy sigalg disallowed or unsupported" in at_level_1.text or "unsupported protocol" in at_level_1.text
    assert at_level_0.version == "TLSv1.0"
    assert newer.suite == ""
