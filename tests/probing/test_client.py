"""The whole client against OpenSSL in memory, and against bytes of all kinds: it only ever comes to an end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_server import ANSWER, context, hello, identity, newer, papers, spoken

from whytls.exceptions import Malformed
from whytls.model import Endpoint, Event, Handshake
from whytls.probing.client import Client
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.exchange import answered, offered
from whytls.probing.facts import Resume
from whytls.probing.flight13 import Flight13
from whytls.probing.shares import own_shares
from whytls.probing.signatures import scheme_for, signed, verified
from whytls.wire.framing import MAX_MESSAGE
from whytls.wire.hello import make
from whytls.wire.message import Certificate, CertificateRequest, ClientHello, EncryptedExtensions, EncryptedRecord, Extension
from whytls.wire.protection import protection_13
from whytls.wire.secrets import next_traffic, traffic_keys

VERSIONS = (0x0303, 0x0304)
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
ENDS = Ends(Endpoint("", 0), Endpoint("", 0))


def shape(client: Client) -> str:
    return seen(client).shape


def seen(client: Client) -> Handshake:
    return client.said.handshake(ENDS, "completed")


def values(client: Client, kind: type) -> list[Event]:
    return [e for e in client.said.events if isinstance(e.value, kind)]


# ------------------------------------------------------------------ whole handshakes


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize(("version", "wanted"), [(0x0303, "CsxknGIFtif"), (0x0304, "CsizxyfIFtt")])
def test_a_handshake_to_its_end(version: int, wanted: str, chunk: int) -> None:
    done = spoken(context(version), hello(version), chunk=chunk)
    assert shape(done.client).startswith(wanted[:10])
    assert done.client.settled
    assert done.client.proofs[:3] == (True, 0x0804, True)
    assert seen(done.client).server_chain == (papers()[1].der,)
    assert done.problem == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_reaches_the_server_and_its_answer_us(version: int) -> None:
    done = spoken(context(version), hello(version), request=REQUEST)
    assert done.heard == REQUEST
    assert bytes(done.client.application) == ANSWER
    (answer,) = [e.value for e in values(done.client, EncryptedRecord) if e.sender == "server"]
    assert isinstance(answer, EncryptedRecord)
    assert answer.content == ANSWER


@pytest.mark.parametrize(("version", "wanted"), [(0x0303, "CsxkrnXGYIFtif"), (0x0304, "CsizrxyfIXYFtt")])
def test_a_client_certificate_is_shown_and_accepted(version: int, wanted: str) -> None:
    done = spoken(context(version, client_auth=True), hello(version), identity=identity(), request=REQUEST)
    assert shape(done.client).replace("D", "").replace("d", "").startswith(wanted[:14].rstrip("t"))
    assert (done.heard, done.problem) == (REQUEST, "")
    (asked,) = values(done.client, CertificateRequest)
    assert isinstance(asked.value, CertificateRequest)
    assert asked.value.signature_algorithms
    assert done.client.proofs.client_scheme == 0x0403
    assert seen(done.client).client_chain == identity().chain


@pytest.mark.parametrize(("version", "alert"), [(0x0303, 40), (0x0304, 116)])
def test_without_a_client_certificate_the_servers_alert_is_read(version: int, alert: int) -> None:
    done = spoken(context(version, client_auth=True), hello(version))
    assert done.client.end == "refused"
    assert done.client.said.events[-1].value == (2, alert)
    assert seen(done.client).client_chain == ()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed(version: int) -> None:
    server = context(version)
    first = spoken(server, hello(version), request=REQUEST).client
    assert first.resume is not None
    second = spoken(server, hello(version), request=REQUEST, resume=first.resume).client
    assert seen(second).resumed
    assert second.proofs.finished
    assert second.proofs.signature is None
    assert bytes(second.application) == ANSWER


def test_a_resumption_after_a_retry_has_a_new_binder() -> None:
    server = context(0x0304, curve="secp384r1")
    groups = (0x1D, 0x18)
    first = spoken(server, hello(0x0304, groups=groups), request=REQUEST).client
    assert shape(first).startswith("CjIC")
    second = spoken(server, hello(0x0304, groups=groups), request=REQUEST, resume=first.resume).client
    assert shape(second).startswith("CjIC")
    assert seen(second).resumed
    assert second.proofs.finished


def test_a_ticket_that_the_server_does_not_know_leads_to_a_full_handshake() -> None:
    for version in VERSIONS:
        strange = Resume(version, 0x1301 if version == 0x0304 else 0xC02F, bytes(32), b"", b"who am I?")
        done = spoken(context(version), hello(version), request=REQUEST, resume=strange).client
        assert not seen(done).resumed
        assert bytes(done.application) == ANSWER


def test_a_retry_is_followed() -> None:
    done = spoken(context(0x0304, curve="prime256v1"), hello(0x0304), request=REQUEST).client
    handshake = seen(done)
    assert handshake.shape.startswith("CjICiszxyfF")
    assert handshake.retried_hello is not None
    assert handshake.retried_hello.key_shares == (0x17,)
    assert bytes(done.application) == ANSWER


@pytest.mark.parametrize("version", VERSIONS)
def test_the_flight_is_read_without_an_answer(version: int) -> None:
    done = spoken(context(version, client_auth=True), hello(version), "flight")
    assert done.client.end == "reached"
    assert values(done.client, Certificate)
    assert values(done.client, CertificateRequest)
    assert [e.kind for e in done.client.said.events if e.sender == "client"] == ["client-hello"]


def test_encrypted_extensions_are_an_event_with_their_value() -> None:
    server = context(0x0304)
    server.set_alpn_protocols(["h2"])
    done = spoken(server, hello(0x0304, alpn=["h2", "http/1.1"]), "flight")
    (event,) = values(done.client, EncryptedExtensions)
    assert isinstance(event.value, EncryptedExtensions)
    assert (event.kind, event.sender) == ("other-message", "server")
    assert event.value.alpn == "h2"


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"])
@pytest.mark.parametrize("encrypt_then_mac", [True, False])
def test_record_protections_of_tls12(cipher: str, encrypt_then_mac: bool) -> None:
    more = [Extension(23, b""), *([Extension(22, b"")] if encrypt_then_mac else [])]
    suites = (0x2F, 0x3C, 0xC027, 0x9C, 0xCCA8)
    done = spoken(context(0x0303, ciphers=cipher), hello(0x0303, suites=suites, more=more), request=REQUEST).client
    assert bytes(done.application) == ANSWER
    assert done.proofs.finished


@pytest.mark.parametrize("group", [0x11EC, 0x11EB, 0x1E, 0x18, 0x19, 0x100])
def test_groups_of_a_newer_openssl(group: int) -> None:
    """The one that ``cryptography`` brings along knows the hybrids with ML-KEM."""
    client = newer(hello(0x0304, groups=(group,), key_shares=((group, b"replaced by ours"),)))
    assert client.proofs[:3] == (True, 0x0804, True)
    assert seen(client).server_hello is not None
    assert client.said.server_hello.group == group  # type: ignore[union-attr]
    assert bytes(client.application) == ANSWER


def test_signatures_with_ml_dsa() -> None:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    for scheme, kind in ((0x0904, mldsa.MLDSA44PrivateKey), (0x0905, mldsa.MLDSA65PrivateKey), (0x0906, mldsa.MLDSA87PrivateKey)):
        key = kind.generate()
        assert scheme_for(key, False, (0x0804, scheme), 0x0304) == scheme
        assert scheme_for(key, False, (scheme,), 0x0303) is None
        signature = signed(key, scheme, b"data")
        assert signature is not None
        assert verified(key.public_key(), scheme, b"data", signature) is True
        assert verified(key.public_key(), scheme, b"other", signature) is False


@pytest.mark.parametrize("algorithm", [1, 3], ids=["zlib", "zstd"])
def test_a_compressed_certificate_is_an_event_like_any_other(algorithm: int) -> None:
    import zlib

    import zstandard

    import whytls.probing.flight13 as flight13

    chain = vectors(3, papers()[1].der) + b"\0\0"
    body = b"\0" + len(chain).to_bytes(3, "big") + chain
    packed = zlib.compress(body) if algorithm == 1 else zstandard.compress(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flight13, "protection_13", lambda suite, keys: Transparent())
        client = Client(hello(0x0304), Conversation("", 512), "flight")
        client.start()
        client.receive(record(22, server_hello(0x0304, 0x1301, dict(own_shares(hello(0x0304))[1])[0x1D].public)))
        message_25 = message(25, algorithm.to_bytes(2, "big") + len(body).to_bytes(3, "big") + vectors(3, packed))
        client.receive(record(23, message(8, b"\0\0") + message_25 + b"\x16"))
    event = client.said.events[-1]
    assert (event.kind, event.length) == ("certificate", len(message_25))
    assert seen(client).server_chain == (papers()[1].der,)


def test_a_small_record_size_is_kept_to() -> None:
    """max_fragment_length of 512: the server's records and ours."""
    long = b"GET /" + b"x" * 3000 + b" HTTP/1.0\r\n\r\n"
    for version in VERSIONS:
        more = [Extension(1, b"\x01"), Extension(45, b"\x01\x01")]
        done = spoken(context(version, client_auth=True), hello(version, more=more), identity=identity(), request=long)
        ours = [e.length for e in done.client.said.events if e.sender == "client" and e.kind == "encrypted"]
        assert len(ours) >= 6
        assert max(ours) <= 512 + 40
        assert done.heard == long[: len(done.heard)]
        assert done.problem == ""


