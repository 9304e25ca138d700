"""Whether two hellos are those of the same client: all that its author chose, and nothing that is new in every connection."""

from __future__ import annotations

from whytls.clients.hello import PADDING
from whytls.wire.value import ClientHello

SESSION_TICKET, KEY_SHARE, ECH, PRE_SHARED_KEY = 35, 51, 0xFE0D, 41
# Their bodies are keys, tickets and ciphertexts; ECH's is what GREASE makes of it (RFC 9849 section 6.2).
_NEW_EACH_TIME = frozenset({SESSION_TICKET, KEY_SHARE, ECH, PRE_SHARED_KEY, PADDING})


def form(hello: ClientHello, *, ordered: bool = True) -> tuple[object, ...]:
    """What stays the same from one connection to the next; ``ordered``: the client does not shuffle its extensions."""
    blocks = [(block.number, b"" if block.number in _NEW_EACH_TIME else block.body) for block in hello.extensions if block.number != PADDING]
    told = (hello.legacy_version, len(hello.session_id), hello.cipher_suites, hello.compression_methods, hello.key_shares, hello.greased)
    return (*told, tuple(blocks if ordered else sorted(blocks)))
