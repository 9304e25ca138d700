"""The certificates that each side sent, written out as files (R13): one per distinct chain, and an index of who sent which.

The chain is written as it stood on the wire, in its order, faults included; that is what has to be looked at. Only the index
holds text from the certificates: what stands in the files is ours and base64.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from whytls.model import Diagnosis, Endpoint, Side
from whytls.report.table import cell

MOST_CHAINS = 10_000
INDEX = "index.csv"
COLUMNS = (
    "certificates", "sent_by", "address", "port", "server_name", "handshakes", "first_seen", "subject", "not_after", "sha256",
)  # fmt: skip


@dataclass(slots=True)
class _Sent:
    """One chain that one end sent: where it was first seen, and how often."""

    name: str
    side: Side
    end: Endpoint
    sni: str
    first: str
    chain: Sequence[bytes]
    count: int = 1


class CertificateFolder:
    """A folder that takes the certificates of handshakes in; ``close`` writes the index and tells what was odd."""

    def __init__(self, path: str) -> None:
        os.makedirs(path, exist_ok=True)
        self._path = path
        self._sent: dict[tuple[Side, str, int, tuple[bytes, ...]], _Sent] = {}
        self._names: set[str] = set()
        self._beyond = 0

    def add(self, diagnosis: Diagnosis) -> None:
        """Write what both sides of this handshake sent, unless the same end sent the same before."""
        h = diagnosis.handshake
        if h is None:
            return
        if h.server_chain:
            self._take("server", h.server, h.server.port, h.server_chain, diagnosis)
        if h.client_chain:
            self._take("client", h.client, 0, h.client_chain, diagnosis)  # a client's port changes each time

    def close(self) -> list[str]:
        """Write the index; the value is what has to be said about it."""
        import csv

        with open(os.path.join(self._path, INDEX), "w", encoding="utf-8", newline="", errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for sent in self._sent.values():
                writer.writerow(_row(sent))
        if not self._sent:
            return ["no certificate was sent in the clear (TLS 1.3 encrypts them), so none was extracted"]
        if self._beyond:
            return [f"more than {MOST_CHAINS:,} different chains; those of {self._beyond:,} handshakes were not extracted"]
        return []

    def _take(self, side: Side, end: Endpoint, port: int, chain: tuple[bytes, ...], diagnosis: Diagnosis) -> None:
        key = (side, end.address, port, chain)
        sent = self._sent.get(key)
        if sent is not None:
            sent.count += 1
        elif len(self._sent) >= MOST_CHAINS:
            self._beyond += 1
        else:
            name = f"{side}-{end.address.replace(':', '.')}{f'-{port}' if port else ''}-{_digest(chain[0])[:12]}.pem"
            first = f"{diagnosis.file} #{diagnosis.frame}".strip()
            self._sent[key] = _Sent(self._free(name), side, end, diagnosis.sni or "", first, chain)
            self._write(self._sent[key])

    def _free(self, name: str) -> str:
        # The same leaf with another chain behind it is another file.
        stem, number = name[: -len(".pem")], 2
        while name in self._names and number <= MOST_CHAINS:
            name, number = f"{stem}-{number}.pem", number + 1
        self._names.add(name)
        return name

    def _write(self, sent: _Sent) -> None:
        with open(os.path.join(self._path, sent.name), "w", encoding="ascii") as file:
            for der in sent.chain:
                file.write(pem(der))


def pem(der: bytes) -> str:
    """One certificate in PEM (RFC 7468)."""
    from base64 import b64encode

    text = b64encode(der).decode("ascii")
    body = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def _digest(der: bytes) -> str:
    from hashlib import sha256

    return sha256(der).hexdigest()


def _row(sent: _Sent) -> list[str]:
    from whytls.pki.certificate import read
    from whytls.report.moments import iso

    leaf = read(sent.chain[0])
    until = iso(leaf.not_after) if leaf.not_after is not None else ""
    cells = (
        sent.name, sent.side, sent.end.address, str(sent.end.port), sent.sni, str(sent.count), sent.first,
        leaf.subject, until, leaf.sha256,
    )  # fmt: skip
    return [cell(text) for text in cells]