def test_nothing_secret_is_printed() -> None:
    first = spoken(context(0x0304), hello(0x0304), request=REQUEST).client
    assert first.resume is not None
    for text in (repr(first.resume), repr(identity())):
        assert first.resume.secret.hex() not in text
        assert "object at" not in text
        assert repr(first.resume.secret) not in text


# ------------------------------------------------------------------ hostile servers


def fed(client: Client, data: bytes, sizes: list[int]) -> None:
    at = 0
    for size in [*sizes, len(data)]:
        client.receive(data[at : at + size])
        at += size
    assert len(client.said.events) <= 512 + 2
    client.farewell()


CHUNKS = st.lists(st.integers(1, 400), max_size=20)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000), CHUNKS, st.sampled_from(("answer", "flight", "session", "finish")))
def test_arbitrary_bytes(data: bytes, sizes: list[int], until: str) -> None:
    client = Client(hello(0x0304), Conversation("", 512), until)  # type: ignore[arg-type]
    client.start()
    fed(client, data, sizes)


def mutated(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    found = bytearray(data)
    for place, kind, more in edits:
        at = place % max(1, len(found))
        if kind == 0:
            found[at : at + len(more)] = more
        elif kind == 1:
            found[at:at] = more
        elif kind == 2:
            del found[at : at + 1 + place % 40]
        else:
            found[at:at] = found[max(0, at - 200) : at]
    return bytes(found)


EDITS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3), st.binary(max_size=6)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(VERSIONS), st.booleans(), EDITS, CHUNKS)
def test_mutated_flights_of_a_real_server(version: int, asked: bool, edits: list[tuple[int, int, bytes]], sizes: list[int]) -> None:
    """The first flight answers our own hello, so that it opens as far as it is whole."""
    import ssl

    client = Client(hello(version), Conversation("", 512), "finish", identity=identity(), request=REQUEST)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context(version, client_auth=asked).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client.start())
    with pytest.raises(ssl.SSLWantReadError):
        peer.do_handshake()
    fed(client, mutated(outgoing.read(), edits), sizes)


