"""Handshake messages: ``read`` makes values from bytes (RFC 8446 section 4, RFC 5246 section 7.4, SSL 3.0).

A message that is not known, or a part of one that is damaged, stays a value: a reader of captures must go on. The values
themselves stand in ``value.py`` and are passed on here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whytls.exceptions import Malformed
from whytls.wire.cursor import Cursor, hello_start, numbers16, typed_blocks, whole_list16
from whytls.wire.extension import CLIENT, SERVER, certificate_authorities, without_grease
from whytls.wire.registry import GREASE, is_tls13, suite_facts
from whytls.wire.remembered import ALWAYS_NEW, Remembered
from whytls.wire.value import (
    Alert,
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    EncryptedExtensions,
    EncryptedRecord,
    Extension,
    ForeignBytes,
    MalformedMessage,
    Message,
    NewSessionTicket,
    PlainMessage,
    ServerHello,
    ServerKeyExchange,
)

__all__ = [
    "Alert",
    "Certificate",
    "CertificateRequest",
    "CertificateVerify",
    "ClientHello",
    "EncryptedExtensions",
    "EncryptedRecord",
    "Extension",
    "ForeignBytes",
    "MalformedMessage",
    "Message",
    "NewSessionTicket",
    "PlainMessage",
    "ServerHello",
    "ServerKeyExchange",
    "read",
]


# RFC 8446 section 4.1.3: the ServerHello with this random is a HelloRetryRequest.
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
# Section 4.1.3: the end of a random that says "I speak more than I chose here", and what it protects.
_DOWNGRADE = {b"DOWNGRD\x01": 0x0303, b"DOWNGRD\x00": 0x0302}


def read(number: int, body: bytes, version: int | None = None, suite: int | None = None) -> Message:
    """The handshake message of that number (HandshakeType) with that body, without its four bytes of header.

    ``version`` is the one negotiated, ``suite`` the cipher suite; where they are not known the layout is told from the bytes.
    Never raises: a message that contradicts itself is returned as far as it could be read, with ``problem`` set, or as a
    MalformedMessage where nothing of it could be used.
    """
    reader = _READERS.get(number)
    if reader is None:
        return _new(PlainMessage, (number, len(body)))
    try:
        return reader(body, version, suite)
    except Malformed as error:
        return MalformedMessage(number, error.problem, error.offset or 0)


def _client_hello(body: bytes, version: int | None, suite: int | None) -> Message:
    legacy_version, random, session_id, start = hello_start(body)
    rest, share = _clients.repeating(body, start)
    known = _clients.fields(body, start, rest, share)
    if known is not None:
        return _new(ClientHello, (legacy_version, random, session_id, *known))
    at = Cursor(body, start)
    methods, problem, begin = b"", None, start
    suites: tuple[int, ...] = ()
    blocks: list[Extension] = []
    renegotiation = fallback = greased = False
    try:
        listed = at.vector(2, "cipher_suites")
        suites, renegotiation, fallback, greased = _suites.get(listed) or _read_suites(listed)
        methods = at.vector(1, "compression_methods")
        begin = at.at
        problem = _extensions(body, begin, blocks)
    except Malformed as error:
        problem = str(error)
    fields, wrong, more_grease = _client_fields(blocks)
    greased = greased or more_grease
    if renegotiation:
        fields["secure_renegotiation"] = True
    extensions = tuple([block for block in blocks if block[0] not in GREASE] if greased else blocks)
    hello = ClientHello(
        legacy_version, random, session_id, suites, tuple(methods), extensions,
        fallback=fallback, greased=greased, problem=problem or wrong, **fields,
    )  # fmt: skip
    if hello.problem is None and not greased:
        _clients.keep(rest, share, begin - start, hello[3:], 2)
    return hello


_clients, _servers = Remembered(chosen=False), Remembered(chosen=True)
_new = tuple.__new__

# Clients send the same few lists of suites and the same few extensions again and again, and reading them is half the cost
# of a hello: what they said is remembered, bounded in number and size. What is different in every hello is not kept.
_LIMIT, _SIZE = 2048, 256
_suites: dict[bytes, tuple[tuple[int, ...], bool, bool, bool]] = {}
_Said = tuple[str, Any, bool, str | None]  # field, value, whether GREASE was taken out, problem
_said: dict[Extension, _Said] = {}


def _read_suites(listed: bytes) -> tuple[tuple[int, ...], bool, bool, bool]:
    """The suites without GREASE; whether the SCSVs for renegotiation and fallback are among them; whether GREASE was."""
    numbers = numbers16(listed, 0, len(listed), "cipher_suites")
    plain = without_grease(numbers)
    said = plain, 0x00FF in plain, 0x5600 in plain, plain is not numbers
    if len(listed) <= _SIZE:
        if len(_suites) >= _LIMIT:
            _suites.clear()
        _suites[listed] = said
    return said


def _client_fields(blocks: list[Extension]) -> tuple[dict[str, Any], str | None, bool]:
    """The fields of a ClientHello that its extensions fill, what could not be read in them, and whether GREASE was there."""
    fields: dict[str, Any] = {}
    problem, greased = None, False
    get = _said.get
    for block in blocks:
        name, value, grease, wrong = get(block) or _read_extension(block)
        if name:
            fields[name] = value
        elif wrong:
            problem = problem or wrong
        if grease:
            greased = True
    if "psk" in fields and blocks[-1].number != 41:
        problem = problem or "pre_shared_key is not the last extension"  # RFC 8446 section 4.2.11
    return fields, problem, greased


def _read_extension(block: Extension) -> _Said:
    number, body = block
    said: _Said = ("", None, number in GREASE, None)
    known = CLIENT.get(number)
    if known is not None:
        name, reader, listed = known
        try:
            value = reader(body)
            plain = without_grease(value) if listed else value
            said = (name, plain, plain is not value, None)
        except Malformed as error:
            said = ("", None, False, f"{name}: {error}")
    if number not in ALWAYS_NEW and len(body) <= _SIZE:
        if len(_said) >= _LIMIT:
            _said.clear()
        _said[block] = said
    return said


def _extensions(body: bytes, at: int, blocks: list[Extension]) -> str | None:
    """Reads the extensions from ``at`` to the end of the message into ``blocks``; says what is wrong with them."""
    if at == len(body):
        return None  # TLS 1.2 and before can do without
    try:
        typed_blocks(body, at, blocks, Extension)
    except Malformed as error:
        return str(error)
    return None if len({block[0] for block in blocks}) == len(blocks) else _twice(blocks)


def _twice(blocks: list[Extension]) -> str:
    seen: set[int] = set()
    for number, _ in blocks:
        if number in seen:
            break
        seen.add(number)
    return f"extension {number} stands there twice"  # RFC 8446 section 4.2


def _server_hello(body: bytes, version: int | None, suite: int | None) -> Message:
    legacy_version = body[0] << 8 | body[1] if len(body) > 1 else 0
    if 0x7F00 <= legacy_version < 0x7F16:  # drafts of TLS 1.3 before 22 had neither session_id nor compression
        at = Cursor(body, 2)
        return _made_server_hello(body, at, legacy_version, at.take(32, "random"), b"", at.u16("cipher_suite"), 0)
    _, random, session_id, start = hello_start(body)
    plain = random != RETRY_RANDOM and random[24:] not in _DOWNGRADE and legacy_version == 0x0303
    rest, share = _servers.repeating(body, start) if plain else (b"", -1)
    known = _servers.fields(body, start, rest, share)
    if known is not None:
        chosen_version, *others = known
        return _new(ServerHello, (chosen_version, legacy_version, random, session_id, *others))
    at = Cursor(body, start)
    hello = _made_server_hello(body, at, legacy_version, random, session_id, at.u16("cipher_suite"), at.u8("compression_method"))
    if plain and hello.problem is None:
        _servers.keep(rest, share, 3, (hello.version, *hello[4:]), 3)
    return hello


def _made_server_hello(body: bytes, at: Cursor, legacy_version: int, random: bytes, session_id: bytes, chosen: int, method: int) -> ServerHello:
    blocks: list[Extension] = []
    problem = _extensions(body, at.at, blocks)
    fields, wrong = _server_fields(blocks)
    return ServerHello(
        fields.pop("version", legacy_version),
        legacy_version,
        random,
        session_id,
        chosen,
        method,
        tuple(blocks),
        is_retry=random == RETRY_RANDOM,
        downgrade=_DOWNGRADE.get(random[24:]),
        problem=problem or wrong,
        **fields,
    )


def _server_fields(blocks: list[Extension]) -> tuple[dict[str, Any], str | None]:
    fields: dict[str, Any] = {}
    problem = None
    for number, content in blocks:
        known = SERVER.get(number)
        if known is None:
            continue
        try:
            fields[known[0]] = known[1](content)
        except Malformed as error:
            problem = problem or f"{known[0]}: {error}"
    return fields, problem


def _draft_retry(body: bytes, version: int | None, suite: int | None) -> Message:
    """The HelloRetryRequest of drafts 16 to 21 of TLS 1.3, a message of its own (number 6)."""
    at = Cursor(body)
    chosen = at.u16("server_version")
    picked = at.u16("cipher_suite") if chosen >= 0x7F13 else 0
    blocks: list[Extension] = []
    problem = _extensions(body, at.at, blocks)
    fields, wrong = _server_fields(blocks)
    fields.pop("version", None)
    return ServerHello(chosen, chosen, b"", b"", picked, 0, tuple(blocks), is_retry=True, problem=problem or wrong, **fields)


def _certificate(body: bytes, version: int | None, suite: int | None) -> Message:
    at = Cursor(body)
    tls13 = is_tls13(version)
    if tls13:
        at.vector(1, "certificate_request_context")
    chain: list[bytes] = []
    problem = None
    try:
        inner = at.block(3, "certificate_list")
        while inner.left:
            chain.append(inner.vector(3, "certificate"))
            if tls13:
                inner.vector(2, "extensions of a certificate")
        at.finish("Certificate")
    except Malformed as error:
        problem = str(error)
    return Certificate(tuple(chain), problem)


def _certificate_request(body: bytes, version: int | None, suite: int | None) -> Message:
    if is_tls13(version):
        return _certificate_request_13(body)
    if version is None:
        try:
            return _certificate_request_12(body, True)
        except Malformed:
            return _certificate_request_12(body, False)
    return _certificate_request_12(body, version >= 0x0303)


def _certificate_request_12(body: bytes, schemes: bool) -> CertificateRequest:
    """RFC 5246 section 7.4.4; before TLS 1.2 without the signature algorithms."""
    at = Cursor(body)
    types = tuple(at.vector(1, "certificate_types"))
    algorithms = None
    if schemes:
        listed = at.vector(2, "supported_signature_algorithms")
        algorithms = without_grease(numbers16(listed, 0, len(listed), "supported_signature_algorithms"))
    return CertificateRequest(types, algorithms, certificate_authorities(at.rest()))


def _certificate_request_13(body: bytes) -> CertificateRequest:
    """RFC 8446 section 4.3.2: all is in extensions."""
    at = Cursor(body)
    at.vector(1, "certificate_request_context")
    blocks: list[Extension] = []
    problem = _extensions(body, at.at, blocks)
    held = dict(blocks)
    algorithms = without_grease(whole_list16(held[13], 2, "signature_algorithms")) if 13 in held else None
    return CertificateRequest((), algorithms, certificate_authorities(held[47]) if 47 in held else (), problem)


def _server_key_exchange(body: bytes, version: int | None, suite: int | None) -> Message:
    """RFC 5246 section 7.4.3, RFC 8422 section 5.4, RFC 4279: its form follows from the suite and stands nowhere in it."""
    facts = suite_facts(suite) if suite is not None else None
    exchange = facts.key_exchange if facts else ("ECDHE" if body[:1] == b"\x03" else "DHE")
    with_hint = facts is not None and facts.authentication == "PSK"
    if version == 0x0303 and exchange == "ECDHE" and not with_hint and len(body) > 8 and body[0] == 3 and len(body) > 5 + body[3]:
        scheme = 4 + body[3]  # a named curve, as nearly always
        return ServerKeyExchange("ecdhe", body[1] << 8 | body[2], None, body[scheme] << 8 | body[scheme + 1])
    at = Cursor(body)
    if with_hint:
        at.vector(2, "psk_identity_hint")
    read = _PARAMETERS.get(exchange)
    if read is None:
        return ServerKeyExchange("other")
    result = read(at)
    if result.problem or not at.left or version is None or version < 0x0303:
        return result
    try:
        return result._replace(signature_scheme=at.u16("signature_algorithm"))
    except Malformed as error:
        return result._replace(problem=str(error))


def _ecdhe(at: Cursor) -> ServerKeyExchange:
    kind = at.u8("curve_type")
    if kind != 3:
        return ServerKeyExchange("ecdhe", problem=f"the curve is not a named one (curve_type {kind})")
    result = ServerKeyExchange("ecdhe", group=at.u16("named_curve"))
    return _rest_of(result, at, (1,))


def _dhe(at: Cursor) -> ServerKeyExchange:
    result = ServerKeyExchange("dhe", dh_bits=int.from_bytes(at.vector(2, "dh_p"), "big").bit_length())
    return _rest_of(result, at, (2, 2))


def _rsa(at: Cursor) -> ServerKeyExchange:
    result = ServerKeyExchange("rsa", rsa_bits=int.from_bytes(at.vector(2, "rsa_modulus"), "big").bit_length())
    return _rest_of(result, at, (2,))


def _rest_of(result: ServerKeyExchange, at: Cursor, widths: tuple[int, ...]) -> ServerKeyExchange:
    """Steps over the parameters that no verdict needs."""
    try:
        for width in widths:
            at.vector(width, "a parameter")
    except Malformed as error:
        return result._replace(problem=str(error))
    return result


_PARAMETERS: dict[str, Callable[[Cursor], ServerKeyExchange]] = {"ECDHE": _ecdhe, "DHE": _dhe, "RSA": _rsa}


def _certificate_verify(body: bytes, version: int | None, suite: int | None) -> Message:
    if version is None:  # with the algorithm in front of it, the signature's length fits; if not, there is none
        version = 0x0303 if len(body) >= 4 and body[2] << 8 | body[3] == len(body) - 4 else 0x0302
    at = Cursor(body)
    scheme = at.u16("signature_algorithm") if version >= 0x0303 else None
    try:
        at.vector(2, "signature")
        at.finish("CertificateVerify")
    except Malformed as error:
        return CertificateVerify(scheme, str(error))
    return CertificateVerify(scheme)


def _new_session_ticket(body: bytes, version: int | None, suite: int | None) -> Message:
    at = Cursor(body)
    lifetime = at.u32("ticket_lifetime")
    if is_tls13(version):  # RFC 8446 section 4.6.1
        at.u32("ticket_age_add")
        at.vector(1, "ticket_nonce")
        return NewSessionTicket(lifetime, len(at.vector(2, "ticket")))
    length = len(at.vector(2, "ticket"))  # RFC 5077 section 3.3
    at.finish("NewSessionTicket")
    return NewSessionTicket(lifetime, length)


def _encrypted_extensions(body: bytes, version: int | None, suite: int | None) -> Message:
    blocks: list[Extension] = []
    problem = _extensions(body, 0, blocks)
    fields, wrong = _server_fields(blocks)
    return EncryptedExtensions(tuple(blocks), fields.get("alpn"), problem or wrong)


def _empty(number: int) -> Callable[[bytes, int | None, int | None], Message]:
    def reader(body: bytes, version: int | None, suite: int | None) -> Message:
        if body:
            raise Malformed(f"a message that is always empty has {len(body)} bytes", offset=0)
        return PlainMessage(number, 0)

    return reader


_READERS: dict[int, Callable[[bytes, int | None, int | None], Message]] = {
    0: _empty(0),  # HelloRequest
    1: _client_hello,
    2: _server_hello,
    4: _new_session_ticket,
    6: _draft_retry,
    8: _encrypted_extensions,
    11: _certificate,
    12: _server_key_exchange,
    13: _certificate_request,
    14: _empty(14),  # ServerHelloDone
    15: _certificate_verify,
}
