"""A hello made fresh: what belongs to one connection only is made anew, or taken out; all else stays as it was.

Key shares are for the same groups in the same order, with keys that we hold. A group that the library does not know keeps a random
share of the same length: its server may choose it, and then the handshake goes as far as the ServerHello.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from whytls.exceptions import Malformed
from whytls.probing.groups import Agreement, offer
from whytls.wire.cursor import Cursor
from whytls.wire.hello import KEY_SHARE, PRE_SHARED_KEY, greased, message_body, with_extension
from whytls.wire.message import ClientHello
from whytls.wire.registry import GREASE, TLS13

PADDING, COMPRESS_CERTIFICATE, SESSION_TICKET, EARLY_DATA, COOKIE = 21, 27, 35, 42, 44
_ECH = (0xFE0D, 0xFFCE)
READABLE_COMPRESSIONS = (1, 3)  # zlib, zstd: brotli has no library here

Shares = Mapping[int, Agreement]  # by group: those that we hold keys of


def fresh(hello: ClientHello) -> tuple[ClientHello, Shares]:
    """The hello as the same client would send it on a new connection, and the keys of its shares.

    New: random, session_id (only where TLS 1.3 is offered; before, it asks to resume and is taken out), key shares. Out: pre_shared_key,
    early_data, cookie, encrypted_client_hello, the ticket in session_ticket, compressions of certificates that we cannot read.
    GREASE is put back (``wire.hello.greased``), and where padding was, it keeps the message as long as it had been.

    Raises:
        UsageError: the hello cannot be written, being too long.
    """
    if hello.sslv2:
        return hello._replace(random=os.urandom(len(hello.random)), session_id=b""), {}
    whole = greased(hello)
    length = len(message_body(whole))
    session = os.urandom(len(hello.session_id)) if hello.max_version >= TLS13 else b""
    made = whole._replace(random=os.urandom(32), session_id=session, psk=False, early_data=False, cookie=False, session_ticket=False,
                          encrypted_client_hello=False)  # fmt: skip
    for number in (PRE_SHARED_KEY, EARLY_DATA, COOKIE, *_ECH):
        made = with_extension(made, number, None)
    if made.has(SESSION_TICKET):
        made = with_extension(made, SESSION_TICKET, b"")
    made, shares = own_shares(_readable(made))
    return _padded(made, length), shares


def own_shares(hello: ClientHello) -> tuple[ClientHello, Shares]:
    """The same hello with key shares of ours, and their keys. One whose key_share cannot be read is left as it is."""
    body = next((e.body for e in hello.extensions if e.number == KEY_SHARE), None)
    if body is None:
        return hello, {}
    shares: dict[int, Agreement] = {}
    listed = b""
    try:
        for group, key in _entries(body):
            made = None if group in GREASE or group in shares else offer(group)
            if made is not None:
                shares[group] = made
                key = made.public
            elif group not in GREASE:
                key = os.urandom(len(key))
            listed += _entry(group, key)
    except Malformed:
        return hello, {}
    return with_extension(hello, KEY_SHARE, len(listed).to_bytes(2, "big") + listed), shares


def one_share(hello: ClientHello, group: int) -> tuple[ClientHello, Shares]:
    """The hello after a HelloRetryRequest that asked for this group: its share alone (RFC 8446 section 4.1.2)."""
    made = offer(group)
    entry = _entry(group, made.public if made else os.urandom(32))
    return with_extension(hello, KEY_SHARE, len(entry).to_bytes(2, "big") + entry)._replace(key_shares=(group,)), {group: made} if made else {}


def _entry(group: int, key: bytes) -> bytes:
    return group.to_bytes(2, "big") + len(key).to_bytes(2, "big") + key


def _entries(body: bytes) -> Iterator[tuple[int, bytes]]:
    block = Cursor(body).block(2, "key_share")
    while block.left:
        yield block.u16("group"), block.vector(2, "key_exchange")


def _readable(hello: ClientHello) -> ClientHello:
    """Without the ways of compressing certificates that we cannot undo; else a server's chain stays hidden."""
    body = next((e.body for e in hello.extensions if e.number == COMPRESS_CERTIFICATE), None)
    if body is None:
        return hello
    numbers = [body[i : i + 2] for i in range(1, len(body) - 1, 2)]
    kept = b"".join([n for n in numbers if int.from_bytes(n, "big") in READABLE_COMPRESSIONS])
    return with_extension(hello, COMPRESS_CERTIFICATE, bytes((len(kept),)) + kept if kept else None)


def _padded(hello: ClientHello, length: int) -> ClientHello:
    """As long as before, where the client pads (RFC 7685)."""
    if not hello.has(PADDING):
        return hello
    bare = with_extension(hello, PADDING, b"")
    return with_extension(hello, PADDING, bytes(max(0, length - len(message_body(bare)))))
