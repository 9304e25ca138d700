"""Certificates written out of a capture."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from authority import issue, subject_name
from whytls.exceptions import InputError, UsageError
from whytls.pki.extract import moment, write_chain
from whytls.pki.readers.pem import certificates


def test_writes_each_certificate_and_the_chain(pki: SimpleNamespace, tmp_path: Path) -> None:
    chain = [pki.server.der, pki.middle.der]
    paths = write_chain(tmp_path / "out", chain, side="server", address="10.0.0.7", port=443, frame=6, file="edge.pcap")
    assert [path.name for path in paths] == [
        "server_10.0.0.7_443_frame6_1.pem", "server_10.0.0.7_443_frame6_2.pem", "server_10.0.0.7_443_frame6_chain.pem"
    ]  # fmt: skip
    assert certificates(paths[0].read_bytes()) == chain[:1]
    assert certificates(paths[2].read_bytes()) == chain
    text = paths[0].read_text()
    assert "# subject: CN=shop.meadow.example,O=Meadow\n" in text
    assert "# issuer: CN=Meadow Issuing 1,O=Meadow\n" in text
    assert "# valid: 2024-05-02T12:00:00Z to 2025-05-02T12:00:00Z\n" in text
    assert "# origin: sent by the server 10.0.0.7 port 443, frame 6 of edge.pcap, certificate 1 of 2\n" in text


def test_same_content_is_left_alone_and_other_content_never_touched(pki: SimpleNamespace, tmp_path: Path) -> None:
    def write(der: bytes) -> list[Path]:
        return write_chain(tmp_path, [der], side="client", address="::1", port=5, frame=1)

    first = write(pki.client.der)
    assert first[0].name == "client_1_5_frame1_1.pem"
    assert write(pki.client.der) == first
    before = first[0].read_bytes()
    second = write(pki.server.der)
    assert second[0].name == "client_1_5_frame1_1-2.pem"
    assert first[0].read_bytes() == before


def test_links_are_not_followed(pki: SimpleNamespace, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "server_a_1_frame1_1.pem").symlink_to(target)
    paths = write_chain(tmp_path / "out", [pki.server.der], side="server", address="a", port=1, frame=1)
    assert not target.exists()
    assert paths[0].name == "server_a_1_frame1_1-2.pem"


@pytest.mark.parametrize("address", ["../../etc/passwd", "/etc", "..", "", "a\0b", "\n", "C:\\x", "x" * 500])
def test_names_stay_in_the_folder(pki: SimpleNamespace, tmp_path: Path, address: str) -> None:
    for path in write_chain(tmp_path / "out", [pki.server.der], side="server", address=address, port=1, frame=1):
        assert path.resolve().parent == (tmp_path / "out").resolve()
        assert path.exists()


def test_subject_cannot_smuggle_a_block_or_a_line(tmp_path: Path) -> None:
    evil = issue("x", subject=subject_name("a\n-----BEGIN CERTIFICATE-----\x1b[2J"))
    path = write_chain(tmp_path, [evil.der], side="server", address="a", port=1, frame=1)[0]
    assert certificates(path.read_bytes()) == [evil.der]
    assert "\x1b" not in path.read_text()


def test_damaged_certificates_are_written_with_their_problem(tmp_path: Path) -> None:
    path = write_chain(tmp_path, [b"garbage"], side="server", address="a", port=1, frame=1)[0]
    assert certificates(path.read_bytes()) == [b"garbage"]
    assert "# problem: not a readable certificate" in path.read_text()


def test_nothing_to_write_and_nowhere_to_write(pki: SimpleNamespace, tmp_path: Path) -> None:
    assert write_chain(tmp_path, [], side="server", address="a", port=1, frame=1) == []
    with pytest.raises(UsageError):
        write_chain(tmp_path, [b"x"], side="router", address="a", port=1, frame=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        write_chain(tmp_path / "file", [pki.server.der], side="server", address="a", port=1, frame=1)


def test_moments() -> None:
    assert moment(None) == "unknown"
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(-62_135_596_800 * 10**9) == "0001-01-01T00:00:00Z"
    assert moment(10**30) == f"{10**21} seconds after 1970"
