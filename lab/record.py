"""Recording with tcpdump, and reading the recording back with tshark, so that an expectation says what stands on the wire."""

from __future__ import annotations

import re
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.net import Host, LabError

FIELDS = (
    "frame.number", "tcp.stream", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.flags",
    "tcp.len", "tls.handshake.type", "tls.alert_message.level", "tls.alert_message.desc", "tls.handshake.extensions_server_name",
    "tls.record.content_type", "tls.handshake.version", "tls.handshake.extensions.supported_version", "frame.time_epoch",
    "tls.record.opaque_type",
)  # fmt: skip


@contextmanager
def recording(host: Host, path: Path, *, interface: str = "any", what: str = "tcp or icmp", snaplen: int = 0) -> Iterator[None]:
    """Record on a host while the block runs, as the runbook does: ``tcpdump -i any -s 0 -w FILE``."""
    host.commands.append(f"tcpdump -i {interface} -s {snaplen} -w {path.name} '{what}'")
    # Not --immediate-mode: there every slot of the kernel's buffer is as large as the snap length, and seven packets fill it.
    # Without it the kernel hands packets over a second late at most, which is waited for below.
    words = ["-i", interface, "-s", str(snaplen), "-B", "16384", "-U", "-Z", "root", "-w", str(path), what]
    process = host.spawn("tcpdump", *words, quiet=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    while line and b"listening on" not in line:
        line = process.stderr.readline()
    if not line:
        raise LabError("tcpdump did not start")
    try:
        yield
        time.sleep(1.3)
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=10)[1]
    if not re.search(rb"^0 packets dropped by kernel", said, re.MULTILINE):
        raise LabError(f"packets were lost while recording: {said.decode().strip()}")


@dataclass(slots=True)
class Packet:
    """One TCP packet with what tshark says of it."""

    frame: int
    source: tuple[str, int]
    target: tuple[str, int]
    flags: int
    length: int
    messages: tuple[int, ...]
    alerts: tuple[tuple[int, int], ...]
    records: tuple[int, ...]
    sni: str
    time: float


@dataclass(slots=True)
class Connection:
    """One TCP connection of the recording."""

    stream: int
    client: tuple[str, int]
    server: tuple[str, int]
    packets: list[Packet] = field(default_factory=list)

    @property
    def first(self) -> int:
        """Its first frame."""
        return self.packets[0].frame

    @property
    def sni(self) -> str:
        """The server name that the client sent, if any."""
        return next((p.sni for p in self.packets if p.sni), "")

    def alerts(self) -> list[tuple[str, int, int, int]]:
        """Alerts in the clear: sender, level, description, frame; each once, also where the recording holds its packet twice."""
        found: dict[tuple[str, int, int], int] = {}
        for packet in self.packets:
            for level, description in packet.alerts:
                found.setdefault((self._side(packet), level, description), packet.frame)
        return [(side, level, description, frame) for (side, level, description), frame in found.items()]

    def alert(self, side: str, description: int) -> int:
        """The frame of that alert; the scenario fails where there is none."""
        for sender, _, number, frame in self.alerts():
            if (sender, number) == (side, description):
                return frame
        raise LabError(f"no alert {description} from the {side}: {self.alerts()}")

    def fatal(self, side: str) -> int:
        """The frame of that side's fatal alert, whatever its number: stacks differ, and so do their versions."""
        found = [frame for sender, level, _, frame in self.alerts() if (sender, level) == (side, 2)]
        if not found:
            raise LabError(f"no fatal alert from the {side}: {self.alerts()}")
        return found[0]

    def message(self, kind: int, side: str = "") -> int:
        """The frame that completes the first handshake message of that number."""
        for packet in self.packets:
            if kind in packet.messages and side in ("", self._side(packet)):
                return packet.frame
        raise LabError(f"no handshake message {kind} in the clear on {self}")

    def flag(self, bit: int, side: str = "") -> int:
        """The frame of the first packet with that TCP flag (1 FIN, 2 SYN, 4 RST); 0 where there is none."""
        return next((p.frame for p in self.packets if p.flags & bit and side in ("", self._side(p))), 0)

    def data(self, side: str) -> list[Packet]:
        """The packets of one side that carry bytes."""
        return [p for p in self.packets if p.length and self._side(p) == side]

    def _side(self, packet: Packet) -> str:
        return "client" if packet.source == self.client else "server"


def read(path: Path, ports: Sequence[int] = (), decode: Sequence[str] = ()) -> list[Connection]:
    """All TCP connections of a recording; `ports` speak TLS although no register says so."""
    command = ["tshark", "-r", str(path), "-Y", "tcp and not icmp", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    for port in ports:
        command += ["-d", f"tcp.port=={port},tls"]
    for rule in decode:
        command += ["-d", rule]
    for name in FIELDS:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    connections: dict[int, Connection] = {}
    for line in done.stdout.splitlines():
        row = dict(zip(FIELDS, line.split("\t"), strict=False))
        packet = _packet(row)
        stream = int(row["tcp.stream"].split(",")[0])
        if stream not in connections:
            swapped = packet.flags & 0x12 == 0x12
            ends = (packet.target, packet.source) if swapped else (packet.source, packet.target)
            connections[stream] = Connection(stream, *ends)
        connections[stream].packets.append(packet)
    if not connections:
        raise LabError(f"{path.name}: no TCP connection was recorded")
    return list(connections.values())


def without(source: Path, target: Path, drop: Sequence[Connection]) -> None:
    """Write the recording anew without some connections; frames are counted anew."""
    gone = {p.frame for c in drop for p in c.packets}
    data = source.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    kept, at, number = [data[:24]], 24, 0
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        number += 1
        if number not in gone:
            kept.append(data[at : at + 16 + size])
        at += 16 + size
    target.write_bytes(b"".join(kept))


def _packet(row: dict[str, str]) -> Packet:
    levels, kinds = _numbers(row["tls.alert_message.level"]), _numbers(row["tls.alert_message.desc"])
    source, target = row["ip.src"] or row["ipv6.src"], row["ip.dst"] or row["ipv6.dst"]
    return Packet(
        frame=int(row["frame.number"]),
        source=(source.split(",")[0], int(row["tcp.srcport"].split(",")[0])),
        target=(target.split(",")[0], int(row["tcp.dstport"].split(",")[0])),
        flags=int(row["tcp.flags"].split(",")[0], 16),
        length=int(row["tcp.len"].split(",")[0]),
        messages=_numbers(row["tls.handshake.type"]),
        alerts=tuple(zip(levels, kinds, strict=False)),
        records=_numbers(row["tls.record.content_type"]) + _numbers(row["tls.record.opaque_type"]),
        sni=row["tls.handshake.extensions_server_name"],
        time=float(row["frame.time_epoch"]),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word, 0) for word in text.split(",") if word)
