"""tshark finds the same TCP payloads in the same frames of every variant: our numbers are Wireshark's, our writing is no fancy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rewrap import CAPTURES, packets, segment, variants

pytestmark = pytest.mark.stacks

OF_IPV4 = next(path for path in CAPTURES if "ipv4" in path.name)
OF_IPV6 = next(path for path in CAPTURES if "ipv6" in path.name)
UNREAD = {"file: xz", "file: xz, streams", "file: bzip2", "file: gzip, zeros behind", "file: zstd, frames"}  # by tshark 4.0
CASES = [(OF_IPV4, name) for name in variants(OF_IPV4) if name not in UNREAD]
CASES += [(OF_IPV6, name) for name in variants(OF_IPV6) if not name.startswith("file: ")]
SHORT = {"link: snap", "link: llc"}  # 802.3 can say no length above 1500; tshark then stops there
DECODE = [f"udp.port=={port},{what}" for port, what in ((8472, "vxlan"), (4754, "gre"), (4790, "vxlan_gpe"))]
PREFERENCES = ["-o", "tcp.desegment_tcp_streams:FALSE", "-o", "ipv6.tso_support:TRUE"]


@pytest.mark.parametrize(("path", "name"), CASES, ids=[f"{path.stem}: {name}" for path, name in CASES])
def test_tshark_sees_the_same(path: Path, name: str, tmp_path: Path) -> None:
    variant = variants(path)[name]
    file = tmp_path / "capture"
    file.write_bytes(variant.data)
    fields = [option for field in ("frame.number", "tcp.srcport", "tcp.dstport", "tcp.payload") for option in ("-e", field)]
    decode = [option for rule in DECODE for option in ("-d", rule)]
    command = ["tshark", "-n", "-r", str(file), *decode, *PREFERENCES, "-Y", "tcp", "-T", "fields"]
    said = subprocess.run([*command, "-E", "occurrence=l", *fields], capture_output=True, text=True, timeout=60, check=True).stdout
    expected = [
        f"{variant.frames[n]}\t{int.from_bytes(s.header[:2])}\t{int.from_bytes(s.header[2:4])}\t{s.payload.hex()}"
        for n, s in enumerate((segment(packet.data) for packet in packets(path)), 1)
    ]
    found = said.splitlines()
    assert len(found) == len(expected)
    for line, wanted in zip(found, expected, strict=True):
        assert line == wanted or (name in SHORT and len(line) > 2800 and wanted.startswith(line))
