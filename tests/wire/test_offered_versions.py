"""What a ClientHello offers is at least one version, whatever stands in it."""

from __future__ import annotations

import pytest

from whytls.wire.message import ClientHello, read

HEAD = b"\x03\x03" + bytes(32) + b"\0\0\x02\xc0\x2f\x01\0"


@pytest.mark.parametrize(
    ("listed", "offered"),
    [
        (b"\x03\x04\x03\x03", (0x0304, 0x0303)),
        (b"", (0x0303, 0x0302, 0x0301, 0x0300)),
        (b"\x8a\x8a", (0x0303, 0x0302, 0x0301, 0x0300)),  # found by fuzzing: nothing but GREASE
    ],
    ids=["two", "none", "GREASE alone"],
)
def test_a_list_that_says_nothing_leaves_the_version_field(listed: bytes, offered: tuple[int, ...]) -> None:
    body = bytes((len(listed),)) + listed
    extension = b"\0\x2b" + len(body).to_bytes(2, "big") + body
    hello = read(1, HEAD + len(extension).to_bytes(2, "big") + extension)
    assert isinstance(hello, ClientHello)
    assert hello.versions == offered
