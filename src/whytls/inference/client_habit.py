"""What a ClientHello tells of the program that sent it, as far as a verdict needs it.

Theory of operation
-------------------
Why does a client send no server_name? Clients that take a URL (browsers, curl, Go, JSSE, Python's http.client) send the name by themselves
and leave it out only where the URL holds an IP address (RFC 6066 section 3). Programs on bare OpenSSL or GnuTLS send one only when
their author calls for it: nginx as a proxy does not by default (proxy_ssl_server_name off), openssl s_client can be told not to, and
much C code forgot. OpenSSL and GnuTLS offer encrypt_then_mac (22), which Go, JSSE, NSS and Schannel do not; clients for HTTP that sit
on them offer ALPN. So: encrypt_then_mac without ALPN is a bare program, for which "it was not told to send a name" is the nearer reading.

Why does a client say internal_error to a ServerKeyExchange? Below TLS 1.2 that message is signed with SHA-1 (and MD5), which OpenSSL 3 refuses
above security level 0, and has no better alert for (OpenSSL 3.0 and its curl, Python, nginx as a proxy; measured against TLS 1.0 and 1.1).
"""

from __future__ import annotations

from whytls.model import Ending, Handshake
from whytls.wire.message import ClientHello
from whytls.wire.registry import TLS12

_ENCRYPT_THEN_MAC, _INTERNAL_ERROR = 22, 80


def names_only_when_told(hello: ClientHello) -> bool:
    """Whether the hello looks like that of a program that sends a server_name only when its author or configuration asks for it."""
    return hello.alpn is None and hello.has(_ENCRYPT_THEN_MAC)


def refuses_old_signature(handshake: Handshake, ending: Ending) -> bool:
    """Whether the client broke off over a ServerKeyExchange of a version below TLS 1.2, as OpenSSL 3 does, although it could speak a newer one."""
    hello, answer = handshake.client_hello, handshake.server_hello
    if hello is None or answer is None or handshake.server_key_exchange is None or ending.breaker != "client":
        return False
    return ending.alert == _INTERNAL_ERROR and answer.version < TLS12 <= hello.max_version
