"""Builds a ClientHello of any shape, or changes one thing in a captured one.

``ClientHello.extensions`` is what is sent: the fields beside it only say what stands in there. So a change replaces
extensions and reads the result again, and fields and bytes cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import pack

from whytls.exceptions import UsageError
from whytls.wire.message import read
from whytls.wire.registry import GREASE
from whytls.wire.value import ClientHello, Extension

SERVER_NAME, GROUPS, SIGNATURE_ALGORITHMS, ALPN = 0, 10, 13, 16
EXTENDED_MASTER_SECRET, PRE_SHARED_KEY, SUPPORTED_VERSIONS, KEY_SHARE, RENEGOTIATION_INFO = 23, 41, 43, 51, 0xFF01

_PADDING = 21
_MAX_FRAGMENT = 16384  # RFC 8446 section 5.1


def build(hello: ClientHello, record_version: int = 0) -> bytes:
    """The record (or records, for a very long one) of a hello; in SSLv2's form if it has that.

    What the first record bears is the hello's own wish, else 0x0301 whatever the hello offers (RFC 8446 section 5.1), but for SSL 3.0 alone.
    GREASE that was taken out of a captured one is not put back here: ``greased`` does that.
    """
    return _sslv2(hello) if hello.sslv2 else in_records(whole_message(hello), hello, record_version)


def in_records(message: bytes, hello: ClientHello, record_version: int = 0) -> bytes:
    """The message of a hello, ``whole_message``, in its records (``build``)."""
    record_version = record_version or hello.record_version or (0x0300 if hello.legacy_version == 0x0300 else 0x0301)
    fragments = [message[i : i + _MAX_FRAGMENT] for i in range(0, len(message), _MAX_FRAGMENT)]
    return b"".join([pack(">BHH", 22, record_version, len(fragment)) + fragment for fragment in fragments])


def whole_message(hello: ClientHello) -> bytes:
    """The message with its header."""
    body = message_body(hello)
    return b"\x01" + len(body).to_bytes(3, "big") + body


def message_body(hello: ClientHello) -> bytes:
    """The message without its four bytes of header: what ``read(1, ...)`` takes."""
    if len(hello.random) != 32:
        raise UsageError(f"a ClientHello's random has 32 bytes, not {len(hello.random)}")
    parts = [
        hello.legacy_version.to_bytes(2, "big"),
        hello.random,
        _vector(1, hello.session_id, "session_id"),
        _vector(2, _numbers(hello.cipher_suites), "cipher_suites"),
        _vector(1, bytes(hello.compression_methods), "compression_methods"),
    ]
    if hello.extensions:
        blocks = [pack(">H", number) + _vector(2, body, "an extension") for number, body in hello.extensions]
        parts.append(_vector(2, b"".join(blocks), "extensions"))
    return b"".join(parts)


def make(
    *,
    suites: Sequence[int],
    versions: Sequence[int] = (0x0303,),
    server_name: str | None = None,
    groups: Sequence[int] | None = (0x001D, 0x0017, 0x0018),
    signature_algorithms: Sequence[int] | None = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0201),
    alpn: Sequence[str] | None = None,
    key_shares: Iterable[tuple[int, bytes]] = (),
    random: bytes = bytes(range(32)),
    session_id: bytes = b"",
    more: Iterable[Extension] = (),
) -> ClientHello:
    """A hello from nothing: what is not said stays out. supported_versions is sent where TLS 1.3 is offered."""
    top = max(versions)
    bare = ClientHello(min(top, 0x0303), random, session_id, tuple(suites), (0,), tuple(more))
    shares = b"".join([pack(">H", group) + _vector(2, key, "key_exchange") for group, key in key_shares])
    if shares:
        bare = with_extension(bare, KEY_SHARE, _vector(2, shares, "key_share"))
    bare = _changed(bare, groups=groups, signature_algorithms=signature_algorithms, alpn=alpn, server_name=server_name)
    return _again(_changed(bare, versions=versions) if top > 0x0303 else bare)


def change(
    hello: ClientHello,
    *,
    server_name: str | None = None,
    suites: Sequence[int] | None = None,
    versions: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    signature_algorithms: Sequence[int] | None = None,
    alpn: Sequence[str] | None = None,
    without: Iterable[int] = (),
) -> ClientHello:
    """The same hello with these things changed and the extensions of the numbers in ``without`` taken out.

    ``versions`` with TLS 1.3 go into supported_versions; others are said by the version field, and take that extension out.
    """
    if hello.sslv2:
        raise UsageError("an SSLv2 hello has no extensions to change", hint="make one with make()")
    return _again(_changed(hello, server_name, suites, versions, groups, signature_algorithms, alpn, without))


def _changed(
    hello: ClientHello,
    server_name: str | None = None,
    suites: Sequence[int] | None = None,
    versions: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    signature_algorithms: Sequence[int] | None = None,
    alpn: Sequence[str] | None = None,
    without: Iterable[int] = (),
) -> ClientHello:
    """The same, but that the fields beside the extensions are not read again."""
    wanted: dict[int, bytes | None] = dict.fromkeys(without)
    if suites is not None:
        hello = hello._replace(cipher_suites=tuple(suites))
    if versions is not None:
        top = max(versions)
        hello = hello._replace(legacy_version=min(top, 0x0303))
        wanted[SUPPORTED_VERSIONS] = _vector(1, _numbers(versions), "supported_versions") if top > 0x0303 else None
    if server_name is not None:
        wanted[SERVER_NAME] = _server_name(server_name)
    if groups is not None:
        wanted[GROUPS] = _vector(2, _numbers(groups), "supported_groups")
    if signature_algorithms is not None:
        wanted[SIGNATURE_ALGORITHMS] = _vector(2, _numbers(signature_algorithms), "signature_algorithms")
    if alpn is not None:
        wanted[ALPN] = _alpn(tuple(alpn))
    for number, body in wanted.items():
        hello = with_extension(hello, number, body)
    return hello


def extended(hello: ClientHello, number: int, body: bytes | None) -> ClientHello:
    """The same hello with this extension in place of the one of that number, or added; with None without it. The fields fit it."""
    if hello.sslv2:
        raise UsageError("an SSLv2 hello has no extensions to change", hint="make one with make()")
    return _again(with_extension(hello, number, body))


def with_extension(hello: ClientHello, number: int, body: bytes | None) -> ClientHello:
    """With that extension in the place where it stood, else at the end but before pre_shared_key; with None without it.

    Bytes only: the fields beside ``extensions`` stay as they were (``change`` reads them again).
    """
    blocks = [block for block in hello.extensions if block.number != number]
    if body is not None:
        numbers = [block.number for block in hello.extensions]
        if number in numbers:
            place = numbers.index(number)
        else:
            place = numbers.index(PRE_SHARED_KEY) if PRE_SHARED_KEY in numbers else len(numbers)
        blocks.insert(place, Extension(number, body))
    return hello._replace(extensions=tuple(blocks))


def greased(hello: ClientHello) -> ClientHello:
    """A captured hello with its GREASE put back where browsers have it: first among the suites, first and last among the extensions.

    What is read of a hello leaves GREASE out (RFC 8701) and tells only that there was some; Chromium and Safari put it in these places, the
    last one before padding and pre_shared_key. Inside extensions it never went away. A hello without GREASE stays as it is. The values are
    chosen by the random, so that the same hello becomes the same bytes.
    """
    if not hello.greased or hello.sslv2 or not GREASE.isdisjoint(hello.cipher_suites):
        return hello
    values = [0x0A0A | 0x1010 * (byte >> 4) for byte in hello.random[:3]]
    if values[2] == values[1]:
        values[2] ^= 0x1010  # no extension twice
    blocks = list(hello.extensions)
    place = next((i for i, block in enumerate(blocks) if block.number in (_PADDING, PRE_SHARED_KEY)), len(blocks))
    blocks.insert(place, Extension(values[2], b"\0"))
    blocks.insert(0, Extension(values[1], b""))
    return hello._replace(cipher_suites=(values[0], *hello.cipher_suites), extensions=tuple(blocks))


def _again(hello: ClientHello) -> ClientHello:
    """The same bytes, read again, so that all fields fit them."""
    result = read(1, message_body(hello))
    if not isinstance(result, ClientHello):
        raise UsageError("the changed ClientHello cannot be read")
    # What bytes without GREASE cannot say, and what is not in the message.
    return result._replace(greased=result.greased or hello.greased, record_version=hello.record_version)


def _sslv2(hello: ClientHello) -> bytes:
    """RFC 5246 appendix E.2, with two bytes of record header."""
    suites = b"".join([suite.to_bytes(3, "big") for suite in hello.cipher_suites])
    head = pack(">BHHHH", 1, hello.legacy_version, len(suites), len(hello.session_id), len(hello.random))
    body = head + suites + hello.session_id + hello.random
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def _server_name(name: str) -> bytes:
    encoded = name.encode("ascii", "strict") if name.isascii() else name.encode("idna")
    return _vector(2, b"\0" + _vector(2, encoded, "host_name"), "server_name")


@lru_cache(maxsize=16)  # who asks a server for all that it accepts says the same ones again and again
def _alpn(names: tuple[str, ...]) -> bytes:
    return _vector(2, b"".join([_vector(1, name.encode("latin-1"), "protocol") for name in names]), "ALPN")


def _numbers(values: Sequence[int]) -> bytes:
    return pack(f">{len(values)}H", *values)


def _vector(width: int, body: bytes, what: str) -> bytes:
    if len(body) >= 1 << 8 * width:
        raise UsageError(f"{what} of {len(body)} bytes is longer than its length field can say")
    return len(body).to_bytes(width, "big") + body
