"""Key stores for the stacks that read no PEM: PKCS#12 files (Java), an NSS database."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.live.serve import Pair

PASSWORD = "changeit"


def write_p12(path: Path, alias: str, pair: Pair) -> Path:
    """One key entry with its chain."""
    leaf, *above = x509.load_pem_x509_certificates(Path(pair.certificate).read_bytes())
    key = serialization.load_pem_private_key(Path(pair.key).read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(alias.encode(), key, leaf, above, encryption))  # type: ignore[arg-type]
    return path


def nss_database(folder: Path, entries: Mapping[str, Pair], partners: Sequence[str] = ()) -> str:
    """An NSS database with those keys under their nicknames and, trusted to issue client certificates, the certificates of PEM files."""
    folder.mkdir()
    database = f"sql:{folder}"
    _run("certutil", "-N", "-d", database, "--empty-password")
    for number, file in enumerate(partners):
        _run("certutil", "-A", "-d", database, "-n", f"partner{number}", "-t", "T,,", "-i", file)
    for number, (nickname, pair) in enumerate(entries.items()):
        _run("pk12util", "-i", str(write_p12(folder / f"{number}.p12", nickname, pair)), "-d", database, "-W", PASSWORD)
    return database


def _run(*line: str) -> None:
    subprocess.run(line, check=True, capture_output=True)
