"""Key schedules, held to the RFCs' own values; what has none (SSL 3.0) is held to real servers in tests/probing."""

from __future__ import annotations

import rfc8448

from whytls.wire import secrets


def test_tls13_as_in_rfc_8448() -> None:
    early = secrets.early_secret("sha256")
    assert early == rfc8448.EARLY
    handshake = secrets.handshake_secret("sha256", early, rfc8448.SHARED)
    assert handshake == rfc8448.HANDSHAKE
    hellos = rfc8448.CLIENT_HELLO + rfc8448.SERVER_HELLO
    server = secrets.handshake_traffic("sha256", handshake, "server", hellos)
    assert server == rfc8448.SERVER_HANDSHAKE_TRAFFIC
    assert secrets.handshake_traffic("sha256", handshake, "client", hellos) == rfc8448.CLIENT_HANDSHAKE_TRAFFIC
    assert secrets.traffic_keys("sha256", server, 16) == (rfc8448.SERVER_HANDSHAKE_KEY, rfc8448.SERVER_HANDSHAKE_IV)
    assert secrets.main_secret("sha256", handshake) == rfc8448.MAIN


def test_tls12_prf() -> None:
    """The vector of the TLS working group for P_SHA256."""
    found = secrets.prf(
        0x0303, "sha256", bytes.fromhex("9bbe436ba940f017b17652849a71db35"), b"test label", bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c"), 100
    )
    assert found.hex() == (
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af"
        "0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
    )


def test_tls10_master_secret() -> None:
    """The first vector of NIST's validation suite for TLS 1.0 and 1.1."""
    found = secrets.master_secret(
        0x0301,
        "sha256",
        bytes.fromhex("bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d9844b2f1db02a96453513568d0"),
        bytes.fromhex("e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693"),
        bytes.fromhex("135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2"),
    )
    assert found.hex() == "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e1e998f62"


def test_hashes_of_suites() -> None:
    suites = (0x1301, 0x1302, 0x1304, 0xC030, 0xC02F, 0x002F, 0xC0AC, 0xC028, 0xFFFE)
    assert [secrets.hash_of_suite(suite) for suite in suites] == [
        "sha256", "sha384", "sha256", "sha384", "sha256", "sha256", "sha256", "sha384", "sha256",
    ]  # fmt: skip


def test_ssl3_uses_more_letters_for_more_bytes() -> None:
    short, long = (secrets.key_block(0x0300, "sha256", bytes(48), bytes(32), bytes(32), size) for size in (16, 160))
    assert len(long) == 160
    assert long[:16] == short
    assert secrets.finished(0x0300, "sha256", bytes(48), "client", b"") != secrets.finished(0x0300, "sha256", bytes(48), "server", b"")
    assert len(secrets.finished(0x0300, "sha256", bytes(48), "client", b"")) == 36
