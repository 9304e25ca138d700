import csv
import re
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

from samples import GOOD, SNI_MISSING

from story import replace
from whytls.model import Diagnosis
from whytls.report import certificates
from whytls.report.certificates import CertificateFolder


def sent(server: tuple[bytes, ...] | None, client: tuple[bytes, ...] | None = None, **change: object) -> Diagnosis:
    assert SNI_MISSING.handshake is not None
    handshake = replace(SNI_MISSING.handshake, server_chain=server, client_chain=client)
    return replace(SNI_MISSING, handshake=handshake, **change)  # type: ignore[arg-type]


def index(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "index.csv").open()))


def test_a_chain_is_written_as_it_was_sent_once_for_each_end(tmp_path: Path) -> None:
    folder = CertificateFolder(str(tmp_path / "new" / "certs"))
    for d in (sent((b"leaf", b"issuer")), sent((b"leaf", b"issuer"), frame=9), sent((b"leaf",)), sent((b"leaf",), (b"mine",))):
        folder.add(d)
    assert folder.close() == []
    rows = index(tmp_path / "new" / "certs")
    assert [(r["sent_by"], r["handshakes"], r["first_seen"]) for r in rows] == [
        ("server", "2", "edge.pcap #1"), ("server", "2", "edge.pcap #1"), ("client", "1", "edge.pcap #1"),
    ]  # fmt: skip
    assert len({r["certificates"] for r in rows}) == 3
    text = (tmp_path / "new" / "certs" / rows[0]["certificates"]).read_text()
    blocks = re.findall(r"(?s)-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", text)
    assert [PEM_cert_to_DER_cert(block) for block in blocks] == [b"leaf", b"issuer"]


def test_none_in_the_clear_is_said(tmp_path: Path) -> None:
    folder = CertificateFolder(str(tmp_path))
    folder.add(GOOD)
    folder.add(sent(None, ()))
    assert "TLS 1.3 encrypts them" in folder.close()[0]
    assert index(tmp_path) == []


def test_no_more_than_so_many_are_written(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setattr(certificates, "MOST_CHAINS", 3)  # type: ignore[attr-defined]
    folder = CertificateFolder(str(tmp_path))
    for n in range(5):
        folder.add(sent((bytes([n]),)))
    assert "2 handshakes were not extracted" in folder.close()[0]
    assert len(list(tmp_path.glob("*_chain*.pem"))) == 3
