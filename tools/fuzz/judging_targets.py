"""Targets that run a whole capture: the engine alone, and everything up to the printed verdict."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from tools.fuzz.items import Run

if TYPE_CHECKING:
    from whytls.capture.pcap import Run as PacketRun


class InMemory:
    """A recording that is these bytes: a pcap file."""

    name = "fuzz.pcap"
    files = ("fuzz.pcap",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def runs(self) -> Iterator[tuple[str, PacketRun]]:
        """Its packets, up to the damage."""
        from whytls.capture.pcap import MAGICS, runs
        from whytls.exceptions import DamagedInput

        if self.data[:4] in MAGICS:
            try:
                for run in runs(BytesIO(self.data[4:]), self.data[:4]):
                    yield self.name, run
            except DamagedInput:
                pass


def capture() -> Run:
    """Packets to handshakes."""
    from whytls.capture.recording import handshakes
    from whytls.model import Handshake

    def run(data: bytes) -> None:
        for handshake in handshakes(InMemory(data), everything=True):
            if isinstance(handshake, Handshake):
                assert handshake.events or handshake.protocol != "tls"  # DTLS and QUIC are named, not read
                assert all(0 < event.first_frame <= event.frame or event.first_frame == 0 < event.frame for event in handshake.events)

    return run


def verdict() -> Run:
    """Handshakes to verdicts, and these to JSON, text and a ladder; a bug of a cause counts as an escape, and so does a verdict by the kind of
    failure that is not the one that the handshake gets alone."""
    import json

    from tests.twins import twin

    from whytls.capture.recording import handshakes
    from whytls.kinds import Kinds
    from whytls.model import Context, Handshake
    from whytls.report.json import as_dict
    from whytls.report.ladder import draw, ladder
    from whytls.report.text import block
    from whytls.verdict import judge

    def run(data: bytes) -> None:
        for handshake in handshakes(InMemory(data), everything=True):
            if isinstance(handshake, Handshake):
                diagnosis = judge(handshake, Context(whole_recording=True)).diagnosis
                assert not any("bug in whytls" in warning for warning in diagnosis.warnings), diagnosis.warnings
                kinds = Kinds()
                for number in range(3 if handshake.outcome == "failed" else 0):
                    again = twin(handshake, Context(whole_recording=True), number)
                    assert kinds.judge(*again) == judge(*again)
                json.dumps(as_dict(diagnosis))
                text = "\n".join(block(diagnosis, verbose=True) + draw(ladder(handshake), verbose=True))
                assert text.isprintable() or all(c.isprintable() or c == "\n" for c in text)

    return run