class Transparent:
    """A protection that protects nothing, so that what is within can be anything."""

    def seal(self, content_type: int, version: int, data: bytes) -> bytes:
        return data + bytes((content_type,))

    def open(self, content_type: int, version: int, body: bytes) -> tuple[int, bytes]:
        if not body:
            raise Malformed("nothing in it")
        return (body[-1], body[:-1]) if content_type == 23 else (content_type, body)


def record(kind: int, data: bytes) -> bytes:
    return b"".join(
        bytes((kind, 3, 3)) + len(part).to_bytes(2, "big") + part for part in (data[i : i + 16000] for i in range(0, max(1, len(data)), 16000))
    )


def message(number: int, body: bytes) -> bytes:
    return bytes((number,)) + len(body).to_bytes(3, "big") + body


def server_hello(version: int, suite: int, share: bytes = b"", more: bytes = b"") -> bytes:
    extensions = more
    if version == 0x0304:
        extensions += b"\0\x2b\0\x02\x03\x04" + (b"\0\x33" + (len(share) + 4).to_bytes(2, "big") + b"\0\x1d" + len(share).to_bytes(2, "big") + share)
    return message(2, b"\x03\x03" + bytes(range(32)) + b"\0" + suite.to_bytes(2, "big") + b"\0" + len(extensions).to_bytes(2, "big") + extensions)


def vectors(width: int, *parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(width, "big") + part for part in parts)


