"""The certificates that each side sent, written out as files (R13): each distinct chain once, and an index of who sent which.

The chain is written as it stood on the wire, in its order, faults included; that is what has to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from whytls.model import Diagnosis, Endpoint, Side
from whytls.pki.extract import write_chain
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
            frame = _frame(diagnosis, side)
            written = write_chain(
                self._path, chain, side=side, address=end.address, port=end.port, frame=frame, file=diagnosis.file
            )
            first = f"{diagnosis.file} #{frame}".strip()
            self._sent[key] = _Sent(written[-1].name, side, end, diagnosis.sni or "", first, chain)


def _frame(diagnosis: Diagnosis, side: Side) -> int:
    event = diagnosis.handshake.first("certificate", side) if diagnosis.handshake is not None else None
    return event.frame if event is not None else diagnosis.frame


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
