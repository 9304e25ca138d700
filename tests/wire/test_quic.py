from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.wire.quic import name_udp, udp_version

DTLS = bytes.fromhex("16 fefd 0000 000000000000 0004") + b"abcd"
QUIC = bytes.fromhex("c3 00000001 08 0102030405060708 00 00 44 96") + bytes(1180)


@pytest.mark.parametrize(("payload", "protocol", "version"), [
    (DTLS, "dtls", "DTLS 1.2"),
    (DTLS[:1] + b"\xfe\xff" + DTLS[3:], "dtls", "DTLS 1.0"),
    (DTLS * 3, "dtls", "DTLS 1.2"),
    (QUIC, "quic", "QUIC v1"),
    (QUIC[:1] + bytes.fromhex("6b3343cf") + QUIC[5:], "quic", "QUIC v2"),
    (QUIC[:1] + bytes.fromhex("ff00001d") + QUIC[5:], "quic", "QUIC draft 29"),
    (QUIC[:1] + bytes.fromhex("1a2a3a4a") + QUIC[5:], "quic", "QUIC version 0x1a2a3a4a"),
    (b"\xc3Q046" + bytes(20), "quic", "Q046"),
    (bytes.fromhex("80 00000000 00 00 00000001"), "quic", "QUIC version negotiation"),
    (b"", None, ""),
    (DTLS[:12], None, ""),
    (DTLS[:15], None, ""),
    (b"\x16\x03\x03" + DTLS[3:], None, ""),
    (QUIC[:6], None, ""),
    (b"\x43" + QUIC[1:], None, ""),
    (b"\x83" + QUIC[1:], None, ""),
    (QUIC[:5] + b"\xff" + QUIC[6:], None, ""),
    (QUIC[:1] + bytes.fromhex("12345678") + QUIC[5:], None, ""),
    (bytes.fromhex("1234 8180 0001 0001 0000 0000"), None, ""),  # DNS
])  # fmt: skip
def test_what_is_in_a_datagram(payload: bytes, protocol: str | None, version: str) -> None:
    assert name_udp(payload) == protocol
    assert udp_version(payload) == version


@given(st.binary(max_size=60))
def test_any_bytes(payload: bytes) -> None:
    assert (name_udp(payload) is None) == (udp_version(payload) == "")
