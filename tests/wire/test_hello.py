from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams_of import MESSAGES

from whytls.exceptions import UsageError
from whytls.wire.framing import messages
from whytls.wire.hello import build, change, make, message_body
from whytls.wire.message import ClientHello, Extension, read
from whytls.wire.record import looks_like_tls, split
from whytls.wire.registry import GREASE
from whytls.wire.sslv2 import read_sslv2

CLIENTS = sorted(key for key in MESSAGES if key[2] == 1)


def again(hello: ClientHello) -> ClientHello:
    data = build(hello)
    assert looks_like_tls(data)
    found = split(data)
    assert found.stop == ""
    (framed,) = messages(data, found.records)
    assert framed.complete
    result = read(framed.number, framed.body)
    assert isinstance(result, ClientHello)
    return result


@pytest.mark.parametrize("key", CLIENTS)
def test_real_hellos_come_back_byte_for_byte(key: tuple[str, str, int]) -> None:
    hello = read(1, MESSAGES[key])
    assert isinstance(hello, ClientHello)
    assert message_body(hello) == MESSAGES[key]
    assert again(hello) == hello


PLAIN = st.integers(0, 0xFFFF).filter(lambda n: n not in GREASE)
EXTENSIONS = st.lists(st.tuples(PLAIN, st.binary(max_size=40)), max_size=8, unique_by=lambda e: e[0])


@given(st.integers(0, 0xFFFF), st.binary(min_size=32, max_size=32), st.binary(max_size=32), st.lists(PLAIN, max_size=40), EXTENSIONS)
def test_whatever_can_be_read_is_built_back(version: int, random: bytes, session: bytes, suites: list[int], blocks: list[tuple[int, bytes]]) -> None:
    bare = ClientHello(version, random, session, tuple(suites), (0,), tuple(Extension(*block) for block in blocks))
    first = read(1, message_body(bare))
    assert isinstance(first, ClientHello)
    for field in ClientHello._fields[:6]:
        assert getattr(first, field) == getattr(bare, field)
    if not first.greased:  # inside extensions
        assert again(first) == first


def test_a_hello_from_nothing() -> None:
    hello = make(suites=[0x1301, 0xC02F], versions=[0x0304, 0x0303], server_name="api.example.com", alpn=["h2"], key_shares=[(29, bytes(32))])
    assert (hello.cipher_suites, hello.versions, hello.legacy_version) == ((0x1301, 0xC02F), (0x0304, 0x0303), 0x0303)
    assert (hello.server_name, hello.alpn, hello.key_shares, hello.groups) == ("api.example.com", ("h2",), (29,), (29, 23, 24))
    assert hello.problem is None
    assert again(hello) == hello
    old = make(suites=[0x002F], versions=[0x0301], groups=None, signature_algorithms=None)
    assert (old.legacy_version, old.extensions, old.versions) == (0x0301, (), (0x0301, 0x0300))


def test_one_thing_is_changed_and_the_rest_stays() -> None:
    hello = read(1, MESSAGES["ecdsa-tls12-openssl-nginx", "client", 1])
    assert isinstance(hello, ClientHello)
    renamed = change(hello, server_name="other.example")
    assert renamed.server_name == "other.example"
    assert [e.number for e in renamed.extensions] == [e.number for e in hello.extensions]
    assert [e for e in renamed.extensions if e.number] == [e for e in hello.extensions if e.number]
    assert (renamed.cipher_suites, renamed.random) == (hello.cipher_suites, hello.random)
    assert change(renamed, server_name=hello.server_name) == hello
    assert change(hello) == hello


def test_changes() -> None:
    hello = read(1, MESSAGES["ecdsa-tls12-openssl-nginx", "client", 1])
    assert isinstance(hello, ClientHello)
    changed = change(hello, suites=[0x002F], groups=[23], signature_algorithms=[0x0403], alpn=["h2", "http/1.1"], without=[0, 51])
    assert (changed.cipher_suites, changed.groups, changed.signature_algorithms) == ((0x002F,), (23,), (0x0403,))
    assert (changed.alpn, changed.server_name, changed.key_shares) == (("h2", "http/1.1"), None, None)
    assert change(hello, versions=[0x0302]).versions == (0x0302, 0x0301, 0x0300)
    assert change(hello, versions=[0x0304]).versions == (0x0304,)
    resumed = make(suites=[0x1301], versions=[0x0304], more=[Extension(41, b"psk")])
    assert [e.number for e in change(resumed, server_name="a").extensions][-1] == 41  # it must stay the last
    assert change(hello, server_name="münchen.example").server_name == "xn--mnchen-3ya.example"


def test_an_sslv2_hello() -> None:
    hello = ClientHello(0x0301, bytes(range(16)), b"", (0x010080, 0x002F, 0x00FF), (0,), (), secure_renegotiation=True, sslv2=True)
    data = build(hello)
    (record,) = split(data).records
    assert read_sslv2(data[record.start : record.end]) == hello
    with pytest.raises(UsageError):
        change(hello, server_name="a")


def test_a_hello_longer_than_a_record_is_cut_into_several() -> None:
    long = make(suites=[0x1301], more=[Extension(0x4321, bytes(20_000))])
    assert len(split(build(long)).records) == 2
    assert again(long) == long


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        build(ClientHello(0x0303, b"short", b"", (0x1301,), (0,), ()))
    with pytest.raises(UsageError, match="longer than its length field"):
        build(ClientHello(0x0303, bytes(32), bytes(256), (0x1301,), (0,), ()))
