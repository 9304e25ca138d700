"""Asks to resume: puts into a hello what an earlier attempt left (RFC 8446 section 4.2.11, RFC 5077, RFC 5246 section 7.3)."""

from __future__ import annotations

import os
from time import time_ns

from whytls.probing.facts import Resume
from whytls.wire.hello import PRE_SHARED_KEY, message_body, with_extension
from whytls.wire.message import ClientHello
from whytls.wire.registry import is_tls13
from whytls.wire.secrets import after_retry, binder, digest, hash_of_suite

_SESSION_TICKET, _PSK_MODES = 35, 45
_PSK_WITH_KEY_EXCHANGE = 1


def resuming(hello: ClientHello, resume: Resume, first: bytes = b"", retry: bytes = b"") -> ClientHello:
    """The hello that asks to resume that session.

    ``first`` and ``retry`` are the first ClientHello and the HelloRetryRequest (whole messages), where this one is the second: the PSK's
    binder is made over them, too.
    """
    if not is_tls13(resume.version):
        if not resume.ticket:
            return hello._replace(session_id=resume.session_id)
        # A session ID beside the ticket, so that the server's echo tells whether it resumes (RFC 5077 section 3.4).
        session = hello.session_id or os.urandom(32)
        return with_extension(hello._replace(session_id=session, session_ticket=True), _SESSION_TICKET, resume.ticket)
    algorithm = hash_of_suite(resume.suite)
    if not hello.has(_PSK_MODES):
        hello = with_extension(hello, _PSK_MODES, bytes((1, _PSK_WITH_KEY_EXCHANGE)))
    age = ((time_ns() - resume.received_at) // 1_000_000 + resume.age_add) & 0xFFFFFFFF
    identity = len(resume.ticket).to_bytes(2, "big") + resume.ticket + age.to_bytes(4, "big")
    size = len(digest(algorithm, b""))
    head = len(identity).to_bytes(2, "big") + identity + (size + 1).to_bytes(2, "big") + bytes((size,))
    hello = with_extension(hello, PRE_SHARED_KEY, None)  # so that it comes to stand last
    hello = with_extension(hello, PRE_SHARED_KEY, head + bytes(size))._replace(psk=True)
    body = message_body(hello)
    cut = b"\x01" + len(body).to_bytes(3, "big") + body[: -size - 3]  # without the list of binders and its length
    transcript = (after_retry(algorithm, first) + retry if retry else b"") + cut
    return with_extension(hello, PRE_SHARED_KEY, head + binder(algorithm, resume.secret, transcript))