ECDHE = st.builds(
    lambda group, point: b"\x03" + group.to_bytes(2, "big") + vectors(1, point) + b"\x04\x03\0\x02ab",
    st.sampled_from((23, 29, 25, 9)), st.binary(max_size=70),
)  # fmt: skip
DHE = st.builds(lambda p, g, y: vectors(2, p, g, y) + b"\x04\x01\0\0", st.binary(max_size=40), st.binary(max_size=3), st.binary(max_size=40))
COMPRESSED = st.builds(
    lambda algorithm, length, data: algorithm.to_bytes(2, "big") + length.to_bytes(3, "big") + vectors(3, data),
    st.integers(0, 4), st.integers(0, 1 << 20), st.binary(max_size=60),
)  # fmt: skip
TICKET = st.builds(lambda nonce, ticket, more: bytes(8) + vectors(1, nonce) + vectors(2, ticket, more), *[st.binary(max_size=20)] * 3)
# Bodies that are nearly right, and arbitrary ones, of every number that means something and some that do not.
BODIES = st.one_of(
    st.binary(max_size=300), st.sampled_from((b"", b"\0", b"\x01", bytes(4), b"\0\0\0\x02\x04\x03\0\0")), ECDHE, DHE, COMPRESSED, TICKET
)  # fmt: skip
MESSAGES = st.lists(st.tuples(st.sampled_from((0, 4, 8, 11, 12, 13, 14, 15, 16, 20, 22, 24, 25, 254, 2, 1, 99)), BODIES), max_size=10)


@settings(max_examples=300, deadline=None)
@given(MESSAGES, CHUNKS, st.booleans(), st.booleans())
def test_arbitrary_messages_within_tls13(messages: list[tuple[int, bytes]], sizes: list[int], with_identity: bool, finished: bool) -> None:
    import whytls.probing.flight13 as flight13

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flight13, "protection_13", lambda suite, keys: Transparent())
        offered = hello(0x0304)
        client = Client(offered, Conversation("", 512), "finish", identity=identity() if with_identity else None, request=REQUEST)
        client.start()
        other = dict(own_shares(offered)[1])[0x1D].public
        data = record(22, server_hello(0x0304, 0x1301, other))
        if finished:
            data += record(23, message(8, b"\0\0") + message(20, bytes(32)) + b"\x16")
        data += b"".join(record(23, message(number, body) + b"\x16") for number, body in messages)
        fed(client, data, sizes)


@settings(max_examples=300, deadline=None)
@given(MESSAGES, CHUNKS, st.sampled_from((0xC02F, 0x9E, 0x9C, 0xC018, 0x34, 0xC001, 0x3B, 0x2C, 0x8C, 0xC060)), st.integers(0, 3))
def test_arbitrary_messages_within_tls12(messages: list[tuple[int, bytes]], sizes: list[int], suite: int, changed_at: int) -> None:
    import whytls.probing.flight12 as flight12

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flight12, "protection", lambda *a: Transparent())
        client = Client(hello(0x0303), Conversation("", 512), "finish", identity=identity(), request=REQUEST)
        client.start()
        chain = b"".join(len(c).to_bytes(3, "big") + c for c in (papers()[1].der,))
        data = record(22, server_hello(0x0303, suite) + message(11, len(chain).to_bytes(3, "big") + chain))
        for place, (number, body) in enumerate(messages):
            data += record(20, b"\x01") if place == changed_at else b""
            data += record(22, message(number, body))
        fed(client, data, sizes)


@given(st.one_of(ECDHE, DHE, st.binary(max_size=200)), st.sampled_from(("ECDHE", "DHE")), st.sampled_from((0x0300, 0x0303)), st.booleans())
def test_arbitrary_parameters_of_a_key_exchange(body: bytes, kind: str, version: int, anonymous: bool) -> None:
    try:
        found = offered(body, version, kind, anonymous)
        made = answered(found) if found is not None else None
        assert made is None or made.body
    except Malformed:
        pass


def test_keys_are_updated_both_ways() -> None:
    """RFC 8446 section 4.6.3, with the other end's records made by the same role-blind functions."""
    client = spoken(context(0x0304), hello(0x0304), request=REQUEST).client
    flight = client._flight
    assert isinstance(flight, Flight13)
    ours, theirs = flight._traffic["client"], flight._traffic["server"]
    client._channel.opening = protection_13(0x1302, traffic_keys("sha384", theirs, 32))
    peer = protection_13(0x1302, traffic_keys("sha384", theirs, 32))
    mine = protection_13(0x1302, traffic_keys("sha384", ours, 32))
    mine.seal(23, 0x0303, REQUEST)  # what we have sent under these keys already
    reply = client.receive(record(23, peer.seal(22, 0x0303, message(24, b"\x01"))))
    assert mine.open(23, 0x0303, reply[5:]) == (22, message(24, b"\0"))
    peer = protection_13(0x1302, traffic_keys("sha384", next_traffic("sha384", theirs), 32))
    client.receive(record(23, peer.seal(23, 0x0303, b"under new keys")))
    assert bytes(client.application) == ANSWER + b"under new keys"
    goodbye = client.farewell()
    assert protection_13(0x1302, traffic_keys("sha384", next_traffic("sha384", ours), 32)).open(23, 0x0303, goodbye[5:]) == (21, b"\x01\0")


