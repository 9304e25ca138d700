"""Write large synthetic TLS captures whose truth is known by construction.

    gen_capture.py bulk   OUT.pcap --bytes 1e9     # ~2000 flows, much application data
    gen_capture.py storm  OUT.pcap --flows 200000  # half of the flows are failed handshakes
    gen_capture.py mixed  OUT.pcap --flows 20000   # VLAN, IPv6, UDP, non-TLS TCP, ARP in between
    gen_capture.py sll    OUT.pcap --flows 20000   # as mixed, Linux cooked capture (SLL)

The TLS bytes are true OpenSSL flights (flights.py). Flows re-use them with addresses, ports, client and server randoms and
times of their own; server name, key and certificates come from one of twelve sets. Checksums are left zero. The clock starts
now, when the certificates are made; 90 s of other traffic end the file, so that an unanswered ClientHello is a failure and not
an unfinished recording. Beside OUT, OUT.truth.json says how many flows of each outcome were written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from flights import Direction, Ending, Scenario, scenarios

MSS = 1400
VARIANTS = 12  # sets of flights, each with its own PKI, server name and key
TAIL = 90  # seconds of other traffic at the end, so that silence is silence
WIDTH = 300  # flows that are open at the same time
ETHERNET, COOKED = 1, 113
ACK, PSH, SYN, FIN, RST = 16, 8, 2, 1, 4
FILLER = random.Random(7).randbytes(1 << 16)
SYN_OPTIONS = b"\x02\x04\x05\x78\x01\x03\x03\x07\x04\x02\x01\x01" + bytes(8)
OPTIONS = b"\x01\x01\x08\x0a" + bytes(8)


class Flow:
    """Yields the raw frames of one TCP connection, in order."""

    def __init__(
        self, rng: random.Random, link: int, number: int, *, v6: bool = False, vlan: bool = False, port: int = 443
    ) -> None:
        self.seq = [rng.getrandbits(32), rng.getrandbits(32)]
        client_port = 1024 + number % 60000
        client, server = 0x0A000000 + number // 60000 + 1, 0xC0A80000 + rng.randrange(1, 400)
        self.v6 = v6
        self.head: list[bytes] = []
        self.ip: list[bytes] = []
        self.ports = [struct.pack(">HH", client_port, port), struct.pack(">HH", port, client_port)]
        for direction, (source, target) in enumerate(((client, server), (server, client))):
            self.head.append(_link_header(link, direction, 0x86DD if v6 else 0x0800, vlan))
            prefix = b"\x20\x01\x0d\xb8" + bytes(8) if v6 else b""
            self.ip.append(prefix + struct.pack(">I", source) + prefix + struct.pack(">I", target))

    def frame(self, direction: int, flags: int, data: bytes = b"") -> bytes:
        """The next frame of that direction."""
        acknowledged = self.seq[1 - direction] if flags & ACK else 0
        offset = 0xA0 if flags & SYN else 0x80
        tcp = self.ports[direction] + struct.pack(">IIBBHHH", self.seq[direction], acknowledged, offset, flags, 502, 0, 0)
        tcp += SYN_OPTIONS if flags & SYN else OPTIONS
        length = len(tcp) + len(data)
        if self.v6:
            ip = struct.pack(">IHBB", 0x60000000, length, 6, 64) + self.ip[direction]
        else:
            ip = struct.pack(">BBHHHBBH", 0x45, 0, length + 20, 0, 0x4000, 64, 6, 0) + self.ip[direction]
        self.seq[direction] = (self.seq[direction] + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        return self.head[direction] + ip + tcp + data

    def packets(
        self, rng: random.Random, flights: list[tuple[Direction, bytes]], ending: Ending, data_segments: int = 0
    ) -> Iterator[bytes]:
        """The whole connection: opening, flights, application data where the handshake was good, ending."""
        yield self.frame(0, SYN)
        yield self.frame(1, SYN | ACK)
        yield self.frame(0, ACK)
        for direction, flight in flights:
            data = _fresh_random(rng, flight)
            for start in range(0, len(data), MSS):
                yield self.frame(direction, ACK | PSH, data[start : start + MSS])
            yield self.frame(1 - direction, ACK)
        if ending == "data":
            yield from self._application_data(rng, data_segments)
        if ending in ("rst", "srv_rst"):
            yield self.frame(0, RST) if ending == "rst" else self.frame(1, RST | ACK)
        elif ending != "none":
            yield self.frame(0, FIN | ACK)
            yield self.frame(1, FIN | ACK)
            yield self.frame(0, ACK)

    def _application_data(self, rng: random.Random, segments: int) -> Iterator[bytes]:
        noise = FILLER[rng.randrange(1 << 15) :]
        yield self.frame(0, ACK | PSH, b"\x17\x03\x03\x01\x00" + noise[:256])
        for number in range(segments):
            if number % 12 == 0:  # a new record of 16 kB
                body = b"\x17\x03\x03" + struct.pack(">H", 12 * MSS - 5) + noise[: MSS - 5]
            else:
                body = noise[number % 997 : number % 997 + MSS]
            yield self.frame(1, ACK, body)
            if number % 2:
                yield self.frame(0, ACK)


def _link_header(link: int, direction: int, kind: int, vlan: bool) -> bytes:
    a, b = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
    target, source = (a, b) if direction == 0 else (b, a)
    if link == COOKED:
        return struct.pack(">HHH8sH", 4 if direction == 0 else 0, 1, 6, target + source[:2], kind)
    tag = struct.pack(">HH", 0x8100, 100) if vlan else b""
    return target + source + tag + struct.pack(">H", kind)


def _fresh_random(rng: random.Random, data: bytes) -> bytes:
    """A ClientHello or ServerHello gets a random of its own, as no two have the same on real wires."""
    if data[:1] == b"\x16" and data[5:6] in (b"\x01", b"\x02"):
        return data[:11] + rng.randbytes(28) + data[39:]
    return data


def noise_frames(rng: random.Random, link: int) -> Iterator[bytes]:
    """DNS-like UDP, plain HTTP, ARP: traffic to step over."""
    flow = Flow(rng, link, rng.randrange(1 << 20), port=80)
    kind = rng.randrange(3)
    if kind == 0:
        data = FILLER[: rng.randrange(40, 300)]
        udp = struct.pack(">HHHH", 40000, 53, 8 + len(data), 0) + data
        yield flow.head[0] + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + flow.ip[0] + udp
    elif kind == 1:
        answer = b"HTTP/1.1 200 OK\r\n\r\n" + FILLER[:9000]
        yield from flow.packets(rng, [(0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), (1, answer)], "fin")
    else:
        yield flow.head[0][:-2] + b"\x08\x06" + bytes(28)


class Writer:
    """A pcap file whose clock moves with each packet."""

    def __init__(self, path: Path, link: int, now: datetime.datetime) -> None:
        self.file = path.open("wb", buffering=1 << 20)
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        self.link, self.clock, self.packets, self.written = link, int(now.timestamp() * 1e6), 0, 24

    def add(self, packet: bytes, microseconds: int = 20) -> None:
        """Write one packet."""
        self.clock += microseconds
        self.file.write(struct.pack("<IIII", *divmod(self.clock, 1_000_000), len(packet), len(packet)))
        self.file.write(packet)
        self.packets, self.written = self.packets + 1, self.written + 16 + len(packet)

    def close(self) -> None:
        """Ends with the tail of other traffic."""
        packet = b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x06" + bytes(28)
        if self.link == COOKED:
            packet = struct.pack(">HHH8sH", 1, 1, 6, bytes(8), 0x0806) + bytes(28)
        for _ in range(TAIL):
            self.add(packet, 1_000_000)
        self.file.close()


def write(writer: Writer, plan: Iterable[tuple[str, Iterator[bytes]]], rng: random.Random) -> Counter[str]:
    """Mix WIDTH open flows, a burst of three packets at a time; returns how many flows of each outcome there are."""
    truth: Counter[str] = Counter()
    waiting = iter(plan)
    live: list[Iterator[bytes]] = []
    while True:
        while len(live) < WIDTH and (item := next(waiting, None)) is not None:
            truth[item[0]] += 1
            live.append(item[1])
        if not live:
            break
        chosen = rng.randrange(len(live))
        for _ in range(3):
            packet = next(live[chosen], None)
            if packet is None:
                live[chosen] = live[-1]
                live.pop()
                break
            writer.add(packet)
    writer.close()
    return truth


def plan_of(
    kind: str, flows: int, size: float, link: int, rng: random.Random, played: list[dict[str, Scenario]]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(outcome, packets) of every flow of a capture of that kind."""
    good = [name for name, scenario in played[0].items() if not scenario.failed]
    bad = [name for name, scenario in played[0].items() if scenario.failed]
    odd = kind in ("mixed", "sll")
    segments = int(size / flows / (MSS + 66 + 16 + 41)) if kind == "bulk" else 2
    for number in range(flows):
        name = rng.choice(bad if rng.random() < (0.02 if kind == "bulk" else 0.5) else good)
        scenario = rng.choice(played)[name]
        v6 = odd and rng.random() < 0.4
        flow = Flow(rng, link, number, v6=v6, vlan=odd and link == ETHERNET and rng.random() < 0.5)
        yield name, flow.packets(rng, scenario.flights, scenario.ending, segments)
        if odd:
            for _ in range(2):
                yield "other", noise_frames(rng, link)


def generate(kind: str, out: Path, *, size: float = 1e9, flows: int | None = None, seed: int = 1) -> dict[str, object]:
    """Write the capture and its truth; returns the truth."""
    now = datetime.datetime.now(datetime.UTC)
    rng = random.Random(seed)
    played = [scenarios(variant, now) for variant in range(VARIANTS)]
    link = COOKED if kind == "sll" else ETHERNET
    count = flows or {"bulk": 2000, "storm": 200_000}.get(kind, 20_000)
    writer = Writer(out, link, now)
    truth = write(writer, plan_of(kind, count, size, link, rng, played), rng)
    failed = sum(n for name, n in truth.items() if name != "other" and played[0][name].failed)
    report = {"packets": writer.packets, "bytes": out.stat().st_size, "failed": failed, "flows": dict(truth)}
    Path(f"{out}.truth.json").write_text(json.dumps(report, indent=1))
    return report


def main() -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("bulk", "storm", "mixed", "sll"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--bytes", type=float, default=1e9)
    parser.add_argument("--flows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(generate(arguments.kind, arguments.out, size=arguments.bytes, flows=arguments.flows, seed=arguments.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
