from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of import MESSAGES

from whytls.exceptions import Malformed
from whytls.wire import extension as x
from whytls.wire.message import ClientHello, read

READERS = sorted({reader.__name__ for _, reader, _ in x.CLIENT.values()} | {r.__name__ for _, r in x.SERVER.values()} | {
    r.__name__ for r in x._ON_REQUEST.values()})  # fmt: skip


@pytest.mark.parametrize(("reader", "body", "wanted"), [
    (x.server_name, "0006000003612e62", "a.b"),
    (x.server_name, "000b 01 0002ffff 00 0003612e62", "a.b"),
    (x.server_name, "0003 000000", ""),
    (x.alpn, "000c 026832 08687474702f312e31", ("h2", "http/1.1")),
    (x.alpn_chosen, "0003 026832", "h2"),
    (x.certificate_authorities, "0007 0002aabb 0001cc", (b"\xaa\xbb", b"\xcc")),
    (x.supported_versions, "04 0304 0303", (0x0304, 0x0303)),
    (x.selected_version, "0304", 0x0304),
    (x.supported_groups, "0004 001d 0017", (29, 23)),
    (x.signature_algorithms, "0002 0403", (0x0403,)),
    (x.signature_algorithms_cert, "0002 0804", (0x0804,)),
    (x.key_shares, "000b 001d 0002aabb 0017 0001cc", (29, 23)),
    (x.key_share_chosen, "001d 0002aabb", 29),
    (x.key_share_chosen, "0018", 24),
    (x.psk_chosen, "0000", 0),
    (x.psk_modes, "01 01", (1,)),
    (x.ec_point_formats, "03 000102", (0, 1, 2)),
    (x.compress_certificate, "02 0002", (2,)),
    (x.record_size_limit, "4001", 16385),
    (x.max_fragment_length, "02", 1024),
    (x.heartbeat, "01", 1),
    (x.status_request, "01 0000 0000", 1),
    (x.has_content, "", False),
    (x.has_content, "00", True),
    (x.is_there, "", True),
    (x.renegotiation_info, "00", True),
    (x.cookie, "0001 63", True),
])  # fmt: skip
def test_values(reader: Callable[[bytes], Any], body: str, wanted: object) -> None:
    assert reader(bytes.fromhex(body)) == wanted


@pytest.mark.parametrize(("reader", "body"), [
    (x.server_name, ""), (x.server_name, "0000"), (x.server_name, "0006000004612e62"),
    (x.alpn, "0003 036832"), (x.alpn, "0004 026832"), (x.alpn_chosen, "0000"), (x.alpn_chosen, "0006 026832 026833"),
    (x.supported_versions, "04 0304"), (x.supported_versions, ""), (x.supported_versions, "03 0304 03"), (x.selected_version, "03"),
    (x.supported_groups, "0003 001d00"), (x.key_shares, "000c 001d 0002aabb 0017 0001cc"), (x.key_shares, "0003 001d00"),
    (x.key_shares, "0005 001d 0002aa"), (x.key_share_chosen, "001d 0003aabb"), (x.key_share_chosen, "001d 0001aabb"),
    (x.psk_chosen, "000000"), (x.max_fragment_length, "05"), (x.max_fragment_length, ""), (x.heartbeat, ""), (x.status_request, ""),
    (x.renegotiation_info, "0100ff"), (x.cookie, "0002 63"), (x.record_size_limit, "40"), (x.psk_modes, "0201"),
])  # fmt: skip
def test_lengths_that_do_not_fit(reader: Callable[[bytes], Any], body: str) -> None:
    data = bytes.fromhex(body)
    with pytest.raises(Malformed) as caught:
        reader(data)
    assert 0 <= (caught.value.offset or 0) <= len(data)


@given(st.sampled_from(READERS), st.binary(max_size=80))
def test_any_bytes(name: str, body: bytes) -> None:
    try:
        getattr(x, name)(body)
    except Malformed as error:
        found = error
    else:
        return
    assert 0 <= (found.offset or 0) <= len(body)


def test_values_on_request() -> None:
    hello = read(1, MESSAGES["full-tls13-java-python", "client", 1])
    assert isinstance(hello, ClientHello)
    assert x.value(hello.extensions, 45) == (1,)
    assert x.value(hello.extensions, 5) == 1
    assert x.value(hello.extensions, 0) == hello.server_name
    assert x.value(hello.extensions, 10) == hello.groups
    assert x.value(hello.extensions, 28) is None  # absent
    assert x.value([(28, b"x")], 28) is None  # damaged
    assert x.value([(77, b"x")], 77) == b"x"  # nothing is known of it
    assert x.value([(10, b"\0\4\x1a\x1a\0\x1d")], 10) == (29,)


def test_every_reader_of_a_hello_fills_a_field_that_is_there() -> None:
    assert {name for name, _, _ in x.CLIENT.values()} <= set(ClientHello._fields)
    assert all(listed == ("tuple[" in str(reader.__annotations__["return"])) for _, reader, listed in x.CLIENT.values())
