from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_of import MESSAGES, plain_messages, seconds, stream

from whytls.wire import message as module
from whytls.wire.message import (
    RETRY_RANDOM,
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    EncryptedExtensions,
    Extension,
    MalformedMessage,
    Message,
    NewSessionTicket,
    PlainMessage,
    ServerHello,
    ServerKeyExchange,
    read,
)
from whytls.wire.registry import TLS10, TLS12, TLS13

VALUES = Message.__args__
VERSIONS = (None, 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x7F12, 0x7F1C)
SUITES = (None, 0x002F, 0x0033, 0x0034, 0xC02F, 0xC02B, 0x1301, 0x00A8, 0xC035, 0x0092, 0x0003, 0xC01D, 0xFFFF)


def only(name: str, side: str, number: int, version: int | None = None, suite: int | None = None) -> Message:
    return read(number, MESSAGES[name, side, number], version, suite)


def extension(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def hello(*extensions: bytes, suites: bytes = b"\x13\x01", session: bytes = b"") -> bytes:
    block = b"".join(extensions)
    parts = (b"\x03\x03", bytes(range(32)), bytes([len(session)]), session, len(suites).to_bytes(2, "big"), suites, b"\x01\x00")
    return b"".join(parts) + (len(block).to_bytes(2, "big") + block if extensions else b"")


# ------------------------------------------------------------------ ClientHello


def test_an_openssl_client_hello() -> None:
    found = only("ecdsa-tls12-openssl-nginx", "client", 1)
    assert isinstance(found, ClientHello)
    assert (found.legacy_version, found.versions, found.max_version) == (0x0303, (0x0304, 0x0303), 0x0304)
    assert (len(found.cipher_suites), found.cipher_suites[:2], found.cipher_suites[-1]) == (31, (0x1302, 0x1303), 0x00FF)
    assert found.server_name == "api.example.test"
    assert found.groups == (29, 23, 30, 25, 24, 256, 257, 258, 259, 260)
    assert found.key_shares == (29,)
    assert found.signature_algorithms is not None
    assert found.signature_algorithms[:3] == (0x0403, 0x0503, 0x0603)
    assert (found.alpn, found.signature_algorithms_cert, found.problem) == (None, None, None)
    assert found.extended_master_secret
    assert found.secure_renegotiation
    flags = (found.session_ticket, found.psk, found.early_data, found.greased, found.sslv2, found.fallback)
    assert flags == (False,) * 6
    assert (len(found.random), len(found.session_id), found.compression_methods) == (32, 32, (0,))
    assert found.has(35)
    assert not found.has(16)


def test_other_clients() -> None:
    curl = only("tls10-refused-curl-go", "client", 1)
    assert isinstance(curl, ClientHello)
    assert curl.alpn == ("http/1.1",)
    assert curl.versions == (0x0303, 0x0302, 0x0301, 0x0300)
    java = only("ssl3-refused-java-openssl", "client", 1)
    assert isinstance(java, ClientHello)
    assert (java.versions, len(java.cipher_suites)) == ((0x0300,), 22)
    resumed = only("resumed-tls12-openssl-openssl", "client", 1)
    assert isinstance(resumed, ClientHello)
    assert resumed.session_ticket


def test_a_hello_without_extensions() -> None:
    found = read(1, hello())
    assert isinstance(found, ClientHello)
    assert (found.extensions, found.groups, found.server_name, found.problem) == ((), None, None, None)


def test_grease_is_taken_out_everywhere_and_said() -> None:
    found = read(1, hello(
        extension(0x0A0A, b""), extension(10, b"\0\4\x1a\x1a\0\x1d"), extension(43, b"\4\x2a\x2a\3\4"),
        extension(13, b"\0\4\x04\x03\x3a\x3a"), extension(51, b"\0\x0a\x1a\x1a\0\1\0\0\x1d\0\1x"), extension(0xFAFA, b"\0"),
        extension(16, b"\0\6\2\x8a\x8a\2h2"),
        suites=b"\x6a\x6a\x13\x01",
    ))  # fmt: skip
    assert isinstance(found, ClientHello)
    assert found.greased
    assert found.cipher_suites == (0x1301,)
    assert (found.groups, found.supported_versions, found.signature_algorithms, found.key_shares) == ((29,), (0x0304,), (0x0403,), (29,))
    assert [e.number for e in found.extensions] == [10, 43, 13, 51, 16]
    assert found.alpn == ("h2",)
    assert found.problem is None


@pytest.mark.parametrize("grease", [{"suites": b"\x6a\x6a\x13\x01"}, {"extensions": (10, b"\0\4\x1a\x1a\0\x1d")}])
def test_grease_in_one_place_alone_is_said(grease: dict[str, object]) -> None:
    extensions = [extension(*grease["extensions"])] if "extensions" in grease else [extension(10, b"\0\2\0\x1d")]  # type: ignore[misc]
    for _ in range(2):  # the second time from memory
        found = read(1, hello(*extensions, suites=grease.get("suites", b"\x13\x01")))  # type: ignore[arg-type]
        assert isinstance(found, ClientHello)
        assert found.greased
        assert (found.cipher_suites, found.groups) == ((0x1301,), (29,))


def test_signalling_suites() -> None:
    found = read(1, hello(suites=b"\x00\x2f\x00\xff\x56\x00"))
    assert isinstance(found, ClientHello)
    assert found.secure_renegotiation
    assert found.fallback
    other = read(1, hello(extension(0xFF01, b"\0")))
    assert isinstance(other, ClientHello)
    assert other.secure_renegotiation
    assert not other.fallback


def test_flags_by_extension() -> None:
    found = read(1, hello(extension(42, b""), extension(44, b"\0\1c"), extension(0xFE0D, b"\0x"), extension(41, b"psk")))
    assert isinstance(found, ClientHello)
    assert found.early_data
    assert found.cookie
    assert found.encrypted_client_hello
    assert found.psk
    assert found.problem is None


def test_absent_and_empty_differ() -> None:
    found = read(1, hello(extension(10, b"\0\0"), extension(16, b"\0\0")))
    assert isinstance(found, ClientHello)
    assert (found.groups, found.alpn, found.signature_algorithms) == ((), (), None)


@pytest.mark.parametrize(("extensions", "said"), [
    ([extension(10, b"\0\3\0\x1d\0")], "groups: byte 2: supported_groups has an odd length"),
    ([extension(10, b"\0\4\0\x1d")], "groups"),
    ([extension(23, b""), extension(23, b"")], "extension 23 stands there twice"),
    ([extension(41, b"x"), extension(23, b"")], "pre_shared_key is not the last extension"),
    ([extension(0, b"\0\0")], "server_name holds no host name"),
])  # fmt: skip
def test_one_damaged_extension_leaves_the_rest(extensions: list[bytes], said: str) -> None:
    for _ in range(2):
        found = read(1, hello(extension(16, b"\0\3\2h2"), *extensions))
        assert isinstance(found, ClientHello)
        assert found.problem is not None
        assert said in found.problem
        assert (found.alpn, found.cipher_suites) == (("h2",), (0x1301,))


def test_bytes_behind_the_extensions_are_said() -> None:
    found = read(1, hello(extension(16, b"\0\3\2h2")) + b"!")
    assert isinstance(found, ClientHello)
    assert found.alpn == ("h2",)
    assert found.problem is not None
    assert "1 bytes too many behind the extensions" in found.problem


def test_a_cut_hello_is_read_as_far_as_it_goes() -> None:
    body = MESSAGES["ecdsa-tls12-openssl-nginx", "client", 1]
    whole = read(1, body)
    assert isinstance(whole, ClientHello)
    for cut in range(len(body)):
        found = read(1, body[:cut])
        if isinstance(found, MalformedMessage):
            assert cut < 35 + 32
        else:
            assert isinstance(found, ClientHello)
            assert found.random == whole.random
            assert found.cipher_suites in ((), whole.cipher_suites)
            assert found.extensions == whole.extensions[: len(found.extensions)]
            assert found.problem or found.extensions == ()


def test_names_on_the_wire_that_are_not_text_stay_visible() -> None:
    found = read(1, hello(extension(0, b"\0\6\0\0\3a\xff\x07"), extension(16, b"\0\3\2\xfe\x80")))
    assert isinstance(found, ClientHello)
    assert (found.server_name, found.alpn) == ("a\\xff\x07", ("\\xfe\\x80",))


@given(st.binary(min_size=2, max_size=40))
def test_what_is_remembered_is_bounded(seed: bytes) -> None:
    module._said.clear()
    for i in range(module._LIMIT + 5):
        read(1, hello(extension(i % 9000 + 70, seed)))
    assert len(module._said) <= module._LIMIT
    long = hello(extension(16, (len(seed) * 200).to_bytes(2, "big") + seed * 200))
    before = len(module._said)
    read(1, long)
    assert len(module._said) == before


test_what_is_remembered_is_bounded = settings(max_examples=3, deadline=None)(test_what_is_remembered_is_bounded)


# ------------------------------------------------------------------ ServerHello


def test_server_hellos() -> None:
    old = only("ecdsa-tls12-openssl-nginx", "server", 2)
    assert isinstance(old, ServerHello)
    assert (old.version, old.cipher_suite, old.compression_method, old.group, old.is_retry) == (TLS12, 0xC02C, 0, None, False)
    assert old.extended_master_secret
    assert old.secure_renegotiation
    new = only("full-tls13-go-go", "server", 2)
    assert isinstance(new, ServerHello)
    assert (new.version, new.legacy_version, new.cipher_suite, new.group, len(new.session_id)) == (TLS13, TLS12, 0x1301, 29, 32)
    oldest = only("tls10-refused-curl-go", "server", 2)
    assert isinstance(oldest, ServerHello)
    assert (oldest.version, oldest.alpn, oldest.has(16)) == (TLS10, "http/1.1", True)


def test_a_hello_retry_request_is_told_by_its_random() -> None:
    found = only("hello-retry-tls13-openssl-openssl", "server", 2)
    assert isinstance(found, ServerHello)
    assert (found.is_retry, found.version, found.group, found.random) == (True, TLS13, 24, RETRY_RANDOM)


def server_hello(random: bytes, *extensions: bytes, version: bytes = b"\x03\x03") -> bytes:
    block = b"".join(extensions)
    return version + random + b"\0" + b"\xc0\x2f\0" + (len(block).to_bytes(2, "big") + block if extensions else b"")


@pytest.mark.parametrize(("tail", "protects"), [(b"DOWNGRD\x01", 0x0303), (b"DOWNGRD\x00", 0x0302), (b"DOWNGRD\x02", None)])
def test_the_downgrade_sentinel(tail: bytes, protects: int | None) -> None:
    found = read(2, server_hello(bytes(24) + tail))
    assert isinstance(found, ServerHello)
    assert found.downgrade == protects


def test_server_extensions() -> None:
    found = read(2, server_hello(
        bytes(32), extension(43, b"\3\4"), extension(41, b"\0\1"), extension(44, b"\0\1c"), extension(51, b"\0\x1d\0\2ab"),
    ))  # fmt: skip
    assert isinstance(found, ServerHello)
    assert (found.version, found.psk, found.cookie, found.group, found.problem) == (TLS13, 1, True, 29, None)
    damaged = read(2, server_hello(bytes(32), extension(16, b"\0\6\2h2\2h3"), extension(43, b"\3")))
    assert isinstance(damaged, ServerHello)
    assert damaged.problem is not None
    assert "ALPN holds 2 protocols" in damaged.problem
    assert (damaged.alpn, damaged.version) == (None, TLS12)


def test_drafts_of_tls13() -> None:
    draft18 = b"\x7f\x12" + bytes(32) + b"\x13\x01" + b"\0\6" + extension(40, b"\0\x1d")
    found = read(2, draft18)
    assert isinstance(found, ServerHello)
    assert (found.version, found.cipher_suite, found.session_id, found.problem) == (0x7F12, 0x1301, b"", None)
    retry = read(6, b"\x7f\x13\x13\x01" + b"\0\6" + extension(51, b"\0\x17"))
    assert isinstance(retry, ServerHello)
    assert (retry.is_retry, retry.cipher_suite, retry.group) == (True, 0x1301, 23)


# ------------------------------------------------------------------ certificates


def test_chains() -> None:
    server = only("client-auth-tls12-openssl-nginx", "server", 11, TLS12)
    assert isinstance(server, Certificate)
    assert [len(der) for der in server.chain] == [888, 834]
    assert all(der[:2] == b"\x30\x82" for der in server.chain)
    assert read(11, b"\0\0\0", TLS12) == Certificate((), None)


def test_the_layout_of_tls13() -> None:
    body = b"\0" + b"\0\0\x0e" + b"\0\0\2ab" + b"\0\0" + b"\0\0\1c" + b"\0\1x"
    assert read(11, body, TLS13) == Certificate((b"ab", b"c"), None)


def test_a_damaged_chain_keeps_what_came_before() -> None:
    found = read(11, b"\0\0\x08" + b"\0\0\2ab" + b"\0\0\2", TLS12)
    assert isinstance(found, Certificate)
    assert found.chain == (b"ab",)
    assert found.problem is not None


def test_certificate_requests() -> None:
    found = only("client-auth-tls12-openssl-nginx", "server", 13, TLS12)
    assert isinstance(found, CertificateRequest)
    assert found.certificate_types == (1, 2, 64)
    assert found.signature_algorithms is not None
    assert found.signature_algorithms[0] == 0x0403
    assert len(found.authorities) == 1
    assert found.authorities[0][:1] == b"\x30"
    assert only("client-auth-tls12-openssl-nginx", "server", 13) == found  # the version was not seen
    anyone = only("client-auth-tls12-curl-python", "server", 13, TLS12)
    assert isinstance(anyone, CertificateRequest)
    assert anyone.authorities == ()


def test_a_certificate_request_before_tls12_and_in_tls13() -> None:
    assert read(13, b"\x01\x01\0\5\0\3abc", TLS10) == CertificateRequest((1,), None, (b"abc",))
    block = extension(13, b"\0\2\4\3") + extension(47, b"\0\4\0\2xy")
    assert read(13, b"\0" + len(block).to_bytes(2, "big") + block, TLS13) == CertificateRequest((), (0x0403,), (b"xy",))


def test_certificate_verify() -> None:
    assert only("client-auth-tls12-openssl-nginx", "client", 15, TLS12) == CertificateVerify(0x0804)
    assert only("client-auth-tls12-openssl-nginx", "client", 15) == CertificateVerify(0x0804)
    assert read(15, b"\0\2ab", TLS10) == read(15, b"\0\2ab") == CertificateVerify(None)
    damaged = read(15, b"\x04\x03\0\5ab", TLS12)
    assert isinstance(damaged, CertificateVerify)
    assert damaged.signature_scheme == 0x0403
    assert damaged.problem is not None


# ------------------------------------------------------------------ ServerKeyExchange and the rest


def test_key_exchanges_of_real_servers() -> None:
    ecdhe = only("ecdsa-tls12-openssl-nginx", "server", 12, TLS12, 0xC02C)
    assert ecdhe == ServerKeyExchange("ecdhe", group=29, signature_scheme=0x0403)
    assert only("ecdsa-tls12-openssl-nginx", "server", 12, TLS12) == ecdhe  # the suite was not seen
    dhe = only("dh1024-tls12-python-openssl", "server", 12, TLS12, 0x009E)
    assert dhe == ServerKeyExchange("dhe", dh_bits=1024, signature_scheme=0x0804)
    assert only("tls10-refused-curl-go", "server", 12, TLS10, 0xC013) == ServerKeyExchange("ecdhe", group=29)


@pytest.mark.parametrize(("suite", "body", "wanted"), [
    (0x0003, b"\0\1\x80\0\1\3" + b"\0\1s", ServerKeyExchange("rsa", rsa_bits=8)),
    (0x00A8, b"\0\4hint", ServerKeyExchange("other")),
    (0xC035, b"\0\4hint\3\0\x17\1p", ServerKeyExchange("ecdhe", group=23)),
    (0x00AA, b"\0\0\0\1\x7f\0\1\2\0\1y", ServerKeyExchange("dhe", dh_bits=7)),
    (0x0034, b"\0\2\1\0\0\1\2\0\1y", ServerKeyExchange("dhe", dh_bits=9)),
    (0xC01D, b"anything", ServerKeyExchange("other")),
    (0x0092, b"\0\4hint", ServerKeyExchange("other")),
])  # fmt: skip
def test_key_exchanges_by_suite(suite: int, body: bytes, wanted: ServerKeyExchange) -> None:
    assert read(12, body, TLS10, suite) == wanted


def test_explicit_curves_and_cut_parameters() -> None:
    explicit = read(12, b"\1rest", TLS12, 0xC02F)
    assert isinstance(explicit, ServerKeyExchange)
    assert (explicit.kind, explicit.group) == ("ecdhe", None)
    assert explicit.problem is not None
    cut = read(12, b"\3\0\x1d\x20abc", TLS12, 0xC02F)
    assert isinstance(cut, ServerKeyExchange)
    assert cut.group == 29
    assert cut.problem is not None


def test_tickets_and_empty_messages() -> None:
    assert only("full-tls12-java-java", "server", 4, TLS12) == NewSessionTicket(86400, 2013)
    assert read(4, b"\0\0\0\7" + b"\0\0\0\0" + b"\1n" + b"\0\2tt" + b"\0\0", TLS13) == NewSessionTicket(7, 2)
    assert only("full-tls12-java-java", "server", 14) == PlainMessage(14, 0)
    assert read(0, b"") == PlainMessage(0, 0)
    assert isinstance(read(14, b"x"), MalformedMessage)


def test_what_is_not_known_is_a_plain_message() -> None:
    assert read(16, b"abc") == PlainMessage(16, 3)
    assert read(20, bytes(12)) == PlainMessage(20, 12)
    assert read(22, b"\1") == PlainMessage(22, 1)
    assert read(99, b"abcd") == PlainMessage(99, 4)


def test_encrypted_extensions() -> None:
    block = extension(16, b"\0\3\2h2")
    assert read(8, b"\0\x09" + block) == EncryptedExtensions((Extension(16, b"\0\3\2h2"),), "h2", None)


# ------------------------------------------------------------------ hostile bytes


def harmless(number: int, body: bytes, version: int | None, suite: int | None) -> None:
    found = read(number, body, version, suite)
    assert isinstance(found, VALUES)
    if isinstance(found, MalformedMessage):
        assert 0 <= found.offset <= len(body)
        assert found.problem
    if isinstance(found, ClientHello | ServerHello):
        assert sum(len(e.body) for e in found.extensions) <= len(body)
    if isinstance(found, Certificate):
        assert sum(map(len, found.chain)) <= len(body)


NUMBERS = st.sampled_from([0, 1, 2, 4, 6, 8, 11, 12, 13, 14, 15, 16, 20, 22, 99])


@given(NUMBERS, st.binary(max_size=300), st.sampled_from(VERSIONS), st.sampled_from(SUITES))
def test_any_bytes(number: int, body: bytes, version: int | None, suite: int | None) -> None:
    harmless(number, body, version, suite)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(MESSAGES)), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=5),
    st.integers(0, 9999), st.sampled_from(VERSIONS), st.sampled_from(SUITES),
)  # fmt: skip
def test_changed_and_cut_real_messages(
    which: tuple[str, str, int], changes: list[tuple[int, int]], cut: int, version: int | None, suite: int | None
) -> None:
    body = bytearray(MESSAGES[which])
    for place, byte in changes:
        if body:
            body[place % len(body)] = byte
    harmless(which[2], bytes(body), version, suite)
    harmless(which[2], bytes(body[: cut % (len(body) + 1)]), version, suite)


@pytest.mark.parametrize("which", sorted(MESSAGES))
def test_every_prefix_of_real_messages(which: tuple[str, str, int]) -> None:
    body = MESSAGES[which]
    for cut in range(0, len(body), 1 + len(body) // 400):
        harmless(which[2], body[:cut], TLS12, 0xC02F)


@pytest.mark.parametrize("make", [
    lambda n: hello(*[extension(i % 60000, b"") for i in range(n)]),
    lambda n: hello(suites=b"\x13\x01" * n),
    lambda n: hello(extension(16, (2 * n).to_bytes(2, "big") + b"\1a" * n)),
    lambda n: hello(extension(51, (4 * n).to_bytes(2, "big") + b"\0\x1d\0\0" * n)),
])  # fmt: skip
def test_the_time_grows_with_the_length_only(make) -> None:  # type: ignore[no-untyped-def]
    short, long = make(1_000), make(16_000)
    assert seconds(lambda: read(1, long)) < 80 * seconds(lambda: read(1, short))  # 16 times as long; squared it would be 256


def test_the_streams_hold_what_their_names_say() -> None:
    assert len(MESSAGES) > 40
    assert [m.number for m in plain_messages(stream("resumed-tls12-openssl-openssl", "server"))] == [2]
