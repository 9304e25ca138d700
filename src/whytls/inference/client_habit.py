"""What a ClientHello tells of the program that sent it, as far as a verdict needs it.

Theory of operation
-------------------
Why does a client send no server_name? Clients that take a URL (browsers, curl, Go, JSSE, Python's http.client) send the name by themselves
and leave it out only where the URL holds an IP address (RFC 6066 section 3). Programs on bare OpenSSL or GnuTLS send one only when
their author calls for it: nginx as a proxy does not by default (proxy_ssl_server_name off), openssl s_client can be told not to, and
much C code forgot. OpenSSL and GnuTLS offer encrypt_then_mac (22), which Go, JSSE, NSS and Schannel do not; clients for HTTP that sit
on them offer ALPN. So: encrypt_then_mac without ALPN is a bare program, for which "it was not told to send a name" is the nearer reading.
"""

from __future__ import annotations

from whytls.wire.message import ClientHello

_ENCRYPT_THEN_MAC = 22


def names_only_when_told(hello: ClientHello) -> bool:
    """Whether the hello looks like that of a program that sends a server_name only when its author or configuration asks for it."""
    return hello.alpn is None and hello.has(_ENCRYPT_THEN_MAC)