def test_many_small_records_of_one_message_are_bounded_in_time() -> None:
    client = Client(hello(0x0303), Conversation("", 512), "finish")
    client.start()
    client.receive(record(22, server_hello(0x0303, 0xC02F)))
    client.receive(record(22, b"\x0b\x01\xff\xff") + record(22, b"x") * 40000)
    assert client.end == ""
    client.receive(record(22, b"x" * 16000) * 8)
    assert client.end in ("foreign", "")


def test_a_certificate_that_unpacks_to_more_than_it_says_is_not_read() -> None:
    import zlib

    from whytls.probing.client import _decompressed

    def packed(length: int, data: bytes) -> bytes:
        return b"\0\x01" + length.to_bytes(3, "big") + len(data).to_bytes(3, "big") + data

    body = b"\0\0\0\0"
    assert _decompressed(packed(4, zlib.compress(body))) == body
    bomb = zlib.compress(bytes(1 << 24))
    for length in (4, 1 << 16, (1 << 24) - 1):
        assert _decompressed(packed(length, bomb)) in (None, bytes(length))
    assert _decompressed(b"\0\x02" + packed(4, b"")[2:]) is None
    assert _decompressed(b"\0\x03" + packed(4, b"no zstd")[2:]) is None


def test_a_wrong_finished_is_a_fact_and_no_refusal() -> None:
    import whytls.probing.flight13 as flight13

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flight13, "protection_13", lambda suite, keys: Transparent())
        offered = hello(0x0304)
        client = Client(offered, Conversation("", 512), "finish")
        client.start()
        other = dict(own_shares(offered)[1])[0x1D].public
        client.receive(record(22, server_hello(0x0304, 0x1301, other)) + record(23, message(8, b"\0\0") + message(20, bytes(32)) + b"\x16"))
    assert client.settled
    assert client.proofs.finished is False


def test_what_cannot_be_opened_ends_beyond_after_the_flight() -> None:
    client = Client(make(suites=(0xC060,)), Conversation("", 512), "finish")
    client.start()
    client.receive(record(22, server_hello(0x0303, 0xC060) + message(11, b"\0\0\0") + message(14, b"")))
    assert client.end == "beyond"
    assert "ARIA" in client.words
    assert shape(client) == "Csxn"


def test_a_group_of_which_we_hold_no_key_ends_beyond() -> None:
    client = Client(hello(0x0304), Conversation("", 512), "finish")
    client.start()
    unknown = b"\0\x33\0\x06\0\x29\0\x02ab"
    client.receive(record(22, message(2, b"\x03\x03" + bytes(32) + b"\0\x13\x01\0" + b"\0\x10\0\x2b\0\x02\x03\x04" + unknown)))
    assert client.end == "beyond"
    assert "group" in client.words


def test_an_sslv2_hello_is_answered_in_tls() -> None:
    old = ClientHello(0x0301, bytes(range(16)), b"", (0x2F, 0x0A), (), (), sslv2=True)
    client = Client(old, Conversation("", 512), "finish")
    data = client.start()
    assert data[0] & 0x80
    client.receive(record(22, server_hello(0x0301, 0x2F) + message(14, b"")))
    assert client.end in ("beyond", "foreign")


def test_a_finished_out_of_place_is_malformed_whatever_the_suite() -> None:
    for suite in (0xC02F, 0xC060, 0xFFFE):
        client = Client(hello(0x0303), Conversation("", 512), "finish")
        client.start()
        client.receive(record(22, server_hello(0x0303, suite) + message(20, bytes(12))))
        assert (client.end, client.words) == ("foreign", "a Finished before ChangeCipherSpec")


def test_a_second_server_hello_is_malformed() -> None:
    client = Client(hello(0x0303), Conversation("", 512), "finish")
    client.start()
    client.receive(record(22, server_hello(0x0303, 0xC02F) * 2))
    assert (client.end, client.words) == ("foreign", "a second ServerHello")


def test_numbers_that_would_take_for_ever_are_refused() -> None:
    import time

    began = time.monotonic()
    huge = b"\xff" * 0xFFF0
    client = Client(hello(0x0303, suites=(0x9E,)), Conversation("", 512), "finish")
    client.start()
    parameters = vectors(2, huge, b"\x02", huge[:-1])
    client.receive(record(22, server_hello(0x0303, 0x9E) + message(12, parameters[:MAX_MESSAGE]) + message(14, b"")))
    assert client.end == "foreign"
    assert time.monotonic() - began < 1.0
